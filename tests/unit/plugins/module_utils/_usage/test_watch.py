# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import Event, InspectedImage
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.watch import Watch

from ..builders import container, image, image_id, references

A, B, NEW = image_id("a1"), image_id("b1"), image_id("e1")
IMAGES = (image("a1", "app:1"), image("b1", "b:1"))
NOW = 100.0


class Finder:
    """Knows these containers and images, and writes down what it is asked for."""

    def __init__(self, *found):
        self._found = {**{one.id: one for one in found}, **{name: one for one in found for name in names_of(one)}}
        self.asked = []

    def container(self, container_id):
        self.asked.append(container_id)
        return self._found.get(container_id)

    image = container


def names_of(found):
    return [reference.familiar for reference in getattr(found, "references", ())]


def used(name, time, action="create", of="x"):
    return Event("container", action, of, name, time)


def about(action, image_id_, name=""):
    return Event("image", action, image_id_, name, 1)


NAMELESS = container("c", "a1", mounted_images=("b:1", "gone:1"))
USES = [
    # situation, what the Engine shows, events, when images were used
    ("a container that is there", [container("c", "a1")], [used("?", 5, of=container("c", "a1").id)], {A: 5}),
    ("one that is gone, by its name", [], [used("app:1", 5)], {A: 5}),
    ("one that is gone, by a name of nothing", [], [used("gone:1", 5)], {}),
    (
        "one that is gone, by a name that moved nobody knows where: whatever has a name in its repository",
        [],
        [about("pull", "app:1", "app"), used("app:1", 5)],
        {A: 5},
    ),
    ("what it mounts is used, too", [NAMELESS], [used("?", 5, of=NAMELESS.id)], {A: 5, B: 5}),
    ("its end is later than its start", [], [used("app:1", 5), used("app:1", 9, "die")], {A: 9}),
    ("an earlier time than one that is known", [], [used("app:1", 9), used("app:1", 5, of="y")], {A: 9}),
    (
        "a name that was moved meanwhile",
        [],
        [used("app:1", 5), about("tag", B, "app:1"), used("app:1", 9, of="y"), used("app:1", 11, "die")],
        {A: 11, B: 9},
    ),
    (
        "a name that was pulled anew",
        [InspectedImage(NEW, references("app:1"))],
        [about("pull", "app:1", "app"), used("app:1", 9)],
        {NEW: 9},
    ),
    ("a removal is no use", [], [used("app:1", 5, "destroy")], {}),
    ("a network is no use", [], [Event("network", "connect", "n", "app:1", 5)], {}),
    ("a health check is none", [], [used("app:1", 5, "exec_start")], {}),
]


@pytest.mark.parametrize(("found", "events", "expected"), [row[1:] for row in USES], ids=[row[0] for row in USES])
def test_events_show_which_images_were_used(found, events, expected):
    watch = Watch(IMAGES, ())
    for event in events:
        watch.note(event, Finder(*found))
    assert watch.has_news == bool(expected)
    assert watch.take_uses(NOW) == expected
    assert not watch.has_news
    assert watch.take_uses(NOW) == {}


def test_a_running_container_uses_its_image_now():
    live, done = container("live", "a1", "running"), container("done", "b1")
    watch = Watch(IMAGES, (live, done))
    assert watch.take_uses(NOW) == {A: NOW}
    watch.note(used("?", 7, "die", of=live.id), Finder())
    watch.note(used("?", 8, "start", of=done.id), Finder())
    assert watch.take_uses(NOW) == {A: 7, B: NOW}


def test_a_container_is_asked_for_once():
    finder, watch = Finder(), Watch(IMAGES, ())
    for action in ("create", "start", "die", "destroy"):
        watch.note(used("app:1", 5, action), finder)
    assert finder.asked == ["x"]
    watch.note(used("app:1", 6), finder)
    assert finder.asked == ["x", "x"]


THERE = [
    # situation, what the Engine shows, event, images afterwards
    ("an image that is removed", [], about("delete", A), {B}),
    ("one that lost a name", [], about("untag", A), {A, B}),
    ("one that was tagged", [], about("tag", NEW, "new:1"), {A, B, NEW}),
    ("one that was loaded", [InspectedImage(NEW)], about("load", NEW), {A, B, NEW}),
    ("one that is gone again", [], about("load", NEW), {A, B}),
]


@pytest.mark.parametrize(("found", "event", "expected"), [row[1:] for row in THERE], ids=[row[0] for row in THERE])
def test_events_show_which_images_are_there(found, event, expected):
    watch = Watch(IMAGES, ())
    assert not watch.is_stale
    watch.note(event, Finder(*found))
    assert (watch.image_ids, watch.is_stale) == (expected, True)
    watch.list_again(IMAGES)
    assert (watch.image_ids, watch.is_stale) == ({A, B}, False)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import Event
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import Watched
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.use_events import Names, Replay, replay

from ..builders import cases, container, digest_reference, image, image_id, snapshot

NOW = 100.0
A, B, C = image_id("a1"), image_id("b1"), image_id("c1")
#: A lost its name at some time, and D has another one in the same repository. Nothing else is without a tag.
HOST = snapshot(
    image("a1"),
    image("b1", "app:1", digest_reference("app", "d1")),
    image("c1", "c:1", digests=(digest_reference("c", "d2"), "not a reference")),
    image("d1d1", "app:2"),
    container("there", "c1"),
)
D = image_id("d1d1")
THERE = HOST.containers[0].id
#: Who may be meant by a name in no repository of these, and by one in the repository ``app``.
UNTAGGED, APP = {A: 10}, {A: 10, B: 10, D: 10}


def used(name, time, action="create", of="x"):
    return Event("container", action, of, name, time)


def named(action, digits, name, time):
    return Event("image", action, image_id(digits), name, time)


REPLAYS = [
    # situation, events, when each image was used
    ("nothing happened", [], {}),
    ("a container by a tag", [used("c:1", 10)], {C: 10}),
    ("the newest of several", [used("c:1", 10), used("c:1", 30, "die"), used("c:1", 20, "create", "y")], {C: 30}),
    ("a container that is there, whatever its name is now", [used("app:1", 10, of=THERE)], {C: 10}),
    ("a container by its image's ID", [used(A, 10)], {A: 10}),
    ("by a short ID", [used(A[7:19], 10)], {A: 10}),
    ("by hex digits that no ID begins with", [used("cafe", 10)], UNTAGGED),
    ("by a digest that a registry knows", [used(digest_reference("app", "d1"), 10)], {B: 10}),
    ("by a digest that the Engine only shows", [used(digest_reference("c", "d2"), 10)], {C: 10}),
    ("by a tag and a digest", [used("app:9@" + image_id("d1"), 10)], {B: 10}),
    ("by a digest that is the image's ID", [used(digest_reference("new", "a1"), 10)], {A: 10}),
    ("by a digest of no image here", [used(digest_reference("new", "ee"), 10)], UNTAGGED),
    ("by a name of no image here", [used("app", 10)], APP),
    ("by what is no name", [used("?", 9), used("", 10)], UNTAGGED),
    ("a removal is no use", [used("c:1", 10, "destroy")], {}),
    ("nor is a health check", [used("c:1", 10, "exec_start")], {}),
    ("an image that was pulled is not used by it", [named("pull", "c1", "c:1", 10)], {}),
    ("an older container by a name that did not move", [used("c:1", 10, "die")], {C: 10}),
    ("one of a name that moved since", [named("tag", "b1", "app:1", 5), used("app:1", 10, "die")], APP),
    ("one by an ID, whatever moved", [named("tag", "b1", "app:1", 5), used(A, 10, "die")], {A: 10}),
    ("one by what is no name", [named("tag", "b1", "app:1", 5), used("?", 10, "die")], UNTAGGED),
    (
        "a tag that was moved: before, it was the other image's",
        [named("tag", "a1", "app:1", 1), used("app:1", 10), named("tag", "b1", "app:1", 20)],
        {A: 10},
    ),
    ("and after, it is this one's", [named("tag", "b1", "app:1", 20), used("app:1", 30)], {B: 30}),
    ("whose it was before is not known", [used("app:1", 10), named("tag", "b1", "app:1", 20)], APP),
    (
        "a name moved that no image has now",
        [named("tag", "c1", "x:1", 1), used("x:1", 10), named("tag", "a1", "x:1", 20)],
        {C: 10},
    ),
    ("and nobody knows whose it was before", [used("x:1", 10), named("tag", "c1", "x:1", 20)], UNTAGGED),
    (
        "a pull of which only the name is shown",
        [Event("image", "pull", "app:1", "app", 20), used("app:1", 30)],
        {B: 30},
    ),
    (
        "between two of these nobody knows",
        [
            Event("image", "pull", "app:1", "app", 5),
            used("app:1", 10),
            Event("image", "pull", "app:1", "app", 40),
            used("app:1", 50, of="y"),
        ],
        {**APP, B: 50},
    ),
    (
        "a container keeps the image that it was created from",
        [
            named("tag", "a1", "app:1", 1),
            used("app:1", 10, "create"),
            named("tag", "b1", "app:1", 20),
            used("app:1", 30, "die"),
        ],
        {A: 30},
    ),
    ("a removed name says nothing of names", [used("c:1", 10), named("untag", "c1", C, 15)], {C: 10}),
    ("nor does a push", [used("c:1", 10), named("push", "c1", "c:1", 15)], {C: 10}),
    (
        "an image came and does not say by which names: before, its names may have been others'",
        [used("app:1", 10), named("load", "b1", B, 15)],
        APP,
    ),
    ("and after, they are its own", [named("import", "b1", B, 5), used("app:1", 10)], {B: 10}),
    ("other images keep their names by it", [used("c:1", 10), named("create", "b1", B, 15)], {C: 10}),
    (
        "it may have taken a name that moved again later",
        [
            named("tag", "c1", "app:1", 1),
            named("load", "ee", "<none>", 5),
            used("app:1", 10),
            named("tag", "b1", "app:1", 15),
        ],
        {**APP, C: 10},
    ),
    (
        "it took none that has not moved since",
        [named("tag", "b1", "app:1", 1), named("load", "ee", image_id("ee"), 5), used("app:1", 10)],
        {B: 10},
    ),
    (
        "it may have taken one that no image has now",
        [named("tag", "c1", "x:1", 1), named("load", "ee", image_id("ee"), 5), used("x:1", 10)],
        {**UNTAGGED, C: 10},
    ),
    (
        "a name of an image that was removed since",
        [named("tag", "ee", "gone:1", 5), used("gone:1", 10)],
        {image_id("ee"): 10},
    ),
]

COVERED = [
    # situation, what somebody watched, when each image was used
    ("nobody", None, APP),
    ("somebody until before", Watched(1, 9), APP),
    ("somebody, who knows what the name stood for then", Watched(1, 15), {}),
    ("somebody since then", Watched(12, 15), APP),
]


@pytest.mark.parametrize(("events", "expected"), cases(REPLAYS))
def test_what_events_show_of_uses(events, expected):
    assert replay(events, HOST, NOW).used == expected


@pytest.mark.parametrize(("covered", "expected"), cases(COVERED))
def test_what_was_watched_is_not_in_doubt(covered, expected):
    events = [used("app:1", 10), named("tag", "b1", "app:1", 20)]
    assert replay(events, HOST, NOW, covered).used == expected
    assert replay([used("c:1", 10)], HOST, NOW, covered).used == {C: 10}


def test_uses_are_known_since_the_oldest_event():
    assert replay([used("c:1", 10), used("c:1", 5)], HOST, NOW).watched == Watched(5, NOW)
    assert replay([], HOST, NOW) == Replay({}, Watched(NOW, NOW))


def test_digits_that_several_ids_begin_with_name_none():
    assert Names([image("aaa1"), image("aaa2")]).image_of("aaa") is None

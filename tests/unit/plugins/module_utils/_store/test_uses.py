# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._store.uses import uses_of

from ..builders import cases, container, digest_reference, image, image_id, snapshot

UNKNOWN = ""

IMAGES = [image("abc1", "app:1", "app:latest"), image("abc2", "other:1"), image("bcd", "cafe:latest")]

MOUNTS = [
    ("by a tag", "app:1", image_id("abc1")),
    ("by a name without a tag", "app", image_id("abc1")),
    ("by its whole ID", image_id("abc2"), image_id("abc2")),
    ("by its short ID", "bcd", image_id("bcd")),
    ("by a short ID with its algorithm", "sha256:bcd0", image_id("bcd")),
    ("by a short ID that stands for two", "abc", UNKNOWN),
    ("by a name that is gone", "gone:1", UNKNOWN),
    ("by an ID that is gone", image_id("ff"), UNKNOWN),
    ("by what is no reference", "Not A Reference", UNKNOWN),
    ("by nothing", "", UNKNOWN),
]


def mounts(held):
    uses = uses_of(held)
    return {**uses.mounting, **({UNKNOWN: uses.unknown_mounts} if uses.unknown_mounts else {})}


@pytest.mark.parametrize(("source", "expected"), cases(MOUNTS))
def test_an_image_mount(source, expected):
    mounter = container("m", of="abc2", mounted_images=(source,))
    assert mounts(snapshot(*IMAGES, container("other", of="abc2"), mounter)) == {expected: (mounter,)}


NAMED_TWICE = [*IMAGES, image("abd", digest_reference("app", "abd")), image("e1", "aaa:1"), image("e2", "app2:1")]

DATED_MOUNTS = [
    ("whose name moved, perhaps", "app:1", {"moved_mounts": {"app:1"}}, [UNKNOWN]),
    ("of another name that moved", "app:1", {"moved_mounts": {"other:1"}}, [image_id("abc1")]),
    ("by a name without a date", "app:1", {"undated_mounts": {"app:1"}}, [image_id("abc1"), image_id("abd")]),
    ("by an ID, which never moves", "bcd", {"moved_mounts": {"bcd"}, "undated_mounts": {"bcd"}}, [image_id("bcd")]),
    (
        "by a digest, which never moves",
        digest_reference("app", "abd"),
        {"moved_mounts": {digest_reference("app", "abd")}},
        [image_id("abd")],
    ),
    ("by a name that is gone, without a date", "gone:1", {"undated_mounts": {"gone:1"}}, [UNKNOWN]),
]


@pytest.mark.parametrize(("source", "dates", "expected"), cases(DATED_MOUNTS))
def test_an_image_mount_counts_for_every_image_that_its_name_may_have_stood_for(source, dates, expected):
    mounter = container("m", of="abc2", mounted_images=(source,), **dates)
    assert mounts(snapshot(*NAMED_TWICE, mounter)) == dict.fromkeys(expected, (mounter,))


def test_without_mounts_the_holders_are_the_users():
    user = container("c", of="abc1")
    uses = uses_of(snapshot(*IMAGES, user))
    assert not uses.has_mounts
    assert uses.holders(image_id("abc1")) == uses.known(image_id("abc1")) == (user,)


def test_what_is_known_of_an_image_leaves_unknown_mounts_out():
    user = container("b", of="bcd")
    mounter = container("a", of="abc2", mounted_images=("bcd",))
    perhaps = container("c", of="abc2", mounted_images=("gone:1",))
    uses = uses_of(snapshot(*IMAGES, user, mounter, perhaps))
    assert uses.known(image_id("bcd")) == (mounter, user)
    assert uses.holders(image_id("bcd")) == (user, mounter, perhaps)


def test_the_uses_of_a_snapshot_are_computed_once_and_those_of_a_replaced_one_anew():
    before = snapshot(*IMAGES, container("c", of="abc1"))
    assert uses_of(before) is uses_of(before)
    assert uses_of(dataclasses.replace(before, containers=())).made_from == {}


def test_a_mount_that_cannot_be_told_counts_for_every_image():
    mounter = container("m", of="abc2", mounted_images=("gone:1", "app:1"))
    uses = uses_of(snapshot(*IMAGES, mounter))
    assert uses.holders(image_id("bcd")) == (mounter,)
    assert uses.holders(image_id("abc2")) == (mounter,)


def test_mounters_are_the_running_ones_first_then_by_name():
    made = [
        container("b", of="abc2", mounted_images=("bcd",)),
        container("z", of="abc2", state="running", mounted_images=("bcd",)),
        container("a", of="abc2", mounted_images=("bcd",)),
    ]
    assert [c.name for c in uses_of(snapshot(*IMAGES, *made)).mounters(image_id("bcd"))] == ["z", "a", "b"]


def test_users_are_the_running_ones_first_then_by_name():
    made = [
        container("b", of="bcd"),
        container("a", of="bcd"),
        container("z", of="bcd", state="paused"),
        container("other", of="abc1"),
    ]
    uses = uses_of(snapshot(*IMAGES, *made))
    assert [user.name for user in uses.made_from[image_id("bcd")]] == ["z", "a", "b"]
    assert [user.name for user in uses.running(image_id("bcd"))] == ["z"]


def test_a_mount_that_may_be_of_two_images_is_counted_once():
    mounter = container("m", of="abc2", mounted_images=("gone:1", "bcd"))
    assert uses_of(snapshot(*IMAGES, mounter)).mounters(image_id("bcd")) == (mounter,)


HELD = [
    ("by nothing", {"of": "bcd"}, False),
    ("by a container", {"of": "abc1"}, True),
    ("by a mount", {"of": "bcd", "mounted_images": ("app:1",)}, True),
    ("by a mount of what cannot be told", {"of": "bcd", "mounted_images": ("gone:1",)}, False),
    (
        "by a mount without a date",
        {"of": "bcd", "mounted_images": ("app:1",), "undated_mounts": {"app:1"}},
        False,
    ),
]


@pytest.mark.parametrize(("fields", "expected"), cases(HELD))
def test_an_image_is_surely_held(fields, expected):
    uses = uses_of(snapshot(*IMAGES, container("m", **fields)))
    assert uses.is_surely_held(image_id("abc1")) is expected

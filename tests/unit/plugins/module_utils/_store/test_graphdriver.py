# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from ansible_collections.imagewarden.docker.plugins.module_utils._store.graphdriver import GraphdriverStore, is_single
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import Conflict, Removal

from ..builders import cases, container, digest_reference, image, image_id, references, snapshot
from .both_stores import EXITED, ON_BOTH_STORES, RUNNING, digits

DIGEST = digest_reference("app", "d1")
SECOND_DIGEST = digest_reference("app", "d2")
OTHER_DIGEST = digest_reference("other", "d1")

SINGLE = [
    ("no reference", [], False),
    ("one tag", ["app:1"], True),
    ("one digest", [DIGEST], True),
    ("a tag and the digest of its repository", ["app:1", DIGEST], True),
    ("a tag and two digests of its repository", ["app:1", DIGEST, SECOND_DIGEST], True),
    ("two digests of one repository", [DIGEST, SECOND_DIGEST], True),
    ("two tags of one repository", ["app:1", "app:2"], False),
    ("two tags and a digest", ["app:1", "app:2", DIGEST], False),
    ("a tag and the digest of another repository", ["app:1", OTHER_DIGEST], False),
    ("digests of two repositories", [DIGEST, OTHER_DIGEST], False),
    ("a tag and digests of two repositories", ["app:1", DIGEST, OTHER_DIGEST], False),
]


@pytest.mark.parametrize(("names", "expected"), cases(SINGLE))
def test_single_reference(names, expected):
    assert is_single(references(*names)) is expected


def outcome(parts, target, force=False, prune=True):
    """What a removal does: references and images in order, or the conflict in its words."""
    held = snapshot(*parts)
    store = GraphdriverStore(held)
    by_reference = {reference: i.id for i in held.images for reference in i.references}
    reference = Reference.parse(target) if len(target) > 2 else None
    image_of_target = by_reference[reference] if reference else image_id(target)
    effect = store.predict(Removal(image_of_target, reference), force, prune)
    if isinstance(effect, Conflict):
        return f"{'soft' if effect.forceable else 'hard'}: {effect.reason}"
    return [reference.familiar for _owner, reference in effect.untagged], [digits(i) for i in effect.deleted]


SHARED_TAGS = [image("a1", "app:1", "app:2")]
PULLED = [image("a1", "app:1", DIGEST)]
PULLED_AND_TAGGED = [image("a1", "app:1", DIGEST, "other:1")]
CHAIN = [image("a1"), image("b1", parent="a1"), image("c1", "app:1", parent="b1")]
TAGGED_PARENT = [image("a1", "base:1"), image("b1", parent="a1"), image("c1", "app:1", parent="b1")]
SIBLINGS = [image("a1"), image("b1", "app:1", parent="a1"), image("c1", "app:2", parent="a1")]
PAUSED = container("c", of="a1", state="paused")

ELSEWHERE = [f"{host}/app@{DIGEST.partition('@')[2]}" for host in ("a.io", "z.io")]

REMOVALS = [
    *ON_BOTH_STORES,
    (
        "digests of the same path on other registries stay",
        [image("a1", "m.io/app:1", *ELSEWHERE)],
        "m.io/app:1",
        {},
        (["m.io/app:1"], []),
    ),
    ("one of two tags goes, the image stays", SHARED_TAGS, "app:1", {}, (["app:1"], [])),
    ("one of two tags goes while a container runs", [*SHARED_TAGS, RUNNING], "app:1", {}, (["app:1"], [])),
    ("the last tag of a repository takes its digest and the image", PULLED, "app:1", {}, (["app:1", DIGEST], ["a1"])),
    (
        "its digest goes with the last tag, another repository's tag stays",
        PULLED_AND_TAGGED,
        "app:1",
        {},
        (["app:1", DIGEST], []),
    ),
    (
        "the digest stays while a tag of its repository is left",
        [image("a1", "app:1", "app:2", DIGEST)],
        "app:1",
        {},
        (["app:1"], []),
    ),
    (
        "the digest of another repository keeps the image",
        [image("a1", "app:1", OTHER_DIGEST)],
        "app:1",
        {},
        (["app:1"], []),
    ),
    (
        "a digest of a repository that sorts before the tag's stays",
        [image("a1", "app:1", digest_reference("aaa", "d1"))],
        "app:1",
        {},
        (["app:1"], []),
    ),
    (
        "of three repositories only the tag's own digest goes",
        [image("a1", "app:1", DIGEST, digest_reference("aaa", "d1"), OTHER_DIGEST)],
        "app:1",
        {},
        (["app:1", DIGEST], []),
    ),
    ("a digest alone goes, its tag stays", PULLED, DIGEST, {}, ([DIGEST], [])),
    ("the last digest takes the image", [image("a1", DIGEST)], DIGEST, {}, ([DIGEST], ["a1"])),
    (
        "by name, a stopped container refuses",
        [image("a1", "app:1"), EXITED],
        "app:1",
        {},
        "soft: the image is used by a container",
    ),
    (
        "by name, a running container refuses softly",
        [image("a1", "app:1"), RUNNING],
        "app:1",
        {},
        "soft: the image is used by a container",
    ),
    (
        "by the digest of an image with a tag of the same repository, a container refuses",
        [*PULLED, EXITED],
        DIGEST,
        {},
        "soft: the image is used by a container",
    ),
    (
        "by name with force, a stopped container does not hold",
        [image("a1", "app:1"), EXITED],
        "app:1",
        {"force": True},
        (["app:1"], ["a1"]),
    ),
    (
        "by name with force, a paused container keeps the image",
        [image("a1", "app:1"), PAUSED],
        "app:1",
        {"force": True},
        (["app:1"], []),
    ),
    (
        "by ID, all references of one repository go, the tag before the digest",
        PULLED,
        "a1",
        {},
        (["app:1", DIGEST], ["a1"]),
    ),
    ("by ID, an image without references goes", [image("a1")], "a1", {}, ([], ["a1"])),
    (
        "by ID, two tags refuse",
        SHARED_TAGS,
        "a1",
        {},
        "soft: the image has references in several repositories or several tags",
    ),
    (
        "by ID, two repositories refuse",
        PULLED_AND_TAGGED,
        "a1",
        {},
        "soft: the image has references in several repositories or several tags",
    ),
    ("by ID with force, two tags go", SHARED_TAGS, "a1", {"force": True}, (["app:1", "app:2"], ["a1"])),
    (
        "by ID, a stopped container refuses",
        [image("a1", "app:1"), EXITED],
        "a1",
        {},
        "soft: the image is used by a stopped container",
    ),
    (
        "by ID, a running container is named before several references",
        [*SHARED_TAGS, RUNNING],
        "a1",
        {},
        "hard: the image is used by a running container",
    ),
    (
        "by ID, several references are named before a stopped container",
        [*SHARED_TAGS, EXITED],
        "a1",
        {},
        "soft: the image has references in several repositories or several tags",
    ),
    (
        "by ID, children are named before a running container",
        [image("a1", "app:1"), image("b1", parent="a1"), RUNNING],
        "a1",
        {},
        "hard: the image has dependent child images",
    ),
    (
        "by ID with force, children refuse",
        [image("a1", "app:1"), image("b1", parent="a1")],
        "a1",
        {"force": True},
        "hard: the image has dependent child images",
    ),
    ("by name, an image with children is only untagged", TAGGED_PARENT, "base:1", {}, (["base:1"], [])),
    (
        "by name with force, an image with children is only untagged",
        TAGGED_PARENT,
        "base:1",
        {"force": True},
        (["base:1"], []),
    ),
    ("untagged parents go too", CHAIN, "app:1", {}, (["app:1"], ["c1", "b1", "a1"])),
    ("untagged parents stay without pruning", CHAIN, "app:1", {"prune": False}, (["app:1"], ["c1"])),
    ("by ID, untagged parents go too", CHAIN, "c1", {}, (["app:1"], ["c1", "b1", "a1"])),
    ("a tagged parent stays", TAGGED_PARENT, "app:1", {}, (["app:1"], ["c1", "b1"])),
    ("a parent with another child stays", SIBLINGS, "app:1", {}, (["app:1"], ["b1"])),
    (
        "a parent that a stopped container uses stays, also with force",
        [*CHAIN, EXITED],
        "app:1",
        {"force": True},
        (["app:1"], ["c1", "b1"]),
    ),
    (
        "a parent that is not there ends the cascade",
        [image("c1", "app:1", parent="b1")],
        "app:1",
        {},
        (["app:1"], ["c1"]),
    ),
]


@pytest.mark.parametrize(("parts", "target", "options", "expected"), cases(REMOVALS))
def test_removal(parts, target, options, expected):
    assert outcome(parts, target, **options) == expected


def test_deleting_a_parent_clears_the_link_of_its_children():
    store = GraphdriverStore(snapshot(image("a1"), image("b1", "app:1", parent="a1")))
    store._forget(image_id("a1"))
    assert store.images[image_id("b1")].parent == ""


def test_applied_removals_change_what_the_next_one_does():
    store = GraphdriverStore(snapshot(*SIBLINGS))
    for target, child in (("app:1", "b1"), ("app:2", "c1")):
        effect = store.predict(Removal(image_id(child), Reference.parse(target)), False, True)
        store.apply(effect)
    assert store.images == {}

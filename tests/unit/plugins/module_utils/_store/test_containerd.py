# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from ansible_collections.imagewarden.docker.plugins.module_utils._store.containerd import ContainerdStore
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import Conflict, Removal

from ..builders import cases, container, digest_reference, image, image_id, snapshot
from .both_stores import EXITED, ON_BOTH_STORES, RUNNING, digits

OWN_DIGEST = digest_reference("app", "a1")
OTHER_DIGEST = digest_reference("other", "a1")
HIDDEN = f"moby-dangling@{image_id('a1')}"


def store_of(parts):
    return ContainerdStore(snapshot(*parts, store=CONTAINERD))


def predict(store, target, of="a1", force=False, prune=True):
    """What a removal does: references and images in order, or the conflict in its words."""
    reference = Reference.parse(target) if len(target) > 2 else None
    return store.predict(Removal(image_id(target if reference is None else of), reference), force, prune)


def outcome(parts, target, **options):
    effect = predict(store_of(parts), target, **options)
    if isinstance(effect, Conflict):
        return f"{'soft' if effect.forceable else 'hard'}: {effect.reason}"
    return [reference.familiar for _owner, reference in effect.untagged], [digits(i) for i in effect.deleted]


def dangling(digits, **fields):
    return image(digits, has_dangling_record=True, **fields)


TWO_TAGS = [image("a1", "app:1", "app:2")]
WITH_DIGEST = [image("a1", "app:1", OWN_DIGEST)]
WITH_HIDDEN = [image("a1", "app:1", has_dangling_record=True)]
CHAIN = [dangling("a1"), dangling("b1", parent="a1"), image("c1", "app:1", parent="b1")]
SIBLINGS = [dangling("a1"), image("b1", "app:1", parent="a1"), image("c1", "app:2", parent="a1")]
NAMED_PARENT = [image("a1", "base:1"), image("b1", "app:1", parent="a1")]
USED = "soft: the image is used by a container"
SEVERAL = "soft: the image has references in several repositories or several tags"

REMOVALS = [
    *ON_BOTH_STORES,
    ("one of two tags goes, the image stays", TWO_TAGS, "app:1", {}, (["app:1"], [])),
    ("one of two tags goes while a container runs", [*TWO_TAGS, RUNNING], "app:1", {}, (["app:1"], [])),
    ("a tag takes the digest of its repository along", WITH_DIGEST, "app:1", {}, (["app:1", OWN_DIGEST], ["a1"])),
    (
        "the digest of its repository stays with another tag of it",
        [image("a1", "app:1", "app:2", OWN_DIGEST)],
        "app:1",
        {},
        (["app:1"], []),
    ),
    (
        "the digest goes with the last tag while another repository stays",
        [image("a1", "app:1", OWN_DIGEST, "other:1")],
        "app:1",
        {},
        (["app:1", OWN_DIGEST], []),
    ),
    ("the hidden dangling record goes with the last name", WITH_HIDDEN, "app:1", {}, (["app:1"], ["a1"])),
    (
        "the hidden dangling record goes with the first of two names, and is told",
        [image("a1", "app:1", "app:2", has_dangling_record=True)],
        "app:1",
        {},
        (["app:1", HIDDEN], []),
    ),
    (
        "the hidden dangling record sorts before a registry's name",
        [image("a1", "r.io/app:1", "r.io/app:2", has_dangling_record=True)],
        "r.io/app:1",
        {},
        ([HIDDEN, "r.io/app:1"], []),
    ),
    (
        "a digest record takes the tags of its repository along",
        WITH_DIGEST,
        OWN_DIGEST,
        {},
        (["app:1", OWN_DIGEST], ["a1"]),
    ),
    (
        "a digest without a record stands for all tags of its repository",
        [*TWO_TAGS],
        OWN_DIGEST,
        {},
        (["app:1", "app:2"], ["a1"]),
    ),
    (
        "and leaves those of another repository",
        [image("a1", "app:1", "app:2", "other:1")],
        OWN_DIGEST,
        {},
        (["app:1", "app:2"], []),
    ),
    ("a tag goes while one that sorts before it stays", [image("a1", "app:1", "app:2")], "app:2", {}, (["app:2"], [])),
    (
        "a tag goes while a repository that sorts before it stays",
        [image("a1", "aaa:1", "app:1")],
        "app:1",
        {},
        (["app:1"], []),
    ),
    (
        "a tag goes while one of a repository that sorts after it stays",
        [image("a1", "app:1", "zzz:1")],
        "app:1",
        {},
        (["app:1"], []),
    ),
    (
        "by ID, a digest of a repository that sorts before the tag's refuses",
        [image("a1", digest_reference("aaa", "a1"), "app:1")],
        "a1",
        {},
        SEVERAL,
    ),
    (
        "a tag takes its digest and the hidden dangling record along",
        [image("a1", "app:1", OWN_DIGEST, has_dangling_record=True)],
        "app:1",
        {},
        (["app:1", OWN_DIGEST], ["a1"]),
    ),
    (
        "a tag between two repositories goes with its digest and the hidden dangling record",
        [image("a1", "aaa:1", "app:1", "app:2", "zzz:1", "r.io/app:1", has_dangling_record=True)],
        "app:1",
        {},
        (["app:1", HIDDEN], []),
    ),
    ("by name, a stopped container refuses", [image("a1", "app:1"), EXITED], "app:1", {}, USED),
    ("by name, a running container refuses softly", [image("a1", "app:1"), RUNNING], "app:1", {}, USED),
    (
        "by name with force, a stopped container keeps the image",
        [image("a1", "app:1"), EXITED],
        "app:1",
        {"force": True},
        (["app:1"], []),
    ),
    (
        "by name with force and a container, the digest stays",
        [*WITH_DIGEST, EXITED],
        "app:1",
        {"force": True},
        (["app:1"], []),
    ),
    (
        "by a digest without a record, a stopped container refuses",
        [*TWO_TAGS, EXITED],
        OWN_DIGEST,
        {},
        "soft: the image is used by a stopped container",
    ),
    (
        "by a digest without a record, a running container refuses for good",
        [*TWO_TAGS, RUNNING],
        OWN_DIGEST,
        {"force": True},
        "hard: the image is used by a running container",
    ),
    ("by ID, the only name goes", [image("a1", "app:1")], "a1", {}, (["app:1"], ["a1"])),
    ("by ID, a tag and its digest go", WITH_DIGEST, "a1", {}, (["app:1", OWN_DIGEST], ["a1"])),
    ("by ID, a hidden dangling record is no second name", WITH_HIDDEN, "a1", {}, (["app:1"], ["a1"])),
    ("by ID, a dangling image goes", [dangling("a1")], "a1", {}, ([], ["a1"])),
    ("by ID, two tags refuse", TWO_TAGS, "a1", {}, SEVERAL),
    ("by ID, two repositories refuse", [image("a1", "app:1", "other:1")], "a1", {}, SEVERAL),
    ("by ID, the digest of another repository refuses", [image("a1", "app:1", OTHER_DIGEST)], "a1", {}, SEVERAL),
    (
        "by ID with force, two repositories go",
        [image("a1", "other:1", "app:1")],
        "a1",
        {"force": True},
        (["app:1", "other:1"], ["a1"]),
    ),
    (
        "by ID, a running container is named first",
        [*TWO_TAGS, RUNNING],
        "a1",
        {},
        "hard: the image is used by a running container",
    ),
    (
        "by ID, a stopped container is named before several references",
        [*TWO_TAGS, EXITED],
        "a1",
        {},
        "soft: the image is used by a stopped container",
    ),
    ("by ID, children do not matter", NAMED_PARENT, "a1", {}, (["base:1"], ["a1"])),
    ("dangling parents go too", CHAIN, "app:1", {"of": "c1"}, (["app:1"], ["c1", "b1", "a1"])),
    ("dangling parents stay without pruning", CHAIN, "app:1", {"of": "c1", "prune": False}, (["app:1"], ["c1"])),
    ("a named parent stays", NAMED_PARENT, "app:1", {"of": "b1"}, (["app:1"], ["b1"])),
    (
        "above a named parent, a dangling one stays too",
        [dangling("a1"), image("b1", "base:1", parent="a1"), image("c1", "app:1", parent="b1")],
        "app:1",
        {"of": "c1"},
        (["app:1"], ["c1"]),
    ),
    (
        "parents of a child with two records stay",
        [*CHAIN[:2], image("c1", "app:1", "app:2", parent="b1")],
        "c1",
        {"force": True},
        (["app:1", "app:2"], ["c1"]),
    ),
    (
        "a dangling parent goes although it has another child",
        SIBLINGS,
        "app:1",
        {"of": "b1"},
        (["app:1"], ["b1", "a1"]),
    ),
    (
        "a parent that a stopped container uses stays, also with force",
        [*CHAIN, EXITED],
        "app:1",
        {"of": "c1", "force": True},
        (["app:1"], ["c1", "b1"]),
    ),
    ("a chain with a missing link is not followed", [*CHAIN[1:]], "app:1", {"of": "c1"}, (["app:1"], ["c1"])),
    (
        "parents that go in a circle are not followed",
        [dangling("a1", parent="c1"), image("c1", "app:1", parent="a1")],
        "app:1",
        {"of": "c1"},
        (["app:1"], ["c1"]),
    ),
]


@pytest.mark.parametrize(("parts", "target", "options", "expected"), cases(REMOVALS))
def test_removal(parts, target, options, expected):
    assert outcome(parts, target, **options) == expected


#: What is left of image a1: its references, and whether a dangling record keeps it; None when it is gone.
AFTERWARDS = [
    ("an untagged name", TWO_TAGS, "app:1", {}, (["app:2"], False)),
    ("the last name, by force under a container", [image("a1", "app:1"), EXITED], "app:1", {"force": True}, ([], True)),
    (
        "a name beside a hidden dangling record",
        [image("a1", "app:1", "app:2", has_dangling_record=True)],
        "app:1",
        {},
        (["app:2"], False),
    ),
    ("a forced name beside a hidden dangling record", [*WITH_HIDDEN, EXITED], "app:1", {"force": True}, ([], True)),
    ("the only name of a parent: reported as deleted, and kept", NAMED_PARENT, "base:1", {}, ([], True)),
    ("the only name of a parent, by force", NAMED_PARENT, "base:1", {"force": True}, None),
    ("the only name of a parent, by ID", NAMED_PARENT, "a1", {}, None),
    (
        "the only name of a parent, by a digest without a record",
        [image("a1", "app:1"), image("b1", parent="a1")],
        OWN_DIGEST,
        {},
        None,
    ),
    ("one of a parent's two records", [image("a1", "app:1", OWN_DIGEST), image("b1", parent="a1")], "app:1", {}, None),
    (
        "a dangling parent with a name of a registry: reported as deleted, and kept",
        [image("a1", "r.io/base:1", has_dangling_record=True), image("b1", "app:1", parent="a1")],
        "app:1",
        {"of": "b1"},
        (["r.io/base:1"], False),
    ),
    (
        "a dangling parent with a name that sorts before its record",
        [image("a1", "base:1", has_dangling_record=True), image("b1", "app:1", parent="a1")],
        "app:1",
        {"of": "b1"},
        (["base:1"], True),
    ),
]


@pytest.mark.parametrize(("parts", "target", "options", "expected"), cases(AFTERWARDS))
def test_afterwards(parts, target, options, expected):
    store = store_of(parts)
    effect = predict(store, target, **options)
    store.apply(effect)
    left = store.images.get(image_id("a1"))
    assert (None if left is None else ([ref.familiar for ref in left.references], left.dangling_record)) == expected
    assert (image_id("a1") in effect.gone) == (expected is None)


# A load that moves the name base:1 leaves the label of its parent at the name, which is another image's from then on.
MOVED = image(
    "c1",
    "app:2",
    "base:1",
    parent="a1",
    record_parents={Reference.parse("app:2"): "", Reference.parse("base:1"): image_id("a1")},
)


def test_a_parent_goes_for_good_when_the_name_that_kept_it_as_one_is_removed():
    store = store_of([image("a1", "cafe:2"), MOVED])
    assert store.children(image_id("a1")) == (image_id("c1"),)
    assert predict(store, "cafe:2").survives == {image_id("a1")}
    store.apply(predict(store, "base:1", of="c1"))
    assert store.children(image_id("a1")) == ()
    assert predict(store, "cafe:2").gone == (image_id("a1"),)


def test_parents_are_those_of_the_first_name():
    assert outcome([dangling("a1"), MOVED], "c1", force=True) == (["app:2", "base:1"], ["c1"])
    store = store_of([dangling("a1"), MOVED])
    store.apply(predict(store, "app:2", of="c1"))
    assert predict(store, "base:1", of="c1").deleted == (image_id("c1"), image_id("a1"))


def test_the_record_that_keeps_an_image_takes_the_parent_of_its_last_name_over():
    store = store_of([image("a1", "cafe:2"), MOVED, container("c", of="c1")])
    store.apply(predict(store, "base:1", of="c1"))
    store.apply(predict(store, "app:2", of="c1", force=True))
    assert store.images[image_id("c1")].dangling_record
    assert store.children(image_id("a1")) == ()


HAD = [
    # situation, what is there, the reference that a removal of image a1 names, whether it has the image by it
    ("a name", TWO_TAGS, "app:1", True),
    ("a name that it lost", TWO_TAGS, "app:3", False),
    ("its ID", TWO_TAGS, None, True),
    ("its digest in the repository of its tags", TWO_TAGS, OWN_DIGEST, True),
    ("its digest in another repository", TWO_TAGS, OTHER_DIGEST, False),
    ("its digest in a repository that sorts before its own", TWO_TAGS, digest_reference("aaa", "a1"), False),
    ("a smaller digest that is not its ID", TWO_TAGS, digest_reference("app", "01"), False),
    ("a greater digest that is not its ID", TWO_TAGS, digest_reference("app", "f1"), False),
    ("its ID, and it is gone", [image("b1", "app:1")], None, False),
    ("its digest, and it is gone", [image("b1", "app:1")], OWN_DIGEST, False),
]


@pytest.mark.parametrize(("parts", "name", "expected"), cases(HAD))
def test_what_an_image_is_there_by(parts, name, expected):
    removal = Removal(image_id("a1"), None if name is None else Reference.parse(name))
    assert store_of(parts).has(removal) is expected


PINNED = f"app:1@{image_id('a1')}"
MEANT = [
    # situation, image a1, the reference with a digest, the reference that is removed
    ("a record of its own", image("a1", "app:1", OWN_DIGEST), OWN_DIGEST, OWN_DIGEST),
    ("the tags of its repository", image("a1", "app:1"), OWN_DIGEST, OWN_DIGEST),
    ("no tag of its repository", image("a1", "app:1"), OTHER_DIGEST, None),
    ("with a tag", image("a1", "app:1", "app:2"), PINNED, "app:1"),
    ("with a tag of another image", image("a1", "app:2"), PINNED, None),
    ("no image", image("b1", "app:1"), OWN_DIGEST, None),
]


@pytest.mark.parametrize(("part", "name", "expected"), cases(MEANT))
def test_what_a_digest_stands_for(part, name, expected):
    owners = dict.fromkeys(part.references, part)
    found = ContainerdStore.find_digest(Reference.parse(name), owners, {part.id: part})
    assert found == (None if expected is None else Removal(part.id, Reference.parse(expected)))


PINS = [
    # situation, what is there, the reference removed, whether the ID would do the same, what pins it
    ("one of two names", TWO_TAGS, "app:1", False, PINNED),
    ("the only name, by ID the same", [image("a1", "app:1")], "app:1", True, PINNED),
    ("the only name, by ID not the same", [image("a1", "app:1")], "app:1", False, ""),
    ("a digest", WITH_DIGEST, OWN_DIGEST, True, ""),
    ("a tag with a digest", TWO_TAGS, PINNED, False, ""),
]


@pytest.mark.parametrize(("parts", "name", "by_id", "expected"), cases(PINS))
def test_what_pins_a_name(parts, name, by_id, expected):
    store, reference = store_of(parts), Reference.parse(name)
    removal = Removal(image_id("a1"), reference)
    effect = predict(store, "app:1")
    assert store.pin(removal, effect, by_id) == expected


def test_only_an_image_without_names_is_pinned_by_the_record_that_keeps_it():
    for part, expected in ((dangling("a1"), HIDDEN), (image("a1", "app:1"), "")):
        store = store_of([part])
        assert store.pin(Removal(part.id), predict(store, "a1"), True) == expected

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD, BuildCache
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import (
    Freed,
    Release,
    SpaceLedger,
    chain_ids,
    counted_share,
    freed,
)

from ..builders import cases, container, image, image_id, snapshot

NO_CACHE = BuildCache()


def diff_id(letter):
    return "sha256:" + letter * 64


def layered(digits, letters, sizes, **fields):
    """An image of layers by letter with their sizes, with a history of just these."""
    return image(
        digits,
        layers=tuple(map(diff_id, letters)),
        layer_sizes=fields.pop("history", tuple(sizes)),
        **{"size": sum(sizes), **fields},
    )


def chains(letters):
    return tuple(reversed(chain_ids([diff_id(letter) for letter in letters])))


def test_chain_ids_follow_the_image_specification():
    first, second, third = diff_id("a"), diff_id("b"), diff_id("c")
    two = "sha256:" + hashlib.sha256(f"{first} {second}".encode()).hexdigest()
    three = "sha256:" + hashlib.sha256(f"{two} {third}".encode()).hexdigest()
    assert chain_ids([first, second, third]) == (first, two, three)


def release(parts, digits="a1", **fields):
    fields.setdefault("build_cache", NO_CACHE)
    return SpaceLedger(snapshot(*parts, **fields)).release(image_id(digits))


ALONE = layered("a1", "xy", [100, 20])
EXACT = [
    ("an image alone frees all its layers, top first", [ALONE], Release(120, True, chains("xy"))),
    ("an image without layers frees nothing", [layered("a1", "", [])], Release(0, True, ())),
    (
        "a base that is an image of its own stays",
        [ALONE, layered("b1", "x", [100])],
        Release(20, True, chains("xy")[:1]),
    ),
    (
        "a base shared with another image is told by the history",
        [ALONE, layered("b1", "xz", [100, 7])],
        Release(20, True, chains("xy")[:1]),
    ),
    ("a child holds every layer", [ALONE, layered("b1", "xyz", [100, 20, 3])], Release(0, True, ())),
    (
        "the same layers in another order are others",
        [ALONE, layered("b1", "yx", [20, 100])],
        Release(120, True, chains("xy")),
    ),
    ("a container holds its image's layers", [ALONE, container("c", of="a1")], Release(0, True, ())),
    (
        "a history with steps without layers still tells when no layer is empty",
        [layered("a1", "xy", [100, 20], history=(0, 100, 0, 20)), layered("b1", "xz", [100, 7])],
        Release(20, True, chains("xy")[:1]),
    ),
    (
        "a history that cannot tell an empty layer from a step gives a lower bound",
        [layered("a1", "xyz", [100, 0, 20], history=(0, 100, 0, 20)), layered("b1", "xq", [100, 1])],
        Release(20, False, chains("xyz")[:2]),
    ),
    (
        "a history in which the kept layer may be the empty one gives a lower bound",
        [layered("a1", "xy", [100, 0], history=(100, 0, 0)), layered("b1", "xq", [100, 1])],
        Release(0, False, chains("xy")[:1]),
    ),
    (
        "a history that does not add up gives a lower bound",
        [layered("a1", "xy", [100, 20], history=(1, 2)), layered("b1", "xz", [100, 7])],
        Release(0, False, chains("xy")[:1]),
    ),
    (
        "a history with more sizes than layers gives a lower bound",
        [layered("a1", "xy", [100, 20], history=(60, 40, 20)), layered("b1", "xz", [100, 7])],
        Release(0, False, chains("xy")[:1]),
    ),
    (
        "no history gives a lower bound",
        [layered("a1", "xy", [100, 20], history=None), layered("b1", "xz", [100, 7])],
        Release(0, False, chains("xy")[:1]),
    ),
]


@pytest.mark.parametrize(("parts", "expected"), cases(EXACT))
def test_with_layers_on_the_graphdriver_store(parts, expected):
    assert release(parts) == expected


def test_layers_that_two_images_share_go_with_the_last_of_them():
    ledger = SpaceLedger(snapshot(layered("a1", "xy", [100, 20]), layered("b1", "xz", [100, 7]), build_cache=NO_CACHE))
    assert ledger.release(image_id("a1")) == Release(20, True, chains("xy")[:1])
    assert ledger.release(image_id("b1")) == Release(107, True, chains("xz"))


ORPHAN = container("c", of="ff")
DOUBTFUL = [
    ("BuildKit may hold layers", [ALONE], {"build_cache": BuildCache(records=1)}, Release(120, False, chains("xy"))),
    ("what BuildKit holds could not be read", [ALONE], {"build_cache": None}, Release(120, False, chains("xy"))),
    (
        "an image mount holds what its name stands for",
        [ALONE, layered("b1", "q", [1], names_unread=()), container("c", of="b1", mounted_images=(image_id("a1"),))],
        {},
        Release(0, False, ()),
    ),
    (
        "an image mount may hold anything",
        [ALONE, layered("b1", "q", [1]), container("c", of="b1", mounted_images=("x",))],
        {},
        Release(0, False, chains("xy"), expected=120),
    ),
    (
        "a container whose image is gone may hold anything",
        [ALONE, ORPHAN],
        {},
        Release(0, False, chains("xy"), expected=120),
    ),
    (
        "unless its directories tell that it does not",
        [
            dataclasses.replace(ALONE, layer_directories=("/x", "/y")),
            dataclasses.replace(ORPHAN, layer_directories=("/q",)),
        ],
        {},
        Release(120, True, chains("xy")),
    ),
    (
        "or what it holds",
        [
            dataclasses.replace(ALONE, layer_directories=("/x", "/y")),
            dataclasses.replace(ORPHAN, layer_directories=("/x", "/c-init")),
        ],
        {},
        Release(20, True, chains("xy")[:1]),
    ),
]


@pytest.mark.parametrize(("parts", "fields", "expected"), cases(DOUBTFUL))
def test_what_may_hold_layers_makes_the_number_a_lower_bound(parts, fields, expected):
    assert release(parts, **fields) == expected


LISTED = [
    ("what no other image shares", [image("a1", size=100, shared_size=40)], {}, 60),
    ("nothing where sharing is unknown", [image("a1", size=100)], {}, 0),
    (
        "nothing where a container uses the image",
        [image("a1", size=100, shared_size=0), container("c", of="a1")],
        {},
        0,
    ),
    (
        "nothing where a container may hold anything, because its image is gone",
        [image("a1", size=100, shared_size=0), container("c", of="ff")],
        {},
        0,
    ),
    ("never less than nothing", [image("a1", size=10, shared_size=40)], {}, 0),
    (
        "on the containerd store, what is unpacked and not shared",
        [image("a1", size=100, shared_size=40, unpacked=70)],
        {"store": CONTAINERD},
        30,
    ),
    (
        "on the containerd store, nothing where it does not tell what is unpacked",
        [image("a1", size=100, shared_size=40)],
        {"store": CONTAINERD},
        0,
    ),
]


@pytest.mark.parametrize(("parts", "fields", "expected"), cases(LISTED))
def test_without_layers_a_lower_bound_from_the_listing(parts, fields, expected):
    assert release(parts, **fields)[:3] == (expected, False, ())


EXPECTED = [
    ("nothing more than what is certain", [image("a1", size=100, shared_size=40)], {}, 0),
    ("nothing where sharing is unknown", [image("a1", size=100)], {}, 0),
    ("what is not shared, where a container may hold it", [image("a1", size=100, shared_size=40), ORPHAN], {}, 60),
    (
        "on the containerd store, where it does not show what is unpacked",
        [image("a1", size=100, shared_size=20)],
        {"store": CONTAINERD},
        70,
    ),
    ("nothing of an image in use", [image("a1", size=100, shared_size=0), container("c", of="a1"), ORPHAN], {}, 0),
]


@pytest.mark.parametrize(("parts", "fields", "expected"), cases(EXPECTED))
def test_what_is_not_certain_can_be_expected(parts, fields, expected):
    assert release(parts, **fields).expected == expected


TOTALS = [
    ("nothing is held", NO_CACHE, Freed(160, 165, False)),
    ("BuildKit could not be asked", None, Freed(0, 165, False)),
    ("a record shares a layer of known size", BuildCache(3, shared_bytes=30), Freed(130, 165, False)),
    ("a record without a size may hold the largest image", BuildCache(3, shared_without_size=1), Freed(60, 165, False)),
    ("both", BuildCache(3, shared_bytes=30, shared_without_size=1), Freed(30, 165, False)),
    ("more is held than is released", BuildCache(3, shared_bytes=500), Freed(0, 165, False)),
    ("as many records as images", BuildCache(3, shared_without_size=5), Freed(0, 165, False)),
]


@pytest.mark.parametrize(("cache", "expected"), cases(TOTALS))
def test_what_several_releases_set_free(cache, expected):
    assert freed([Release(50, False), Release(100, True), Release(10, False, expected=15)], cache) == expected


def test_exact_releases_are_exact_together():
    assert freed([Release(50, True), Release(100, True)], None) == Freed(150, 150, True)
    assert freed([], None) == Freed(0, 0, True)


# The containerd store keeps each layer as a snapshot and as a blob. A layer is (letter, bytes unpacked, bytes of its blob).

BASE, OWN, OTHER = ("x", 100, 30), ("y", 20, 20), ("z", 40, 8)


def stored(digits, *layers, **fields):
    """An image of these layers, with the sizes that the Engine shows."""
    letters, sizes, blobs = (tuple(layer[n] for layer in layers) for n in range(3))
    fields.setdefault("size", sum(sizes) + sum(blobs))
    return layered(
        digits,
        letters,
        sizes,
        **{"unpacked": sum(sizes), **fields},
    )


def expected_of(parts, *digits, version="28.5.2", **fields):
    """What deleting these images, one after the other, most likely sets free."""
    found = snapshot(*parts, store=CONTAINERD, build_cache=NO_CACHE, **fields)
    found = dataclasses.replace(found, engine=dataclasses.replace(found.engine, version=version))
    ledger = SpaceLedger(found)
    return [ledger.release(image_id(each)).most_likely for each in digits]


TWO = [stored("a1", BASE, OWN, shared_size=100), stored("b1", BASE, OTHER, shared_size=100)]
WITH_BASE = [*TWO, stored("c1", BASE, shared_size=100)]
STORED = [
    ("an image alone: snapshots and blobs", [stored("a1", BASE, OWN, shared_size=0)], ["a1"], [170]),
    ("a base that is an image stays", WITH_BASE, ["a1"], [40]),
    ("the base goes with the last image of it", WITH_BASE, ["a1", "b1", "c1"], [40, 48, 130]),
    ("a base that is no image is taken to compress alike", TWO, ["a1", "b1"], [20 + 9, 178]),
    ("all layers shared", [stored("a1", BASE, shared_size=100), stored("b1", BASE, OWN, shared_size=100)], ["a1"], [0]),
    ("without layers nothing is shared", [stored("a1", shared_size=0)], ["a1"], [0]),
    (
        "a history that lists steps",
        [stored("a1", BASE, OWN, shared_size=100, history=(0, 100, 0, 20)), stored("b1", BASE, shared_size=100)],
        ["a1"],
        [40],
    ),
    ("an empty layer above all", [stored("a1", BASE, ("e", 0, 1)), stored("b1", BASE, ("f", 0, 1))], ["a1"], [0]),
]


@pytest.mark.parametrize(("parts", "digits", "expected"), cases(STORED))
def test_with_layers_on_the_containerd_store_both_are_counted(parts, digits, expected):
    assert expected_of(parts, *digits) == expected


def test_from_29_5_on_shared_sizes_show_the_blobs_of_a_base_that_is_no_image():
    parts = [stored("a1", BASE, OWN, shared_size=130), stored("b1", BASE, OTHER, shared_size=130)]
    assert expected_of(parts, "a1", "b1", version="29.5.0") == [40, 178]


def listed(digits, size, shared, unpacked=None, **fields):
    return image(digits, size=size, shared_size=shared, unpacked=unpacked, **fields)


OF_LISTING = [
    ("29.5 and later: what is not shared", [listed("a1", 170, 130, 120)], "29.5.0", 40),
    ("a build of the newest source", [listed("a1", 170, 130, 120)], "dev", 40),
    ("nothing shared", [listed("a1", 170, 0)], "26.1.5", 170),
    ("a base that is an image", [listed("a1", 170, 100, 120), listed("b1", 130, 100, 100)], "28.5.2", 40),
    ("shared layers compress like all", [listed("a1", 180, 60, 120)], "29.4.1", 90),
    ("what is unpacked is not shown", [listed("a1", 180, 60)], "26.1.5", 90),
    ("more is shared than there is", [listed("a1", 180, 200)], "26.1.5", 0),
    ("sharing is unknown", [listed("a1", 180, None, 120)], "28.5.2", 0),
    ("a container uses it", [listed("a1", 180, 60, 120), container("c", of="a1")], "28.5.2", 0),
    (
        "a container mounts it",
        [listed("a1", 180, 60, 120), listed("b1", 1, 0), container("c", of="b1", mounted_images=(image_id("a1"),))],
        "28.5.2",
        0,
    ),
]


@pytest.mark.parametrize(("parts", "version", "expected"), cases(OF_LISTING))
def test_without_layers_on_the_containerd_store_the_listing_shows_what_is_likely(parts, version, expected):
    assert expected_of(parts, "a1", version=version) == [expected]


def test_what_the_snapshots_of_a_commit_hang_on_is_no_lower_bound():
    committed = image("a1", size=180, shared_size=60, unpacked=120, parent="b1")
    assert release([committed], store=CONTAINERD).size == 0
    assert release([dataclasses.replace(committed, layers=(diff_id("x"),))], store=CONTAINERD).size == 60


SHARES = [("28.2.0", CONTAINERD, 1.0), ("26.1.5", CONTAINERD, 0.75), ("26.1.5", "graphdriver", 1.0)]


@pytest.mark.parametrize(("version", "store", "expected"), SHARES)
def test_what_the_engines_total_counts(version, store, expected):
    found = snapshot(image("a1", size=200, unpacked=150), image("b1", size=50), store=store)
    found = dataclasses.replace(found, engine=dataclasses.replace(found.engine, version=version))
    assert counted_share(found) == expected
    assert counted_share(dataclasses.replace(found, images=())) == (1.0 if expected == 1.0 else 0.5)

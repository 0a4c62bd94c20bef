# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD, BuildCache
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import (
    Release,
    SpaceLedger,
    chain_ids,
    least_total,
)

from ..builders import container, image, image_id, snapshot

NO_CACHE = BuildCache()


def diff_id(letter):
    return "sha256:" + letter * 64


def layered(digits, letters, sizes, **fields):
    """An image of layers by letter with their sizes, with a history of just these."""
    return image(
        digits,
        layers=tuple(map(diff_id, letters)),
        layer_sizes=fields.pop("history", tuple(sizes)),
        size=sum(sizes),
        **fields,
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


@pytest.mark.parametrize(("parts", "expected"), [row[1:] for row in EXACT], ids=[row[0] for row in EXACT])
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
        "unless its folders tell that it does not",
        [dataclasses.replace(ALONE, layer_folders=("/x", "/y")), dataclasses.replace(ORPHAN, layer_folders=("/q",))],
        {},
        Release(120, True, chains("xy")),
    ),
    (
        "or what it holds",
        [
            dataclasses.replace(ALONE, layer_folders=("/x", "/y")),
            dataclasses.replace(ORPHAN, layer_folders=("/x", "/c-init")),
        ],
        {},
        Release(20, True, chains("xy")[:1]),
    ),
]


@pytest.mark.parametrize(
    ("parts", "fields", "expected"), [row[1:] for row in DOUBTFUL], ids=[row[0] for row in DOUBTFUL]
)
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


@pytest.mark.parametrize(("parts", "fields", "expected"), [row[1:] for row in LISTED], ids=[row[0] for row in LISTED])
def test_without_layers_a_lower_bound_from_the_listing(parts, fields, expected):
    assert release(parts, **fields)[:3] == (expected, False, ())


EXPECTED = [
    ("nothing more than what is certain", [image("a1", size=100, shared_size=40)], {}, 0),
    ("nothing where sharing is unknown", [image("a1", size=100)], {}, 0),
    ("what is not shared, where a container may hold it", [image("a1", size=100, shared_size=40), ORPHAN], {}, 60),
    (
        "on the containerd store, half of what the image has with its content",
        [image("a1", size=100, shared_size=20)],
        {"store": CONTAINERD},
        30,
    ),
    ("nothing of an image in use", [image("a1", size=100, shared_size=0), container("c", of="a1"), ORPHAN], {}, 0),
]


@pytest.mark.parametrize(
    ("parts", "fields", "expected"), [row[1:] for row in EXPECTED], ids=[row[0] for row in EXPECTED]
)
def test_what_is_not_certain_can_be_expected(parts, fields, expected):
    assert release(parts, **fields).expected == expected


TOTALS = [
    ("nothing is held", NO_CACHE, 160),
    ("BuildKit could not be asked", None, 0),
    ("a record shares a layer of known size", BuildCache(3, shared_bytes=30), 130),
    ("a record without a size may hold the largest image", BuildCache(3, shared_without_size=1), 60),
    ("both", BuildCache(3, shared_bytes=30, shared_without_size=1), 30),
    ("more is held than is released", BuildCache(3, shared_bytes=500), 0),
    ("as many records as images", BuildCache(3, shared_without_size=5), 0),
]


@pytest.mark.parametrize(("cache", "expected"), [row[1:] for row in TOTALS], ids=[row[0] for row in TOTALS])
def test_the_least_of_several_releases(cache, expected):
    assert least_total([Release(50, False), Release(100, False), Release(10, False)], cache) == expected

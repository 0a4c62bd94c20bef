# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.shares import Layers, still_shared
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord, ImageStep

#: Steps of the base's history are old, and a record of it is as young as its pull.
BASE = (ImageStep(1000, 1), ImageStep(0, 1))


def image(name, *layers, steps=None, base=BASE, content=100):
    """An image on the base, with a layer for each of these: the size is the number in its name."""
    sizes = [int("".join(filter(str.isdigit, layer)) or 0) for layer in layers]
    made = tuple(ImageStep(size, 50 + number) for number, size in enumerate(sizes)) if steps is None else steps
    return Layers(name, ("base", *layers) if base else layers, (*base, *made), content)


def record(name, size, *parents, created=None, shared=True):
    return CacheRecord(name, "regular", shared=shared, size=size, parents=parents, created=created)


#: With graph drivers: a base shows no size, and the sizes of the others are those of the layers.
FROM = record("from", 0)
COPY = record("copy", 30, "from", created=50.4)
RUN = record("run", 70, "copy", created=51.9)

GRAPH = [
    # situation, records, images, those that are left, verdicts
    ("the only image of a build goes", [FROM, COPY, RUN], [image("base"), image("app", "a30", "b70")], ["base"], "YNN"),
    ("the base goes alone", [FROM, COPY, RUN], [image("base"), image("app", "a30", "b70")], ["app"], "YYY"),
    ("all go", [FROM, COPY, RUN], [image("base"), image("app", "a30", "b70")], [], "NNN"),
    (
        "one of two builds goes, and its first step is in both",
        [FROM, COPY, RUN],
        [image("one", "a30", "b70"), image("two", "a30", "c5")],
        ["two"],
        "YYN",
    ),
    (
        "an empty layer on a unique one",
        [FROM, COPY, record("empty", 0, "copy")],
        [image("one", "a30", "b"), image("two", "d31", "e")],
        ["two"],
        "YNN",
    ),
    (
        "the same size twice, and the date decides",
        [FROM, COPY],
        [image("one", "a30"), image("two", "b30", steps=(ImageStep(30, 90),))],
        ["two"],
        "YN",
    ),
    (
        "the same size twice, and no date decides",
        [FROM, record("copy", 30, "from")],
        [image("one", "a30"), image("two", "b30")],
        ["two"],
        "Y?",
    ),
    (
        "the same size twice, and a child decides",
        [FROM, record("copy", 30, "from"), record("run", 70, "copy")],
        [image("one", "a30", "c70"), image("two", "b30", "d71")],
        ["two"],
        "YNN",
    ),
    ("a size that no image has", [FROM, record("copy", 31, "from")], [image("one", "a30")], ["one"], "??"),
    (
        "a step without a layer beside an empty layer",
        [FROM, COPY, record("empty", 0, "copy")],
        [
            image("one", "a30", "b", steps=(ImageStep(30, 50), ImageStep(0, 51), ImageStep(0, 52))),
            image("two"),
        ],
        ["two"],
        "YNN",
    ),
    (
        "what merges two has layers that nothing shows",
        [FROM, COPY, record("merge", 0, "from", "copy")],
        [image("one", "a30"), image("two", "b5")],
        ["two"],
        "Y??",
    ),
    (
        "its parent is not shared, and shows nothing",
        [record("own", 0, shared=False), record("copy", 30, "own")],
        [image("one", "a30"), image("two", "b30")],
        ["two"],
        "?",
    ),
    ("a record that is not shared is not judged", [record("own", 30, shared=False)], [image("one", "a30")], [], ""),
    ("no image shows its layers", [FROM], [Layers("one")], ["one"], "?"),
]


def told(verdicts, records):
    return "".join({True: "Y", False: "N", None: "?"}[verdicts[found.id]] for found in records if found.id in verdicts)


@pytest.mark.parametrize(
    ("records", "images", "left", "expected"), [row[1:] for row in GRAPH], ids=[row[0] for row in GRAPH]
)
def test_what_images_share_with_graph_drivers(records, images, left, expected):
    assert told(still_shared(records, images, left, False), records) == expected
    assert told(still_shared(records[::-1], images, left, False), records) == expected


#: With containerd: snapshots and blobs, or blobs alone as long as nothing was unpacked.
LOWEST = record("lowest", 600)
SECOND = record("second", 35, "lowest", created=50.4)
THIRD = record("third", 77, "second", created=51.0)

CONTAINERD = [
    # situation, records, images, those that are left, verdicts
    (
        "the image of a build goes",
        [LOWEST, SECOND, THIRD],
        [image("base"), image("app", "a30", "b70")],
        ["base"],
        "YNN",
    ),
    ("the base goes alone", [LOWEST, SECOND, THIRD], [image("base"), image("app", "a30", "b70")], ["app"], "YYY"),
    (
        "an image stays whose own last layer the cache has no more",
        [LOWEST, SECOND],
        [image("one", "a30"), image("two", "a30", "b70")],
        ["two"],
        "NN",
    ),
    (
        "a record that is larger than a layer and all blobs is of another",
        [LOWEST, record("second", 500, "lowest")],
        [image("one", "a30"), image("two", "b450")],
        ["one"],
        "NN",
    ),
    (
        "blobs of unknown size rule nothing out",
        [LOWEST, record("second", 500, "lowest")],
        [image("one", "a30", content=None), image("two", "b450", content=None)],
        ["one"],
        "??",
    ),
]


@pytest.mark.parametrize(
    ("records", "images", "left", "expected"), [row[1:] for row in CONTAINERD], ids=[row[0] for row in CONTAINERD]
)
def test_what_images_share_with_containerd(records, images, left, expected):
    assert told(still_shared(records, images, left, True), records) == expected

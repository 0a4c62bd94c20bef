# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.counts import (
    COUNTS,
    add,
    count,
    in_words,
    measured,
    with_skipped,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts

from ..builders import cases

CONTAINERS = {
    "removed": ["a", "b"],
    "stopped": ["a"],
    "committed": [{}],
    "containers": [{"action": "removed"}, {"action": "skipped"}, {"action": "kept"}],
}
IMAGES = {
    "untagged": ["a:1", "a:2"],
    "deleted": ["sha256:1"],
    "conflicts": [{}],
    "images": [{"action": "skipped"}],
    "space_reclaimed": 5,
    "space_exact": True,
}
POLICY = {
    "untagged": [],
    "deleted": ["sha256:2"],
    "space_reclaimed": 0,
    "space_exact": False,
    "space_expected": 7_000_000,
}
CACHE = {"deleted": ["x"], "records": [{"action": "skipped"}], "space_reclaimed": 1, "space_exact": True}


def numbers(**given):
    return {**dict.fromkeys(COUNTS, 0), "space_exact": True, **given}


RESULTS = [
    # situation, results of the stages, numbers
    ("no stage", {}, {}),
    ("a stage that failed before it planned", {"images": {"changed": False, "failed": True, "msg": "no"}}, {}),
    (
        "containers",
        {"containers": CONTAINERS},
        {"containers_removed": 2, "containers_stopped": 1, "containers_committed": 1, "skipped": 1},
    ),
    (
        "images, with exact bytes",
        {"images": IMAGES},
        {
            "references_untagged": 2,
            "images_deleted": 1,
            "conflicts": 1,
            "skipped": 1,
            "space_reclaimed": 5,
            "space_expected": 5,
        },
    ),
    (
        "records of the build cache are no images",
        {"policy": POLICY, "build_cache": CACHE},
        {
            "images_deleted": 1,
            "cache_records_deleted": 1,
            "skipped": 1,
            "space_reclaimed": 1,
            "space_expected": 7_000_001,
            "space_exact": False,
        },
    ),
]


@pytest.mark.parametrize(("results", "expected"), cases(RESULTS))
def test_count(results, expected) -> None:
    assert count(results) == numbers(**expected)


def test_add() -> None:
    both = add([count({"images": IMAGES}), count({"policy": POLICY})])
    assert (both["images_deleted"], both["space_reclaimed"], both["space_exact"]) == (2, 5, False)
    assert add([]) == numbers()


WORDS = [
    # situation, numbers, what was done, what would be
    ("nothing", {}, "", ""),
    ("one of each", {"containers_removed": 1}, "1 container removed", "would remove 1 container"),
    (
        "containers and references",
        {"containers_committed": 2, "containers_removed": 2, "references_untagged": 3},
        "2 containers committed, 2 containers removed, 3 references untagged",
        "would commit 2 containers, remove 2 containers, untag 3 references",
    ),
    (
        "exact bytes",
        {"images_deleted": 2, "space_reclaimed": 1_230_000_000},
        "2 images deleted, 1.23 GB reclaimed",
        "would delete 2 images, free 1.23 GB",
    ),
    (
        "bytes that are only expected",
        {"images_deleted": 1, "space_expected": 5_000_000, "space_exact": False},
        "1 image deleted, about 5 MB reclaimed",
        "would delete 1 image, free about 5 MB",
    ),
    (
        "a least of bytes",
        {"cache_records_deleted": 1, "space_reclaimed": 5, "space_expected": 5, "space_exact": False},
        "1 build cache record deleted, at least 5 B reclaimed",
        "would delete 1 build cache record, free at least 5 B",
    ),
    (
        "bytes that nobody knows",
        {"images_deleted": 1, "space_exact": False},
        "1 image deleted",
        "would delete 1 image",
    ),
]


@pytest.mark.parametrize(("given", "done", "predicted"), cases(WORDS))
def test_in_words(given, done, predicted) -> None:
    assert in_words(numbers(**given)) == done
    assert in_words(numbers(**given), predicted=True) == predicted


def test_what_is_skipped_is_said_last() -> None:
    assert with_skipped(numbers(skipped=2), "1 image deleted") == "1 image deleted, 2 skipped"
    assert with_skipped(numbers(skipped=2), "") == "2 skipped"
    assert with_skipped(numbers(), "") == ""


def totals(images, containers, cache):
    return {"totals": {"images": images, "containers": containers, "build_cache": cache}}


def line(size):
    return {"size": size}


BEFORE, AFTER = totals(line(900), line(50), line(300)), totals(line(500), line(40), line(350))
MEASURED = [
    # situation, store, version, before, after, bytes
    ("what images shared is then the cache's", "graphdriver", "20.10.24", BEFORE, AFTER, 360),
    ("the totals are of all that is freed", "containerd", "29.6.0", BEFORE, AFTER, 360),
    ("the total of images has all snapshots in it", "containerd", "28.5.2", BEFORE, AFTER, 400),
    ("the total of images has no blobs in it", "containerd", "26.1.5", BEFORE, AFTER, None),
    ("nothing was measured afterwards", "graphdriver", "28.5.2", BEFORE, None, None),
    ("there are no totals", "graphdriver", "28.5.2", {"totals": None}, {"totals": None}, None),
    ("a total is not known", "graphdriver", "28.5.2", totals(line(900), None, line(1)), AFTER, None),
]


@pytest.mark.parametrize(
    ("store", "version", "before", "after", "expected"), [row[1:] for row in MEASURED], ids=[row[0] for row in MEASURED]
)
def test_bytes_are_measured_by_the_totals(store, version, before, after, expected):
    assert measured(before, after, EngineFacts(version=version, store=store)) == expected

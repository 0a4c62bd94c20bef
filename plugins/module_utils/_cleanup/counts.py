# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What the stages of a chain come to: numbers by their results, and these in words. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts

#: Lists of results, by stage, and the number that they add to.
_LISTS = (
    ("containers_removed", ("containers",), "removed"),
    ("containers_stopped", ("containers",), "stopped"),
    ("containers_committed", ("containers",), "committed"),
    ("references_untagged", ("images", "policy"), "untagged"),
    ("images_deleted", ("images", "policy"), "deleted"),
    ("cache_records_deleted", ("build_cache",), "deleted"),
    ("conflicts", ("images", "policy"), "conflicts"),
)
#: Where a result lists a verdict for each thing.
_VERDICTS = ("containers", "images", "records")

COUNTS = (*(name for name, _stages, _key in _LISTS), "skipped", "space_reclaimed", "space_expected")

#: A number, what it counts, and what was done, or would be.
_PHRASES = (
    ("containers_committed", "container", "committed", "commit"),
    ("containers_removed", "container", "removed", "remove"),
    ("references_untagged", "reference", "untagged", "untag"),
    ("images_deleted", "image", "deleted", "delete"),
    ("cache_records_deleted", "build cache record", "deleted", "delete"),
)


def count(results: Mapping[str, Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The numbers of one chain, of its stages' results by name. ``space_expected`` are the bytes that are most likely freed."""
    numbers: dict[str, t.Any] = {
        name: sum(len(results[stage].get(key) or ()) for stage in stages if stage in results)
        for name, stages, key in _LISTS
    }
    found = list(results.values())
    numbers["skipped"] = sum(1 for result in found for row in _verdicts(result) if row.get("action") == "skipped")
    # Of containers, the bytes are known only where a task asks for their sizes.
    sized = [result for result in found if result.get("space_reclaimed") is not None]
    numbers["space_reclaimed"] = sum(result["space_reclaimed"] for result in sized)
    numbers["space_expected"] = sum(_expected(result) for result in sized)
    return {**numbers, "space_exact": all(result["space_exact"] for result in sized)}


def measured(before: Mapping[str, t.Any] | None, after: Mapping[str, t.Any] | None, engine: EngineFacts) -> int | None:
    """The bytes by which an Engine's totals shrank, whoever did it; ``None`` where they are not known, or are not of all that is freed."""
    if not engine.counts_blobs or not (before and after and before["totals"] and after["totals"]):
        return None
    # Until 29.6, containerd's total of images has all snapshots in it, those of containers and of the build cache too.
    lines = ("images",) if engine.counts_build_cache else ("images", "containers", "build_cache")
    pairs = [(before["totals"][line], after["totals"][line]) for line in lines]
    if any(line is None for pair in pairs for line in pair):
        return None
    return int(sum(first["size"] - last["size"] for first, last in pairs))


def add(counted: Iterable[Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The numbers of several chains together."""
    rows = list(counted)
    exact = all(row["space_exact"] for row in rows)
    return {**{name: sum(row[name] for row in rows) for name in COUNTS}, "space_exact": exact}


def in_words(numbers: Mapping[str, t.Any], predicted: bool = False) -> str:
    """The numbers for a person, as what was done or as what would be; empty when nothing was."""
    parts = [
        f"{verb} {_things(numbers[name], noun)}" if predicted else f"{_things(numbers[name], noun)} {participle}"
        for name, noun, participle, verb in _PHRASES
        if numbers[name]
    ]
    space = space_in_words(numbers)
    if space:
        parts.append(f"free {space}" if predicted else f"{space} reclaimed")
    text = ", ".join(parts)
    return f"would {text}" if predicted and text else text


def with_skipped(numbers: Mapping[str, t.Any], text: str) -> str:
    """The same with what was asked for and does not happen."""
    parts = [text] if text else []
    return ", ".join(parts + ([f"{numbers['skipped']} skipped"] if numbers["skipped"] else []))


def space_in_words(numbers: Mapping[str, t.Any]) -> str:
    """The bytes that a removal frees, as far as they are known; empty when nothing is removed that holds any."""
    if not (numbers["images_deleted"] or numbers["cache_records_deleted"] or numbers["space_expected"]):
        return ""
    if numbers["space_exact"]:
        return human_size(numbers["space_reclaimed"])
    if numbers["space_expected"] > numbers["space_reclaimed"]:
        return f"about {human_size(numbers['space_expected'])}"
    return f"at least {human_size(numbers['space_reclaimed'])}" if numbers["space_reclaimed"] else ""


def _expected(result: Mapping[str, t.Any]) -> int:
    expected = result.get("space_expected")
    return int(result["space_reclaimed"] if expected is None else expected)


def _verdicts(result: Mapping[str, t.Any]) -> Iterable[Mapping[str, t.Any]]:
    return (row for key in _VERDICTS for row in result.get(key) or ())


def _things(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

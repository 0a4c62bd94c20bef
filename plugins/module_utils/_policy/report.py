# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a policy returns beyond the result keys of every image task: the target, the guard, and how its rule of age was read."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import DELETED, UNTAGGED
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import Outcome
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import Measured
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import Breach, Decision, Goal
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy, Target
    from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import Size


def policy_report(
    outcome: Outcome,
    decision: Decision,
    policy: Policy,
    evidence: Evidence,
    before: Measured,
    after: Measured,
    details: str,
    layers: bool,
) -> dict[str, t.Any]:
    """The result of a policy. ``after`` is what was measured after a real run, and what is predicted in check mode."""
    result = report(outcome, details, layers)
    _explain(result["images"], decision)
    if policy.needs_use:
        _add_last_use(result["images"], evidence)
    result["kept_by_list"] = [{"target": kept.target, "reason": kept.reason.text} for kept in decision.listed]
    limit = policy.keep.younger_than
    result["guard"] = None if decision.breach is None else _guard(decision.breach, decision)
    result["younger_than"] = None
    if limit is not None:
        result["younger_than"] = {
            "limit": limit.text,
            "time": format_time(limit.at(evidence.now)),
            "local_time": limit.assumed_local,
        }
    result["usage_known_since"] = format_time(evidence.known_since) if policy.needs_use else None
    if policy.target is None:
        result["target"] = None
    elif decision.is_shared:
        result["target"] = _shared_target(decision, policy.target, before, after, result["space_expected"])
    else:
        result["target"] = _target(decision, policy.target, before, after)
    if result["target"] is not None and decision.breach is None:
        result["summary"] += f", {result['target']['text']}"
    return result


def policy_warnings(outcome: Outcome, decision: Decision, result: dict[str, t.Any]) -> list[str]:
    """What an operator should know although the task did not fail."""
    target = result["target"]
    # What images leave of a shared target is freed by the build cache, or missed there.
    missed = target is not None and not target["met"] and decision.breach is None and not decision.is_shared
    return [*warnings(outcome), *decision.idle, *([target["text"]] if missed else [])]


def too_little_known(policy: Policy, evidence: Evidence) -> list[str]:
    """That a policy judges by uses of a time in which some can have been missed."""
    known_since = evidence.known_since
    if not policy.needs_use or known_since is None or known_since <= policy.must_know_uses_since(evidence.now):
        return []
    return [
        f"every use of an image is known only since {format_time(known_since)}: an image whose containers were removed before"
        " counts as used when it was first seen, or when it is known to have been used"
    ]


def _explain(images: Sequence[dict[str, t.Any]], decision: Decision) -> None:
    """Say of each image that loses something which selector took it, and why no rule keeps it."""
    for entry in images:
        why = decision.whys.get(entry["id"])
        if why is None or entry["action"] not in (DELETED, UNTAGGED):
            continue
        selected = f"{entry['rule'].partition(': ')[0]} selects it, and {why}"
        entry["reason"] = selected if entry["action"] == DELETED else f"{entry['reason']}; {selected}"


def _add_last_use(images: Iterable[dict[str, t.Any]], evidence: Evidence) -> None:
    """When each was last used. Of what is in use now that is no time: it would be another one in check mode and in the run."""
    for entry in images:
        sighting = evidence.record.sightings.get(entry["id"])
        used = None if sighting is None else sighting.last_used
        entry["last_used"] = None if used is None or used >= evidence.now else format_time(used)


def _guard(breach: Breach, decision: Decision) -> dict[str, t.Any]:
    return {
        "rule": breach.rule,
        "limit": breach.limit,
        "found": breach.found,
        "text": breach.text,
        "largest": [
            {"id": image.id, "references": [ref.familiar for ref in image.references], "size": image.size}
            for image in decision.largest
        ],
    }


def _target(decision: Decision, target: Target, before: Measured, after: Measured) -> dict[str, t.Any]:
    needed = None if decision.goal is None else decision.goal.needed
    missed = _missed(target, before, after)
    result: dict[str, t.Any] = {
        "met": not missed,
        "text": _text(decision, target, missed),
        "needed": None if needed is None or math.isinf(needed) else math.ceil(needed),
        "freed": decision.freed,
        "expected": decision.expected,
        "left": decision.left,
        "rest": None,
        "total_size": None,
        "disk": None,
    }
    if target.total_size is not None:
        result["total_size"] = {
            "limit": _limit(target, before.file_system),
            "before": before.images_size,
            "after": after.images_size,
        }
    if target.minds_disk:
        disk = before.file_system
        result["disk"] = {
            "above": target.disk_used_above,
            "below": target.disk_used_below,
            "free_below": _bytes(target.disk_free_below, disk),
            "free_above": _bytes(target.disk_free_above, disk),
            "path": None if disk is None else disk.path,
            "reason": None if disk is None else disk.doubt or disk.reason,
            "before": _shares(disk),
            "after": _shares(after.file_system),
        }
    return result


def _shared_target(
    decision: Decision, target: Target, before: Measured, after: Measured, expected: int
) -> dict[str, t.Any]:
    """The same of a target that images share with the build cache: they need not meet it alone."""
    result = _target(decision, target, before, after)
    goal = t.cast("Goal", decision.goal)
    if goal.unknown is not None:
        return {**result, "rest": 0}
    rest = max(goal.needed - expected, 0)
    left = _left(decision, target)
    if not rest:
        return {**result, "met": True, "text": f"the target is met{left}", "rest": 0}
    what = "the rest" if math.isinf(rest) else human_size(rest)
    text = f"{what} of the target is left to the build cache{left}"
    return {**result, "met": False, "text": text, "rest": None if math.isinf(rest) else math.ceil(rest)}


def _bytes(size: Size | None, disk: FileSystem | None) -> int | None:
    if size is None or (size.percent is not None and disk is None):
        return None
    return size.of(0 if disk is None else disk.total)


def _limit(target: Target, disk: FileSystem | None) -> int | None:
    return _bytes(target.total_size, disk)


def _left(decision: Decision, target: Target) -> str:
    if not decision.left:
        return ""
    noun = "image is" if decision.left == 1 else "images are"
    return f" ({decision.left} more {noun} left for the next run, because images_per_run is {target.images_per_run})"


def _text(decision: Decision, target: Target, missed: Sequence[str]) -> str:
    left = _left(decision, target)
    if not missed:
        return f"the target is met{left}" if target.limits_bytes or not left else left[2:-1]
    text = f"the target is not met: {' and '.join(missed)}{left}"
    if decision.expected <= decision.freed:
        return text
    return (
        f"{text} ({human_size(decision.freed)} are certain to be freed,"
        f" and {human_size(decision.expected)} are expected)"
    )


def _missed(target: Target, before: Measured, after: Measured) -> list[str]:
    """The limits that are not met, or that cannot be held against anything."""
    missed = _missed_size(target, before, after)
    if target.disk_used_above is None and target.disk_free_below is None:
        return missed
    disk, first = after.file_system, before.file_system
    if disk is None or first is None or first.doubt:
        name = "disk_used_above" if target.disk_used_above is not None else "disk_free_below"
        return [*missed, f"{name} cannot be measured, because {_why_unmeasured(target, first)}"]
    if target.disk_used_above is not None and target.disk_used_below is not None:
        acts = max(first.percent, first.inodes_percent) > target.disk_used_above
        most = target.disk_used_below if acts else target.disk_used_above
        name = "disk_used_below" if acts else "disk_used_above"
        for noun, percent in (("bytes", disk.percent), ("inodes", disk.inodes_percent)):
            if percent > most:
                missed.append(f"{name} is {most:g} %, and {percent:g} % of the {noun} of {disk.path} are used")
    if target.disk_free_below is not None and target.disk_free_above is not None:
        acts = first.free < target.disk_free_below.of(first.total)
        least = target.disk_free_above if acts else target.disk_free_below
        name = "disk_free_above" if acts else "disk_free_below"
        if disk.free < least.of(disk.total):
            missed.append(f"{name} is {least.text}, and {human_size(disk.free)} of {disk.path} are free")
    return missed


def _why_unmeasured(target: Target, disk: FileSystem | None) -> str:
    if disk is not None and disk.doubt:
        return disk.doubt
    if target.disk_path:
        return f"{target.disk_path} cannot be read"
    return "the Engine's data is not on this machine (disk_path names its directory)"


def _missed_size(target: Target, before: Measured, after: Measured) -> list[str]:
    if target.total_size is None:
        return []
    most = _limit(target, before.file_system)
    limit = f"total_size is {target.total_size.text}"
    disk = before.file_system
    if most is None or (target.total_size.percent is not None and disk is not None and disk.doubt):
        return [f"{limit}, and the file system cannot be measured, because {_why_unmeasured(target, disk)}"]
    if after.images_size is None:
        return [f"{limit}, and the Engine does not report the size of all images"]
    return [f"{limit}, and the images have {human_size(after.images_size)}"] if after.images_size > most else []


def _shares(disk: FileSystem | None) -> dict[str, float] | None:
    if disk is None:
        return None
    return {"percent": disk.percent, "inodes_percent": disk.inodes_percent, "free": disk.free}

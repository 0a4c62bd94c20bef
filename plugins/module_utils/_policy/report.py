# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a policy returns beyond the result keys of every image task: the target, the guard, and how its rule of age was read."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import human_size, report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import PolicyPlan
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import Outcome
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import Measured
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy, Target


def policy_report(
    outcome: Outcome, policy: Policy, now: float, before: Measured, after: Measured, details: str, layers: bool
) -> dict[str, t.Any]:
    """The result of a policy. ``after`` is what was measured after a real run, and what is foretold in check mode."""
    plan = t.cast(PolicyPlan, outcome.plan)
    result = report(outcome, details, layers)
    limit = policy.keep.younger_than
    result["guard"] = None if plan.breach is None else _guard(plan)
    result["younger_than"] = None
    if limit is not None:
        result["younger_than"] = {
            "limit": limit.text,
            "time": format_time(limit.at(now)),
            "local_time": limit.assumed_local,
        }
    result["target"] = None if policy.target is None else _target(plan, policy.target, before, after)
    if result["target"] is not None and not plan.refusal:
        result["summary"] += f", {result['target']['text']}"
    return result


def policy_warnings(outcome: Outcome, result: dict[str, t.Any]) -> list[str]:
    """What an operator should know although the task did not fail."""
    target = result["target"]
    missed = target is not None and not target["met"] and not outcome.plan.refusal
    return warnings(outcome) + ([target["text"]] if missed else [])


def _guard(plan: PolicyPlan) -> dict[str, t.Any]:
    rule, limit, found, text = t.cast(t.Any, plan.breach)
    return {
        "rule": rule,
        "limit": limit,
        "found": found,
        "text": text,
        "largest": [
            {"id": image.id, "references": [ref.familiar for ref in image.references], "size": image.size}
            for image in plan.largest
        ],
    }


def _target(plan: PolicyPlan, target: Target, before: Measured, after: Measured) -> dict[str, t.Any]:
    needed = t.cast(t.Any, plan.goal).needed
    missed = _missed(target, before, after)
    result: dict[str, t.Any] = {
        "met": not missed,
        "text": _text(plan, missed),
        "needed": None if math.isinf(needed) else math.ceil(needed),
        "freed": plan.freed,
        "total_size": None,
        "disk": None,
    }
    if target.total_size is not None:
        result["total_size"] = {"limit": target.total_size, "before": before.images_size, "after": after.images_size}
    if target.minds_disk:
        result["disk"] = {
            "above": target.disk_used_above,
            "below": target.disk_used_below,
            "path": None if before.file_system is None else before.file_system.path,
            "before": _shares(before.file_system),
            "after": _shares(after.file_system),
        }
    return result


def _text(plan: PolicyPlan, missed: Sequence[str]) -> str:
    if not missed:
        return "the target is met"
    text = f"the target is not met: {' and '.join(missed)}"
    if plan.expected <= plan.freed:
        return text
    return f"{text} ({human_size(plan.freed)} are certain to be set free, and {human_size(plan.expected)} are expected)"


def _missed(target: Target, before: Measured, after: Measured) -> list[str]:
    """The limits that are not met, or that cannot be held against anything."""
    missed = []
    if target.total_size is not None:
        limit = f"total_size is {human_size(target.total_size)}"
        if after.images_size is None:
            missed.append(f"{limit}, and the Engine does not tell the size of all images")
        elif after.images_size > target.total_size:
            missed.append(f"{limit}, and the images have {human_size(after.images_size)}")
    if target.disk_used_above is not None and target.disk_used_below is not None:
        disk, first = after.file_system, before.file_system
        if disk is None or first is None:
            missed.append(
                "disk_used_above cannot be judged, because the Engine's data is not on this machine's file systems"
            )
        else:
            acts = max(first.percent, first.inodes_percent) > target.disk_used_above
            most = target.disk_used_below if acts else target.disk_used_above
            name = "disk_used_below" if acts else "disk_used_above"
            for noun, percent in (("bytes", disk.percent), ("inodes", disk.inodes_percent)):
                if percent > most:
                    missed.append(f"{name} is {most:g} %, and {percent:g} % of the {noun} of {disk.path} are used")
    return missed


def _shares(disk: FileSystem | None) -> dict[str, float] | None:
    return None if disk is None else {"percent": disk.percent, "inodes_percent": disk.inodes_percent}

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of C(build_cache_prune) returns: the result keys, the diff and the one line for a person. No I/O."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.facts import record_facts
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import (
    BUILDS,
    KEPT,
    SKIPPED,
    counted,
    own_size,
    size_limit,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import diff_headers, engine_facts
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.execute import Outcome
    from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import Cache, Plan, Verdict
    from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import Keep, Target
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord


def report(outcome: Outcome, engine: EngineFacts, now: float, details: str = "changes") -> dict[str, t.Any]:
    """The result of a task, check mode or not; ``failed`` and ``msg`` are set when it failed."""
    plan = outcome.plan
    verdicts = {**plan.verdicts, **outcome.skipped}
    by_id = {record.id: record for record in plan.cache.records}
    deleted = [by_id[record_id] for record_id in outcome.deleted]
    summary = _summary(outcome, verdicts)
    result: dict[str, t.Any] = {
        "changed": bool(deleted),
        "deleted": list(outcome.deleted),
        "records": _records(plan, outcome.deleted, verdicts, details),
        "space_reclaimed": outcome.space,
        "space_exact": outcome.is_exact,
        "space_expected": outcome.space if outcome.is_exact else sum(map(own_size, deleted)),
        "engine": engine_facts(engine),
        "summary": summary,
        "younger_than": _age_limit(plan.request.keep, now),
        "target": None if plan.request.target is None else _target(outcome, plan.request.target),
        "guard": None if plan.breach is None else plan.breach._asdict(),
        "diff": _diff(deleted, summary, engine.host),
    }
    message = outcome.failure if plan.breach is None else plan.breach.text
    if message:
        result.update(failed=True, msg=message)
    return result


def warnings(outcome: Outcome, result: Mapping[str, t.Any]) -> list[str]:
    """What an operator should know although the task did not fail."""
    texts = list(_idle(outcome.plan)) if outcome.plan.removals else []
    spared = sum(1 for verdict in outcome.plan.verdicts.values() if verdict.rule is BUILDS)
    if spared:
        stay, reason = "stays" if spared == 1 else "stay", outcome.plan.cache.builds.reason(spared)
        texts.append(f"builds are running: {counted(spared)} {stay}, because {reason}")
    skipped = [(key, verdict) for key, verdict in outcome.skipped.items() if not outcome.failure]
    if skipped:
        shown = "; ".join(f"{key}: {verdict.reason}" for key, verdict in skipped[:10])
        more = f"; and {len(skipped) - 10} more" if len(skipped) > 10 else ""
        texts.append(f"{counted(len(skipped))} {'was' if len(skipped) == 1 else 'were'} not removed: {shown}{more}")
    target = result["target"]
    if target is not None and not target["met"] and outcome.plan.breach is None:
        texts.append(target["text"])
    return texts


def _idle(plan: Plan) -> t.Iterator[str]:
    """The patterns that were to keep something, and match nothing."""
    for pattern in plan.request.keep.matches.descriptions:
        if not any(pattern.finds(record.description) for record in plan.cache.records):
            yield f"keep.descriptions: {pattern.text!r} matches no record, and keeps nothing"


def _records(
    plan: Plan, deleted: Sequence[str], verdicts: Mapping[str, Verdict], details: str
) -> list[dict[str, t.Any]]:
    """What was deleted, in that order, and then the others by ID."""
    by_id = {record.id: record for record in plan.cache.records}
    gone = frozenset(deleted)
    ordered = [*deleted, *sorted(key for key in by_id if key not in gone)]
    return [
        {
            **record_facts(by_id[key]),
            "action": verdicts[key].action,
            "reason": verdicts[key].reason,
            "rule": str(verdicts[key].rule),
        }
        for key in ordered
        if details == "all" or verdicts[key].action != KEPT
    ]


def _age_limit(keep: Keep, now: float) -> dict[str, t.Any] | None:
    limit = keep.younger_than
    if limit is None:
        return None
    return {"limit": limit.text, "time": format_time(limit.at(now)), "local_time": limit.assumed_local}


def _target(outcome: Outcome, target: Target) -> dict[str, t.Any]:
    before, after, goal = outcome.plan.cache, outcome.left, outcome.plan.goal
    needed = 0.0 if goal is None else goal.needed
    acts = None if goal is None or goal.rest is None else goal.rest.acts
    missed = _missed(target, before, after, acts)
    result: dict[str, t.Any] = {
        "met": not missed,
        "text": f"the target is not met: {' and '.join(missed)}" if missed else "the target is met",
        "needed": None if math.isinf(needed) else math.ceil(needed),
        "total_size": None,
        "disk": None,
    }
    if target.total_size is not None:
        result["total_size"] = {
            "limit": size_limit(target, before.file_system),
            "before": before.size,
            "after": None if after is None else after.size,
        }
    if target.disk is not None:
        result["disk"] = {
            "above": target.disk.above,
            "below": target.disk.below,
            "path": None if before.file_system is None else before.file_system.path,
            "before": _shares(before.file_system),
            "after": _shares(None if after is None else after.file_system),
        }
    return result


def _missed(target: Target, before: Cache, after: Cache | None, acts: bool | None) -> list[str]:
    """The limits that are not met, or that cannot be measured. ``acts`` is whether a shared target asked for anything."""
    if after is None:
        return ["the Engine did not report what is left"]
    missed = []
    limit = size_limit(target, before.file_system)
    if limit is not None and target.total_size is not None and after.size > limit:
        missed.append(f"total_size is {target.total_size.text}, but the build cache has {human_size(after.size)}")
    if target.minds_disk and (before.file_system is None or after.file_system is None):
        where = f"{target.disk_path} cannot be read" if target.disk_path else "the Engine's data is not on this machine"
        missed.append(f"the file system cannot be measured, because {where} (target.disk_path names its directory)")
    elif target.disk is not None and before.file_system is not None and after.file_system is not None:
        missed += target.disk.missed(before.file_system, after.file_system, acts)
    return missed


def _shares(disk: FileSystem | None) -> dict[str, float] | None:
    return None if disk is None else {"percent": disk.percent, "inodes_percent": disk.inodes_percent}


def _summary(outcome: Outcome, verdicts: Mapping[str, Verdict]) -> str:
    kept = sum(1 for verdict in verdicts.values() if verdict.action == KEPT)
    skipped = sum(1 for verdict in verdicts.values() if verdict.action == SKIPPED)
    about = "" if outcome.is_exact else "about "
    parts = [
        f"{counted(len(outcome.deleted))} deleted",
        f"{about}{human_size(outcome.space)} reclaimed",
        f"{kept} kept",
    ]
    return ", ".join(parts + ([f"{skipped} skipped"] if skipped else []))


def _diff(deleted: Sequence[CacheRecord], summary: str, host: str) -> dict[str, str]:
    """The records that are deleted, a line each: afterwards there is nothing of them."""
    return {
        **diff_headers(host, "build cache", summary),
        "before": "".join(f"{_line(record)}\n" for record in deleted),
        "after": "",
    }


def _line(record: CacheRecord) -> str:
    used = format_time(record.last_used)
    facts = [record.type, human_size(record.size) + (" shared with an image" if record.shared else "")]
    facts.append(f"last used {used[:10]}" if used else "never used")
    description = f": {' '.join(record.description.split())}" if record.description else ""
    return f"build cache record {record.id} ({', '.join(facts)}){description}"

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Sums the results of the role C(image_cleanup) up: the stages of an Engine, the Engines of a host, the hosts of a fleet. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import human_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The schema of the fleet report. A field that is added leaves the version as it is.
SCHEMA = "imagewarden.docker/fleet-report"
SCHEMA_VERSION = 1

#: The stages that change something, in the order of the chain.
STAGES = ("containers", "untag", "policy")

CHANGED = "changed"
OK = "ok"
FAILED = "failed"
UNREACHABLE = "unreachable"
NOT_RUN = "not_run"
STATUSES = (CHANGED, OK, FAILED, UNREACHABLE, NOT_RUN)

#: What a play was for: to change hosts, or to foretell that.
AUDIT = "audit"

_COUNTS = (
    "containers_removed",
    "containers_stopped",
    "containers_committed",
    "references_untagged",
    "images_deleted",
    "skipped",
    "conflicts",
    "space_reclaimed",
)
#: What of a stage's result says something to a reader of a report.
_TOLD = (
    "summary",
    "removed",
    "stopped",
    "committed",
    "untagged",
    "deleted",
    "absent",
    "conflicts",
    "archived",
    "containers",
    "images",
    "space_reclaimed",
    "space_exact",
    "guard",
    "target",
)


def host_summary(engines: Iterable[Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The summary of a host, of what the role registered for each of its Engines."""
    told = [_engine(raw) for raw in engines]
    failures = [engine for engine in told if engine["failed"]]
    summary: dict[str, t.Any] = {
        "status": _status(told),
        "failed": bool(failures),
        "changed": any(engine["changed"] for engine in told),
        "check_mode": any(engine["check_mode"] for engine in told),
        **{count: sum(engine[count] for engine in told) for count in _COUNTS},
        "space_exact": all(engine["space_exact"] for engine in told),
        "message": "; ".join(_located(engine, len(told)) for engine in failures),
        "engines": told,
    }
    summary["summary"] = _sentence(summary)
    return summary


def failed_summary(message: str, unreachable: bool = False) -> dict[str, t.Any]:
    """The summary of a host on which the role did not get as far as to write one."""
    summary = host_summary(())
    status = UNREACHABLE if unreachable else FAILED
    told = _one_line(message)
    return {**summary, "status": status, "failed": True, "message": told, "summary": f"{_word(status)}: {told}"}


def fleet_report(
    summaries: Mapping[str, Mapping[str, t.Any] | None], left: Mapping[str, str], generated: str, mode: str
) -> dict[str, t.Any]:
    """The report of a fleet. ``left`` tells why hosts were lost that have no summary; the others were not run."""
    hosts = []
    for name, summary in summaries.items():
        found = summary or _without_summary(left.get(name))
        # Where the first stage failed, nothing told whether it ran in check mode.
        hosts.append({"host": name, **found, "check_mode": found["check_mode"] or mode == AUDIT})
    total: dict[str, t.Any] = {
        "hosts": len(hosts),
        **{status: sum(1 for host in hosts if host["status"] == status) for status in STATUSES},
        **{count: sum(host[count] for host in hosts) for count in _COUNTS},
        "space_exact": all(host["space_exact"] for host in hosts),
    }
    total["summary"] = _total_sentence(total, any(host["check_mode"] and host["changed"] for host in hosts))
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "generated": generated,
        "mode": mode,
        "total": total,
        "hosts": hosts,
    }


def fleet_lines(report: Mapping[str, t.Any]) -> list[str]:
    """The report for a person: one line a host, and a total."""
    width = max(len(name) for name in ["total", *(host["host"] for host in report["hosts"])])
    lines = [f"{host['host']:{width}}  {host['summary']}" for host in report["hosts"]]
    return [*lines, f"{'total':{width}}  {report['total']['summary']}"]


def _engine(raw: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """One Engine: the stages' own results, and what they add up to."""
    before, after = raw.get("before") or {}, raw.get("after") or {}
    ran = {stage: raw[stage] for stage in STAGES if _ran(raw.get(stage))}
    stage, failure = _failure(raw)
    results = list(ran.values())
    found = next((result["engine"] for result in [before, *results] if result.get("engine")), None)
    return {
        "docker_host": raw.get("docker_host")
        or (before.get("invocation") or {}).get("module_args", {}).get("docker_host"),
        "engine": found,
        "failed": failure is not None,
        "unreachable": bool((failure or {}).get("unreachable")),
        "failed_stage": stage,
        "message": "" if failure is None else _one_line(failure.get("msg") or "no reason was given"),
        "changed": any(result.get("changed") for result in results),
        "check_mode": bool(before.get("check_mode")),
        "containers_removed": _length(results, "removed"),
        "containers_stopped": _length(results, "stopped"),
        "containers_committed": _length(results, "committed"),
        "references_untagged": _length(results, "untagged"),
        "images_deleted": _length(results, "deleted"),
        "skipped": sum(1 for result in results for row in _verdicts(result) if row.get("action") == "skipped"),
        "conflicts": _length(results, "conflicts"),
        "space_reclaimed": sum(result.get("space_reclaimed") or 0 for result in results),
        "space_exact": all(result.get("space_exact", True) for result in results),
        "notices": list(before.get("notices") or []),
        "before": _usage(before),
        "after": _usage(after),
        "stages": {stage: _stage(ran.get(stage)) for stage in STAGES},
    }


def _ran(result: Mapping[str, t.Any] | None) -> bool:
    return bool(result) and not t.cast("Mapping[str, t.Any]", result).get("skipped")


def _failure(raw: Mapping[str, t.Any]) -> tuple[str | None, Mapping[str, t.Any] | None]:
    """The stage that failed, and its result. Nothing comes after the first one."""
    for stage in ("before", *STAGES, "after"):
        result = raw.get(stage) or {}
        if result.get("failed") or result.get("unreachable"):
            return stage, result
    return None, None


def _stage(result: Mapping[str, t.Any] | None) -> dict[str, t.Any] | None:
    if result is None:
        return None
    told = {key: result[key] for key in _TOLD if key in result}
    failed = bool(result.get("failed"))
    return {"changed": bool(result.get("changed")), "failed": failed, "message": str(result.get("msg") or ""), **told}


def _usage(result: Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """What an Engine's images took up at one time, without the images."""
    if "totals" not in result:
        return None
    return {
        "totals": result["totals"],
        "file_system": result.get("file_system"),
        "images": len(result.get("images") or []),
    }


def _verdicts(result: Mapping[str, t.Any]) -> list[Mapping[str, t.Any]]:
    return [*(result.get("containers") or []), *(result.get("images") or [])]


def _length(results: Iterable[Mapping[str, t.Any]], key: str) -> int:
    return sum(len(result.get(key) or []) for result in results)


def _status(engines: Sequence[Mapping[str, t.Any]]) -> str:
    if any(engine["unreachable"] for engine in engines):
        return UNREACHABLE
    if any(engine["failed"] for engine in engines):
        return FAILED
    return CHANGED if any(engine["changed"] for engine in engines) else OK


def _located(engine: Mapping[str, t.Any], engines: int) -> str:
    place = f"{engine['docker_host'] or 'the default Engine'}: " if engines > 1 else ""
    stage = f"{engine['failed_stage']}: " if engine["failed_stage"] in STAGES else ""
    return f"{place}{stage}{engine['message']}"


def _without_summary(reason: str | None) -> dict[str, t.Any]:
    if reason is not None:
        return failed_summary(reason, unreachable=True)
    summary = host_summary(())
    return {**summary, "status": NOT_RUN, "summary": "not run"}


def _one_line(message: t.Any) -> str:
    return " ".join(str(message).split())


def _word(status: str) -> str:
    return {FAILED: "FAILED", UNREACHABLE: "UNREACHABLE"}[status]


def _sentence(summary: Mapping[str, t.Any]) -> str:
    """What happened on a host, or would, in one line; a failure first."""
    parts = _counts(summary)
    if not parts and not summary["failed"]:
        parts = ["nothing to do"]
    if summary["check_mode"] and not summary["failed"]:
        parts = ["would be: " + ", ".join(parts)] if summary["changed"] else parts
    text = ", ".join(parts)
    if summary["failed"]:
        verb = "before that would be" if summary["check_mode"] else "before that"
        done = f" ({verb}: {text})" if summary["changed"] else ""
        return f"{_word(summary['status'])}: {summary['message']}{done}"
    return text


def _total_sentence(total: Mapping[str, t.Any], is_foretold: bool) -> str:
    states = [f"{total[status]} {status.replace('_', ' ')}" for status in STATUSES if total[status]]
    hosts = f"{total['hosts']} host{'' if total['hosts'] == 1 else 's'} ({', '.join(states) or 'none'})"
    counts = ", ".join(_counts(total))
    return f"{hosts}, {'would be: ' if is_foretold else ''}{counts}" if counts else hosts


def _counts(counted: Mapping[str, t.Any]) -> list[str]:
    phrases = (
        ("containers_removed", "container", "removed"),
        ("containers_committed", "container", "committed"),
        ("references_untagged", "reference", "untagged"),
        ("images_deleted", "image", "deleted"),
    )
    parts = [_phrase(counted[key], noun, verb) for key, noun, verb in phrases if counted[key]]
    if counted["images_deleted"]:
        least = "" if counted["space_exact"] else "at least "
        parts.append(f"{least}{human_size(counted['space_reclaimed'])} reclaimed")
    if counted["skipped"]:
        parts.append(f"{counted['skipped']} skipped")
    return parts


def _phrase(number: int, noun: str, verb: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'} {verb}"

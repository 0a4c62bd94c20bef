# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Sums up what C(cleanup_chain) returned: the Engines of a host, and the hosts of a fleet. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.counts import (
    add,
    count,
    in_words,
    with_skipped,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import STAGES

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The schemas of the fleet's report and of a host's. A field that is added leaves the version as it is.
SCHEMA = "imagewarden.docker/fleet-report"
HOST_SCHEMA = "imagewarden.docker/host-report"
SCHEMA_VERSION = 1

CHANGED = "changed"
OK = "ok"
FAILED = "failed"
UNREACHABLE = "unreachable"
NOT_RUN = "not_run"
STATUSES = (CHANGED, OK, FAILED, UNREACHABLE, NOT_RUN)

#: What a play was for: to change hosts, or to predict that.
AUDIT = "audit"

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
    "records",
    "kept_by_list",
    "usage_known_since",
    "space_reclaimed",
    "space_exact",
    "space_expected",
    "guard",
    "target",
)
#: What ansible-core puts before the message of an error that it did not cause.
_PREFIX = "Task failed: "


def host_summary(chains: Iterable[Mapping[str, t.Any]], check_mode: bool) -> dict[str, t.Any]:
    """The summary of a host, of the result of C(cleanup_chain) for each of its Engines."""
    engines = [_engine(chain) for chain in chains]
    failures = [engine for engine in engines if engine["failed"]]
    summary: dict[str, t.Any] = {
        "status": _status(engines),
        "failed": bool(failures),
        "changed": any(engine["changed"] for engine in engines),
        "check_mode": check_mode,
        **add(engines),
        "space_measured": _measured(engines),
        "message": "; ".join(_located(engine, len(engines)) for engine in failures),
    }
    return {**summary, "summary": _sentence(summary, engines), "engines": engines}


def lines_of_engines(summary: Mapping[str, t.Any]) -> list[str]:
    """A line for each Engine of a host that has several: which of them failed, and what happened on the others."""
    engines = summary["engines"]
    if len(engines) < 2:
        return []
    check_mode = summary["check_mode"]
    return [
        f"{engine['docker_host'] or 'the default Engine'}: "
        + _sentence({**engine, "status": _status([engine]), "check_mode": check_mode}, [engine])
        for engine in engines
    ]


def failed_summary(message: str, check_mode: bool, status: str = FAILED) -> dict[str, t.Any]:
    """The summary of a host on which no chain ran, and why."""
    told = _one_line(message)
    found = {**host_summary((), check_mode), "status": status, "failed": True, "message": told}
    return {**found, "summary": f"{_word(status)}: {told}"}


def with_failure(summary: Mapping[str, t.Any], message: str) -> dict[str, t.Any]:
    """The same of a host on which something failed after its chains."""
    told = "; ".join(part for part in (summary["message"], message) if part)
    changes = {"status": summary["status"] if summary["failed"] else FAILED, "failed": True, "message": told}
    failed = {**summary, **changes}
    return {**failed, "summary": _sentence(failed, summary["engines"])}


def fleet_report(
    summaries: Mapping[str, Mapping[str, t.Any] | None], generated: str, mode: str, check_mode: bool
) -> dict[str, t.Any]:
    """The report of a fleet. A host without a summary was not run."""
    hosts = [{"host": name, **_without_run(found or _not_run(check_mode))} for name, found in summaries.items()]
    total: dict[str, t.Any] = {
        "hosts": len(hosts),
        **{status: sum(1 for host in hosts if host["status"] == status) for status in STATUSES},
        **add(hosts),
    }
    total["summary"] = _total_sentence(total, check_mode)
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "generated": generated,
        "mode": mode,
        "total": total,
        "hosts": hosts,
    }


def host_report(summary: Mapping[str, t.Any], host: str, generated: str) -> dict[str, t.Any]:
    """The summary of a host as its own file holds it: the time says of which run it is."""
    head = {"schema": HOST_SCHEMA, "schema_version": SCHEMA_VERSION, "generated": generated, "host": host}
    return {**head, **_without_run(summary)}


def _without_run(summary: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Without what only says to which play a fact belongs."""
    return {key: value for key, value in summary.items() if key != "run"}


def _engine(chain: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """One Engine: the stages' own results, and what they add up to."""
    stages = chain.get("stages") or {}
    ran = {stage: stages[stage] for stage in STAGES if stages.get(stage)}
    failed = bool(chain.get("failed") or chain.get("unreachable"))
    return {
        "docker_host": chain.get("docker_host"),
        "engine": chain.get("engine"),
        "failed": failed,
        "unreachable": bool(chain.get("unreachable")),
        "failed_stage": _failed_stage(chain, ran) if failed else None,
        "message": _one_line(chain.get("msg") or "no reason was given") if failed else "",
        "changed": any(result.get("changed") for result in ran.values()),
        **count(ran),
        "space_measured": chain.get("space_measured"),
        "notices": list(chain.get("notices") or []),
        "before": chain.get("before"),
        "after": chain.get("after"),
        "stages": {stage: _stage(ran.get(stage)) for stage in STAGES},
    }


def _measured(engines: Sequence[Mapping[str, t.Any]]) -> int | None:
    """The bytes that were really freed, where that was measured on every Engine on which something changed."""
    sizes = [engine["space_measured"] for engine in engines if engine["changed"]]
    return None if not sizes or None in sizes else sum(sizes)


def _failed_stage(chain: Mapping[str, t.Any], ran: Mapping[str, Mapping[str, t.Any]]) -> str:
    """The first stage that failed, or the measurement before or after them."""
    failed = next((stage for stage, result in ran.items() if result.get("failed")), None)
    return failed or ("after" if chain.get("before") else "before")


def _stage(result: Mapping[str, t.Any] | None) -> dict[str, t.Any] | None:
    if result is None:
        return None
    told = {key: result[key] for key in _TOLD if key in result}
    failed = bool(result.get("failed"))
    return {"changed": bool(result.get("changed")), "failed": failed, "message": str(result.get("msg") or ""), **told}


def _status(engines: Sequence[Mapping[str, t.Any]]) -> str:
    if any(engine["unreachable"] for engine in engines):
        return UNREACHABLE
    if any(engine["failed"] for engine in engines):
        return FAILED
    return CHANGED if any(engine["changed"] for engine in engines) else OK


def _located(engine: Mapping[str, t.Any], engines: int) -> str:
    """The message of an Engine, with its address where there are several and it does not name it itself."""
    address = engine["docker_host"] or "the default Engine"
    return engine["message"] if engines == 1 or address in engine["message"] else f"{address}: {engine['message']}"


def _not_run(check_mode: bool) -> dict[str, t.Any]:
    return {**host_summary((), check_mode), "status": NOT_RUN, "summary": "not run"}


def _one_line(message: t.Any) -> str:
    text = " ".join(str(message).split())
    return text[len(_PREFIX) :] if text.startswith(_PREFIX) else text


def _word(status: str) -> str:
    return {FAILED: "FAILED", UNREACHABLE: "UNREACHABLE"}[status]


def _sentence(summary: Mapping[str, t.Any], engines: Sequence[Mapping[str, t.Any]]) -> str:
    """What happened on a host, or would, in one line; a failure first."""
    done = with_skipped(summary, in_words(summary, summary["check_mode"]))
    if not summary["failed"]:
        ran = any(stage is not None for engine in engines for stage in engine["stages"].values())
        return done or ("nothing to do" if ran else "no stage ran")
    besides = f" (besides: {done})" if done else ""
    return f"{_word(summary['status'])}: {summary['message']}{besides}"


def _total_sentence(total: Mapping[str, t.Any], check_mode: bool) -> str:
    states = [f"{total[status]} {status.replace('_', ' ')}" for status in STATUSES if total[status]]
    hosts = f"{total['hosts']} host{'' if total['hosts'] == 1 else 's'} ({', '.join(states) or 'none'})"
    counts = with_skipped(total, in_words(total, check_mode))
    return f"{hosts}: {counts}" if counts else hosts

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The report of a fleet, or of one host, as metrics in the text format of Prometheus. No I/O.

All are gauges of the last run: a playbook is no server that counts. Bytes that a run frees are those that are most likely freed.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import NOT_RUN, STATUSES

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Sample = t.Tuple[str, t.Dict[str, str], float]

#: Every metric, in the order in which they are written, and its help.
METRICS = {
    "imagewarden_hosts": "Hosts of the last run by their status.",
    "imagewarden_last_run_timestamp_seconds": "When the last run on the host ended.",
    "imagewarden_last_success_timestamp_seconds": "When the last run on the host that did not fail ended.",
    "imagewarden_last_failure_timestamp_seconds": "When the last run on the host that failed ended.",
    "imagewarden_last_run_failed": "Whether the last run on the host failed (1) or not (0).",
    "imagewarden_last_run_check_mode": "Whether the last run on the host only predicted (1) or not (0).",
    "imagewarden_engine_info": "The Engines of the host and their stores.",
    "imagewarden_used_bytes": "Bytes in use, as docker system df reports them.",
    "imagewarden_reclaimable_bytes": "Bytes that docker system df reports as reclaimable.",
    "imagewarden_objects": "Images, containers, volumes and build cache records, as docker system df counts them.",
    "imagewarden_file_system_size_bytes": "The size of the file system that holds the Engine's data.",
    "imagewarden_file_system_used_bytes": "The bytes that are used on the file system that holds the Engine's data.",
    "imagewarden_images": "Images by the verdict of the last run.",
    "imagewarden_last_run_removed": "What the last run removed, or would remove in check mode.",
    "imagewarden_last_run_freed_bytes": "Bytes that the last run freed, or would free in check mode.",
}
#: What is remembered of earlier runs.
_REMEMBERED = re.compile(
    r"(imagewarden_last_(?:success|failure)_timestamp_seconds)"
    r'\{host="((?:[^"\\\n]|\\.)*)"\} ([0-9.e+]+)'
)
_REMOVED = {
    "containers_removed": "containers",
    "references_untagged": "references",
    "images_deleted": "images",
    "cache_records_deleted": "build_cache",
}
_VERDICTS = ("deleted", "untagged", "skipped")


def fleet_metrics(report: Mapping[str, t.Any], earlier: str = "") -> str:
    """The metrics of a fleet. ``earlier`` are those of the run before: they hold when each host succeeded and failed last."""
    when = _seconds(report["generated"])
    samples: list[Sample] = [("imagewarden_hosts", {"status": name}, report["total"][name]) for name in STATUSES]
    for host in report["hosts"]:
        if host["status"] != NOT_RUN:
            samples += host_samples(host["host"], host, when)
    written = {(name, labels["host"]) for name, labels, _value in samples if "host" in labels}
    hosts = {host["host"] for host in report["hosts"]}
    samples += [
        found
        for found in _remembered(earlier)
        if found[1]["host"] in hosts and (found[0], found[1]["host"]) not in written
    ]
    return _exposition(samples)


def host_metrics(host: str, summary: Mapping[str, t.Any], when: str) -> str:
    """The metrics of one host, by the summary of its run."""
    return _exposition(host_samples(host, summary, _seconds(when)))


def host_samples(host: str, summary: Mapping[str, t.Any], when: float) -> Iterator[Sample]:
    """Each sample: the metric, its labels, and the value."""
    label = {"host": host}
    ended = "failure" if summary["failed"] else "success"
    yield "imagewarden_last_run_timestamp_seconds", label, when
    yield f"imagewarden_last_{ended}_timestamp_seconds", label, when
    yield "imagewarden_last_run_failed", label, int(summary["failed"])
    yield "imagewarden_last_run_check_mode", label, int(summary["check_mode"])
    for engine in summary["engines"]:
        yield from _engine_samples({**label, "docker_host": engine["docker_host"] or ""}, engine)


def _engine_samples(label: dict[str, str], engine: Mapping[str, t.Any]) -> Iterator[Sample]:
    facts = engine["engine"]
    if facts:
        yield "imagewarden_engine_info", {**label, **{key: facts[key] for key in ("version", "store", "driver")}}, 1
    before, measured = engine["before"] or {}, engine["after"] or engine["before"] or {}
    for kind, numbers in (measured.get("totals") or {}).items():
        if numbers:
            yield "imagewarden_used_bytes", {**label, "kind": kind}, numbers["size"]
            yield "imagewarden_reclaimable_bytes", {**label, "kind": kind}, numbers["reclaimable"]
            yield "imagewarden_objects", {**label, "kind": kind}, numbers["count"]
    disk = measured.get("file_system")
    if disk:
        yield "imagewarden_file_system_size_bytes", label, disk["total"]
        yield "imagewarden_file_system_used_bytes", label, disk["used"]
    verdicts = _verdicts(engine["stages"], before.get("images"))
    for verdict, number in verdicts.items():
        yield "imagewarden_images", {**label, "verdict": verdict}, number
    for key, kind in _REMOVED.items():
        yield "imagewarden_last_run_removed", {**label, "kind": kind}, engine[key]
    yield "imagewarden_last_run_freed_bytes", label, engine["space_expected"]


def _verdicts(stages: Mapping[str, t.Any], images: int | None) -> dict[str, int]:
    """Images by verdict: a report may list only those that change, and the others are kept."""
    last: dict[str, str] = {}
    for stage in stages.values():
        for image in (stage or {}).get("images") or ():
            if image["action"] in _VERDICTS:
                last[image["id"]] = image["action"]
    found = {verdict: sum(1 for action in last.values() if action == verdict) for verdict in _VERDICTS}
    return found if images is None else {**found, "kept": max(images - len(last), 0)}


def _remembered(earlier: str) -> Iterator[Sample]:
    for line in earlier.split("\n"):
        match = _REMEMBERED.fullmatch(line)
        if match:
            yield match[1], {"host": _unescaped(match[2])}, float(match[3])


def _exposition(samples: Iterable[Sample]) -> str:
    by_name: dict[str, list[str]] = {name: [] for name in METRICS}
    for name, labels, value in samples:
        by_name[name].append(f"{name}{_labels(labels)} {_number(value)}\n")
    return "".join(
        f"# HELP {name} {METRICS[name]}\n# TYPE {name} gauge\n{''.join(lines)}"
        for name, lines in by_name.items()
        if lines
    )


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _seconds(when: str) -> float:
    return datetime.datetime.strptime(when, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()

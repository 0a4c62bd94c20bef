# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The report of a fleet for people: a table for the terminal, Markdown for a ticket, CSV for spreadsheets. No I/O."""

from __future__ import annotations

import collections
import csv
import io
import textwrap
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.counts import COUNTS, space_in_words
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import CHANGED, FAILED, UNREACHABLE
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_WIDTH = 100
_HOST_WIDTH = 24
#: Images that are named for a host, and hosts for which images are named.
_IMAGES = 5
_HOSTS = 20
#: Hosts of which a line stands in the table, and failures that are named.
_ROWS = 50

_COLUMNS = (
    ("containers", "containers_removed"),
    ("references", "references_untagged"),
    ("images", "images_deleted"),
    ("cache", "cache_records_deleted"),
    ("skipped", "skipped"),
)


def table(report: Mapping[str, t.Any]) -> list[str]:
    """A line for each host of at most 100 columns, the total, the largest images that an audit would remove, then failures."""
    listed = _listed(report["hosts"])
    rows = [_row(host["host"], host["status"].replace("_", " "), host) for host in listed]
    others = len(report["hosts"]) - len(listed)
    rows.append(_row("total", "", report["total"]))
    titles = ["host", "status", *(title for title, _key in _COLUMNS), "space"]
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    lines = [_line(row, widths) for row in [titles, *rows]]
    if others:
        lines.insert(-1, f"and {others} more {'host' if others == 1 else 'hosts'}, none of which frees more")
    largest = _largest(report) if report["mode"] == "audit" else []
    blocks = [lines, largest, _failures(report), textwrap.wrap(report["total"]["summary"], _WIDTH)]
    return [line for number, block in enumerate(filter(None, blocks)) for line in (["", *block] if number else block)]


def _listed(hosts: Sequence[Mapping[str, t.Any]]) -> list[Mapping[str, t.Any]]:
    """The hosts of a table: of a large fleet those that free most, in the order of the inventory."""
    ordered = sorted(range(len(hosts)), key=lambda number: -hosts[number]["space_expected"])
    return [hosts[number] for number in sorted(ordered[:_ROWS])]


def markdown(report: Mapping[str, t.Any]) -> str:
    """The same as a page for a ticket or for the summary of a CI job."""
    titles = ["host", "status", *(title for title, _key in _COLUMNS), "space", "summary"]
    lines = [
        f"# Docker image {report['mode']}, {report['generated']}",
        "",
        _escaped(report["total"]["summary"]),
        "",
        f"| {' | '.join(titles)} |",
        f"|{' --- |' * len(titles)}",
    ]
    for host in report["hosts"]:
        cells = [*_row(host["host"], host["status"].replace("_", " "), host), host["summary"]]
        lines.append(f"| {' | '.join(map(_escaped, cells))} |")
    return "".join(f"{line}\n" for line in [*lines, *_listed_as_kept(report)])


def _listed_as_kept(report: Mapping[str, t.Any]) -> list[str]:
    """What C(keep.images) keeps, such as for other hosts, and the hosts of which it is not known what they use."""
    kept = kept_by_list(report)
    lines = ["", "## Kept by keep.images", "", "| kept | reason | hosts |", "| --- | --- | --- |"] if kept else []
    lines += [f"| {_escaped(row['target'])} | {_escaped(row['reason'])} | {row['hosts']} |" for row in kept[:_ROWS]]
    if len(kept) > _ROWS:
        lines += ["", f"and {len(kept) - _ROWS} more: report.json has all"]
    unknown = {
        row["host"]: row["reason"]
        for host in report["hosts"]
        for row in host.get("keep_used_on", {}).get("unknown", ())
    }
    if unknown:
        named = ", ".join(f"{_escaped(host)} ({_escaped(reason)})" for host, reason in unknown.items())
        lines += ["", f"It is not known what is used on {named}."]
    return lines


def kept_by_list(report: Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """What C(keep.images) keeps of what a policy selects, why, and on how many hosts; what most hosts keep first."""
    found = collections.Counter(
        kept for host in report["hosts"] for kept in {(one["target"], one["reason"]) for one in _kept_on(host)}
    )
    rows = [{"target": target, "reason": reason, "hosts": hosts} for (target, reason), hosts in found.items()]
    return sorted(rows, key=lambda row: (-row["hosts"], row["target"], row["reason"]))


def _kept_on(host: Mapping[str, t.Any]) -> Iterator[Mapping[str, t.Any]]:
    for _engine, _stage_name, stage in _stages(host):
        yield from stage.get("kept_by_list") or ()


def _stages(host: Mapping[str, t.Any]) -> Iterator[tuple[Mapping[str, t.Any], str, Mapping[str, t.Any]]]:
    """Each stage that ran on a host, with its Engine and its name."""
    for engine in host["engines"]:
        for name, stage in engine["stages"].items():
            if stage:
                yield engine, name, stage


def comma_separated(report: Mapping[str, t.Any]) -> str:
    """A row for each host with its numbers."""
    rows = [
        [
            _inert(host["host"]),
            host["status"],
            *(host[key] for key in COUNTS),
            host["space_exact"],
            sum(1 for _kept in _kept_on(host)),
            _inert(host["summary"]),
        ]
        for host in report["hosts"]
    ]
    return _csv(["host", "status", *COUNTS, "space_exact", "kept_by_list", "summary"], rows)


#: What a row for an image has of it, as the report has it.
_OF_IMAGES = ("action", "reason", "rule", "size", "created", "last_used")


def images_comma_separated(report: Mapping[str, t.Any]) -> str:
    """A row for each image that a stage lists."""
    rows = [
        [
            *(_inert(text) for text in (host["host"], engine["docker_host"] or "")),
            name,
            image["id"],
            _inert(", ".join(image["references"])),
            *(_inert(_cell(image.get(key))) for key in _OF_IMAGES),
            _inert(", ".join(f"{user['name']} ({user['state']})" for user in image.get("containers") or ())),
        ]
        for host in report["hosts"]
        for engine, name, stage in _stages(host)
        for image in stage.get("images") or ()
    ]
    return _csv(["host", "docker_host", "stage", "id", "references", *_OF_IMAGES, "containers"], rows)


def _cell(value: t.Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _csv(titles: Sequence[str], rows: Iterable[Sequence[t.Any]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)
    return written.getvalue()


def shortened(message: str, width: int = 300) -> str:
    """A message for the terminal: what is cut off is in the report."""
    return _cut(message, width)


def _row(name: str, status: str, numbers: Mapping[str, t.Any]) -> list[str]:
    counts = [str(numbers[key] or "-") for _title, key in _COLUMNS]
    space = space_in_words(numbers).replace("about ", "~").replace("at least ", ">")
    return [_cut(name, _HOST_WIDTH), status, *counts, space or "-"]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Names to the left, numbers to the right."""
    cells = [
        cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))
    ]
    return "  ".join(cells).rstrip()


def _largest(report: Mapping[str, t.Any]) -> list[str]:
    """The largest images that would be deleted, by host."""
    concerned = [host for host in report["hosts"] if host["status"] == CHANGED and host["images_deleted"]]
    lines = [line for host in concerned[:_HOSTS] for line in _largest_of(host)]
    if len(concerned) > _HOSTS:
        lines.append(f"and {len(concerned) - _HOSTS} more hosts: report.json names the images of all")
    return ["The largest images that would be deleted:", *lines] if lines else []


def _largest_of(host: Mapping[str, t.Any]) -> list[str]:
    images = sorted(_deleted(host), key=lambda image: (-image["size"], image["id"]))
    lines = [f"  {_cut(host['host'], _HOST_WIDTH)}"]
    lines += [_cut(f"    {human_size(image['size']):>8}  {_name(image)}", _WIDTH) for image in images[:_IMAGES]]
    if len(images) > _IMAGES:
        lines.append(f"    and {len(images) - _IMAGES} more")
    return lines


def _deleted(host: Mapping[str, t.Any]) -> Iterable[Mapping[str, t.Any]]:
    for _engine, _stage_name, stage in _stages(host):
        yield from (image for image in stage.get("images") or () if image["action"] == "deleted")


def _name(image: Mapping[str, t.Any]) -> str:
    return ", ".join(image["references"]) or f"<untagged> {short_id(image['id'])}"


def _failures(report: Mapping[str, t.Any]) -> list[str]:
    failed = [host for host in report["hosts"] if host["status"] in (FAILED, UNREACHABLE)]
    lines = [_cut(f"{host['status'].upper()} {host['host']}: {host['message']}", _WIDTH) for host in failed[:_ROWS]]
    if len(failed) > _ROWS:
        more = len(failed) - _ROWS
        lines.append(f"and {more} more {'host' if more == 1 else 'hosts'} that failed")
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _escaped(text: str) -> str:
    for mark in ("\\", "|", "<", ">", "*", "_", "`"):
        text = text.replace(mark, f"\\{mark}")
    return text


def _inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text

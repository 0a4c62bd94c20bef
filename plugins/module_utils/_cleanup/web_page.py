# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The report of a fleet as one page for a browser, which loads nothing. No I/O.

Every name in a report is somebody else's: the page holds them as data, in ASCII without a character that means something to
HTML, and its script puts them on the screen as text. What a host's stages did is packed, and is read when the host is opened.
"""

from __future__ import annotations

import base64
import collections
import dataclasses
import hashlib
import html
import json
import typing as t
import zlib

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.page import kept_by_list
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import short_id

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Lists of a stage's result, and what one entry is.
KINDS = {"containers": "container", "images": "image", "records": "cache record"}
#: What else of a stage the page shows.
_TOLD = (
    *("changed", "failed", "message", "summary", "conflicts", "committed", "archived"),
    *("kept_by_list", "usage_known_since"),
)
_IDS = ("id", "image_id")
#: Images that are listed because many hosts have them, or because a list keeps them.
_SHARED = 200


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a page is made of, besides the report."""

    style: str
    script: str


def web_page(report: Mapping[str, t.Any], parts: Parts, previous: Mapping[str, t.Any] | None = None) -> str:
    """The page, beside a report of an earlier run if there is one.

    Its policy allows these very lines of script and style, and no request to anywhere.
    """
    kept = kept_by_list(report)[:_SHARED]
    overview = {**without_stages(report), "rules": _rules(report), "shared": _shared(report), "kept_by_list": kept}
    details = "\n".join(_packed([_stages(engine) for engine in host["engines"]]) for host in report["hosts"])
    title = f"Docker image {report['mode']}"
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(parts.script)}'",
            f"style-src '{_hash(parts.style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        '<link rel="icon" href="data:,">',
        f"<title>{_text(title)}</title>",
        f"<style>{parts.style}</style>",
        "</head>",
        "<body>",
        "<header>",
        f"<h1>{_text(title)}</h1>",
        f"<p>{_text(report['generated'])}</p>",
        f"<p>{_text(report['total']['summary'])}</p>",
        "</header>",
        "<noscript><p>The tables of this page need JavaScript. report.md and report.csv show the hosts without it.</p></noscript>",
        '<main id="main"></main>',
        f'<script type="application/json" id="report">{_data(overview)}</script>',
        f'<script type="application/json" id="previous">{_data(previous)}</script>',
        f"<script>{parts.script}</script>",
        # Last, so that a page of many megabytes shows its tables before it has been read to its end.
        f'<script type="text/plain" id="details">{details}</script>',
        "</body>",
        "</html>",
    ]
    return "".join(f"{line}\n" for line in lines)


def without_stages(report: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A report without what the stages did on each host: most of its bytes."""
    return {
        **report,
        "hosts": [{**host, "engines": [*map(_without_stages, host["engines"])]} for host in report["hosts"]],
    }


def _without_stages(engine: Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in engine.items() if key != "stages"}


def _stages(engine: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the stages of an Engine did, by their names."""
    return {name: _stage(stage) for name, stage in engine["stages"].items() if stage is not None}


def _stage(stage: Mapping[str, t.Any]) -> dict[str, t.Any]:
    told = {key: stage[key] for key in _TOLD if stage.get(key)}
    lists = {key: [_entry(entry) for entry in stage[key]] for key in KINDS if stage.get(key)}
    return {**told, **lists}


def _entry(entry: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """An entry with IDs as people read them: whole ones do not compress, and are in C(report.json)."""
    return {key: short_id(value) if key in _IDS and value else value for key, value in entry.items()}


def _entries(host: Mapping[str, t.Any]) -> Iterator[tuple[str, str, Mapping[str, t.Any]]]:
    """The stage, the kind and the entry of everything that a report lists of a host."""
    for engine in host["engines"]:
        for name, stage in engine["stages"].items():
            for key, kind in KINDS.items():
                for entry in (stage or {}).get(key) or ():
                    yield name, kind, entry


def _rules(report: Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """How many things of which kind had which verdict by which rule, and their bytes; the largest first."""
    counted: dict[tuple[str, str, str, str], list[int]] = collections.defaultdict(lambda: [0, 0])
    for host in report["hosts"]:
        for stage, kind, entry in _entries(host):
            numbers = counted[stage, kind, entry["action"], _rule(entry)]
            numbers[0] += 1
            numbers[1] += entry.get("size") or 0
    rows = [
        {"stage": stage, "kind": kind, "action": action, "rule": rule, "count": count, "size": size}
        for (stage, kind, action, rule), (count, size) in counted.items()
    ]
    return sorted(rows, key=lambda row: (-row["size"], -row["count"], row["stage"], row["action"], row["rule"]))


def _rule(entry: Mapping[str, t.Any]) -> str:
    rule = entry.get("rule") or ""
    return rule if isinstance(rule, str) else ", ".join(map(str, rule))


def _shared(report: Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The images that more than one host has: the ones on most hosts first."""
    hosts: collections.Counter[str] = collections.Counter()
    deleted: collections.Counter[str] = collections.Counter()
    images: dict[str, Mapping[str, t.Any]] = {}
    for host in report["hosts"]:
        # The image of a later stage last: what became of it in the end.
        here = {image["id"]: image for image in _images(host)}
        hosts.update(here.keys())
        deleted.update(found for found, image in here.items() if image["action"] == "deleted")
        images.update(here)
    many = sorted((found for found in hosts if hosts[found] > 1), key=lambda found: (-hosts[found], found))
    return [
        {
            "id": short_id(found),
            "references": list(images[found].get("references") or ()),
            "size": images[found].get("size"),
            "hosts": hosts[found],
            "deleted": deleted[found],
        }
        for found in many[:_SHARED]
    ]


def _images(host: Mapping[str, t.Any]) -> Iterable[Mapping[str, t.Any]]:
    return (entry for _stage_name, kind, entry in _entries(host) if kind == KINDS["images"])


def _packed(value: t.Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"), 6)).decode("ascii")


def _data(value: t.Any) -> str:
    """JSON that cannot end the element that holds it."""
    written = json.dumps(value, separators=(",", ":"))
    for mark in "<>&":
        written = written.replace(mark, f"\\u{ord(mark):04x}")
    return written


def _text(value: str) -> str:
    return html.escape(value).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _hash(content: str) -> str:
    """How a policy names lines that may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode('utf-8')).digest()).decode('ascii')}"

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The files of a report on the controller: written aside and renamed, so that a reader sees the old one or the new one."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import tempfile
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.metrics import fleet_metrics
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.page import (
    comma_separated,
    images_comma_separated,
    markdown,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    HOST_SCHEMA,
    SCHEMA,
    SCHEMA_VERSION,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.web_page import (
    Parts,
    web_page,
    without_stages,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_REPORT = "report.json"
_FLEET_FILES = (_REPORT, "report.md", "report.csv", "images.csv", "report.html")

#: The report of the run before without what its stages listed, for the page to say what changed.
_PREVIOUS = "report.previous.json"

#: Spaces to the right for each level of a report, and the level of what a stage lists: report, hosts, host, engines, engine,
#: stages, stage, list.
_INDENT = 2
_DEPTH = 8

#: It remembers of earlier runs when each host succeeded and failed last, so it is replaced and never removed.
_METRICS = "metrics.prom"

#: What the page is made of: a collection has its files for the controller with its playbooks.
_PAGE = os.path.join(os.path.dirname(__file__), *[os.pardir] * 3, "playbooks", "files", "report")
#: In the order in which they need each other.
_LIBRARIES = (
    *("d3-array", "d3-color", "d3-format", "d3-interpolate", "d3-time", "d3-time-format"),
    *("d3-scale", "d3-selection", "d3-axis"),
)


def utc_now() -> str:
    """The time as reports write it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclasses.dataclass(frozen=True)
class ReportDirectory:
    """A directory that reports or snapshots are written to; ``option`` is the variable that names it."""

    path: str
    option: str = "image_cleanup_report_dir"

    @classmethod
    def create(cls, name: str, option: str = option) -> ReportDirectory:
        """The directory, a relative one below the working directory, after a file was written to it on trial."""
        path = os.path.abspath(os.path.expanduser(name))
        try:
            os.makedirs(path, mode=0o750, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as exc:
            raise InvalidRequest(f"{option}: cannot write to {path}: {exc.strerror or exc}") from exc
        return cls(path, option)

    def forget_the_fleet(self) -> None:
        """Remove the report of an earlier run, so that nobody takes it for that of this one; its figures are kept aside."""
        previous = _report_in(self.path, _REPORT)
        if previous is not None:
            self._write(_PREVIOUS, json.dumps(previous, separators=(",", ":")) + "\n")
        for name in _FLEET_FILES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.path, name))

    def write_host(self, host: str, report: Mapping[str, t.Any]) -> None:
        """``HOST.json``."""
        self._write(_file_of(host), _json(report))

    def of_other_hosts(self, hosts: Iterable[str]) -> list[str]:
        """The files of hosts that are none of these, such as those that left the inventory: their reports stay as they were."""
        known = {*_FLEET_FILES, *map(_file_of, hosts)}
        names = sorted(name for name in os.listdir(self.path) if name.endswith(".json") and name not in known)
        return [name for name in names if HOST_SCHEMA in _beginning(os.path.join(self.path, name))]

    def write_snapshot(self, host: str, number: int, snapshot: Mapping[str, t.Any]) -> None:
        """``HOST.json`` of a host's first Engine, and ``HOST@2.json`` of its second."""
        suffix = "" if number == 1 else f"@{number}"
        self._write(f"{host.replace(os.sep, '_')}{suffix}.json", json.dumps(snapshot, separators=(",", ":")) + "\n")

    def write_fleet(self, report: Mapping[str, t.Any]) -> None:
        """``report.json``, and the same for people."""
        previous = _report_in(self.path, _PREVIOUS)
        texts = (
            _json(report),
            markdown(report),
            comma_separated(report),
            images_comma_separated(report),
            web_page(report, read_parts(), previous),
        )
        for name, text in zip(_FLEET_FILES, texts):
            self._write(name, text)
        self._write(_METRICS, fleet_metrics(report, self._earlier_metrics()))

    def _earlier_metrics(self) -> str:
        try:
            return _read(self.path, _METRICS)
        except (OSError, UnicodeError):
            return ""

    def _write(self, name: str, text: str) -> None:
        path = os.path.join(self.path, name)
        try:
            descriptor, aside = tempfile.mkstemp(prefix=f".{name}.", dir=self.path)
            try:
                # Half a character, as Python reads bytes that are no UTF-8, becomes what it is in JSON.
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(text)
                os.chmod(aside, 0o640)
                os.replace(aside, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(aside)
                raise
        except OSError as exc:
            raise InvalidRequest(f"{self.option}: cannot write {path}: {exc.strerror or exc}") from exc


def _report_in(directory: str, name: str) -> dict[str, t.Any] | None:
    """The report in a file, or nothing where there is none that can be read."""
    try:
        found = json.loads(_read(directory, name), parse_constant=_refused)
        is_one = (found["schema"], found["schema_version"]) == (SCHEMA, SCHEMA_VERSION)
        return without_stages(found) if is_one else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _refused(constant: str) -> t.NoReturn:
    raise ValueError(f"{constant} is no JSON")


def read_parts() -> Parts:
    """The style and the script of the page. The licence of the libraries is a comment before them."""
    vendor = os.path.join(_PAGE, "vendor")
    libraries = [_read(vendor, f"{name}.min.js") for name in _LIBRARIES]
    licence = "/*\n{}*/\n".format(_read(vendor, "LICENSE"))
    return Parts(_read(_PAGE, "page.css"), "".join([licence, *libraries, _read(_PAGE, "page.js")]))


def _read(*path: str) -> str:
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def _file_of(host: str) -> str:
    return f"{host.replace(os.sep, '_')}.json"


def _beginning(path: str) -> str:
    """As much of a file as says what it is; nothing of one that cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(200)
    except OSError:
        return ""


def _json(report: Mapping[str, t.Any]) -> str:
    """Keys in the order of the schema. What a stage lists has a line for each entry: it is quick to write and to look through."""
    return f"{_lines(report, 0)}\n"


def _lines(value: t.Any, depth: int) -> str:
    """JSON of many lines down to the entries of a stage's lists, each of which is one."""
    if depth >= _DEPTH or not value or not isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_lines(inner, depth + 1)}" for key, inner in value.items()]
    else:
        parts = [_lines(inner, depth + 1) for inner in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    margin = " " * _INDENT * (depth + 1)
    inside = f",\n{margin}".join(parts)
    return f"{first}\n{margin}{inside}\n{margin[_INDENT:]}{last}"

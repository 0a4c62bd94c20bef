# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Durations and points in time, as the Engine's filters write them. No clock: ``now`` is an argument."""

from __future__ import annotations

import datetime
import re
import typing as t

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION_RE = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w))+\Z")
_DURATION_PART_RE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_UNIX_RE = re.compile(r"[0-9]{9,}(?:\.[0-9]+)?\Z")
_TIMESTAMP_RE = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?))?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?\Z"
)

#: Creation dates before this are those of reproducible builds (1970, 1980 and the zero time): no age at all.
EARLIEST_CREDIBLE = datetime.datetime(1990, 1, 1, tzinfo=datetime.timezone.utc).timestamp()
#: The end of the year 9999. Later than that are milliseconds; read as seconds they would make every image old.
_LATEST = 253402300799


class Moment(t.NamedTuple):
    """A limit in time as an operator wrote it."""

    text: str
    seconds_ago: float | None
    timestamp: float | None
    assumed_local: bool

    @classmethod
    def parse(cls, text: str) -> Moment:
        """Read a duration (``168h``, ``7d``, ``2w``, ``1h30m``) or a timestamp (``2020-07-07T00:00:00Z``, a date, Unix seconds).

        A timestamp without a zone is in the local time of the managed host. Raises ``ValueError`` with the input quoted.
        """
        text = text.strip()
        if _DURATION_RE.match(text):
            return cls(text, parse_duration(text), None, False)
        if _UNIX_RE.match(text):
            if float(text) > _LATEST:
                raise ValueError(f"{text!r} is not a valid timestamp: Unix seconds are meant, not milliseconds")
            return cls(text, None, float(text), False)
        match = _TIMESTAMP_RE.match(text)
        if match is None:
            raise ValueError(
                f"{text!r} is neither a duration (such as 168h, 7d, 2w or 1h30m)"
                " nor a timestamp (such as 2020-07-07T00:00:00Z or 2020-07-07)"
            )
        try:
            return cls(text, None, _timestamp(match), match.group("zone") is None)
        except (ValueError, OverflowError) as exc:
            raise ValueError(f"{text!r} is not a valid timestamp: {exc}") from exc

    def at(self, now: float) -> float:
        """This limit in Unix seconds, seen from ``now``."""
        return self.timestamp if self.timestamp is not None else now - (self.seconds_ago or 0.0)


def parse_duration(text: str) -> float:
    """Seconds of a duration such as ``1h30m``; the units are ms, s, m, h, d and w. Raises ``ValueError``."""
    if not _DURATION_RE.match(text):
        raise ValueError(f"{text!r} is not a duration such as 168h, 7d, 2w or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART_RE.findall(text))


def _timestamp(match: t.Match[str]) -> float:
    clock = match.group("time") or "00"
    parts = clock.split(":")
    seconds = float(parts[2]) if len(parts) > 2 else 0.0
    whole = datetime.datetime.strptime(match.group("date"), "%Y-%m-%d").replace(
        hour=int(parts[0]), minute=int(parts[1]) if len(parts) > 1 else 0, second=int(seconds)
    )
    zone = match.group("zone")
    if zone is None:
        return whole.timestamp() + seconds % 1
    offset = datetime.timedelta(0)
    if zone != "Z":
        digits = zone[1:].replace(":", "")
        offset = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
    return whole.replace(tzinfo=datetime.timezone(offset)).timestamp() + seconds % 1


def parse_engine_time(text: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time with nanoseconds as the Engine prints it; ``None`` for none and the zero time."""
    if not text:
        return None
    match = _TIMESTAMP_RE.match(text)
    if match is None or text.startswith("0001-01-01"):
        return None
    try:
        return _timestamp(match)
    except (ValueError, OverflowError):
        return None


def is_credible(created: float | None) -> bool:
    """Whether a creation date says anything of an image's age."""
    return created is not None and created >= EARLIEST_CREDIBLE


def format_time(timestamp: float | None) -> str | None:
    """A point in time as results show it: RFC 3339, UTC, whole seconds."""
    if timestamp is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(timestamp, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None

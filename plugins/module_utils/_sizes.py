# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Sizes as an operator writes them, and as a person reads them. No I/O."""

from __future__ import annotations

import re
import typing as t

_SIZE_RE = re.compile(r"(?P<number>[0-9]{1,18}(?:\.[0-9]+)?) ?(?P<unit>[a-z]+|%)\Z", re.IGNORECASE)
_BARE_RE = re.compile(r"[0-9]+(?:\.[0-9]+)?\Z")
_FACTORS = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class Size(t.NamedTuple):
    """A size: bytes, or a percentage of what a file system holds."""

    text: str
    bytes: int = 0
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read ``20GB``, ``1.5 GiB``, ``512B`` or ``50%``. A unit is required. Raises ``ValueError``."""
        text = text.strip()
        if _BARE_RE.match(text):
            raise ValueError(f"{text!r} has no unit: write {text}GB (10^9 bytes each) or {text}GiB (2^30 bytes each)")
        match = _SIZE_RE.match(text)
        unit = match.group("unit").lower() if match is not None else ""
        if match is not None and unit == "%":
            percent = float(match.group("number"))
            if percent > 100:
                raise ValueError(f"{text!r} is not a percentage from 0% to 100%")
            return cls(text, percent=percent)
        if match is None or unit not in _FACTORS:
            raise ValueError(
                f"{text!r} is not a size such as 20GB (10^9 bytes each), 20GiB (2^30 bytes each) or 50% (of the file system)"
            )
        return cls(text, int(float(match.group("number")) * _FACTORS[unit]))

    def of(self, total: int) -> int:
        """The bytes, on a file system that holds so many."""
        return self.bytes if self.percent is None else int(self.percent / 100 * total)


def human_size(size: float) -> str:
    """Bytes for a person: three digits, in the decimal units that ``docker images`` uses."""
    power = 0
    while _three_digits(size) >= 1000 and power < len(_UNITS) - 1:
        size, power = size / 1000, power + 1
    return f"{_three_digits(size):g} {_UNITS[power]}"


def _three_digits(number: float) -> float:
    return float(f"{number:.3g}")

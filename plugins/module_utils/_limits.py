# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What the limits of a policy have in common: reading them with the option in every message, and how full a disk may be. No I/O."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem


def given(option: str, raw: Mapping[str, t.Any] | None, known: Iterable[str]) -> dict[str, t.Any]:
    """The suboptions that have a value. Raises :class:`InvalidRequest` for one that is not known."""
    known = tuple(known)
    for key in raw or {}:
        if key not in known:
            raise InvalidRequest(f"{option}: unknown option {key!r}; known are {', '.join(known)}")
    return {key: value for key, value in (raw or {}).items() if value is not None}


def choice(option: str, value: t.Any, choices: tuple[str, ...]) -> str:
    """One of these. Raises :class:`InvalidRequest`."""
    if value not in choices:
        raise InvalidRequest(f"{option}: {value!r} is none of {', '.join(choices)}")
    return str(value)


def whole(option: str, value: t.Any) -> int:
    """A whole number of 0 or more. Raises :class:`InvalidRequest`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequest(f"{option}: {value!r} is not a whole number of 0 or more")
    return value


def percent(option: str, value: t.Any) -> float:
    """A percentage. Raises :class:`InvalidRequest`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise InvalidRequest(f"{option}: {value!r} is not a percentage from 0 to 100")
    return float(value)


class DiskUse(t.NamedTuple):
    """How full a file system may be, in percent: removing begins above the one, and ends below the other."""

    above: float
    below: float

    @classmethod
    def parse(cls, option: str, limits: Mapping[str, t.Any]) -> DiskUse | None:
        """Read ``disk_used_above`` and ``disk_used_below``; one alone is both. ``None`` when neither is given."""
        above, below = limits.get("disk_used_above"), limits.get("disk_used_below")
        if above is None and below is None:
            return None
        above = percent(f"{option}.disk_used_above", below if above is None else above)
        below = percent(f"{option}.disk_used_below", above if below is None else below)
        if below > above:
            raise InvalidRequest(
                f"{option}.disk_used_below: {below:g} is more than disk_used_above: {above:g}, so that it would never be the limit"
            )
        return cls(above, below)

    def needed(self, disk: FileSystem) -> float:
        """The bytes that must be freed; infinite where inodes are short, because no API says how many something frees."""
        if disk.inodes_percent > self.above:
            return math.inf
        if disk.percent > self.above:
            return disk.used - self.below / 100 * (disk.used + disk.free)
        return 0.0

    def missed(self, before: FileSystem, after: FileSystem, acts: bool | None = None) -> list[str]:
        """What is not met, in words. Whether removing began, ``acts``, is told where ``before`` is not how it began."""
        if acts is None:
            acts = max(before.percent, before.inodes_percent) > self.above
        name, most = ("disk_used_below", self.below) if acts else ("disk_used_above", self.above)
        return [
            f"{name} is {most:g} %, but {used:g} % of the {noun} of {after.path} are used"
            for noun, used in (("bytes", after.percent), ("inodes", after.inodes_percent))
            if used > most
        ]

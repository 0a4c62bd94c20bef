# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Whether builds are running, by what they leave in the build cache: no request lists them."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import CLOCK

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord

#: Seconds since its last use in which a record is spared while builds are running.
_RECENT = 600.0
#: Seconds without a use after which no build is running. One that has ended lets go of its records a moment later.
_QUIET = 1.0
#: How often a cache that is used is looked at again.
_LOOKS = 2


class Builds(t.NamedTuple):
    """Whether builds are running, and in how many seconds since its last use a record is spared then."""

    are_running: bool = False
    spared: float = _RECENT

    @classmethod
    def of(cls, engine: EngineFacts, are_running: bool) -> Builds:
        """With the containerd store of older Engines, any removal takes away what a build has just made."""
        return cls(are_running, _RECENT if engine.keeps_content_of_builds else math.inf)

    def reason(self, records: int = 1) -> str:
        """Why a record is spared, or several are."""
        if math.isinf(self.spared):
            return "with this Engine any removal can break a build"
        used = "it was" if records == 1 else "they were"
        return f"{used} used in the last {self.spared / 60:.0f} minutes"

    def may_need(self, record: CacheRecord, now: float) -> bool:
        """Whether a build that runs may need the record."""
        return _is_recent(record, now, self.spared)


def read_records(
    read: Callable[[], tuple[CacheRecord, ...]], now: float, clock: Clock = CLOCK
) -> tuple[tuple[CacheRecord, ...], bool]:
    """The records, and whether builds are running. Where there is a sign of one, it takes a moment to be sure."""
    records = read()
    if not any(record.in_use or _is_recent(record, now, _QUIET) for record in records):
        return records, False
    for _look in range(_LOOKS):
        clock.sleep(_QUIET)
        earlier, records = records, read()
        if not shows_build(earlier, records):
            return records, False
    return records, True


def shows_build(earlier: Iterable[CacheRecord], records: Sequence[CacheRecord]) -> bool:
    """Whether a record is in use, or was created or used since an earlier look."""
    uses = {(record.id, record.last_used) for record in earlier}
    return any(record.in_use or (record.id, record.last_used) not in uses for record in records)


def _is_recent(record: CacheRecord, now: float, seconds: float) -> bool:
    """Whether the record was created or used in these last seconds. One of which that is not known may have been."""
    times = [time for time in (record.created, record.last_used) if time is not None]
    return not times or max(times) > now - seconds

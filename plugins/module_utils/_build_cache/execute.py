# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Carries a plan out on an Engine, in batches that name each record, and reads back what is left. It decides nothing."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.builds import shows_build
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import SKIPPED, Verdict, own_size
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import EngineLost, Patience
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import RECORDS, Progress

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import Cache, Plan, Removal
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord, PrunedCache

#: Records a request: their IDs are in its address, and 8 kB of that is what every proxy takes.
BATCH = 200
#: How often a removal is tried whose answer was an error or got lost.
_ATTEMPTS = 3


class Engine(t.Protocol):
    """What the executor needs of an Engine."""

    def build_cache(self) -> tuple[CacheRecord, ...]:
        """The records of the build cache. Raises :class:`EngineError`."""

    def prune_build_cache(self, ids: Sequence[str], all_records: bool) -> PrunedCache:
        """``POST /build/prune`` of exactly these records. Raises :class:`EngineError`."""


class Outcome(t.NamedTuple):
    """What became of a plan. Check mode's is the predicted one.

    ``deleted`` are IDs in the order of the plan, ``skipped`` the verdicts of planned removals that did not happen, and
    ``left`` is what the Engine holds afterwards, or ``None`` when it did not say. ``space`` are bytes; ``is_exact`` is
    whether the Engine confirmed all of them. ``failure`` is why the task failed.
    """

    plan: Plan
    deleted: tuple[str, ...] = ()
    skipped: t.Mapping[str, Verdict] = {}
    left: Cache | None = None
    space: int = 0
    is_exact: bool = True
    failure: str = ""


def carry_out(
    plan: Plan,
    engine: Engine,
    check_mode: bool,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """The outcome of a plan: predicted in check mode and where there is nothing to do, real otherwise."""
    if check_mode or not plan.removals:
        return predict(plan)
    return _Run(plan, engine, patience or Patience(), progress or Progress()).outcome()


def predict(plan: Plan) -> Outcome:
    """The outcome if nothing happens on the Engine meanwhile."""
    ids = tuple(removal.record.id for removal in plan.removals)
    space = sum(own_size(removal.record) for removal in plan.removals)
    return Outcome(plan, ids, {}, plan.cache.without(frozenset(ids)), space)


class _Run:
    """One run of a plan: what the Engine confirmed, and the removals whose answers do not say what happened."""

    def __init__(self, plan: Plan, engine: Engine, patience: Patience, progress: Progress) -> None:
        self._plan = plan
        self._engine = engine
        self._patience = patience
        self._confirmed: set[str] = set()
        self._unclear: set[str] = set()
        self._spared: dict[str, str] = {}
        self._space = 0
        self._count = progress.of(RECORDS, len(plan.removals))

    def outcome(self) -> Outcome:
        """Remove, look, and try again what an unclear answer left."""
        pending: Sequence[Removal] = self._plan.removals
        trouble = ""
        for _attempt in range(_ATTEMPTS):
            trouble = self._remove(pending)
            try:
                listed = {record.id: record for record in self._patience.ask(self._engine.build_cache)}
            except (EngineError, EngineLost) as exc:
                return self._blind_outcome(trouble or str(exc))
            pending = [removal for removal in self._plan.removals if removal.record.id in listed]
            if not trouble or not pending:
                break
        failure = (
            f"{len(pending)} of {len(self._plan.removals)} removals failed: {trouble}" if trouble and pending else ""
        )
        return self._seen_outcome(listed, failure, trouble)

    def _remove(self, removals: Sequence[Removal]) -> str:
        """Send the batches; what went wrong with the first that got no clear answer, which ends this."""
        for batch in _batches(removals):
            ids: list[str] = []
            try:
                going = self._still_free(batch, self._engine.build_cache())
                ids = [removal.record.id for removal in going]
                answer = self._engine.prune_build_cache(ids, any(removal.needs_all for removal in going))
            except (EngineError, EngineUnavailable) as exc:
                self._unclear.update(ids)
                return str(exc)
            self._confirmed.update(answer.deleted)
            self._space += answer.space
            self._count.add(len(batch), answer.space)
        return ""

    def _still_free(self, batch: Sequence[Removal], records: Sequence[CacheRecord]) -> list[Removal]:
        """Those of a batch that no build has come to need since planning, by a look right before their removal."""
        planned = {record.id: record.last_used for record in self._plan.cache.records}
        used = {record.id for record in records if record.in_use or record.last_used != planned.get(record.id)}
        spared = dict.fromkeys(used, "a build came to use it after planning")
        if shows_build(self._plan.cache.records, records):
            began = f"a build started after planning, and {self._plan.cache.builds.reason()}"
            spared = {**dict.fromkeys(self._plan.recent, began), **spared}
        self._spared.update(
            {removal.record.id: spared[removal.record.id] for removal in batch if removal.record.id in spared}
        )
        return [removal for removal in batch if removal.record.id not in self._spared]

    def _seen_outcome(self, listed: Mapping[str, CacheRecord], failure: str, trouble: str) -> Outcome:
        deleted, skipped = [], {}
        for removal in self._plan.removals:
            record_id = removal.record.id
            if record_id in listed:
                why = self._spared.get(record_id) or _why_it_stays(listed[record_id], listed)
                reason = trouble if failure else why
                skipped[record_id] = Verdict(SKIPPED, removal.rule, reason)
            elif record_id in self._confirmed or record_id in self._unclear:
                deleted.append(record_id)
            else:
                skipped[record_id] = Verdict(SKIPPED, removal.rule, "somebody else had removed it")
        left = self._plan.cache._replace(records=tuple(listed.values()))
        space, is_exact = self._freed(deleted)
        return Outcome(self._plan, tuple(deleted), skipped, left, space, is_exact, failure)

    def _blind_outcome(self, trouble: str) -> Outcome:
        """What the Engine confirmed before it was lost."""
        deleted = [removal.record.id for removal in self._plan.removals if removal.record.id in self._confirmed]
        skipped = {
            removal.record.id: Verdict(SKIPPED, removal.rule, f"whether it was removed is not known: {trouble}")
            for removal in self._plan.removals
            if removal.record.id not in self._confirmed
        }
        space, _is_exact = self._freed(deleted)
        return Outcome(self._plan, tuple(deleted), skipped, None, space, False, f"the Engine was lost: {trouble}")

    def _freed(self, deleted: Sequence[str]) -> tuple[int, bool]:
        """Bytes, and whether the Engine confirmed each. It counts those that an image has too, which are not freed."""
        gone = frozenset(deleted)
        records = [removal.record for removal in self._plan.removals if removal.record.id in gone]
        shared = sum(record.size for record in records if record.shared and record.id in self._confirmed)
        unconfirmed = [record for record in records if record.id not in self._confirmed]
        space = max(self._space - shared, 0) + sum(own_size(record) for record in unconfirmed)
        return space, not unconfirmed


def _batches(removals: Sequence[Removal]) -> Iterator[Sequence[Removal]]:
    for start in range(0, len(removals), BATCH):
        yield removals[start : start + BATCH]


def _why_it_stays(record: CacheRecord, listed: Mapping[str, CacheRecord]) -> str:
    """The Engine leaves a record without a word; the listing afterwards shows what changed after planning."""
    if record.in_use:
        return "a build came to use it after planning"
    child = next((other.id for other in listed.values() if record.id in other.parents), None)
    if child is not None:
        return f"its child {child} came up after planning, or stays"
    return "the Engine kept it, probably because a build used it for a moment"

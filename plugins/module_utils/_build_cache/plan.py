# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which records of the build cache go, in which order, and why the others stay. No I/O, no clock."""

from __future__ import annotations

import dataclasses
import heapq
import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.builds import Builds
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import (
    CREATED,
    FRONTEND,
    INTERNAL,
    LARGEST,
    Guard,
    Keep,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import NOTHING, Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rivals

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import (
        Matches,
        Remove,
        Request,
        Target,
    )
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord
    from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rest

DELETED, KEPT, SKIPPED = "deleted", "kept", "skipped"


ALL, UNUSED = Rule("remove.all"), Rule("remove.unused")
IN_USE, HAS_CHILD, TARGET = Rule("in use"), Rule("child"), Rule("target")
BUILDS = Rule("builds running")


class Verdict(t.NamedTuple):
    """What becomes of a record: the action, the rule that decided, and a sentence that says why."""

    action: str
    rule: Rule
    reason: str


class Removal(t.NamedTuple):
    """One record that goes, and the selector that it goes by."""

    record: CacheRecord
    rule: Rule

    @property
    def needs_all(self) -> bool:
        """Whether C(docker builder prune) would leave it alone without ``--all``."""
        return not _is_plain(self.record)


class Cache(t.NamedTuple):
    """What a plan is made from: the records, the file system if a target asks for it, and the builds that run."""

    records: tuple[CacheRecord, ...] = ()
    file_system: FileSystem | None = None
    builds: Builds = Builds()

    @property
    def size(self) -> int:
        """The bytes of the cache alone, as C(docker system df) counts them: what an image shares is not the cache's."""
        return sum(own_size(record) for record in self.records)

    def after(self, freed: int) -> Cache:
        """The same when bytes were freed on its file system."""
        disk = self.file_system
        if disk is None or not freed:
            return self
        return self._replace(file_system=disk._replace(used=max(disk.used - freed, 0), free=disk.free + freed))

    def without(self, ids: t.Collection[str]) -> Cache:
        """The same without these records."""
        freed = sum(own_size(record) for record in self.records if record.id in ids)
        left = self._replace(records=tuple(record for record in self.records if record.id not in ids))
        return left.after(freed)


class Goal(t.NamedTuple):
    """The bytes that a target asks for; infinite when every candidate has to go. ``unknown`` is what could not be measured.

    ``rest`` is what images left of it, where they share the target.
    """

    needed: float
    unknown: str | None = None
    rest: Rest | None = None


class Breach(t.NamedTuple):
    """The guard's rule that a plan breaks, with its limit and what the plan would do."""

    rule: str
    limit: float
    found: float
    text: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """The removals in their order, children before their parents, and a verdict for every record.

    ``recent`` are the IDs of those removals that have to stay when a build starts after planning.
    """

    cache: Cache
    request: Request
    removals: tuple[Removal, ...] = ()
    verdicts: t.Mapping[str, Verdict] = dataclasses.field(default_factory=dict)
    goal: Goal | None = None
    breach: Breach | None = None
    recent: frozenset[str] = frozenset()


def plan_prune(cache: Cache, request: Request, now: float, rest: Rest | None = None) -> Plan:
    """The plan of a task. ``rest`` is what images left of a target that they share with the build cache."""
    selected, verdicts = _candidates(cache, request, now)
    goal = None if request.target is None else goal_of(request.target, cache)
    if goal is not None and goal.unknown is None and rest is not None:
        goal = Goal(rest.left(_no_longer_shared(cache, rest)), rest=rest)
    removals = tuple(_taken(selected, request.target, goal))
    going = {removal.record.id for removal in removals}
    verdicts.update({key: _left_by_target(goal) for key in selected if key not in going})
    verdicts.update({removal.record.id: _deleted(removal, request) for removal in removals})
    verdicts.update({record.id: _NOT_SELECTED for record in cache.records if record.id not in verdicts})
    breach = breach_of(len(removals), len(cache.records), request.guard)
    if breach is None:
        recent = frozenset(removal.record.id for removal in removals if cache.builds.may_need(removal.record, now))
        return Plan(cache, request, removals, verdicts, goal, recent=recent)
    refused = {key: _refused(verdict, breach) for key, verdict in verdicts.items()}
    return Plan(cache, request, (), refused, goal, breach)


def rivals_of(cache: Cache, request: Request, now: float, order: str) -> Rivals:
    """What a plan can remove instead of images, for a target that they share."""
    selected, _verdicts = _candidates(cache, request, now)
    removals = _taken(selected, request.target, None)
    return Rivals.of(((_rank(removal.record, order), own_size(removal.record)) for removal in removals), order)


def _rank(record: CacheRecord, order: str) -> float:
    """As the rank of an image: when it was last used, or how large it is. What is unknown comes last."""
    used = last_used(record)
    return -own_size(record) if order == LARGEST else math.inf if used is None else used


def _no_longer_shared(cache: Cache, rest: Rest) -> int:
    """The bytes that the images were expected to free, and that the build cache still has."""
    return sum(own_size(record) for record in cache.records if record.id in rest.shared)


def _candidates(cache: Cache, request: Request, now: float) -> tuple[dict[str, Removal], dict[str, Verdict]]:
    """What can be removed, and why the rest of what is selected, or kept by a rule, stays."""
    verdicts = _kept(cache, request, now)
    selected = _selected(cache.records, request, verdicts)
    if request.target is not None:
        shared = {key: _FREES_NOTHING for key, removal in selected.items() if removal.record.shared}
        verdicts.update(shared)
        selected = {key: removal for key, removal in selected.items() if key not in shared}
    selected, held = _without_held(cache.records, selected, verdicts)
    return selected, {**verdicts, **held}


def _selected(records: Sequence[CacheRecord], request: Request, kept: Mapping[str, Verdict]) -> dict[str, Removal]:
    judged = ((record, selector_of(record, request.remove)) for record in records if record.id not in kept)
    return {record.id: Removal(record, rule) for record, rule in judged if rule is not None}


# What the rules say of one record


def own_size(record: CacheRecord) -> int:
    """The bytes that its removal frees: none where an image has them too."""
    return 0 if record.shared else record.size


def _is_plain(record: CacheRecord) -> bool:
    """Whether C(docker builder prune) takes it without ``--all`` (``cache/manager.go`` of BuildKit)."""
    return record.type not in (INTERNAL, FRONTEND) and not record.shared


def selector_of(record: CacheRecord, remove: Remove) -> Rule | None:
    """The first selector that matches the record."""
    if remove.all:
        return ALL
    if remove.unused and _is_plain(record):
        return UNUSED
    return _matching("remove", record, remove.matches)


def _matching(option: str, record: CacheRecord, matches: Matches) -> Rule | None:
    if record.type in matches.types:
        return Rule(f"{option}.types", record.type)
    for pattern in matches.descriptions:
        if pattern.finds(record.description):
            return Rule(f"{option}.descriptions", pattern.text)
    return None


def last_used(record: CacheRecord) -> float | None:
    """When it was last used; a record that never was counts from its creation."""
    return record.created if record.last_used is None else record.last_used


def keeper_of(record: CacheRecord, keep: Keep, now: float) -> Verdict | None:
    """Why the record stays whatever selects it."""
    if record.in_use:
        return Verdict(KEPT, IN_USE, "it is in use by a build, or by a record that is")
    rule = _matching("keep", record, keep.matches)
    if rule is not None:
        return Verdict(KEPT, rule, f"{rule} keeps it")
    if keep.younger_than is None:
        return None
    time = record.created if keep.age_by == CREATED else last_used(record)
    rule = Rule("keep.younger_than", keep.younger_than.text)
    if time is None:
        return Verdict(KEPT, rule, f"{rule} keeps it, because its age is unknown")
    if time > keep.younger_than.at(now):
        return Verdict(KEPT, rule, f"{rule} keeps it")
    return None


def _kept(cache: Cache, request: Request, now: float) -> dict[str, Verdict]:
    judged = ((record.id, keeper_of(record, request.keep, now)) for record in cache.records)
    kept = {record_id: verdict for record_id, verdict in judged if verdict is not None}
    if not cache.builds.are_running:
        return kept
    # BuildKit does not hold what a build will need next, and not all that it needs at this moment.
    spared = Verdict(KEPT, BUILDS, f"builds are running, and {cache.builds.reason()}")
    return {**{record.id: spared for record in cache.records if cache.builds.may_need(record, now)}, **kept}


# What records mean to each other


def _without_held(
    records: Sequence[CacheRecord], selected: Mapping[str, Removal], verdicts: Mapping[str, Verdict]
) -> tuple[dict[str, Removal], dict[str, Verdict]]:
    """The removals that can be carried out, and why the others cannot: a record with a child that stays stays too."""
    by_id = {record.id: record for record in records}
    left = dict(selected)
    held: dict[str, Verdict] = {}
    # By ID, so that of several children that stay the same one is named however the Engine lists them.
    pending = sorted((record for record in records if record.id not in selected), key=lambda record: record.id)
    while pending:
        child = pending.pop()
        for parent in child.parents:
            if left.pop(parent, None) is not None:
                held[parent] = _held_by(child, verdicts)
                pending.append(by_id[parent])
    return left, held


def _held_by(child: CacheRecord, verdicts: Mapping[str, Verdict]) -> Verdict:
    verdict = verdicts.get(child.id)
    because = f" ({verdict.reason})" if verdict is not None else ""
    return Verdict(KEPT, HAS_CHILD, f"its child {child.id} stays{because}")


def _taken(candidates: Mapping[str, Removal], target: Target | None, goal: Goal | None) -> Iterator[Removal]:
    """The removals in their order, each record after its children, until the goal is met."""
    order = LARGEST if target is not None and target.order == LARGEST else ""
    waiting_for = dict.fromkeys(candidates, 0)
    for removal in candidates.values():
        for parent in removal.record.parents:
            if parent in waiting_for:
                waiting_for[parent] += 1
    ready = [_order_key(removal.record, order) for key, removal in candidates.items() if not waiting_for[key]]
    heapq.heapify(ready)
    freed = 0
    while ready and (goal is None or freed < goal.needed):
        removal = candidates[heapq.heappop(ready)[-1]]
        freed += own_size(removal.record)
        yield removal
        for parent in removal.record.parents:
            if parent in waiting_for:
                waiting_for[parent] -= 1
                if not waiting_for[parent]:
                    heapq.heappush(ready, _order_key(candidates[parent].record, order))


def _order_key(record: CacheRecord, order: str) -> tuple[t.Any, ...]:
    """The first to go is the least; what is unknown goes last. The ID ends every tie."""
    used = last_used(record)
    size = -own_size(record) if order == LARGEST else 0
    return (size, used is None, used or 0.0, record.id)


# Targets and guards


def goal_of(target: Target, cache: Cache) -> Goal:
    """How many bytes must go to meet the limits of a target, as far as they can be measured."""
    disk, needed = cache.file_system, 0.0
    limit = size_limit(target, disk)
    if limit is not None:
        needed = max(needed, cache.size - limit)
    if target.disk is not None and disk is not None:
        needed = max(needed, target.disk.needed(disk))
    return Goal(needed, "the file system of the Engine's data" if target.minds_disk and disk is None else None)


def size_limit(target: Target, disk: FileSystem | None) -> int | None:
    """The bytes that the cache may have; ``None`` without such a limit, or where its percentage is of nothing known."""
    size = target.total_size
    if size is None or (size.percent is not None and disk is None):
        return None
    return size.of(0 if disk is None else disk.total)


def breach_of(going: int, records: int, guard: Guard) -> Breach | None:
    """The first rule of the guard that a plan breaks."""
    if guard.max_records is not None and going > guard.max_records:
        text = f"{counted(going)} would be deleted, but guard.max_records is {guard.max_records}"
        return Breach("guard.max_records", guard.max_records, going, text)
    if guard.max_percent is not None and going:
        share = 100 * going / records
        if share > guard.max_percent:
            text = (
                f"{going} of {counted(records)} ({share:.1f} %) would be deleted,"
                f" but guard.max_percent is {guard.max_percent:g} %"
            )
            return Breach("guard.max_percent", guard.max_percent, round(share, 1), text)
    return None


def counted(number: int) -> str:
    """Records for a person."""
    return f"{number} build cache record{'' if number == 1 else 's'}"


# Verdicts

_NOT_SELECTED = Verdict(KEPT, NOTHING, "nothing selects it")
_FREES_NOTHING = Verdict(KEPT, TARGET, "an image has its bytes too, so that its removal would free nothing")


def _deleted(removal: Removal, request: Request) -> Verdict:
    unless = "" if request.keep == Keep() else ", and no rule of keep does"
    return Verdict(DELETED, removal.rule, f"{removal.rule.name} selects it{unless}")


def _left_by_target(goal: Goal | None) -> Verdict:
    if goal is not None and goal.unknown is not None:
        return Verdict(KEPT, TARGET, f"the target cannot be measured, because {goal.unknown} is unknown")
    target = "the target" if goal is None or goal.rest is None else "the target that images and build cache share"
    return Verdict(KEPT, TARGET, f"{target} is met without it")


def _refused(verdict: Verdict, breach: Breach) -> Verdict:
    if verdict.action != DELETED:
        return verdict
    return Verdict(KEPT, Rule(breach.rule), f"{verdict.rule.name} selects it, but {breach.text}")

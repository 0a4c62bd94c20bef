# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""From a policy to a plan: protect, select, order, take until the target is met, guard. No I/O, no clock."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import heapq
import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    NOT_DESCRIBED,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import (
    KEPT,
    Plan,
    Simulation,
    Step,
    Verdict,
    describe,
    refuse,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import Candidate, is_dangling
from ansible_collections.imagewarden.docker.plugins.module_utils._limits import DiskUse
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import first_match
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import created_at
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.idle import idle_rules
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.newest import Ranking, rank
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.protect import (
    AGELESS,
    Protection,
    named_uses,
    protect,
    why_it_goes,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.reason import (
    ALL_UNUSED,
    BEFORE,
    CONFLICT,
    DANGLING,
    IN_USE,
    LISTED,
    SINCE,
    TARGET,
    UNKNOWN_AGE,
    UNRECOVERABLE,
    Kept,
    Reason,
    listed,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import (
    LARGEST,
    LEAST_RECENTLY_USED,
    NEVER,
    Guard,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import NOTHING, Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import Conflict, Effect, Removal
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import counted_share
from ansible_collections.imagewarden.docker.plugins.module_utils._times import is_credible

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import BuildCache, Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.protect import Use
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy, Target
    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
    from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rivals
    from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import Release

_LARGEST_SHOWN = 10


class Goal(t.NamedTuple):
    """The bytes that a target asks for; infinite when every candidate has to go. ``unknown`` is what could not be measured."""

    needed: float
    unknown: str | None = None


class Breach(t.NamedTuple):
    """The guard's rule that a plan breaks, with its limit and what the plan would do."""

    rule: str
    limit: float
    found: float
    text: str


@dataclasses.dataclass(frozen=True)
class Decision:
    """A plan, and how it came about.

    ``whys`` say of each image that loses something why nothing keeps that. ``goal`` is what the plan was made for, ``freed``
    and ``expected`` are the bytes that it frees at least and most likely. ``left`` is the number of images that the next
    run is to remove. ``listed`` is what C(remove) selects and C(keep.images) keeps.
    ``idle`` are sentences on rules that match nothing. ``breach`` is the guard's veto, with the ``largest`` images of what it refused.
    ``is_shared`` is whether the build cache has the rest of the target to free.
    """

    plan: Plan
    whys: Mapping[str, str] = dataclasses.field(default_factory=dict)
    goal: Goal | None = None
    freed: int = 0
    expected: int = 0
    left: int = 0
    listed: tuple[Kept, ...] = ()
    idle: tuple[str, ...] = ()
    breach: Breach | None = None
    largest: tuple[Image, ...] = ()
    is_shared: bool = False


class Wanted(t.NamedTuple):
    """An image of which something may go: the removals, each with its selector, and what stays of it for which reason."""

    image: Image
    candidates: tuple[tuple[Candidate, Rule], ...]
    kept: tuple[Kept, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references that may go."""
        found = (candidate.removal.reference for candidate, _rule in self.candidates)
        return tuple(reference for reference in found if reference is not None)

    @property
    def goes_for_good(self) -> bool:
        """Whether nothing keeps one of its references."""
        return not self.image.references or set(self.references) >= set(self.image.references)

    def without(self, reasons: Mapping[Reference, Reason]) -> Wanted:
        """The same, when these reasons keep some of its references."""
        candidates = []
        kept = list(self.kept)
        for candidate, rule in self.candidates:
            reference = candidate.removal.reference
            reason = None if reference is None else reasons.get(reference)
            if reason is None:
                candidates.append((candidate, rule))
            else:
                kept.append(Kept(candidate.target, rule, reason))
        return Wanted(self.image, tuple(candidates), tuple(kept))


class Choice(t.NamedTuple):
    """What a policy wants of a state: by image ID what may go, all that is protected, and the ranking among the newest."""

    wanted: Mapping[str, Wanted]
    protection: Protection
    ranking: Ranking


def plan_policy(snapshot: Snapshot, policy: Policy, evidence: Evidence, rivals: Rivals | None = None) -> Decision:
    """The plan of a task of C(image_prune_policy). ``rivals`` are what shares its target with the images."""
    with _collector_paused():
        return _plan(snapshot, policy, evidence, rivals)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """No search for garbage inside the block: a plan makes many objects and no circles, and the search takes a third of the time.

    Nor in the first search after it: what is there then stays until the task ends.
    """
    restore = gc.enable if gc.isenabled() else gc.disable
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        restore()


def _plan(snapshot: Snapshot, policy: Policy, evidence: Evidence, rivals: Rivals | None = None) -> Decision:
    goal = None
    if policy.target is not None and policy.target.limits_bytes:
        goal = goal_of(policy.target, evidence, snapshot)
    run = Run(snapshot, policy, goal, rivals)
    present = snapshot
    listed_here: dict[str, Kept] = {}
    while True:
        done = len(run.steps)
        choice = choose(present, policy, evidence)
        for kept in _kept_by_list(choice):
            listed_here.setdefault(kept.target, kept)
        run.take(order(present, policy.target, evidence), choice, evidence)
        # What a removal leaves without a name, or frees of a child, may be selected by now: a second run must find nothing to
        # do, so this one goes on until that holds.
        if len(run.steps) == done or not run.is_unsettled:
            break
        present = after_results(snapshot, [run.result])
    decision = run.decision()
    breach = breach_of(decision.plan, policy.guard)
    decision = decision if breach is None else _refused(decision, breach)
    return dataclasses.replace(decision, listed=tuple(listed_here.values()), idle=idle_rules(snapshot, policy))


def _kept_by_list(choice: Choice) -> Iterator[Kept]:
    return (kept for wanted in choice.wanted.values() for kept in wanted.kept if kept.reason.rule.name == LISTED)


def images_to_verify(snapshot: Snapshot, policy: Policy, evidence: Evidence) -> list[Image]:
    """The images that a registry must be asked for: those of which something goes unless it has them no more.

    The newest are among them, because only those count that nothing else keeps.
    """
    keep = dataclasses.replace(policy.keep, unrecoverable=NEVER, newest=())
    unlimited = dataclasses.replace(policy, keep=keep, target=None, guard=Guard())
    plan = _plan(snapshot, unlimited, evidence).plan
    asked = {step.candidate.removal.image_id for step in plan.steps}
    asked.update(
        image_id for image_id, wanted in choose(snapshot, unlimited, evidence).wanted.items() if wanted.candidates
    )
    return [image for image in snapshot.images if image.id in asked]


def choose(snapshot: Snapshot, policy: Policy, evidence: Evidence) -> Choice:
    """What the selectors match and no rule keeps."""
    uses = named_uses(snapshot)
    protection = protect(snapshot, policy, evidence, uses)
    wanted = select(snapshot, policy, protection, uses)
    ranking = rank(snapshot, [(w.image, w.references) for w in wanted.values()], policy.keep, evidence, uses)
    for reference, reason in ranking.kept.items():
        protection.keep_reference(reference, reason)
    if ranking.kept:
        wanted = {image_id: found.without(ranking.kept) for image_id, found in wanted.items()}
    return Choice(wanted, protection, ranking)


def select(snapshot: Snapshot, policy: Policy, protection: Protection, uses: Mapping[str, Use]) -> dict[str, Wanted]:
    """What the selectors match, by image ID, each reference apart: it goes, or it stays for a reason."""
    wanted = {}
    compared = _compared(snapshot, policy)
    for image in snapshot.images:
        names: Sequence[Reference | None] = image.references
        if not names:
            if image.names_unread or _is_hidden_parent(image, snapshot):
                continue
            names = (None,)
        by_dangling = policy.remove.dangling and is_dangling(image, snapshot)
        # These two never touch an image in use, whatever its names.
        is_unused = image.id not in uses
        by_use = ALL_UNUSED if policy.remove.all_unused and is_unused else None
        by_image = DANGLING if by_dangling and is_unused else _selector_of_image(image, policy, compared)
        ageless = _compares_no_age(image, policy, by_image)
        candidates: list[tuple[Candidate, Rule]] = []
        kept: list[Kept] = []
        for reference in names:
            other_rule = _selector_of_reference(reference, policy) or by_use
            rule = (other_rule if ageless else None) or by_image or other_rule
            if rule is None:
                continue
            target = image.id if reference is None else reference.familiar
            reason = protection.of(image, reference) or (ageless if other_rule is None else None)
            if reason is None:
                candidates.append((Candidate(Removal(image.id, reference), target, rule), rule))
            else:
                kept.append(Kept(target, rule, reason))
        if not is_unused and (policy.remove.all_unused or by_dangling) and not candidates and not kept:
            kept.append(Kept(image.id, None, Reason(IN_USE, f"the image is {uses[image.id].text}")))
        if candidates or kept:
            wanted[image.id] = Wanted(image, tuple(candidates), tuple(kept))
    return wanted


def _is_hidden_parent(image: Image, snapshot: Snapshot) -> bool:
    # It goes with the last of its children; the containerd store lists it as any other untagged image.
    return store_kind(snapshot.engine).hides_parents and image.id in snapshot.parents


def _compared(snapshot: Snapshot, policy: Policy) -> list[tuple[Rule, frozenset[str]]]:
    """The images that the Engine found before or since others, by selector."""
    return [
        (Rule(f"remove.{selector}", name), snapshot.matched_by_engine.get(selector, frozenset()))
        for selector, name in policy.remove.anchors.items()
    ]


def _selector_of_image(image: Image, policy: Policy, compared: Sequence[tuple[Rule, frozenset[str]]]) -> Rule | None:
    remove = policy.remove
    labels = image.labels if image.is_described else {}
    for label in remove.labels:
        if label.matches(labels):
            return Rule("remove.labels", str(label))
    if remove.all_labels and all(label.matches(labels) for label in remove.all_labels):
        return Rule("remove.all_labels", ", ".join(map(str, remove.all_labels)))
    for rule, matched in compared:
        if image.id in matched:
            return rule
    return None


def _compares_no_age(image: Image, policy: Policy, rule: Rule | None) -> Reason | None:
    """Why an image stays that only ``before`` or ``since`` selects: to be created in 1970 is not to be old."""
    by_age = rule is not None and rule.name in (BEFORE, SINCE)
    if by_age and not image.is_described:
        return Reason(UNKNOWN_AGE, NOT_DESCRIBED)
    if by_age and policy.keep.unknown_age and not is_credible(image.created):
        return Reason(UNKNOWN_AGE, AGELESS)
    return None


def _selector_of_reference(reference: Reference | None, policy: Policy) -> Rule | None:
    pattern = None if reference is None else first_match(policy.remove.patterns, reference)
    return None if pattern is None else Rule("remove.patterns", pattern.text)


def order(snapshot: Snapshot, target: Target | None, evidence: Evidence) -> list[Image]:
    """The images in the order in which they go, children before their parents: only then does a parent free anything."""
    ordered = sorted(snapshot.images, key=lambda image: order_key(image, target, evidence))
    waiting_for = dict.fromkeys((image.id for image in ordered), 0)
    by_id = {image.id: image for image in ordered}
    for image in ordered:
        if image.parent in waiting_for:
            waiting_for[image.parent] += 1
    result: list[Image] = []
    held: set[str] = set()
    for image in ordered:
        if waiting_for[image.id]:
            held.add(image.id)
            continue
        current: Image | None = image
        while current is not None:
            result.append(current)
            parent = by_id.get(current.parent)
            if parent is not None:
                waiting_for[parent.id] -= 1
            is_next = parent is not None and not waiting_for[parent.id] and parent.id in held
            current = parent if is_next else None
            held.discard(parent.id if is_next and parent is not None else "")
    # Labels of the containerd store can make a circle of parents.
    return result + [by_id[image_id] for image_id in by_id if image_id in held]


def order_key(image: Image, target: Target | None, evidence: Evidence) -> tuple[t.Any, ...]:
    """Without a target the newest image first, as ``docker images`` lists. An image of unknown age is never the oldest."""
    if target is None:
        return (-(image.created or 0), image.id)
    if target.order == LARGEST:
        return (-image.size, image.id)
    created = created_at(image)
    if target.order == LEAST_RECENTLY_USED:
        # Images that were first seen by the same run tell nothing apart but their creation.
        return (evidence.used_at(image) or 0.0, created is None, created or 0.0, image.id)
    return (created is None, created or 0.0, image.id)


def rank_of(image: Image, target: Target | None, evidence: Evidence) -> float:
    """What is lower is removed first, of build cache with the same target too: when it was last used, or how large it is."""
    if target is not None and target.order == LARGEST:
        return -image.size
    return evidence.used_at(image) or 0.0


def goal_of(target: Target, evidence: Evidence, snapshot: Snapshot) -> Goal:
    """How many bytes must go to meet the limits of a target."""
    needed = 0.0
    unknown = []
    disk = evidence.file_system
    if disk is not None and disk.doubt:
        disk = None
    if target.minds_disk and disk is None:
        unknown.append("the file system of the Engine's data")
    if target.total_size is not None:
        if evidence.images_size is None:
            unknown.append("the size of all images")
        elif disk is not None or target.total_size.percent is None:
            limit = target.total_size.of(0 if disk is None else disk.total)
            needed = (evidence.images_size - limit) / counted_share(snapshot)
    if disk is not None:
        needed = max(needed, _needed_of_disk(target, disk))
    return Goal(max(needed, 0.0), " and ".join(unknown) or None)


def _needed_of_disk(target: Target, disk: FileSystem) -> float:
    needed = 0.0
    if target.disk_used_above is not None and target.disk_used_below is not None:
        needed = DiskUse(target.disk_used_above, target.disk_used_below).needed(disk)
    least, enough = target.disk_free_below, target.disk_free_above
    if least is not None and enough is not None and disk.free < least.of(disk.total):
        needed = max(needed, enough.of(disk.total) - disk.free)
    return needed


class Tally:
    """The bytes that releases set free for certain, added up one by one: ``space.freed`` of all so far.

    ``expected`` are those that they most likely set free.
    """

    def __init__(self, build_cache: BuildCache | None) -> None:
        self._cache = build_cache
        self._sum = 0
        self.expected = 0
        self._doubtful: list[int] = []
        self._is_exact = True

    def add(self, release: Release, image: Image) -> None:
        """One more deleted image. Where nothing tells what it shares, it counts in full: the next run measures, and goes on."""
        self._sum += release.size
        is_unknown = image.shared_size is None and not release.is_exact and not release.most_likely
        self.expected += image.size if is_unknown else release.most_likely
        self._is_exact = self._is_exact and release.is_exact
        if self._cache is not None and self._cache.shared_without_size:
            heapq.heappush(self._doubtful, release.size)
            if len(self._doubtful) > self._cache.shared_without_size:
                heapq.heappop(self._doubtful)

    @property
    def bytes(self) -> int:
        """The sum so far."""
        if self._is_exact:
            return self._sum
        if self._cache is None:
            return 0
        return max(self._sum - sum(self._doubtful) - self._cache.shared_bytes, 0)


class Run:
    """Carries removals out on a model of the store, image by image, until the target is met. Mutable."""

    def __init__(self, snapshot: Snapshot, policy: Policy, goal: Goal | None, rivals: Rivals | None = None) -> None:
        self.steps: list[Step] = []
        self.is_unsettled = False
        self._snapshot = snapshot
        self._policy = policy
        self._goal = goal
        self._rivals = rivals
        self._rank = -math.inf
        #: The bytes of build cache that are removed before the image that is next.
        self._instead = 0
        self._most = None if policy.target is None else policy.target.images_per_run
        self._images = {image.id: image for image in snapshot.images}
        self._protection = Protection()
        self._simulation = Simulation(snapshot, protection=self._rule_of)
        self._tally = Tally(snapshot.build_cache)
        self._verdicts: dict[str, Verdict] = {}
        self._whys: dict[str, str] = {}
        self._touched: set[str] = set()
        self._left: set[str] = set()

    def take(self, ordered: Iterable[Image], choice: Choice, evidence: Evidence) -> None:
        """Carry out what a choice wants, in this order. Afterwards the state is unsettled if that may let it want more."""
        self._protection = choice.protection
        done = len(self.steps)
        is_blocked = False
        for wanted in (choice.wanted[image.id] for image in ordered if image.id in choice.wanted):
            kept = list(wanted.kept)
            self._let_pass(wanted.image, evidence)
            needless = self._needless(wanted)
            for candidate, rule in wanted.candidates:
                outcome = needless or self._step(candidate, wanted)
                if isinstance(outcome, Step):
                    self._add(outcome)
                elif outcome is not None:
                    kept.append(Kept(candidate.target, rule, outcome))
                    # What is in the way may be removed later on.
                    is_blocked = is_blocked or needless is None
            if kept:
                self._verdicts[wanted.image.id] = _verdict(wanted.image, kept)
            if wanted.image.id in self._touched and wanted.image.id not in self._whys:
                missed = choice.ranking.missed.get(wanted.image.id, ())
                self._whys[wanted.image.id] = why_it_goes(wanted.image, self._policy, evidence, missed)
        self.is_unsettled = is_blocked or self._may_select_more(self.steps[done:])

    def _let_pass(self, image: Image, evidence: Evidence) -> None:
        """What shares the target and comes before this image, or came before an earlier one."""
        if self._rivals is not None:
            self._rank = max(self._rank, rank_of(image, self._policy.target, evidence))
            self._instead = self._rivals.before(self._rank)

    @property
    def result(self) -> dict[str, list[str]]:
        """What was done so far, as a task returns it."""
        return {
            "untagged": [reference.familiar for step in self.steps for _owner, reference in step.effect.untagged],
            "deleted": [image_id for step in self.steps for image_id in step.effect.gone],
        }

    def decision(self) -> Decision:
        """The plan of all that was taken."""
        plan = Plan(
            self._snapshot,
            tuple(self.steps),
            verdicts=self._verdicts,
            skip_conflicts=True,
            spares_names_in_use=True,
        )
        tally = self._tally
        left = len(self._left - self._touched)
        is_shared = self._rivals is not None
        return Decision(plan, self._whys, self._goal, tally.bytes, tally.expected, left, is_shared=is_shared)

    def _rule_of(self, reference: Reference) -> Rule | None:
        reason = self._protection.references.get(reference)
        return None if reason is None else reason.rule

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self._touched.update((step.candidate.removal.image_id, *step.effect.gone))
        for gone, release in zip(step.effect.gone, step.releases):
            self._tally.add(release, self._images[gone])

    def _may_select_more(self, steps: Iterable[Step]) -> bool:
        """Whether these steps left something of an image, or a parent of one that is removed."""
        there = self._simulation.store.images
        changed = {step.candidate.removal.image_id for step in steps}
        changed.update(
            parent for step in steps for gone in step.effect.gone for parent in self._images[gone].all_parents
        )
        return not changed.isdisjoint(there)

    def _needless(self, wanted: Wanted) -> Reason | None:
        """Why a target does not ask for this image."""
        image_id = wanted.image.id
        if self._goal is not None:
            if not wanted.goes_for_good:
                return Reason(TARGET, "as long as other references keep it, removing this one frees nothing")
            if self._simulation.store.children(image_id):
                return Reason(TARGET, "as long as its child images keep its layers, removing it frees nothing")
            # What is not certain to be set free counts too: the next run measures, and goes on if it was less. What a
            # container or BuildKit holds beyond the images would otherwise let every candidate go.
            if self._tally.expected + self._instead >= self._goal.needed:
                return self._met(self._goal)
        if self._most is not None and len(self._touched) >= self._most and image_id not in self._touched:
            if wanted.candidates:
                self._left.add(image_id)
            return Reason(Rule("target.images_per_run", str(self._most)), "it is left for the next run")
        return None

    def _met(self, goal: Goal) -> Reason:
        if goal.unknown:
            return Reason(TARGET, f"the target cannot be measured: {goal.unknown} is not known")
        met = "met" if self._tally.bytes >= goal.needed else "most likely met"
        if self._rivals is None:
            return Reason(TARGET, f"the target is {met} without it")
        reason = f"the target that images and build cache share is {met} without it"
        if self._tally.expected >= goal.needed:
            return Reason(TARGET, reason)
        return Reason(TARGET, f"{reason}, because {human_size(self._instead)} of build cache can be removed before it")

    def _step(self, candidate: Candidate, wanted: Wanted) -> Step | Reason | None:
        """The step of a removal, or why it must not be, or ``None`` when an earlier one has done it already."""
        kept_parents = self._kept_parents(wanted.image)
        spare_parents = bool(kept_parents)
        outcome = self._simulation.propose(candidate, spare_parents)
        if outcome is None:
            return None
        if isinstance(outcome, Verdict):
            return Reason(outcome.rules[0], outcome.reason)
        if isinstance(outcome, Conflict):
            return Reason(IN_USE if outcome.containers else CONFLICT, describe(outcome))
        reason = _unselected_tag(candidate, outcome, wanted) or self._too_many(candidate, outcome)
        if reason is not None:
            return reason
        for parent, kept in kept_parents.items() if outcome.deleted else ():
            text = f"its child {short_id(wanted.image.id)} is removed without it, because {kept.text}"
            self._verdicts.setdefault(parent, Verdict(KEPT, text, (kept.rule,)))
        return self._simulation.commit(candidate, outcome, spare_parents)

    def _kept_parents(self, image: Image) -> dict[str, Reason]:
        """The untagged parents that the Engine might remove with an image although a rule keeps them.

        What else keeps them does not count: whether an image is removed must not depend on its siblings, or another rule
        that keeps one of these would let it be removed. Only what cannot be had again is no reason: the parent's layers
        are the child's.
        """
        found: dict[str, Reason] = {}
        passed: set[str] = set()
        waiting = list(image.all_parents)
        store = self._simulation.store
        while waiting:
            parent = store.images.get(waiting.pop())
            # The Engine itself goes no further than to a name or a container; it does not mind a mount.
            if parent is None or parent.id in passed or parent.references or parent.id in store.uses.made_from:
                continue
            passed.add(parent.id)
            reason = self._protection.images.get(parent.id)
            if reason is not None and reason.rule.name != UNRECOVERABLE:
                found[parent.id] = reason
            waiting.extend(self._images[parent.id].all_parents)
        return found

    def _too_many(self, candidate: Candidate, effect: Effect) -> Reason | None:
        """Why an image stays that would take more parents along than one run may remove, unless it is the first."""
        if self._most is None or not self._touched:
            return None
        if len(self._touched.union((candidate.removal.image_id, *effect.gone))) <= self._most:
            return None
        self._left.add(candidate.removal.image_id)
        return Reason(Rule("target.images_per_run", str(self._most)), "it is left for the next run, with its parents")


def _unselected_tag(candidate: Candidate, effect: Effect, wanted: Wanted) -> Reason | None:
    """On the containerd store a digest takes every tag of its repository along: one that nothing selects keeps it."""
    asked = candidate.removal.reference
    if asked is None or asked.tag is not None:
        return None
    selected = {other.removal.reference for other, _rule in wanted.candidates}
    for _owner, reference in effect.untagged:
        if reference.tag is not None and reference not in selected:
            return Reason(
                NOTHING, f"on this store {reference.familiar} would be removed with it, and nothing selects that one"
            )
    return None


def _verdict(image: Image, kept: Sequence[Kept]) -> Verdict:
    """Why an image stays, for all that selects it and all that keeps it; what keeps several names says so once."""
    selectors = ", ".join(dict.fromkeys(str(entry.selector) for entry in kept if entry.selector is not None))
    rules = tuple(dict.fromkeys(entry.reason.rule for entry in kept))
    targets: dict[str, list[str]] = {}
    for entry in kept:
        targets.setdefault(entry.reason.text, []).append(entry.target)
    texts = [
        text if names == [image.id] or len(image.references) == 1 else f"{text} ({listed(names)})"
        for text, names in targets.items()
    ]
    selected = f"{selectors} selects it, but " if selectors else ""
    return Verdict(KEPT, selected + "; ".join(texts), rules)


def breach_of(plan: Plan, guard: Guard) -> Breach | None:
    """The first rule of the guard that a plan breaks. Images that lose references only do not count."""
    if guard == Guard():
        return None
    images = plan.snapshot.images
    gone = {image_id for step in plan.steps for image_id in step.effect.gone}
    if guard.max_images is not None and len(gone) > guard.max_images:
        text = f"{_counted(len(gone))} would be deleted, but guard.max_images is {guard.max_images}"
        return Breach("guard.max_images", guard.max_images, len(gone), text)
    if guard.max_percent is not None and gone:
        percent = 100 * len(gone) / len(images)
        if percent > guard.max_percent:
            text = f"{len(gone)} of {len(images)} images ({percent:.1f} %) would be deleted, but guard.max_percent is {guard.max_percent:g} %"
            return Breach("guard.max_percent", guard.max_percent, round(percent, 1), text)
    if guard.min_per_repository is not None:
        left = _left_by_repository(plan)
        for name in sorted(left, key=lambda name: (left[name], name)):
            if left[name] < guard.min_per_repository:
                text = f"{_counted(left[name])} of {name} would be left, but guard.min_per_repository is {guard.min_per_repository}"
                return Breach("guard.min_per_repository", guard.min_per_repository, left[name], text)
    return None


def _counted(number: int) -> str:
    return f"{number} image" if number == 1 else f"{number} images"


def _left_by_repository(plan: Plan) -> dict[str, int]:
    """How many images keep a name in each repository that loses one."""
    lost = {reference for step in plan.steps for _owner, reference in step.effect.untagged}
    names = {image.id: {ref.name for ref in image.references} for image in plan.snapshot.images}
    affected: dict[str, str] = {}
    left: dict[str, int] = {}
    for image in plan.snapshot.images:
        stays = {ref.name for ref in image.references if ref not in lost}
        for name in stays:
            left[name] = left.get(name, 0) + 1
        for reference in image.references:
            if reference.name in names[image.id] - stays:
                affected[reference.name] = reference.familiar_name
    return {familiar: left.get(name, 0) for name, familiar in affected.items()}


def _refused(decision: Decision, breach: Breach) -> Decision:
    plan = decision.plan
    gone = {image_id for step in plan.steps for image_id in step.effect.gone}
    going = sorted(
        (image for image in plan.snapshot.images if image.id in gone), key=lambda image: (-image.size, image.id)
    )
    largest = tuple(going[:_LARGEST_SHOWN])
    shown = ", ".join(f"{title_of(image)} ({human_size(image.size)})" for image in largest)
    which = "the largest of them" if len(going) > len(largest) else "they"
    message = (
        f"nothing was removed, because {breach.rule} refuses the plan: {breach.text}; {which} are {shown or 'untagged'}"
    )
    refused = refuse(plan, message)
    return Decision(refused, goal=decision.goal, breach=breach, largest=largest, is_shared=decision.is_shared)


def title_of(image: Image) -> str:
    """An image as a person knows it."""
    return image.references[0].familiar if image.references else short_id(image.id)

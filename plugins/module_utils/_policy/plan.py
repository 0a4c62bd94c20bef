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

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import GRAPHDRIVER
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import (
    KEPT,
    Plan,
    Simulation,
    Step,
    Verdict,
    describe,
    refuse,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import human_size
from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import Candidate
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import first_match
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import created_at
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.protect import (
    IN_USE,
    UNRECOVERABLE,
    Protection,
    Reason,
    named_uses,
    protect,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import (
    LARGEST,
    LEAST_RECENTLY_USED,
    Guard,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._store.containerd import ContainerdStore
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import Conflict, Effect, Removal
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import counted_share
from ansible_collections.imagewarden.docker.plugins.module_utils._times import is_credible

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import BuildCache, Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.protect import Use
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy, Target
    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
    from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import Release

TARGET = "target"
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
class PolicyPlan(Plan):
    """A plan, with the goal that it was made for, the bytes that it frees at least and most likely, and the guard's veto."""

    goal: Goal | None = None
    freed: int = 0
    expected: int = 0
    breach: Breach | None = None
    largest: tuple[Image, ...] = ()


class Wanted(t.NamedTuple):
    """An image of which something may go: the removals, and why other references of it stay.

    ``rule_without_names`` is what would select the image if it had no references.
    """

    image: Image
    candidates: tuple[Candidate, ...]
    kept: tuple[tuple[str, str, Reason], ...]
    rule_without_names: str | None

    @property
    def goes_for_good(self) -> bool:
        """Whether nothing keeps one of its references."""
        references = {candidate.removal.reference for candidate in self.candidates}
        return not self.image.references or references >= set(self.image.references)


def plan_policy(snapshot: Snapshot, policy: Policy, evidence: Evidence) -> PolicyPlan:
    """The plan of a task of C(image_prune_policy)."""
    with _collector_paused():
        return _plan(snapshot, policy, evidence)


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


def _plan(snapshot: Snapshot, policy: Policy, evidence: Evidence) -> PolicyPlan:
    uses = named_uses(snapshot)
    protection = protect(snapshot, policy, evidence, uses)
    wanted = select(snapshot, policy, protection, uses)
    ordered = order(snapshot, policy.target, evidence)
    goal = None if policy.target is None else goal_of(policy.target, evidence, snapshot)
    plan = take(snapshot, [wanted[image.id] for image in ordered if image.id in wanted], protection, goal)
    breach = breach_of(plan, policy.guard)
    return plan if breach is None else _refused(plan, breach)


def images_to_verify(snapshot: Snapshot, policy: Policy, evidence: Evidence) -> list[Image]:
    """The images that a registry must be asked for: those of which something goes unless it has them no more."""
    uses = named_uses(snapshot)
    wanted = select(snapshot, policy, protect(snapshot, policy, evidence, uses), uses)
    return [image for image in snapshot.images if image.id in wanted and wanted[image.id].candidates]


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
        by_image = _selector_of_image(image, policy, compared)
        by_use = "remove.all_unused" if policy.remove.all_unused and image.id not in uses else None
        ageless = _compares_no_age(image, policy, by_image)
        candidates: list[Candidate] = []
        kept: list[tuple[str, str, Reason]] = []
        for reference in names:
            other_rule = _selector_of_reference(reference, policy) or by_use
            rule = (other_rule if ageless else None) or by_image or other_rule
            if rule is None:
                continue
            target = image.id if reference is None else reference.familiar
            reason = protection.of(image, reference) or (ageless if other_rule is None else None)
            if reason is None:
                candidates.append(Candidate(Removal(image.id, reference), target, rule))
            else:
                kept.append((target, rule, reason))
        if image.id in uses and policy.remove.all_unused and not candidates and not kept:
            kept.append((image.id, "", Reason(IN_USE, f"the image is {uses[image.id].text}")))
        if candidates or kept:
            rule_without_names = (
                (None if ageless else by_image) or by_use or ("remove.dangling" if policy.remove.dangling else None)
            )
            wanted[image.id] = Wanted(image, tuple(candidates), tuple(kept), rule_without_names)
    return wanted


def _is_hidden_parent(image: Image, snapshot: Snapshot) -> bool:
    # It goes with the last of its children; the containerd store lists it as any other untagged image.
    return snapshot.engine.store == GRAPHDRIVER and image.id in snapshot.parents


def _compared(snapshot: Snapshot, policy: Policy) -> list[tuple[str, frozenset[str]]]:
    """The images that the Engine found before or since others, by selector."""
    return [
        (f"remove.{selector}: {name}", snapshot.matched_by_engine.get(selector, frozenset()))
        for selector, name in policy.remove.anchors.items()
    ]


def _selector_of_image(image: Image, policy: Policy, compared: Sequence[tuple[str, frozenset[str]]]) -> str | None:
    remove = policy.remove
    if remove.dangling and not image.references:
        return "remove.dangling"
    for label in remove.labels:
        if label.matches(image.labels):
            return f"remove.labels: {label}"
    for rule, matched in compared:
        if image.id in matched:
            return rule
    return None


def _compares_no_age(image: Image, policy: Policy, rule: str | None) -> Reason | None:
    """Why an image stays that only ``before`` or ``since`` selects: to be created in 1970 is not to be old."""
    by_age = rule is not None and rule.startswith(("remove.before", "remove.since"))
    if by_age and policy.keep.unknown_age and not is_credible(image.created):
        return Reason("keep.unknown_age", "its creation date is none or that of a reproducible build, and tells no age")
    return None


def _selector_of_reference(reference: Reference | None, policy: Policy) -> str | None:
    pattern = None if reference is None else first_match(policy.remove.patterns, reference)
    return None if pattern is None else f"remove.patterns: {pattern.text}"


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


def goal_of(target: Target, evidence: Evidence, snapshot: Snapshot) -> Goal:
    """How many bytes must go to meet the limits of a target.

    Without the build cache nothing is known to be set free, and every candidate would go before a limit is met.
    """
    if snapshot.build_cache is None:
        return Goal(0.0, "what the build cache holds")
    needed = 0.0
    unknown = []
    if target.total_size is not None:
        if evidence.images_size is None:
            unknown.append("the size of all images")
        else:
            needed = max(needed, (evidence.images_size - target.total_size) / counted_share(snapshot))
    disk = evidence.file_system
    if target.disk_used_above is not None and target.disk_used_below is not None:
        if disk is None:
            unknown.append("the file system of the Engine's data")
        elif disk.inodes_percent > target.disk_used_above:
            # How many inodes an image sets free is in no API.
            needed = math.inf
        elif disk.percent > target.disk_used_above:
            needed = max(needed, disk.used - target.disk_used_below / 100 * (disk.used + disk.free))
    return Goal(needed, " and ".join(unknown) or None)


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

    def add(self, release: Release) -> None:
        """One more deleted image."""
        self._sum += release.size
        self.expected += release.most_likely
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


def take(snapshot: Snapshot, ordered: Iterable[Wanted], protection: Protection, goal: Goal | None) -> PolicyPlan:
    """Carry the removals out on a model of the store, image by image, until the goal is met."""
    rules = {reference: reason.rule for reference, reason in protection.references.items()}
    simulation = Simulation(snapshot, protection=rules.get)
    tally = Tally(snapshot.build_cache)
    verdicts: dict[str, Verdict] = {}
    steps: list[Step] = []
    for wanted in ordered:
        kept = list(wanted.kept)
        needless = _needless(wanted, goal, tally, simulation)
        for candidate in _with_what_is_left(wanted, simulation):
            outcome = needless or _step(simulation, candidate, wanted, protection)
            if isinstance(outcome, Step):
                steps.append(outcome)
                for release in outcome.releases:
                    tally.add(release)
            elif outcome is not None:
                kept.append((candidate.target, candidate.rule, outcome))
        if kept:
            verdicts[wanted.image.id] = _verdict(wanted.image, kept)
    return PolicyPlan(
        snapshot,
        tuple(steps),
        verdicts=verdicts,
        skip_conflicts=True,
        spares_names_in_use=True,
        goal=goal,
        freed=tally.bytes,
        expected=tally.expected,
    )


def _with_what_is_left(wanted: Wanted, simulation: Simulation) -> Iterator[Candidate]:
    """The removals of an image, and of the image itself if it stays without a name, so that a second run finds nothing.

    The containerd store keeps an image that has lost its only name as long as others were built on it.
    """
    yield from wanted.candidates
    image = simulation.store.images.get(wanted.image.id)
    is_left = image is not None and not image.references and bool(wanted.image.references)
    if is_left and wanted.rule_without_names is not None and isinstance(simulation.store, ContainerdStore):
        yield Candidate(Removal(wanted.image.id), wanted.image.id, wanted.rule_without_names)


def _needless(wanted: Wanted, goal: Goal | None, tally: Tally, simulation: Simulation) -> Reason | None:
    """Why a target does not ask for this image."""
    if goal is None:
        return None
    if not wanted.goes_for_good:
        return Reason(TARGET, "as long as other references keep it, removing this one frees nothing")
    if simulation.store.children(wanted.image.id):
        return Reason(TARGET, "as long as its child images keep its layers, removing it frees nothing")
    # What is not certain to be set free counts too: the next run measures, and goes on if it was less. What a container or
    # BuildKit holds beyond the images would otherwise let every candidate go.
    if tally.expected < goal.needed:
        return None
    if goal.unknown:
        return Reason(TARGET, f"the target cannot be measured: {goal.unknown} is not known")
    certain = tally.bytes >= goal.needed
    return Reason(TARGET, "the target is met without it" if certain else "the target is most likely met without it")


def _step(simulation: Simulation, candidate: Candidate, wanted: Wanted, protection: Protection) -> Step | Reason | None:
    """The step of a removal, or why it must not be, or ``None`` when an earlier one has done it already."""
    outcome = simulation.propose(candidate)
    if outcome is None:
        return None
    if isinstance(outcome, Verdict):
        return Reason(outcome.rule, outcome.reason)
    if isinstance(outcome, Conflict):
        return Reason(IN_USE if outcome.containers else "conflict", describe(outcome))
    reason = _unselected_tag(candidate, outcome, wanted) or _kept_parent(candidate, outcome, protection)
    return reason or simulation.commit(candidate, outcome)


def _unselected_tag(candidate: Candidate, effect: Effect, wanted: Wanted) -> Reason | None:
    """On the containerd store a digest takes every tag of its repository along: one that nothing selects keeps it."""
    asked = candidate.removal.reference
    if asked is None or asked.tag is not None:
        return None
    selected = {other.removal.reference for other in wanted.candidates}
    for _owner, reference in effect.untagged:
        if reference.tag is not None and reference not in selected:
            return Reason("none", f"on this store {reference.familiar} would go with it, and nothing selects that one")
    return None


def _kept_parent(candidate: Candidate, effect: Effect, protection: Protection) -> Reason | None:
    """A rule that keeps an untagged parent keeps the child that would take it along.

    Only what cannot be had again is no reason: the parent's layers are the child's.
    """
    for image_id in effect.gone if len(effect.deleted) > 1 else ():
        reason = protection.images.get(image_id)
        if reason is not None and image_id != candidate.removal.image_id and not reason.rule.startswith(UNRECOVERABLE):
            return Reason(
                reason.rule, f"its untagged parent {short_id(image_id)} would go with it, and of that one {reason.text}"
            )
    return None


def _verdict(image: Image, kept: Sequence[tuple[str, str, Reason]]) -> Verdict:
    """Why an image stays, for all that selects it and all that keeps it."""
    selectors = ", ".join(dict.fromkeys(rule for _target, rule, _reason in kept if rule))
    rules = ", ".join(dict.fromkeys(reason.rule for _target, _rule, reason in kept))
    texts = dict.fromkeys(
        reason.text if target == image.id or len(image.references) == 1 else f"{target}: {reason.text}"
        for target, _rule, reason in kept
    )
    selected = f"{selectors} selects it, but " if selectors else ""
    return Verdict(KEPT, selected + "; ".join(texts), rules)


def breach_of(plan: PolicyPlan, guard: Guard) -> Breach | None:
    """The first rule of the guard that a plan breaks. Images that lose references only do not count."""
    if guard == Guard():
        return None
    images = plan.snapshot.images
    gone = {image_id for step in plan.steps for image_id in step.effect.gone}
    if guard.max_images is not None and len(gone) > guard.max_images:
        text = f"{len(gone)} images would be deleted, and the most is {guard.max_images}"
        return Breach("guard.max_images", guard.max_images, len(gone), text)
    if guard.max_percent is not None and gone:
        percent = 100 * len(gone) / len(images)
        if percent > guard.max_percent:
            text = f"{len(gone)} of {len(images)} images ({percent:.1f} %) would be deleted, and the most is {guard.max_percent:g} %"
            return Breach("guard.max_percent", guard.max_percent, round(percent, 1), text)
    if guard.min_per_repository is not None:
        left = _left_by_repository(plan)
        for name in sorted(left, key=lambda name: (left[name], name)):
            if left[name] < guard.min_per_repository:
                text = f"{_counted(left[name])} of {name} would be left, and the least is {guard.min_per_repository}"
                return Breach("guard.min_per_repository", guard.min_per_repository, left[name], text)
    return None


def _counted(number: int) -> str:
    return f"{number} image" if number == 1 else f"{number} images"


def _left_by_repository(plan: PolicyPlan) -> dict[str, int]:
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


def _refused(plan: PolicyPlan, breach: Breach) -> PolicyPlan:
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
    refused = t.cast(PolicyPlan, refuse(plan, message))
    return dataclasses.replace(refused, breach=breach, largest=largest, freed=0, expected=0)


def title_of(image: Image) -> str:
    """An image as a person knows it."""
    return image.references[0].familiar if image.references else short_id(image.id)

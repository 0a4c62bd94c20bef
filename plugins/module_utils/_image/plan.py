# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""From a selection to a plan: every removal simulated in sequence, every image with a verdict. No I/O, no clock."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    Snapshot,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import (
    Candidate,
    Selection,
    find_compared,
    finding_nothing,
    protected_by,
    protecting_nothing,
    select,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import NOTHING, Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import (
    MOUNTED,
    Conflict,
    Effect,
    Removal,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import Release, SpaceLedger

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Request

DELETED = "deleted"
UNTAGGED = "untagged"
KEPT = "kept"
SKIPPED = "skipped"

NOT_SELECTED = "nothing selects it"

SAFETY, UNTAG_ONLY, FILTERS = Rule("safety"), Rule("untag_only"), Rule("filters")

#: Conflicts of which a message has room for the remedy of each.
_FEW = 3


class Verdict(t.NamedTuple):
    """What becomes of an image, why, and by which rules."""

    action: str
    reason: str
    rules: tuple[Rule, ...]

    @property
    def rule(self) -> str:
        """The rules as results show them."""
        return ", ".join(map(str, self.rules))


class Step(t.NamedTuple):
    """One removal of a plan, with what it will do and what must still hold right before it.

    ``references`` are the image's at that point, ``releases`` what each deletion of the effect sets free. ``by_id`` is
    whether a request for the image's ID does the same as one for its name, ``pin`` what is sent instead where the Engine takes a
    name together with the content that it must have.
    """

    candidate: Candidate
    effect: Effect
    references: tuple[Reference, ...]
    releases: tuple[Release, ...]
    by_id: bool = False
    pin: str = ""

    @property
    def is_checked_by_the_engine(self) -> bool:
        """Whether the request says all that must hold: which image the name must have, and that it goes with this name only.

        Of an image that got another name, such a request takes the planned one alone; one that got a container, it refuses.
        """
        return self.by_id and bool(self.pin)

    @property
    def address(self) -> str:
        """What is sent to the Engine.

        A name may have moved between the last look and the request; an ID cannot, and without force the Engine itself
        refuses it when a second name or a container has come.
        """
        removal = self.candidate.removal
        return self.pin or (removal.image_id if self.by_id else removal.address)


class Clash(t.NamedTuple):
    """A removal that the Engine would refuse."""

    candidate: Candidate
    conflict: Conflict


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a task will do. Feeds check mode, the real run, the diff and the report alike.

    ``unmatched`` are patterns that match nothing on the host, each behind its option. ``verdicts`` are those of images that no
    step changes. ``refusal`` is why nothing is done at all.
    ``spares_names_in_use`` is whether an image that a container came to use after planning keeps its names too.
    """

    snapshot: Snapshot
    steps: tuple[Step, ...] = ()
    clashes: tuple[Clash, ...] = ()
    absent: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    verdicts: t.Mapping[str, Verdict] = dataclasses.field(default_factory=dict)
    refusal: str | None = None
    force: bool = False
    skip_conflicts: bool = False
    spares_names_in_use: bool = False


class Simulation:
    """Carries removals out on a model of the store, one after the other."""

    def __init__(
        self,
        snapshot: Snapshot,
        force: bool = False,
        prune_parents: bool = True,
        untag_only: bool = False,
        protection: Callable[[Reference], Rule | None] = lambda reference: None,
    ) -> None:
        self.store = store_kind(snapshot.engine)(snapshot)
        self._unread = {image.id for image in snapshot.images if image.names_unread}
        self._ledger = SpaceLedger(snapshot)
        self._parents = snapshot.parents
        self._force = force
        self._prune_parents = prune_parents
        self._untag_only = untag_only
        self._protection = protection

    def propose(self, candidate: Candidate, spare_parents: bool = False) -> Effect | Conflict | Verdict | None:
        """What this removal would do now: an effect, a conflict, the rule that forbids it, or ``None`` when it is done already.

        ``spare_parents`` leaves the untagged parents of this image alone, even if ``prune_parents`` is set.
        """
        removal = candidate.removal
        if not self.store.has(removal):
            return None
        image = self.store.images[removal.image_id]
        asked = image.references if removal.reference is None else [removal.reference]
        verdict = self._protected(asked)
        if verdict is not None:
            return verdict
        if image.id in self._unread:
            return Verdict(KEPT, "it has a name that is not a valid reference", (SAFETY,))
        outcome = self.store.predict(removal, self._force, self._prune_parents and not spare_parents)
        if isinstance(outcome, Effect):
            going = [reference for image_id, reference in outcome.untagged]
            verdict = self._protected(going) if going != asked else None
            if verdict is not None:
                return verdict
        if self._untag_only and (isinstance(outcome, Conflict) or self._takes_last_reference(image.id, outcome)):
            return Verdict(KEPT, "its last reference is not removed", (UNTAG_ONLY,))
        if isinstance(outcome, Effect) and not self._force:
            return self._mounted(outcome) or outcome
        return outcome

    def commit(self, candidate: Candidate, effect: Effect, spare_parents: bool = False) -> Step:
        """Carry the effect out on the model; the step says what must hold right before it."""
        image_id = candidate.removal.image_id
        by_id = self._is_the_same_by_id(candidate.removal, effect, self._prune_parents and not spare_parents)
        step = Step(
            candidate,
            effect,
            tuple(self.store.images[image_id].references),
            tuple(self._ledger.release(gone) for gone in effect.gone),
            by_id,
            "" if self._force else self.store.pin(candidate.removal, effect, by_id),
        )
        self.store.apply(effect)
        return step

    def _is_the_same_by_id(self, removal: Removal, effect: Effect, prune_parents: bool) -> bool:
        if self._force or [*self.store.images[removal.image_id].references] != [removal.reference]:
            return removal.reference is None
        # Should a child stay after all, its parent is kept when it is removed by its name, and not by its ID on containerd.
        if removal.image_id in self._parents:
            return False
        return self.store.predict(Removal(removal.image_id), False, prune_parents) == effect

    def _protected(self, references: t.Iterable[Reference]) -> Verdict | None:
        for reference in references:
            rule = self._protection(reference)
            if rule is not None:
                return Verdict(KEPT, f"{reference.familiar} is protected", (rule,))
        return None

    def _takes_last_reference(self, image_id: str, effect: Effect) -> bool:
        going = {reference for owner, reference in effect.untagged if owner == image_id}
        return bool(effect.deleted) or going >= set(self.store.images[image_id].references)

    def _mounted(self, effect: Effect) -> Conflict | None:
        """The Engine minds image mounts only for some requests; an image that a container mounts stays for all."""
        for image_id in effect.gone:
            mounters = self.store.uses.mounters(image_id)
            if mounters:
                return Conflict(MOUNTED, forceable=True, containers=mounters)
        return None


def plan_removal(snapshot: Snapshot, request: Request, now: float) -> Plan:
    """The plan of a task of ``image_remove``. Raises ``InvalidRequest`` for an ambiguous short ID.

    ``filters.before`` and ``since`` raise it too when an earlier task removes the image that they name.
    """
    find_compared(snapshot, request.engine_filters, "filters")
    selection = select(snapshot, request, now)
    simulation = Simulation(
        snapshot,
        force=request.force,
        prune_parents=request.prune_parents,
        untag_only=request.untag_only,
        protection=_exclusions(snapshot, request).get,
    )
    verdicts = {image_id: Verdict(KEPT, reason, (FILTERS,)) for image_id, reason in selection.rejected}
    steps: list[Step] = []
    clashes: list[Clash] = []
    pending = list(selection.candidates)
    while pending:
        clashes, done = [], len(steps)
        for candidate in pending:
            outcome = simulation.propose(candidate)
            if isinstance(outcome, Effect):
                steps.append(simulation.commit(candidate, outcome))
            elif isinstance(outcome, Conflict):
                clashes.append(Clash(candidate, outcome))
            elif isinstance(outcome, Verdict):
                verdicts.setdefault(candidate.removal.image_id, outcome)
        # A removal can lift the conflict of an earlier one, as that of a child does for its parent, can make another image
        # dangling, and can leave tags that a digest stands for too: a second run must find nothing to do, so this one
        # goes on until that holds.
        pending = _selected_by_now(snapshot, request, steps, selection, now) if len(steps) > done else []
    for clash in clashes:
        verdicts[clash.candidate.removal.image_id] = Verdict(SKIPPED, describe(clash.conflict), (clash.candidate.rule,))
    plan = Plan(
        snapshot,
        tuple(steps),
        tuple(clashes),
        selection.absent,
        (
            *finding_nothing("patterns", request.patterns or (), snapshot),
            *protecting_nothing("excludes", request.excludes, snapshot),
        ),
        verdicts,
        force=request.force,
        skip_conflicts=request.skip_conflicts,
    )
    if clashes and not request.skip_conflicts:
        return refuse(plan, _conflict_message(clashes, snapshot))
    return plan


def _selected_by_now(
    snapshot: Snapshot, request: Request, steps: t.Sequence[Step], selection: Selection, now: float
) -> list[Candidate]:
    """What may be left to do after these steps: what was selected, and what a filter selects only now."""
    if request.filters is None:
        return list(selection.candidates)
    done = {
        "untagged": [reference.familiar for step in steps for _owner, reference in step.effect.untagged],
        "deleted": [image_id for step in steps for image_id in step.effect.gone],
    }
    return list(select(after_results(snapshot, [done]), request, now).candidates)


def refuse(plan: Plan, message: str) -> Plan:
    """The same plan with nothing done."""
    held_back = {step.candidate.removal.image_id: step.candidate.rule for step in plan.steps}
    verdicts = {
        i: Verdict(KEPT, "nothing was removed, because the task was refused", (rule,)) for i, rule in held_back.items()
    }
    return dataclasses.replace(plan, steps=(), verdicts={**verdicts, **plan.verdicts}, refusal=message)


def _exclusions(snapshot: Snapshot, request: Request) -> dict[Reference, Rule]:
    """The references that excludes protect, each with the rule that says so."""
    if not request.excludes:
        return {}
    return {
        reference: Rule("excludes", pattern.text)
        for image in snapshot.images
        for reference, pattern in protected_by(request.excludes, image).items()
    }


def describe(conflict: Conflict) -> str:
    """A conflict in one sentence, with every container or child by name."""
    if conflict.containers:
        return f"{conflict.reason}: " + ", ".join(
            f"{container.name} ({short_id(container.id)}, {container.state})" for container in conflict.containers
        )
    if conflict.children:
        return f"{conflict.reason}: " + ", ".join(short_id(child) for child in conflict.children)
    return conflict.reason


def remedy(clash: Clash, snapshot: Snapshot) -> str:
    """What an operator can do about a conflict."""
    conflict = clash.conflict
    if conflict.containers:
        names = ", ".join(container.name or short_id(container.id) for container in conflict.containers)
        # A running one goes only if it is asked for, and then the others must be asked for too.
        states = ", ".join(dict.fromkeys(container.state for container in conflict.containers))
        running = any(container.is_running for container in conflict.containers)
        advice = (
            f"remove the container first (container_remove, names: {names}{f', states: {states}' if running else ''})"
        )
    elif conflict.children:
        advice = f"remove the child images first ({', '.join(short_id(child) for child in conflict.children)})"
    else:
        # The one conflict that nothing but the image itself makes: it has several references.
        image = next(image for image in snapshot.images if image.id == clash.candidate.removal.image_id)
        advice = f"name the references instead of the ID ({', '.join(ref.familiar for ref in image.references)})"
    return advice + (", or as the last resort set force: true" if conflict.forceable else "")


def _conflict_message(clashes: t.Sequence[Clash], snapshot: Snapshot) -> str:
    """Few conflicts with their remedies, of many just what they are."""
    with_remedies = len(clashes) <= _FEW
    shown = "; ".join(
        f"{clash.candidate.target}: {describe(clash.conflict)}"
        + (f" ({remedy(clash, snapshot)})" if with_remedies else "")
        for clash in clashes[:10]
    )
    more = f"; and {len(clashes) - 10} more" if len(clashes) > 10 else ""
    see = "Set" if with_remedies else "See conflicts for the remedy of each, or set"
    return (
        f"nothing was removed, because the Engine would refuse {len(clashes)} of the removals: {shown}{more}."
        f" {see} on_conflict: skip to remove the rest"
    )


def unselected(plan: Plan) -> dict[str, Verdict]:
    """Verdicts for the images that a plan does not mention."""
    return {
        image.id: Verdict(KEPT, NOT_SELECTED, (NOTHING,))
        for image in plan.snapshot.images
        if image.id not in plan.verdicts
    }

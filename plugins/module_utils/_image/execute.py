# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Carrying a plan out. Walks the plan and never decides again: what it reads, it reads only to refuse.

An answer that says neither yes nor no (lost, late, broken, an error, "no such image" of one that is listed) is never
believed: the Engine is asked what is so, and that is reported. After any deviation nothing that was predicted is taken for
granted: a fresh listing says at the end what was removed.
"""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import (
    CLOCK,
    RETURN,
    EngineLost,
    Patience,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import several
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    NotArchived,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.chains import chains
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import IMAGES, REFERENCES, Progress
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import InspectedImage, Removed
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.archive import Archive
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import Plan, Step
    from ansible_collections.imagewarden.docker.plugins.module_utils._progress import Count

Status = t.Literal["done", "gone", "skipped", "refused", "failed"]
DONE: t.Final = "done"
GONE: t.Final = "gone"
SKIPPED: t.Final = "skipped"
REFUSED: t.Final = "refused"
FAILED: t.Final = "failed"

#: Connections at a time, measured on 2 cores with 28.5: with the containerd store, requests that wait for one garbage collection
#: share it, and 16 take 85 % of the time of 8; but the more there are, the longer lies between an Engine's look at the names of an
#: image and their removal. With graph drivers, 4, 8 and 16 take the same, 80 % of the time of one.
PARALLEL = 8
#: How often a removal is asked for whose request got no answer.
_ATTEMPTS = 3
#: Seconds for which a listing of containers serves removals that only take a name from an image.
_LISTING_SERVES = 0.05
#: With more dangling images than this, listing them takes longer than reading each name that is removed.
_FEW_DANGLING = 20
_ALREADY = "it was already removed"

_Answer = t.TypeVar("_Answer")
_REFERENCES_CHANGED = "the image's references changed after planning"


class Engine(t.Protocol):
    """What the executor needs of an Engine."""

    @property
    def most_connections(self) -> int:
        """How many connections it takes at a time."""

    def inspect_image(self, name: str) -> InspectedImage | None:
        """``GET /images/NAME/json``, or ``None`` when it is not there."""

    def remove_image(self, name: str, force: bool, prune_parents: bool) -> Removed:
        """``DELETE /images/NAME``: the Engine's lines. Raises :class:`EngineError`."""

    def list_images(self) -> Sequence[Image]:
        """``GET /images/json`` with ``all``."""

    def list_containers(self) -> Sequence[Container]:
        """``GET /containers/json`` with ``all``."""

    def list_dangling(self) -> t.AbstractSet[str]:
        """The images that a dangling record keeps, beside their names too."""


class StepOutcome(t.NamedTuple):
    """What became of one step: the references and image IDs that went, in the Engine's order.

    ``status`` is ``done``, ``gone`` (somebody else had removed it), ``skipped`` (its target changed after planning),
    ``refused`` (the Engine sees a conflict that came after planning) or ``failed``; ``reason`` says more.
    ``as_planned`` is whether exactly the predicted things went; ``looked_up`` whether the Engine's state says what went,
    and not its answer. ``forceable`` is of a refused one.
    """

    step: Step
    status: Status
    untagged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    reason: str = ""
    as_planned: bool = True
    looked_up: bool = False
    forceable: bool = False


class Outcome(t.NamedTuple):
    """What became of a plan, step by step. Check mode's is the predicted one.

    ``archived`` are the images that were saved before they went, each with the path of its archive; ``None`` without one.
    """

    plan: Plan
    steps: tuple[StepOutcome, ...] = ()
    archived: tuple[tuple[str, str], ...] | None = None

    @property
    def failures(self) -> tuple[StepOutcome, ...]:
        """The steps that make a task fail."""
        failing = (FAILED,) if self.plan.skip_conflicts else (FAILED, REFUSED)
        return tuple(step for step in self.steps if step.status in failing)


def carry_out(
    plan: Plan,
    engine: Engine,
    check_mode: bool,
    archive: Archive | None = None,
    parallel: int = PARALLEL,
    progress: Progress | None = None,
) -> Outcome:
    """The outcome of a plan: predicted in check mode, real otherwise."""
    return predict(plan, archive) if check_mode else execute(plan, engine, archive, parallel, progress=progress)


def predict(plan: Plan, archive: Archive | None = None) -> Outcome:
    """The outcome of a plan when nothing comes between it and the run."""
    steps = tuple(StepOutcome(step, DONE, _untagged(step), step.effect.gone, _layers(step)) for step in plan.steps)
    if archive is None:
        return Outcome(plan, steps)
    return Outcome(plan, steps, tuple((image_id, archive.path_of(image_id)) for image_id in _targets_that_go(plan)))


def execute(
    plan: Plan,
    engine: Engine,
    archive: Archive | None = None,
    parallel: int = PARALLEL,
    clock: Clock = CLOCK,
    progress: Progress | None = None,
) -> Outcome:
    """Carry a plan out: what depends on each other in the order of the plan, the rest side by side.

    What fails is reported, and the rest goes on, unless the Engine is lost. The results are in the order of the plan.
    """
    witness = _Witness(engine, clock)
    store = None if archive is None else _Store(plan, archive)
    work = _Work(
        plan,
        engine,
        witness,
        clock,
        _count(plan, progress or Progress()),
        goes=frozenset(_targets_that_go(plan)),
        images=frozenset(image.id for image in plan.snapshot.images),
        containers={container.id: container for container in plan.snapshot.containers},
        has_many_dangling=sum(image.has_dangling_record for image in plan.snapshot.images) > _FEW_DANGLING,
    )
    workers = min(parallel, engine.most_connections)
    done = several(lambda steps: _Chain(work, store).outcomes(steps), chains(plan), workers)
    by_step = {id(outcome.step): outcome for outcomes in done for outcome in outcomes}
    outcomes = _settled([by_step[id(step)] for step in plan.steps], plan, witness)
    return Outcome(plan, tuple(_with_layers_in_order(outcomes)), None if store is None else store.archived)


def _count(plan: Plan, progress: Progress) -> Count:
    """Counts the images that go, or where none does, the references."""
    images = sum(len(step.effect.gone) for step in plan.steps)
    return progress.of(IMAGES, images) if images else progress.of(REFERENCES, len(plan.steps))


def _settled(outcomes: list[StepOutcome], plan: Plan, witness: _Witness) -> list[StepOutcome]:
    """The outcomes as a fresh listing confirms them, if any is not as planned."""
    if all(outcome.status == DONE and outcome.as_planned for outcome in outcomes):
        return outcomes
    try:
        left = witness.images()
    except (EngineError, EngineLost):
        left = {image_id: Image(image_id) for outcome in outcomes for image_id in outcome.step.effect.survives}
        return [_confirmed(outcome, left, frozenset()) for outcome in outcomes]
    still_named = frozenset(
        reference.familiar
        for image in plan.snapshot.images
        for reference in image.references
        if image.id in left and reference in left[image.id].references
    )
    reported = {image_id for outcome in outcomes for image_id in outcome.deleted}
    parents = {image.id: image.parent for image in plan.snapshot.images}
    return [_confirmed(_with_company(outcome, parents, left, reported), left, still_named) for outcome in outcomes]


def _with_company(
    outcome: StepOutcome, parents: dict[str, str], left: dict[str, Image], reported: set[str]
) -> StepOutcome:
    """With what went along although it was not predicted, or where the Engine's answer did not say so."""
    survives = outcome.step.effect.survives if outcome.status == DONE else ()
    along = [image_id for image_id in survives if image_id not in left and image_id not in reported]
    reported.update(along)
    image_id = outcome.step.candidate.removal.image_id
    while outcome.looked_up and image_id in outcome.deleted + tuple(along):
        image_id = parents.get(image_id, "")
        if image_id in parents and image_id not in left and image_id not in reported:
            along.append(image_id)
            reported.add(image_id)
    return outcome._replace(deleted=(*outcome.deleted, *along)) if along else outcome


def _confirmed(outcome: StepOutcome, left: t.Container[str], still_named: t.AbstractSet[str]) -> StepOutcome:
    """Without the images and names that the Engine said it removed and lists all the same."""
    kept = [image_id for image_id in outcome.deleted if image_id in left]
    reference = outcome.step.candidate.removal.reference
    there = [name for name in outcome.untagged if name in still_named]
    if not kept and not there:
        return outcome
    reasons = [f"the Engine reported {short_id(image_id)} as deleted, but still lists it" for image_id in kept]
    reasons += [f"the Engine reported {name} as untagged, but still lists it" for name in there]
    denied = reference is not None and reference.familiar in there
    return outcome._replace(
        status=FAILED if denied else outcome.status,
        untagged=tuple(name for name in outcome.untagged if name not in there),
        deleted=tuple(image_id for image_id in outcome.deleted if image_id not in left),
        reason="; ".join(filter(None, [outcome.reason, *reasons])),
        as_planned=False,
    )


def _with_layers_in_order(outcomes: Sequence[StepOutcome]) -> list[StepOutcome]:
    """With each layer at the step that removes it in the order of the plan: side by side, it went with any that held it."""
    freed = {layer for outcome in outcomes for layer in outcome.layers}
    planned = {layer for outcome in outcomes if outcome.status == DONE for layer in _layers(outcome.step)}
    return [
        outcome._replace(
            layers=(
                *(layer for layer in _layers(outcome.step) if layer in freed and outcome.status == DONE),
                *(layer for layer in outcome.layers if layer not in planned),
            )
        )
        for outcome in outcomes
    ]


def _targets_that_go(plan: Plan) -> dict[str, tuple[Reference, ...]]:
    """The images that the plan removes for good, with the references that they have before its first step.

    An untagged parent that goes along is not among them: its layers are in the archive of its child.
    """
    gone = {image_id for step in plan.steps for image_id in step.effect.gone}
    targets: dict[str, tuple[Reference, ...]] = {}
    for step in plan.steps:
        image_id = step.candidate.removal.image_id
        if image_id in gone:
            targets.setdefault(image_id, step.references)
    return targets


class _Store:
    """Saves images before they go, one at a time, each once."""

    def __init__(self, plan: Plan, archive: Archive) -> None:
        self._archive = archive
        self._to_save = _targets_that_go(plan)
        self._lock = threading.Lock()
        self._paths: dict[str, str] = {}

    @property
    def archived(self) -> tuple[tuple[str, str], ...]:
        """What was saved, in the order of the plan."""
        return tuple((image_id, self._paths[image_id]) for image_id in self._to_save if image_id in self._paths)

    def save(self, image_id: str) -> None:
        """Save it with all the references that it has before its first step. Raises :class:`NotArchived`."""
        with self._lock:
            if image_id in self._to_save and image_id not in self._paths:
                self._paths[image_id] = self._archive.save(image_id, self._to_save[image_id])


class _Shared(t.Generic[_Answer]):
    """A listing that serves all who wait for it."""

    def __init__(self, listing: Callable[[], _Answer], patience: Patience, clock: Clock) -> None:
        self._listing = listing
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._read: tuple[float, _Answer] | None = None

    def no_older_than(self, age: float) -> _Answer:
        """By a listing that began no longer ago than this."""
        needed = self._clock.now() - age
        with self._lock:
            if self._read is None or self._read[0] < needed:
                began = self._clock.now()
                self._read = (began, self._patience.ask(self._listing))
            return self._read[1]


class _Witness:
    """Says what is so on the Engine."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._patience = Patience(clock)
        self._containers = _Shared(engine.list_containers, self._patience, clock)
        self._dangling = _Shared(engine.list_dangling, self._patience, clock)

    def images(self) -> dict[str, Image]:
        """Every image by its ID."""
        return {image.id: image for image in self._patience.ask(self._engine.list_images)}

    def containers(self, age: float) -> Sequence[Container]:
        """Every container, by a listing that is at most so old."""
        return self._containers.no_older_than(age)

    def dangling(self) -> t.AbstractSet[str]:
        """The images with a dangling record, by a listing that begins now. It serves all that wait for one."""
        return self._dangling.no_older_than(0)

    def give_up_if_lost(self) -> None:
        """Raises :class:`EngineLost` if it did not come back for another step."""
        self._patience.give_up_if_lost()


class _Work(t.NamedTuple):
    """What all steps of a plan share.

    ``goes`` are the targets that the plan removes for good, in one of its steps; ``images`` and ``containers`` those that
    it knows; ``has_many_dangling`` is whether a listing of dangling images takes long.
    """

    plan: Plan
    engine: Engine
    witness: _Witness
    clock: Clock
    counter: Count
    goes: frozenset[str]
    images: frozenset[str]
    containers: t.Mapping[str, Container]
    has_many_dangling: bool


class _Change(t.NamedTuple):
    """Why a step's target is not what was planned any more."""

    status: Status
    reason: str


class _Chain:
    """Steps that follow one another. Remembers which images are left alone."""

    def __init__(self, work: _Work, store: _Store | None) -> None:
        self._work = work
        self._store = store
        self._left_alone: dict[str, _Change] = {}

    def outcomes(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """What became of each."""
        return [self._counted(self._outcome(step)) for step in steps]

    def _counted(self, outcome: StepOutcome) -> StepOutcome:
        step, count = outcome.step, self._work.counter
        space = sum(release.most_likely for release in step.releases) if outcome.status == DONE else 0
        count.add(len(step.effect.gone) if count.kind == IMAGES else 1, space)
        return outcome

    def _outcome(self, step: Step) -> StepOutcome:
        image_id = step.candidate.removal.image_id
        change = self._left_alone.get(image_id) or self._unsaved(step)
        if change is not None:
            return StepOutcome(step, change.status, reason=change.reason, as_planned=False)
        outcome = _Run(step, self._work).outcome()
        if outcome.status == SKIPPED:
            # Its later steps were planned for what this one would have left.
            self._left_alone[image_id] = _Change(SKIPPED, f"{step.candidate.target} stays: {outcome.reason}")
        return outcome

    def _unsaved(self, step: Step) -> _Change | None:
        """Before the image loses the first of its references, so that the archive has them all."""
        if self._store is None:
            return None
        image_id = step.candidate.removal.image_id
        try:
            self._store.save(image_id)
        except NotArchived as exc:
            self._left_alone[image_id] = _Run(step, self._work).why_not_saved(str(exc))
        return self._left_alone.get(image_id)


class _Run:
    """One step on its way: verified, asked for, looked up if the answer does not say what is so."""

    def __init__(self, step: Step, work: _Work) -> None:
        self._step = step
        self._removal = step.candidate.removal
        self._work = work
        self._plan = work.plan
        self._witness = work.witness
        self._asked = False
        self._in_doubt = False
        self._unread = ""

    def outcome(self) -> StepOutcome:
        """What became of it. A request without an answer is looked up, and what still holds is tried again."""
        began, unanswered = self._work.clock.now(), ""
        try:
            for _attempt in range(_ATTEMPTS):
                try:
                    return self._attempt()
                except EngineUnavailable as exc:
                    unanswered, self._in_doubt = str(exc), self._asked
                outcome = self._looked_up(FAILED, unanswered)
                # What has taken its time without an answer would do so again.
                if outcome.status == DONE or self._work.clock.now() - began > RETURN:
                    break
            return outcome
        except (EngineError, EngineLost) as exc:
            return self._ended(FAILED, self._unknown(unanswered, str(exc)))

    def why_not_saved(self, reason: str) -> _Change:
        """Why an image could not be saved: what is gone or changed by now is no failure."""
        try:
            return self._change() or _Change(FAILED, reason)
        except (EngineError, EngineLost):
            return _Change(FAILED, reason)

    def _unknown(self, unanswered: str, reason: str) -> str:
        if not self._asked:
            return f"not tried: {reason}"
        return f"{unanswered or 'it was asked for'}; what was removed is unknown: {reason}"

    def _ended(self, status: Status, reason: str = "") -> StepOutcome:
        return StepOutcome(self._step, status, reason=reason, as_planned=False)

    def _attempt(self) -> StepOutcome:
        change = self._change() or self._target_at_last()
        if change is not None:
            return self._looked_up(change.status, change.reason) if self._asked else self._ended(*change)
        self._asked = True
        try:
            removed = self._work.engine.remove_image(self._step.address, self._plan.force, self._takes_parents)
        except EngineError as exc:
            return self._not_removed(exc)
        return self._answered(removed)

    @property
    def _takes_parents(self) -> bool:
        """Whether parents are planned to go along. One that lost its name since, or its other child, stays."""
        return len(self._step.effect.deleted) > 1

    def _answered(self, removed: Removed) -> StepOutcome:
        known = self._work.images
        deleted = tuple(line for line in removed.deleted if line in known)
        layers = tuple(line for line in removed.deleted if line not in known)
        if (removed.untagged, deleted) == (_untagged(self._step), self._step.effect.deleted):
            return StepOutcome(self._step, DONE, removed.untagged, self._step.effect.gone, layers, self._unread)
        asked_for = {*_untagged(self._step), *self._step.effect.deleted, self._removal.image_id}
        if asked_for.isdisjoint((*removed.untagged, *deleted)):
            # No removal has such an answer: it was cut off where that does not show, or is to something else.
            what = "something else" if removed.untagged or removed.deleted else "nothing"
            return self._looked_up(FAILED, f"the Engine's answer names {what}")
        reason = "the Engine did not do what was predicted"
        if self._step.is_checked_by_the_engine and removed.untagged == _untagged(self._step) and not removed.deleted:
            reason = "the image got another reference after planning, and stays"
        return StepOutcome(self._step, DONE, removed.untagged, deleted, layers, reason, False)

    def _not_removed(self, exc: EngineError) -> StepOutcome:
        """What an error means. The Engine drops from its answer what it had removed before, conflicts among the errors."""
        if exc.status == 404:
            return self._not_found(exc)
        if exc.status != 409:
            return self._looked_up(FAILED, str(exc))
        outcome = self._looked_up(REFUSED, exc.explanation)._replace(forceable=exc.may_be_forced)
        if outcome.status != REFUSED or outcome.untagged or outcome.deleted:
            return outcome
        try:
            change = self._change() or self._newcomer(uses_count=True, mounts_count=False, age=0)
        except (EngineError, EngineLost):
            return outcome
        return outcome if change is None else outcome._replace(status=change.status, reason=change.reason)

    def _not_found(self, exc: EngineError) -> StepOutcome:
        """The Engine may say so of an image that it lists, and removes nothing then, tonight and every night."""
        images = self._witness.images()
        left, reference = images.get(self._removal.image_id), self._removal.reference
        if left is not None and reference is None and left.references and self._step.pin:
            return self._ended(SKIPPED, _REFERENCES_CHANGED)
        if left is not None and (reference is None or reference in left.references):
            return self._ended(FAILED, f"{exc}; the Engine still lists it")
        owner = next((image.id for image in images.values() if reference in image.references), None)
        if left is not None and owner is not None:
            return self._ended(SKIPPED, _moved(owner))
        # An earlier request, of which no answer came, may have been carried out in the meantime.
        return self._looked_up(GONE, _ALREADY) if self._in_doubt else self._ended(GONE, _ALREADY)

    def _looked_up(self, status: Status, reason: str) -> StepOutcome:
        """What of the step's effect has happened, by a fresh listing. Where all of it has, the step is done."""
        left = self._witness.images()
        effect = self._step.effect
        # A name that another image has by now was moved by somebody else, and not removed.
        there = {reference for image in left.values() for reference in image.references}
        untagged = tuple(reference.familiar for _owner, reference in effect.untagged if reference not in there)
        deleted = tuple(image_id for image_id in effect.gone if image_id not in left)
        is_done = self._asked and (untagged, deleted) == (_untagged(self._step), effect.gone)
        if is_done and status != REFUSED:
            status, reason = DONE, f"{reason}; it was removed all the same"
        return StepOutcome(self._step, status, untagged, deleted, (), reason, False, True)

    def _change(self) -> _Change | None:
        """Why the step's target is not what was planned any more, or ``None``."""
        self._witness.give_up_if_lost()
        return (None if self._is_left_to_the_engine() else self._target_since()) or self._container_since()

    def _is_left_to_the_engine(self) -> bool:
        """Whether the request itself says all that must hold, so that nothing is read before it.

        When a name moves, the Engine may keep the image that it named by a dangling record, and finds it by that: a name
        whose image has such a record is read, and every name where an earlier request got no clear answer.
        """
        if not self._step.is_checked_by_the_engine or self._asked:
            return False
        if self._removal.reference is None:
            return True
        if self._work.has_many_dangling:
            return False
        try:
            return self._removal.image_id not in self._witness.dangling()
        except EngineError:
            return False

    def _target_at_last(self) -> _Change | None:
        """The same of the target alone, once more where a listing took its time and the request does not say which image.

        With graph drivers, a name that moves in between is removed from the image that it moved to.
        """
        return self._target_since() if self._goes_by_name_alone and any(self._containers_count()) else None

    @property
    def _goes_by_name_alone(self) -> bool:
        """Whether the Engine would carry the request out too when the name has moved, or the image got its first one."""
        is_an_id = self._step.address == self._removal.image_id
        return not self._step.pin and not (is_an_id and self._step.references)

    def _target_since(self) -> _Change | None:
        """What the target names now, if that is not what it named."""
        found = self._found()
        if found is None:
            return _Change(GONE, _ALREADY)
        owner, references = found
        if owner != self._removal.image_id:
            return _Change(SKIPPED, _moved(owner))
        store = store_kind(self._plan.snapshot.engine)
        if store.recorded(references) != store.recorded(self._step.references):
            return _Change(SKIPPED, _REFERENCES_CHANGED)
        return None

    def _found(self) -> tuple[str, Sequence[Reference]] | None:
        """The image that the target names now, with its references. One that cannot be inspected is taken from the listing."""
        try:
            inspected = self._work.engine.inspect_image(self._removal.address)
        except (EngineError, EngineUnavailable) as exc:
            self._unread = f"the image could not be inspected, and was removed as it was listed: {exc}"
            return self._listed()
        return None if inspected is None else (inspected.id, inspected.references)

    def _listed(self) -> tuple[str, Sequence[Reference]] | None:
        images = self._witness.images()
        reference = self._removal.reference
        owner = next((image for image in images.values() if reference in image.references), None)
        named = images.get(self._removal.image_id) if reference is None else owner
        return None if named is None else (named.id, named.references)

    def _container_since(self) -> _Change | None:
        """A container that came after planning and uses the step's image, or one that held it and does not any more.

        Without force the Engine refuses to delete what a container was made from, but lets its names go, and what is
        mounted.
        """
        uses_count, mounts_count = self._containers_count()
        if not uses_count and not mounts_count:
            return None
        change = self._newcomer(uses_count, mounts_count, 0 if self._step.effect.deleted else _LISTING_SERVES)
        return self._released() if change is None and self._plan.force and self._step.effect.lost_names else change

    def _containers_count(self) -> tuple[bool, bool]:
        """Whether a container made of the image, and one that may mount it, keep it without the Engine."""
        only_untags = not self._step.effect.deleted
        spares_names = self._plan.force or (self._plan.spares_names_in_use and only_untags)
        uses_count = (
            spares_names
            or self._step.is_checked_by_the_engine
            or (self._removal.image_id in self._work.goes and only_untags)
        )
        mounts_count = spares_names or (
            self._plan.snapshot.engine.mounts_images and _goes_whatever_mounts_it(self._step)
        )
        return uses_count, mounts_count

    def _newcomer(self, uses_count: bool, mounts_count: bool, age: float) -> _Change | None:
        """A container that the plan does not know and that is made of the step's image, or mounts what may be it."""
        planned = self._work.containers
        for container in self._witness.containers(age):
            is_made_of_it = uses_count and container.image_id == self._removal.image_id
            # Of what a new container mounts, the listing shows the name only: it may be this image.
            if (is_made_of_it or (mounts_count and container.mounted_images)) and container.id not in planned:
                return _Change(SKIPPED, f"container {container.name} started to use the image after planning")
        return None

    def _released(self) -> _Change | None:
        """A container that made the Engine keep the image when its name is removed by force, and stopped or went."""
        now = {container.id: container.is_running for container in self._witness.containers(0)}
        for container in self._work.containers.values():
            holds = container.image_id == self._removal.image_id or container.mounted_images
            if holds and now.get(container.id) not in (True, container.is_running):
                return _Change(SKIPPED, f"container {container.name} stopped or was removed after planning")
        return None


def _goes_whatever_mounts_it(step: Step) -> bool:
    """Whether the step deletes an image of which the Engine does not ask what mounts it: only for a tag's own it does."""
    reference = step.candidate.removal.reference
    by_tag = reference is not None and reference.digest is None and not step.by_id
    return bool(step.effect.gone) and not (by_tag and step.effect.gone == (step.candidate.removal.image_id,))


def _moved(owner: str) -> str:
    return f"it moved to image {short_id(owner)} after planning"


def _layers(step: Step) -> tuple[str, ...]:
    return tuple(layer for release in step.releases for layer in release.layers)


def _untagged(step: Step) -> tuple[str, ...]:
    return tuple(reference.familiar for _owner, reference in step.effect.untagged)

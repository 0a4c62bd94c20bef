# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Carrying a plan out. Walks the plan and never decides again: what it reads, it reads only to refuse."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    NotArchived,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, short_id

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Image
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import InspectedImage, Removed
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.archive import Archive
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import Plan, Step

DONE = "done"
GONE = "gone"
SKIPPED = "skipped"
REFUSED = "refused"
FAILED = "failed"


class Engine(t.Protocol):
    """What the executor needs of an Engine."""

    def inspect_image(self, name: str) -> InspectedImage | None:
        """``GET /images/NAME/json``, or ``None`` when it is not there."""

    def remove_image(self, name: str, force: bool, prune_parents: bool) -> Removed:
        """``DELETE /images/NAME``: the Engine's lines. Raises :class:`EngineError`."""

    def list_images(self) -> Sequence[Image]:
        """``GET /images/json`` with ``all``."""

    def list_containers(self) -> Sequence[Container]:
        """``GET /containers/json`` with ``all``."""


class StepOutcome(t.NamedTuple):
    """What became of one step: the references and image IDs that went, in the Engine's order.

    ``status`` is ``done``, ``gone`` (somebody else had removed it), ``skipped`` (its target changed after planning),
    ``refused`` (the Engine sees a conflict that came after planning) or ``failed``; ``reason`` says more.
    ``as_planned`` is whether exactly the predicted things went.
    """

    step: Step
    status: str
    untagged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    reason: str = ""
    as_planned: bool = True


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


def carry_out(plan: Plan, engine: Engine, check_mode: bool, archive: Archive | None = None) -> Outcome:
    """The outcome of a plan: predicted in check mode, real otherwise."""
    return predict(plan, archive) if check_mode else execute(plan, engine, archive)


def predict(plan: Plan, archive: Archive | None = None) -> Outcome:
    """The outcome of a plan when nothing comes between it and the run."""
    steps = tuple(_as_planned(step) for step in plan.steps)
    if archive is None:
        return Outcome(plan, steps)
    return Outcome(plan, steps, tuple((image_id, archive.path_of(image_id)) for image_id in _targets_that_go(plan)))


def execute(plan: Plan, engine: Engine, archive: Archive | None = None) -> Outcome:
    """Carry a plan out, step by step; what fails is told, and the rest goes on, unless the Engine is lost."""
    steps: list[StepOutcome] = []
    archived: dict[str, str] = {}
    unsaved: dict[str, tuple[str, str]] = {}
    going = _targets_that_go(plan)
    to_save = going if archive is not None else {}
    left_alone: dict[str, str] = {}
    lost = ""
    for step in plan.steps:
        if lost:
            steps.append(StepOutcome(step, FAILED, reason=f"not tried: {lost}", as_planned=False))
            continue
        image_id = step.candidate.removal.image_id
        if archive is not None and image_id in to_save and image_id not in archived and image_id not in unsaved:
            # Before the image loses the first of its references, so that the archive has them all.
            try:
                archived[image_id] = archive.save(image_id, to_save[image_id])
            except NotArchived as exc:
                unsaved[image_id] = _why_unsaved(step, plan, engine, str(exc), image_id in going)
        if image_id in unsaved:
            status, reason = unsaved[image_id]
            steps.append(StepOutcome(step, status, reason=reason, as_planned=False))
            continue
        if image_id in left_alone:
            steps.append(StepOutcome(step, SKIPPED, reason=left_alone[image_id], as_planned=False))
            continue
        try:
            outcome = _run(step, plan, engine, image_id in going)
        except EngineUnavailable as exc:
            lost = str(exc)
            outcome = StepOutcome(step, FAILED, reason=lost, as_planned=False)
        if outcome.status == SKIPPED:
            # Its later steps were planned for what this one would have left.
            left_alone[image_id] = f"{step.candidate.target} stays: {outcome.reason}"
        steps.append(outcome)
    return Outcome(plan, tuple(steps), None if archive is None else tuple(archived.items()))


def _why_unsaved(step: Step, plan: Plan, engine: Engine, reason: str, goes: bool) -> tuple[str, str]:
    """The status and the reason of an image that could not be saved: what is gone or changed by now is no failure."""
    try:
        status, change = _verify(step, plan, engine, goes)
    except (EngineError, EngineUnavailable):
        return FAILED, reason
    return (status, change) if status else (FAILED, reason)


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


def _run(step: Step, plan: Plan, engine: Engine, goes: bool) -> StepOutcome:
    try:
        status, reason = _verify(step, plan, engine, goes)
    except EngineError as exc:
        return StepOutcome(step, FAILED, reason=str(exc), as_planned=False)
    if status:
        return StepOutcome(step, status, reason=reason, as_planned=False)
    try:
        removed = engine.remove_image(step.candidate.removal.address, plan.force, plan.prune_parents)
    except EngineError as exc:
        if exc.status == 404:
            return StepOutcome(step, GONE, reason="it was already gone", as_planned=False)
        # The Engine drops from its answer what it had removed before the error, conflicts among them.
        if exc.status == 409:
            return _refused(step, plan, engine, exc.explanation)
        return _observed(step, engine, FAILED, str(exc))
    except EngineUnavailable as exc:
        return _observed(step, engine, FAILED, str(exc))
    known = {image.id for image in plan.snapshot.images}
    untagged = removed.untagged
    deleted = tuple(line for line in removed.deleted if line in known)
    layers = tuple(line for line in removed.deleted if line not in known)
    if (untagged, deleted) == (_untagged(step), step.effect.deleted):
        return StepOutcome(step, DONE, untagged, step.effect.gone, layers)
    kept = _reported_but_kept(step, deleted, engine)
    reason = "the Engine did not do what was predicted"
    return StepOutcome(step, DONE, untagged, tuple(i for i in deleted if i not in kept), layers, reason, False)


def _reported_but_kept(step: Step, deleted: Sequence[str], engine: Engine) -> frozenset[str]:
    """The images that the Engine says it deleted, and keeps under a dangling record: only a listing tells."""
    try:
        return frozenset(image.id for image in engine.list_images()) & frozenset(deleted)
    except (EngineError, EngineUnavailable):
        return step.effect.survives


def _verify(step: Step, plan: Plan, engine: Engine, goes: bool) -> tuple[str, str]:
    """Whether the step's target is still what was planned; a status and reason when it is not.

    ``goes`` is whether the plan removes the image for good, in this step or a later one.
    """
    removal = step.candidate.removal
    found = engine.inspect_image(removal.address)
    if found is None:
        return GONE, "it was already gone"
    if found.id != removal.image_id:
        return SKIPPED, f"it moved to image {short_id(found.id)} after planning"
    store = plan.snapshot.engine.store
    if _comparable(found.references, store) != _comparable(step.references, store):
        return SKIPPED, "the image's references changed after planning"
    container = _container_since(step, plan, engine, goes)
    if container is not None:
        return SKIPPED, _came_into_use(container)
    return "", ""


def _goes_whatever_mounts_it(step: Step) -> bool:
    """Whether the step deletes an image of which the Engine does not ask what mounts it: only for a tag's own it does."""
    removal = step.candidate.removal
    by_tag = removal.reference is not None and removal.reference.digest is None
    return bool(step.effect.gone) and not (by_tag and step.effect.gone == (removal.image_id,))


def _container_since(step: Step, plan: Plan, engine: Engine, goes: bool) -> Container | None:
    """A container that came after planning and uses the step's image.

    Without force the Engine refuses to delete what a container was made from, but lets its names go, and what is mounted.
    """
    only_untags = not step.effect.deleted
    spares_names = plan.force or (plan.spares_names_in_use and only_untags)
    uses_count = spares_names or (goes and only_untags)
    mounts_count = spares_names or (plan.snapshot.engine.mounts_images and _goes_whatever_mounts_it(step))
    return _newcomer(step, plan, engine, uses_count, mounts_count) if uses_count or mounts_count else None


def _newcomer(step: Step, plan: Plan, engine: Engine, uses_count: bool, mounts_count: bool) -> Container | None:
    """A container that the plan does not know and that is made of the step's image, or mounts what may be it."""
    planned = {container.id for container in plan.snapshot.containers}
    for container in engine.list_containers():
        is_made_of_it = uses_count and container.image_id == step.candidate.removal.image_id
        # What a new container mounts is told by name only: it may be this image.
        if (is_made_of_it or (mounts_count and container.mounted_images)) and container.id not in planned:
            return container
    return None


def _refused(step: Step, plan: Plan, engine: Engine, explanation: str) -> StepOutcome:
    """What the Engine would not do: a conflict, unless it is for a container that came after planning."""
    outcome = _observed(step, engine, REFUSED, explanation)
    if outcome.status != REFUSED or outcome.untagged or outcome.deleted:
        return outcome
    with contextlib.suppress(EngineError, EngineUnavailable):
        container = _newcomer(step, plan, engine, uses_count=True, mounts_count=False)
        if container is not None:
            return outcome._replace(status=SKIPPED, reason=_came_into_use(container))
    return outcome


def _came_into_use(container: Container) -> str:
    return f"container {container.name} started to use the image after planning"


def _comparable(references: Sequence[Reference], store: str) -> frozenset[Reference]:
    # An inspected image of the containerd store shows digest references that no record stands for.
    return frozenset(ref for ref in references if store != CONTAINERD or ref.tag is not None)


def _observed(step: Step, engine: Engine, status: str, reason: str) -> StepOutcome:
    """Tell from a fresh reading what of the step's effect has happened."""
    try:
        listed = engine.list_images()
    except (EngineError, EngineUnavailable) as exc:
        return StepOutcome(step, FAILED, reason=f"{reason}; what was removed is unknown: {exc}", as_planned=False)
    left = {image.id: image.references for image in listed}
    return StepOutcome(
        step,
        status,
        tuple(ref.familiar for owner, ref in step.effect.untagged if ref not in left.get(owner, ())),
        tuple(image_id for image_id in step.effect.deleted if image_id not in left),
        reason=reason,
        as_planned=False,
    )


def _as_planned(step: Step) -> StepOutcome:
    layers = tuple(layer for release in step.releases for layer in release.layers)
    return StepOutcome(step, DONE, _untagged(step), step.effect.gone, layers)


def _untagged(step: Step) -> tuple[str, ...]:
    return tuple(reference.familiar for _owner, reference in step.effect.untagged)

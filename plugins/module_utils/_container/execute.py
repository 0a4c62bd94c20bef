# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Carrying the plan of ``container_remove`` out. Walks the plan and never decides again: what it reads, it reads only to refuse.

An answer that says neither yes nor no (lost, late, broken, an error, "no such container" of one that is listed) is never
believed: the Engine is asked what is so, and that is reported.
"""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import may_be_removed
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import CLOCK, EngineLost, Patience
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import several
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import InspectedContainer
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import DONE, FAILED, GONE, SKIPPED
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import CONTAINERS, Progress

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import Plan, Step
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import InspectedImage

#: Seconds for a removal that is under way: one that somebody else began, such as the Engine itself for a container with
#: ``--rm``, or one whose answer was lost.
_REMOVAL = 600
#: Seconds for an image whose commit was not confirmed to be listed.
_COMMIT = 10
#: Seconds that a container has to act on a signal, if nobody says otherwise: the Engine's own default for stopping.
_STOP = 10
#: How often a container is tried whose request got no answer.
_ATTEMPTS = 3
_IN_PROGRESS = "already in progress"
_REMOVING = ("removing", "dead")


class Engine(t.Protocol):
    """What the executor needs of an Engine."""

    @property
    def most_connections(self) -> int:
        """How many connections it takes at a time."""

    def inspect_container(self, container_id: str) -> InspectedContainer | None:
        """``GET /containers/ID/json``, or ``None`` when it is not there."""

    def list_containers(self) -> tuple[Container, ...]:
        """``GET /containers/json`` with ``all``."""

    def inspect_image(self, name: str) -> InspectedImage | None:
        """``GET /images/NAME/json``, or ``None`` when it is not there."""

    def stop_container(self, container_id: str, seconds: int | None, patience: int | None) -> None:
        """``POST /containers/ID/stop``. Raises :class:`EngineError`."""

    def kill_container(self, container_id: str, signal: str) -> None:
        """``POST /containers/ID/kill``. Raises :class:`EngineError`."""

    def commit_container(self, container_id: str, repository: str, tag: str) -> str:
        """``POST /commit``: the ID of the image. Raises :class:`EngineError`."""

    def remove_container(self, container_id: str, force: bool, volumes: bool) -> None:
        """``DELETE /containers/ID``. Raises :class:`EngineError`."""


class StepOutcome(t.NamedTuple):
    """What became of one container.

    ``status`` is ``done``, ``gone`` (somebody else had removed it), ``skipped`` (it changed after planning) or
    ``failed``; ``reason`` says more. A step that failed can have stopped or committed its container all the same.
    """

    step: Step
    status: str
    stopped: bool = False
    committed: bool = False
    image_id: str | None = None
    reason: str = ""


class Outcome(t.NamedTuple):
    """What became of a plan, container by container. Check mode's is the predicted one."""

    plan: Plan
    steps: tuple[StepOutcome, ...] = ()

    @property
    def failures(self) -> tuple[StepOutcome, ...]:
        """The steps that make a task fail."""
        return tuple(step for step in self.steps if step.status == FAILED)


def carry_out(plan: Plan, engine: Engine, check_mode: bool, progress: Progress | None = None) -> Outcome:
    """The outcome of a plan: predicted in check mode, real otherwise."""
    return predict(plan) if check_mode else execute(plan, engine, progress=progress)


def predict(plan: Plan) -> Outcome:
    """The outcome of a plan when nothing comes between it and the run."""
    kill = plan.request.kill
    return Outcome(
        plan,
        tuple(
            StepOutcome(step, DONE, stopped=step.stop and not kill, committed=step.commit is not None)
            for step in plan.steps
        ),
    )


def execute(plan: Plan, engine: Engine, clock: Clock = CLOCK, progress: Progress | None = None) -> Outcome:
    """Carry a plan out, several containers at a time. What fails is reported, and the rest goes on, unless the Engine is lost."""
    witness = _Witness(engine, clock)
    workers = min(plan.request.parallel, engine.most_connections)
    count = (progress or Progress()).of(CONTAINERS, len(plan.steps))

    def outcome(step: Step) -> StepOutcome:
        found = _Run(step, plan, engine, witness, clock).outcome()
        count.add(1)
        return found

    return Outcome(plan, _confirmed(several(outcome, plan.steps, workers), witness))


def _confirmed(steps: Sequence[StepOutcome], witness: _Witness) -> tuple[StepOutcome, ...]:
    """The outcomes; one that the Engine's own list contradicts is a failure."""
    if not any(step.status == DONE for step in steps):
        return tuple(steps)
    try:
        listed = {container.id for container in witness.list_containers()}
    except (EngineError, EngineLost):
        return tuple(steps)
    return tuple(
        step._replace(status=FAILED, reason="the Engine reported that it was removed, but still lists it")
        if step.status == DONE and step.step.container.id in listed
        else step
        for step in steps
    )


class _Witness:
    """Says what is so on the Engine. It waits for an Engine that is away, and all containers wait together."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._patience = Patience(clock)

    def look(self, container_id: str) -> InspectedContainer | None:
        """The container as it is now, or ``None`` when the Engine does not list it either.

        A container that cannot be inspected is taken from the list, which shows less of it.
        """
        self._patience.give_up_if_lost()
        try:
            found = self._engine.inspect_container(container_id)
        except (EngineError, EngineUnavailable):
            found = None
        if found is not None:
            return found
        listed = next((row for row in self.list_containers() if row.id == container_id), None)
        return None if listed is None else InspectedContainer(name=listed.name, state=listed.state)

    def list_containers(self) -> tuple[Container, ...]:
        """Every container."""
        return self._patience.ask(self._engine.list_containers)

    def image_id(self, reference: str) -> str | None:
        """The ID of the image that has this name."""
        found = self._patience.ask(lambda: self._engine.inspect_image(reference))
        return None if found is None else found.id


class _Run:
    """One container on its way out: verified, committed, stopped, removed. Remembers what was asked for and what was done."""

    def __init__(self, step: Step, plan: Plan, engine: Engine, witness: _Witness, clock: Clock) -> None:
        self._step = step
        self._plan = plan
        self._request = plan.request
        self._engine = engine
        self._witness = witness
        self._clock = clock
        self._id = step.container.id
        self._asked_to_end = False
        self._asked_to_remove = False
        self._stopped = False
        self._started: float | None = None
        self._image_id: str | None = None

    def outcome(self) -> StepOutcome:
        """What became of it; a request without an answer is looked up, and what still holds is tried again."""
        unanswered = ""
        try:
            for _attempt, _turn in zip(range(_ATTEMPTS), self._clock.turns(_REMOVAL)):
                try:
                    return self._attempt()
                except EngineUnavailable as exc:
                    unanswered = str(exc)
            return self._last_look(unanswered)
        except EngineError as exc:
            return self._ended(FAILED, self._unknown(str(exc)))
        except EngineLost as exc:
            return self._ended(FAILED, self._unknown(str(exc)))

    def _attempt(self) -> StepOutcome:
        found = self._witness.look(self._id)
        if found is None:
            return self._vanished()
        self._note(found)
        # A removal that was asked for, and whose answer was lost, is on its way, or failed half-way.
        if not (self._asked_to_remove and found.state in _REMOVING):
            change = _changed(found, self._step, self._plan)
            if change:
                return self._ended(SKIPPED, change)
        return self._commit() or self._end(found) or self._remove(found)

    def _last_look(self, unanswered: str) -> StepOutcome:
        found = self._witness.look(self._id)
        if found is None:
            return self._vanished()
        self._note(found)
        under_way = "; its removal is still under way" if found.state == "removing" else ""
        return self._ended(FAILED, f"{unanswered}{under_way}")

    def _note(self, found: InspectedContainer) -> None:
        if self._asked_to_end and not self._request.kill and not found.is_running:
            self._stopped = True

    def _vanished(self) -> StepOutcome:
        """It is not there any more: as this run wanted it, if it had a part in that."""
        if not self._asked_to_end and not self._asked_to_remove:
            return self._ended(GONE, "it was already removed")
        self._stopped = self._asked_to_end and not self._request.kill
        return self._ended(DONE)

    def _unknown(self, reason: str) -> str:
        if self._asked_to_remove:
            return f"whether it was removed is not known: {reason}"
        return reason if self._asked_to_end or self._image_id is not None else f"not tried: {reason}"

    def _ended(self, status: str, reason: str = "") -> StepOutcome:
        committed = self._image_id is not None
        return StepOutcome(self._step, status, self._stopped, committed, self._image_id, reason)

    def _commit(self) -> StepOutcome | None:
        reference = self._step.commit
        if reference is None or self._image_id is not None:
            return None
        try:
            self._image_id = self._engine.commit_container(self._id, reference.familiar_name, str(reference.tag))
        except EngineError as exc:
            self._image_id = self._witness.image_id(reference.familiar)
            if self._image_id is None and self._witness.look(self._id) is None:
                return self._ended(GONE, "it was removed before it could be committed")
            if self._image_id is None:
                return self._ended(FAILED, f"it was not removed, because it could not be committed: {exc}")
        except EngineUnavailable as exc:
            self._image_id = self._image_in_time(reference.familiar)
            if self._image_id is None:
                return self._ended(
                    FAILED, f"it was not removed, because it is not known whether it was committed: {exc}"
                )
        return None

    def _image_in_time(self, reference: str) -> str | None:
        """The image of a commit that was not answered: the Engine may still be writing it."""
        for _turn in self._clock.turns(_COMMIT):
            image_id = self._witness.image_id(reference)
            if image_id is not None:
                return image_id
        return None

    def _end(self, found: InspectedContainer) -> StepOutcome | None:
        """Bring a running container to its end, unless its removal does that."""
        if not found.is_running:
            return None
        if self._request.kill_signal is not None:
            return self._signal(self._request.kill_signal, found)
        return None if self._request.kill else self._stop(found)

    def _stop(self, found: InspectedContainer) -> StepOutcome | None:
        self._asked_to_end = True
        self._started = found.started
        try:
            self._engine.stop_container(self._id, self._request.stop_timeout, found.stop_timeout)
        except EngineError as exc:
            now = self._witness.look(self._id)
            if now is None:
                return self._vanished()
            if now.is_running:
                return self._ended(FAILED, f"it could not be stopped: {exc}")
        self._stopped = True
        return None

    def _signal(self, signal: str, found: InspectedContainer) -> StepOutcome | None:
        """Send a signal and wait; a container that outlives it is killed by its removal."""
        self._asked_to_end = True
        refused = ""
        try:
            self._engine.kill_container(self._id, signal)
        except EngineError as exc:
            refused = f"the signal {signal} could not be sent: {exc}"
        own = _STOP if found.stop_timeout is None else found.stop_timeout
        patience = own if self._request.stop_timeout is None else self._request.stop_timeout
        for _turn in self._clock.turns(0 if refused else patience):
            now = self._witness.look(self._id)
            if now is None or not now.is_running:
                return None
        return self._ended(FAILED, refused) if refused else None

    def _remove(self, found: InspectedContainer) -> StepOutcome:
        # Without force the Engine itself refuses a container that was started meanwhile.
        force = self._request.kill and found.is_running
        self._asked_to_remove = True
        for _turn in self._clock.turns(_REMOVAL):
            ended = self._try_to_remove(force)
            if ended is not None:
                return ended
        return self._ended(FAILED, f"its removal was in progress, and had not ended after {_REMOVAL} seconds")

    def _try_to_remove(self, force: bool) -> StepOutcome | None:
        """Ask for the removal; ``None`` when one is under way, such as the Engine's own for a container with ``--rm``.

        What follows may need the image, so that the container counts as removed only when it is not listed any more. One
        that looks dead meanwhile can be removed in fact, or its removal failed: asking again tells.
        """
        try:
            self._engine.remove_container(self._id, force, self._request.volumes)
        except EngineError as exc:
            now = self._witness.look(self._id)
            if now is not None:
                return self._not_removed(exc, now)
        return self._ended(DONE)

    def _not_removed(self, exc: EngineError, now: InspectedContainer) -> StepOutcome | None:
        """What an error means of a container that is still there."""
        if now.state == "removing" or (exc.status == 409 and _IN_PROGRESS in exc.explanation):
            return None
        is_the_same_run = now.started is not None and now.started == self._started
        if exc.status == 409 and now.is_running and self._stopped and is_the_same_run:
            self._stopped = False
            return self._ended(FAILED, f"the Engine reported that it was stopped, but it still runs: {exc.explanation}")
        if exc.status == 409 and now.is_running:
            return self._ended(SKIPPED, f"it was started after planning: {exc.explanation}")
        if exc.status == 404:
            return self._ended(FAILED, f"{exc}; the Engine still lists it")
        return self._ended(FAILED, str(exc))


def _changed(found: InspectedContainer, step: Step, plan: Plan) -> str:
    """Why this container is not the one that was planned any more, or nothing."""
    if found.name and found.name != step.container.name:
        return f"it was renamed to {found.name} after planning"
    if not may_be_removed(found.state, step, plan):
        return f"it was {step.container.state}, and is {found.state} after planning"
    if step.finished is not None and found.finished is None:
        return "whether it ran again after planning is not known, because the Engine could not inspect it"
    if step.finished is not None and found.finished != step.finished:
        return "it ran again after planning"
    return ""

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Carrying the plan of ``container_remove`` out. Walks the plan and never decides again: what it reads, it reads only to refuse."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import may_go
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import DONE, FAILED, GONE, SKIPPED

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import Plan, Step
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import InspectedContainer

#: Seconds for a removal that somebody else began, such as the Engine itself for a container with ``--rm``.
_PATIENCE = 60
_PAUSE = 0.05
_IN_PROGRESS = "already in progress"


class Engine(t.Protocol):
    """What the executor needs of an Engine."""

    def inspect_container(self, container_id: str) -> InspectedContainer | None:
        """``GET /containers/ID/json``, or ``None`` when it is not there."""

    def stop_container(self, container_id: str, seconds: int | None, patience: int | None) -> None:
        """``POST /containers/ID/stop``. Raises :class:`EngineError`."""

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


def carry_out(plan: Plan, engine: Engine, check_mode: bool) -> Outcome:
    """The outcome of a plan: predicted in check mode, real otherwise."""
    return predict(plan) if check_mode else execute(plan, engine)


def predict(plan: Plan) -> Outcome:
    """The outcome of a plan when nothing comes between it and the run."""
    return Outcome(
        plan,
        tuple(
            StepOutcome(step, DONE, stopped=step.stop and not plan.kill, committed=step.commit is not None)
            for step in plan.steps
        ),
    )


def execute(plan: Plan, engine: Engine, sleep: t.Callable[[float], None] = time.sleep) -> Outcome:
    """Carry a plan out, container by container; what fails is told, and the rest goes on, unless the Engine is lost."""
    steps: list[StepOutcome] = []
    lost = ""
    for step in plan.steps:
        if lost:
            steps.append(StepOutcome(step, FAILED, reason=f"not tried: {lost}"))
            continue
        run = _Run(step, plan, engine, sleep)
        try:
            steps.append(run.outcome())
        except EngineUnavailable as exc:
            lost = str(exc)
            steps.append(run.ended(FAILED, lost))
    return Outcome(plan, tuple(steps))


class _Run:
    """One container on its way out: verified, committed, stopped, removed. Remembers what was done when a step fails."""

    def __init__(self, step: Step, plan: Plan, engine: Engine, sleep: t.Callable[[float], None]) -> None:
        self._step = step
        self._plan = plan
        self._engine = engine
        self._sleep = sleep
        self._id = step.container.id
        self._stopped = False
        self._image_id: str | None = None

    def outcome(self) -> StepOutcome:
        try:
            found = self._engine.inspect_container(self._id)
            if found is None:
                return self.ended(GONE, "it was already gone")
            change = _changed(found, self._step, self._plan)
            if change:
                return self.ended(SKIPPED, change)
            return self._commit() or self._stop(found) or self._remove(found)
        except EngineError as exc:
            return self.ended(FAILED, str(exc))

    def ended(self, status: str, reason: str = "") -> StepOutcome:
        committed = self._image_id is not None
        return StepOutcome(self._step, status, self._stopped, committed, self._image_id, reason)

    def _commit(self) -> StepOutcome | None:
        reference = self._step.commit
        if reference is None:
            return None
        try:
            self._image_id = self._engine.commit_container(self._id, reference.familiar_name, str(reference.tag))
        except EngineError as exc:
            if exc.status == 404 and self._engine.inspect_container(self._id) is None:
                return self.ended(GONE, "it vanished before it could be committed")
            return self.ended(FAILED, f"it was not removed, because it could not be committed: {exc}")
        return None

    def _stop(self, found: InspectedContainer) -> StepOutcome | None:
        if self._plan.kill or not found.is_running:
            return None
        try:
            self._engine.stop_container(self._id, self._plan.stop_timeout, found.stop_timeout)
        except EngineError as exc:
            if exc.status != 404:
                return self.ended(FAILED, f"it could not be stopped: {exc}")
        self._stopped = True
        return None

    def _remove(self, found: InspectedContainer) -> StepOutcome:
        # Without force the Engine itself refuses a container that was started meanwhile.
        force = self._plan.kill and found.is_running
        for _turn in range(int(_PATIENCE / _PAUSE)):
            ended = self._try_to_remove(force) or self._wait_for_another_removal()
            if ended is not None:
                return ended
        return self.ended(FAILED, f"its removal was in progress, and had not ended after {_PATIENCE} seconds")

    def _try_to_remove(self, force: bool) -> StepOutcome | None:
        """Ask for the removal; ``None`` when somebody else is at it, such as the Engine for a container with ``--rm``."""
        try:
            self._engine.remove_container(self._id, force, self._plan.volumes)
        except EngineError as exc:
            if exc.status == 409 and _IN_PROGRESS in exc.explanation:
                return None
            if exc.status == 409:
                return self.ended(SKIPPED, f"it was started after planning: {exc.explanation}")
            if exc.status != 404 and self._engine.inspect_container(self._id) is not None:
                return self.ended(FAILED, str(exc))
        return self.ended(DONE)

    def _wait_for_another_removal(self) -> StepOutcome | None:
        """What follows may need the image, so that the container counts as removed only when it is gone.

        One that looks dead meanwhile can be gone in fact, or its removal failed: asking again tells.
        """
        if self._engine.inspect_container(self._id) is None:
            return self.ended(DONE)
        self._sleep(_PAUSE)
        return None


def _changed(found: InspectedContainer, step: Step, plan: Plan) -> str:
    """Why this container is not the one that was planned any more, or nothing."""
    if found.name and found.name != step.container.name:
        return f"it was renamed to {found.name} after planning"
    if not may_go(found.state, step, plan):
        return f"it was {step.container.state}, and is {found.state} after planning"
    if step.finished is not None and found.finished != step.finished:
        return "it ran again after planning"
    return ""

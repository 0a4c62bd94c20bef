# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of ``container_remove`` returns: the result keys, the diff and the one line for a person. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import DONE, FAILED, GONE
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import SKIPPED as STEP_SKIPPED
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import KEPT, NOT_SELECTED, SKIPPED, Verdict
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import engine_facts
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._container.execute import Outcome, StepOutcome
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container

REMOVED = "removed"


def report(outcome: Outcome, details: str = "changes") -> dict[str, t.Any]:
    """The result of a task, check mode or not; ``failed`` and ``msg`` are set when it failed."""
    plan = outcome.plan
    removed = [step.step.container.name for step in outcome.steps if step.status == DONE]
    stopped = [step.step.container.name for step in outcome.steps if step.stopped]
    committed = [_committed(step, plan.now) for step in outcome.steps if step.committed]
    verdicts = {**plan.verdicts, **{step.step.container.id: _verdict(step) for step in outcome.steps}}
    result: dict[str, t.Any] = {
        "changed": bool(removed or stopped or committed),
        "removed": removed,
        "stopped": stopped,
        "committed": committed,
        "absent": list(plan.absent),
        "containers": _containers(plan.snapshot.containers, verdicts, details),
        "engine": engine_facts(plan.snapshot.engine),
        "summary": _summary(removed, stopped, committed, verdicts),
        "diff": _diff(outcome),
    }
    message = _failure_message(outcome)
    if message:
        result.update(failed=True, msg=message)
    return result


def warnings(outcome: Outcome) -> list[str]:
    """What an operator should know although the task did not fail."""
    texts = [
        f"container {step.step.container.name} was not removed: {step.reason}"
        for step in outcome.steps
        if step.status in (STEP_SKIPPED, GONE)
    ]
    return texts + [
        f"container {step.step.container.name} ended by itself before it was to be stopped"
        for step in outcome.steps
        if step.status == DONE and step.step.stop and not step.stopped and not outcome.plan.kill
    ]


def _verdict(step: StepOutcome) -> Verdict:
    rule = step.step.rule
    if step.status == DONE:
        return Verdict(REMOVED, f"{rule} selects it", rule)
    return Verdict(SKIPPED, step.reason, rule)


def _containers(
    containers: Sequence[Container], verdicts: Mapping[str, Verdict], details: str
) -> list[dict[str, t.Any]]:
    """Every container that the task selects, with what becomes of it; the others too with ``details`` of ``all``."""
    ordered = sorted(containers, key=lambda container: (container.name, container.id))
    return [
        {
            "id": container.id,
            "name": container.name,
            "image": container.image,
            "image_id": container.image_id,
            "state": container.state,
            "action": verdicts[container.id].action,
            "reason": verdicts[container.id].reason,
            "rule": verdicts[container.id].rule,
        }
        for container in ordered
        if details == "all" or verdicts[container.id].reason != NOT_SELECTED
    ]


def _committed(step: StepOutcome, now: float) -> dict[str, t.Any]:
    container = step.step.container
    reference = step.step.commit
    return {
        "container": container.name,
        "container_id": container.id,
        "reference": reference.familiar if reference is not None else "",
        "image_id": step.image_id,
        "parent_id": container.image_id,
        "created": format_time(now),
    }


def _summary(
    removed: Sequence[str], stopped: Sequence[str], committed: Sequence[t.Any], verdicts: Mapping[str, Verdict]
) -> str:
    parts = [f"{_count(len(removed))} removed"]
    if stopped:
        parts.append(f"{len(stopped)} stopped")
    if committed:
        parts.append(f"{len(committed)} committed")
    parts.append(f"{sum(1 for verdict in verdicts.values() if verdict.action == KEPT)} kept")
    skipped = sum(1 for verdict in verdicts.values() if verdict.action == SKIPPED)
    return ", ".join(parts + ([f"{skipped} skipped"] if skipped else []))


def _count(number: int) -> str:
    return f"{number} container{'' if number == 1 else 's'}"


def _failure_message(outcome: Outcome) -> str:
    failures = outcome.failures
    if not failures:
        return ""
    shown = "; ".join(f"{step.step.container.name}: {step.reason}" for step in failures[:10])
    more = f"; and {len(failures) - 10} more" if len(failures) > 10 else ""
    return f"{_count(len(failures))} could not be removed: {shown}{more}. The result lists what was done"


def _diff(outcome: Outcome) -> dict[str, str]:
    """Before and after of the containers that change, a line a container, and the repositories that committing fills."""
    before: list[str] = []
    after: list[str] = []
    for step in outcome.steps:
        container = step.step.container
        if step.status == DONE:
            before.append(_line(container, container.state))
        elif step.stopped and step.status == FAILED:
            before.append(_line(container, container.state))
            after.append(_line(container, "stopped"))
        if step.committed and step.step.commit is not None:
            # Without the tag, which is the time of the run: check mode's would differ.
            after.append(f"image {step.step.commit.familiar_name}, committed from container {container.name}")
    return {"before": _lines(before), "after": _lines(after)}


def _line(container: Container, state: str) -> str:
    image = short_id(container.image) if container.image.startswith("sha256:") else container.image
    return f"container {container.name} ({short_id(container.id)}, {state}, image {image})"


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)

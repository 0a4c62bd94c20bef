# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of ``container_remove`` returns: the result keys, the diff and the one line for a person. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import (
    KEPT,
    REMOVED,
    SKIPPED,
    Conflict,
    Verdict,
    idle_rules,
    shown,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import DONE, FAILED, GONE
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import SKIPPED as STEP_SKIPPED
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import (
    container_facts,
    diff_headers,
    engine_facts,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._container.execute import Outcome, StepOutcome
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container


class Space(t.NamedTuple):
    """Bytes of the writable layers of removed containers; ``None`` where nobody asked.

    ``exact`` is whether all that were asked for are known.
    """

    reclaimed: int | None
    exact: bool


def report(outcome: Outcome, details: str = "changes") -> dict[str, t.Any]:
    """The result of a task, check mode or not; ``failed`` and ``msg`` are set when it failed."""
    plan = outcome.plan
    removed = [step.step.container.name for step in outcome.steps if step.status == DONE]
    stopped = [step.step.container.name for step in outcome.steps if step.stopped]
    committed = [_committed(step, plan.now) for step in outcome.steps if step.committed]
    verdicts = {**plan.verdicts, **{step.step.container.id: _verdict(step) for step in outcome.steps}}
    space = _space(outcome)
    summary = _summary(removed, stopped, committed, verdicts, space)
    result: dict[str, t.Any] = {
        "changed": bool(removed or stopped or committed),
        "removed": removed,
        "stopped": stopped,
        "committed": committed,
        "absent": list(plan.selection.absent),
        "conflicts": [_conflict(conflict) for conflict in plan.conflicts],
        "containers": _containers(plan.snapshot.containers, verdicts, details),
        "space_reclaimed": space.reclaimed,
        "space_exact": space.exact,
        "engine": engine_facts(plan.snapshot.engine),
        "summary": summary,
        "diff": _diff(outcome, summary),
    }
    message = plan.refusal or _failure_message(outcome)
    if message:
        result.update(failed=True, msg=message)
    return result


def warnings(outcome: Outcome) -> list[str]:
    """What an operator should know although the task did not fail."""
    plan = outcome.plan
    texts = [
        f"names: {name!r} is not the name of a container here, but the beginning of the ID of {container.name}"
        f" ({short_id(container.id)}): write the name, or 12 digits of the ID"
        for name, container in plan.selection.guessed
    ]
    if plan.snapshot.containers:
        texts += [
            f"{rule.name}: {rule.detail!r} matches no container here, so that it protects nothing"
            for rule in idle_rules(plan.snapshot, plan.request)
        ]
    unsized = sum(1 for step in outcome.steps if step.status == DONE and step.step.container.size is None)
    if plan.request.sizes and unsized:
        texts.append(f"sizes: the Engine does not report the size of {_count(unsized)}")
    if not plan.refusal:
        texts += [f"container {c.container.name} was not removed: {c.reason}; {c.remedy}" for c in plan.conflicts]
    texts += [
        f"container {container.name} was not removed: {verdict.reason}"
        for container, verdict in _named_but_kept(outcome)
        if verdict.action == KEPT
    ]
    texts += [
        f"container {step.step.container.name} was not removed: {step.reason}"
        for step in outcome.steps
        if step.status in (STEP_SKIPPED, GONE)
    ]
    return texts + [
        f"container {step.step.container.name} ended by itself before it was to be stopped"
        for step in outcome.steps
        if step.status == DONE and step.step.stop and not step.stopped and not plan.request.kill
    ]


def _named_but_kept(outcome: Outcome) -> list[tuple[Container, Verdict]]:
    """The containers that the task names, and that a rule keeps all the same."""
    plan = outcome.plan
    return [
        (container, plan.verdicts[container.id])
        for container in _ordered(plan.snapshot.containers)
        if container.id in plan.verdicts
        and any(rule.name == "names" for rule in plan.selection.rules.get(container.id, ()))
    ]


def _ordered(containers: Sequence[Container]) -> list[Container]:
    return sorted(containers, key=lambda container: (container.name, container.id))


def _verdict(step: StepOutcome) -> Verdict:
    rules = step.step.rules
    if step.status == DONE:
        return Verdict(REMOVED, rules, f"{shown(rules)} selects it")
    return Verdict(SKIPPED, rules, step.reason)


def _conflict(conflict: Conflict) -> dict[str, t.Any]:
    return {
        "target": conflict.target,
        "reason": conflict.reason,
        "container": container_facts(conflict.container),
        "forceable": False,
        "remedy": conflict.remedy,
    }


def _containers(
    containers: Sequence[Container], verdicts: Mapping[str, Verdict], details: str
) -> list[dict[str, t.Any]]:
    """Every container that the task selects, with what becomes of it; the others too with ``details`` of ``all``."""
    return [
        {
            "id": container.id,
            "name": container.name,
            "image": container.image,
            "image_id": container.image_id,
            "state": container.state,
            "size": container.size,
            "action": verdicts[container.id].action,
            "reason": verdicts[container.id].reason,
            "rule": verdicts[container.id].rule,
        }
        for container in _ordered(containers)
        if details == "all" or verdicts[container.id].rules
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


def _space(outcome: Outcome) -> Space:
    removed = [step.step.container for step in outcome.steps if step.status == DONE]
    if not outcome.plan.request.sizes:
        return Space(None, True)
    # What still runs can write between the listing and its end.
    exact = all(container.size is not None and not container.is_running for container in removed)
    return Space(sum(container.size or 0 for container in removed), exact)


def _summary(
    removed: Sequence[str],
    stopped: Sequence[str],
    committed: Sequence[t.Any],
    verdicts: Mapping[str, Verdict],
    space: Space,
) -> str:
    parts = [f"{_count(len(removed))} removed"]
    if stopped:
        parts.append(f"{len(stopped)} stopped")
    if committed:
        parts.append(f"{len(committed)} committed")
    if removed and space.reclaimed is not None:
        parts.append(f"{'' if space.exact else 'about '}{human_size(space.reclaimed)} reclaimed")
    parts.append(f"{sum(1 for verdict in verdicts.values() if verdict.action == KEPT)} kept")
    skipped = sum(1 for verdict in verdicts.values() if verdict.action == SKIPPED)
    return ", ".join(parts + ([f"{skipped} skipped"] if skipped else []))


def _count(number: int) -> str:
    return f"{number} container{'' if number == 1 else 's'}"


def _failure_message(outcome: Outcome) -> str:
    failures = outcome.failures
    if not failures:
        return ""
    listed = "; ".join(f"{step.step.container.name}: {step.reason}" for step in failures[:10])
    more = f"; and {len(failures) - 10} more" if len(failures) > 10 else ""
    return f"{_count(len(failures))} could not be removed: {listed}{more}. The result lists what was done"


def _diff(outcome: Outcome, summary: str) -> dict[str, str]:
    """Before and after of the containers that change, a line a container, and the repositories that committing fills.

    A container that the task names and keeps is a line of both sides, with the reason.
    """
    before: list[str] = []
    after: list[str] = []
    for container, verdict in _named_but_kept(outcome):
        line = f"{_line(container, container.state)}  # {verdict.action}: {verdict.reason}"
        before.append(line)
        after.append(line)
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
    return {
        **diff_headers(outcome.plan.snapshot.engine.host, "containers", summary),
        "before": _lines(before),
        "after": _lines(after),
    }


def _line(container: Container, state: str) -> str:
    image = short_id(container.image) if container.image.startswith("sha256:") else container.image
    return f"container {container.name} ({short_id(container.id)}, {state}, image {image})"


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)

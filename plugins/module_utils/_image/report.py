# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task returns: the result keys, the diff and the one line for a person. No I/O."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import DONE, GONE, REFUSED
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import SKIPPED as STEP_SKIPPED
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import (
    DELETED,
    KEPT,
    SKIPPED,
    UNTAGGED,
    Verdict,
    describe,
    remedy,
    unselected,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import Freed, freed
from ansible_collections.imagewarden.docker.plugins.module_utils._store.uses import uses_of
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time, is_credible

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
        Container,
        EngineFacts,
        Image,
        Snapshot,
    )
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import Outcome, StepOutcome
    from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import Release


def report(outcome: Outcome, details: str = "changes", layers: bool = False) -> dict[str, t.Any]:
    """The result of an image task, check mode or not; ``failed`` and ``msg`` are set when it failed."""
    plan = outcome.plan
    untagged = [name for step in outcome.steps for name in step.untagged]
    deleted = [image_id for step in outcome.steps for image_id in step.deleted]
    verdicts = _verdicts(outcome)
    space = _space(outcome)
    result: dict[str, t.Any] = {
        "changed": bool(untagged or deleted),
        "untagged": untagged,
        "deleted": deleted,
        "absent": [*plan.absent, *(step.step.candidate.target for step in outcome.steps if step.status == GONE)],
        "unmatched": list(plan.unmatched),
        "conflicts": _conflicts(outcome),
        "images": _images(plan.snapshot, verdicts, details),
        "space_reclaimed": space.certain,
        "space_exact": space.is_exact,
        "space_expected": space.expected,
        "engine": engine_facts(plan.snapshot.engine),
        "summary": _summary(untagged, deleted, verdicts, space),
        "diff": _diff(plan.snapshot, outcome, verdicts),
    }
    if layers:
        named = store_kind(plan.snapshot.engine).names_layers
        result["deleted_layers"] = [layer for step in outcome.steps for layer in step.layers] if named else None
    if outcome.archived is not None:
        result["archived"] = [{"id": image_id, "path": path} for image_id, path in outcome.archived]
    message = plan.refusal or _failure_message(outcome)
    if message:
        result.update(failed=True, msg=message)
    return result


def warnings(outcome: Outcome) -> list[str]:
    """What an operator should know although the task did not fail."""
    texts = [
        f"{step.step.candidate.target}: {step.reason}; the result shows what was observed"
        for step in outcome.steps
        if step.status == DONE and step.reason
    ]
    texts += [f"{pattern} matches nothing on this host" for pattern in outcome.plan.unmatched]
    return [*_skipped(outcome), *texts]


def _skipped(outcome: Outcome) -> list[str]:
    """One warning for all removals that were asked for and skipped: nobody looks for them in the result of a task that is ok."""
    plan = outcome.plan
    skipped = [
        f"{step.step.candidate.target} ({step.reason})"
        for step in outcome.steps
        if step.status == STEP_SKIPPED or (step.status == REFUSED and plan.skip_conflicts)
    ]
    if plan.refusal is None:
        skipped = [f"{clash.candidate.target} ({describe(clash.conflict)})" for clash in plan.clashes] + skipped
    if not skipped:
        return []
    total = len(outcome.steps) + len(plan.clashes)
    more = f"; and {len(skipped) - 10} more" if len(skipped) > 10 else ""
    were = f"{'was' if len(skipped) == 1 else 'were'} skipped"
    return [f"{len(skipped)} of {_count(total, 'removal')} {were}: {'; '.join(skipped[:10])}{more}"]


def engine_facts(engine: EngineFacts) -> dict[str, str]:
    """Which Engine answered, as results show it."""
    return {
        "version": engine.version,
        "api_version": engine.api_version,
        "store": engine.store,
        "driver": engine.driver,
        "host": engine.host,
    }


def diff_headers(host: str, things: str, counts: str) -> dict[str, str]:
    """What Ansible prints behind C(before:) and C(after:): where, of what, and what it comes to."""
    title = f"{host}, {things}" if host else things
    return {"before_header": title, "after_header": f"{title}: {counts}"}


def container_facts(container: Container) -> dict[str, str]:
    """A container as results name it."""
    return {"name": container.name, "id": short_id(container.id), "state": container.state}


_PARENTS = Rule("prune_parents")
_DIGITS_RE = re.compile(r"([0-9]+)")


def _verdicts(outcome: Outcome) -> dict[str, Verdict]:
    """A verdict for every image of the snapshot: what happened to it outweighs what did not."""
    plan = outcome.plan
    verdicts = {**unselected(plan), **plan.verdicts}
    names_left = {image.id: {ref.familiar for ref in image.references} for image in plan.snapshot.images}
    for step in outcome.steps:
        removal, rule = step.step.candidate.removal, step.step.candidate.rule
        if not step.untagged and not step.deleted:
            if verdicts[removal.image_id].action not in (UNTAGGED, DELETED):
                verdicts[removal.image_id] = Verdict(SKIPPED, step.reason, (rule,))
            continue
        names_left[removal.image_id] -= set(step.untagged)
        if removal.image_id not in step.deleted:
            why = _why_it_stays(names_left[removal.image_id], plan.verdicts.get(removal.image_id))
            verdicts[removal.image_id] = Verdict(UNTAGGED, why, (rule,))
        for image_id in step.deleted:
            if image_id == removal.image_id:
                reason = (
                    "its last reference was removed" if removal.reference is not None else "it was removed by its ID"
                )
                verdicts[image_id] = Verdict(DELETED, reason, (rule,))
            else:
                reason = f"it was an untagged parent of {short_id(removal.image_id)} that nothing else needs"
                verdicts[image_id] = Verdict(DELETED, reason, (_PARENTS,))
    return verdicts


def _why_it_stays(names: set[str], kept: Verdict | None) -> str:
    if names:
        because = f" ({kept.reason})" if kept is not None and kept.action == KEPT else ""
        return f"it keeps the references {', '.join(sorted(names))}{because}"
    return "it stays without a name, because a container or a child image needs it"


def _images(snapshot: Snapshot, verdicts: Mapping[str, Verdict], details: str) -> list[dict[str, t.Any]]:
    uses = uses_of(snapshot)
    return [
        {
            "id": image.id,
            "references": [ref.familiar for ref in image.references],
            "action": verdict.action,
            "reason": verdict.reason,
            "rule": verdict.rule,
            "size": image.size,
            "created": created(image),
            "containers": [container_facts(container) for container in uses.known(image.id)],
        }
        for image, verdict in ((image, verdicts[image.id]) for image in snapshot.images)
        if details == "all" or verdict.action != KEPT
    ]


def created(image: Image) -> str | None:
    """When an image was created, or ``None`` where its date is that of a reproducible build."""
    return format_time(image.created) if is_credible(image.created) else None


def _conflicts(outcome: Outcome) -> list[dict[str, t.Any]]:
    plan = outcome.plan
    foreseen = [
        {
            "target": clash.candidate.target,
            "reason": describe(clash.conflict),
            "container": container_facts(clash.conflict.containers[0]) if clash.conflict.containers else None,
            "forceable": clash.conflict.forceable,
            "remedy": remedy(clash, plan.snapshot),
        }
        for clash in plan.clashes
    ]
    return foreseen + [
        {
            "target": step.step.candidate.target,
            "reason": step.reason,
            "container": None,
            "forceable": step.forceable,
            "remedy": "the conflict came up after planning: run the task again",
        }
        for step in outcome.steps
        if step.status == REFUSED
    ]


def _space(outcome: Outcome) -> Freed:
    """Bytes set free."""
    releases = [release for step in outcome.steps for release in _released(step)]
    space = freed(releases, outcome.plan.snapshot.build_cache)
    return space._replace(is_exact=space.is_exact and all(step.as_planned for step in outcome.steps))


def _released(step: StepOutcome) -> list[Release]:
    sizes = zip(step.step.effect.gone, step.step.releases)
    return [release for image_id, release in sizes if image_id in step.deleted]


def _summary(untagged: Sequence[str], deleted: Sequence[str], verdicts: Mapping[str, Verdict], space: Freed) -> str:
    kept = sum(1 for verdict in verdicts.values() if verdict.action == KEPT)
    untagging, deleting, *skipping = _counts(untagged, deleted, verdicts)
    reclaimed = f"{'' if space.is_exact else 'about '}{human_size(space.expected)} reclaimed"
    return ", ".join([untagging, deleting, reclaimed, f"{kept} kept", *skipping])


def _counts(untagged: Collection[str], deleted: Collection[str], verdicts: Mapping[str, Verdict]) -> list[str]:
    skipped = sum(1 for verdict in verdicts.values() if verdict.action == SKIPPED)
    counts = [f"{_count(len(untagged), 'reference')} untagged", f"{_count(len(deleted), 'image')} deleted"]
    return [*counts, f"{skipped} skipped"] if skipped else counts


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _failure_message(outcome: Outcome) -> str:
    failures = outcome.failures
    if not failures:
        return ""
    shown = "; ".join(f"{step.step.candidate.target}: {step.reason}" for step in failures[:10])
    more = f"; and {len(failures) - 10} more" if len(failures) > 10 else ""
    return f"{_count(len(failures), 'removal')} failed: {shown}{more}. The result lists what was removed"


def _diff(snapshot: Snapshot, outcome: Outcome, verdicts: Mapping[str, Verdict]) -> dict[str, str]:
    """Before and after of the images that change or are skipped, an image after the other by their names, untagged ones last."""
    going = {name for step in outcome.steps for name in step.untagged}
    gone = {image_id for step in outcome.steps for image_id in step.deleted}
    before: list[str] = []
    after: list[str] = []
    for image in sorted(snapshot.images, key=_natural):
        names = [ref.familiar for ref in image.references]
        left = [name for name in names if name not in going]
        if image.id in gone:
            before += _image_lines(image, names)
        elif left != names:
            before += _image_lines(image, names)
            after += _image_lines(image, left)
        elif verdicts[image.id].action == SKIPPED:
            lines = _image_lines(image, names, f" skipped: {verdicts[image.id].reason}")
            before += lines
            after += lines
    return {
        **diff_headers(snapshot.engine.host, "images", ", ".join(_counts(going, gone, verdicts))),
        "before": _lines(before),
        "after": _lines(after),
    }


def _natural(image: Image) -> tuple[t.Any, ...]:
    """By the first reference, with numbers in it as numbers, so that 1.10 comes after 1.9."""
    name = image.references[0].familiar if image.references else ""
    parts = _DIGITS_RE.split(name)
    # Every other part is a number.
    return (not name, [(int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)], image.id)


def _image_lines(image: Image, names: Sequence[str], remark: str = "") -> list[str]:
    date = created(image)
    facts = f"{short_id(image.id)} ({human_size(image.size)}{f', created {date[:10]}' if date else ''}){remark}"
    return [f"image {facts}", *(f"  {name}" for name in names)] if names else [f"<untagged> {facts}"]


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)

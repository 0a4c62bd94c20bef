# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The plan that a task of ``container_remove`` means on a snapshot. No I/O, no clock."""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._container.request import (
    ANY_STATE,
    ImageChoice,
    Request,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import RUNNING_STATES
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import Finder
from ansible_collections.imagewarden.docker.plugins.module_utils._options import parse_all
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Pattern
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Reference,
    id_prefix,
    short_id,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import NOTHING, Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Snapshot

#: What becomes of a container.
REMOVED = "removed"
KEPT = "kept"
SKIPPED = "skipped"

#: States in which the Engine refuses to commit (``daemon/commit.go``).
_UNCOMMITTABLE = frozenset(["dead", "removing"])
#: States that began with the end of a run.
_FINISHED = frozenset(["exited", "dead", "removing"])
#: The state of a container that is on its way out already: nobody needs to ask for it.
_LEAVING = "removing"

_ID_RE = re.compile(r"[0-9a-f]{1,64}\Z")
#: As many digits as the Engine prints: fewer can be a name, such as "db", whose container was removed already.
_PRINTED_DIGITS = 12


class Orchestrator(t.NamedTuple):
    """What starts containers again, and how the labels of its containers begin."""

    name: str
    prefix: str


ORCHESTRATORS = (
    Orchestrator("Docker Swarm", "com.docker.swarm.task"),
    Orchestrator("Kubernetes", "io.kubernetes."),
    Orchestrator("Nomad", "com.hashicorp.nomad."),
    Orchestrator("Amazon ECS", "com.amazonaws.ecs."),
)


class Verdict(t.NamedTuple):
    """What becomes of a container, by which rules, and why. Without a rule nothing selects it."""

    action: str
    rules: tuple[Rule, ...]
    reason: str

    @property
    def rule(self) -> str:
        """The rules as results show them."""
        return shown(self.rules or (NOTHING,))


class Selection(t.NamedTuple):
    """The containers that a request means, each ID with the rules that select it, and the names that are not there.

    ``guessed`` are the containers that a name found only as the beginning of their ID, with that name.
    """

    rules: t.Mapping[str, tuple[Rule, ...]]
    absent: tuple[str, ...]
    guessed: tuple[tuple[str, Container], ...] = ()


_NOTHING = Selection({}, ())


class Step(t.NamedTuple):
    """One container to remove, why, and what must be done before.

    ``stop`` is whether it must be stopped. ``finished`` is when its last run ended, where that decided. ``commit`` is
    the reference under which it is saved first.
    """

    container: Container
    rules: tuple[Rule, ...]
    stop: bool = False
    finished: float | None = None
    commit: Reference | None = None


class Conflict(t.NamedTuple):
    """A container that the task names, and that stays because of its state."""

    target: str
    container: Container

    @property
    def reason(self) -> str:
        """What stands in the way."""
        return f"it is {self.container.state}, which states does not include"

    @property
    def remedy(self) -> str:
        """What an operator can do about it."""
        stops = " (it is stopped first)" if self.container.is_running else ""
        return f"set states: [{ANY_STATE}] or add {self.container.state} to states{stops}, or remove it from names"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a task of ``container_remove`` will do. Feeds check mode, the real run, the diff and the report alike.

    ``verdicts`` are those of the containers that stay, by ID. ``refusal`` is why nothing is done at all.
    """

    snapshot: Snapshot
    request: Request
    steps: tuple[Step, ...] = ()
    verdicts: t.Mapping[str, Verdict] = dataclasses.field(default_factory=dict)
    selection: Selection = _NOTHING
    conflicts: tuple[Conflict, ...] = ()
    refusal: str = ""
    now: float = 0.0


def idle_rules(snapshot: Snapshot, request: Request) -> list[Rule]:
    """The rules that are there to keep containers, and match none of the host."""
    names = [container.name for container in snapshot.containers]
    labels = [container.labels for container in snapshot.containers]
    idle = [
        Rule("excludes", pattern.text)
        for pattern in request.excludes
        if not any(_matches(pattern, name) for name in names)
    ]
    return idle + [
        Rule("exclude_labels", str(label))
        for label in request.exclude_labels
        if not any(label.matches(found) for found in labels)
    ]


def shown(rules: Iterable[Rule]) -> str:
    """Rules as results show them."""
    return "; ".join(map(str, rules))


def undated(snapshot: Snapshot, request: Request, now: float) -> tuple[str, ...]:
    """The IDs of the containers whose age decides and is not in the listing: only an inspection shows when they finished."""
    if request.older_than is None:
        return ()
    limit = request.older_than.at(now)
    rules = select(snapshot, request).rules
    return tuple(
        container.id
        for container in snapshot.containers
        if container.id in rules
        and container.state in _FINISHED
        and _verdict(container, request, snapshot) is None
        and (container.created or 0) <= limit
    )


def plan_containers(
    snapshot: Snapshot, request: Request, now: float, finished: Mapping[str, float | None] | None = None
) -> Plan:
    """The plan of a task.

    ``finished`` has when the containers of :func:`undated` finished, or ``None`` for one that never ran; of those that it
    does not have, it is not known. Raises :class:`InvalidRequest` for an ambiguous short ID.
    """
    finished = finished or {}
    selection = select(snapshot, request)
    steps: list[Step] = []
    verdicts: dict[str, Verdict] = {}
    conflicts: list[Conflict] = []
    tags = _Tags(request.commit_to, now)
    for container in sorted(snapshot.containers, key=lambda container: (container.name, container.id)):
        rules = selection.rules.get(container.id)
        if rules is None:
            verdicts[container.id] = Verdict(KEPT, (), "nothing selects it")
            continue
        verdict = _verdict(container, request, snapshot) or _too_young(container, request, now, finished)
        if verdict is not None:
            conflict = _conflict(container, rules, verdict)
            if conflict is not None:
                conflicts.append(conflict)
                verdict = verdict._replace(action=SKIPPED)
            verdicts[container.id] = verdict
            continue
        steps.append(
            Step(
                container,
                rules,
                stop=container.is_running,
                finished=finished.get(container.id),
                commit=tags.reference(container),
            )
        )
    plan = Plan(snapshot, request, tuple(steps), verdicts, selection, tuple(conflicts), now=now)
    return _refuse(plan) if conflicts and not request.skip_conflicts else plan


def _conflict(container: Container, rules: Sequence[Rule], verdict: Verdict) -> Conflict | None:
    """The conflict of a container that the task names, and that only its state keeps."""
    named = next((rule.detail for rule in rules if rule.name == "names"), None)
    by_state = verdict.rules == (Rule("states"),) and container.state != _LEAVING
    return Conflict(named, container) if named is not None and by_state else None


def _refuse(plan: Plan) -> Plan:
    """The same plan with nothing done."""
    reason = "nothing was removed, because the task was refused"
    held_back = {step.container.id: Verdict(KEPT, step.rules, reason) for step in plan.steps}
    return dataclasses.replace(
        plan, steps=(), verdicts={**plan.verdicts, **held_back}, refusal=_refusal(plan.conflicts)
    )


def _refusal(conflicts: Sequence[Conflict]) -> str:
    listed = "; ".join(
        f"{conflict.target}: container {conflict.container.name} ({short_id(conflict.container.id)}):"
        f" {conflict.reason}; {conflict.remedy}"
        for conflict in conflicts[:10]
    )
    more = f"; and {len(conflicts) - 10} more" if len(conflicts) > 10 else ""
    noun = "container that names asks for stays" if len(conflicts) == 1 else "containers that names asks for stay"
    return (
        f"nothing was removed, because {len(conflicts)} {noun}: {listed}{more}."
        " Or set on_conflict: skip to remove the rest"
    )


def select(snapshot: Snapshot, request: Request) -> Selection:
    """The containers that a request means.

    States and age are no part of this: a container that only they spare is reported with that reason, unless nothing else
    was given. Raises :class:`InvalidRequest` for an ambiguous short ID.
    """
    absent: list[str] = []
    guessed: dict[str, Container] = {}
    selectors = [
        selector
        for selector in (
            _by_name(snapshot.containers, request, absent, guessed),
            _by_image(snapshot, request, absent),
            _by_label(snapshot.containers, request),
        )
        if selector is not None
    ] or [_by_state(snapshot.containers, request)]
    rules = {
        container.id: tuple(selector[container.id] for selector in selectors)
        for container in snapshot.containers
        if all(container.id in selector for selector in selectors)
    }
    return Selection(rules, tuple(dict.fromkeys(absent)), tuple(guessed.items()))


def _orchestrator(container: Container) -> tuple[Orchestrator, str] | None:
    """What keeps this container, and the label that says so."""
    return next(
        (
            (orchestrator, label)
            for label in container.labels
            for orchestrator in ORCHESTRATORS
            if label.startswith(orchestrator.prefix)
        ),
        None,
    )


def _by_name(
    containers: Sequence[Container], request: Request, absent: list[str], guessed: dict[str, Container]
) -> dict[str, Rule] | None:
    if request.names is None and request.patterns is None:
        return None
    found: dict[str, Rule] = {}
    by_name = {container.name: container for container in containers if container.name}
    for name in request.names or ():
        match = _find(name, containers, by_name)
        if match is None:
            absent.append(name)
            continue
        found.setdefault(match.id, Rule("names", name))
        if match.name != name and len(name) < _PRINTED_DIGITS:
            guessed[name] = match
    for container in containers:
        pattern = _first_match(request.patterns or (), container.name)
        if pattern is not None:
            found.setdefault(container.id, Rule("patterns", pattern.text))
    return found


def _find(name: str, containers: Sequence[Container], by_name: Mapping[str, Container]) -> Container | None:
    """The Engine's own order: a whole ID, then a name, then the beginning of one ID (``daemon/container.go``)."""
    whole = next((container for container in containers if container.id == name), None)
    if whole is not None:
        return whole
    if name in by_name:
        return by_name[name]
    if _ID_RE.match(name) is None:
        return None
    begun = [container for container in containers if container.id.startswith(name)]
    if len(begun) > 1:
        listed = ", ".join(f"{c.name} ({short_id(c.id)})" for c in sorted(begun, key=lambda c: (c.name, c.id)))
        raise InvalidRequest(f"names: {name!r} is an ambiguous container ID: it can be {listed}")
    return begun[0] if begun else None


def _by_image(snapshot: Snapshot, request: Request, absent: list[str]) -> dict[str, Rule] | None:
    """The containers of the images asked for and of their descendants, as the Engine's filter ``ancestor`` finds them."""
    if request.images is None:
        return None
    children: dict[str, list[str]] = {}
    for image in snapshot.images:
        if image.parent:
            children.setdefault(image.parent, []).append(image.id)
    finder = Finder(snapshot)
    rules: dict[str, Rule] = {}
    for choice in request.images:
        roots = _image_ids(choice, snapshot, finder)
        if not roots and choice.pattern is None:
            absent.append(choice.text)
        for image_id in roots:
            rules.setdefault(image_id, Rule("images", choice.text))
        for image_id in _descendants(roots, children):
            rules.setdefault(image_id, Rule("images", f"a descendant of {choice.text}"))
    return {c.id: rules[c.image_id] for c in snapshot.containers if c.image_id in rules}


def _image_ids(choice: ImageChoice, snapshot: Snapshot, finder: Finder) -> list[str]:
    pattern = choice.pattern
    if pattern is not None:
        return [image.id for image in snapshot.images if any(pattern.matches(ref) for ref in image.references)]
    removal = finder.find(choice.text)
    if removal is not None:
        return [removal.image_id]
    # The image itself may have been removed, by force; its containers still have its ID.
    prefix = id_prefix(choice.text)
    lost = {c.image_id for c in snapshot.containers if prefix and c.image_id.startswith(f"sha256:{prefix}")}
    if len(lost) > 1:
        listed = ", ".join(short_id(image_id) for image_id in sorted(lost))
        raise InvalidRequest(f"images: {choice.text!r} is an ambiguous image ID: it can be {listed}")
    return list(lost)


def _descendants(roots: Iterable[str], children: Mapping[str, Sequence[str]]) -> list[str]:
    found: dict[str, None] = {}
    todo = list(roots)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in found:
                found[child] = None
                todo.append(child)
    return list(found)


def _by_label(containers: Sequence[Container], request: Request) -> dict[str, Rule] | None:
    if request.labels is None:
        return None
    rule = Rule("labels", ", ".join(map(str, request.labels)))
    labels = request.labels
    return {c.id: rule for c in containers if all(label.matches(c.labels) for label in labels)}


def _by_state(containers: Sequence[Container], request: Request) -> dict[str, Rule]:
    return {c.id: Rule("states", c.state) for c in containers if c.state in request.states}


def _first_match(patterns: Iterable[Pattern], name: str) -> Pattern | None:
    return next((pattern for pattern in patterns if _matches(pattern, name)), None)


def _matches(pattern: Pattern, name: str) -> bool:
    # The API's own names begin with a slash, which a pattern may have from there, as in "^/web$".
    return pattern.finds(name) or ("/" in pattern.text and pattern.finds(f"/{name}"))


def _verdict(container: Container, request: Request, snapshot: Snapshot) -> Verdict | None:
    """Why a selected container stays, or ``None`` when only its age could keep it."""
    exclude = _first_match(request.excludes, container.name)
    if exclude is not None:
        return Verdict(KEPT, (Rule("excludes", exclude.text),), f"{container.name} is protected")
    label = next((label for label in request.exclude_labels if label.matches(container.labels)), None)
    if label is not None:
        return Verdict(KEPT, (Rule("exclude_labels", str(label)),), f"its label {label} protects it")
    orchestrated = None if request.orchestrated else _orchestrator(container)
    if orchestrated is not None:
        orchestrator, key = orchestrated
        reason = f"it is orchestrated by {orchestrator.name} (label {key}), which would start it again"
        return Verdict(KEPT, (Rule("orchestrated"),), reason)
    if container.state not in request.states:
        return Verdict(KEPT, (Rule("states"),), f"it is {container.state}, which states does not include")
    if request.commit_to is not None and container.state in _UNCOMMITTABLE:
        reason = f"a container that is {container.state} cannot be committed"
        return Verdict(SKIPPED, (Rule("commit_to"),), reason)
    if request.commit_to is not None and _has_lost_its_image(container, snapshot):
        return Verdict(SKIPPED, (Rule("commit_to"),), "its image was removed, so that it cannot be committed")
    return None


def _has_lost_its_image(container: Container, snapshot: Snapshot) -> bool:
    # Force removes the image of a stopped container, and not every store commits on top of nothing.
    is_needed = not store_kind(snapshot.engine).commits_without_image
    return is_needed and all(image.id != container.image_id for image in snapshot.images)


def _too_young(
    container: Container, request: Request, now: float, finished: Mapping[str, float | None]
) -> Verdict | None:
    if request.older_than is None:
        return None
    limit, kept = request.older_than.at(now), (Rule("older_than"),)
    has_run = container.state in _FINISHED
    ended = finished.get(container.id) if has_run else None
    if ended is not None:
        late = f"it finished later than {request.older_than.text} allows"
        return Verdict(KEPT, kept, late) if ended > limit else None
    if container.created is None:
        return Verdict(KEPT, kept, "the Engine does not report its age")
    # The listing cuts fractions of a second off: a container of the same second may be the younger one.
    if container.created + 1 > limit:
        return Verdict(KEPT, kept, f"it was created later than {request.older_than.text} allows")
    if has_run and container.id not in finished:
        return Verdict(KEPT, kept, "when it finished is not known, because the Engine could not inspect it")
    return None


class _Tags:
    """Gives each committed container a reference of its own, all with the time of the run."""

    def __init__(self, repository: str | None, now: float) -> None:
        self._repository = repository
        self._now = now
        self._given: set[Reference] = set()

    def reference(self, container: Container) -> Reference | None:
        if self._repository is None:
            return None
        component = _component(container.name) or short_id(container.id)
        made = commit_reference(self._repository, component, self._now)
        if made in self._given:
            # "Web" and "web" are two containers, and one repository.
            made = commit_reference(self._repository, f"{component}-{short_id(container.id)}", self._now)
        self._given.add(made)
        return made


def commit_reference(repository: str, component: str, now: float) -> Reference:
    """``REPOSITORY/NAME:TIMESTAMP``, with the time in UTC as a tag can hold it."""
    time = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return parse_all("commit_to", Reference.parse, [f"{repository}/{component}:{time}"])[0]


def _component(name: str) -> str:
    """A container's name as a component of a repository: lower case, and one separator at a time."""
    return re.sub(r"[^a-z0-9]*([._-])[^a-z0-9]*", r"\1", name.lower()).strip("._-")


def may_be_removed(state: str, step: Step, plan: Plan) -> bool:
    """Whether a container that is in ``state`` by now may still be removed as planned.

    One that was to be stopped and has ended by itself is where the plan wanted it.
    """
    return state in plan.request.states or (step.stop and state not in RUNNING_STATES)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of ``container_remove`` asks for, and the plan that it means on a snapshot. No I/O, no clock."""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import GRAPHDRIVER, RUNNING_STATES
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import KEPT, NOT_SELECTED, SKIPPED, Verdict
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import (
    Finder,
    LabelMatch,
    parse_all,
    parse_patterns,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Pattern,
    Reference,
    id_prefix,
    is_image_id,
    short_id,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._times import Moment

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Snapshot

#: Every state of ``State.Status`` (``daemon/container/state.go``).
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
DEFAULT_STATES = ("created", "exited", "dead")

#: Labels by which an orchestrator knows its containers: it would only start them again.
ORCHESTRATOR_LABELS = ("com.docker.swarm.task", "io.kubernetes.")

#: States in which the Engine refuses to commit (``daemon/commit.go``).
_UNCOMMITTABLE = frozenset(["dead", "removing"])
#: States that began with the end of a run.
_FINISHED = frozenset(["exited", "dead", "removing"])

# Shorter ones are too likely to be a name, such as "db1", whose container is gone already.
_CONTAINER_ID_RE = re.compile(r"[0-9a-f]{6,64}\Z")
_NAME_RE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")
_GLOB_SIGNS = frozenset("*?[\\")


class ImageChoice(t.NamedTuple):
    """One entry of the option ``images``: a pattern, or else a name or an ID."""

    text: str
    pattern: Pattern | None

    @classmethod
    def parse(cls, text: str) -> ImageChoice:
        """Raises ``ValueError`` with the input quoted."""
        text = text.strip()
        if _GLOB_SIGNS & set(text):
            return cls(text, Pattern.glob(text))
        if id_prefix(text) is None and not is_image_id(text):
            Reference.parse(text)
        return cls(text, None)


@dataclasses.dataclass(frozen=True)
class Request:
    """A parsed task of ``container_remove``. A selector is ``None`` when its option was not given."""

    names: tuple[str, ...] | None = None
    patterns: tuple[Pattern, ...] | None = None
    excludes: tuple[Pattern, ...] = ()
    images: tuple[ImageChoice, ...] | None = None
    labels: tuple[LabelMatch, ...] | None = None
    states: tuple[str, ...] = DEFAULT_STATES
    older_than: Moment | None = None
    kill: bool = False
    stop_timeout: int | None = None
    volumes: bool = False
    commit_to: str | None = None
    orchestrated: bool = False

    @property
    def needs_images(self) -> bool:
        """Whether the plan depends on the images of the host."""
        return self.images is not None or self.commit_to is not None

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Request:
        """Read module parameters. Raises :class:`InvalidRequest` with the input quoted."""
        selectors = ("names", "patterns", "images", "labels", "states", "older_than")
        if all(params.get(option) is None for option in selectors):
            raise InvalidRequest(f"nothing selects a container: give at least one of {', '.join(selectors)}")
        use_regex = bool(params.get("use_regex"))
        stop_timeout = params.get("stop_timeout")
        if stop_timeout is not None and stop_timeout < 0:
            raise InvalidRequest(f"stop_timeout: {stop_timeout} is less than 0")
        older_than = params.get("older_than")
        states = params.get("states")
        return cls(
            names=_optional(params.get("names"), lambda values: parse_all("names", _name, values)),
            patterns=_optional(params.get("patterns"), lambda values: parse_patterns("patterns", values, use_regex)),
            excludes=parse_patterns("excludes", params.get("excludes") or (), use_regex),
            images=_optional(params.get("images"), lambda values: parse_all("images", ImageChoice.parse, values)),
            labels=_optional(params.get("labels"), _labels),
            states=DEFAULT_STATES if states is None else tuple(states),
            older_than=None if older_than is None else parse_all("older_than", Moment.parse, [str(older_than)])[0],
            kill=bool(params.get("kill")),
            stop_timeout=stop_timeout,
            volumes=bool(params.get("volumes")),
            commit_to=_repository(params.get("commit_to")),
            orchestrated=bool(params.get("orchestrated")),
        )


class Step(t.NamedTuple):
    """One container to remove, why, and what must be done before.

    ``stop`` is whether it must be stopped. ``finished`` is when its last run ended, where that decided. ``commit`` is
    the reference under which it is saved first.
    """

    container: Container
    rule: str
    stop: bool = False
    finished: float | None = None
    commit: Reference | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a task of ``container_remove`` will do. Feeds check mode, the real run, the diff and the report alike.

    ``verdicts`` are those of the containers that stay, by ID.
    """

    snapshot: Snapshot
    steps: tuple[Step, ...] = ()
    verdicts: t.Mapping[str, Verdict] = dataclasses.field(default_factory=dict)
    absent: tuple[str, ...] = ()
    now: float = 0.0
    states: tuple[str, ...] = DEFAULT_STATES
    kill: bool = False
    stop_timeout: int | None = None
    volumes: bool = False


def undated(snapshot: Snapshot, request: Request, now: float) -> tuple[str, ...]:
    """The IDs of the containers whose age decides and is not in the listing: only an inspection tells when they finished."""
    if request.older_than is None:
        return ()
    limit = request.older_than.at(now)
    rules, _absent = select(snapshot, request)
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
    """The plan of a task. ``finished`` tells when the containers of :func:`undated` did, or that they never ran.

    Raises :class:`InvalidRequest` for an ambiguous short ID.
    """
    rules, absent = select(snapshot, request)
    steps: list[Step] = []
    verdicts: dict[str, Verdict] = {}
    tags = _Tags(request.commit_to, now)
    for container in sorted(snapshot.containers, key=lambda container: (container.name, container.id)):
        if container.id not in rules:
            verdicts[container.id] = Verdict(KEPT, NOT_SELECTED, "none")
            continue
        verdict = _verdict(container, request, snapshot) or _too_young(container, request, now, finished or {})
        if verdict is not None:
            verdicts[container.id] = verdict
            continue
        steps.append(
            Step(
                container,
                rules[container.id],
                stop=container.is_running,
                finished=(finished or {}).get(container.id),
                commit=tags.reference(container),
            )
        )
    return Plan(
        snapshot,
        tuple(steps),
        verdicts,
        absent,
        now=now,
        states=request.states,
        kill=request.kill,
        stop_timeout=request.stop_timeout,
        volumes=request.volumes,
    )


def select(snapshot: Snapshot, request: Request) -> tuple[dict[str, str], tuple[str, ...]]:
    """The containers that a request means, each ID with the rule that selects it, and the names that are not there.

    States and age are no part of this: a container that only they spare is told with that reason, unless nothing else
    was given. Raises :class:`InvalidRequest` for an ambiguous short ID.
    """
    absent: list[str] = []
    named = _by_name(snapshot.containers, request, absent)
    of_images = _by_image(snapshot, request, absent)
    asked_by_state = named is None and of_images is None and request.labels is None
    rules: dict[str, str] = {}
    for container in snapshot.containers:
        parts = []
        for found in (named, of_images):
            if found is not None:
                parts.append(found.get(container.id))
        if request.labels is not None:
            matches = all(label.matches(container.labels) for label in request.labels)
            parts.append(f"labels: {', '.join(map(str, request.labels))}" if matches else None)
        if asked_by_state:
            parts.append(f"states: {container.state}" if container.state in request.states else None)
        if all(part is not None for part in parts):
            rules[container.id] = "; ".join(str(part) for part in parts)
    return rules, tuple(dict.fromkeys(absent))


def is_orchestrated(container: Container) -> bool:
    """Whether an orchestrator keeps this container."""
    return any(label.startswith(ORCHESTRATOR_LABELS) for label in container.labels)


def _by_name(containers: Sequence[Container], request: Request, absent: list[str]) -> dict[str, str] | None:
    if request.names is None and request.patterns is None:
        return None
    found: dict[str, str] = {}
    by_name = {container.name: container for container in containers if container.name}
    for name in request.names or ():
        match = _find(name, containers, by_name)
        if match is None:
            absent.append(name)
        else:
            found.setdefault(match.id, f"names: {name}")
    for container in containers:
        pattern = _first_match(request.patterns or (), container.name)
        if pattern is not None:
            found.setdefault(container.id, f"patterns: {pattern.text}")
    return found


def _find(name: str, containers: Sequence[Container], by_name: Mapping[str, Container]) -> Container | None:
    """The Engine's own order: a whole ID, then a name, then the beginning of one ID (``daemon/container.go``)."""
    whole = next((container for container in containers if container.id == name), None)
    if whole is not None:
        return whole
    if name in by_name:
        return by_name[name]
    if _CONTAINER_ID_RE.match(name) is None:
        return None
    begun = [container for container in containers if container.id.startswith(name)]
    if len(begun) > 1:
        listed = ", ".join(f"{c.name} ({short_id(c.id)})" for c in sorted(begun, key=lambda c: (c.name, c.id)))
        raise InvalidRequest(f"{name!r} is an ambiguous container ID; it stands for {listed}")
    return begun[0] if begun else None


def _by_image(snapshot: Snapshot, request: Request, absent: list[str]) -> dict[str, str] | None:
    """The containers of the images asked for and of their descendants, as the Engine's filter ``ancestor`` finds them."""
    if request.images is None:
        return None
    children: dict[str, list[str]] = {}
    for image in snapshot.images:
        if image.parent:
            children.setdefault(image.parent, []).append(image.id)
    finder = Finder(snapshot)
    rules: dict[str, str] = {}
    for choice in request.images:
        roots = _image_ids(choice, snapshot, finder)
        if not roots and choice.pattern is None:
            absent.append(choice.text)
        for image_id in roots:
            rules.setdefault(image_id, f"images: {choice.text}")
        for image_id in _descendants(roots, children):
            rules.setdefault(image_id, f"images: a descendant of {choice.text}")
    return {c.id: rules[c.image_id] for c in snapshot.containers if c.image_id in rules}


def _image_ids(choice: ImageChoice, snapshot: Snapshot, finder: Finder) -> list[str]:
    pattern = choice.pattern
    if pattern is not None:
        return [image.id for image in snapshot.images if any(pattern.matches(ref) for ref in image.references)]
    removal = finder.find(choice.text)
    if removal is not None:
        return [removal.image_id]
    # The image itself may be gone, by force; its containers still tell its ID.
    prefix = id_prefix(choice.text)
    gone = {c.image_id for c in snapshot.containers if prefix and c.image_id.startswith(f"sha256:{prefix}")}
    if len(gone) > 1:
        listed = ", ".join(short_id(image_id) for image_id in sorted(gone))
        raise InvalidRequest(f"images: {choice.text!r} is an ambiguous image ID; it stands for {listed}")
    return list(gone)


def _descendants(roots: Iterable[str], children: Mapping[str, Sequence[str]]) -> list[str]:
    found: dict[str, None] = {}
    todo = list(roots)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in found:
                found[child] = None
                todo.append(child)
    return list(found)


def _first_match(patterns: Iterable[Pattern], name: str) -> Pattern | None:
    return next((pattern for pattern in patterns if _matches(pattern, name)), None)


def _matches(pattern: Pattern, name: str) -> bool:
    compare = pattern.regex.match if pattern.is_glob else pattern.regex.search
    # The API's own names begin with a slash, which a pattern may have from there, as in "^/web$".
    return compare(name) is not None or ("/" in pattern.text and compare(f"/{name}") is not None)


def _verdict(container: Container, request: Request, snapshot: Snapshot) -> Verdict | None:
    """Why a selected container stays, or ``None`` when only its age could keep it."""
    exclude = _first_match(request.excludes, container.name)
    if exclude is not None:
        return Verdict(KEPT, f"{container.name} is protected", f"excludes: {exclude.text}")
    if not request.orchestrated and is_orchestrated(container):
        label = next(label for label in container.labels if label.startswith(ORCHESTRATOR_LABELS))
        reason = f"it is orchestrated (label {label}), and its orchestrator would start it again"
        return Verdict(KEPT, reason, "orchestrated")
    if container.state not in request.states:
        return Verdict(KEPT, f"it is {container.state}, which states does not name", "states")
    if request.commit_to is not None and container.state in _UNCOMMITTABLE:
        return Verdict(SKIPPED, f"a container that is {container.state} cannot be committed", "commit_to")
    if request.commit_to is not None and _has_lost_its_image(container, snapshot):
        return Verdict(SKIPPED, "its image is gone, so that it cannot be committed", "commit_to")
    return None


def _has_lost_its_image(container: Container, snapshot: Snapshot) -> bool:
    # The graphdriver store lets force delete the image of a stopped container, and commits only on top of an image.
    return snapshot.engine.store == GRAPHDRIVER and all(image.id != container.image_id for image in snapshot.images)


def _too_young(
    container: Container, request: Request, now: float, finished: Mapping[str, float | None]
) -> Verdict | None:
    if request.older_than is None:
        return None
    limit = request.older_than.at(now)
    ended = finished.get(container.id) if container.state in _FINISHED else None
    word, since = ("finished", ended) if ended is not None else ("created", container.created)
    if since is None:
        return Verdict(KEPT, "the Engine does not tell its age", "older_than")
    # The listing cuts fractions of a second off: a container of the same second may be the younger one.
    if (since if ended is not None else since + 1) > limit:
        return Verdict(KEPT, f"it was {word} later than {request.older_than.text} allows", "older_than")
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


_Values = t.TypeVar("_Values")


def _optional(
    values: Sequence[t.Any] | None, parse: t.Callable[[Sequence[t.Any]], Iterable[_Values]]
) -> tuple[_Values, ...] | None:
    return None if values is None else tuple(parse(values))


def _name(text: str) -> str:
    name = str(text).strip().lstrip("/")
    if _NAME_RE.match(name) is None:
        raise ValueError(f"{text!r} is neither a container's name nor an ID")
    return name


def _labels(values: Sequence[t.Any]) -> list[LabelMatch]:
    if not values:
        raise InvalidRequest("labels: an empty list would select every container")
    return parse_all("labels", LabelMatch.parse, [str(value) for value in values])


def _repository(text: t.Any) -> str | None:
    if text is None:
        return None
    try:
        Reference.parse(f"{text}/name:tag")
    except ValueError as exc:
        raise InvalidRequest(f"commit_to: {text!r} is not a repository") from exc
    return str(text)


def may_go(state: str, step: Step, plan: Plan) -> bool:
    """Whether a container that is in ``state`` by now may still be removed as planned.

    One that was to be stopped and has ended by itself is where the plan wanted it.
    """
    return state in plan.states or (step.stop and state not in RUNNING_STATES)

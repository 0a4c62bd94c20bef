# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of ``container_remove`` asks for: its options, parsed and checked before any request. No I/O, no clock."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._grammar import CONTAINER_NAMES
from ansible_collections.imagewarden.docker.plugins.module_utils._options import LabelMatch, parse_all, written
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Glob, Pattern, parse_patterns
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Reference,
    id_prefix,
    is_image_id,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._times import Moment

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Every state of ``State.Status`` (``daemon/container/state.go``).
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
DEFAULT_STATES = ("created", "exited", "dead")
#: What the option ``states`` takes for all of them.
ANY_STATE = "any"
#: As many at a time as the Docker CLI (``cli/command/container/utils.go``).
PARALLEL = 50

_SELECTORS = ("names", "patterns", "images", "labels", "states", "older_than")

_NAME_RE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")
_GLOB_SIGNS = frozenset("*?[\\")
#: What Linux knows, by name (``moby/sys/signal``) or number.
_SIGNAL_RE = re.compile(
    r"(?:SIG)?(?:ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM"
    r"|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN(?:\+[0-9]{1,2})?|RTMAX(?:-[0-9]{1,2})?)\Z"
)
_LAST_SIGNAL = 64


class ImageChoice(t.NamedTuple):
    """One entry of the option ``images``: a pattern, or else a name or an ID."""

    text: str
    pattern: Pattern | None

    @classmethod
    def parse(cls, text: str) -> ImageChoice:
        """Raises ``ValueError`` with the input quoted."""
        text = text.strip()
        if _GLOB_SIGNS & set(text):
            return cls(text, Glob.parse(text))
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
    exclude_labels: tuple[LabelMatch, ...] = ()
    states: tuple[str, ...] = DEFAULT_STATES
    older_than: Moment | None = None
    kill: bool = False
    kill_signal: str | None = None
    stop_timeout: int | None = None
    volumes: bool = False
    commit_to: str | None = None
    orchestrated: bool = False
    skip_conflicts: bool = False
    sizes: bool = False
    parallel: int = PARALLEL

    @property
    def needs_images(self) -> bool:
        """Whether the plan depends on the images of the host."""
        return self.images is not None or self.commit_to is not None

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Request:
        """Read module parameters. Raises :class:`InvalidRequest` with the input quoted."""
        if all(params.get(option) is None for option in _SELECTORS):
            raise InvalidRequest(f"nothing selects a container: give at least one of {', '.join(_SELECTORS)}")
        use_regex = bool(params.get("use_regex"))
        older_than = params.get("older_than")
        kill = bool(params.get("kill"))
        return cls(
            names=_optional(params.get("names"), lambda values: parse_all("names", _name, written("names", values))),
            patterns=_optional(
                params.get("patterns"), lambda values: parse_patterns("patterns", values, use_regex, CONTAINER_NAMES)
            ),
            excludes=parse_patterns("excludes", params.get("excludes") or (), use_regex, CONTAINER_NAMES),
            images=_optional(params.get("images"), lambda values: parse_all("images", ImageChoice.parse, values)),
            labels=_optional(params.get("labels"), lambda values: _labels("labels", values)),
            exclude_labels=tuple(_parse_labels("exclude_labels", params.get("exclude_labels") or ())),
            states=_states(params.get("states")),
            older_than=None if older_than is None else parse_all("older_than", Moment.parse, [str(older_than)])[0],
            kill=kill,
            kill_signal=_signal(params.get("kill_signal"), kill),
            stop_timeout=_at_least("stop_timeout", params.get("stop_timeout"), 0),
            volumes=bool(params.get("volumes")),
            commit_to=_repository(params.get("commit_to")),
            orchestrated=bool(params.get("orchestrated")),
            skip_conflicts=params.get("on_conflict") == "skip",
            sizes=bool(params.get("sizes")),
            parallel=_at_least("parallel", params.get("parallel"), 1) or PARALLEL,
        )


_Values = t.TypeVar("_Values")


def _optional(
    values: Sequence[t.Any] | None, parse: t.Callable[[Sequence[t.Any]], Iterable[_Values]]
) -> tuple[_Values, ...] | None:
    return None if values is None else tuple(parse(values))


def _name(text: str) -> str:
    name = text.lstrip("/")
    if _NAME_RE.match(name) is None:
        raise ValueError(f"{text!r} is neither a container's name nor an ID")
    return name


def _labels(option: str, values: Sequence[t.Any]) -> list[LabelMatch]:
    if not values:
        raise InvalidRequest(f"{option}: an empty list would select every container")
    return _parse_labels(option, values)


def _parse_labels(option: str, values: Sequence[t.Any]) -> list[LabelMatch]:
    return parse_all(option, LabelMatch.parse, [str(value) for value in values])


def _states(values: Sequence[str] | None) -> tuple[str, ...]:
    if values is None:
        return DEFAULT_STATES
    return STATES if ANY_STATE in values else tuple(values)


def _at_least(option: str, value: int | None, least: int) -> int | None:
    if value is not None and value < least:
        raise InvalidRequest(f"{option}: {value} is less than {least}")
    return value


def _signal(value: t.Any, kill: bool) -> str | None:
    if value is None:
        return None
    text = str(value).strip().upper()
    if not kill:
        raise InvalidRequest(f"kill_signal: {value!r} is sent only with kill: true")
    is_number = text.isdigit() and 1 <= int(text) <= _LAST_SIGNAL
    if not is_number and _SIGNAL_RE.match(text) is None:
        raise InvalidRequest(f"kill_signal: {value!r} is not a signal, such as SIGINT, HUP or 15")
    return text


def _repository(text: t.Any) -> str | None:
    if text is None:
        return None
    try:
        Reference.parse(f"{text}/name:tag")
    except ValueError as exc:
        raise InvalidRequest(f"commit_to: {text!r} is not a repository") from exc
    return str(text)

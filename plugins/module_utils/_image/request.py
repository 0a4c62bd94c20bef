# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of ``image_remove`` asks for. No I/O."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._options import LabelMatch, parse_all, written
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import parse_patterns
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Reference,
    id_prefix,
    is_image_id,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._times import Moment

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Pattern

_FILTERS = ("dangling", "label", "label!", "before", "since", "until")
#: What is asked for in another way here.
_INSTEAD = {"reference": "patterns", "tag": "names", "name": "names", "id": "names"}
_TRUE = ("true", "1", "t", "yes", "on")
_FALSE = ("false", "0", "f", "no", "off")


@dataclasses.dataclass(frozen=True)
class Filters:
    """``docker images --filter``: every one given must match."""

    dangling: bool | None = None
    labels: tuple[LabelMatch, ...] = ()
    unwanted_labels: tuple[LabelMatch, ...] = ()
    before: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    until: tuple[Moment, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None) -> Filters | None:
        """Read the option ``filters``; ``None`` when it asks for nothing. Raises :class:`InvalidRequest`."""
        for key in raw or {}:
            if key not in _FILTERS:
                instead = f"; use the option {_INSTEAD[key]}" if key in _INSTEAD else ""
                raise InvalidRequest(f"filters: unknown filter {key!r}; known are {', '.join(_FILTERS)}{instead}")
        if not raw:
            return None
        # A filter without a value is a mistake, and to pass it over would widen the selection.
        values = {key: _strings(f"filters.{key}", value) for key, value in raw.items()}
        return cls(
            dangling=_boolean("filters.dangling", values["dangling"]) if "dangling" in values else None,
            labels=tuple(parse_all("filters.label", LabelMatch.parse, values.get("label", ()))),
            unwanted_labels=tuple(parse_all("filters.label!", LabelMatch.parse, values.get("label!", ()))),
            before=_names("filters.before", _listed(raw.get("before", ()))),
            since=_names("filters.since", _listed(raw.get("since", ()))),
            until=tuple(parse_all("filters.until", Moment.parse, values.get("until", ()))),
        )

    @property
    def for_engine(self) -> dict[str, tuple[str, ...]]:
        """The filters that only the Engine can answer exactly."""
        asked = {"before": self.before, "since": self.since}
        return {key: values for key, values in asked.items() if values}

    def __str__(self) -> str:
        parts = [] if self.dangling is None else [f"dangling={'true' if self.dangling else 'false'}"]
        parts += [f"label={label}" for label in self.labels]
        parts += [f"label!={label}" for label in self.unwanted_labels]
        parts += [f"{key}={value}" for key, values in self.for_engine.items() for value in values]
        parts += [f"until={moment.text}" for moment in self.until]
        return ", ".join(parts)


@dataclasses.dataclass(frozen=True)
class Request:
    """A parsed task of ``image_remove``. ``names`` and ``patterns`` are ``None`` when the option was not given."""

    names: tuple[str, ...] | None = None
    patterns: tuple[Pattern, ...] | None = None
    excludes: tuple[Pattern, ...] = ()
    filters: Filters | None = None
    untag_only: bool = False
    skip_conflicts: bool = False
    force: bool = False
    prune_parents: bool = True

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Request:
        """Read module parameters. Raises :class:`InvalidRequest` with the input quoted."""
        use_regex = bool(params.get("use_regex"))
        names, patterns = params.get("names"), params.get("patterns")
        request = cls(
            names=None if names is None else _names("names", names),
            patterns=None if patterns is None else parse_patterns("patterns", patterns, use_regex),
            excludes=parse_patterns("excludes", params.get("excludes") or (), use_regex),
            filters=Filters.parse(params.get("filters")),
            untag_only=bool(params.get("untag_only")),
            skip_conflicts=params.get("on_conflict") == "skip",
            force=bool(params.get("force")),
            prune_parents=params.get("prune_parents", True),
        )
        if request.names is None and request.patterns is None and request.filters is None:
            raise InvalidRequest("nothing selects an image: give at least one of names, patterns and filters")
        return request

    @property
    def engine_filters(self) -> dict[str, tuple[str, ...]]:
        """The filters that the snapshot must ask the Engine about."""
        return self.filters.for_engine if self.filters is not None else {}


def _names(option: str, values: Iterable[t.Any]) -> tuple[str, ...]:
    names = written(option, values)
    for name in names:
        if not name:
            raise InvalidRequest(f"{option}: an empty name names no image")
        if id_prefix(name) is None and not is_image_id(name):
            parse_all(option, Reference.parse, [name])
    return tuple(names)


def _strings(option: str, value: t.Any) -> tuple[str, ...]:
    values = _listed(value)
    for item in values:
        if isinstance(item, (dict, list, tuple)) or item is None or not str(item).strip():
            raise InvalidRequest(f"{option}: {item!r} is not a value: write a string, or a list of strings")
    if not values:
        raise InvalidRequest(f"{option}: an empty list filters nothing")
    return tuple(str(item).strip() for item in values)


def _listed(value: t.Any) -> Sequence[t.Any]:
    return value if isinstance(value, (list, tuple)) else [value]


def _boolean(option: str, values: Sequence[str]) -> bool:
    words = {value.lower() for value in values}
    if words <= set(_TRUE):
        return True
    if words <= set(_FALSE):
        return False
    raise InvalidRequest(f"{option}: {', '.join(values)!r} is not a boolean")

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of C(image_prune_policy) asks for: which images may go, which stay, how much, and when to refuse. No I/O."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._options import LabelMatch, parse_all
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Pattern, parse_patterns
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Reference,
    id_prefix,
    is_image_id,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._times import Moment

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CREATED, TAGGED, USED, VERSION = "created", "tagged", "used", "version"
NEVER, UNPUSHED, VERIFY = "never", "unpushed", "verify"
OLDEST, LEAST_RECENTLY_USED, LARGEST = "oldest", "least_recently_used", "largest"

NEWEST_BY = (CREATED, TAGGED, VERSION)
AGE_BY = (CREATED, TAGGED, USED)
UNRECOVERABLE = (NEVER, UNPUSHED, VERIFY)
ORDERS = (OLDEST, LEAST_RECENTLY_USED, LARGEST)

_SIZE_RE = re.compile(r"(?P<number>[0-9]{1,18}(?:\.[0-9]+)?) ?(?P<unit>[a-z]*)\Z", re.IGNORECASE)
_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}


@dataclasses.dataclass(frozen=True)
class Remove:
    """The selectors: an image or a reference that any of them matches may go."""

    dangling: bool = False
    all_unused: bool = False
    patterns: tuple[Pattern, ...] = ()
    labels: tuple[LabelMatch, ...] = ()
    before: str | None = None
    since: str | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None, use_regex: bool = False) -> Remove:
        """Read the option. Raises :class:`InvalidRequest` when it selects nothing."""
        given = _given("remove", raw, ("dangling", "all_unused", "patterns", "use_regex", "labels", "before", "since"))
        use_regex = bool(given.get("use_regex", use_regex))
        remove = cls(
            dangling=bool(given.get("dangling")),
            all_unused=bool(given.get("all_unused")),
            patterns=parse_patterns("remove.patterns", given.get("patterns", ()), use_regex),
            labels=_labels("remove.labels", given.get("labels", ())),
            before=_name("remove.before", given.get("before")),
            since=_name("remove.since", given.get("since")),
        )
        if remove == cls():
            raise InvalidRequest(
                "remove: nothing selects an image: give at least one of dangling, all_unused, patterns, labels, before"
                ' and since; there is no implicit "everything"'
            )
        return remove

    @property
    def anchors(self) -> dict[str, str]:
        """The images that others are compared with, by selector."""
        named = {"before": self.before, "since": self.since}
        return {selector: name for selector, name in named.items() if name is not None}


@dataclasses.dataclass(frozen=True)
class Keep:
    """The rules that keep: each of them wins over every selector."""

    newest: int | None = None
    newest_by: str = CREATED
    younger_than: Moment | None = None
    age_by: str = CREATED
    patterns: tuple[Pattern, ...] = ()
    labels: tuple[LabelMatch, ...] = ()
    unknown_age: bool = True
    unrecoverable: str = NEVER

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None, use_regex: bool = False) -> Keep:
        """Read the option. What would keep nothing by mistake is an error."""
        options = [field.name for field in dataclasses.fields(cls)]
        given = _given("keep", raw, (*options, "use_regex"))
        use_regex = bool(given.get("use_regex", use_regex))
        newest, younger_than = given.get("newest"), given.get("younger_than")
        if newest is not None:
            newest = _whole("keep.newest", newest)
        for option in ("patterns", "labels"):
            if option in given and not given[option]:
                raise InvalidRequest(
                    f"keep.{option}: an empty list keeps nothing; leave the option out if that is meant"
                )
        return cls(
            newest=newest,
            newest_by=_choice("keep.newest_by", given.get("newest_by", CREATED), NEWEST_BY),
            younger_than=None
            if younger_than is None
            else parse_all("keep.younger_than", Moment.parse, [str(younger_than)])[0],
            age_by=_choice("keep.age_by", given.get("age_by", CREATED), AGE_BY),
            patterns=_keep_patterns(given.get("patterns", ()), use_regex),
            labels=_labels("keep.labels", given.get("labels", ())),
            unknown_age=bool(given.get("unknown_age", True)),
            unrecoverable=_choice("keep.unrecoverable", given.get("unrecoverable", NEVER), UNRECOVERABLE),
        )


@dataclasses.dataclass(frozen=True)
class Target:
    """How much is to be removed: no more than these limits ask for, in this order."""

    total_size: int | None = None
    disk_used_above: float | None = None
    disk_used_below: float | None = None
    order: str = OLDEST

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None) -> Target | None:
        """Read the option; ``None`` when it was not given."""
        if raw is None:
            return None
        given = _given("target", raw, [field.name for field in dataclasses.fields(cls)])
        total, above, below = given.get("total_size"), given.get("disk_used_above"), given.get("disk_used_below")
        if total is None and above is None and below is None:
            raise InvalidRequest(
                "target: nothing to reach: give at least one of total_size, disk_used_above and disk_used_below"
            )
        above = None if above is None else _percent("target.disk_used_above", above)
        below = None if below is None else _percent("target.disk_used_below", below)
        above, below = (below if above is None else above), (above if below is None else below)
        if above is not None and below is not None and below > above:
            raise InvalidRequest(
                f"target.disk_used_below: {below:g} is more than disk_used_above: {above:g}, so that it would never be the limit"
            )
        return cls(
            total_size=None if total is None else parse_all("target.total_size", parse_size, [str(total)])[0],
            disk_used_above=above,
            disk_used_below=below,
            order=_choice("target.order", given.get("order", OLDEST), ORDERS),
        )

    @property
    def minds_disk(self) -> bool:
        """Whether it has a limit for the file system."""
        return self.disk_used_above is not None


@dataclasses.dataclass(frozen=True)
class Guard:
    """When a plan is so large that it must be a mistake."""

    max_images: int | None = None
    max_percent: float | None = None
    min_per_repository: int | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None) -> Guard:
        """Read the option."""
        given = _given("guard", raw, [field.name for field in dataclasses.fields(cls)])
        most, percent, least = (given.get(key) for key in ("max_images", "max_percent", "min_per_repository"))
        return cls(
            max_images=None if most is None else _whole("guard.max_images", most),
            max_percent=None if percent is None else _percent("guard.max_percent", percent),
            min_per_repository=None if least is None else _whole("guard.min_per_repository", least),
        )


@dataclasses.dataclass(frozen=True)
class Policy:
    """A parsed task of C(image_prune_policy)."""

    remove: Remove
    keep: Keep = Keep()
    target: Target | None = None
    guard: Guard = Guard()

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Policy:
        """Read module parameters. Raises :class:`InvalidRequest` with the option's path and the input quoted."""
        use_regex = bool(params.get("use_regex"))
        return cls(
            Remove.parse(params.get("remove"), use_regex),
            Keep.parse(params.get("keep"), use_regex),
            Target.parse(params.get("target")),
            Guard.parse(params.get("guard")),
        )

    @property
    def engine_filters(self) -> dict[str, tuple[str, ...]]:
        """The filters that the snapshot must ask the Engine about."""
        return {selector: (name,) for selector, name in self.remove.anchors.items()}

    @property
    def needs_use(self) -> bool:
        """Whether it asks when images were last used."""
        by_age = self.keep.younger_than is not None and self.keep.age_by == USED
        return by_age or (self.target is not None and self.target.order == LEAST_RECENTLY_USED)

    @property
    def needs_tag_times(self) -> bool:
        """Whether it asks when images were last tagged, which only an inspection of each tells."""
        by_rank = self.keep.newest is not None and self.keep.newest_by == TAGGED
        by_age = self.keep.younger_than is not None and self.keep.age_by == TAGGED
        return by_rank or by_age or self.needs_use

    @property
    def needs_registries(self) -> bool:
        """Whether registries are to be asked for what they hold."""
        return self.keep.unrecoverable == VERIFY


def parse_size(text: str) -> int:
    """Bytes of a size such as ``20GB``, ``1.5 GiB`` or ``1000000``. Raises ``ValueError``."""
    match = _SIZE_RE.match(text.strip())
    factor = _SIZE_UNITS.get(match.group("unit").lower()) if match is not None else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not a size such as 20GB (10^9 bytes each) or 20GiB (2^30 bytes each)")
    return int(float(match.group("number")) * factor)


def _given(option: str, raw: Mapping[str, t.Any] | None, known: Iterable[str]) -> dict[str, t.Any]:
    known = tuple(known)
    for key in raw or {}:
        if key not in known:
            raise InvalidRequest(f"{option}: unknown option {key!r}; known are {', '.join(known)}")
    return {key: value for key, value in (raw or {}).items() if value is not None}


def _keep_patterns(values: Iterable[t.Any], use_regex: bool) -> tuple[Pattern, ...]:
    """A pattern that cannot match any reference would switch the rule off, so it is an error."""
    texts = [str(value) for value in values]
    for text in texts:
        if not text.strip():
            raise InvalidRequest(f"keep.patterns: the empty pattern {text!r} keeps nothing")
        if not use_regex and text.split() != [text]:
            raise InvalidRequest(f"keep.patterns: {text!r} contains white space, which no reference does")
    return parse_patterns("keep.patterns", texts, use_regex)


def _labels(option: str, values: Iterable[t.Any]) -> tuple[LabelMatch, ...]:
    return tuple(parse_all(option, LabelMatch.parse, (str(value) for value in values)))


def _name(option: str, value: t.Any) -> str | None:
    if value is None:
        return None
    name = str(value).strip()
    if not name:
        raise InvalidRequest(f"{option}: an empty name names no image")
    if id_prefix(name) is None and not is_image_id(name):
        parse_all(option, Reference.parse, [name])
    return name


def _choice(option: str, value: t.Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InvalidRequest(f"{option}: {value!r} is none of {', '.join(choices)}")
    return str(value)


def _whole(option: str, value: t.Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequest(f"{option}: {value!r} is not a whole number of 0 or more")
    return value


def _percent(option: str, value: t.Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise InvalidRequest(f"{option}: {value!r} is not a percentage from 0 to 100")
    return float(value)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of C(build_cache_prune) asks for: which records may go, which stay, how much, and when to refuse. No I/O."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._limits import (
    DiskUse,
    choice,
    given,
    percent,
    whole,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._options import parse_all
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Regex
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import Size
from ansible_collections.imagewarden.docker.plugins.module_utils._times import Moment

if t.TYPE_CHECKING:
    from collections.abc import Mapping

#: Every type of a record (``client/client.go`` of BuildKit, ``UsageRecordType``).
INTERNAL, FRONTEND = "internal", "frontend"
TYPES = (INTERNAL, FRONTEND, "regular", "source.local", "source.git.checkout", "exec.cachemount")
USED, CREATED = "used", "created"
AGE_BY = (USED, CREATED)
LEAST_RECENTLY_USED, LARGEST = "least_recently_used", "largest"
ORDERS = (LEAST_RECENTLY_USED, LARGEST)


class Wildcard(t.NamedTuple):
    """A glob over whole descriptions, in which nothing is special but ``*`` (anything, slashes too) and ``?`` (one character)."""

    text: str
    regex: t.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> Wildcard:
        """Raises ``ValueError`` for an empty one."""
        if not text.strip():
            raise ValueError(f"the empty pattern {text!r} matches no description")
        first, *starred = (_without_stars(chunk) for chunk in re.split(r"\*+", text))
        # A star settles for the first place where what follows it matches; a group in a look-ahead is never tried again.
        # Without that, a pattern with many stars would take forever on a long description.
        settled = "".join(f"(?=(?P<star{i}>.*?{chunk}))(?P=star{i})" for i, chunk in enumerate(starred[:-1]))
        last = f".*{starred[-1]}" if starred else ""
        return cls(text, re.compile(f"{first}{settled}{last}\\Z", re.DOTALL))

    def finds(self, description: str) -> bool:
        """Whether it matches the whole description."""
        return self.regex.match(description) is not None


Description = t.Union[Wildcard, Regex]


@dataclasses.dataclass(frozen=True)
class Matches:
    """Types and descriptions of records, any of which is enough."""

    types: tuple[str, ...] = ()
    descriptions: tuple[Description, ...] = ()

    @classmethod
    def parse(cls, option: str, values: Mapping[str, t.Any], use_regex: bool) -> Matches:
        """Read them. An empty list is an error, for it was meant to say something."""
        for key in ("types", "descriptions"):
            if key in values and not values[key]:
                raise InvalidRequest(
                    f"{option}.{key}: an empty list matches nothing; leave the option out if that is meant"
                )
        if "use_regex" in values and "descriptions" not in values:
            raise InvalidRequest(f"{option}.use_regex: there is nothing to be read so: give {option}.descriptions")
        parse: t.Callable[[str], Description] = _regex(f"{option}.descriptions") if use_regex else Wildcard.parse
        texts = [str(value) for value in values.get("descriptions", ())]
        return cls(
            types=tuple(choice(f"{option}.types", name, TYPES) for name in values.get("types", ())),
            descriptions=tuple(parse_all(f"{option}.descriptions", parse, texts)),
        )


@dataclasses.dataclass(frozen=True)
class Remove:
    """The selectors: a record that any of them matches may go."""

    all: bool = False
    unused: bool = False
    matches: Matches = Matches()

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None, use_regex: bool = False) -> Remove:
        """Read the option. Raises :class:`InvalidRequest` when it selects nothing."""
        values = given("remove", raw, ("all", "unused", "types", "descriptions", "use_regex"))
        remove = cls(
            bool(values.get("all")),
            bool(values.get("unused")),
            Matches.parse("remove", values, bool(values.get("use_regex", use_regex))),
        )
        if remove == cls():
            raise InvalidRequest(
                "remove: nothing selects a record: give at least one of all, unused, types and descriptions;"
                ' there is no implicit "everything"'
            )
        return remove


@dataclasses.dataclass(frozen=True)
class Keep:
    """The rules that keep: each of them wins over every selector."""

    younger_than: Moment | None = None
    age_by: str = USED
    matches: Matches = Matches()

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None, use_regex: bool = False) -> Keep:
        """Read the option. What would keep nothing by mistake is an error."""
        values = given("keep", raw, ("younger_than", "age_by", "types", "descriptions", "use_regex"))
        limit = None
        if "younger_than" in values:
            (limit,) = parse_all("keep.younger_than", _age_limit, [str(values["younger_than"])])
        elif "age_by" in values:
            raise InvalidRequest("keep.age_by: there is no limit of age: give keep.younger_than")
        keep = cls(
            limit,
            choice("keep.age_by", values.get("age_by", USED), AGE_BY),
            Matches.parse("keep", values, bool(values.get("use_regex", use_regex))),
        )
        if raw is not None and keep == cls():
            raise InvalidRequest("keep: nothing is kept; leave the option out if that is meant")
        return keep


@dataclasses.dataclass(frozen=True)
class Target:
    """How much is to be removed: no more than these limits ask for, in this order."""

    total_size: Size | None = None
    disk: DiskUse | None = None
    disk_path: str | None = None
    order: str = LEAST_RECENTLY_USED

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None) -> Target | None:
        """Read the option; ``None`` when it was not given."""
        if raw is None:
            return None
        values = given("target", raw, ("total_size", "disk_used_above", "disk_used_below", "disk_path", "order"))
        size = None
        if "total_size" in values:
            (size,) = parse_all("target.total_size", Size.parse, [str(values["total_size"])])
        target = cls(
            size,
            DiskUse.parse("target", values),
            values.get("disk_path"),
            choice("target.order", values.get("order", LEAST_RECENTLY_USED), ORDERS),
        )
        if target.total_size is None and target.disk is None:
            raise InvalidRequest(
                "target: nothing to reach: give at least one of total_size, disk_used_above and disk_used_below"
            )
        if target.disk_path is not None and not target.minds_disk:
            raise InvalidRequest(
                "target.disk_path: no limit asks for a file system: give disk_used_above, or a percentage for total_size"
            )
        return target

    @property
    def minds_disk(self) -> bool:
        """Whether a file system has to be measured for it."""
        return self.disk is not None or (self.total_size is not None and self.total_size.percent is not None)


@dataclasses.dataclass(frozen=True)
class Guard:
    """When a plan is so large that it must be a mistake."""

    max_records: int | None = None
    max_percent: float | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None) -> Guard:
        """Read the option."""
        values = given("guard", raw, ("max_records", "max_percent"))
        most, share = values.get("max_records"), values.get("max_percent")
        return cls(
            None if most is None else whole("guard.max_records", most),
            None if share is None else percent("guard.max_percent", share),
        )


@dataclasses.dataclass(frozen=True)
class Request:
    """A parsed task of C(build_cache_prune)."""

    remove: Remove
    keep: Keep = Keep()
    target: Target | None = None
    guard: Guard = Guard()

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Request:
        """Read module parameters. Raises :class:`InvalidRequest` with the option's path and the input quoted."""
        use_regex = bool(params.get("use_regex"))
        return cls(
            Remove.parse(params.get("remove"), use_regex),
            Keep.parse(params.get("keep"), use_regex),
            Target.parse(params.get("target")),
            Guard.parse(params.get("guard")),
        )


def _without_stars(text: str) -> str:
    return ".".join(map(re.escape, text.split("?")))


def _regex(option: str) -> t.Callable[[str], Description]:
    def parse(text: str) -> Description:
        if not text:
            raise ValueError("an empty regular expression would match every record")
        return Regex.parse(text, None)._replace(option=option)

    return parse


def _age_limit(text: str) -> Moment:
    moment = Moment.parse(text)
    if moment.seconds_ago is not None and not moment.seconds_ago:
        raise ValueError(f"{text!r} keeps nothing: no record is younger")
    return moment

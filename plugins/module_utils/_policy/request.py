# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a task of C(image_prune_policy) asks for: which images may go, which stay, how much, and when to refuse. No I/O."""

from __future__ import annotations

import dataclasses
import posixpath
import typing as t
from itertools import chain

from ansible_collections.imagewarden.docker.plugins.module_utils import _limits as limits
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._options import LabelMatch, parse_all
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Pattern, Regex, parse_patterns
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Reference,
    id_prefix,
    is_image_id,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import Size
from ansible_collections.imagewarden.docker.plugins.module_utils._times import Moment

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose import Mention

CREATED, TAGGED, USED, VERSION = "created", "tagged", "used", "version"
NEVER, UNPUSHED, VERIFY = "never", "unpushed", "verify"
OLDEST, LEAST_RECENTLY_USED, LARGEST = "oldest", "least_recently_used", "largest"

NEWEST_BY = (CREATED, TAGGED, VERSION)
AGE_BY = (CREATED, TAGGED, USED)
UNRECOVERABLE = (NEVER, UNPUSHED, VERIFY)
ORDERS = (OLDEST, LEAST_RECENTLY_USED, LARGEST)
_DAY = 86400


@dataclasses.dataclass(frozen=True)
class Remove:
    """The selectors: an image or a reference that any of them matches may go, but for ``exclude_labels``."""

    dangling: bool = False
    all_unused: bool = False
    patterns: tuple[Pattern, ...] = ()
    labels: tuple[LabelMatch, ...] = ()
    all_labels: tuple[LabelMatch, ...] = ()
    exclude_labels: tuple[LabelMatch, ...] = ()
    before: str | None = None
    since: str | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None, use_regex: bool = False) -> Remove:
        """Read the option. Raises :class:`InvalidRequest` when it selects nothing."""
        given = limits.given("remove", raw, (*(field.name for field in dataclasses.fields(cls)), "use_regex"))
        use_regex = bool(given.get("use_regex", use_regex))
        remove = cls(
            dangling=bool(given.get("dangling")),
            all_unused=bool(given.get("all_unused")),
            patterns=parse_patterns("remove.patterns", given.get("patterns", ()), use_regex),
            labels=_labels("remove.labels", given.get("labels", ())),
            all_labels=_labels("remove.all_labels", given.get("all_labels", ())),
            exclude_labels=_labels("remove.exclude_labels", given.get("exclude_labels", ())),
            before=_name("remove.before", given.get("before")),
            since=_name("remove.since", given.get("since")),
        )
        if dataclasses.replace(remove, exclude_labels=()) == cls():
            raise InvalidRequest(
                "remove: nothing selects an image: give at least one of dangling, all_unused, patterns, labels, all_labels,"
                ' before and since; there is no implicit "everything"'
            )
        _refuse_empty_lists("remove", given, ("exclude_labels",), "excludes")
        return remove

    @property
    def anchors(self) -> dict[str, str]:
        """The images that others are compared with, by selector."""
        named = {"before": self.before, "since": self.since}
        return {selector: name for selector, name in named.items() if name is not None}


@dataclasses.dataclass(frozen=True)
class Newest:
    """The newest images of each repository that stay: all of them, or those of a group that patterns make.

    A regular expression with named groups makes a group for each of their values.
    """

    count: int
    by: str = CREATED
    patterns: tuple[Pattern, ...] = ()

    @classmethod
    def parse(cls, raw: t.Any, by: str | None, use_regex: bool) -> tuple[Newest, ...]:
        """Read ``keep.newest``: a number, or a list of groups."""
        if raw is None:
            return ()
        if not isinstance(raw, (list, tuple)):
            return (cls(_newest_count("keep.newest", raw), by or CREATED),)
        if not raw:
            raise InvalidRequest("keep.newest: an empty list keeps nothing; leave the option out if that is meant")
        return tuple(cls._group(f"keep.newest[{number}]", group, by, use_regex) for number, group in enumerate(raw))

    @classmethod
    def _group(cls, option: str, raw: t.Any, by: str | None, use_regex: bool) -> Newest:
        if not isinstance(raw, dict):
            raise InvalidRequest(f"{option}: {raw!r} is not a group: write patterns and count")
        given = limits.given(option, raw, ("patterns", "use_regex", "count", "newest_by"))
        if "count" not in given or not given.get("patterns"):
            raise InvalidRequest(f"{option}: a group needs patterns and count")
        patterns = given["patterns"] if isinstance(given["patterns"], (list, tuple)) else [given["patterns"]]
        return cls(
            _newest_count(f"{option}.count", given["count"]),
            limits.choice(f"{option}.newest_by", given.get("newest_by", by or CREATED), NEWEST_BY),
            _keep_patterns(f"{option}.patterns", patterns, _boolean(f"{option}.use_regex", given, use_regex)),
        )

    @property
    def detail(self) -> str:
        """The value as a rule shows it."""
        return (
            f"{self.count} of {', '.join(pattern.text for pattern in self.patterns)}"
            if self.patterns
            else str(self.count)
        )

    def values_of(self, reference: Reference) -> list[tuple[tuple[str, str], ...]]:
        """The groups that a reference belongs to, each by the values of its pattern's named groups."""
        if not self.patterns:
            return [()]
        found: dict[tuple[tuple[str, str], ...], None] = {}
        for pattern in self.patterns:
            if pattern.protects(reference):
                match = pattern.search(reference.familiar) if isinstance(pattern, Regex) else None
                values = {} if match is None else match.groupdict(default="")
                found[tuple(sorted(values.items()))] = None
        return list(found)


class NamedImage(t.NamedTuple):
    """An image that stays: by a reference, or by the hex digits of an ID or a digest, or by either; and why."""

    text: str
    reason: str
    reference: Reference | None
    digits: str | None
    optional: bool = False

    @property
    def tagged(self) -> Reference | None:
        """The tag that it names, whatever digest stands beside it."""
        return None if self.reference is None else self.reference._replace(digest=None)

    @classmethod
    def parse_entry(cls, raw: t.Any) -> tuple[NamedImage, ...]:
        """Read an entry of ``keep.images``: an image, or several for one reason. Raises ``ValueError``."""
        fields = raw if isinstance(raw, dict) else {"image": raw}
        unknown = [str(key) for key in fields if key not in ("image", "reason", "optional")]
        if unknown or not fields.get("image"):
            raise ValueError(f"{raw!r} is not an image: write image, and reason if there is one")
        named = fields["image"] if isinstance(fields["image"], (list, tuple)) else [fields["image"]]
        reason, optional = str(fields.get("reason") or ""), bool(fields.get("optional"))
        return tuple(cls.parse(str(name).strip(), reason, optional) for name in named)

    @classmethod
    def parse(cls, text: str, reason: str = "", optional: bool = False) -> NamedImage:
        """Read what names an image. Raises ``ValueError``."""
        digits = id_prefix(text)
        reference = None
        if not is_image_id(text) and not (digits is not None and (len(digits) == 64 or text.startswith("sha256:"))):
            reference = Reference.parse(text)
            if reference.digest is not None:
                digits = reference.digest.partition(":")[2]
        return cls(text, reason, reference, digits, optional)


@dataclasses.dataclass(frozen=True)
class Keep:
    """The rules that keep: each of them wins over every selector."""

    newest: tuple[Newest, ...] = ()
    younger_than: Moment | None = None
    age_by: str = CREATED
    patterns: tuple[Pattern, ...] = ()
    labels: tuple[LabelMatch, ...] = ()
    digests: bool = False
    images: tuple[NamedImage, ...] = ()
    compose_files: tuple[str, ...] = ()
    unknown_age: bool = True
    unrecoverable: str = NEVER

    @classmethod
    def parse(
        cls, raw: Mapping[str, t.Any] | None, use_regex: bool = False, now: float | None = None, compares: bool = False
    ) -> Keep:
        """Read the option. What would keep nothing by mistake is an error.

        ``now`` finds times in the future. ``compares`` is whether ``remove`` compares ages, which ``unknown_age`` limits.
        """
        if raw is None:
            return cls()
        options = [field.name for field in dataclasses.fields(cls)]
        given = limits.given("keep", raw, (*options, "newest_by", "use_regex"))
        use_regex = bool(given.get("use_regex", use_regex))
        _refuse_empty_lists("keep", given, ("patterns", "labels", "compose_files"), "keeps")
        for option, needed in (("newest_by", "newest"), ("age_by", "younger_than")):
            if option in given:
                limits.choice(f"keep.{option}", given[option], NEWEST_BY if option == "newest_by" else AGE_BY)
                if needed not in given:
                    raise InvalidRequest(f"keep.{option}: needs keep.{needed}, and keeps nothing alone")
        keep = cls(
            newest=Newest.parse(given.get("newest"), given.get("newest_by"), use_regex),
            younger_than=_age_limit(given.get("younger_than"), now),
            age_by=given.get("age_by", CREATED),
            patterns=_keep_patterns("keep.patterns", given.get("patterns", ()), use_regex),
            labels=_labels("keep.labels", given.get("labels", ())),
            digests=bool(given.get("digests")),
            images=tuple(
                chain.from_iterable(parse_all("keep.images", NamedImage.parse_entry, given.get("images", ())))
            ),
            compose_files=_paths("keep.compose_files", given.get("compose_files", ())),
            unknown_age=bool(given.get("unknown_age", True)),
            unrecoverable=limits.choice("keep.unrecoverable", given.get("unrecoverable", NEVER), UNRECOVERABLE),
        )
        # A list of images is made by other hosts, and may be empty.
        limits_age = compares and "unknown_age" in given
        if dataclasses.replace(keep, unknown_age=True) == cls() and "images" not in given and not limits_age:
            raise InvalidRequest("keep: nothing is kept; leave the option out if that is meant")
        return keep


@dataclasses.dataclass(frozen=True)
class Target:
    """How much is to be removed: no more than these limits ask for, in this order."""

    total_size: Size | None = None
    disk_used_above: float | None = None
    disk_used_below: float | None = None
    disk_free_below: Size | None = None
    disk_free_above: Size | None = None
    disk_path: str | None = None
    images_per_run: int | None = None
    order: str = OLDEST

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None) -> Target | None:
        """Read the option; ``None`` when it was not given."""
        if raw is None:
            return None
        given = limits.given("target", raw, [field.name for field in dataclasses.fields(cls)])
        used = limits.DiskUse.parse("target", given)
        least, enough = (_size_of(given, f"disk_free_{side}") for side in ("below", "above"))
        least, enough = (enough if least is None else least), (least if enough is None else enough)
        if least is not None and enough is not None and _is_less(enough, least):
            raise InvalidRequest(
                f"target.disk_free_above: {enough.text} is less than disk_free_below: {least.text},"
                " so that it would never be the limit"
            )
        target = cls(
            total_size=_size_of(given, "total_size"),
            disk_used_above=None if used is None else used.above,
            disk_used_below=None if used is None else used.below,
            disk_free_below=least,
            disk_free_above=enough,
            disk_path=given.get("disk_path"),
            images_per_run=_at_least_one(given, "images_per_run"),
            order=limits.choice("target.order", given.get("order", OLDEST), ORDERS),
        )
        if not target.limits_bytes and target.images_per_run is None:
            raise InvalidRequest(
                "target: nothing to reach: give at least one of total_size, disk_used_above, disk_used_below,"
                " disk_free_below, disk_free_above and images_per_run"
            )
        if target.disk_path is not None and not target.minds_disk:
            raise InvalidRequest(
                "target.disk_path: no limit asks for a file system: give one of disk_used_above, disk_free_below,"
                " or a percentage for total_size"
            )
        return target

    @property
    def minds_disk(self) -> bool:
        """Whether it has a limit for which a file system is measured."""
        by_share = self.total_size is not None and self.total_size.percent is not None
        return self.disk_used_above is not None or self.disk_free_below is not None or by_share

    @property
    def limits_bytes(self) -> bool:
        """Whether it asks for bytes at all."""
        return self.total_size is not None or self.minds_disk


@dataclasses.dataclass(frozen=True)
class Guard:
    """When a plan is so large that it must be a mistake."""

    max_images: int | None = None
    max_percent: float | None = None
    min_per_repository: int | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, t.Any] | None) -> Guard:
        """Read the option."""
        given = limits.given("guard", raw, [field.name for field in dataclasses.fields(cls)])
        most, percent, least = (given.get(key) for key in ("max_images", "max_percent", "min_per_repository"))
        return cls(
            max_images=None if most is None else limits.whole("guard.max_images", most),
            max_percent=None if percent is None else limits.percent("guard.max_percent", percent),
            min_per_repository=None if least is None else limits.whole("guard.min_per_repository", least),
        )


@dataclasses.dataclass(frozen=True)
class Policy:
    """A parsed task of C(image_prune_policy). ``composed`` is what the files of C(keep.compose_files) name, once they are read."""

    remove: Remove
    keep: Keep = Keep()
    target: Target | None = None
    guard: Guard = Guard()
    composed: tuple[Mention, ...] = ()

    @classmethod
    def parse(cls, params: Mapping[str, t.Any], now: float | None = None) -> Policy:
        """Read module parameters. Raises :class:`InvalidRequest` with the option's path and the input quoted."""
        use_regex = bool(params.get("use_regex"))
        remove = Remove.parse(params.get("remove"), use_regex)
        return cls(
            remove,
            Keep.parse(params.get("keep"), use_regex, now, bool(remove.anchors)),
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

    def must_know_uses_since(self, now: float) -> float:
        """The earliest use that can decide: what is younger than the limit is kept, and an order by use goes back a day at least."""
        limit = self.keep.younger_than if self.keep.age_by == USED else None
        return now - _DAY if limit is None else limit.at(now)

    @property
    def needs_tag_times(self) -> bool:
        """Whether it asks when images were last tagged, which only an inspection of each tells."""
        by_rank = any(newest.by == TAGGED for newest in self.keep.newest)
        by_age = self.keep.younger_than is not None and self.keep.age_by == TAGGED
        return by_rank or by_age or self.needs_use

    @property
    def needs_registries(self) -> bool:
        """Whether registries are to be asked for what they hold."""
        return self.keep.unrecoverable == VERIFY


def _refuse_empty_lists(parent: str, given: Mapping[str, t.Any], options: Iterable[str], verb: str) -> None:
    for option in options:
        if option in given and not given[option]:
            raise InvalidRequest(
                f"{parent}.{option}: an empty list {verb} nothing; leave the option out if that is meant"
            )


def _keep_patterns(option: str, values: Iterable[t.Any], use_regex: bool) -> tuple[Pattern, ...]:
    """A pattern that cannot match any reference would switch the rule off, so it is an error."""
    texts = [str(value) for value in values]
    for text in texts:
        if not text.strip():
            raise InvalidRequest(f"{option}: the empty pattern {text!r} keeps nothing")
        if not use_regex and text.split() != [text]:
            raise InvalidRequest(f"{option}: {text!r} contains white space, which no reference does")
    return parse_patterns(option, texts, use_regex)


def _labels(option: str, values: Iterable[t.Any]) -> tuple[LabelMatch, ...]:
    return tuple(parse_all(option, LabelMatch.parse, [str(value) for value in values]))


def _paths(option: str, values: Iterable[t.Any]) -> tuple[str, ...]:
    """Each path once. A relative one would begin wherever Ansible happens to run the module."""
    paths: dict[str, None] = {}
    for value in values:
        text = str(value)
        if not posixpath.isabs(text) or "\x00" in text:
            raise InvalidRequest(f"{option}: {text!r} is not an absolute path")
        paths[text] = None
    return tuple(paths)


def _age_limit(value: t.Any, now: float | None) -> Moment | None:
    """A limit that no image can be younger than would switch the rule off, so it is an error."""
    if value is None:
        return None
    moment = parse_all("keep.younger_than", Moment.parse, [str(value)])[0]
    if moment.seconds_ago is not None and not moment.seconds_ago:
        raise InvalidRequest(f"keep.younger_than: {moment.text} keeps nothing: no image is younger")
    if now is not None and moment.at(now) > now:
        raise InvalidRequest(f"keep.younger_than: {moment.text} is in the future and keeps nothing")
    return moment


def _newest_count(option: str, value: t.Any) -> int:
    """A count; templates make strings of numbers."""
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequest(f"{option}: {value!r} is neither a whole number of 1 or more nor a list of groups")
    if not value:
        raise InvalidRequest(f"{option}: 0 keeps nothing; leave the option out if that is meant")
    return value


def _boolean(option: str, given: Mapping[str, t.Any], default: bool) -> bool:
    value = given.get(option.rpartition(".")[2], default)
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if not isinstance(value, bool):
        if str(value).lower() not in words:
            raise InvalidRequest(f"{option}: {value!r} is not a boolean")
        value = words[str(value).lower()]
    return bool(value)


def _name(option: str, value: t.Any) -> str | None:
    if value is None:
        return None
    name = str(value).strip()
    if not name:
        raise InvalidRequest(f"{option}: an empty name names no image")
    if id_prefix(name) is None and not is_image_id(name):
        parse_all(option, Reference.parse, [name])
    return name


def _at_least_one(given: Mapping[str, t.Any], option: str) -> int | None:
    if option not in given:
        return None
    value = limits.whole(f"target.{option}", given[option])
    if not value:
        raise InvalidRequest(f"target.{option}: 0 removes nothing; leave the task out if that is meant")
    return value


def _size_of(given: Mapping[str, t.Any], option: str) -> Size | None:
    return parse_all(f"target.{option}", Size.parse, [str(given[option])])[0] if option in given else None


def _is_less(size: Size, other: Size) -> bool:
    """Whether a size is less than another in the same unit; bytes and percentages do not compare."""
    if size.percent is not None and other.percent is not None:
        return size.percent < other.percent
    return size.percent is None and other.percent is None and size.bytes < other.bytes

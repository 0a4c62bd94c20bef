# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What hosts use, brought together, and what of it another host must keep. No I/O."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

#: So many hex digits of an ID or a digest are sent: that two images share them does not happen, and would only keep one more.
_DIGITS = 16
#: The users of an image that a reason names.
_MOST_NAMED = 3
#: In place of the number of an Engine: a service may run its image on any of them.
_ANY_ENGINE = -1


class User(t.NamedTuple):
    """Who uses images: the containers of an Engine of a host, or a service that a manager knows. ``engine`` counts from 0."""

    host: str
    engine: int
    service: str = ""


@dataclasses.dataclass(frozen=True)
class Use:
    """What one host uses: the names of each image by its user. ``unknown`` is why that is not known."""

    images: tuple[tuple[User, tuple[str, ...]], ...] = ()
    unknown: str = ""
    is_unreachable: bool = False

    @classmethod
    def of(cls, host: str, engine: int, usage: Mapping[str, t.Any]) -> Use:
        """The use of an Engine, of a result of C(image_usage_info) with C(in_use) and C(services)."""
        user = User(host, engine)
        found = [(user, _names(image["id"], image["references"], image["digests"])) for image in usage["images"]]
        for service in usage.get("services") or ():
            asked = [(service["name"], service["image"]), (f"{service['name']} (rollback)", service["previous_image"])]
            found += [(User(host, _ANY_ENGINE, name), _names("", [text], ())) for name, text in asked if text]
        return cls(tuple(found))

    def dump(self) -> str:
        """As a string, which Ansible passes on as it is: a list of thousands of strings would be read again by every task."""
        return json.dumps([self.images, self.unknown, self.is_unreachable], separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Use:
        """What :meth:`dump` wrote."""
        images, unknown, is_unreachable = json.loads(text)
        return cls(tuple((User(*user), tuple(names)) for user, names in images), unknown, is_unreachable)


def together(uses: Iterable[Use]) -> Use:
    """The use of several Engines of one host: if one of them is not known, none is."""
    found = list(uses)
    unknown = [use for use in found if use.unknown]
    if unknown:
        return Use((), "; ".join(use.unknown for use in unknown), any(use.is_unreachable for use in unknown))
    return Use(tuple(image for use in found for image in use.images))


@dataclasses.dataclass(frozen=True)
class Union:
    """What the hosts that were read use. ``groups`` are the names that the same users need."""

    hosts: frozenset[str] = frozenset()
    unknown: t.Mapping[str, tuple[str, bool]] = dataclasses.field(default_factory=dict)
    groups: tuple[tuple[tuple[User, ...], tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, uses: Mapping[str, Use]) -> Union:
        """Bring together what each host uses, in linear time."""
        users: dict[str, dict[User, None]] = {}
        for use in uses.values():
            for user, names in use.images:
                for name in names:
                    users.setdefault(name, {})[user] = None
        groups: dict[tuple[User, ...], list[str]] = {}
        for name, found in users.items():
            groups.setdefault(tuple(sorted(found)), []).append(name)
        return cls(
            frozenset(uses),
            {host: (use.unknown, use.is_unreachable) for host, use in uses.items() if use.unknown},
            tuple((found, tuple(sorted(names))) for found, names in sorted(groups.items())),
        )

    def dump(self) -> str:
        """As a string; users are numbered, because each stands in many groups."""
        numbers = {
            user: number for number, user in enumerate({user: 0 for users, _names in self.groups for user in users})
        }
        groups = [([numbers[user] for user in users], names) for users, names in self.groups]
        return json.dumps([sorted(self.hosts), self.unknown, list(numbers), groups], separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Union:
        """What :meth:`dump` wrote."""
        hosts, unknown, listed, groups = json.loads(text)
        users = [User(*user) for user in listed]
        return cls(
            frozenset(hosts),
            {host: (why, lost) for host, (why, lost) in unknown.items()},
            tuple((tuple(users[number] for number in numbers), tuple(names)) for numbers, names in groups),
        )

    def joined(self, other: Union) -> Union:
        """This and what another play read; of a host that both read, the other one counts."""
        rest = [(tuple(u for u in users if u.host not in other.hosts), names) for users, names in self.groups]
        mine = [(users, names) for users, names in rest if users]
        unknown = {host: why for host, why in self.unknown.items() if host not in other.hosts}
        return Union(self.hosts | other.hosts, {**unknown, **other.unknown}, (*mine, *other.groups))

    def kept_for(self, hosts: Collection[str], own: str, engine: int) -> list[dict[str, t.Any]]:
        """What an Engine must keep of what these hosts use, as entries of C(keep.images).

        What its own containers use is not among it: the policy sees them itself, after those that this run removes.
        """
        wanted = frozenset(hosts)
        entries = []
        for users, names in self.groups:
            others = [user for user in users if user.host in wanted and (user.host, user.engine) != (own, engine)]
            if others:
                # Most of what other hosts use is not on this one.
                entries.append({"image": list(names), "reason": _reason(others, own), "optional": True})
        return entries


def unknown_hosts(union: Union, hosts: Iterable[str], is_limited: bool) -> dict[str, str]:
    """Of the hosts whose use is not known, why."""
    outside = "--limit leaves it out, or it was lost" if is_limited else "it was not read"
    reasons = {host: union.unknown[host][0] if host in union.unknown else outside for host in hosts}
    return {host: why for host, why in reasons.items() if host in union.unknown or host not in union.hosts}


def in_words(unknown: Mapping[str, str]) -> str:
    """Which hosts' use is not known, and why."""
    shown = [f"{host} ({why})" for host, why in list(unknown.items())[:_MOST_NAMED]]
    return f"what is used on {_listed(shown, len(unknown), 'host')} is not known"


def _names(image_id: str, references: Iterable[str], digests: Iterable[str]) -> tuple[str, ...]:
    """The tags of an image, and the first digits of its ID and its digests; what no reference can be is left out."""
    names: dict[str, None] = {}
    shown = [image_id, *(digest.rpartition("@")[2] for digest in digests)]
    for text in references:
        try:
            reference = Reference.parse(text)
        except ValueError:
            continue
        if reference.digest is not None:
            shown.append(reference.digest)
        if reference.tag is not None:
            names[reference._replace(digest=None).familiar] = None
    for digest in shown:
        if digest:
            names[digest.rpartition(":")[2][:_DIGITS]] = None
    return tuple(names)


def _reason(users: Iterable[User], own: str) -> str:
    hosts: dict[str, None] = {}
    services: dict[str, None] = {}
    for user in users:
        if user.service:
            services[user.service] = None
        else:
            hosts["another Engine of this host" if user.host == own else user.host] = None
    parts = [f"used on {_listed(hosts, len(hosts), 'host')}"] if hosts else []
    if services:
        noun = "service" if len(services) == 1 else "services"
        parts.append(f"needed by the {noun} {_listed(services, len(services), 'service')}")
    return " and ".join(parts)


def _listed(names: Iterable[str], number: int, noun: str) -> str:
    shown = list(names)[:_MOST_NAMED]
    more = number - len(shown)
    return ", ".join(shown) + (f" and {more} more {noun}{'' if more == 1 else 's'}" if more else "")


def with_kept(policy: Mapping[str, t.Any], entries: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """A policy that keeps these images besides."""
    keep = policy.get("keep") or {}
    return {**policy, "keep": {**keep, "images": [*(keep.get("images") or ()), *entries]}}

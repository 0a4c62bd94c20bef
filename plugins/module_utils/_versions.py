# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The order of tags that are versions: by release, and a pre-release before its release. No I/O."""

from __future__ import annotations

import re
import typing as t

_VERSION_RE = re.compile(
    r"v?(?P<release>[0-9]+(?:\.[0-9]+)*)(?:(?P<attached>(?:rc|alpha|beta|a|b)[0-9]*)(?![a-z0-9]))?(?:[-_.](?P<rest>.+))?\Z"
)
_WORD_RE = re.compile(r"(?P<word>[a-z]*)(?P<number>[0-9]*)\Z")
_DIGITS_RE = re.compile(r"[0-9]+")
#: A short or long hash of a commit, as it is or after ``git describe``'s g.
_HASH_RE = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{7,64}\Z")
_DESCRIBED_RE = re.compile(r"g[0-9a-f]{7,40}\Z")
_ALL_DIGITS_RE = re.compile(r"[0-9]{7,64}\Z")
#: Written with all its digits; ``2024.3.1`` is a version of a project that counts by years.
_FULL_DATE_RE = re.compile(r"v?(?:19|20|21)[0-9]{2}([.-]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9.])")
_YEARS = range(1990, 2200)
#: Two digits are a major version; a longer number that no other version comes near counts builds.
_LONG = 100

#: Words that mark a pre-release, in their order.
_STAGES = {
    "nightly": 0,
    "snapshot": 0,
    "canary": 0,
    "dev": 1,
    "a": 2,
    "alpha": 2,
    "ea": 3,
    "b": 4,
    "beta": 4,
    "m": 5,
    "milestone": 5,
    "pre": 6,
    "preview": 6,
    "rc": 7,
    "cr": 7,
}
#: These mean a pre-release only right behind the number or with a number of their own: ``5.0.0-M1``, ``1.0b2``.
_LETTERS = ("a", "b", "m")
_RELEASE = 8


class Version(t.NamedTuple):
    """A version as it is compared: release, stage with its number, and what follows (a variant or a revision)."""

    release: tuple[int, ...]
    stage: int
    stage_number: int
    rest: tuple[tuple[int, str], ...]


class _Kind(t.NamedTuple):
    """What stands beside other tags of a repository, and decides what a number alone means."""

    dotted: int
    by_year: bool
    has_hashes: bool


def versions_of(tags: t.Iterable[str]) -> dict[str, Version]:
    """The tags of one repository that are versions.

    A hash never is one. Beside dotted versions, a date and the number of a build are none either: ``1234567`` and
    ``20240329`` are no releases of what has ``1.4.3``. Where only dates or numbers are, they are compared.
    """
    lower = {tag: tag.lower() for tag in tags}
    parsed = {tag: parse_version(tag) for tag in lower}
    versions = {tag: version for tag, version in parsed.items() if version is not None}
    kind = _kind_of(lower.values(), versions)
    return {tag: version for tag, version in versions.items() if _is_version(lower[tag], version, kind)}


def _kind_of(lower: t.Iterable[str], versions: t.Mapping[str, Version]) -> _Kind:
    dotted = [v.release[0] for tag, v in versions.items() if _is_dotted(tag.lower())]
    return _Kind(
        dotted=max((major for major in dotted if major not in _YEARS), default=-1),
        by_year=any(major in _YEARS for major in dotted),
        has_hashes=any(_HASH_RE.match(tag) for tag in lower),
    )


def _is_dotted(tag: str) -> bool:
    match = _VERSION_RE.match(tag)
    return match is not None and "." in match.group("release") and not _FULL_DATE_RE.match(tag)


def _is_version(tag: str, version: Version, kind: _Kind) -> bool:
    if _is_dotted(tag):
        return True
    if _FULL_DATE_RE.match(tag):
        # Who counts by years may have written this one's month and day with two digits by chance.
        return kind.by_year == ("." in tag) if kind.by_year else kind.dotted < 0
    if kind.dotted >= 0 or kind.by_year:
        major = version.release[0]
        return major < _LONG or major <= 2 * kind.dotted or (kind.by_year and major in _YEARS)
    return not (kind.has_hashes and _ALL_DIGITS_RE.match(tag))


def parse_version(tag: str) -> Version | None:
    """Read a tag such as ``1.10``, ``v2.0.0-rc.1``, ``13-beta1`` or ``7.2-alpine``; ``None`` when it is no version.

    A hash is none, although it may begin with digits.

    Trailing zeros do not count: ``1.0`` and ``1`` are equal.
    """
    match = _VERSION_RE.match(tag.lower())
    if match is None or _HASH_RE.match(tag.lower()):
        return None
    release = [int(number) for number in match.group("release").split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    # A commit says nothing of the order.
    words = [word for word in re.split(r"[-_.]", match.group("rest") or "") if not _is_commit(word)]
    if match.group("attached"):
        words.insert(0, match.group("attached"))
    stage, stage_number = _stage(words, bool(match.group("attached")))
    return Version(tuple(release), stage, stage_number, _natural(words))


def _is_commit(word: str) -> bool:
    return bool(_HASH_RE.match(word) or _DESCRIBED_RE.match(word))


def _stage(words: list[str], is_attached: bool) -> tuple[int, int]:
    for position, text in enumerate(words):
        match = _WORD_RE.match(text)
        if match is None or match.group("word") not in _STAGES:
            continue
        word, number = match.group("word"), match.group("number")
        if word in _LETTERS and not number and not (is_attached and position == 0):
            continue
        following = words[position + 1] if position + 1 < len(words) else ""
        if not number and following.isdigit():
            number = following
        return _STAGES[word], int(number or 0)
    return _RELEASE, 0


def _natural(words: list[str]) -> tuple[tuple[int, str], ...]:
    """Words in an order in which numbers count as numbers: ``r9`` before ``r10``."""
    parts: list[tuple[int, str]] = []
    for word in words:
        position = 0
        for match in _DIGITS_RE.finditer(word):
            if match.start() > position:
                parts.append((-1, word[position : match.start()]))
            parts.append((int(match.group()), ""))
            position = match.end()
        if position < len(word):
            parts.append((-1, word[position:]))
    return tuple(parts)

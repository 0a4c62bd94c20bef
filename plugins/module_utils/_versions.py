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


def parse_version(tag: str) -> Version | None:
    """Read a tag such as ``1.10``, ``v2.0.0-rc.1``, ``13-beta1`` or ``7.2-alpine``; ``None`` when it is no version.

    Trailing zeros do not count: ``1.0`` and ``1`` are equal.
    """
    match = _VERSION_RE.match(tag.lower())
    if match is None:
        return None
    release = [int(number) for number in match.group("release").split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    words = re.split(r"[-_.]", match.group("rest") or "")
    if match.group("attached"):
        words.insert(0, match.group("attached"))
    stage, stage_number = _stage(words, bool(match.group("attached")))
    return Version(tuple(release), stage, stage_number, _natural(words))


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

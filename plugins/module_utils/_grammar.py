# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which strings can be an image reference or a container's name, character by character. No I/O.

So a pattern that nothing can match is found before it protects nothing: its characters are followed through all the
states that a name can be in (:func:`ansible_collections.imagewarden.docker.plugins.module_utils._patterns.Glob.parse`).
"""

from __future__ import annotations

import string
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_LOWER = string.ascii_lowercase + string.digits
_WORD = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_DIGITS = string.digits


class Grammar(t.NamedTuple):
    """A finite automaton: for each state, the characters that lead on and where to.

    ``noun`` is what it describes, as messages say it.
    """

    noun: str
    start: frozenset[str]
    accepting: frozenset[str]
    steps: Mapping[str, Mapping[str, str]]

    def leads_on(self, state: str) -> Mapping[str, str]:
        """Each character that may follow, and the state after it."""
        return self.steps.get(state, {})

    @property
    def alphabet(self) -> frozenset[str]:
        """Every character that occurs."""
        return frozenset(char for follow in self.steps.values() for char in follow)


def _steps(*rows: tuple[str, str, str]) -> dict[str, dict[str, str]]:
    steps: dict[str, dict[str, str]] = {}
    for state, chars, following in rows:
        steps.setdefault(state, {}).update((char, following) for char in chars)
    return steps


def _digest_rows() -> list[tuple[str, str, str]]:
    """``@sha256:`` and 64 hex digits, or those of SHA-384 and SHA-512."""
    rows = []
    for bits, digits in (("256", 64), ("384", 96), ("512", 128)):
        prefix = f"sha{bits}:"
        for position, char in enumerate(prefix):
            here = f"@{prefix[:position]}"
            rows.append((here, char, f"@{prefix[: position + 1]}"))
        for position in range(digits):
            here = f"@{prefix}{position or ''}"
            rows.append((here, _HEX, f"@{prefix}{position + 1}"))
    return rows


#: A familiar reference, or the name of its repository alone (``reference/regexp.go``). A host may be spelled out.
REFERENCES = Grammar(
    "image reference",
    frozenset(["part", "host part", "IPv6 host"]),
    frozenset(["in part", "in tag", "@sha256:64", "@sha384:96", "@sha512:128"]),
    _steps(
        ("part", _LOWER, "in part"),
        ("in part", _LOWER, "in part"),
        ("in part", ".", "separator"),
        ("in part", "_", "underscore"),
        ("in part", "-", "dashes"),
        ("in part", "/", "part"),
        ("in part", ":", "tag"),
        ("in part", "@", "@"),
        ("separator", _LOWER, "in part"),
        ("underscore", "_", "separator"),
        ("underscore", _LOWER, "in part"),
        ("dashes", "-", "dashes"),
        ("dashes", _LOWER, "in part"),
        ("tag", _WORD + "_", "in tag"),
        ("in tag", _WORD + "_.-", "in tag"),
        ("in tag", "@", "@"),
        ("host part", _WORD, "in host part"),
        ("in host part", _WORD, "in host part"),
        ("in host part", "-", "host dashes"),
        ("in host part", ".", "host part"),
        ("in host part", ":", "port"),
        ("in host part", "/", "part"),
        ("host dashes", "-", "host dashes"),
        ("host dashes", _WORD, "in host part"),
        ("port", _DIGITS, "in port"),
        ("in port", _DIGITS, "in port"),
        ("in port", "/", "part"),
        ("IPv6 host", "[", "in IPv6 host"),
        ("in IPv6 host", _HEX + "ABCDEF:", "in IPv6 host"),
        ("in IPv6 host", "]", "after IPv6 host"),
        ("after IPv6 host", ":", "port"),
        ("after IPv6 host", "/", "part"),
        *_digest_rows(),
    ),
)

#: ``daemon/names/names.go``; the API's own names begin with a slash.
CONTAINER_NAMES = Grammar(
    "container name",
    frozenset(["slash", "name"]),
    frozenset(["in name"]),
    _steps(("slash", "/", "name"), ("name", _WORD, "in name"), ("in name", _WORD + "_.-", "in name")),
)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Variables of Compose projects: C(.env) files, and C(${VARIABLE}) in strings. What is not known may be anything. No I/O."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

#: In a resolved string, what may be anything. Neither YAML nor an environment can contain this character.
ANYTHING = "\x00"

#: No name of an image is nearly as long, and what refers to itself many times must not grow without end.
_LONGEST = 4096
_DEEPEST = 30

_NAME_RE = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_KEY_RE = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z0-9_.\-]+)[ \t]*(?:(?P<sign>[=:])[ \t]*|(?=\n|\Z))")
_IGNORED_RE = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_QUOTED_RE = re.compile(r"""'(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'|"(?P<double>[^"\\]*(?:\\.[^"\\]*)*)\"""", re.DOTALL)
_COMMENT_RE = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPE_RE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}


class Resolved(t.NamedTuple):
    """A string in which variables are replaced, and the names of those whose value is not known."""

    text: str
    unknown: tuple[str, ...] = ()


class _Malformed(ValueError):
    """Compose itself would refuse this string."""


def interpolate(text: str, values: Mapping[str, str]) -> Resolved:
    """Replace the variables as Compose does. A value that is not known, or a string that cannot be read, is :data:`ANYTHING`."""
    if "$" not in text:
        return Resolved(text)
    unknown: dict[str, None] = {}
    try:
        found = _interpolate(text, values, unknown, 0)
    except _Malformed:
        return Resolved(ANYTHING, tuple(unknown))
    return Resolved(found, tuple(unknown))


def _interpolate(text: str, values: Mapping[str, str], unknown: dict[str, None], depth: int) -> str:
    if len(text) > _LONGEST or depth > _DEEPEST:
        raise _Malformed
    parts: list[str] = []
    position = 0
    while True:
        dollar = text.find("$", position)
        if dollar < 0:
            parts.append(text[position:])
            break
        parts.append(text[position:dollar])
        after = text[dollar + 1 : dollar + 2]
        name = _NAME_RE.match(text, dollar + 1)
        if after == "$":
            parts.append("$")
            position = dollar + 2
        elif name is not None:
            parts.append(_value(name.group(), values, unknown))
            position = name.end()
        elif after == "{":
            end = _end_of_braces(text, dollar + 2)
            parts.append(_braced(text[dollar + 2 : end], values, unknown, depth))
            position = end + 1
        else:
            raise _Malformed
    found = re.sub(f"{ANYTHING}+", ANYTHING, "".join(parts))
    if len(found) > _LONGEST:
        raise _Malformed
    return found


def _end_of_braces(text: str, start: int) -> int:
    depth, position = 1, start
    while position < len(text):
        if text.startswith("${", position):
            depth += 1
            position += 1
        elif text[position] == "}":
            depth -= 1
            if not depth:
                return position
        position += 1
    raise _Malformed


def _value(name: str, values: Mapping[str, str], unknown: dict[str, None]) -> str:
    found = values.get(name, ANYTHING)
    if ANYTHING in found:
        unknown[name] = None
    return found


def _braced(content: str, values: Mapping[str, str], unknown: dict[str, None], depth: int) -> str:
    """What stands for C(NAME), C(NAME:-default), C(NAME-default), C(NAME:?error), C(NAME?error), C(NAME:+other) or C(NAME+other)."""
    match = _NAME_RE.match(content)
    if match is None:
        raise _Malformed
    name, rest = match.group(), content[match.end() :]
    if not rest:
        return _value(name, values, unknown)
    minds_empty = rest.startswith(":")
    sign, other = (rest[1:2], rest[2:]) if minds_empty else (rest[:1], rest[1:])
    value = values.get(name)
    if sign == "-":
        if value is None or (minds_empty and not value):
            return _interpolate(other, values, unknown, depth + 1)
        return _value(name, values, unknown)
    if sign == "?":
        # Without a value, Compose would not start the project: then the environment has one.
        return _value(name, {} if minds_empty and not value else values, unknown)
    if sign != "+":
        raise _Malformed
    if value is None or value == ANYTHING:
        return _value(name, {}, unknown)
    return "" if minds_empty and not value else _interpolate(other, values, unknown, depth + 1)


def read_environment(text: str, around: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a C(.env) file, as Compose reads it; ``around`` are those that it may refer to, and that win over it.

    Raises ``ValueError`` with the number of the line, and without a word of the file, which can hold passwords.
    """
    if ANYTHING in text:
        raise ValueError("it contains a NUL character")
    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    outside = dict(around or {})
    found = dict(outside)
    position = 0
    while position < len(text):
        ignored = _IGNORED_RE.match(text, position)
        if ignored is not None:
            position = ignored.end()
            continue
        match = _KEY_RE.match(text, position)
        if match is None:
            raise ValueError(f"line {_line(text, position)} is not NAME=VALUE")
        # A name alone takes its value from the environment, which is not known here.
        value, position = _assigned(text, match.end(), found) if match.group("sign") else (ANYTHING, match.end())
        found[match.group("key")] = outside.get(match.group("key"), value)
    return found


def _assigned(text: str, start: int, values: Mapping[str, str]) -> tuple[str, int]:
    """The value that begins here, and where the next line does."""
    if not text.startswith(("'", '"'), start):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        return interpolate(_COMMENT_RE.sub("", text[start:end]).rstrip(), values).text, end
    quoted = _QUOTED_RE.match(text, start)
    if quoted is None:
        raise ValueError(f"line {_line(text, start)} begins a quoted value that does not end")
    rest = _IGNORED_RE.match(text, quoted.end())
    if rest is None:
        raise ValueError(f"line {_line(text, quoted.end())} has more than a quoted value")
    single, double = quoted.group("single"), quoted.group("double")
    if single is not None:
        return single.replace("\\'", "'"), rest.end()
    return interpolate(_ESCAPE_RE.sub(_unescaped, double), values).text, rest.end()


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found.group(1), found.group(1))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1

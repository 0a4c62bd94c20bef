# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Patterns over names: globs as the Engine reads them, and regular expressions. No I/O.

The globs are those of the Engine's filter ``reference`` (Go's ``path.Match``), and beyond them a last part ``**`` is
everything below. A pattern that no name can match is refused: it would select nothing, and worse, protect nothing.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._grammar import REFERENCES
from ansible_collections.imagewarden.docker.plugins.module_utils._matching import search
from ansible_collections.imagewarden.docker.plugins.module_utils._options import parse_all
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    DEFAULT_DOMAIN,
    LEGACY_DEFAULT_DOMAIN,
    OFFICIAL_PREFIX,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._grammar import Grammar
    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

_COMMAS = "Ansible cuts a string at its commas where a list is expected: write a YAML list"


class Glob(t.NamedTuple):
    """A glob, with the string that an operator wrote."""

    text: str
    regex: t.Pattern[str]

    @classmethod
    def parse(cls, text: str, grammar: Grammar | None = REFERENCES) -> Glob:
        """Raises ``ValueError`` when it is malformed, or when no name of the grammar can match it."""
        parts, goes_below = _parse_glob(text)
        if grammar is not None and not _is_possible(parts, goes_below, grammar):
            raise ValueError(f"{text!r} can match no {grammar.noun}{_hint(text, grammar)}")
        return cls(text, re.compile(_glob_regex(parts, goes_below) + r"\Z", re.DOTALL))

    def finds(self, name: str) -> bool:
        """Whether a plain name, such as a container's, matches."""
        return self.regex.match(name) is not None

    def matches(self, reference: Reference) -> bool:
        """Whether this selects the reference: by its familiar form, or by its familiar name alone."""
        return self._matches(reference.familiar_name, reference)

    def protects(self, reference: Reference) -> bool:
        """Like :meth:`matches`, but a rule that keeps must not miss for a spelling of the default registry."""
        return any(self._matches(name, reference) for name in _spellings(self.text, reference))

    def _matches(self, name: str, reference: Reference) -> bool:
        # Hosts have tens of thousands of references: the name is put together once for both comparisons.
        match = self.regex.match
        return match(name + reference.suffix) is not None or match(name) is not None


class Regex(t.NamedTuple):
    """A Python regular expression, with the string that an operator wrote, and the option for messages."""

    text: str
    regex: t.Pattern[str]
    option: str = ""

    @classmethod
    def parse(cls, text: str, grammar: Grammar | None = REFERENCES) -> Regex:
        """Raises ``ValueError`` when it is malformed, or asks for a character that no name of the grammar has."""
        if not text:
            raise ValueError("an empty regular expression would match every image")
        try:
            regex = re.compile(text)
        except (re.error, OverflowError, RecursionError) as exc:
            raise ValueError(f"{text!r} is not a valid regular expression: {exc}{_regex_hint(text)}") from exc
        if grammar is not None and not regex.flags & re.VERBOSE and _asks_for_the_impossible(text, grammar):
            raise ValueError(f"{text!r} can match no {grammar.noun}{_impossible_regex_hint(text)}")
        return cls(text, regex)

    def finds(self, name: str) -> bool:
        """Whether it is found in a plain name, such as a container's."""
        return self.search(name) is not None

    def search(self, name: str) -> t.Match[str] | None:
        """Where it is found. Raises ``InvalidRequest`` when that takes too long."""
        return search(self.regex, name, self.option)

    def matches(self, reference: Reference) -> bool:
        """Whether this selects the reference: it is searched in the familiar form."""
        found = self.search(reference.familiar)
        # A digest's digits are no name: what matches nothing but some of them was not meant.
        return found is not None and (reference.digest is None or found.start() < reference.end_of_words)

    def protects(self, reference: Reference) -> bool:
        """Like :meth:`matches`, but a rule that keeps must not miss for a spelling: a digest's digits count too."""
        return any(self.search(name + reference.suffix) for name in _spellings(self.text, reference))


Pattern = t.Union[Glob, Regex]


def parse_patterns(
    option: str, values: Iterable[t.Any], use_regex: bool, grammar: Grammar | None = REFERENCES
) -> tuple[Pattern, ...]:
    """Compile an option's globs or regular expressions. Raises ``InvalidRequest``.

    White space around them is that of a list written with commas, and no part of any name.
    """
    texts = [str(value).strip() for value in values]
    if use_regex:
        regexes = parse_all(option, _parser(Regex.parse, grammar), texts)
        return tuple(regex._replace(option=option) for regex in regexes)
    return tuple(parse_all(option, _parser(Glob.parse, grammar), texts))


_Made = t.TypeVar("_Made")


def _parser(parse: Callable[[str, Grammar | None], _Made], grammar: Grammar | None) -> Callable[[str], _Made]:
    def parse_one(text: str) -> _Made:
        return parse(text, grammar)

    return parse_one


def first_match(patterns: Iterable[Pattern], reference: Reference) -> Pattern | None:
    """The first pattern that selects this reference."""
    for pattern in patterns:
        if pattern.matches(reference):
            return pattern
    return None


def _spellings(text: str, reference: Reference) -> list[str]:
    """The reference's name as the Engine prints it, and where the pattern spells the default registry out, like that too."""
    names = [reference.familiar_name]
    if reference.domain == DEFAULT_DOMAIN:
        written = text.replace("\\", "")
        spelled = [domain for domain in (LEGACY_DEFAULT_DOMAIN, DEFAULT_DOMAIN) if domain in written]
        names += [f"{domain}/{path}" for domain in spelled for path in (reference.path, reference.familiar_name)]
        names += [reference.path] if OFFICIAL_PREFIX in written else []
    return names


# Globs


class _Star(t.NamedTuple):
    """Any run of characters but a slash."""


class _One(t.NamedTuple):
    """One character: of these ranges, or of none of them. Without ranges and negated, any but a slash."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    @property
    def literal(self) -> str | None:
        """The only character that it takes, if there is but one."""
        low, high = self.ranges[0]
        return low if len(self.ranges) == 1 and not self.negated and low == high else None

    @property
    def regex(self) -> str:
        if self.literal is not None:
            return re.escape(self.literal)
        ranges = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in self.ranges)
        return f"[{'^' if self.negated else ''}{ranges}]"

    def takes(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) is not self.negated

    def following(self, steps: Mapping[str, str]) -> Iterable[str]:
        """The states to which the characters lead that it takes."""
        literal = self.literal
        if literal is not None:
            return [steps[literal]] if literal in steps else []
        return {after for char, after in steps.items() if self.takes(char)}


_STAR = _Star()
_ANY = _One((("/", "/"),), True)
_Part = t.Union[_Star, _One]


def _parse_glob(text: str) -> tuple[list[_Part], bool]:
    """The parts of a glob, and whether it ends in a part ``**``, which is everything below."""
    if not text:
        raise ValueError("an empty pattern matches nothing")
    goes_below = text == "**" or text.endswith("/**")
    end = len(text) - 2 if goes_below else len(text)
    parts: list[_Part] = []
    position = 0
    while position < end:
        char = text[position]
        position += 1
        if char == "*":
            # A run of stars is one star.
            parts += [] if parts and parts[-1] == _STAR else [_STAR]
        elif char == "?":
            parts.append(_ANY)
        elif char == "[":
            part, position = _parse_class(text, position)
            parts.append(part)
        else:
            if char == "\\":
                if position == len(text):
                    raise ValueError(f"{text!r} is not a valid pattern: it ends in a backslash")
                char = text[position]
                position += 1
            parts.append(_One(((char, char),)))
    return parts, goes_below


def _parse_class(text: str, position: int) -> tuple[_One, int]:
    negated = text[position : position + 1] == "^"
    if text[position : position + 1] == "!":
        # A shell negates so, and Go does not: the pattern would match just what it is meant to leave out.
        raise ValueError(f"{text!r} is not a valid pattern: write [^...] for every character but these, not [!...]")
    if negated:
        position += 1
    ranges: list[tuple[str, str]] = []
    while True:
        if text[position : position + 1] == "]" and ranges:
            return _One(tuple(ranges), negated), position + 1
        low, position = _class_char(text, position)
        high = low
        if text[position : position + 1] == "-":
            high, position = _class_char(text, position + 1)
        if high < low:
            raise ValueError(f"{text!r} is not a valid pattern: the range {low}-{high} is reversed")
        ranges.append((low, high))


def _class_char(text: str, position: int) -> tuple[str, int]:
    char = text[position : position + 1]
    if char in ("", "-", "]"):
        hint = f" ({_COMMAS})" if not char else ""
        raise ValueError(f"{text!r} is not a valid pattern: '[' opens a character class that is not complete{hint}")
    if char == "\\":
        position += 1
        char = text[position : position + 1]
        if not char:
            raise ValueError(f"{text!r} is not a valid pattern: it ends in a backslash")
    return char, position + 1


def _glob_regex(parts: Sequence[_Part], goes_below: bool) -> str:
    """Go's ``path.Match`` as a regular expression: ``*`` and ``?`` stop at ``/``, ``[^a-z]`` does not, ``\\`` quotes."""
    chunks: list[str] = [""]
    for part in parts:
        if isinstance(part, _Star):
            chunks.append("")
        else:
            chunks[-1] += part.regex
    first, *starred = chunks
    # Like Go, a star settles for the first place where the text up to the next star matches. A group in a look-ahead is
    # never tried again: without that, a pattern with many stars would take forever.
    settling = starred if goes_below else starred[:-1]
    settled = "".join(f"(?=(?P<star{i}>[^/]*?{chunk}))(?P=star{i})" for i, chunk in enumerate(settling))
    if goes_below:
        return f"{first}{settled}.+"
    return f"{first}{settled}[^/]*{starred[-1]}" if starred else first


def _is_possible(parts: Sequence[_Part], goes_below: bool, grammar: Grammar) -> bool:
    """Whether some name of the grammar can match: the parts are followed through every state that a name can be in."""
    seen = {(0, state) for state in grammar.start}
    pending = list(seen)
    while pending:
        position, state = pending.pop()
        if position == len(parts):
            # Each state leads to the end of some name, so that whatever may follow a last ** does.
            if goes_below or state in grammar.accepting:
                return True
            continue
        part = parts[position]
        if isinstance(part, _Star):
            following = [(position + 1, state)]
            following += [(position, after) for char, after in grammar.leads_on(state).items() if char != "/"]
        else:
            following = [(position + 1, after) for after in part.following(grammar.leads_on(state))]
        for pair in following:
            if pair not in seen:
                seen.add(pair)
                pending.append(pair)
    return False


_REGEX_SIGNS_RE = re.compile(r"^\^|\$$|\.\*|\.\+|\\[dwsDWS.]|\[[^\]]*\][+*]|\(")


def _hint(text: str, grammar: Grammar) -> str:
    """What was probably meant by a glob that matches nothing."""
    if "<none>" in text:
        return f": {_UNTAGGED}"
    if "://" in text:
        return ": leave out the scheme, as in registry.example.com/app:*"
    if "{" in text or "}" in text:
        return f": a glob has no braces; write one pattern for each alternative ({_COMMAS})"
    if "|" in text:
        return ": write one pattern for each alternative, or set use_regex: true"
    if _REGEX_SIGNS_RE.search(text):
        return ": it looks like a regular expression; set use_regex: true for that"
    if any(char.isspace() for char in text):
        return ": it contains white space; write each pattern as a list item of its own"
    if grammar is REFERENCES:
        name = text.partition("@")[0].rpartition("/")[2].partition(":")[0]
        if name.lower() != name:
            return ": repository names are lower case"
        if "@" in text:
            return ": a digest is sha256: and 64 lower-case hex digits; end a shorter one with *"
        if ":" in text.rpartition("/")[2].partition(":")[2]:
            return ": it has two tags"
        return ""
    return f": a {grammar.noun} has letters, digits, dots, dashes and underscores only"


_UNTAGGED = (
    "docker images prints <none> for an image without a tag; select such images by dangling: true, or by their ID"
)


# Regular expressions


def _regex_hint(text: str) -> str:
    """What was probably meant by a regular expression that is none."""
    if text.startswith(("*", "+", "?")):
        return "; it looks like a glob, and use_regex is on"
    for opening, closing in ("[]", "()", "{}"):
        if text.count(opening) != text.count(closing):
            return f"; {_COMMAS}"
    return ""


def _impossible_regex_hint(text: str) -> str:
    if "<none>" in text:
        return f": {_UNTAGGED}"
    if "://" in text:
        return ": leave out the scheme, as in ^registry.example.com/"
    if text.count("{") != text.count("}"):
        return f": {_COMMAS}"
    return ""


_QUANTIFIER_RE = re.compile(r"\{\d*,?\d*\}")


def _asks_for_the_impossible(text: str, grammar: Grammar) -> bool:
    """Whether every alternative has a character, outside of groups and classes, that no name has.

    What stands in a group is not looked at: this is to catch mistakes, and takes nothing that may match for one.
    """
    alphabet = grammar.alphabet
    alternatives = [False]
    depth, position = 0, 0
    while position < len(text):
        char, position = text[position], position + 1
        literal = ""
        if char == "\\":
            literal = text[position] if not text[position].isalnum() else ""
            position += 1
        elif char == "[":
            position = _end_of_class(text, position)
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|":
            alternatives += [] if depth else [False]
        elif char not in "^$.*+?" and not (char == "{" and _QUANTIFIER_RE.match(text, position - 1)):
            literal = char
        elif char == "{":
            position = text.index("}", position) + 1
        if not depth and literal and literal not in alphabet and not _may_be_missing(text, position):
            alternatives[-1] = True
        if not depth and text.startswith("://", position - 1) and not _may_be_missing(text, position + 2):
            alternatives[-1] = True
    return all(alternatives)


def _end_of_class(text: str, position: int) -> int:
    """Where a character class ends that begins before this position; a bracket at its beginning is one of its own."""
    position += text.startswith("^", position)
    position += text.startswith("]", position)
    while position < len(text) and text[position] != "]":
        position += 2 if text[position] == "\\" else 1
    return position + 1


def _may_be_missing(text: str, position: int) -> bool:
    """Whether a quantifier there allows for none."""
    return text.startswith(("?", "*", "{0", "{,"), position)

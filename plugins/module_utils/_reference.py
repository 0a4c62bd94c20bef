# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Image references: parsing, the familiar form, and the Engine's globs.

The grammar is that of https://github.com/distribution/reference (``regexp.go``, ``normalize.go``, ``match.go``),
which every Engine uses. No I/O.
"""

from __future__ import annotations

import re
import typing as t

_SEPARATOR = r"(?:[._]|__|[-]+)"
_COMPONENT = rf"[a-z0-9]+(?:{_SEPARATOR}[a-z0-9]+)*"
_DOMAIN_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_COMPONENT}(?:\.{_DOMAIN_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

_REFERENCE_RE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PATH})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?\Z"
)
_SHA256_RE = re.compile(r"sha256:[0-9a-f]{64}\Z")
#: The algorithms that Engines know.
_KNOWN_DIGEST_RE = re.compile(r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})\Z")
_HEX64_RE = re.compile(r"[0-9a-f]{64}\Z")
_SHORT_ID_RE = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{3,64})\Z")

_DEFAULT_DOMAIN = "docker.io"
_LEGACY_DEFAULT_DOMAIN = "index.docker.io"
_OFFICIAL_PREFIX = "library/"
_DEFAULT_TAG = "latest"
_NAME_MAX_LENGTH = 255


class Reference(t.NamedTuple):
    """A name with a tag, a digest, or both, in the full form that the Engine's stores compare."""

    domain: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference as the Engine normalizes it; without tag and digest it names the tag ``latest``.

        Raises ``ValueError`` with the input quoted.
        """
        if _HEX64_RE.match(text):
            raise ValueError(f"{text!r} is an image ID, not a reference")
        domain, remainder = _split_domain(text)
        match = _REFERENCE_RE.match(f"{domain}/{remainder}")
        if match is None or match.group("domain") != domain:
            raise ValueError(f"{text!r} is not a valid image reference{_hint(text, remainder)}")
        path, tag, digest = match.group("path"), match.group("tag"), match.group("digest")
        if len(domain) + 1 + len(path) > _NAME_MAX_LENGTH:
            raise ValueError(f"{text!r} is not a valid image reference: the name is longer than 255 characters")
        if digest is not None and not _KNOWN_DIGEST_RE.match(digest):
            raise ValueError(
                f"{text!r} is not a valid image reference: a digest is sha256: and 64 lower-case hex digits"
            )
        if tag is None and digest is None:
            tag = _DEFAULT_TAG
        return cls(domain, path, tag, digest)

    @property
    def name(self) -> str:
        """The repository in full: ``docker.io/library/redis``."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as the Engine prints it: ``redis``."""
        if self.domain != _DEFAULT_DOMAIN:
            return f"{self.domain}/{self.path}"
        if self.path.startswith(_OFFICIAL_PREFIX) and self.path.count("/") == 1:
            return self.path[len(_OFFICIAL_PREFIX) :]
        return self.path

    @property
    def full(self) -> str:
        """The whole reference in full. The Engine sorts an image's references by this string."""
        return self.name + self.suffix

    @property
    def familiar(self) -> str:
        """The whole reference as the Engine prints it."""
        return self.familiar_name + self.suffix

    @property
    def end_of_words(self) -> int:
        """Where in the familiar form the digits of a digest begin, or where it ends without one."""
        return len(self.familiar) - (len(self.digest.partition(":")[2]) if self.digest is not None else 0)

    @property
    def suffix(self) -> str:
        """What stands behind the repository: ``:alpine``, ``@sha256:…``."""
        return (f":{self.tag}" if self.tag is not None else "") + (f"@{self.digest}" if self.digest is not None else "")

    def without_tag(self) -> Reference:
        """The digest reference of a ``name:tag@digest``: the graphdriver store ignores the tag then."""
        return self._replace(tag=None)


def _split_domain(text: str) -> tuple[str, str]:
    """Tell the registry host from the rest, by the rules of the reference library's ``splitDockerDomain``."""
    first, slash, rest = text.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first)
    domain, remainder = (first, rest) if is_host else (_DEFAULT_DOMAIN, text)
    if domain == _LEGACY_DEFAULT_DOMAIN:
        domain = _DEFAULT_DOMAIN
    if domain == _DEFAULT_DOMAIN and "/" not in remainder:
        remainder = _OFFICIAL_PREFIX + remainder
    return domain, remainder


def _hint(text: str, remainder: str) -> str:
    name = remainder.partition("@")[0].partition(":")[0]
    if name.lower() != name:
        return ": repository names are lower case"
    if text != text.strip() or " " in text:
        return ": it contains white space"
    return ""


def is_image_id(text: str) -> bool:
    """Whether this is a whole image ID, with its algorithm: ``sha256:`` and 64 hex digits."""
    return _SHA256_RE.match(text) is not None


def id_prefix(text: str) -> str | None:
    """The hex digits of what can be a long or short image ID (3 to 64 digits), or ``None``."""
    match = _SHORT_ID_RE.match(text)
    return match.group("hex") if match else None


def short_id(image_id: str) -> str:
    """The 12 hex digits that the Engine prints."""
    return image_id.rpartition(":")[2][:12]


class Pattern(t.NamedTuple):
    """A compiled glob or regular expression over references, with the text that an operator wrote."""

    text: str
    regex: t.Pattern[str]
    is_glob: bool

    @classmethod
    def glob(cls, text: str) -> Pattern:
        """A glob with the semantics of the Engine's ``reference`` filter. Raises ``ValueError``."""
        return cls(text, re.compile(_translate_glob(text) + r"\Z", re.DOTALL), True)

    @classmethod
    def search(cls, text: str) -> Pattern:
        """A Python regular expression, searched in the familiar form. Raises ``ValueError``."""
        if not text:
            raise ValueError("an empty regular expression would match every image")
        try:
            return cls(text, re.compile(text), False)
        except (re.error, OverflowError, RecursionError) as exc:
            raise ValueError(f"{text!r} is not a valid regular expression: {exc}") from exc

    def matches(self, reference: Reference) -> bool:
        """Whether this selects the reference: by its familiar form, and for a glob by its familiar name too."""
        if self.is_glob:
            return self._matches_glob(reference.familiar_name, reference)
        found = self.regex.search(reference.familiar)
        # A digest's digits are no name: what matches nothing but some of them was not meant.
        return found is not None and (reference.digest is None or found.start() < reference.end_of_words)

    def protects(self, reference: Reference) -> bool:
        """Like :meth:`matches`, but a rule that keeps must not miss for a spelling.

        A digest's digits count, and a pattern that spells the default registry or ``library`` out is compared with the full
        form too.
        """
        names = [reference.familiar_name]
        if reference.domain == _DEFAULT_DOMAIN:
            written = self.text.replace("\\", "")
            spelled = [domain for domain in (_LEGACY_DEFAULT_DOMAIN, _DEFAULT_DOMAIN) if domain in written]
            names += [f"{domain}/{path}" for domain in spelled for path in (reference.path, reference.familiar_name)]
            names += [reference.path] if _OFFICIAL_PREFIX in written else []
        if self.is_glob:
            return any(self._matches_glob(name, reference) for name in names)
        return any(self.regex.search(name + reference.suffix) for name in names)

    def _matches_glob(self, name: str, reference: Reference) -> bool:
        # Hosts have tens of thousands of references: the name is put together once for both comparisons.
        match = self.regex.match
        return match(name + reference.suffix) is not None or match(name) is not None


def _translate_glob(text: str) -> str:
    """Go's ``path.Match`` as a regular expression: ``*`` and ``?`` stop at ``/``, ``[^a-z]`` does not, ``\\`` quotes."""
    if not text:
        raise ValueError("an empty pattern matches nothing")
    chunks: list[list[str]] = [[]]
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "*":
            chunks.append([])
        elif char == "?":
            chunks[-1].append("[^/]")
        elif char == "[":
            translated, position = _translate_class(text, position)
            chunks[-1].append(translated)
        elif char == "\\":
            if position == len(text):
                raise ValueError(f"{text!r} is not a valid pattern: it ends in a backslash")
            chunks[-1].append(re.escape(text[position]))
            position += 1
        else:
            chunks[-1].append(re.escape(char))
    first, *starred = ["".join(chunk) for chunk in chunks]
    # A run of stars is one star.
    starred = [chunk for chunk in starred[:-1] if chunk] + starred[-1:]
    if not starred:
        return first
    # Like Go, a star settles for the first place where the text up to the next star matches. A group in a look-ahead is
    # never tried again: without that, a pattern with many stars would take forever.
    settled = "".join(f"(?=(?P<star{i}>[^/]*?{chunk}))(?P=star{i})" for i, chunk in enumerate(starred[:-1]))
    return f"{first}{settled}[^/]*{starred[-1]}"


def _translate_class(text: str, position: int) -> tuple[str, int]:
    negated = text[position : position + 1] == "^"
    if negated:
        position += 1
    ranges: list[str] = []
    while True:
        if text[position : position + 1] == "]" and ranges:
            return f"[{'^' if negated else ''}{''.join(ranges)}]", position + 1
        low, position = _class_char(text, position)
        high = low
        if text[position : position + 1] == "-":
            high, position = _class_char(text, position + 1)
        if high < low:
            raise ValueError(f"{text!r} is not a valid pattern: the range {low}-{high} is reversed")
        ranges.append(f"{re.escape(low)}-{re.escape(high)}")


def _class_char(text: str, position: int) -> tuple[str, int]:
    char = text[position : position + 1]
    if char in ("", "-", "]"):
        raise ValueError(f"{text!r} is not a valid pattern: '[' opens a character class that is not complete")
    if char == "\\":
        position += 1
        char = text[position : position + 1]
        if not char:
            raise ValueError(f"{text!r} is not a valid pattern: it ends in a backslash")
    return char, position + 1

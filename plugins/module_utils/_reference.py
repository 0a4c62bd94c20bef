# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Image references: parsing, and the familiar form that the Engine prints. No I/O.

The grammar is that of https://github.com/distribution/reference (``regexp.go``, ``normalize.go``), which every Engine
uses.
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

DEFAULT_DOMAIN = "docker.io"
LEGACY_DEFAULT_DOMAIN = "index.docker.io"
OFFICIAL_PREFIX = "library/"
_DEFAULT_TAG = "latest"
#: Of the name with its host in Engines before 28; a name that only a newer one knows is read all the same.
_PATH_MAX_LENGTH = 255


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
        if match is None:
            raise ValueError(f"{text!r} is not a valid image reference{_hint(text, remainder)}")
        # A first part that is no host by its characters, such as my_registry.local, belongs to the path.
        domain = match.group("domain") or ""
        path, tag, digest = match.group("path"), match.group("tag"), match.group("digest")
        if len(path) > _PATH_MAX_LENGTH:
            raise ValueError(f"{text!r} is not a valid image reference: its path is longer than 255 characters")
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
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def familiar_name(self) -> str:
        """The repository as the Engine prints it: ``redis``."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        if self.path.startswith(OFFICIAL_PREFIX) and self.path.count("/") == 1:
            return self.path[len(OFFICIAL_PREFIX) :]
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
    domain, remainder = (first, rest) if is_host else (DEFAULT_DOMAIN, text)
    if domain == LEGACY_DEFAULT_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = OFFICIAL_PREFIX + remainder
    return domain, remainder


def _hint(text: str, remainder: str) -> str:
    """What was probably meant."""
    if "<none>" in text:
        return (
            ": docker images prints <none> for an image without a tag; select such images by the filter dangling: true,"
            " or name their IDs"
        )
    if "://" in text:
        return ": leave out the scheme, as in registry.example.com/app:1"
    if any(char in text for char in "*?["):
        return ": for a pattern, use the option patterns"
    if text != text.strip() or " " in text:
        return ": it contains white space"
    name = remainder.partition("@")[0].partition(":")[0]
    if name.lower() != name:
        return ": repository names are lower case"
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

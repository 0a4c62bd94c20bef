# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.
"""Where an Engine listens: C(docker_host) in every form that the Docker SDK and community.docker take. No I/O."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse

#: Where an Engine is looked for when nobody says where it is.
DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock"
_DEFAULT_SOCKET = "/var/run/docker.sock"
_SCHEME_RE = re.compile(r"(http\+unix|unix|tcp|https?|ssh|npipe|fd):(.*)\Z", re.IGNORECASE | re.DOTALL)
_EXAMPLES = "unix:///var/run/docker.sock, tcp://192.0.2.23:2376 or ssh://user@host"
#: Schemes of one machine, or with a security of their own, to which TLS means nothing.
_WITHOUT_TLS = ("unix", "ssh")


@dataclasses.dataclass(frozen=True)
class Address:
    """An Engine's address; ``url`` is its plain form, in which messages name it. ``scheme`` is C(unix), C(tcp), C(http), C(https) or C(ssh)."""

    scheme: str
    url: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises :class:`ValueError`, which quotes the input unless that has a password."""
        stripped = text.strip()
        match = _SCHEME_RE.match(stripped)
        if match is None and (not stripped or stripped.startswith("/") or "://" in stripped):
            raise ValueError(f"{text!r} is not a URL of an Engine, such as {_EXAMPLES}")
        scheme, rest = (match.group(1).lower(), match.group(2)) if match else ("tcp", f"//{stripped}")
        if scheme in ("npipe", "fd"):
            raise ValueError(
                f"{text!r} is not supported: {scheme}:// does not lead to an Engine on Linux; use {_EXAMPLES}"
            )
        if scheme in ("unix", "http+unix"):
            return cls("unix", f"unix://{_socket(text, scheme, rest)}")
        return cls(scheme, _url(text, scheme, rest))

    @property
    def is_local(self) -> bool:
        """Whether it is a socket of this machine."""
        return self.scheme == "unix"

    @property
    def path(self) -> str:
        """The socket's path, of a local one."""
        return self.url.partition("://")[2]

    @property
    def takes_tls(self) -> bool:
        """Whether the options of TLS have a meaning for it."""
        return self.scheme not in _WITHOUT_TLS


def _socket(text: str, scheme: str, rest: str) -> str:
    path = rest[2:] if rest.startswith("//") else rest
    if scheme == "http+unix":
        # Some clients write the path as a host's name, with its slashes quoted.
        path = urllib.parse.unquote(path)
    if rest == "//":
        return _DEFAULT_SOCKET
    if not path.strip("/") or any(mark in path for mark in "?#"):
        raise ValueError(f"{text!r} is not the path of a socket, such as unix:///var/run/docker.sock")
    return "/" + path.lstrip("/")


def _url(text: str, scheme: str, rest: str) -> str:
    try:
        parts = urllib.parse.urlsplit(f"{scheme}:{rest}")
        port = parts.port
    except ValueError as exc:
        raise ValueError(f"{text!r} is not a URL of an Engine: {exc}") from exc
    if parts.password is not None:
        raise ValueError("a password in the URL is not supported")
    if not rest.startswith("//") or not parts.netloc or parts.query or parts.fragment or re.search(r"\s", rest):
        raise ValueError(f"{text!r} is not a URL of an Engine, such as {_EXAMPLES}")
    if scheme == "ssh":
        if parts.path.strip("/") or not parts.hostname:
            raise ValueError(f"{text!r} is not a URL of an Engine: write ssh://user@host, or ssh://user@host:port")
        return f"ssh://{parts.netloc}"
    if not port:
        raise ValueError(
            f"{text!r} has no port: 2376 is usual with TLS, 2375 without, such as {_example(scheme, parts)}"
        )
    netloc = parts.netloc if parts.hostname else f"127.0.0.1:{port}"
    return f"{scheme}://{netloc}{parts.path.rstrip('/')}"


def _example(scheme: str, parts: urllib.parse.SplitResult) -> str:
    return f"{scheme}://{parts.hostname or '192.0.2.23'}:2376"

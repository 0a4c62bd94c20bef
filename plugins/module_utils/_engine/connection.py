# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.
"""The connection that a task asks for: its options and the environment, checked before any request."""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.address import DEFAULT_DOCKER_HOST, Address
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.context import chosen_context
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_API_VERSION_RE = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\Z")
#: Options that name files, and the files of ``DOCKER_CERT_PATH`` that are used without them, as by the Docker CLI.
_FILES = {"ca_path": "ca.pem", "client_cert": "cert.pem", "client_key": "key.pem"}
#: The flags that turn TLS on, and the variables that do.
_FLAGS = {"validate_certs": "DOCKER_TLS_VERIFY", "tls": "DOCKER_TLS"}
_HOSTNAME_VARIABLE = "DOCKER_TLS_HOSTNAME"
#: Seconds, eleven days: the most to wait for an answer. Sockets do not take much more.
LONGEST = 1_000_000


@dataclasses.dataclass(frozen=True)
class Tls:
    """How the connection is secured; ``verify`` is whether the Engine's certificate is."""

    verify: bool
    ca_path: str | None = None
    client_cert: tuple[str, str] | None = None
    hostname: str | None = None


@dataclasses.dataclass(frozen=True)
class Connection:
    """How an Engine is to be reached. ``notices`` are what an operator should know of it."""

    address: Address
    tls: Tls | None = None
    api_version: str = "auto"
    timeout: int = 60
    use_ssh_client: bool = False
    notices: tuple[str, ...] = ()

    @classmethod
    def parse(cls, params: Mapping[str, t.Any], environ: Mapping[str, str] | None = None) -> Connection:
        """Read the options. Raises :class:`InvalidRequest`, above all for certificates that would not be used."""
        environ = os.environ if environ is None else environ
        try:
            address = Address.parse(params["docker_host"])
        except ValueError as exc:
            raise InvalidRequest(f"docker_host: {exc}") from exc
        version = params["api_version"]
        if version != "auto" and not _API_VERSION_RE.match(version):
            raise InvalidRequest(f"api_version: {version!r} is neither auto nor a version such as 1.41")
        if params["timeout"] <= 0:
            raise InvalidRequest(f"timeout: {params['timeout']} is not a number of seconds of 1 or more")
        if params["timeout"] > LONGEST:
            raise InvalidRequest(f"timeout: {params['timeout']} seconds are more than {LONGEST}, which is the most")
        return cls(
            address,
            _tls(params, address, environ),
            version,
            params["timeout"],
            bool(params["use_ssh_client"]),
            (*_unused_proofs(params, environ), *_ignored_context(params, address, environ)),
        )


def _tls(params: Mapping[str, t.Any], address: Address, environ: Mapping[str, str]) -> Tls | None:
    files = {option: params[option] or _from_environment(name, environ) for option, name in _FILES.items()}
    if bool(params["client_cert"] or params["client_key"]) and not (files["client_cert"] and files["client_key"]):
        missing = "client_key" if files["client_cert"] else "client_cert"
        raise InvalidRequest(f"{missing}: it is not set, and client_cert and client_key go together")
    if not address.takes_tls:
        _refuse_unused(
            _chosen(params, environ),
            f"because {address.scheme}:// has no TLS: remove it, or set docker_host to a tcp:// address",
        )
        return None
    wanted = [option for option in _FLAGS if params[option]]
    if address.scheme == "http" and wanted:
        raise InvalidRequest(f"{wanted[0]}: http:// is never encrypted: begin docker_host with tcp:// or https://")
    if not wanted:
        hint = (
            "because without validate_certs or tls the connection has no TLS: set validate_certs to true, or remove it"
        )
        _refuse_unused([*_named_in_options(params, environ), *_named_in_environment(params, environ)], hint)
        return None
    for option, path in files.items():
        if path and not os.path.isfile(path):
            raise InvalidRequest(f"{option}: there is no file {path!r} on the managed host")
    cert, key = files["client_cert"], files["client_key"]
    if bool(cert) != bool(key):
        raise InvalidRequest("client_cert and client_key go together: DOCKER_CERT_PATH has only one of them")
    verify = bool(params["validate_certs"])
    return Tls(
        verify,
        files["ca_path"] if verify else None,
        (cert, key) if cert and key else None,
        params["tls_hostname"] or None,
    )


def _from_environment(name: str, environ: Mapping[str, str]) -> str | None:
    """A file of ``DOCKER_CERT_PATH``: a client's certificate only where there is one."""
    directory = environ.get("DOCKER_CERT_PATH")
    path = os.path.join(directory, name) if directory else None
    return path if path and (name == _FILES["ca_path"] or os.path.isfile(path)) else None


def _refuse_unused(names: list[str], why: str) -> None:
    if names:
        raise InvalidRequest(f"{names[0]}: it would not be used, {why}")


def _named_in_options(params: Mapping[str, t.Any], environ: Mapping[str, str]) -> list[str]:
    """What a task itself says of certificates."""
    named = [option for option in _FILES if params[option]]
    hostname = params["tls_hostname"]
    return [*named, "tls_hostname"] if hostname and hostname != environ.get(_HOSTNAME_VARIABLE) else named


def _named_in_environment(params: Mapping[str, t.Any], environ: Mapping[str, str]) -> list[str]:
    """What the environment says of them."""
    directory = environ.get("DOCKER_CERT_PATH")
    found = directory and any(os.path.isfile(os.path.join(directory, name)) for name in _FILES.values())
    return [*(["DOCKER_CERT_PATH"] if found else []), *([_HOSTNAME_VARIABLE] if params["tls_hostname"] else [])]


def _chosen(params: Mapping[str, t.Any], environ: Mapping[str, str]) -> list[str]:
    """What a task itself says of TLS. What the environment says is for another address, as for the Docker CLI."""
    flags = [option for option, variable in _FLAGS.items() if params[option] and not environ.get(variable)]
    return [*flags, *_named_in_options(params, environ)]


def _unused_proofs(params: Mapping[str, t.Any], environ: Mapping[str, str]) -> list[str]:
    """Who trusts the Engine without proof has no use for what would prove it."""
    if params["validate_certs"] or not params["tls"]:
        return []
    proofs = [option for option in _named_in_options(params, environ) if option in ("ca_path", "tls_hostname")]
    return [
        f"{option} is not used: tls alone does not verify the Engine's certificate. Set validate_certs to verify it"
        for option in proofs
    ]


def _ignored_context(params: Mapping[str, t.Any], address: Address, environ: Mapping[str, str]) -> list[str]:
    """A context that the Docker CLI would follow here. Only the default itself is that very object: nobody set it."""
    if params["docker_host"] is not DEFAULT_DOCKER_HOST:
        return []
    context = chosen_context(environ)
    if context is None or context.host == address.url:
        return []
    leads = f", which leads to {context.host}," if context.host else ""
    return [
        f"the context {context.name!r} of the Docker CLI (from {context.origin}){leads} is not followed:"
        f" the Engine at {address.url} is used. Set docker_host to the Engine that is meant"
    ]

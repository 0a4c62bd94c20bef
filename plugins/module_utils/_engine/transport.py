# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The way to an Engine: requests in the version of the API that was negotiated, and errors in one clear message.

Over TCP, TLS and SSH they go through the Docker SDK for Python, over a socket of this machine without it.
"""

from __future__ import annotations

import http.client
import importlib.util
import re
import types
import typing as t
import urllib.parse

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.connection import LONGEST, Connection
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.local_socket import LocalSession
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import WORKERS
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    ImageWardenError,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.local_socket import Response
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.sdk import SdkSession

#: Any version that every supported Engine answers before the negotiation.
_BEFORE_NEGOTIATION = "1.41"
#: The Engine's answer where a container is stopped already.
_NOT_MODIFIED = 304


class Transport:
    """HTTP requests to one Engine. Answers are parsed JSON; refusals raise :class:`EngineError`."""

    def __init__(self, session: LocalSession | SdkSession, connection: Connection) -> None:
        self._session = session
        self._version = _BEFORE_NEGOTIATION
        self._timeout = connection.timeout
        self.host = connection.address.url
        self.wanted_version = connection.api_version
        self.notices = connection.notices
        #: An SSH server takes ten sessions at a time (``MaxSessions``).
        self.most_connections = WORKERS if connection.address.scheme == "ssh" else 1000

    def use_version(self, version: str) -> None:
        """Send all further requests in this API version."""
        self._version = version

    def get(
        self,
        path: str,
        *args: str,
        query: Mapping[str, t.Any] | None = None,
        versioned: bool = True,
        timeout: float | None = None,
    ) -> t.Any:
        """``GET``; ``{0}`` in the path is replaced by the first of ``args``, quoted.

        Here and below, ``timeout`` is in seconds, for a request that may take longer than those of the option.
        """
        return self._request("GET", path, args, query, versioned=versioned, timeout=timeout)

    def delete(
        self, path: str, *args: str, query: Mapping[str, t.Any] | None = None, timeout: float | None = None
    ) -> t.Any:
        """``DELETE``, which takes as long as the storage driver needs."""
        return self._request("DELETE", path, args, query, timeout=timeout)

    def post(
        self,
        path: str,
        *args: str,
        query: Mapping[str, t.Any] | None = None,
        body: t.Any = None,
        timeout: float | None = None,
    ) -> t.Any:
        """``POST``; the Engine answers when it is done."""
        return self._request("POST", path, args, query, body=body, timeout=timeout)

    def ask_registry(self, name: str, timeout: float) -> t.Any:
        """``GET /distribution/NAME/json``, with the credentials that ``docker login`` left on the managed host, if any."""
        header, trouble = self._credentials(name)
        headers = {"X-Registry-Auth": header} if header else {}
        try:
            return self._request("GET", "/distribution/{0}/json", (name,), None, timeout=timeout, headers=headers)
        except EngineError as exc:
            if not trouble:
                raise
            raise EngineError(exc.status, f"{exc.explanation} (asked without credentials: {trouble})") from exc

    def _credentials(self, name: str) -> tuple[t.Any, str]:
        """The header for a registry, or none and why: a helper that is missing or fails does not stop the question.

        The SDK raises errors of several families here, older ones outside of its own. What a helper printed is not shown:
        it may hold secrets.
        """
        try:
            return _sdk().credentials(name), ""
        except Exception as exc:
            missing = re.search(r"docker-credential-[\w.-]+ not installed or not available in PATH", str(exc))
            return (
                None,
                missing.group() if missing else f"those of the managed host cannot be read ({type(exc).__name__})",
            )

    def stream(
        self,
        path: str,
        *args: str,
        query: Mapping[str, t.Any] | None = None,
        timeout: float | None = None,
        as_it_comes: bool = False,
    ) -> t.Iterator[bytes]:
        """``GET`` of a body too large to hold, in chunks; ``timeout`` in seconds for each of them.

        With ``as_it_comes`` nothing waits for a chunk to be full.
        """
        response = self._send("GET", path, args, query, stream=True, timeout=timeout)
        try:
            yield from response.iter_content(chunk_size=None if as_it_comes else 1024 * 1024)
        except (OSError, http.client.HTTPException) as exc:
            raise self._unavailable(exc, timeout or self._timeout) from exc
        finally:
            response.close()

    def _request(
        self,
        method: str,
        path: str,
        args: tuple[str, ...],
        query: Mapping[str, t.Any] | None,
        versioned: bool = True,
        body: t.Any = None,
        timeout: float | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> t.Any:
        response = self._send(
            method, path, args, query, versioned=versioned, body=body, timeout=timeout, headers=headers
        )
        if not response.content:
            if method == "GET":
                # An Engine says so much as null. The answer was cut off in its head, and is no empty listing.
                raise EngineUnavailable(f"{self.host} does not answer as a Docker Engine does: its answer is empty")
            return None
        try:
            return response.json()
        except ValueError as exc:
            raise EngineUnavailable(
                f"{self.host} does not answer as a Docker Engine does: {_excerpt(response)}"
            ) from exc

    def _send(
        self,
        method: str,
        path: str,
        args: tuple[str, ...],
        query: Mapping[str, t.Any] | None,
        versioned: bool = True,
        stream: bool = False,
        body: t.Any = None,
        timeout: float | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> Response | requests.Response:
        limit = min(timeout or self._timeout, LONGEST)
        try:
            target = path.format(*(urllib.parse.quote(arg, safe="/:") for arg in args))
            response = self._session.send(
                method,
                f"/v{self._version}{target}" if versioned else target,
                query,
                headers,
                body,
                (self._timeout, limit),
                stream,
            )
        except Exception as exc:
            # Beside those of requests and the SDK, a TypeError of an SDK that does not know its urllib3 (docker-py#3113).
            raise self._unavailable(exc, limit) from exc
        if response.status_code == 400 and "HTTP request to an HTTPS server" in response.text:
            raise EngineUnavailable(
                f"{self.host} speaks only TLS: set validate_certs, or tls to trust it without verification"
            )
        if not (200 <= response.status_code < 300 or response.status_code == _NOT_MODIFIED):
            # Others of the 3xx are a proxy's, which did not ask the Engine.
            raise EngineError(response.status_code, _explanation(response), f"{method} {path.format(*args)}")
        return response

    def _unavailable(self, exc: Exception, limit: float) -> EngineUnavailable:
        return EngineUnavailable(_connection_message(self.host, limit, exc, own_limit=limit != self._timeout))


def connect(params: Mapping[str, t.Any]) -> Transport:
    """Open the way to the Engine that the module parameters name.

    Raises :class:`InvalidRequest` for options that cannot be, :class:`SdkMissing`, and :class:`EngineUnavailable`.
    """
    connection = Connection.parse(params)
    if not connection.address.is_local or importlib.util.find_spec("docker") is None:
        _sdk().check()
    try:
        session = _session(connection)
    except ImageWardenError:
        raise
    except Exception as exc:
        # Connecting over SSH happens here, and paramiko's errors have no common base with those of the SDK.
        raise EngineUnavailable(_connection_message(connection.address.url, connection.timeout, exc)) from exc
    return Transport(session, connection)


def connect_locally(connection: Connection) -> Transport:
    """The way to an Engine of this machine, for a program that does without the SDK and without Ansible."""
    return Transport(LocalSession(connection.address.path), connection)


def _session(connection: Connection) -> LocalSession | SdkSession:
    if connection.address.is_local:
        return LocalSession(connection.address.path)
    return t.cast("SdkSession", _sdk().SdkSession(connection))


def _sdk() -> types.ModuleType:
    """The SDK's file, which takes longer to import than most tasks take: a local socket needs it for credentials only."""
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine import sdk

    return sdk


def _explanation(response: Response | requests.Response) -> str:
    try:
        return str(response.json()["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return _excerpt(response)


def _excerpt(response: Response | requests.Response) -> str:
    return response.text.strip()[:200] or response.reason


def _connection_message(host: str, seconds: float, exc: Exception, own_limit: bool = False) -> str:
    """What went wrong on the way to the Engine, with the remedy."""
    text, cause = str(exc), _innermost(exc)
    if "unexpected keyword argument 'chunked'" in text or ("http+docker" in text and "scheme" in text):
        return str(_sdk().broken_pair("chunked" in text))
    if "Permission denied" in text or isinstance(exc, PermissionError):
        return (
            f"no permission to connect to {host}: run the task with become: true,"
            " or put the user into the group that owns the socket (docker)"
        )
    if "No such file or directory" in text or isinstance(exc, FileNotFoundError):
        return f"there is no Engine at {host}: is it running, and is docker_host right?"
    if "timed out" in text:
        remedy = "see why the Engine is slow" if own_limit else "raise timeout, or see why the Engine is slow"
        return f"{host} did not answer within {_seconds(seconds)}: {remedy}"
    if "certificate" in text.lower() or "ssl" in text.lower():
        options = "validate_certs, ca_path, client_cert, client_key and tls_hostname"
        return f"no trusted connection to {host}: check {options} ({cause})"
    if "Connection refused" in text:
        return f"nothing listens at {host}: is the Engine running, and is docker_host right?"
    if any(words in text for words in _UNRESOLVED):
        return f"the name in {host} cannot be resolved: is docker_host right?"
    return f"cannot connect to {host}: {cause}"


#: What resolvers, and urllib3 for them, say of a name that they do not know.
_UNRESOLVED = (
    "Failed to resolve",
    "Name or service not known",
    "Temporary failure in name resolution",
    "No address associated",
)


def _seconds(number: float) -> str:
    return f"{number:g} second" if number == 1 else f"{number:g} seconds"


def _innermost(exc: BaseException) -> str:
    """The words of the error at the bottom: requests and urllib3 wrap it several times."""
    for inner in (getattr(exc, "reason", None), *exc.args):
        if isinstance(inner, BaseException):
            return _innermost(inner)
    return str(exc) or type(exc).__name__

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The way to an Engine: connection options, and HTTP through the Docker SDK for Python's low-level client.

The SDK gives the sockets, TLS and SSH; requests that it has no call for go through its session. Its own choice of a CLI
context is never used: the base URL is always explicit.
"""

from __future__ import annotations

import os
import re
import traceback
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import WORKERS
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    ImageWardenError,
    InvalidRequest,
)

try:
    import docker
    import docker.auth
    import docker.errors
    import docker.tls
    import requests
    import requests.adapters
    import requests.exceptions
except ImportError:
    SDK_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    SDK_IMPORT_ERROR = None

if t.TYPE_CHECKING:
    from collections.abc import Mapping

#: The name of the distributions' package, and of the one on Python's index.
SDK_PACKAGE = "the distribution's package python3-docker, or docker from the Python package index"
_OLDEST_SDK = (5, 0, 3)
_HOST_RE = re.compile(r"(?:unix|npipe|tcp|https?|ssh)://.+\Z")
#: Any version that every supported Engine answers before the negotiation; the SDK insists on one.
_BEFORE_NEGOTIATION = "1.41"
_API_VERSION_RE = re.compile(r"[0-9]+\.[0-9]+\Z")


class SdkMissing(ImageWardenError):
    """The Docker SDK for Python is not installed on the managed host."""


class Transport:
    """HTTP requests to one Engine. Answers are parsed JSON; refusals raise :class:`EngineError`."""

    def __init__(self, client: t.Any, host: str, timeout: int, wanted_version: str) -> None:
        self._client = client
        self._host = host
        self._timeout = timeout
        self.wanted_version = wanted_version
        #: An SSH server takes ten sessions at a time (``MaxSessions``).
        self.most_connections = WORKERS if host.startswith("ssh://") else 1000

    def use_version(self, version: str) -> None:
        """Send all further requests in this API version."""
        self._client._version = version  # pylint: disable=protected-access

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
        """``GET /distribution/NAME/json``, with the credentials that ``docker login`` left on the managed host."""
        try:
            registry, _rest = docker.auth.resolve_repository_name(name)
            header = docker.auth.get_config_header(self._client, registry)
        except docker.errors.DockerException as exc:
            raise EngineUnavailable(f"no credentials to be had for {name}: {exc}") from exc
        headers = {"X-Registry-Auth": header} if header else {}
        return self._request("GET", "/distribution/{0}/json", (name,), None, timeout=timeout, headers=headers)

    def stream(
        self, path: str, *args: str, query: Mapping[str, t.Any] | None = None, timeout: float | None = None
    ) -> t.Iterator[bytes]:
        """``GET`` of a body too large to hold, in chunks; ``timeout`` in seconds for each of them."""
        response = self._send("GET", path, args, query, stream=True, timeout=timeout)
        try:
            yield from response.iter_content(chunk_size=1024 * 1024)
        except requests.exceptions.RequestException as exc:
            raise self._unavailable(exc) from exc
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
            return None
        try:
            return response.json()
        except ValueError as exc:
            raise EngineUnavailable(
                f"{self._host} does not answer as a Docker Engine does: {_excerpt(response)}"
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
    ) -> requests.Response:
        try:
            url = self._client._url(path, *args, versioned_api=versioned)  # pylint: disable=protected-access
            response = self._client.request(
                method,
                url,
                params=query,
                stream=stream,
                json=body,
                timeout=timeout or self._timeout,
                headers=headers,
                # Said for each request, or REQUESTS_CA_BUNDLE of the environment would take ca_path's place.
                verify=self._client.verify,
            )
        except (requests.exceptions.RequestException, docker.errors.DockerException, OSError) as exc:
            raise self._unavailable(exc) from exc
        if response.status_code == 400 and "HTTP request to an HTTPS server" in response.text:
            raise EngineUnavailable(
                f"{self._host} speaks only TLS: set validate_certs, or tls to trust it without proof"
            )
        if response.status_code >= 400:
            raise EngineError(response.status_code, _explanation(response), f"{method} {path.format(*args)}")
        return t.cast("requests.Response", response)

    def _unavailable(self, exc: Exception) -> EngineUnavailable:
        return EngineUnavailable(_connection_message(self._host, self._timeout, exc))


def connect(params: Mapping[str, t.Any]) -> Transport:
    """Open the way to the Engine that the module parameters name.

    Raises :class:`InvalidRequest` for options that cannot be, :class:`SdkMissing`, and :class:`EngineUnavailable`.
    """
    host = params["docker_host"]
    if not _HOST_RE.match(host):
        raise InvalidRequest(
            f"docker_host: {host!r} is not a URL of an Engine, such as unix:///var/run/docker.sock,"
            " tcp://192.0.2.23:2376 or ssh://user@host"
        )
    version = params["api_version"]
    if version != "auto" and not _API_VERSION_RE.match(version):
        raise InvalidRequest(f"api_version: {version!r} is neither auto nor a version such as 1.41")
    if params["timeout"] <= 0:
        raise InvalidRequest(f"timeout: {params['timeout']} is not a number of seconds of 1 or more")
    if SDK_IMPORT_ERROR is not None:
        raise SdkMissing("the Docker SDK for Python is missing")
    _check_sdk()
    tls = _tls(params)
    options: dict[str, t.Any] = {"tls": tls} if tls is not None else {}
    if params["use_ssh_client"]:
        options["use_ssh_client"] = True
    base_url = re.sub(r"^tcp://", "https://", host) if tls is not None else host
    try:
        client = docker.APIClient(base_url=base_url, version=_BEFORE_NEGOTIATION, timeout=params["timeout"], **options)
        if tls is not None and params["tls_hostname"]:
            client.mount("https://", _NamedHostAdapter(params["tls_hostname"]))
    except Exception as exc:
        # Connecting over SSH happens here, and paramiko's errors have no common base with those of the SDK.
        raise EngineUnavailable(_connection_message(host, params["timeout"], exc)) from exc
    return Transport(client, host, params["timeout"], version)


def _check_sdk() -> None:
    digits = [re.match(r"[0-9]*", part) for part in docker.__version__.split(".")[:3]]
    version = tuple(int(match.group() or 0) for match in digits if match)
    if version < _OLDEST_SDK:
        raise SdkMissing(f"the Docker SDK for Python is {docker.__version__}, and 5.0.3 or newer is needed")


def _tls(params: Mapping[str, t.Any]) -> docker.tls.TLSConfig | None:
    if not params["validate_certs"] and not params["tls"]:
        return None
    paths = {key: params[key] or _from_cert_path(name) for key, name in _CERT_FILES.items()}
    for key, path in paths.items():
        if path and not os.path.isfile(path):
            raise InvalidRequest(f"{key}: there is no file {path!r} on the managed host")
    if bool(paths["client_cert"]) != bool(paths["client_key"]):
        raise InvalidRequest("client_cert and client_key go together: only one of them is set")
    options: dict[str, t.Any] = {"verify": bool(params["validate_certs"])}
    if paths["client_cert"]:
        options["client_cert"] = (paths["client_cert"], paths["client_key"])
    if params["validate_certs"] and paths["ca_path"]:
        options["ca_cert"] = paths["ca_path"]
    try:
        return docker.tls.TLSConfig(**options)
    except docker.errors.TLSParameterError as exc:
        raise InvalidRequest(f"the TLS options cannot be used: {exc}") from exc


_CERT_FILES = {"ca_path": "ca.pem", "client_cert": "cert.pem", "client_key": "key.pem"}


def _from_cert_path(name: str) -> str | None:
    """A file of ``DOCKER_CERT_PATH``, as the Docker CLI takes it: a client's certificate only where there is one."""
    folder = os.environ.get("DOCKER_CERT_PATH")
    path = os.path.join(folder, name) if folder else None
    return path if path and (name == _CERT_FILES["ca_path"] or os.path.isfile(path)) else None


if SDK_IMPORT_ERROR is None:

    class _NamedHostAdapter(requests.adapters.HTTPAdapter):
        """Expects another name in the Engine's certificate than that of the URL. The SDK dropped this with 7.0.0."""

        def __init__(self, hostname: str) -> None:
            self._hostname = hostname
            super().__init__()

        def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
            return super().init_poolmanager(*args, assert_hostname=self._hostname, **kwargs)


def _explanation(response: requests.Response) -> str:
    try:
        return str(response.json()["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return _excerpt(response)


def _excerpt(response: requests.Response) -> str:
    return response.text.strip()[:200] or response.reason


def _connection_message(host: str, timeout: int, exc: Exception) -> str:
    """What went wrong on the way to the Engine, with the remedy."""
    text, cause = str(exc), _innermost(exc)
    if "Not supported URL scheme http+docker" in text or ("http+docker" in text and "scheme" in text):
        return (
            f"the Docker SDK for Python {docker.__version__} does not work with requests {requests.__version__}:"
            " install docker 7.1.0 or newer, or a requests older than 2.32, on the managed host"
        )
    if "Permission denied" in text or isinstance(exc, PermissionError):
        return (
            f"no permission to connect to {host}: run the task with become: true,"
            " or put the user into the group that owns the socket (docker)"
        )
    if "No such file or directory" in text or isinstance(exc, FileNotFoundError):
        return f"there is no Engine at {host}: is it running, and is docker_host right?"
    if "timed out" in text:
        return f"{host} did not answer within {timeout} seconds: raise timeout, or see why the Engine is slow"
    if "certificate" in text.lower() or "ssl" in text.lower():
        options = "validate_certs, ca_path, client_cert, client_key and tls_hostname"
        return f"no trusted connection to {host}: check {options} ({cause})"
    if "Connection refused" in text:
        return f"nothing listens at {host}: is the Engine running, and is docker_host right?"
    return f"cannot connect to {host}: {cause}"


def _innermost(exc: BaseException) -> str:
    """The words of the error at the bottom: requests and urllib3 wrap it several times."""
    for inner in (getattr(exc, "reason", None), *exc.args):
        if isinstance(inner, BaseException):
            return _innermost(inner)
    return str(exc) or type(exc).__name__

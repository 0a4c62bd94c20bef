# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The Docker SDK for Python's low-level client: its sockets, TLS and SSH, and the credentials of ``docker login``.

Its own choice of a CLI context is never used: the base URL is always explicit.
"""

from __future__ import annotations

import re
import traceback
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest, SdkMissing

try:
    import docker
    import docker.auth
    import docker.errors
    import docker.tls
    import requests
    import requests.adapters
    import urllib3
except (ImportError, AttributeError):
    # An SDK of another time than its companions can fail on a name that these lost.
    SDK_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    SDK_IMPORT_ERROR = None

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.connection import Connection, Tls

_OLDEST_SDK = (5, 0, 3)
#: The SDK insists on a version; requests here carry their own.
_ANY_VERSION = "1.41"
#: Connections that are kept open, for as many threads; more would be opened for each request anew.
_CONNECTIONS = 32


class SdkSession:
    """Requests through the SDK. Several threads may send at once."""

    def __init__(self, connection: Connection) -> None:
        """Raises :class:`InvalidRequest` for TLS options that cannot be used, and whatever the SDK and paramiko raise."""
        options: dict[str, t.Any] = {"use_ssh_client": True} if connection.use_ssh_client else {}
        base_url, tls = connection.address.url, connection.tls
        if tls is not None:
            options["tls"] = _tls_config(tls)
            base_url = re.sub(r"^tcp://", "https://", base_url)
        self._client = docker.APIClient(
            base_url=base_url,
            version=_ANY_VERSION,
            timeout=connection.timeout,
            max_pool_size=_CONNECTIONS,
            **options,
        )
        if tls is not None and tls.hostname:
            self._client.mount("https://", _NamedHostAdapter(tls.hostname))

    def send(
        self,
        method: str,
        target: str,
        query: Mapping[str, t.Any] | None,
        headers: Mapping[str, str | bytes] | None,
        body: t.Any,
        timeouts: tuple[float, float],
        stream: bool,
    ) -> requests.Response:
        """The answer to a request. ``timeouts`` are seconds to connect, and for each read."""
        return self._client.request(
            method,
            self._client.base_url + target,
            params=query,
            stream=stream,
            json=body,
            timeout=timeouts,
            headers=headers,
            # An Engine sends none, and what a proxy names instead is not the Engine that the task names.
            allow_redirects=False,
            # Said for each request, or REQUESTS_CA_BUNDLE of the environment would take ca_path's place.
            verify=self._client.verify,
        )


def check() -> None:
    """Raises :class:`SdkMissing` unless there is an SDK, new enough."""
    if SDK_IMPORT_ERROR is not None:
        reason = _last_line(SDK_IMPORT_ERROR)
        raise SdkMissing(f"the Docker SDK for Python is missing ({reason})", SDK_IMPORT_ERROR)
    digits = [re.match(r"[0-9]*", part) for part in docker.__version__.split(".")[:3]]
    version = tuple(int(match.group() or 0) for match in digits if match)
    if version < _OLDEST_SDK:
        raise SdkMissing(f"the Docker SDK for Python is {docker.__version__}, and 5.0.3 or newer is needed")


def broken_pair(by_urllib3: bool) -> str:
    """What to install where an SDK does not know its companions."""
    if by_urllib3:
        return (
            f"the Docker SDK for Python {docker.__version__} does not work with urllib3 {vars(urllib3)['__version__']}:"
            " install docker 7.1.0 or newer, or a urllib3 older than 2, on the managed host"
        )
    return (
        f"the Docker SDK for Python {docker.__version__} does not work with requests {requests.__version__}:"
        " install docker 7.1.0 or newer, or a requests older than 2.32, on the managed host"
    )


def credentials(name: str) -> t.Any:
    """The header for the registry of an image, as C(docker login) left it on the managed host, if it did."""
    registry, _rest = docker.auth.resolve_repository_name(name)
    # Nothing is sent to this address: the SDK reads its configuration with a client only.
    client = docker.APIClient(base_url="tcp://127.0.0.1:1", version=_ANY_VERSION)
    return docker.auth.get_config_header(client, registry)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _tls_config(tls: Tls) -> docker.tls.TLSConfig:
    options: dict[str, t.Any] = {"verify": tls.verify}
    if tls.client_cert:
        options["client_cert"] = tls.client_cert
    if tls.ca_path:
        options["ca_cert"] = tls.ca_path
    try:
        return docker.tls.TLSConfig(**options)
    except docker.errors.TLSParameterError as exc:
        raise InvalidRequest(f"the TLS options cannot be used: {exc}") from exc


if SDK_IMPORT_ERROR is None:

    class _NamedHostAdapter(requests.adapters.HTTPAdapter):
        """Expects another name in the Engine's certificate than that of the URL. The SDK dropped this with 7.0.0."""

        def __init__(self, hostname: str) -> None:
            self.hostname = hostname
            super().__init__(pool_maxsize=_CONNECTIONS)

        def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
            return super().init_poolmanager(*args, assert_hostname=self.hostname, **kwargs)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way to an Engine through whichever Docker SDK is installed. tests/tools/managed_host.py runs it with several.

IMAGEWARDEN_SDK_EXPECTS is the message that a broken pair of SDK and requests must give; without it, the SDK must work.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import socketserver
import threading
import typing as t

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine import sdk, transport
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.sdk import SdkSession
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import ImageWardenError

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.connection import Connection

EXPECTED_MESSAGE = os.environ.get("IMAGEWARDEN_SDK_EXPECTS")

ANSWERS = {
    "/version": {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"},
    "/v1.41/images/json?all=1": [{"Id": "sha256:" + "0" * 64}],
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as an Engine does, as far as the table goes."""

    def do_GET(self) -> None:
        known = self.path in ANSWERS
        body = json.dumps(ANSWERS.get(self.path, {"message": "page not found"})).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "local"

    def log_message(self, *args: t.Any) -> None:
        pass


@pytest.fixture
def docker_host(tmp_path: Path) -> t.Iterator[str]:
    socket = tmp_path / "docker.sock"
    with socketserver.ThreadingUnixStreamServer(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"unix://{socket}"
        server.shutdown()
        thread.join()


@pytest.fixture
def by_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket through the SDK too, as an Engine over SSH: the SDK uses the same adapter for both."""

    def session(connection: Connection) -> SdkSession:
        sdk.check()
        return SdkSession(connection)

    monkeypatch.setattr(transport, "_session", session)


def parameters(docker_host: str) -> dict[str, t.Any]:
    paths = dict.fromkeys(("ca_path", "client_cert", "client_key", "tls_hostname"))
    flags = dict.fromkeys(("tls", "validate_certs", "use_ssh_client"), False)
    return {"docker_host": docker_host, "api_version": "auto", "timeout": 5, **paths, **flags}


@pytest.mark.skipif(EXPECTED_MESSAGE is not None, reason="this pair is broken")
@pytest.mark.usefixtures("by_the_sdk")
def test_an_sdk_that_works(docker_host: str) -> None:
    assert_it_answers(docker_host)


def test_a_local_socket_works_with_any_sdk(docker_host: str) -> None:
    assert_it_answers(docker_host)


def assert_it_answers(docker_host: str) -> None:
    connected = transport.connect(parameters(docker_host))
    assert connected.get("/version", versioned=False)["Version"] == "20.10.24"
    connected.use_version("1.41")
    assert connected.get("/images/json", query={"all": 1}) == ANSWERS["/v1.41/images/json?all=1"]


@pytest.mark.skipif(EXPECTED_MESSAGE is None, reason="this pair works")
@pytest.mark.usefixtures("by_the_sdk")
def test_a_broken_pair_gives_a_clear_message(docker_host: str) -> None:
    with pytest.raises(ImageWardenError, match=re.escape(EXPECTED_MESSAGE or "")):
        transport.connect(parameters(docker_host)).get("/version", versioned=False)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.server
import json
import socket
import socketserver
import threading
import time

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine import sdk, transport
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.transport import connect
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    SdkMissing,
)

from ..builders import cases

docker = pytest.importorskip("docker")

DEFAULTS = {
    "docker_host": "unix:///var/run/docker.sock",
    "tls": False,
    "validate_certs": False,
    "ca_path": None,
    "client_cert": None,
    "client_key": None,
    "tls_hostname": None,
    "api_version": "auto",
    "timeout": 5,
    "use_ssh_client": False,
    "debug": False,
}


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers each path as a test says: a status and a body."""

    def answer(self):
        self.seen.append((self.command, self.path))
        status, body = self.answers.get(self.path.split("?")[0], (404, {"message": "no such path"}))
        if callable(body):
            body = body()
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


METHODS = {f"do_{method}": Answering.answer for method in ("GET", "DELETE", "POST")}


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves HTTP on a socket of this machine."""

    daemon_threads = True


@pytest.fixture(name="serve", params=["tcp", "unix"])
def fixture_serve(request, tmp_path):
    """Starts a server with these answers, and gives the transport to it: through the SDK and without."""
    servers = []

    def serve(answers, **params):
        handler = type("Handler", (Answering,), {**METHODS, "answers": answers, "seen": []})
        if request.param == "tcp":
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            server.daemon_threads = True
            docker_host = f"tcp://127.0.0.1:{server.server_address[1]}"
        else:
            server = UnixServer(str(tmp_path / "docker.sock"), handler)
            docker_host = f"unix://{tmp_path}/docker.sock"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        made = connect({**DEFAULTS, "docker_host": docker_host, **params})
        made.seen = handler.seen
        return made

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("docker_host", ["tcp://127.0.0.1:1", "unix:///var/run/docker.sock"])
def test_without_the_sdk_nothing_is_connected(docker_host, monkeypatch):
    monkeypatch.setattr(sdk, "SDK_IMPORT_ERROR", "Traceback\nModuleNotFoundError: No module named 'docker'")
    monkeypatch.setattr(transport.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SdkMissing, match=r"missing \(ModuleNotFoundError: No module named 'docker'\)") as failure:
        connect({**DEFAULTS, "docker_host": docker_host})
    assert failure.value.trace == sdk.SDK_IMPORT_ERROR


VERSIONS = [
    # situation, version of the SDK, good enough
    ("the oldest supported", "5.0.3", True),
    ("newer", "7.1.0", True),
    ("a development version", "8.0.0.dev1", True),
    ("too old", "5.0.2", False),
    ("much too old", "4.4.4", False),
    ("docker-py", "1.10.6", False),
]


@pytest.mark.parametrize(("version", "good"), cases(VERSIONS))
def test_the_sdk_must_be_new_enough(version, good, monkeypatch):
    monkeypatch.setattr(docker, "__version__", version)
    if good:
        assert connect({**DEFAULTS, "docker_host": "tcp://127.0.0.1:1"})
        return
    with pytest.raises(SdkMissing, match=version):
        connect({**DEFAULTS, "docker_host": "tcp://127.0.0.1:1"})


def refused_by(socket_path):
    """The message."""
    with pytest.raises(EngineUnavailable) as failure:
        connect({**DEFAULTS, "docker_host": f"unix://{socket_path}"}).get("/version", versioned=False)
    return str(failure.value)


def test_a_socket_that_is_not_there_is_told(tmp_path):
    message = refused_by(tmp_path / "docker.sock")
    assert message.startswith(f"there is no Engine at unix://{tmp_path}/docker.sock: is it running")


def test_a_socket_that_nobody_listens_at_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "docker.sock"))
        assert "nothing listens at unix://" in refused_by(tmp_path / "docker.sock")


def test_a_port_that_nobody_listens_at_is_told():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(EngineUnavailable, match=f"nothing listens at {host}: is the Engine running"):
            connect({**DEFAULTS, "docker_host": host}).get("/version", versioned=False)


def test_a_request_may_have_a_limit_of_its_own(serve):
    transport = serve({"/v1.41/images/a": (200, lambda: time.sleep(1.5) or [])}, timeout=1)
    assert transport.delete("/images/{0}", "a", timeout=10) == []
    with pytest.raises(EngineUnavailable, match=r"did not answer within 0\.2 seconds: see why the Engine is slow"):
        transport.delete("/images/{0}", "a", timeout=0.2)


def test_a_limit_that_no_socket_takes_is_the_longest_one(serve):
    transport = serve({"/v1.41/containers/c1/stop": (204, b"")})
    assert transport.post("/containers/{0}/stop", "c1", timeout=10**15) is None


class Credentials(RuntimeError):
    """As the SDK's of a store are: outside of its own family of errors."""


REGISTRIES = [
    # situation, error of the store, words of the explanation, words that must not be there
    ("with credentials", None, ["unauthorized"], ["without credentials"]),
    (
        "a helper that is not installed",
        Credentials("docker-credential-ecr-login not installed or not available in PATH"),
        ["unauthorized", "asked without credentials: docker-credential-ecr-login not installed"],
        [],
    ),
    (
        "a helper that fails, and prints a secret",
        Credentials('Credentials store docker-credential-x exited with "token hunter2 expired"'),
        ["unauthorized", "asked without credentials", "Credentials"],
        ["hunter2"],
    ),
]


@pytest.mark.parametrize(("error", "said", "unsaid"), cases(REGISTRIES))
def test_a_registry_is_asked_whatever_becomes_of_the_credentials(error, said, unsaid, serve, monkeypatch):
    def header(client, registry):
        if error is not None:
            raise error
        return b"hunter2"

    monkeypatch.setattr(docker.auth, "get_config_header", header)
    transport = serve({"/v1.41/distribution/r.io/app:1/json": (401, {"message": "unauthorized"})})
    with pytest.raises(EngineError) as failure:
        transport.ask_registry("r.io/app:1", 5)
    assert failure.value.status == 401
    for words in said:
        assert words in failure.value.explanation
    for words in [*unsaid, "hunter2"]:
        assert words not in str(failure.value)


def test_a_registry_that_answers_without_credentials(serve, monkeypatch):
    monkeypatch.setattr(docker.auth, "get_config_header", lambda client, registry: 1 / 0)
    transport = serve({"/v1.41/distribution/r.io/app:1/json": (200, {"Descriptor": {}})})
    assert transport.ask_registry("r.io/app:1", 5) == {"Descriptor": {}}


def test_an_engine_that_is_slow_is_told(serve):
    transport = serve({"/version": (200, lambda: time.sleep(3) or {})}, timeout=1)
    with pytest.raises(EngineUnavailable, match="did not answer within 1 second: raise timeout"):
        transport.get("/version", versioned=False)


def test_a_server_that_is_no_engine_is_told(serve):
    transport = serve({"/version": (200, b"<html>It works</html>")})
    with pytest.raises(EngineUnavailable, match="does not answer as a Docker Engine does: <html>It works"):
        transport.get("/version", versioned=False)


ERRORS = [
    # situation, status, body, explanation
    ("the Engine's words", 409, {"message": "conflict: it is used\n"}, "conflict: it is used"),
    ("text", 502, b"Bad Gateway by a proxy", "Bad Gateway by a proxy"),
    ("JSON of another kind", 500, ["x"], '["x"]'),
    ("nothing", 500, b"", "Internal Server Error"),
    ("a long page", 500, b"x" * 1000, "x" * 200),
    ("a redirection by a proxy", 307, b"Temporary Redirect", "Temporary Redirect"),
    ("a redirection without words", 301, b"", "Moved Permanently"),
]


@pytest.mark.parametrize(("status", "body", "explanation"), cases(ERRORS))
def test_a_refusal_is_told_in_the_engines_words(status, body, explanation, serve):
    transport = serve({"/v1.41/images/app:1": (status, body)})
    with pytest.raises(EngineError) as failure:
        transport.delete("/images/{0}", "app:1")
    assert (failure.value.status, failure.value.explanation) == (status, explanation)
    assert str(failure.value) == f"DELETE /images/app:1: the Engine answered {status}: {explanation}"


def test_requests_go_out_in_the_version_that_was_negotiated(serve):
    transport = serve({"/v1.41/info": (200, {"a": 1}), "/v1.44/info": (200, {"b": 2}), "/version": (200, {})})
    assert transport.get("/info") == {"a": 1}
    transport.use_version("1.44")
    assert transport.get("/info", query={"x": 1}) == {"b": 2}
    assert transport.get("/version", versioned=False) == {}
    assert transport.seen == [("GET", "/v1.41/info"), ("GET", "/v1.44/info?x=1"), ("GET", "/version")]


def test_a_name_with_slashes_is_one_part_of_the_path(serve):
    transport = serve({"/v1.41/images/r.io/team/app:1/json": (200, {"Id": "x"})})
    assert transport.get("/images/{0}/json", "r.io/team/app:1") == {"Id": "x"}


def test_an_empty_answer_is_none(serve):
    assert serve({"/v1.41/containers/c1": (204, b"")}).delete("/containers/{0}", "c1") is None


def test_what_is_stopped_already_is_no_error(serve):
    assert serve({"/v1.41/containers/c1/stop": (304, b"")}).post("/containers/{0}/stop", "c1") is None


def test_an_answer_to_a_question_that_is_empty_is_no_empty_listing(serve):
    transport = serve({"/v1.41/images/json": (200, b""), "/v1.41/containers/json": (200, b"null")})
    assert transport.get("/containers/json") is None
    with pytest.raises(EngineUnavailable, match="does not answer as a Docker Engine does: its answer is empty"):
        transport.get("/images/json")


def test_a_body_comes_in_chunks(serve):
    transport = serve({"/v1.41/images/a/get": (200, b"x" * 3_000_000)})
    assert sum(map(len, transport.stream("/images/{0}/get", "a"))) == 3_000_000


MESSAGES = [
    # situation, exception, words of the message
    ("permission", PermissionError(13, "Permission denied"), ["no permission", "become: true", "group"]),
    (
        "permission in a text",
        OSError("('Connection aborted.', PermissionError(13, 'Permission denied'))"),
        ["no permission"],
    ),
    ("no file", FileNotFoundError(2, "No such file or directory"), ["there is no Engine at unix:///x"]),
    (
        "broken SDK",
        ValueError("Not supported URL scheme http+docker"),
        ["does not work with requests", "7.1.0 or newer", "2.32"],
    ),
    (
        "broken SDK in newer words",
        ValueError("Error while fetching server API version: Not supported URL scheme http+docker"),
        ["does not work with requests"],
    ),
    (
        "an SDK that does not know its urllib3",
        TypeError("HTTPConnection.request() got an unexpected keyword argument 'chunked'"),
        ["does not work with urllib3", "7.1.0 or newer", "older than 2"],
    ),
    (
        "a name that is not known",
        OSError("HTTPConnection(host='nope.example', port=2375): Failed to resolve 'nope.example'"),
        ["the name in unix:///x cannot be resolved: is docker_host right?"],
    ),
    (
        "wrong authority",
        OSError("SSLError(SSLCertVerificationError(1, 'certificate verify failed'))"),
        ["no trusted connection", "ca_path"],
    ),
    (
        "wrong name",
        OSError("CertificateError(\"hostname '127.0.0.1' doesn't match 'engine'\")"),
        ["no trusted connection", "tls_hostname"],
    ),
    ("no route", OSError("No route to host"), ["cannot connect to unix:///x: No route to host"]),
]


@pytest.mark.parametrize(("exception", "said"), cases(MESSAGES))
def test_a_message_about_the_connection_names_the_remedy(exception, said):
    message = transport._connection_message("unix:///x", 60, exception)
    for words in said:
        assert words in message

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.client
import http.server
import json
import socketserver
import threading

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.local_socket import LocalSession
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import several

from ..builders import cases


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Speaks HTTP on a unix socket, and counts the connections."""

    daemon_threads = True

    def __init__(self, path, answer):
        self.connections = 0
        self.seen = []
        methods = {f"do_{method}": Handler.ask for method in ("GET", "POST", "DELETE")}
        handler = type("Handler", (Handler,), {"answer": answer, **methods})
        super().__init__(path, handler)

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives each request to the test's function, which writes the answer."""

    protocol_version = "HTTP/1.1"

    def ask(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.seen.append((self.command, self.path, self.rfile.read(length)))
        self.answer()

    def address_string(self):
        return "local"

    def log_message(self, *args):
        pass

    def send(self, content, **headers):
        self.send_response(200)
        for name, value in {"Content-Length": len(content), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(name="serve")
def fixture_serve(tmp_path):
    """Starts a server that answers by this function."""
    servers = []

    def serve(answer):
        server = Server(str(tmp_path / "docker.sock"), answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server, LocalSession(str(tmp_path / "docker.sock"))

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_one_connection_serves_many_requests(serve):
    server, session = serve(lambda request: request.send(b"[]"))
    assert [session.send("GET", "/info").json() for _turn in range(5)] == [[]] * 5
    assert server.connections == 1


def test_a_connection_serves_one_request_at_a_time(serve):
    together = threading.Barrier(4)

    def answer(request):
        together.wait(10)
        request.send(request.path.encode())

    server, session = serve(answer)
    paths = [f"/images/{number}" for number in range(4)]
    assert several(lambda path: session.send("GET", path).text, paths, 4) == paths
    assert server.connections == 4


def test_a_connection_that_the_engine_closed_meanwhile_is_not_used_again(serve):
    closed = threading.Event()

    def answer(request):
        request.send(b"{}")
        # The answer did not announce it, as that of an Engine which is stopped.
        request.close_connection = True

    server, session = serve(answer)
    ends = server.shutdown_request
    server.shutdown_request = lambda request: (ends(request), closed.set())
    for _turn in range(3):
        closed.clear()
        assert session.send("DELETE", "/images/a").json() == {}
        assert closed.wait(10)
    assert server.connections == 3


def test_an_answer_that_announces_the_end_of_its_connection(serve):
    server, session = serve(lambda request: request.send(b"{}", Connection="close"))
    assert [session.send("GET", "/info").json() for _turn in range(2)] == [{}, {}]
    assert server.connections == 2


def test_a_stream_that_is_read_to_its_end_leaves_a_connection_and_one_that_is_not_leaves_none(serve):
    server, session = serve(lambda request: request.send(b"x" * 100_000))
    response = session.send("GET", "/images/get", stream=True)
    assert sum(map(len, response.iter_content(1000))) == 100_000
    response.close()
    assert server.connections == 1
    response = session.send("GET", "/images/get", stream=True)
    assert len(next(response.iter_content(1000))) == 1000
    response.close()
    assert server.connections == 1
    assert len(session.send("GET", "/images/get").content) == 100_000
    assert server.connections == 2


def test_a_body_in_chunks_is_one_body(serve):
    def answer(request):
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for part in (b"[1,", b"2]"):
            request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        request.wfile.write(b"0\r\n\r\n")

    server, session = serve(answer)
    assert [session.send("GET", "/images/json").json() for _turn in range(2)] == [[1, 2]] * 2
    assert server.connections == 1


def test_what_is_asked_is_quoted_and_a_body_is_json(serve):
    server, session = serve(lambda request: request.send(b"{}"))
    session.send("POST", "/images/get", {"names": ["a:1", "b c"], "x": 1}, body={"a": [1]})
    session.send("POST", "/containers/c/stop")
    (method, path, body), (_method, _path, empty) = server.seen
    assert (method, path, json.loads(body)) == ("POST", "/images/get?names=a%3A1&names=b+c&x=1", {"a": [1]})
    assert empty == b""


CUT = [
    # situation, what the server sends before it closes the connection, error
    ("no answer", b"", http.client.RemoteDisconnected),
    ("half of the first line", b"HTTP/1.1", http.client.BadStatusLine),
    ("half of a body", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[", http.client.IncompleteRead),
    ("half of a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n[", http.client.IncompleteRead),
]


@pytest.mark.parametrize(("sent", "error"), cases(CUT))
def test_an_answer_that_is_cut_off_is_an_error_and_its_connection_is_not_used_again(sent, error, serve):
    def answer(request):
        if request.path == "/info":
            request.send(b"{}")
            return
        request.wfile.write(sent)
        request.close_connection = True

    server, session = serve(answer)
    with pytest.raises(error):
        session.send("DELETE", "/images/a")
    assert session.send("GET", "/info").json() == {}
    assert server.connections == 2


def test_an_engine_that_takes_too_long_is_given_up(serve):
    late = threading.Event()
    _server, session = serve(lambda request: (late.wait(10), request.send(b"{}")))
    with pytest.raises(OSError, match="timed out"):
        session.send("GET", "/info", timeouts=(5, 0.1))
    late.set()

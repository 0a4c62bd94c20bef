# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import socket
import socketserver
import threading
import time

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.connection import Connection
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.local_socket import LocalSession
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import several
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.transport import Transport
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable

from ..builders import cases

PARAMETERS = {
    "docker_host": "unix:///nowhere/docker.sock",
    "tls": False,
    "validate_certs": False,
    "ca_path": None,
    "client_cert": None,
    "client_key": None,
    "tls_hostname": None,
    "api_version": "auto",
    "timeout": 5,
    "use_ssh_client": False,
}


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


def test_parts_of_a_stream_are_read_as_they_arrive(serve):
    go_on = threading.Event()

    def answer(request):
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"5\r\nfirst\r\n")
        go_on.wait(10)
        request.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    _server, session = serve(answer)
    parts = session.send("GET", "/events", stream=True).iter_content(None)
    assert next(parts) == b"first"
    go_on.set()
    assert b"".join(parts) == b"second"


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


def raw(sent):
    """Answers with these bytes, and then ends the connection."""

    def answer(request):
        request.wfile.write(sent)
        request.close_connection = True

    return answer


#: Every shape that an answer has: its bytes, and what it says.
WHOLE = {
    "a length": (
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n["a","b"]',
        ["a", "b"],
    ),
    "chunks": (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n["a"\r\n5\r\n,"b"]\r\n0\r\n\r\n',
        ["a", "b"],
    ),
    "chunks with an extension and a trailer": (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9;x=y\r\n["a","b"]\r\n0\r\nX-Sum: 1\r\nX-End: 2\r\n\r\n',
        ["a", "b"],
    ),
    "after early hints": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
        b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n["a","b"]',
        ["a", "b"],
    ),
    "the end of the connection": (b'HTTP/1.0 200 OK\r\n\r\n["a","b"]', ["a", "b"]),
}


@pytest.mark.parametrize(("sent", "said"), WHOLE.values(), ids=list(WHOLE))
def test_an_answer_that_is_cut_anywhere_is_never_another_answer(sent, said, serve):
    cut = [len(sent)]

    def answer(request):
        raw(sent[: cut[0]])(request)

    _server, session = serve(answer)
    way = Transport(session, Connection.parse(PARAMETERS))
    assert way.get("/images/json") == said
    for cut[0] in range(len(sent)):
        # Of what is cut in its trailer or after the last byte of JSON, all is there.
        with contextlib.suppress(EngineError, EngineUnavailable):
            assert way.get("/images/json") == said


def test_what_comes_before_an_answer_is_not_taken_for_it(serve):
    def answer(request):
        request.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        time.sleep(0.05)
        request.send(request.path.encode())

    server, session = serve(answer)
    assert [session.send("GET", path).text for path in ("/a", "/b")] == ["/a", "/b"]
    assert server.connections == 1


def test_a_protocol_that_was_not_asked_for_is_an_error(serve):
    _server, session = serve(raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"))
    way = Transport(session, Connection.parse(PARAMETERS))
    with pytest.raises(EngineError, match="answered 101: Switching Protocols"):
        way.delete("/containers/{0}", "c")


def test_bytes_after_an_answer_are_not_taken_for_the_next_one(serve):
    def answer(request):
        request.send(request.path.encode())
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")

    _server, session = serve(answer)
    for path in ("/a", "/b", "/c"):
        assert session.send("GET", path).text == path
        time.sleep(0.05)


def test_after_an_error_the_connection_serves_further_requests(serve):
    def answer(request):
        content = json.dumps({"message": "it is used"}).encode()
        request.send_response(409)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    server, session = serve(answer)
    way = Transport(session, Connection.parse(PARAMETERS))
    for _turn in range(3):
        with pytest.raises(EngineError, match="it is used"):
            way.delete("/images/{0}", "a")
    assert server.connections == 1


def test_an_answer_that_comes_byte_by_byte_is_one_answer(serve):
    def answer(request):
        request.wfile.flush()
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n":
            request.connection.sendall(bytes([byte]))

    server, session = serve(answer)
    assert [session.send("GET", "/images/json").json() for _turn in range(2)] == [[1], [1]]
    assert server.connections == 1


def test_a_stream_that_ends_before_its_length_is_an_error(serve):
    _server, session = serve(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
    way = Transport(session, Connection.parse(PARAMETERS))
    with pytest.raises(EngineUnavailable, match="96 more expected"):
        list(way.stream("/images/get"))


def test_an_engine_on_whose_socket_too_many_wait_is_waited_for(tmp_path):
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as others:
        listener.bind(path)
        listener.listen(0)
        for _other in range(3):
            waiting = others.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(path)
        with pytest.raises(OSError, match="timed out"):
            LocalSession(path).send("GET", "/info", timeouts=(0.1, 0.1))
        accepted = []
        threading.Timer(0.2, lambda: accepted.extend(listener.accept() for _other in range(2))).start()
        # Connected, and not answered.
        with pytest.raises(OSError, match="timed out"):
            LocalSession(path).send("GET", "/info", timeouts=(10, 0.1))


def test_an_engine_that_takes_too_long_is_given_up(serve):
    late = threading.Event()
    _server, session = serve(lambda request: (late.wait(10), request.send(b"{}")))
    with pytest.raises(OSError, match="timed out"):
        session.send("GET", "/info", timeouts=(5, 0.1))
    late.set()

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recording proxy, in front of a server that says what it was asked."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import socketserver
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab.proxy import RecordingProxy
from tests.lab.unix_http import UnixConnection


class _Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the method, the path and the size of the body; its answers come in every framing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        size = len(self._body())
        content = json.dumps([self.command, self.path, size]).encode()
        if "upgrade" in self.path:
            self._echo_everything()
            return
        self.send_response(204 if "empty" in self.path else 200)
        if "chunked" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (content[:5], content[5:], b""):
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            return
        if "until-close" in self.path:
            self.close_connection = True
        elif "empty" not in self.path:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and "empty" not in self.path:
            self.wfile.write(content)

    do_GET = do_HEAD = do_DELETE = do_POST  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _echo_everything(self) -> None:
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        while block := self.rfile.read1(100):
            self.wfile.write(block.upper())
        self.close_connection = True

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_arguments: object) -> None:
        pass


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


@pytest.fixture
def proxy(tmp_path: Path) -> t.Iterator[RecordingProxy]:
    path = tmp_path / "upstream.sock"
    with _Server(str(path), _Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with RecordingProxy(path) as made:
            yield made
        server.shutdown()


def ask(connection: UnixConnection, method: str, path: str, body: t.Any = None, **options: t.Any) -> tuple[int, bytes]:
    connection.request(method, path, body=body, **options)
    response = connection.getresponse()
    return response.status, response.read()


FRAMINGS = {
    "a length": ("GET", "/plain?a=1", 200, ["GET", "/plain?a=1", 0]),
    "chunks": ("GET", "/chunked", 200, ["GET", "/chunked", 0]),
    "the end of the connection": ("GET", "/until-close", 200, ["GET", "/until-close", 0]),
    "no body": ("DELETE", "/empty", 204, None),
    "a head only": ("HEAD", "/plain", 200, None),
}


@pytest.mark.parametrize(("method", "path", "status", "content"), FRAMINGS.values(), ids=FRAMINGS)
def test_answers_pass_in_every_framing(
    proxy: RecordingProxy, method: str, path: str, status: int, content: object
) -> None:
    got_status, body = ask(UnixConnection(proxy.socket), method, path)
    assert (got_status, json.loads(body) if body else None) == (status, content)
    assert proxy.requests == [(method, path)]


def test_requests_on_one_connection_are_all_recorded(proxy: RecordingProxy) -> None:
    connection = UnixConnection(proxy.socket)
    asked = [("GET", "/1"), ("POST", "/chunked/2"), ("HEAD", "/3"), ("DELETE", "/empty/4"), ("GET", "/5")]
    for method, path in asked:
        ask(connection, method, path)
    assert proxy.requests == asked
    assert proxy.writes == [("POST", "/chunked/2"), ("DELETE", "/empty/4")]


def test_bodies_of_every_framing_arrive(proxy: RecordingProxy) -> None:
    connection = UnixConnection(proxy.socket)
    blocks = [b"x" * 70_000] * 3
    assert json.loads(ask(connection, "POST", "/length", b"x" * 300_000)[1])[2] == 300_000
    assert json.loads(ask(connection, "POST", "/blocks", iter(blocks), encode_chunked=True)[1])[2] == 210_000


def test_an_upgraded_connection_is_a_tunnel(proxy: RecordingProxy) -> None:
    connection = UnixConnection(proxy.socket, timeout=5)
    connection.connect()
    connection.sock.sendall(b"POST /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello")
    got = b""
    while b"HELLO" not in got:
        got += connection.sock.recv(1000)
    assert got.startswith(b"HTTP/1.1 101")


def test_a_callback_runs_before_the_request_is_answered(proxy: RecordingProxy) -> None:
    order: list[str] = []
    proxy.before("DELETE", "/images/", lambda: order.append("before"))
    proxy.after("DELETE", "/images/", lambda: order.append("after"))
    connection = UnixConnection(proxy.socket)
    for method, path in (("GET", "/images/a"), ("DELETE", "/images/a"), ("DELETE", "/images/b")):
        ask(connection, method, path)
        order.append(method)
    assert order == ["GET", "before", "after", "DELETE", "DELETE"]


def test_an_answer_of_the_proxy_never_reaches_the_engine(proxy: RecordingProxy) -> None:
    proxy.answer("DELETE", "/images/", 409, "conflict", times=1)
    connection = UnixConnection(proxy.socket)
    assert ask(connection, "DELETE", "/images/a", b"body") == (409, b'{"message": "conflict"}')
    assert ask(connection, "DELETE", "/images/a")[0] == 200
    assert proxy.writes == [("DELETE", "/images/a")] * 2


def test_a_cut_connection_has_no_answer(proxy: RecordingProxy) -> None:
    proxy.cut("GET", "/gone")
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(UnixConnection(proxy.socket), "GET", "/gone")
    assert ask(UnixConnection(proxy.socket), "GET", "/gone")[0] == 200


def test_an_answer_is_spoilt_after_the_engine_did_it(proxy: RecordingProxy) -> None:
    seen: list[bytes] = []
    proxy.spoil("POST", "/", lambda answer: seen.append(answer) or answer[:-5])
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(UnixConnection(proxy.socket), "POST", "/length", b"x")
    (answer,) = seen
    assert answer.endswith(b'["POST", "/length", 1]')
    assert ask(UnixConnection(proxy.socket), "POST", "/length", b"x")[0] == 200


def test_a_failing_callback_is_told(proxy: RecordingProxy) -> None:
    proxy.before("GET", "/", lambda: 1 / 0)
    assert ask(UnixConnection(proxy.socket), "GET", "/")[0] == 200
    assert [type(error) for error in proxy.errors] == [ZeroDivisionError]


def test_many_connections_at_once(proxy: RecordingProxy) -> None:
    def client(number: int) -> None:
        with contextlib.closing(UnixConnection(proxy.socket)) as connection:
            for turn in range(20):
                path = f"/{number}/{turn}"
                assert json.loads(ask(connection, "POST", path, b"x" * 1000)[1]) == ["POST", path, 1000]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(client, range(64)))
    assert len(proxy.requests) == 64 * 20


def test_a_closed_proxy_leaves_nothing(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    proxy = RecordingProxy(tmp_path / "nobody.sock")
    connection = UnixConnection(proxy.socket)
    connection.connect()
    proxy.close()
    # The one that listens may start one more for the connection before it ends.
    until = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before
    assert not proxy.socket.exists()

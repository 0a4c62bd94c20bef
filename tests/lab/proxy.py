# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy in front of an Engine that writes down every request, and can step in before one.

It proves that check mode only reads, counts an Engine's calls, and makes races and faults happen when a test wants them.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import tempfile
import threading
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from .http_stream import Closed, Head, Stream, ends_with_connection, request_body, response_body

Request = tuple[str, str]
_READS = ("GET", "HEAD")


@dataclass
class _Rule:
    """What happens to the requests that it matches, `times` times (None: always)."""

    method: str
    path: re.Pattern[str]
    times: int | None
    act: t.Callable[[], bytes | None]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def matches(self, method: str, path: str) -> bool:
        """Whether the request is one of these."""
        return self.method in ("*", method) and self.path.search(path) is not None

    def applies(self, method: str, path: str) -> bool:
        """Whether the rule acts on this request; that uses up one of its times."""
        if not self.matches(method, path):
            return False
        with self.lock:
            if self.times == 0:
                return False
            if self.times is not None:
                self.times -= 1
        return True


class RecordingProxy:
    """Listens on a unix socket of its own and forwards to the Engine on `upstream`, a unix socket too.

    Paths are matched, with `re.search`, as they were sent: with the API's version and the query.
    """

    def __init__(self, upstream: Path | str) -> None:
        self._upstream = str(upstream)
        self._directory = tempfile.mkdtemp(prefix="imagewarden-proxy-")
        self.socket = Path(self._directory) / "docker.sock"
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._before: list[_Rule] = []
        self._after: list[_Rule] = []
        self._answers: list[_Rule] = []
        self._spoils: list[tuple[_Rule, t.Callable[[bytes], bytes]]] = []
        self._connections: set[socket.socket] = set()
        self._closed = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.socket))
        self._listener.listen(128)
        self._errors: list[BaseException] = []
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def __enter__(self) -> RecordingProxy:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def docker_host(self) -> str:
        """What DOCKER_HOST takes."""
        return f"unix://{self.socket}"

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in the order of their arrival: method, and path with query."""
        with self._lock:
            return list(self._requests)

    @property
    def writes(self) -> list[Request]:
        """Those of them that could change something."""
        return [request for request in self.requests if request[0] not in _READS]

    @property
    def errors(self) -> list[BaseException]:
        """What callbacks raised: a callback runs in the proxy's thread, where no test would see it."""
        with self._lock:
            return list(self._errors)

    def clear(self) -> None:
        """Forget the requests so far; the rules stay."""
        with self._lock:
            self._requests.clear()

    def before(self, method: str, path_regex: str, callback: t.Callable[[], object], times: int | None = 1) -> None:
        """Call back when such a request has come, before the Engine sees it; `*` is any method."""
        self._before.append(_Rule(method, re.compile(path_regex), times, _silent(callback)))

    def after(self, method: str, path_regex: str, callback: t.Callable[[], object], times: int | None = 1) -> None:
        """Call back when the Engine has answered such a request, before the client sees the end of the answer."""
        self._after.append(_Rule(method, re.compile(path_regex), times, _silent(callback)))

    def answer(self, method: str, path_regex: str, status: int, body: object = b"", times: int | None = None) -> None:
        """Answer such requests here; the Engine never sees them. A body that is not bytes is sent as JSON."""
        answer = _response(status, body)
        self._answers.append(_Rule(method, re.compile(path_regex), times, lambda: answer))

    def cut(self, method: str, path_regex: str, times: int | None = 1) -> None:
        """Close the connection on such a request instead of answering it."""
        self._answers.append(_Rule(method, re.compile(path_regex), times, lambda: None))

    def spoil(self, method: str, path_regex: str, spoilt: t.Callable[[bytes], bytes], times: int | None = 1) -> None:
        """Let the Engine do such a request, send what the callback makes of its answer, and close the connection."""
        self._spoils.append((_Rule(method, re.compile(path_regex), times, lambda: None), spoilt))

    def close(self) -> None:
        """Stop listening and close every connection."""
        with self._lock:
            self._closed = True
            connections = list(self._connections)
        # Closing alone would not wake the thread that waits in accept().
        for connection in (self._listener, *connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="proxy-connection", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One client's connection, with a connection to the Engine of its own."""
        upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with client, upstream, contextlib.suppress(Closed, OSError), self._registered(client, upstream):
            from_client, from_engine, connected = Stream(client), Stream(upstream), False
            while True:
                head = from_client.head()
                method, path, _version = head.first_line
                with self._lock:
                    self._requests.append((method, path))
                self._run(self._before, method, path)
                for rule in self._answers:
                    if rule.applies(method, path):
                        if not self._answer_here(rule, from_client, head):
                            return
                        break
                else:
                    if not connected:
                        upstream.connect(self._upstream)
                        connected = True
                    if not self._forward(from_client, from_engine, head):
                        return
                if head.closes:
                    return

    def _forward(self, from_client: Stream, from_engine: Stream, head: Head) -> bool:
        """Pass on one request and its answer; false if nothing more can follow on this connection."""
        method, path, _version = head.first_line
        client, upstream = from_client.connection, from_engine.connection
        upstream.sendall(head.raw)
        # The Engine may answer before it has read all of a body.
        sender = None
        if head.is_chunked or head.length:
            body = request_body(from_client, head)
            sender = threading.Thread(target=_copy, args=(body, upstream), name="proxy-body", daemon=True)
            sender.start()
        answer = from_engine.head()
        while answer.status < 200 and answer.status != 101:
            client.sendall(answer.raw)
            answer = from_engine.head()
        tunnel = answer.status == 101 or (head.upgrades and ends_with_connection(answer, method))
        rest = iter(()) if tunnel else response_body(from_engine, answer, method)
        spoilt = next((spoilt for rule, spoilt in self._spoils if rule.applies(method, path)), None)
        if spoilt is not None:
            client.sendall(spoilt(b"".join([answer.raw, *rest])))
            return False
        blocks = [answer.raw]
        if any(rule.matches(method, path) for rule in self._after):
            blocks += rest
            self._run(self._after, method, path)
        client.sendall(b"".join(blocks))
        for block in rest:
            client.sendall(block)
        if sender is not None:
            sender.join(timeout=60)
        if tunnel:
            _tunnel(from_client, from_engine)
        return not tunnel and not ends_with_connection(answer, method)

    def _answer_here(self, rule: _Rule, from_client: Stream, head: Head) -> bool:
        for _block in request_body(from_client, head):
            pass
        answer = rule.act()
        if answer is None:
            return False
        if head.first_line[0] == "HEAD":
            answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        from_client.connection.sendall(answer)
        return True

    def _run(self, rules: list[_Rule], method: str, path: str) -> None:
        for rule in rules:
            if rule.applies(method, path):
                try:
                    rule.act()
                except Exception as error:
                    with self._lock:
                        self._errors.append(error)

    @contextlib.contextmanager
    def _registered(self, *connections: socket.socket) -> t.Iterator[None]:
        with self._lock:
            if self._closed:
                raise Closed("the proxy is closed")
            self._connections.update(connections)
        try:
            yield
        finally:
            with self._lock:
                self._connections.difference_update(connections)


def _silent(callback: t.Callable[[], object]) -> t.Callable[[], None]:
    def act() -> None:
        callback()

    return act


def _copy(blocks: t.Iterable[bytes], target: socket.socket) -> None:
    with contextlib.suppress(Closed, OSError):
        for block in blocks:
            target.sendall(block)


def _tunnel(from_client: Stream, from_engine: Stream) -> None:
    """When both sides agreed on another protocol, bytes go both ways until both are done."""
    back = threading.Thread(target=_pump, args=(from_engine, from_client.connection), name="proxy-tunnel", daemon=True)
    back.start()
    _pump(from_client, from_engine.connection)
    back.join()


def _pump(source: Stream, target: socket.socket) -> None:
    _copy(source.rest(), target)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _response(status: int, body: object) -> bytes:
    if isinstance(body, bytes):
        content, kind = body, "text/plain"
    else:
        content, kind = json.dumps({"message": body} if isinstance(body, str) else body).encode(), "application/json"
    head = f"HTTP/1.1 {status} Injected\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content

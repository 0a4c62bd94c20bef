# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""HTTP to an Engine of this machine, over its unix socket: a fraction of what a request through the SDK costs.

Of a task with thousands of requests, the SDK's share of each, about a millisecond, was most of the time.
"""

from __future__ import annotations

import collections
import http.client
import json
import select
import socket
import time
import typing as t
import urllib.parse

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds until a socket is asked again on which too many wait.
_PAUSE = 0.05
#: The most bytes of a part that is read as it arrives.
_PART = 65536


class Response:
    """An answer, with the part of the interface of C(requests) that the transport uses."""

    def __init__(self, session: LocalSession, connection: _Connection, answer: http.client.HTTPResponse) -> None:
        self._session = session
        self._connection: _Connection | None = connection
        self._answer = answer
        self._content: bytes | None = None
        self.status_code = answer.status
        self.reason = answer.reason

    def read(self) -> Response:
        """Read the body. The connection serves the next request from then on."""
        self._content = self._answer.read()
        self._done()
        return self

    @property
    def content(self) -> bytes:
        """The body."""
        return self._content if self._content is not None else self.read().content

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", errors="replace")

    def json(self) -> t.Any:
        """The body as JSON. Raises :class:`ValueError`."""
        return json.loads(self.content)

    def iter_content(self, chunk_size: int | None) -> Iterator[bytes]:
        """The body in chunks of this size; ``None`` is each part as soon as it arrives."""
        while True:
            chunk = self._answer.read1(_PART) if chunk_size is None else self._answer.read(chunk_size)
            if not chunk:
                break
            yield chunk
        if self._answer.length:
            # Only the whole body is checked for its length where it is read at once.
            raise http.client.IncompleteRead(b"", self._answer.length)
        self._done()

    def close(self) -> None:
        """Close the connection unless the whole body was read: what is left of it would be taken for the next answer."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _done(self) -> None:
        if self._connection is not None and not self._answer.will_close:
            self._session.take_back(self._connection)
            self._connection = None
        self.close()


class LocalSession:
    """Requests over one socket. Connections stay open for further requests; several threads may send at once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: collections.deque[_Connection] = collections.deque()

    def send(
        self,
        method: str,
        target: str,
        query: Mapping[str, t.Any] | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        body: t.Any = None,
        timeouts: tuple[float, float] = (60, 60),
        stream: bool = False,
    ) -> Response:
        """The answer to a request. Unless it is a ``stream``, its body has been read.

        ``timeouts`` are seconds to connect, and for each read. Raises :class:`OSError` and
        :class:`http.client.HTTPException`.
        """
        sent = dict(headers or {})
        if body is not None:
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        if query:
            target += "?" + urllib.parse.urlencode(query, doseq=True)
        connection = self._connection(timeouts[0])
        try:
            connection.sock.settimeout(timeouts[1])
            connection.request(method, target, body, sent)
            response = Response(self, connection, connection.getresponse())
            return response if stream else response.read()
        except BaseException:
            connection.close()
            raise

    def take_back(self, connection: _Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        self._idle.append(connection)

    def _connection(self, timeout: float) -> _Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = _Connection(self._path, timeout)
                connection.connect()
                return connection
            if not _was_closed(connection.sock):
                return connection
            connection.close()


class _Answer(http.client.HTTPResponse):
    """The answer after those of the kind 1xx, which come before it: C(http.client) itself passes over 100 alone."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        is_before = http.client.CONTINUE < status < http.client.OK and status != http.client.SWITCHING_PROTOCOLS
        return version, http.client.CONTINUE if is_before else status, reason


class _Connection(http.client.HTTPConnection):
    """A connection to a unix socket."""

    response_class = _Answer

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._seconds = timeout

    def connect(self) -> None:
        """Raises :class:`OSError`. A socket on which too many wait refuses at once, and is asked again until the time is over."""
        deadline = time.monotonic() + self._seconds
        while True:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.sock.settimeout(self._seconds)
                self.sock.connect(self._path)
                return
            except BlockingIOError as exc:
                self.sock.close()
                if time.monotonic() > deadline:
                    raise socket.timeout("timed out: too many wait to be connected") from exc
            except BaseException:
                self.sock.close()
                raise
            time.sleep(_PAUSE)


def _was_closed(connected: socket.socket) -> bool:
    """Whether the Engine ended the connection while nobody used it, as one that is restarted does.

    What can be read of it before anything was asked is its end.
    """
    waiting = select.poll()
    waiting.register(connected, select.POLLIN)
    return bool(waiting.poll(0))

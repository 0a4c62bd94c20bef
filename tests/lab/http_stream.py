# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP/1.1 messages as they pass by: heads are parsed, bodies are copied untouched."""

from __future__ import annotations

import socket
import typing as t
from dataclasses import dataclass

_BLOCK = 1 << 16
_LONGEST_HEAD = 1 << 20


class Closed(Exception):
    """The peer closed its connection, or sent what is no HTTP."""


@dataclass(frozen=True)
class Head:
    """A message's first line and headers, and the bytes that they were."""

    raw: bytes
    first_line: tuple[str, str, str]
    headers: t.Mapping[str, str]

    @classmethod
    def parse(cls, raw: bytes) -> Head:
        """Read the bytes up to the empty line; header names become lower case."""
        first, *rest = raw.decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        headers = {}
        for line in rest:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        return cls(raw, (words[0], words[1] if len(words) > 1 else "", words[2] if len(words) > 2 else ""), headers)

    @property
    def status(self) -> int:
        """A response's status."""
        return int(self.first_line[1])

    @property
    def is_chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def length(self) -> int | None:
        """The length of the body, where the message says it."""
        value = self.headers.get("content-length")
        return None if value is None else int(value)

    @property
    def closes(self) -> bool:
        """Whether the sender will close the connection after this message."""
        return "close" in self.headers.get("connection", "").lower()

    @property
    def upgrades(self) -> bool:
        """Whether the message asks for, or grants, another protocol on this connection."""
        return "upgrade" in self.headers.get("connection", "").lower()


class Stream:
    """The receiving side of a connection, with what was read ahead."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._ahead = b""

    def head(self) -> Head:
        """The next message's head."""
        while b"\r\n\r\n" not in self._ahead:
            if len(self._ahead) > _LONGEST_HEAD:
                raise Closed("no end of the headers")
            self._ahead += self._receive()
        raw, _end, self._ahead = self._ahead.partition(b"\r\n\r\n")
        return Head.parse(raw + b"\r\n\r\n")

    def blocks(self, count: int) -> t.Iterator[bytes]:
        """The next `count` bytes."""
        while count:
            block = self._take(count)
            count -= len(block)
            yield block

    def chunks(self) -> t.Iterator[bytes]:
        """A chunked body, with its sizes and trailers, as it was sent."""
        while True:
            line = self._line()
            yield line
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            yield from self.blocks(size + 2)
        while True:
            line = self._line()
            yield line
            if line == b"\r\n":
                return

    def rest(self) -> t.Iterator[bytes]:
        """Everything until the peer closes."""
        while True:
            try:
                yield self._take(_BLOCK)
            except Closed:
                return

    def _line(self) -> bytes:
        while b"\r\n" not in self._ahead:
            self._ahead += self._receive()
        line, _end, self._ahead = self._ahead.partition(b"\r\n")
        return line + b"\r\n"

    def _take(self, count: int) -> bytes:
        if not self._ahead:
            self._ahead = self._receive()
        block, self._ahead = self._ahead[:count], self._ahead[count:]
        return block

    def _receive(self) -> bytes:
        try:
            block = self.connection.recv(_BLOCK)
        except OSError as error:
            raise Closed(str(error)) from error
        if not block:
            raise Closed("end of stream")
        return block


def request_body(stream: Stream, head: Head) -> t.Iterator[bytes]:
    """The body that follows a request's head."""
    if head.is_chunked:
        return stream.chunks()
    return stream.blocks(head.length or 0)


def response_body(stream: Stream, head: Head, method: str) -> t.Iterator[bytes]:
    """The body that follows a response's head; without a length it lasts until the peer closes."""
    if method == "HEAD" or head.status in (204, 304) or head.status < 200:
        return iter(())
    if head.is_chunked:
        return stream.chunks()
    if head.length is not None:
        return stream.blocks(head.length)
    return stream.rest()


def ends_with_connection(head: Head, method: str) -> bool:
    """Whether a response's end is the connection's end."""
    if head.closes:
        return True
    bodiless = method == "HEAD" or head.status in (204, 304)
    return not bodiless and not head.is_chunked and head.length is None

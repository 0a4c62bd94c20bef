# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to an Engine's socket with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import time
import typing as t
from pathlib import Path


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a unix socket."""

    def __init__(self, path: Path | str, timeout: float = 60) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.timeout)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        self.sock = connection


def get_json(path: Path | str, url: str, timeout: float = 10) -> t.Any:
    """The JSON that the Engine behind this socket answers."""
    connection = UnixConnection(path, timeout)
    try:
        connection.request("GET", url)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"GET {url}: {response.status} {body[:200]!r}")
    return json.loads(body)


def answers(path: Path | str) -> bool:
    """Whether an Engine answers on this socket."""
    try:
        get_json(path, "/version", timeout=15)
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return True


def wait_until_answers(path: Path | str, seconds: float, alive: t.Callable[[], bool]) -> bool:
    """Wait for the Engine behind this socket, as long as its process is alive."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers(path):
            return True
        if not alive():
            return False
        time.sleep(0.05)
    return False

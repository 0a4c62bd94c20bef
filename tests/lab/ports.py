# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of 127.0.0.1."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port on which nobody listens now. It is below the range from which outgoing connections take theirs, if one is free there."""
    for port in _candidates():
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError("no free port on 127.0.0.1")


_given: set[int] = set()


def _candidates() -> list[int]:
    fresh = [port for port in range(22100, 22400) if port not in _given]
    _given.update(fresh[:1])
    return [*fresh, 0]

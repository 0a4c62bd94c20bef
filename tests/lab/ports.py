# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of 127.0.0.1."""

from __future__ import annotations

import itertools
import random
import socket

# Below the range from which outgoing connections take theirs. No port is given twice, and at random, because what gets
# one takes a while to listen on it, and another lab may look for ports meanwhile.
_candidates = itertools.chain(random.sample(range(22000, 24000), 2000), itertools.repeat(0))


def free_port() -> int:
    """A port on which nobody listens now."""
    for port in itertools.islice(_candidates, 400):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")

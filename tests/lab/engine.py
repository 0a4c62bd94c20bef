# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test holds of one Engine of the lab."""

from __future__ import annotations

import contextlib
import fcntl
import typing as t
from pathlib import Path

from .reset import reset

if t.TYPE_CHECKING:
    from .hosts import Host


class Engine:
    """One Engine that answers: where it is, what it is, and a client for it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.name = host.kind.name
        self.store = host.kind.store
        self.socket: Path = host.socket
        self.docker_host = f"unix://{host.socket}"
        self._client: t.Any = None
        self._held = 0

    def __repr__(self) -> str:
        return f"<Engine {self.name}>"

    @property
    def client(self) -> t.Any:
        """The low-level client, with the newest API of the Engine, and with nothing from the environment."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    @property
    def version(self) -> str:
        """The release that it reports, such as 28.5.2+dfsg4."""
        return str(self.client.version()["Version"])

    @property
    def mounts_images(self) -> bool:
        """Whether containers can mount images: from Engine 28 on."""
        return int(self.version.partition(".")[0]) >= 28

    @property
    def api_version(self) -> str:
        """The newest API version that it speaks."""
        return str(self.client.api_version)

    def connect(self, docker_host: str | None = None, api_version: str = "auto") -> t.Any:
        """A client of its own, through a proxy if its address is given."""
        from docker import APIClient

        return APIClient(base_url=docker_host or self.docker_host, version=api_version, timeout=120)

    def reset(self) -> None:
        """Remove all that it holds: containers, images, volumes and build cache."""
        # The listing may still say `removing` of a container that is dead when it is inspected.
        if self.client.containers(all=True, quiet=True, filters={"status": ["dead", "removing"]}):
            self.host.release_dead_containers()
        reset(self.client)

    def stop(self) -> None:
        """Stop the Engine; its host stays up."""
        self.host.stop_engine()

    def start(self) -> None:
        """Start it again."""
        self.host.start_engine()

    def restart(self) -> None:
        """Stop it and start it: its containers are stopped then."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill it, as the kernel does for want of memory, and start it again."""
        self.host.kill_engine()
        self.start()

    @contextlib.contextmanager
    def exclusive(self) -> t.Iterator[Engine]:
        """Nobody else's test uses this Engine inside the block. Test runs side by side share the lab."""
        if self._held:
            yield self
            return
        with open(self.host.lock, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._held += 1
            try:
                yield self
            finally:
                self._held -= 1

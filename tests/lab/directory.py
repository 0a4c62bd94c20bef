# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the lab keeps its state: one directory, and nothing outside it."""

from __future__ import annotations

import hashlib
import os
import typing as t
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

# A socket's path, with its end, must fit into sockaddr_un.
_LONGEST_SOCKET_PATH = 107


@dataclass(frozen=True)
class LabDirectory:
    """The paths of one lab. Two labs on one machine differ in nothing but their directory."""

    root: Path

    @classmethod
    def from_environment(cls, environment: t.Mapping[str, str] | None = None) -> LabDirectory:
        """The directory that the environment asks for, or the one in the user's cache."""
        environment = os.environ if environment is None else environment
        asked = environment.get("IMAGEWARDEN_LAB_DIR")
        if asked:
            return cls(Path(asked).expanduser().resolve())
        cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
        return cls(Path(cache).expanduser().resolve() / "imagewarden-lab")

    @property
    def id(self) -> str:
        """A short name of this lab, for what it must own outside its directory: cgroups, labels."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:8]

    @property
    def cgroup_parent(self) -> str:
        """The cgroup in which every process of a container of the lab runs, so that no crash can lose one."""
        return f"/imagewarden-lab-{self.id}"

    def cgroup(self, engine: Path) -> str:
        """The part of it for the containers of one private Engine, which the Engine's directory names."""
        return f"{self.cgroup_parent}/{engine.name}"

    @property
    def label(self) -> str:
        """The Engine label by which `reset` recognises an Engine of the lab."""
        return f"imagewarden.lab={self.id}"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def outer(self) -> Path:
        """The private Engine that runs the hosts."""
        return self.root / "outer"

    @property
    def docker29(self) -> Path:
        """A file with the directory of Docker 29 that `up` was given."""
        return self.root / "docker29"

    @property
    def private(self) -> Path:
        """The single private Engine of a demonstration."""
        return self.root / "private"

    @property
    def tls(self) -> Path:
        """This process's Engine that speaks only TLS, and its certificates."""
        return self.root / f"tls-{os.getpid()}"

    @property
    def private_engines(self) -> list[Path]:
        """The private Engines of all processes, but for the one that runs the hosts."""
        return [self.private, *self.root.glob("tls-*")]

    @property
    def registry(self) -> Path:
        """The registry of the lab's commands."""
        return self.root / "registry"

    @property
    def own_registry(self) -> Path:
        """This process's registry, in which nobody else moves a tag."""
        return self.root / f"registry-{os.getpid()}"

    @property
    def registries(self) -> list[Path]:
        """Those of all processes."""
        return [self.registry, *self.root.glob("registry-*")]

    @property
    def ssh(self) -> Path:
        """The keys of this run and a client configuration with a `Host` for every Engine."""
        return self.root / "ssh"

    def engine(self, name: str) -> Path:
        """What a host shares with the outside: its Engine's socket and logs."""
        return self.root / "engines" / name

    def engine_lock(self, name: str) -> Path:
        """Held by the test that uses the Engine; it outlives the host, so that all wait for the same one."""
        return self.root / f"{name}.lock"

    def engine_data(self, name: str) -> Path:
        """A host's /var/lib/docker and /var/lib/containerd: overlay does not work on overlay."""
        return self.root / "data" / name

    def prepare(self) -> None:
        """Create the directory, or say why it cannot serve."""
        longest = self.outer / "exec" / "containerd" / "containerd-debug.sock"
        if len(os.fsencode(longest)) > _LONGEST_SOCKET_PATH:
            raise LabError(
                f"{self.root} is too long a path for the lab's sockets: set IMAGEWARDEN_LAB_DIR to a shorter one"
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LabError(f"cannot create the lab's directory {self.root}: {error}") from error

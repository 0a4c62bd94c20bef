# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Engine of one's own on this machine: it shares nothing with the one that the machine may have."""

from __future__ import annotations

import typing as t
from pathlib import Path

from . import machine, processes, residue
from .directory import LabDirectory
from .errors import LabError
from .unix_http import answers, wait_until_answers


class PrivateEngine:
    """A dockerd whose socket, data, containers and logs lie in one directory."""

    def __init__(self, directory: Path, lab: LabDirectory, arguments: t.Sequence[str] = ()) -> None:
        self.directory = directory
        self.socket = directory / "docker.sock"
        self.log = directory / "dockerd.log"
        self._pidfile = directory / "dockerd.pid"
        self._lab = lab
        self._arguments = tuple(arguments)
        self._cgroup = lab.cgroup(directory)

    @property
    def docker_host(self) -> str:
        """What DOCKER_HOST takes."""
        return f"unix://{self.socket}"

    def is_running(self) -> bool:
        """Whether its process runs and answers."""
        return self._pid() is not None and answers(self.socket)

    def start(self) -> None:
        """Start it, unless it runs; what a crash left is cleared first."""
        if self.is_running():
            return
        machine.require("dockerd")
        self._clear()
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.directory / "daemon.json").write_text("{}\n")
        self.log.write_text("")
        pid = processes.launch(self._command(), self.log)
        if not wait_until_answers(self.socket, 60, lambda: processes.is_alive(pid)):
            raise LabError(f"the private Engine in {self.directory} did not start: {self._last_words()}")

    def stop(self) -> None:
        """Stop it and all that it runs; its data stays."""
        pid = self._pid()
        if pid is not None:
            processes.terminate([pid], patience=30)
        self._clear()

    def purge(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        residue.remove_tree(self.directory)
        residue.forget_cgroup(self._lab.cgroup_parent)

    def _pid(self) -> int | None:
        return processes.running(self._pidfile, self.directory)

    def _clear(self) -> None:
        """An Engine that was killed leaves containers, a containerd, shims, mounts and files that block the next one."""
        processes.terminate(processes.all_of(self.directory), patience=5)
        residue.kill_cgroup(self._cgroup)
        residue.unmount_below(self.directory)
        for path in (self._pidfile, self.socket, self.directory / "exec" / "containerd" / "containerd.pid"):
            path.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        return [
            machine.program("dockerd"),
            # The machine's own configuration is for the machine's own Engine.
            f"--config-file={self.directory / 'daemon.json'}",
            f"--host=unix://{self.socket}",
            f"--data-root={self.directory / 'data'}",
            f"--exec-root={self.directory / 'exec'}",
            f"--pidfile={self._pidfile}",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            # Without systemd's help the same flags work on cgroup versions 1 and 2, in a container and out of one.
            "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--cgroup-parent={self._cgroup}",
            f"--label={self._lab.label}",
            *self._arguments,
        ]

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return "it left no log"
        return " | ".join(lines[-4:]) or "its log is empty"


def private_engine(lab: LabDirectory | None = None) -> PrivateEngine:
    """The single private Engine, for a demonstration: it needs root and the package docker.io, nothing else."""
    lab = lab or LabDirectory.from_environment()
    lab.prepare()
    return PrivateEngine(lab.private, lab)

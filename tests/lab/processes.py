# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that outlive the command that starts them, and are never mistaken for others."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import typing as t
from pathlib import Path

# What the lab runs on the machine itself. A process is the lab's if it is one of these and names the lab's directory.
_PROGRAMS = ("dockerd", "containerd", "containerd-shim", "docker-registry")


def launch(argv: t.Sequence[str], log: Path) -> int:
    """Start a program in a session of its own, with its output in `log`, and return its process ID.

    It becomes a child of init, so that it is neither a zombie of the test run nor ended with it.
    """
    script = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 & echo $!'
    started = subprocess.run(["sh", "-c", script, "sh", str(log), *argv], stdout=subprocess.PIPE, check=True)
    return int(started.stdout)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def belongs_to(pid: int, directory: Path) -> bool:
    """Whether that process is a program of the lab that works in `directory`: process IDs are reused."""
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    if not os.path.basename(argv[0]).startswith(_PROGRAMS):
        return False
    return any(f"{directory}/" in argument for argument in argv)


def running(pidfile: Path, directory: Path) -> int | None:
    """The process that `pidfile` names, if it still is the one that worked in `directory`."""
    try:
        pid = int(pidfile.read_text())
    except (OSError, ValueError):
        return None
    return pid if is_alive(pid) and belongs_to(pid, directory) else None


def all_of(directory: Path) -> list[int]:
    """Every process of the lab that works in `directory`."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if belongs_to(pid, directory) and is_alive(pid)]


def terminate(pids: t.Iterable[int], patience: float) -> None:
    """End these processes: politely, and after `patience` seconds for good."""
    left = list(pids)
    for signum, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for pid in left:
            _signal(pid, signum)
        deadline = time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = [pid for pid in left if is_alive(pid)]


def _signal(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a crash leaves outside the lab's directory, found and removed: processes, mounts, cgroups."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import processes


def kill_cgroup(parent: str) -> None:
    """Kill every process below the cgroup `parent`: the processes of containers whose shim is gone, too."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        pids = _pids_below(parent)
        if not pids:
            break
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    for directory in _cgroup_directories(parent):
        _remove_cgroup(directory)


def forget_cgroup(parent: str) -> None:
    """Remove the cgroup `parent` if nothing is left in it."""
    for directory in _cgroup_directories(parent):
        with contextlib.suppress(OSError):
            directory.rmdir()


def unmount_below(directory: Path) -> None:
    """Unmount what is mounted below `directory`, the deepest first."""
    mounted = [_unescape(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for target in sorted((path for path in mounted if path.startswith(f"{directory}/")), reverse=True):
        subprocess.run(["umount", "--lazy", target], check=False, stderr=subprocess.DEVNULL)


def remove_tree(directory: Path) -> None:
    """Remove a directory of the lab, after its mounts and processes are gone."""
    if not directory.exists():
        return
    processes.terminate(processes.all_of(directory), patience=5)
    unmount_below(directory)
    try:
        shutil.rmtree(directory)
    except OSError:
        # A container that was made `dead` holds a file that only loses its attribute here.
        subprocess.run(["chattr", "-R", "-f", "-i", str(directory)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(directory)


def _unescape(path: str) -> str:
    return path.encode().decode("unicode_escape")


def _pids_below(parent: str) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            cgroups = Path(f"/proc/{entry}/cgroup").read_text()
        except OSError:
            continue
        paths = (line.split(":", 2)[2] for line in cgroups.splitlines() if line.count(":") >= 2)
        if any(path.startswith(f"{parent}/") for path in paths):
            found.append(int(entry))
    return found


def _cgroup_directories(parent: str) -> list[Path]:
    """Version 2 has one hierarchy, version 1 one for each controller."""
    root = Path("/sys/fs/cgroup")
    name = parent.lstrip("/")
    return [path for path in (root / name, *root.glob(f"*/{name}")) if path.is_dir() and not path.parent.is_symlink()]


def _remove_cgroup(directory: Path) -> None:
    for current, _directories, _files in os.walk(directory, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(current)

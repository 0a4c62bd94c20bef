# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab needs of the machine: root, and a few programs, which it installs itself where it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import typing as t
from pathlib import Path

from .errors import LabError

# Programs, and the Debian and Ubuntu packages that hold them.
_PACKAGES = {
    "dockerd": ("docker.io",),
    "mmdebstrap": ("mmdebstrap", "debian-archive-keyring"),
    "docker-registry": ("docker-registry",),
    "ssh-keygen": ("openssh-client",),
    "openssl": ("openssl",),
    "busybox": ("busybox-static",),
    "chromium": ("chromium",),
}
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
_APT_INSTALL = Path(__file__).parents[1] / "tools" / "apt-install"
_INSTALLING = threading.Lock()


def require(*commands: str) -> None:
    """Make sure that these programs are there; install what is missing."""
    if os.geteuid() != 0:
        raise LabError("the lab runs Docker Engines of its own, which takes root: run it as root (sudo -E)")
    # Several hosts are made at a time: the first one that finds something missing installs it for all.
    with _INSTALLING:
        missing = sorted({package for command in commands if not find(command) for package in _PACKAGES[command]})
        if missing:
            _install(missing)
    for command in commands:
        if not find(command):
            raise LabError(f"the lab needs {command}: install the package {_PACKAGES[command][0]}")


def find(command: str) -> str | None:
    """The path of a program, also where the caller's PATH lacks the system directories."""
    return shutil.which(command, path=_PATH)


def program(command: str) -> str:
    """The path of a program that `require` has made sure of."""
    path = find(command)
    if path is None:
        raise LabError(f"the lab needs {command}: install the package {_PACKAGES[command][0]}")
    return path


def _install(packages: t.Sequence[str]) -> None:
    output, nothing = subprocess.PIPE, subprocess.DEVNULL
    command = [str(_APT_INSTALL), *packages]
    installed = subprocess.run(command, stdin=nothing, stdout=output, stderr=subprocess.STDOUT, check=False)
    if installed.returncode != 0:
        reason = installed.stdout.decode(errors="replace").strip()[-800:]
        raise LabError(f"cannot install {', '.join(packages)}: {reason}")

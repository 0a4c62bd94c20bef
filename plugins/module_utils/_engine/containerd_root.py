# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The containerd daemons of this machine: where each listens, and where its own configuration says that it keeps its data."""

from __future__ import annotations

import glob
import os
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_ROOT = "/var/lib/containerd"
_DEFAULT_ADDRESS = "/run/containerd/containerd.sock"
_DEFAULT_CONFIG = "/etc/containerd/config.toml"
_PROC = "/proc"
_ROOT_RE = re.compile(r"""^\s*root\s*=\s*["']([^"']+)["']""", re.MULTILINE)
_IMPORTS_RE = re.compile(r"^\s*imports\s*=\s*\[([^\]]*)\]", re.MULTILINE)
_ADDRESS_RE = re.compile(r"""^\s*\[grpc\]\s*$(?:\n(?!\s*\[).*)*?\n\s*address\s*=\s*["']([^"']+)["']""", re.MULTILINE)
_TABLE_RE = re.compile(r"^\s*\[", re.MULTILINE)
_QUOTED_RE = re.compile(r"""["']([^"']+)["']""")


class Daemon(t.NamedTuple):
    """A containerd that runs here."""

    address: str
    root: str

    def listens_at(self, address: str) -> bool:
        """Whether it is the one at this address; C(/var/run) is C(/run) wherever containerd runs."""
        return _plain(self.address) == _plain(address)


def running_daemons(proc: str = _PROC) -> list[Daemon]:
    """Those that see the same directories as the module; none where their processes are not to be seen."""
    own = _mounts(os.path.join(proc, "self"))
    processes = (os.path.join(proc, name) for name in _listed(proc) if name.isdigit())
    daemons = (_daemon(arguments) for arguments in _containerds(processes, own))
    return sorted(dict.fromkeys(daemons))


def _containerds(processes: Iterator[str], own: str) -> Iterator[list[str]]:
    for process in processes:
        arguments = _read(os.path.join(process, "cmdline")).split("\0")
        if os.path.basename(arguments[0]) == "containerd" and _mounts(process) == own:
            yield arguments[1:]


def _daemon(arguments: Sequence[str]) -> Daemon:
    config = _option(arguments, "--config", "-c") or _DEFAULT_CONFIG
    text = _read(config)
    address = _ADDRESS_RE.search(text)
    return Daemon(
        _option(arguments, "--address", "-a") or (address.group(1) if address else _DEFAULT_ADDRESS),
        _option(arguments, "--root", "--root") or _root(config, text) or DEFAULT_ROOT,
    )


def _root(config: str, text: str) -> str:
    """The root that a configuration or what it imports sets; the last one counts. It stands before the first table."""
    table = _TABLE_RE.search(text)
    top = text[: table.start()] if table else text
    found = _ROOT_RE.findall(top)
    imports = _IMPORTS_RE.search(top)
    for pattern in _QUOTED_RE.findall(imports.group(1)) if imports else ():
        for path in sorted(glob.glob(os.path.join(os.path.dirname(config), pattern))):
            if path != config:
                imported = _read(path)
                table = _TABLE_RE.search(imported)
                found += _ROOT_RE.findall(imported[: table.start()] if table else imported)
    return found[-1] if found else ""


def _option(arguments: Sequence[str], long: str, short: str) -> str:
    for number, argument in enumerate(arguments):
        if argument in (long, short):
            return arguments[number + 1] if number + 1 < len(arguments) else ""
        if argument.startswith(f"{long}="):
            return argument[len(long) + 1 :]
    return ""


def _plain(address: str) -> str:
    path = address[len("unix://") :] if address.startswith("unix://") else address
    return path[len("/var") :] if path.startswith("/var/run/") else path


def _mounts(process: str) -> str:
    try:
        return os.readlink(os.path.join(process, "ns", "mnt"))
    except OSError:
        return ""


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""

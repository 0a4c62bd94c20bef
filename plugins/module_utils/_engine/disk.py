# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The file system that holds an Engine's data, when that is on the machine where the module runs: which, why, and how sure."""

from __future__ import annotations

import errno
import os
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.address import Address
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.containerd_root import (
    DEFAULT_ROOT,
    Daemon,
    running_daemons,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts

_REMEDY = "name the right one with disk_path"


class FileSystem(t.NamedTuple):
    """Bytes and inodes of a file system, as C(df) counts them: ``free`` is what an unprivileged user may fill.

    ``reason`` is why this path was measured; ``doubt`` is why it may be the wrong one, and empty where there is none.
    """

    path: str
    total: int
    used: int
    free: int
    inodes: int
    inodes_used: int
    inodes_free: int
    reason: str = ""
    doubt: str = ""

    @property
    def percent(self) -> float:
        """How full it is, of what an unprivileged user may fill."""
        return _percent(self.used, self.free)

    @property
    def inodes_percent(self) -> float:
        """The same of inodes; 0 where the file system does not count them."""
        return _percent(self.inodes_used, self.inodes_free)


class Place(t.NamedTuple):
    """A path, why it is the one, and why it may not be."""

    path: str
    reason: str
    doubt: str = ""


def read_file_system(docker_host: str, engine: EngineFacts, disk_path: str | None = None) -> FileSystem | None:
    """The file system of the Engine's images, or ``None`` where it is not to be seen from here.

    ``disk_path`` is what a task says of it, and is not doubted.
    """
    if disk_path:
        place = Place(disk_path, "disk_path names it")
    elif not _is_local(docker_host, engine):
        return None
    elif engine.store != CONTAINERD:
        place = Place(engine.data_root, "the data root of the Engine (DockerRootDir)")
    else:
        place = find_containerd_root(engine, running_daemons())
    try:
        status = os.statvfs(place.path)
    except OSError:
        return None
    return FileSystem(
        path=place.path,
        total=status.f_blocks * status.f_frsize,
        used=(status.f_blocks - status.f_bfree) * status.f_frsize,
        free=status.f_bavail * status.f_frsize,
        inodes=status.f_files,
        inodes_used=status.f_files - status.f_ffree,
        inodes_free=status.f_favail,
        reason=place.reason,
        doubt=place.doubt,
    )


def without_doubt(found: FileSystem | None) -> FileSystem | None:
    """A file system that removals may be decided by. Raises :class:`InvalidRequest` for one that may be the wrong one."""
    if found is not None and found.doubt:
        raise InvalidRequest(
            f"target.disk_path: it is needed, because {found.path} may not be the file system of the Engine's data: {found.doubt}"
        )
    return found


def _is_local(docker_host: str, engine: EngineFacts) -> bool:
    # A socket alone does not say where its Engine is: one that is mounted into a container is of an Engine that sees other directories.
    if not engine.data_root or engine.host != os.uname().nodename:
        return False
    try:
        return Address.parse(docker_host).is_local
    except ValueError:
        return False


def find_containerd_root(engine: EngineFacts, daemons: Iterable[Daemon]) -> Place:
    """Where the containerd of an Engine keeps images.

    No answer of the Engine shows it: containerd has a configuration of its own. What runs here says most; then what is on
    the disk: a directory of the Engine's snapshotter. One that the Engine started keeps all below the Engine's data root,
    where that of an earlier time may lie about.
    """
    daemons = list(daemons)
    if engine.containerd_address:
        daemons = [daemon for daemon in daemons if daemon.listens_at(engine.containerd_address)]
    running = list(dict.fromkeys(daemon.root for daemon in daemons))
    if engine.containerd_address and len(running) == 1:
        return Place(running[0], f"the root of the containerd at {engine.containerd_address}")
    roots = running or [DEFAULT_ROOT, os.path.join(engine.data_root, "containerd", "daemon")]
    looks = {root: _look(root, engine.driver) for root in roots}
    found = [root for root in roots if looks[root] == _THERE]
    denied = [root for root in roots if looks[root] == _DENIED]
    if denied and not found:
        return Place(denied[0], "a usual root", f"there is no permission to look at {' and '.join(denied)}: {_REMEDY}")
    if found:
        reason = f"the snapshots of {engine.driver} are there"
        if len(found + denied) == 1 or _are_one_file_system(found + denied):
            return Place(found[0], reason)
        return Place(found[0], reason, f"it may be any of {' and '.join(found + denied)}: {_REMEDY}")
    path = next((root for root in roots if os.path.isdir(root)), engine.data_root)
    doubt = (
        f"no snapshots of {engine.driver} are in {' or '.join(roots)}: containerd may keep them elsewhere; {_REMEDY}"
    )
    return Place(path, "nothing else is known", doubt)


_THERE, _ABSENT, _DENIED = "there", "absent", "denied"


def _look(root: str, driver: str) -> str:
    """Whether containerd keeps snapshots of this driver below a root."""
    try:
        os.stat(os.path.join(root, f"io.containerd.snapshotter.v1.{driver}"))
    except OSError as exc:
        return _DENIED if exc.errno in (errno.EACCES, errno.EPERM) else _ABSENT
    return _THERE


def _are_one_file_system(roots: Iterable[str]) -> bool:
    try:
        return len({os.stat(root).st_dev for root in roots}) == 1
    except OSError:
        return False


def _percent(used: int, free: int) -> float:
    return round(100 * used / (used + free), 1) if used + free else 0.0

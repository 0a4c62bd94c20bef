# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The file system that holds an Engine's data, when that is on the machine where the module runs."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts

#: Where a containerd of its own keeps images; one that the Engine started keeps them below the data root.
_CONTAINERD_ROOT = "/var/lib/containerd"


class FileSystem(t.NamedTuple):
    """Bytes and inodes of a file system, as C(df) counts them: ``free`` is what an unprivileged user may fill."""

    path: str
    total: int
    used: int
    free: int
    inodes: int
    inodes_used: int
    inodes_free: int

    @property
    def percent(self) -> float:
        """How full it is, of what an unprivileged user may fill."""
        return _percent(self.used, self.free)

    @property
    def inodes_percent(self) -> float:
        """The same of inodes; 0 where the file system does not count them."""
        return _percent(self.inodes_used, self.inodes_free)


def read_file_system(docker_host: str, engine: EngineFacts) -> FileSystem | None:
    """The file system of the Engine's images, or ``None`` where it is not to be seen from here."""
    if not _is_local(docker_host, engine):
        return None
    path = _images_root(engine)
    try:
        status = os.statvfs(path)
    except OSError:
        return None
    return FileSystem(
        path=path,
        total=status.f_blocks * status.f_frsize,
        used=(status.f_blocks - status.f_bfree) * status.f_frsize,
        free=status.f_bavail * status.f_frsize,
        inodes=status.f_files,
        inodes_used=status.f_files - status.f_ffree,
        inodes_free=status.f_favail,
    )


def _is_local(docker_host: str, engine: EngineFacts) -> bool:
    # A socket alone does not tell: one that is mounted into a container is of an Engine that sees other directories.
    return docker_host.startswith("unix://") and bool(engine.data_root) and engine.host == os.uname().nodename


def _images_root(engine: EngineFacts) -> str:
    if engine.store == CONTAINERD and not os.path.isdir(os.path.join(engine.data_root, "containerd", "daemon")):
        return _CONTAINERD_ROOT if os.path.isdir(_CONTAINERD_ROOT) else engine.data_root
    return engine.data_root


def _percent(used: int, free: int) -> float:
    return round(100 * used / (used + free), 1) if used + free else 0.0

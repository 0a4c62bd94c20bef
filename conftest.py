# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
from pathlib import Path

COLLECTIONS = Path(__file__).parent / ".cache" / "collections"


def link_collection() -> None:
    """Make this checkout importable as ansible_collections.imagewarden.docker, whatever its folder is called."""
    packages = COLLECTIONS / "ansible_collections"
    link = packages / "imagewarden" / "docker"
    link.parent.mkdir(parents=True, exist_ok=True)
    (packages / "__init__.py").touch()
    if not link.is_symlink():
        link.symlink_to("../../../..")
    sys.path.insert(0, str(COLLECTIONS))


link_collection()

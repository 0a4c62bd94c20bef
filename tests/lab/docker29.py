# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker 29, which Debian does not package: where its `dockerd` lies, and which Engines run where nobody names it.

The directory is what Docker's static release unpacks to (`docker/`). The environment names it, or `up --docker29 DIR`,
which the lab remembers until `down`.
"""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from .directory import LabDirectory
from .engines import ENGINES
from .errors import LabError

VARIABLE = "IMAGEWARDEN_LAB_DOCKER29"


def dockerd(lab: LabDirectory, environment: t.Mapping[str, str] | None = None) -> Path | None:
    """The `dockerd` of Docker 29, if a directory is named."""
    environment = os.environ if environment is None else environment
    named = environment.get(VARIABLE) or (lab.docker29.read_text() if lab.docker29.exists() else "")
    if not named:
        return None
    path = Path(named).expanduser().resolve() / "dockerd"
    if not os.access(path, os.X_OK) or not path.is_file():
        raise LabError(f"{VARIABLE} or --docker29 is {named!r}, and there is no program dockerd in it")
    return path


def remember(lab: LabDirectory, directory: str) -> None:
    """Use that directory until `down`."""
    found = dockerd(lab, {VARIABLE: directory})
    assert found is not None
    lab.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lab.docker29.write_text(str(found.parent))


def available(lab: LabDirectory, environment: t.Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The names of the Engines that can run here, in the order of the table."""
    has_binaries = dockerd(lab, environment) is not None
    return tuple(kind.name for kind in ENGINES if kind.is_packaged or has_binaries)


def missing(lab: LabDirectory, environment: t.Mapping[str, str] | None = None) -> str:
    """One line that says which Engines do not run here and why; nothing if all do."""
    names = available(lab, environment)
    skipped = [kind.name for kind in ENGINES if kind.name not in names]
    if not skipped:
        return ""
    return f"skipped: {', '.join(skipped)}: {VARIABLE} does not name a directory of Docker 29 (see tests/lab/README.md)"

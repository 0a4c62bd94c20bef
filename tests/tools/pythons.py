# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the Python interpreters of this machine: on PATH, and where pyenv and uv keep theirs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# What a managed host may have: the range of the oldest supported ansible-core's targets to the newest's.
MANAGED_HOST_VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def candidates(version: str) -> list[Path]:
    on_path = [Path(folder, f"python{version}") for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    uv = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"), "uv", "python")
    return [
        *on_path,
        *sorted(pyenv.glob(f"{version}.*/bin/python{version}"), reverse=True),
        *sorted(uv.glob(f"cpython-{version}.*/bin/python{version}"), reverse=True),
    ]


def answers_as(interpreter: Path, version: str) -> bool:
    """Tell whether it runs: pyenv puts commands on PATH that end in an error for a version that is not activated."""
    if not os.access(interpreter, os.X_OK):
        return False
    question = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([interpreter, "-c", question], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == version


def find(version: str) -> Path | None:
    return next((path for path in candidates(version) if answers_as(path, version)), None)


def find_all() -> dict[str, Path]:
    found = {version: find(version) for version in MANAGED_HOST_VERSIONS}
    return {version: path for version, path in found.items() if path is not None}

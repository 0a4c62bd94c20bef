# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module through C(ansible), as an operator does: another process, the module packed and sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


class Run(t.NamedTuple):
    """What a run printed, and the module's result."""

    code: int
    output: str
    result: dict[str, t.Any]


def run_ansible(
    module: str,
    arguments: t.Mapping[str, t.Any],
    *,
    check: bool = False,
    python: str | Path = sys.executable,
    environment: t.Mapping[str, str] | None = None,
) -> Run:
    """One task on this machine, with C(-v) as most people have it."""
    command = [
        str(Path(sys.executable).with_name("ansible")),
        "localhost",
        "--inventory=localhost,",
        "--connection=local",
    ]
    command += [f"--module-name=imagewarden.docker.{module}", f"--args={json.dumps(arguments)}"]
    command += [f"--extra-vars={json.dumps({'ansible_python_interpreter': str(python)})}", "-v"]
    finished = subprocess.run(
        [*command, *(["--check"] if check else [])],
        cwd=CHECKOUT,
        env={**ansible_environment(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    _before, _arrow, result = finished.stdout.partition(" => ")
    assert result, finished.stdout + finished.stderr
    return Run(finished.returncode, finished.stdout + finished.stderr, json.JSONDecoder().raw_decode(result)[0])


def ansible_environment() -> dict[str, str]:
    """This checkout as the collection, and nothing of the user's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "DOCKER_"))}
    return {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache" / "collections"),
        "ANSIBLE_CONFIG": str(_no_settings()),
        "ANSIBLE_NOCOLOR": "1",
        # The module comes on the interpreter's input: it need not be readable for anybody.
        "ANSIBLE_PIPELINING": "1",
    }


def _no_settings() -> Path:
    path = CHECKOUT / ".cache" / "no-settings.cfg"
    path.touch()
    return path

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Ansible with community.docker is: an environment of the benchmark's own, below .cache."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import conftest

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHECKOUT = Path(__file__).resolve().parents[2]
_DIRECTORY = CHECKOUT / ".cache" / "bench"
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class Ansible(t.NamedTuple):
    """An installation of Ansible. Both collections are run by the same one."""

    python: Path
    has_community_docker: bool

    @property
    def environment(self) -> dict[str, str]:
        """For every command of it."""
        return {
            "ANSIBLE_COLLECTIONS_PATH": str(conftest.COLLECTIONS),
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_HOST_KEY_CHECKING": "false",
        }

    def task(self, module: str, arguments: Mapping[str, t.Any]) -> Sequence[str]:
        """One task on this machine."""
        return [
            str(self.python.with_name("ansible")),
            *("localhost", "--inventory=localhost,", "--connection=local", f"--module-name={module}"),
            f"--args={json.dumps(arguments)}",
            f"--extra-vars={json.dumps({'ansible_python_interpreter': str(self.python)})}",
        ]

    def playbook(self, *arguments: str) -> Sequence[str]:
        """A playbook with these arguments."""
        return [str(self.python.with_name("ansible-playbook")), *arguments]

    def loop(
        self, directory: Path, name: str, module: str, arguments: Mapping[str, t.Any], items: t.Any
    ) -> Sequence[str]:
        """A play on this machine with one task for each of the items."""
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "connection": "local",
            "vars": {"ansible_python_interpreter": str(self.python)},
            "tasks": [{module: dict(arguments), "loop": items}],
        }
        path = directory / f"{name}.json"
        path.write_text(json.dumps([play]))
        return self.playbook("--inventory=localhost,", str(path))


def find_ansible() -> tuple[Ansible, str]:
    """That with community.docker, and how it came about; without an index, that of .venv."""
    environment = _DIRECTORY / "venv"
    stamp = environment / ".made-from"
    if not stamp.exists() or stamp.read_text() != _REQUIREMENTS.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        installed = subprocess.run([*pip, "-r", str(_REQUIREMENTS)], capture_output=True, text=True, check=False)
        if installed.returncode:
            return Ansible(Path(sys.executable), False), f"community.docker is not measured: {installed.stderr.strip()}"
        stamp.write_text(_REQUIREMENTS.read_text())
    pins = [line for line in _REQUIREMENTS.read_text().splitlines() if "==" in line]
    return Ansible(environment / "bin" / "python", True), ", ".join(pins)

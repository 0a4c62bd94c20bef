# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook cleanup over 50 hosts of an inventory, ten for each engine of the lab, over SSH: wall time and memory.

Beside it, the same inventory in a play with one empty task, which is what Ansible itself takes.

    python -m tests.bench.fleet --hosts 50 --forks 10
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import conftest
from tests.lab import state
from tests.lab.lab import Lab

_EMPTY = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]}]


class Measured(t.NamedTuple):
    """How a run ended, how long it took, and the most memory that its largest process held."""

    code: int
    seconds: float
    megabytes: float
    output: str


def measure(directory: Path, forks: int, *arguments: str) -> Measured:
    """Run C(ansible-playbook) in a process that does nothing else, so that its children's peak is its own."""
    script = (
        "import json, resource, subprocess, sys\n"
        "ended = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(json.dumps([ended.returncode, peak, ended.stdout + ended.stderr]))\n"
    )
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(conftest.COLLECTIONS),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", script, playbook, "-f", str(forks), *arguments],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    code, peak, output = json.loads(ended.stdout)
    return Measured(code, time.monotonic() - began, peak / 1024, output)


def inventory(lab: Lab, hosts: int) -> dict[str, t.Any]:
    """So many names, in turn for each host of the lab; the first of each host has something to remove."""
    running = lab.running()
    made = {}
    for number in range(hosts):
        host = running[number % len(running)]
        made[f"host-{number:03}"] = {
            "ansible_host": "127.0.0.1",
            "ansible_port": host.ssh_port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(lab.directory.ssh / "id_ed25519"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={lab.directory.ssh / 'known_hosts'}",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
    return {"all": {"hosts": made}}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--forks", type=int, default=10)
    options = parser.parse_args()
    lab = Lab()
    lab.up()
    for host in lab.running():
        engine = lab.engine(host.kind.name)
        engine.reset()
        state.import_image(engine.client, "app:1")
        state.container(engine.client, "app:1", "exited", name="old")
        state.import_image(engine.client, None)
    with tempfile.TemporaryDirectory(prefix="imagewarden-fleet-") as name:
        directory = Path(name)
        (directory / "inventory.json").write_text(json.dumps(inventory(lab, options.hosts)))
        (directory / "empty.json").write_text(json.dumps(_EMPTY))
        variables = {
            "image_cleanup_containers": {"states": ["exited"]},
            # Names for the same Engine race: what one of them removes, another may still see held.
            "image_cleanup_images": {"names": ["app:1"], "on_conflict": "skip"},
            "image_cleanup_report_dir": str(directory / "reports"),
        }
        common = ("-i", "inventory.json")
        empty = measure(directory, options.forks, *common, "empty.json")
        cleanup = measure(directory, options.forks, *common, "-e", json.dumps(variables), "imagewarden.docker.cleanup")
        if cleanup.code:
            print(cleanup.output)
            return 1
        total = json.loads((directory / "reports" / "report.json").read_text())["total"]
    print(
        f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {options.hosts} hosts, -f {options.forks}"
    )
    print(f"one empty task  {empty.seconds:7.1f} s  {empty.megabytes:6.0f} MB")
    print(f"cleanup         {cleanup.seconds:7.1f} s  {cleanup.megabytes:6.0f} MB")
    print(total["summary"])
    engines = len(lab.running())
    return (
        0 if (total["hosts"], total["failed"]) == (options.hosts, 0) and total["containers_removed"] >= engines else 1
    )


if __name__ == "__main__":
    sys.exit(main())

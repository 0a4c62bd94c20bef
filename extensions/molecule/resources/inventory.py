#!/usr/bin/env python
# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory of the scenarios: the hosts of the engine lab that run, over SSH, as a fleet is reached."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.lab.lab import Lab


def inventory() -> dict[str, object]:
    """Hosts with what SSH needs; their Engines are where Engines are."""
    lab = Lab()
    hosts = {
        host.kind.name: {
            "ansible_host": "127.0.0.1",
            "ansible_port": host.ssh_port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(lab.directory.ssh / "id_ed25519"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={lab.directory.ssh / 'known_hosts'} -o IdentitiesOnly=yes",
            "ansible_python_interpreter": "/usr/bin/python3",
            "lab_store": host.kind.store,
            "lab_socket": str(host.socket),
        }
        for host in lab.running()
    }
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {
        "all": {"children": ["fleet", "ungrouped"]},
        "ungrouped": {"hosts": ["localhost"]},
        "fleet": {"hosts": sorted(hosts)},
        "_meta": {"hostvars": {**hosts, "localhost": local}},
    }


if __name__ == "__main__":
    print(json.dumps(inventory(), indent=1))

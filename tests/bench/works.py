# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured: removing images, tags and containers that do not stop, fleets, and planning."""

from __future__ import annotations

import concurrent.futures
import json
import sys
import typing as t

from tests.bench.contest import Contest, Contestant
from tests.lab import state

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.bench.installation import Ansible
    from tests.lab.engine import Engine
    from tests.lab.lab import Lab

#: The loop over community.docker is not run on more: it takes a module start for each.
_MOST_OF_A_LOOP = 100
_STOP_SECONDS = 3
_IGNORES_SIGTERM = ("/bin/busybox", "sh", "-c", "trap '' TERM; while true; do busybox sleep 1; done")


def images(engine: Engine, ansible: Ansible, directory: Path, count: int) -> Contest:
    """Removing images that have one name each."""
    names = [f"bench:{number}" for number in range(count)]
    task = {"docker_host": engine.docker_host, "names": names}
    return Contest(
        f"remove images, {engine.name}",
        f"{count} images",
        [
            Contestant("docker rmi", ["docker", "--host", engine.docker_host, "rmi", *names], is_base=True),
            *_ours(ansible, "image_remove", task),
            *_theirs(ansible, directory, engine, names),
        ],
        lambda: _import(engine, names),
        lambda: _left(engine, "bench"),
    )


def tags(engine: Engine, ansible: Ansible, directory: Path, count: int) -> Contest:
    """Removing tags, ten of each image."""
    names = [f"bench:{number}" for number in range(count)]

    def prepare() -> None:
        for first in range(0, count, 10):
            image = state.import_image(engine.client, names[first], runnable=False)
            for name in names[first + 1 : first + 10]:
                state.tag(engine.client, image, name)

    task = {"docker_host": engine.docker_host, "names": names}
    return Contest(
        f"remove tags, {engine.name}",
        f"{count} tags of {count // 10} images",
        [
            Contestant("docker rmi", ["docker", "--host", engine.docker_host, "rmi", *names], is_base=True),
            *_ours(ansible, "image_remove", task),
            *_theirs(ansible, directory, engine, names),
        ],
        prepare,
        lambda: _left(engine, "bench"),
    )


def stubborn(engine: Engine, ansible: Ansible, directory: Path, count: int) -> Contest:
    """Stopping and removing containers that ignore SIGTERM."""
    names = [f"stubborn-{number}" for number in range(count)]

    def prepare() -> None:
        image = state.import_image(engine.client, "stubborn:1")
        for name in names:
            state.container(engine.client, image, "running", name=name, command=_IGNORES_SIGTERM)

    def finished() -> str:
        left = engine.client.containers(all=True)
        return f"{len(left)} containers are left" if left else ""

    docker = f"docker --host {engine.docker_host}"
    together = " ".join(names)
    commands = f"{docker} stop --time {_STOP_SECONDS} {together} && {docker} rm {together}"
    task = {
        "docker_host": engine.docker_host,
        "names": names,
        "states": ["running"],
        "stop_timeout": _STOP_SECONDS,
    }
    contestants = [
        Contestant("docker stop && docker rm", ["sh", "-c", commands], is_base=True),
        *_ours(ansible, "container_remove", task),
    ]
    if ansible.has_community_docker:
        theirs = {
            "docker_host": engine.docker_host,
            "name": "{{ item }}",
            "state": "absent",
            "stop_timeout": _STOP_SECONDS,
        }
        loop = ansible.loop(directory, "containers", "community.docker.docker_container", theirs, names)
        contestants.append(Contestant("loop over community.docker", loop, environment=ansible.environment))
    return Contest(f"stop and remove, {engine.name}", f"{count} containers", contestants, prepare, finished)


def fleet(lab: Lab, ansible: Ansible, directory: Path, hosts: int, forks: int) -> Contest:
    """The playbooks over an inventory of so many names for the hosts of the lab, over SSH."""
    (directory / "inventory.json").write_text(json.dumps(_inventory(lab, hosts)))
    empty = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]}]
    (directory / "empty.json").write_text(json.dumps(empty))
    variables = {
        "image_cleanup_containers": {"states": ["exited"]},
        # Names for the same Engine race: what one of them removes, another may still see held.
        "image_cleanup_images": {"names": ["app:1"], "on_conflict": "skip"},
    }

    def prepare() -> None:
        for host in lab.running():
            engine = lab.engine(host.kind.name)
            engine.reset()
            state.import_image(engine.client, "app:1")
            state.container(engine.client, "app:1", "exited", name="old")
            state.import_image(engine.client, None)

    common = ("-i", "inventory.json", "-f", str(forks))
    playbooks = {
        "a play with one empty task": ["empty.json"],
        "audit": ["-e", json.dumps(variables), "imagewarden.docker.audit"],
        "cleanup": ["-e", json.dumps(variables), "imagewarden.docker.cleanup"],
    }
    return Contest(
        f"fleet, -f {forks}",
        f"{hosts} hosts",
        [
            Contestant(name, ansible.playbook(*common, *rest), name.startswith("a "), ansible.environment, directory)
            for name, rest in playbooks.items()
        ],
        prepare,
    )


def planner(references: int) -> Contest:
    """Planning a policy, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.planner", str(references)]
    return Contest("plan a policy", f"{references} references", [Contestant("image_prune_policy", command)])


def _ours(ansible: Ansible, module: str, task: Mapping[str, t.Any]) -> list[Contestant]:
    command = ansible.task(f"imagewarden.docker.{module}", task)
    alone = [sys.executable, "-m", "tests.bench.module", module, json.dumps(task)]
    return [
        Contestant(module, command, environment=ansible.environment),
        Contestant(f"{module}, without Ansible's start", alone),
    ]


def _theirs(ansible: Ansible, directory: Path, engine: Engine, names: Sequence[str]) -> list[Contestant]:
    if not ansible.has_community_docker or len(names) > _MOST_OF_A_LOOP:
        return []
    task = {"docker_host": engine.docker_host, "name": "{{ item }}", "state": "absent"}
    loop = ansible.loop(directory, "images", "community.docker.docker_image", task, names)
    return [Contestant("loop over community.docker", loop, environment=ansible.environment)]


def _import(engine: Engine, names: Sequence[str]) -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: state.import_image(engine.client, name, runnable=False), names))


def _left(engine: Engine, repository: str) -> str:
    left = engine.client.images(repository)
    return f"{len(left)} images are left" if left else ""


def _inventory(lab: Lab, hosts: int) -> dict[str, t.Any]:
    """So many names, in turn for each host of the lab."""
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

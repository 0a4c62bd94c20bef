# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Swarm of the lab's Engines that is cleaned up between its moves, while the registry is stopped: no task may need a pull.

    python -m tests.campaign.swarm --engines e26-graph,e28-graph,e28-containerd

A service is updated, rolled back, moved to every node, scaled to 0 and up again. Before each of these steps, the playbook
removes from all nodes everything that no container uses, but for what is used elsewhere. Two images that nobody needs are the
proof that it removes at all.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
import typing as t
from pathlib import Path

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.integration.role_run import run_playbook
from tests.lab import archive, published, state
from tests.lab.lab import Lab

if t.TYPE_CHECKING:
    from tests.lab.engine import Engine

_PATIENCE = 120
#: Task containers that have ended, too: nothing but the Swarm itself says that their images are needed.
_VARIABLES = {
    "image_cleanup_containers": {"states": ["created", "exited", "dead"], "orchestrated": True},
    "image_cleanup_keep_used_on": "all",
    "image_cleanup_totals": False,
}


class Swarm:
    """Managers and workers on loopback addresses, with one service on the first Engine."""

    def __init__(self, engines: t.Sequence[Engine], images: t.Sequence[str]) -> None:
        self.engines, self.images = engines, images
        self.manager = engines[0].client
        self.nodes: dict[str, str] = {}
        self.service = ""

    def start(self) -> None:
        """All but the last Engine are managers, where there are three or more."""
        first = "127.0.0.2:2377"
        self.manager.init_swarm(advertise_addr=first, listen_addr=first)
        tokens = self.manager.inspect_swarm()["JoinTokens"]
        for number, engine in enumerate(self.engines[1:], 3):
            token = tokens["Manager" if number < len(self.engines) + 1 else "Worker"]
            own = f"127.0.0.{number}:2377"
            engine.client.join_swarm([first], token, listen_addr=own, advertise_addr=own)
        self.nodes = {engine.name: engine.client.info()["Swarm"]["NodeID"] for engine in self.engines}

    def stop(self) -> None:
        """Every node leaves."""
        for engine in reversed(self.engines):
            with contextlib.suppress(Exception):
                engine.client.leave_swarm(force=True)

    def create(self) -> None:
        """The service, with one task on the first Engine."""
        template, mode = self._template(self.images[0], self.engines[0].name), {"Replicated": {"Replicas": 1}}
        self.service = self.manager.create_service(template, name="shop", mode=mode)["ID"]

    def update(self, image: str, node: str, replicas: int = 1) -> None:
        """Another image, another node, or another number of tasks."""
        self._update(task_template=self._template(image, node), mode={"Replicated": {"Replicas": replicas}})

    def roll_back(self) -> None:
        """As C(docker service rollback) does."""
        self.manager._result(
            self.manager._post_json(
                self.manager._url("/services/{0}/update", self.service),
                data=self._inspected()["Spec"],
                params={"version": self._inspected()["Version"]["Index"], "rollback": "previous"},
            ),
            json=True,
        )

    def wait(self, image: str, node: str) -> None:
        """Until the one task that is wanted runs there."""
        ends = time.monotonic() + _PATIENCE
        while True:
            tasks = self.manager.tasks(filters={"service": self.service, "desired-state": "running"})
            found = [
                (task["Status"]["State"], task["Spec"]["ContainerSpec"]["Image"], task.get("NodeID")) for task in tasks
            ]
            if found == [("running", image, self.nodes[node])]:
                return
            if time.monotonic() > ends:
                every = [task["Status"] for task in self.manager.tasks(filters={"service": self.service})]
                raise AssertionError(f"no task of {image} runs on {node}: {every}")
            time.sleep(0.2)

    def _inspected(self) -> dict[str, t.Any]:
        found: dict[str, t.Any] = self.manager.inspect_service(self.service)
        return found

    def _update(self, **changes: t.Any) -> None:
        self.manager.update_service(self.service, self._inspected()["Version"]["Index"], name="shop", **changes)

    def _template(self, image: str, node: str) -> dict[str, t.Any]:
        return {
            "ContainerSpec": {"Image": image, "Command": list(state.SLEEP), "StopGracePeriod": 0},
            "Placement": {"Constraints": [f"node.id=={self.nodes[node]}"]},
            "RestartPolicy": {"Condition": "any", "Delay": 0},
            "Networks": [{"Target": "host"}],
        }


def clean(engines: t.Sequence[Engine], directory: Path, serial: int | str = "100%") -> None:
    """Remove from all nodes what neither they nor others use."""
    hosts = {
        engine.name: {
            **_VARIABLES,
            "image_cleanup_docker": {"docker_host": engine.docker_host},
            "image_cleanup_policy": {
                "remove": {"all_unused": True},
                "usage_file": str(directory / f"{engine.name}.json"),
            },
        }
        for engine in engines
    }
    run = run_playbook("imagewarden.docker.cleanup", hosts, directory, image_cleanup_serial=serial)
    assert run.code == 0, run.output


def images_of(engine: Engine) -> list[str]:
    """The tags that are there, without the registry's address."""
    names = (name for row in engine.client.images() for name in row["RepoTags"] or [])
    return sorted(name.rpartition("/")[2] for name in names if "<none>" not in name)


def run(lab: Lab, engines: t.Sequence[Engine], directory: Path) -> t.Iterator[str]:
    """The scenario, with a line for each step that held."""
    registry = lab.registry
    registry.start()
    names = [f"{registry.address}/shop:{number}" for number in (1, 2, 3)]
    for name in names:
        layer = archive.token_layer(name, runnable=True)
        published.publish(registry, name.partition("/")[2], archive.Image((layer,)))
        for engine in engines:
            state.pull(engine.client, name)
    first, second, _nobody = names
    swarm = Swarm(engines, names)
    try:
        swarm.start()
        here = engines[0].name
        swarm.create()
        swarm.wait(first, here)
        swarm.update(second, here)
        swarm.wait(second, here)
        registry.stop()
        clean(engines, directory)
        assert {engine.name: images_of(engine) for engine in engines} == {
            engine.name: ["shop:1", "shop:2"] for engine in engines
        }
        yield f"all {len(engines)} nodes kept the image of the task and that of its rollback, and lost the third one"
        swarm.roll_back()
        swarm.wait(first, here)
        yield "rolled back"
        for engine in engines[1:]:
            clean(engines, directory, serial=1)
            swarm.update(first, engine.name)
            swarm.wait(first, engine.name)
            yield f"moved to {engine.name}"
        last = engines[-1].name
        swarm.update(first, last, replicas=0)
        clean(engines, directory)
        assert [images_of(engine) for engine in engines] == [["shop:1"]] * len(engines)
        yield "scaled to 0: all nodes kept its image, and lost the second one"
        swarm.update(first, here, replicas=1)
        swarm.wait(first, here)
        yield f"scaled up on {here}"
    finally:
        swarm.stop()
        registry.start()


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Run the scenario once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--engines", default="e26-graph,e28-graph,e28-containerd", help="two or more, separated by commas"
    )
    options = parser.parse_args(arguments)
    lab, names = Lab(), options.engines.split(",")
    lab.up(names)
    began = time.monotonic()
    with contextlib.ExitStack() as held:
        engines = [held.enter_context(lab.engine(name).exclusive()) for name in names]
        directory = Path(held.enter_context(tempfile.TemporaryDirectory()))
        for engine in engines:
            engine.reset()
        for step in run(lab, engines, directory):
            print(f"{time.monotonic() - began:6.1f} s  {step}", flush=True)
    print("every task started without a pull")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes what an Engine of the lab holds when a scenario begins: C(situation.py ENGINE SITUATION)."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.lab import state
from tests.lab.lab import Lab

if t.TYPE_CHECKING:
    from docker import APIClient

#: Ends when it is asked to, so that nobody waits for ten seconds.
OBEDIENT = ("/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do /bin/busybox sleep 0.05; done")


def chain(client: APIClient) -> None:
    """A stopped container that holds an image, a running one, two tags of one image, and a dangling image."""
    state.import_image(client, "redis:7")
    state.container(client, "redis:7", "exited", name="cache-old")
    app = state.import_image(client, "app:1")
    state.tag(client, app, "app:latest")
    state.container(client, app, "running", name="app", command=OBEDIENT)
    state.import_image(client, None)


def shared(client: APIClient) -> None:
    """Images with several references over several repositories, and a child that shares layers with its parent."""
    app = state.import_image(client, "app:1")
    for reference in ("app:latest", "registry.example.com/app:1", "registry.example.com/app:candidate"):
        state.tag(client, app, reference)
    state.derive(client, app, "worker:1")
    state.container(client, app, "running", name="app", command=OBEDIENT)
    state.import_image(client, "old:1")


def containers(client: APIClient) -> None:
    """A container in every state that can be made at will, also ones that the Engine removes by itself."""
    app = state.import_image(client, "app:1")
    for kind in ("created", "running", "paused", "exited", "restarting"):
        command = OBEDIENT if kind in ("running", "paused") else None
        state.container(client, app, kind, name=kind, command=command)
    state.container(client, app, "running", name="auto", auto_remove=True, command=OBEDIENT)
    state.container(client, app, "running", name="kept", command=OBEDIENT)
    state.container(client, app, "exited", name="pod", labels={"io.kubernetes.pod.name": "pod"})
    base = state.import_image(client, "base:1")
    state.container(client, base, "exited", name="last-user")


SITUATIONS = {function.__name__: function for function in (chain, shared, containers)}


def main() -> None:
    name, situation = sys.argv[1:]
    engine = Lab().engine(name)
    engine.reset()
    SITUATIONS[situation](engine.client)


if __name__ == "__main__":
    main()

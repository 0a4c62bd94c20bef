# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts an Engine, fills it, cleans it up with the playbook beside this file, and shows what that changes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

from docker import APIClient

from tests.lab import archive, machine, published, state
from tests.lab.directory import LabDirectory
from tests.lab.errors import LabError
from tests.lab.private_engine import private_engine
from tests.lab.registry import Registry

HERE = Path(__file__).parent
ROOT = HERE.parent


def main() -> int:
    machine.require("dockerd", "docker-registry", "busybox")
    with tempfile.TemporaryDirectory(prefix="imagewarden-demo-") as directory:
        lab = LabDirectory(Path(directory))
        with _started(lab) as (client, docker_host, registry):
            pulled = fill(client, registry)
            say("A private Docker Engine was started and filled. It holds:")
            show(client)
            say("The playbook in check mode: what would it do?")
            before = everything(client)
            foretold = play(docker_host, pulled, "--check", "--diff")
            if everything(client) != before:
                raise LabError("check mode changed the Engine")
            say("Check mode touched nothing: images and containers are what they were. Now the playbook for real:")
            done = play(docker_host, pulled, "--diff")
            if done != foretold:
                raise LabError("the run differs from what check mode foretold")
            say("That was, word for word, what check mode foretold. What is left:")
            show(client)
            say("The playbook once more: there is nothing left to do.")
            play(docker_host, pulled, "--diff")
    say("The Engine is gone. README.md tells how to run the same against your own hosts.")
    return 0


@contextlib.contextmanager
def _started(lab: LabDirectory) -> t.Iterator[tuple[APIClient, str, Registry]]:
    engine, registry = private_engine(lab), Registry(lab.own_registry)
    try:
        engine.start()
        registry.start()
        yield APIClient(base_url=engine.docker_host, version="auto"), engine.docker_host, registry
    finally:
        registry.purge()
        engine.purge()


def fill(client: APIClient, registry: Registry) -> str:
    """A small host: releases on shared layers, containers that hold some, leftovers of builds, and an image pulled by digest."""
    base = archive.token_layer("base", size_bytes=4_000_000, runnable=True)
    # The order of creation; the oldest first.
    releases = [
        ("2025-11-03T08:00:00Z", ["shop:1.4"], 1_500_000),
        ("2026-02-17T08:00:00Z", ["shop:1.5", "shop:previous"], 1_600_000),
        ("2026-06-09T08:00:00Z", ["shop:1.6", "shop:latest", "registry.example.com/shop:1.6"], 1_700_000),
        ("2026-01-20T08:00:00Z", ["worker:2.0"], 900_000),
        ("2026-05-11T08:00:00Z", ["worker:2.1"], 950_000),
        ("2026-07-01T08:00:00Z", ["registry.example.com/ci/shop:pr-412"], 800_000),
        ("2026-07-02T08:00:00Z", ["registry.example.com/ci/shop:pr-415"], 810_000),
        ("2026-07-02T09:00:00Z", ["registry.example.com/ci/shop:pr-398-audit"], 820_000),
        ("2026-07-03T08:00:00Z", [], 700_000),
        ("2026-07-04T08:00:00Z", [], 710_000),
    ]
    for created, names, size in releases:
        own = archive.token_layer(state.token(), size_bytes=size)
        state.load_image(client, names, created=created, layers=[base, own])
    state.container(client, "shop:1.6", "running", name="shop-web")
    state.container(client, "worker:2.0", "exited", name="worker-last-night")
    tool = archive.Image((archive.token_layer("tool", size_bytes=600_000),), created="2026-03-01T08:00:00Z")
    pulled = f"{registry.address}/tools/backup@{published.publish(registry, 'tools/backup:3', tool)}"
    state.pull(client, pulled)
    return pulled


def show(client: APIClient) -> None:
    """The images as an operator would list them, the newest first."""
    users: dict[str, list[str]] = {}
    for container in client.containers(all=True):
        users.setdefault(container["ImageID"], []).append(f"{container['Names'][0][1:]} ({container['State']})")
    rows = [("REFERENCE", "IMAGE", "SIZE", "USED BY")]
    for image in sorted(client.images(all=True), key=lambda image: -image["Created"]):
        tags = [name for name in image["RepoTags"] or [] if "<none>" not in name]
        digests = [name for name in image["RepoDigests"] or [] if "<none>" not in name]
        size, used = f"{image['Size'] / 1e6:.1f} MB", ", ".join(users.get(image["Id"], []))
        rows += [(_short(name), image["Id"][7:19], size, used) for name in tags or digests or ["<untagged>"]]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print(
            "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        )
    print(flush=True)


def everything(client: APIClient) -> tuple[object, object]:
    """All that the Engine tells of its images and containers, but for how long these have been up."""
    containers = [{**container, "Status": None} for container in client.containers(all=True)]
    return sorted(client.images(all=True), key=lambda image: image["Id"]), containers


def _short(name: str) -> str:
    repository, at, digest = name.partition("@sha256:")
    return f"{repository}@sha256:{digest[:12]}…" if at else name


def say(text: str) -> None:
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def play(docker_host: str, pulled: str, *options: str) -> str:
    """Run the playbook as an operator would, with this checkout as the installed collection; returns what it printed."""
    print(f"$ ansible-playbook demo/playbook.yml {' '.join(options)}", flush=True)
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        *("--inventory", "localhost,", "--connection", "local"),
        *("--extra-vars", f"ansible_python_interpreter={sys.executable}"),
        *("--extra-vars", f"demo_docker_host={docker_host} demo_pulled_digest={pulled}"),
        str(HERE / "playbook.yml"),
        *options,
    ]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_FORCE_COLOR": "1" if sys.stdout.isatty() else "0",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
    }
    printed = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode:
        raise LabError(f"the playbook failed with exit code {process.returncode}")
    return "".join(printed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"make demo: {error}")
    except KeyboardInterrupt:
        sys.exit("make demo: interrupted; the Engine is gone")

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audits the Engines of the lab twice as a fleet, and photographs the page of the second audit: docs/images/page-*.png."""

from __future__ import annotations

import random
import sys
import tempfile
import typing as t
from pathlib import Path

from demo.picture import IMAGES
from demo.show import ROOT
from tests.integration.browser import Browser
from tests.integration.role_run import run_playbook
from tests.lab import archive, state
from tests.lab.errors import LabError
from tests.lab.lab import Lab

#: Of the window: what is below does not fit into a guide.
WIDTH, HEIGHT = 1100, 1330
#: What the hosts are called, and the applications that each of them runs. The last one is not there.
HOSTS = {
    "shop-1": ("shop", "worker"),
    "shop-2": ("shop", "worker"),
    "wiki-1": ("wiki",),
    "build-1": ("ci/shop", "ci/wiki", "ci/worker"),
    "build-2": ("ci/shop", "ci/wiki"),
}
GONE = {"shop-3": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}}
CLEANUP = {
    "image_cleanup_containers": {"states": ["exited"]},
    "image_cleanup_policy": {
        "remove": {"all_unused": True, "dangling": True},
        "keep": {"newest": 2, "newest_by": "version"},
        "details": "all",
    },
}


def main() -> int:
    hosts: dict[str, dict[str, t.Any]] = {}
    with tempfile.TemporaryDirectory(prefix="imagewarden-page-") as name, Browser.started() as browser:
        directory = Path(name)
        lab = Lab()
        for (host, applications), running in zip(HOSTS.items(), lab.running(), strict=False):
            engine = lab.engine(running.kind.name)
            engine.reset()
            fill(engine.client, host, applications, 1)
            hosts[host] = {"image_cleanup_docker": {"docker_host": engine.docker_host}, **CLEANUP}
        if not hosts:
            raise LabError("no Engine of the lab runs: python -m tests.lab up")
        audit({**hosts, **GONE}, directory)
        for (host, applications), running in zip(HOSTS.items(), lab.running(), strict=False):
            fill(lab.engine(running.kind.name).client, host, applications, 2)
        audit({**hosts, **GONE}, directory)
        for look in ("light", "dark"):
            browser.look_as(dark=look == "dark", width=WIDTH, height=HEIGHT)
            browser.open(directory / "reports" / "report.html")
            browser.picture(IMAGES / f"page-{look}.png")
            print((IMAGES / f"page-{look}.png").relative_to(ROOT))
    return 0


def fill(client: t.Any, host: str, applications: t.Sequence[str], day: int) -> None:
    """A few releases of each application on a base that they share, the newest of them running, and leftovers of builds."""
    sizes = random.Random(f"{host} {day}")
    base = archive.token_layer("base", size_bytes=3_000_000, runnable=True)
    for application in applications:
        name = f"registry.example.com/{application}"
        for release in range(1, 7):
            own = archive.token_layer(state.token(), size_bytes=sizes.randrange(200_000, 1_500_000))
            created = f"2026-{release:02}-{day + 10:02}T08:00:00Z"
            state.load_image(client, f"{name}:{day}.{release}", created=created, layers=[base, own])
        state.container(client, f"{name}:{day}.6", "running", name=f"{application.replace('/', '-')}-{day}")
        state.container(client, f"{name}:{day}.1", "exited", name=f"{application.replace('/', '-')}-{day}-old")
    for _leftover in range(3):
        own = archive.token_layer(state.token(), size_bytes=sizes.randrange(200_000, 900_000))
        state.load_image(client, [], created="2026-07-03T08:00:00Z", layers=[base, own])


def audit(hosts: dict[str, dict[str, t.Any]], directory: Path) -> None:
    """One that writes its report, in which a host that cannot be reached has failed."""
    run = run_playbook("imagewarden.docker.audit", hosts, directory)
    if "report" not in run.reports:
        raise LabError(f"the audit wrote no report:\n{run.last_lines}")


if __name__ == "__main__":
    sys.exit(main())

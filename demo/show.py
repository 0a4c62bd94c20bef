# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts an Engine, fills it, audits it and cleans it up with the collection's playbooks, and shows what each step changes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
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
HOST = "web01"
COLUMNS = 100
#: What the playbooks write stays here, so that their pages can be opened afterwards.
REPORTS = ROOT / "build" / "demo"


def main() -> int:
    machine.require("dockerd", "docker-registry", "busybox")
    with tempfile.TemporaryDirectory(prefix="imagewarden-demo-") as directory:
        lab = LabDirectory(Path(directory))
        with _started(lab) as (client, docker_host, registry):
            fill(client, registry)
            shutil.rmtree(REPORTS, ignore_errors=True)
            tell(client, Playbooks(docker_host, REPORTS))
    _give_to_the_user(REPORTS.parent)
    say("The private Engine was removed. README.md says how to run the same on your hosts.")
    print("The audit and the cleanup as pages for a browser:")
    for name in ("audit", "cleanup"):
        print(f"  {REPORTS / name / 'report.html'}", flush=True)
    return 0


def _give_to_the_user(directory: Path) -> None:
    """What sudo wrote belongs to who called it."""
    if "SUDO_UID" in os.environ:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]), follow_symlinks=False)


def tell(client: APIClient, playbooks: Playbooks) -> None:
    """The demonstration itself; it fails if a promise of the collection does not hold."""
    say("A host, played by a private Docker Engine. Its images:")
    show(client)
    say("What shall be removed (demo/variables.yml): a chain of containers, tags and a policy")
    print((HERE / "variables.yml").read_text().partition("happens.\n")[2], flush=True)

    say("Audit: what would that remove, and why does the rest stay?")
    before = everything(client)
    predicted = playbooks.run("audit", "--diff")
    print_report(predicted)
    if everything(client) != before:
        raise LabError("the audit changed the Engine")

    say("The audit changed nothing. Now for real:")
    done = playbooks.run("cleanup", "--diff")
    print_space(done)
    if removals(done) != removals(predicted):
        raise LabError("the run differs from what the audit predicted")

    say("Exactly what the audit predicted was removed. Once more: nothing is left to do.")
    again = playbooks.run("cleanup", "--diff", reports="again")
    print_report(again, reasons=False)
    if again["changed"]:
        raise LabError("a second run changed something")

    say("And `docker image prune --all`? On the images that were kept, it removes:")
    kept = {image["id"]: image for image in images_of(again)}
    client.prune_images(filters={"dangling": False})
    left = {image["Id"] for image in client.images()}
    for image_id in [image_id for image_id in kept if image_id not in left]:
        print_reason(kept[image_id])
    print(flush=True)


class Playbooks:
    """The collection's playbooks, run as an operator runs them, with this checkout as the installed collection."""

    def __init__(self, docker_host: str, reports: Path) -> None:
        self._reports = reports
        self._options = [
            *("--inventory", f"{HOST},", "--connection", "local"),
            *("--extra-vars", f"ansible_python_interpreter={sys.executable}"),
            *("--extra-vars", json.dumps({"image_cleanup_docker": {"docker_host": docker_host}})),
            *("--extra-vars", f"@{HERE / 'variables.yml'}"),
        ]

    def run(self, name: str, *options: str, reports: str | None = None) -> dict[str, t.Any]:
        """Run one of them, show what it prints of changes, and return the host's report."""
        directory = self._reports / (reports or name)
        shown = ["ansible-playbook", f"imagewarden.docker.{name}", "-i inventory -e @demo/variables.yml", *options]
        print(bold(f"$ {' '.join(shown)}") + "\n", flush=True)
        command = [str(Path(sys.executable).parent / shown[0]), shown[1], *self._options, *options]
        command += ["--extra-vars", json.dumps({"image_cleanup_report_dir": str(directory)})]
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
            "ANSIBLE_FORCE_COLOR": "1" if colours() else "0",
            "ANSIBLE_NOCOWS": "1",
            # What changes, and nothing else; the summary comes from the report.
            "ANSIBLE_DISPLAY_OK_HOSTS": "no",
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "no",
            "COLUMNS": str(COLUMNS),
        }
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as process:
            for block in _blocks(process.stdout or ()):
                print(block, flush=True)
        if process.returncode:
            raise LabError(f"the playbook failed with exit code {process.returncode}")
        return dict(json.loads((directory / f"{HOST}.json").read_text()))


def _blocks(lines: t.Iterable[str]) -> t.Iterator[str]:
    """The paragraphs that Ansible prints, but for its bookkeeping, which is as long as what happened."""
    block: list[str] = []
    for line in (*lines, "\n"):
        if line.strip():
            block.append(line)
            continue
        text = "".join(block)
        if block and "included: " not in text and "PLAY RECAP" not in text:
            yield text
        block = []


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


def fill(client: APIClient, registry: Registry) -> None:
    """A small host: releases on shared layers, containers that hold some, leftovers of builds, and an image pulled by digest."""
    base = archive.token_layer("base", size_bytes=4_000_000, runnable=True)
    # The order of creation; the oldest first.
    releases = [
        ("2025-11-03T08:00:00Z", ["shop:1.4"], 1_500_000),
        ("2026-02-17T08:00:00Z", ["shop:1.5", "shop:previous"], 1_600_000),
        ("2026-06-09T08:00:00Z", ["shop:1.6", "shop:latest", "registry.example.com/shop:1.6"], 1_700_000),
        ("2025-12-12T08:00:00Z", ["worker:1.9"], 890_000),
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
    state.container(client, "worker:1.9", "exited", name="worker-nightly")
    tool = archive.Image((archive.token_layer("tool", size_bytes=600_000),), created="2026-03-01T08:00:00Z")
    digest = published.publish(registry, "tools/backup:3", tool)
    state.pull(client, f"{registry.address}/tools/backup@{digest}")


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
    """All that the Engine reports of its images and containers, but for how long these have been up."""
    containers = [{**container, "Status": None} for container in client.containers(all=True)]
    return sorted(client.images(all=True), key=lambda image: image["Id"]), containers


def _short(name: str) -> str:
    repository, at, digest = name.partition("@sha256:")
    return f"{repository}@sha256:{digest[:12]}…" if at else name


def images_of(report: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    """The verdicts on images, as they are at the end of the chain."""
    return list(report["engines"][0]["stages"]["policy"]["images"])


def removals(report: dict[str, t.Any]) -> list[t.Any]:
    """What each stage removed, in order."""
    keys = ("removed", "untagged", "deleted", "images", "containers")
    return [[(stage or {}).get(key) for key in keys] for stage in report["engines"][0]["stages"].values()]


def print_report(report: dict[str, t.Any], *, reasons: bool = True) -> None:
    """The summary, and the reason of each image that stays."""
    for line in textwrap.wrap(report["summary"], COLUMNS - len(HOST) - 2):
        print(f"{HOST}  {line}")
    if reasons:
        print("\nWhat stays, and why (from the report):")
        kept = (image for image in images_of(report) if image["action"] == "kept")
        for image in sorted(kept, key=lambda image: image["references"]):
            print_reason(image)
    print(flush=True)


def print_reason(image: dict[str, t.Any]) -> None:
    """One image by its names, and its reason below."""
    names = ", ".join(_short(name) for name in image["references"]) or image["id"][7:19]
    print(textwrap.fill(names, COLUMNS, initial_indent="  ", subsequent_indent="    "))
    print(textwrap.fill(image["reason"], COLUMNS, initial_indent="    ", subsequent_indent="    "))


def print_space(report: dict[str, t.Any]) -> None:
    """The images before and after, by the Engine's own numbers."""
    before, after = (report["engines"][0][when]["totals"]["images"] for when in ("before", "after"))
    print(f"{HOST}  {report['summary']}")
    for when, totals in (("before", before), ("after", after)):
        print(f"  {when:6}  {totals['count']:2} images  {totals['size'] / 1e6:5.1f} MB")
    print(flush=True)


def colours() -> bool:
    """Whether a person reads along, in a terminal or in a picture of one."""
    return sys.stdout.isatty() or os.environ.get("FORCE_COLOR", "") not in ("", "0")


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if colours() else text


def say(text: str) -> None:
    print("\n" + bold(f"== {text}") + "\n", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"make demo: {error}")
    except KeyboardInterrupt:
        sys.exit("make demo: interrupted; the private Engine was removed")

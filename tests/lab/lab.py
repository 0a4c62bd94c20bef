# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as a whole: an outer Engine, a host for each Engine of the table, a registry."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import typing as t
from concurrent.futures import ThreadPoolExecutor

from . import docker29, host_images, machine, processes, residue
from .directory import LabDirectory
from .engine import Engine
from .engines import ENGINE_NAMES, SUITES, EngineKind, engine_kind
from .errors import LabError
from .hosts import Host, write_ssh_configuration
from .private_engine import PrivateEngine
from .registry import Registry

if t.TYPE_CHECKING:
    from docker import APIClient


class Lab:
    """Starts, describes and removes what lies in one directory. Every step can be repeated."""

    def __init__(self, directory: LabDirectory | None = None) -> None:
        self.directory = directory or LabDirectory.from_environment()
        self.outer = PrivateEngine(self.directory.outer, self.directory)
        self.registry = Registry(self.directory.registry)
        self._client: APIClient | None = None

    def up(self, names: t.Sequence[str] = (), say: t.Callable[[str], None] = lambda line: None) -> None:
        """Bring up these Engines (all that can run here, if none is named) and the registry; what runs stays as it is."""
        can_run = docker29.available(self.directory)
        unable = [name for name in names if name not in can_run]
        if unable:
            raise LabError(f"{unable[0]} cannot run here; {docker29.missing(self.directory)}")
        kinds = [engine_kind(name) for name in names or can_run]
        with self._locked():
            machine.require("dockerd", "docker-registry", "ssh-keygen", "busybox")
            self.outer.start()
            self.registry.start()
            self._make_keys()
            absent = [kind for kind in kinds if not self.host(kind.name).is_up()]
            images = self._host_images(absent, say)
            with ThreadPoolExecutor(max_workers=len(kinds) or 1) as pool:
                list(pool.map(lambda kind: self._bring_up(kind, images.get(kind.suite), say), kinds))
            write_ssh_configuration(self.directory, self._made())

    def down(self, purge: bool = False) -> None:
        """Remove everything but the host images; with `purge`, those too."""
        if not self.directory.root.exists():
            return
        with self._locked():
            if self.outer.is_running():
                for name in ENGINE_NAMES:
                    self.host(name).remove()
            for engine in self.directory.private_engines:
                PrivateEngine(engine, self.directory).purge()
            for registry in self.directory.registries:
                Registry(registry).purge()
            self.outer.stop()
            self._client = None
            residue.kill_cgroup(self.directory.cgroup_parent)
            processes.terminate(processes.all_of(self.directory.root), patience=5)
            for name in ("engines", "data", "ssh"):
                residue.remove_tree(self.directory.root / name)
            self.directory.docker29.unlink(missing_ok=True)
            if purge:
                residue.remove_tree(self.directory.outer)
        if purge:
            residue.remove_tree(self.directory.root)

    def remove(self, names: t.Sequence[str]) -> None:
        """Remove these hosts; the others stay."""
        with self._locked():
            for name in names:
                self.host(name).remove()

    def host(self, name: str) -> Host:
        """The host of that name, whether it runs or not; the outer Engine must run."""
        return Host(engine_kind(name), self.directory, self._outer_client())

    def engine(self, name: str) -> Engine:
        """The Engine of that name, for a test."""
        return Engine(self.host(name))

    def running(self) -> list[Host]:
        """The hosts that are up."""
        if not self.outer.is_running():
            return []
        return [host for host in map(self.host, ENGINE_NAMES) if host.is_up()]

    def _made(self) -> list[Host]:
        return [host for host in map(self.host, ENGINE_NAMES) if (host.directory / "ssh_port").exists()]

    def _outer_client(self) -> APIClient:
        if self._client is None:
            from docker import APIClient

            if not self.outer.is_running():
                raise LabError(f"the lab in {self.directory.root} is not up: python -m tests.lab up")
            self._client = APIClient(base_url=self.outer.docker_host, version="auto", timeout=600)
        return self._client

    def _bring_up(self, kind: EngineKind, image: str | None, say: t.Callable[[str], None]) -> None:
        host = self.host(kind.name)
        if image is not None:
            host.create(image)
        elif not host.engine_answers():
            host.start_engine()
        host.wait_for_engine()
        say(f"{kind.name}: up")

    def _host_images(self, kinds: t.Iterable[EngineKind], say: t.Callable[[str], None]) -> dict[str, str]:
        suites = {kind.suite for kind in kinds}

        def image_of(suite: str) -> tuple[str, str]:
            image = host_images.host_image(self._outer_client(), SUITES[suite])
            say(f"{suite}: host image ready")
            return suite, image

        with ThreadPoolExecutor(max_workers=len(suites) or 1) as pool:
            return dict(pool.map(image_of, suites))

    def _make_keys(self) -> None:
        """One key for the client and one for the hosts, new in every run of the lab."""
        self.directory.ssh.mkdir(mode=0o700, exist_ok=True)
        for name in ("id_ed25519", "host_key"):
            key = self.directory.ssh / name
            if not key.with_suffix(".pub").exists():
                key.unlink(missing_ok=True)
                options = ("-q", "-t", "ed25519", "-N", "", "-C", "imagewarden-lab")
                command = [machine.program("ssh-keygen"), *options, "-f", str(key)]
                subprocess.run(command, stdin=subprocess.DEVNULL, check=True)

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        """One command at a time changes the lab: test runs side by side may all ask for it."""
        self.directory.prepare()
        with open(self.directory.lock, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts: containers of the outer Engine, each with an Engine and an SSH server of its own."""

from __future__ import annotations

import json
import os
import shutil
import typing as t
from pathlib import Path

from . import docker29, residue
from .directory import LabDirectory
from .engines import EngineKind
from .errors import LabError
from .ports import free_port
from .unix_http import answers, get_json, wait_until_answers

_SCRIPT = Path(__file__).with_name("host.sh")

#: What a container needs to run an Engine in it.
RIGHTS: dict[str, t.Any] = {
    "NetworkMode": "host",
    "CgroupnsMode": "host",
    "DeviceCgroupRules": ["a *:* rwm"],
    # Privileged containers fail where the machine itself lacks a capability; this works there and elsewhere.
    "CapAdd": ["ALL"],
    "CapDrop": ["SYS_RESOURCE"],
    "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
    "MaskedPaths": [],
    "ReadonlyPaths": [],
}


class Host:
    """One host of the lab: a container, a directory that it shares with the outside, a directory for its data."""

    def __init__(self, kind: EngineKind, lab: LabDirectory, outer: t.Any) -> None:
        self.kind = kind
        self.container = f"imagewarden-lab-{lab.id}-{kind.name}"
        self.directory = lab.engine(kind.name)
        self.socket = self.directory / "docker.sock"
        self.lock = lab.engine_lock(kind.name)
        self._lab = lab
        self._outer = outer

    @property
    def ssh_port(self) -> int:
        """The port of 127.0.0.1 on which its SSH server listens."""
        return int((self.directory / "ssh_port").read_text())

    def create(self, image: str) -> None:
        """Start the host from nothing: whatever a host of that name left is removed first."""
        self.remove()
        self._share()
        container = self._outer.create_container_from_config(self._configuration(image), self.container)
        self._outer.start(container)

    def remove(self) -> None:
        """Remove the host, its containers and its data."""
        self._outer_remove()
        residue.remove_tree(self._lab.engine_data(self.kind.name))
        residue.remove_tree(self.directory)

    def is_up(self) -> bool:
        """Whether the host runs; its Engine may be stopped."""
        return bool(self._state().get("Running"))

    def engine_answers(self) -> bool:
        """Whether its Engine answers."""
        return answers(self.socket)

    def wait_for_engine(self) -> None:
        """Wait until its Engine answers, and see that it is the one of its row."""
        if not wait_until_answers(self.socket, 60, self.is_up):
            raise LabError(f"the Engine of {self.kind.name} did not start: {self._last_words()}")
        version = get_json(self.socket, "/version")["Version"]
        if not self.kind.expects(version):
            raise LabError(
                f"the host of {self.kind.name} has Docker {version}, and its row is for {self.kind.version}: "
                + ("change the table in tests/lab/engines.py" if self.kind.is_packaged else "name another directory")
            )
        info = get_json(self.socket, "/info", timeout=60)
        containerd = ["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or [])
        store = "containerd" if containerd else "graphdriver"
        if store != self.kind.store:
            raise LabError(f"the Engine of {self.kind.name} uses the {store} store (driver {info.get('Driver')})")

    def release_dead_containers(self) -> None:
        """Let go of what keeps containers from being removed that `state.dead_container` made."""
        self.run("chattr", "-R", "-f", "-i", f"{self.data_root}/containers")

    @property
    def data_root(self) -> str:
        """Where its Engine keeps its data, inside the host."""
        return "/var/lib/docker"

    def start_engine(self) -> None:
        """Start its Engine, unless it runs."""
        self.run("/run/lab/host.sh", "start")
        self.wait_for_engine()

    def stop_engine(self) -> None:
        """Stop its Engine; the host stays up and its containerd too."""
        self.run("/run/lab/host.sh", "stop")

    def kill_engine(self) -> None:
        """End its Engine without a word."""
        sockets = "/run/lab/docker.sock /var/run/docker.sock /var/run/docker.pid"
        gone = "while kill -0 $pid 2>/dev/null; do sleep 0.05; done"
        self.run("sh", "-c", f"pid=$(cat /var/run/docker.pid); kill -9 $pid; {gone}; rm -f {sockets}")

    def run(self, *argv: str) -> str:
        """Run a program in the host and return what it printed; a failure is an error."""
        created = self._outer.exec_create(self.container, list(argv))
        output = str(self._outer.exec_start(created["Id"]).decode(errors="replace"))
        code = self._outer.exec_inspect(created["Id"])["ExitCode"]
        if code != 0:
            raise LabError(f"{self.kind.name}: {' '.join(argv)}: exit code {code}: {output.strip()[-400:]}")
        return output

    def _share(self) -> None:
        """Write what the host reads when it boots."""
        self.directory.mkdir(parents=True, mode=0o700)
        shutil.copy(_SCRIPT, self.directory / "host.sh")
        shutil.copy(self._lab.ssh / "id_ed25519.pub", self.directory / "authorized_keys")
        shutil.copy(self._lab.ssh / "host_key", self.directory / "host_key")
        # Which store is the default differs by release, so each Engine's is named.
        features = {"features": {"containerd-snapshotter": self.kind.store == "containerd"}}
        (self.directory / "daemon.json").write_text(json.dumps(features))
        arguments = (
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--cgroup-parent={self._lab.cgroup(self._lab.outer)}/{self.kind.name}",
            f"--label={self._lab.label}",
        )
        (self.directory / "arguments").write_text("\n".join(arguments) + "\n")
        (self.directory / "ssh_port").write_text(str(free_port()))

    def _configuration(self, image: str) -> dict[str, t.Any]:
        data = self._lab.engine_data(self.kind.name)
        binds = {
            self.directory: "/run/lab",
            data / "docker": "/var/lib/docker",
            data / "containerd": "/var/lib/containerd",
            Path("/sys/fs/cgroup"): "/sys/fs/cgroup",
        }
        programs = [] if self.kind.is_packaged else [f"{docker29.dockerd(self._lab)}:/usr/sbin/dockerd:ro"]
        return {
            "Image": image,
            "Hostname": self.kind.name,
            "Entrypoint": ["/run/lab/host.sh", "boot"],
            # An Engine in a container must not load AppArmor profiles; that variable tells it so.
            "Env": ["container=docker", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "HostConfig": {
                **RIGHTS,
                "Binds": [*programs, *(f"{source}:{target}:rw" for source, target in binds.items())],
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "5m"}},
            },
        }

    def _state(self) -> dict[str, t.Any]:
        from docker.errors import NotFound

        try:
            return dict(self._outer.inspect_container(self.container)["State"])
        except NotFound:
            return {}

    def _outer_remove(self) -> None:
        from docker.errors import NotFound

        try:
            self._outer.remove_container(self.container, force=True, v=True)
        except NotFound:
            pass

    def _last_words(self) -> str:
        texts = []
        for name in ("containerd.log", "dockerd.log"):
            try:
                texts += (self.directory / name).read_text(errors="replace").splitlines()[-4:]
            except OSError:
                pass
        if not self.is_up():
            texts.append("the host itself does not run")
        return " | ".join(texts)


def write_ssh_configuration(lab: LabDirectory, hosts: t.Iterable[Host]) -> None:
    """A client configuration in which every Engine is a `Host`: `ssh -F LAB/ssh/config e20-graph`."""
    key = " ".join((lab.ssh / "host_key.pub").read_text().split()[:2])
    known, sections = [], []
    for host in hosts:
        known.append(f"[127.0.0.1]:{host.ssh_port} {key}\n")
        sections.append(
            f"Host {host.kind.name}\n  HostName 127.0.0.1\n  Port {host.ssh_port}\n  User root\n"
            f"  IdentityFile {lab.ssh / 'id_ed25519'}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {lab.ssh / 'known_hosts'}\n"
        )
    _replace(lab.ssh / "known_hosts", "".join(known))
    _replace(lab.ssh / "config", "\n".join(sections))


def _replace(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".new")
    aside.write_text(text)
    os.replace(aside, path)

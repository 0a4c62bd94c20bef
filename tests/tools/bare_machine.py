# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs targets of the Makefile on a bare machine: a minimal Debian in a container of a private Engine. See bare-machine.

What this machine needs to reach package archives holds there too: its certificates, the settings of apt that say how to
download, and those of pip with the directories of packages that they name.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import typing as t
from pathlib import Path

from docker import APIClient

from tests.lab import machine, residue
from tests.lab.directory import LabDirectory
from tests.lab.errors import LabError
from tests.lab.hosts import RIGHTS
from tests.lab.private_engine import PrivateEngine

CHECKOUT = Path(__file__).resolve().parents[2]
#: What README.md says that `make demo` and `make test-unit` need.
NEEDED = ("ca-certificates", "make", "python3")
#: Where an Engine keeps what overlay file systems cannot lie on, and where the demo and the lab keep theirs.
VOLUMES = ("/var/lib/docker", "/var/lib/containerd", "/root/.cache", "/tmp")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
#: Settings of apt without which a machine behind a proxy, or with a mirror that lags, downloads nothing.
APT_SETTINGS = ("Acquire::Check-", "Acquire::Force", "Acquire::Retries", "Acquire::http", "Acquire::https")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
LONGEST_SECONDS = 1500


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/tools/bare-machine")
    parser.add_argument("suite", help="a release of Debian, such as bookworm")
    parser.add_argument("targets", nargs="+", help="targets of the Makefile")
    options = parser.parse_args()
    # The end of a CI job must not leave an Engine behind.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("bare-machine: terminated"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().resolve()
    lab = LabDirectory(cache / "imagewarden-bare" / options.suite)
    started = time.monotonic()
    with private_engine(lab) as client:
        say(f"making a bare Debian {options.suite} with {', '.join(NEEDED)}")
        image = make_image(client, options.suite)
        say(f"made in {time.monotonic() - started:.0f} s: make {' '.join(options.targets)}")
        with tempfile.TemporaryDirectory(prefix="data-", dir=lab.root) as data:
            code = run(client, image, options.targets, Path(data))
    say(
        f"make {' '.join(options.targets)} on Debian {options.suite}: exit code {code}, {time.monotonic() - started:.0f} s"
    )
    return code


def say(text: str) -> None:
    print(f"bare-machine: {text}", flush=True)


@contextlib.contextmanager
def private_engine(lab: LabDirectory) -> t.Iterator[APIClient]:
    """An Engine for this run; what an earlier one left, when it was killed, is removed first."""
    machine.require("dockerd", "mmdebstrap")
    lab.prepare()
    engine = PrivateEngine(lab.outer, lab)
    try:
        engine.purge()
        engine.start()
        yield APIClient(base_url=engine.docker_host, version="auto", timeout=LONGEST_SECONDS)
    finally:
        engine.purge()
        residue.remove_tree(lab.root)


def make_image(client: APIClient, suite: str) -> str:
    """Import a minimal Debian; returns its ID."""
    command = [machine.program("mmdebstrap"), "--quiet", "--mode=root", "--variant=minbase"]
    command += [f"--include={','.join(NEEDED)}", "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Retries "3";']
    command += [f"--aptopt={setting}" for setting in apt_settings()]
    mirror = os.environ.get("IMAGEWARDEN_LAB_MIRROR")
    with tempfile.TemporaryDirectory(prefix="imagewarden-bare-") as directory:
        archive = Path(directory) / "root.tar"
        for pause in (15, 30, None):
            made = subprocess.run(
                [*command, suite, str(archive), *([mirror] if mirror else [])],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode == 0:
                with archive.open("rb") as content:
                    answer = client.import_image_from_data(content, repository="bare", tag=suite)
                return str(ast.literal_eval(answer.strip().splitlines()[-1])["status"])
            say(f"mmdebstrap failed: {made.stderr.strip()[-600:]}")
            if pause:
                time.sleep(pause)
    raise LabError(f"no minimal Debian {suite} could be made")


def apt_settings() -> list[str]:
    """How this machine's apt downloads, in the form of its configuration files."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    lines = (line for line in dump.splitlines() if line.startswith(APT_SETTINGS))
    return [line for line in lines if not line.endswith('"";')]


def run(client: APIClient, image: str, targets: t.Sequence[str], data: Path) -> int:
    """Run `make` in a machine of that image, print what it prints, and return its exit code."""
    binds = []
    for volume in VOLUMES:
        directory = data / volume.strip("/").replace("/", "-")
        directory.mkdir(mode=0o1777 if volume == "/tmp" else 0o755)
        if volume == "/tmp":
            directory.chmod(0o1777)
        binds.append(f"{directory}:{volume}:rw")
    pip = PipSettings.of_this_machine()
    binds += [f"{directory}:{directory}:ro" for directory in pip.directories]
    # The shell stays, as the first process that takes care of those that lost their parent.
    script = f"cd /root/imagewarden.docker && make {' '.join(targets)}; code=$?; exit $code"
    environment = {"HOME": "/root", "CI": "true", "LANG": "C.UTF-8", "container": "docker"}
    environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment.update({name: os.environ[name] for name in PROXIES if name in os.environ})
    made = client.create_container_from_config(
        {
            "Image": image,
            "Hostname": "bare",
            "Entrypoint": ["bash", "-c", script],
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "HostConfig": {**RIGHTS, "Binds": [*binds, "/sys/fs/cgroup:/sys/fs/cgroup:rw"]},
        }
    )
    container = made["Id"]
    client.put_archive(container, "/", files_of_the_machine(pip))
    client.put_archive(container, "/root", checkout())
    client.start(container)
    too_long = threading.Timer(LONGEST_SECONDS, client.kill, [container])
    too_long.start()
    try:
        for block in client.logs(container, stream=True, follow=True):
            sys.stdout.buffer.write(block)
            sys.stdout.flush()
        return int(client.wait(container)["StatusCode"])
    finally:
        too_long.cancel()
        client.remove_container(container, force=True, v=True)


class PipSettings(t.NamedTuple):
    """This machine's settings of pip as one file, and the files and directories of this machine that they name."""

    content: str
    files: tuple[Path, ...]
    directories: tuple[Path, ...]

    @classmethod
    def of_this_machine(cls) -> PipSettings:
        """Ask pip. What the environment sets comes last, and counts."""
        listing = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
        ).stdout
        settings: dict[str, str] = {}
        for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):
            name, _equals, value = line.partition("=")
            section, _dot, key = name.partition(".")
            if section in ("global", "install", ":env:"):
                settings[key] = str(ast.literal_eval(value))
        named = [
            Path(word.removeprefix("file://"))
            for value in settings.values()
            for word in value.split()
            if word.startswith(("/", "file:///"))
        ]
        # An index of files names packages beside itself.
        directories = {path.parent if path.name == "simple" else path for path in named if path.is_dir()}
        lines = "\n    ".join
        content = "".join(f"{key} = {lines(value.split())}\n" for key, value in settings.items())
        files = tuple(path for path in named if path.is_file())
        return cls(f"[global]\n{content}", files, tuple(sorted(directories)))


def files_of_the_machine(pip: PipSettings) -> bytes:
    """pip's settings and what they name, and the certificates that this machine trusts."""
    files = {path: path.read_bytes() for path in (*pip.files, Path(CERTIFICATES)) if path.is_file()}
    files[Path("/etc/pip.conf")] = pip.content.encode()
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(str(path).lstrip("/"))
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return output.getvalue()


def checkout() -> bytes:
    """The tracked files of this checkout, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for name in filter(None, listed.split("\0")):
            if os.path.lexists(CHECKOUT / name):
                archive.add(CHECKOUT / name, f"imagewarden.docker/{name}", recursive=False)
    return output.getvalue()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"bare-machine: {error}")

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ansible-test of a given ansible-core release over this checkout: no containers, and PyPI as the only source.

    python3 tests/tools/ansible_test.py sanity 2.21 --test pylint
    python3 tests/tools/ansible_test.py --debian forky sanity 2.21
    python3 tests/tools/ansible_test.py units all

`all` stands for every supported release, one after the other, also after one has failed. Where the network is not closed,
antsibull-nox's sessions ansible-test-sanity and ansible-test-units do the same in ansible-test's own containers.

The release runs on an interpreter of this machine that it supports or, when there is none, on that of Debian trixie;
--debian names a Debian release whose interpreter to use in any case. Further options are ansible-test's.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pythons

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTION = Path("collections", "ansible_collections", "imagewarden", "docker")
DEFAULT_DEBIAN = "trixie"
IN_DEBIAN = "IMAGEWARDEN_IN_DEBIAN"
EVERY = "all"

# What pip says when all is well.
PIP_CHATTER = re.compile(
    r"^(\s|Collecting |Downloading |Installing collected |Looking in |Processing |Requirement already satisfied|Successfully installed |Using cached |$"
    r"|WARNING: (Location|Retrying) )"
)


@dataclass(frozen=True)
class Release:
    version: str
    controllers: tuple[str, ...]


# The supported releases: the newest patch release of each, and the Pythons that it runs on, best first.
RELEASES = {
    "2.18": Release("2.18.19", ("3.13", "3.12", "3.11")),
    "2.19": Release("2.19.14", ("3.13", "3.12", "3.11")),
    "2.20": Release("2.20.10", ("3.13", "3.14", "3.12")),
    "2.21": Release("2.21.5", ("3.13", "3.14", "3.12")),
}

# ansible-test fills its virtual environments with a script that it downloads from a server of its own. This one takes
# its place, so that Python and its package index are all that is needed.
PIP_BOOTSTRAP = """\
import subprocess
import sys

options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *options]))
"""


def run(*command: str | Path, hide: re.Pattern[str] | None = None, **options) -> None:
    print("+", shlex.join(map(str, command)), flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options) as process:
        for line in process.stdout:
            if not (hide and hide.match(line)):
                print(line, end="", flush=True)
    if process.returncode:
        sys.exit(process.returncode)


def output_of(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def copy_collection(collection: Path) -> None:
    """Copy what git knows or would add: ansible-test refuses a symlink, and takes its file list from a repository."""
    kept_between_runs = collection / "tests" / "output"
    for path in sorted(collection.rglob("*"), reverse=True) if collection.exists() else ():
        if path == kept_between_runs or kept_between_runs in path.parents:
            continue
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink()

    listing = output_of("git", "-C", CHECKOUT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listing.split("\0")):
        source, target = CHECKOUT / name, collection / name
        if source.exists() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)

    subprocess.run(["git", "init", "--quiet"], cwd=collection, check=True)
    subprocess.run(["git", "add", "--all"], cwd=collection, check=True)


def make_environment(venv: Path, python: str | Path, release: Release) -> None:
    stamp = venv / ".release"
    if stamp.exists() and stamp.read_text() == release.version:
        return
    shutil.rmtree(venv, ignore_errors=True)
    run(python, "-m", "venv", venv)
    run(venv / "bin" / "python", "-m", "pip", "install", "--quiet", f"ansible-core=={release.version}")
    stamp.write_text(release.version)


def make_home(home: Path, venv: Path) -> None:
    """Make a home folder with the user's pip settings and cache, and with the stand-in for the download."""
    user = Path.home()
    for name in (".config/pip", ".pip", ".cache/pip"):
        if (user / name).exists() and not (home / name).exists():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).symlink_to(user / name)
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (sources,) = venv.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py")
    for version in re.findall(r"pip='([\d.]+)'", sources.read_text()):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(PIP_BOOTSTRAP)


def link_interpreters(folder: Path) -> None:
    """Give ansible-test every Python of this machine, to compile and import the modules with."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for version, path in pythons.find_all().items():
        (folder / f"python{version}").symlink_to(path)


def run_ansible_test(workspace: Path, python: str | Path, kind: str, core: str, options: list[str]) -> None:
    version = output_of(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    venv = workspace / f"venv-{version}"
    home = workspace / "home"
    interpreters = workspace / "interpreters"
    make_environment(venv, python, RELEASES[core])
    make_home(home, venv)
    link_interpreters(interpreters)
    if kind == "units" and "--python" not in options:
        # tests/tools/managed_host.py runs them on all others.
        options = ["--python", version, *options]
    path = os.pathsep.join([str(venv / "bin"), str(interpreters), os.environ.get("PATH", os.defpath)])
    run(
        *(venv / "bin" / "ansible-test", kind, "--local", "--requirements", "--color", "no", *options),
        cwd=workspace / COLLECTION,
        env={**os.environ, "HOME": str(home), "PATH": path},
        hide=PIP_CHATTER,
    )


def workspace_of(core: str, debian: str | None) -> Path:
    return CHECKOUT / ".cache" / "ansible-test" / (f"{core}-{debian}" if debian else core)


def parse_arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        usage="%(prog)s [--debian SUITE] {sanity,units} {CORE,all} [options of ansible-test]"
    )
    parser.add_argument("--debian", metavar="SUITE")
    parser.add_argument("kind", choices=["sanity", "units"])
    parser.add_argument("core", choices=[*RELEASES, EVERY], metavar="CORE")
    return parser.parse_known_args()


def run_every_release(arguments: list[str], kind: str) -> None:
    """Run this command for one release after the other; it fails in the end if one failed."""
    verdicts = {}
    for core in RELEASES:
        command = [core if argument == EVERY else argument for argument in arguments]
        code = subprocess.run([sys.executable, __file__, *command], check=False).returncode
        verdicts[core] = "passed" if code == 0 else f"FAILED (exit code {code})"
    for core, verdict in verdicts.items():
        print(f"ansible-test {kind} of ansible-core {core}: {verdict}")
    sys.exit(any(verdict != "passed" for verdict in verdicts.values()))


def main() -> None:
    # Each release brings pins of its own.
    os.environ.pop("PIP_CONSTRAINT", None)
    arguments, options = parse_arguments()
    if arguments.core == EVERY:
        run_every_release(sys.argv[1:], arguments.kind)
    run_one_release(arguments, options)


def run_one_release(arguments: argparse.Namespace, options: list[str]) -> None:
    kind, core, debian = arguments.kind, arguments.core, arguments.debian
    if os.environ.get(IN_DEBIAN):
        run_ansible_test(workspace_of(core, debian), sys.executable, kind, core, options)
        return

    controllers = RELEASES[core].controllers
    python = None if debian else next(filter(None, map(pythons.find, controllers)), None)
    if python:
        copy_collection(workspace_of(core, None) / COLLECTION)
        run_ansible_test(workspace_of(core, None), python, kind, core, options)
        return

    if not debian:
        debian = DEFAULT_DEBIAN
        print(
            f"ansible-core {core} needs Python {' or '.join(controllers)}: none is here, using that of Debian {debian}."
        )
    copy_collection(workspace_of(core, debian) / COLLECTION)
    run(
        *(CHECKOUT / "tests" / "tools" / "in-debian", debian, "env", f"{IN_DEBIAN}=1", "python3"),
        *(Path(__file__).resolve(), "--debian", debian, kind, core, *options),
    )


if __name__ == "__main__":
    main()

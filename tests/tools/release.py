# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds what a release publishes into dist/. Runs in the nox session of that name, which brings the programs.

The version is that of galaxy.yml. A version without a section in the changelog gets one from the fragments.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DIST = CHECKOUT / "dist"
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)\Z")


def run(*command: str | Path, **environment: str) -> str:
    finished = subprocess.run(
        command, cwd=CHECKOUT, env={**os.environ, **environment}, check=False, stdout=subprocess.PIPE, text=True
    )
    if finished.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{finished.stdout}")
    return finished.stdout


def number(version: str) -> tuple[int, ...]:
    match = VERSION.match(version)
    if not match:
        sys.exit(f"{version!r} is not a version of the form MAJOR.MINOR.PATCH")
    return tuple(map(int, match.groups()))


def released_versions() -> list[str]:
    changelog = yaml.safe_load((CHECKOUT / "changelogs" / "changelog.yaml").read_text())
    return sorted(changelog["releases"], key=number)


def check_version(version: str) -> None:
    """A version is released once: its tag must not be there, and no later version may be."""
    tags = [tag for tag in run("git", "tag", "--list").split() if VERSION.match(tag)]
    if version in tags:
        sys.exit(f"{version} is tagged already: set the next version in galaxy.yml")
    later = [other for other in {*tags, *released_versions()} if number(other) > number(version)]
    if later:
        sys.exit(f"galaxy.yml says {version}, but {max(later, key=number)} has been released")


def write_changelog(version: str) -> None:
    if version in released_versions():
        print(f"the changelog has a section {version} already")
        return
    if not any((CHECKOUT / "changelogs" / "fragments").glob("*.y*ml")):
        sys.exit("there is nothing to release: changelogs/fragments is empty")
    run("antsibull-changelog", "release", "--version", version)
    print(f"wrote the section {version} of CHANGELOG.md")


def build_archive(version: str) -> Path:
    """Build from what git has or would add, so that nothing else of the folder gets in."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    with tempfile.TemporaryDirectory() as folder:
        for name in filter(None, names):
            if (CHECKOUT / name).exists():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(CHECKOUT / name, target)
        run("ansible-galaxy", "collection", "build", "--output-path", DIST, folder)
    return DIST / f"imagewarden-docker-{version}.tar.gz"


def check_archive(archive: Path, version: str) -> None:
    """Install it into an empty folder, and read the documentation of every module from there."""
    with tarfile.open(archive) as content:
        manifest = json.load(content.extractfile("MANIFEST.json"))
        names = content.getnames()
    if manifest["collection_info"]["version"] != version:
        sys.exit(f"{archive.name} says that it is {manifest['collection_info']['version']}")
    unwanted = [name for name in names if name.split("/")[0] in ("tests", ".cache", ".venv", ".git", "demo", "dist")]
    if unwanted:
        sys.exit(f"{archive.name} holds what only a checkout needs: {', '.join(unwanted[:5])}")
    modules = sorted(Path(name).stem for name in names if re.match(r"plugins/modules/[^/]+\.py\Z", name))
    with tempfile.TemporaryDirectory() as folder:
        run("ansible-galaxy", "collection", "install", "--offline", "--collections-path", folder, archive)
        described = json.loads(
            run(
                *("ansible-doc", "--json", *(f"imagewarden.docker.{module}" for module in modules)),
                ANSIBLE_COLLECTIONS_PATH=folder,
            )
        )
    missing = [module for module in modules if not described.get(f"imagewarden.docker.{module}", {}).get("doc")]
    if missing:
        sys.exit(f"installed from {archive.name}, these modules have no documentation: {', '.join(missing)}")
    print(f"{archive.name} installs, with the modules {', '.join(modules)}")


def write_instructions(archive: Path, version: str) -> None:
    (DIST / "PUBLISH.md").write_text(f"""\
Release {version} is built. To publish it:

1. Look at CHANGELOG.md, dist/{archive.name} and build/docs/index.html.
2. git add --all changelogs CHANGELOG.md galaxy.yml && git commit --message 'Release {version}'
3. git tag --annotate {version} --message {version} && git push origin main {version}
4. ansible-galaxy collection publish dist/{archive.name}
5. Publish build/docs as the documentation site.

The workflow `release` does 4 and 5 for a pushed tag.
""")


def main() -> None:
    version = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())["version"]
    check_version(version)
    write_changelog(version)
    archive = build_archive(version)
    check_archive(archive, version)
    write_instructions(archive, version)


if __name__ == "__main__":
    main()

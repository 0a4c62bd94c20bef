# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions besides those of antsibull-nox.toml. `make help` lists the targets that call them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import antsibull_nox
import nox
from nox.command import CommandFailed

sys.path.insert(0, str(Path("tests", "tools").absolute()))

import pythons

nox.options.error_on_missing_interpreters = True
nox.options.sessions = []

# Everything that a session installs is pinned. The sessions of ansible-test install releases of ansible-core of their own:
# for these, the caller sets the variable to nothing.
os.environ.setdefault("PIP_CONSTRAINT", str(Path("tests", "constraints.txt").absolute()))

# antsibull-nox asks ansible-galaxy which collections there are: that of the environment that nox itself runs in.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

antsibull_nox.load_antsibull_nox_toml()

# What Debian's releases have, for the Pythons that are not on this machine.
DEBIAN_PYTHONS = {"3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}


@nox.session(python=False)
def ruff(session: nox.Session) -> None:
    """Check the style and the format of the Python files."""
    session.run(sys.executable, "-m", "ruff", "check", ".")
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".")


@nox.session(python=False)
def mypy(session: nox.Session) -> None:
    """Check the types of what modules are made of."""
    session.run(
        sys.executable, "-m", "mypy", "--package", "ansible_collections.imagewarden.docker.plugins.module_utils"
    )


@nox.session
def changelog(session: nox.Session) -> None:
    """Check the changelog and its fragments."""
    session.install("antsibull-changelog", "ansible-core")
    session.run("antsibull-changelog", "lint")
    session.run("antsibull-changelog", "lint-changelog-yaml", "--strict", "changelogs/changelog.yaml")


@nox.session(name="execution-environment")
def execution_environment(session: nox.Session) -> None:
    """Let ansible-builder make the build context of the execution environment; building it needs a base image."""
    session.install("ansible-builder")
    context = Path(session.create_tmp(), "context")
    definition = Path("extensions", "ee", "execution-environment.yml")
    session.run("ansible-builder", "create", "--file", str(definition), "--context", str(context))


@nox.session(python=False, name="test-matrix")
def test_matrix(session: nox.Session) -> None:
    """Run the unit tests on the Pythons and with the Docker SDKs of managed hosts. Versions may be named: -- 3.8 3.14."""
    found = pythons.find_all()
    verdicts = {}
    for version in session.posargs or pythons.MANAGED_HOST_VERSIONS:
        if version in found:
            command = [str(found[version])]
        elif version in DEBIAN_PYTHONS:
            suite = DEBIAN_PYTHONS[version]
            command = ["tests/tools/in-debian", suite, "env", f"IMAGEWARDEN_DEBIAN={suite}-", "python3"]
        else:
            verdicts[version] = "not tested: no such interpreter on PATH, in pyenv or in uv"
            continue
        try:
            session.run(*command, "tests/tools/managed_host.py", external=True)
            verdicts[version] = "passed"
        except CommandFailed:
            verdicts[version] = "FAILED"
    for version, verdict in verdicts.items():
        session.log(f"Python {version}: {verdict}")
    if "FAILED" in verdicts.values():
        session.error("the unit tests failed on some Pythons")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site into build/docs; a warning is an error."""
    session.install("ansible-core", "antsibull-docs", "ansible-pygments", "sphinx", "sphinx-ansible-theme")
    sources, site = Path("docs", "site"), Path("build", "docs")
    pages = Path(session.create_tmp()) / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    shutil.rmtree(site, ignore_errors=True)
    # antsibull-docs insists on a folder that nobody else can write to.
    pages.mkdir(mode=0o755)
    shutil.copy2(sources / "index.rst", pages)
    shutil.copytree(Path("docs", "images"), pages / "images")
    session.run(
        *("antsibull-docs", "--config-file", str(sources / "antsibull-docs.cfg"), "collection"),
        *(
            "--use-current",
            "--fail-on-error",
            "--cleanup",
            "everything",
            "--dest-dir",
            str(pages),
            "imagewarden.docker",
        ),
        env={"ANSIBLE_COLLECTIONS_PATH": str(Path(".cache", "collections").absolute())},
    )
    session.run(
        *("sphinx-build", "--builder", "html", "--fail-on-warning", "--keep-going", "--quiet"),
        *("--conf-dir", str(sources), str(pages), str(site)),
    )
    session.log(f"the site is at {site / 'index.html'}")


@nox.session
def release(session: nox.Session) -> None:
    """Build what a release publishes into dist/."""
    session.install("ansible-core", "antsibull-changelog", "pyyaml")
    session.run("python", "tests/tools/release.py")

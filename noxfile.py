# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions besides those of antsibull-nox.toml. `make help` lists the targets that call them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import antsibull_nox
import nox

nox.options.error_on_missing_interpreters = True
nox.options.sessions = []

# Everything that a session installs is pinned.
os.environ["PIP_CONSTRAINT"] = str(Path("tests", "constraints.txt").absolute())

antsibull_nox.load_antsibull_nox_toml()

# The ansible-core releases that are tested, the supported ones.
CORES = ("2.18", "2.19", "2.20", "2.21")


@nox.session(python=False)
def ruff(session: nox.Session) -> None:
    """Check the style and the format of the Python files."""
    session.run(sys.executable, "-m", "ruff", "check", ".")
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".")


@nox.session(python=False)
def mypy(session: nox.Session) -> None:
    """Check the types of what modules are made of."""
    session.run(sys.executable, "-m", "mypy", "--package", "ansible_collections.imagewarden.docker.plugins.module_utils")


@nox.session
def changelog(session: nox.Session) -> None:
    """Check the changelog and its fragments."""
    session.install("antsibull-changelog", "ansible-core")
    session.run("antsibull-changelog", "lint")
    session.run("antsibull-changelog", "lint-changelog-yaml", "--strict", "changelogs/changelog.yaml")


@nox.session(python=False)
@nox.parametrize("core", CORES, ids=CORES)
def sanity(session: nox.Session, core: str) -> None:
    """Run ansible-test sanity, on the interpreters of this machine."""
    session.run(sys.executable, "tests/tools/ansible_test.py", "sanity", core, *session.posargs)


@nox.session(python=False, name="sanity-forky")
def sanity_forky(session: nox.Session) -> None:
    """Compile and import the modules on the newest Python of managed hosts, from Debian testing."""
    tests = ("--test", "compile", "--test", "import")
    session.run(sys.executable, "tests/tools/ansible_test.py", "--debian", "forky", "sanity", CORES[-1], *tests)


@nox.session(python=False)
@nox.parametrize("core", CORES, ids=CORES)
def units(session: nox.Session, core: str) -> None:
    """Run the unit tests with ansible-test units."""
    session.run(sys.executable, "tests/tools/ansible_test.py", "units", core, *session.posargs)

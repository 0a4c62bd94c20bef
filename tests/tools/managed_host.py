# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the unit tests as on a managed host: with the Python that runs this, and with Docker SDKs of several years.

    python3.8 tests/tools/managed_host.py [options of pytest]

All unit tests run with the newest SDK; the tests of the connection run with every one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VERSION = sys.version_info[:2]

# Only its module_utils are used, which ansible-core sends to managed hosts older than itself.
ANSIBLE_CORE = "2.18.19" if VERSION < (3, 9) else "2.21.5"
PYTEST = "8.3.5" if VERSION < (3, 9) else "8.4.2" if VERSION < (3, 10) else "9.2.0"

# Without distutils, which Python 3.12 removed, the SDK 5 cannot be imported.
SDK_5_EXPECTS = None if VERSION < (3, 12) else "the Docker SDK for Python is missing"

# SDK, its companions at its time, and the message if the pair is broken.
SDKS = (
    ("7.2.0", (), None),
    ("7.1.0", ("requests==2.32.3", "urllib3==2.2.3"), None),
    ("6.1.3", ("requests==2.31.0", "urllib3==2.0.7", "websocket-client==1.6.1"), None),
    ("5.0.3", ("requests==2.28.1", "urllib3==1.26.20", "websocket-client==1.2.1"), SDK_5_EXPECTS),
    ("6.0.1", ("requests==2.31.0", "urllib3==2.2.1", "packaging"), "does not work with urllib3 2.2.1"),
    ("5.0.3", ("requests==2.31.0", "urllib3==2.0.7"), SDK_5_EXPECTS or "does not work with urllib3 2.0.7"),
    ("5.0.3", ("requests==2.32.3", "urllib3==2.2.3"), SDK_5_EXPECTS or "does not work with requests 2.32.3"),
)

# How long a plan takes is promised for the newest Pythons only, and action plugins run on the controller.
LEFT_OUT = (
    "--ignore=tests/unit/plugins/action",
    "--ignore=tests/unit/plugins/plugin_utils",
    "--deselect",
    "tests/unit/plugins/module_utils/_policy/test_plan.py::"
    "test_a_hundred_thousand_references_are_planned_in_seconds_and_in_linear_time",
)


class Environment:
    """A virtual environment of this Python, kept between runs."""

    def __init__(self, folder):
        self.python = folder / "bin" / "python"
        stamp = folder / ".made-by"
        if not stamp.exists() or stamp.read_text() != sys.version:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            stamp.write_text(sys.version)

    def install(self, *options):
        command = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
        subprocess.run([*map(str, command)], check=True, env={**os.environ, "PIP_CONSTRAINT": ""})

    def test(self, *options, **environment):
        """Run pytest; tell whether all passed."""
        command = [self.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--override-ini=addopts=", *options]
        command += ["--import-mode=importlib", "--strict-markers"]
        print("+", *command, flush=True)
        finished = subprocess.run(
            [*map(str, command)], cwd=str(CHECKOUT), check=False, env={**os.environ, **environment}
        )
        return finished.returncode == 0


def main(options):
    name = "python" + ".".join(map(str, VERSION))
    environment = Environment(CHECKOUT / ".cache" / "managed-host" / (os.environ.get("IMAGEWARDEN_DEBIAN", "") + name))
    environment.install(f"pytest=={PYTEST}", "--requirement", CHECKOUT / "tests" / "unit" / "requirements.txt")
    environment.install("--ignore-requires-python", "--no-deps", f"ansible-core=={ANSIBLE_CORE}")

    failed = []
    for sdk, companions, message in SDKS:
        title = " ".join((name, f"docker=={sdk}", *companions))
        print(f"=== {title}", flush=True)
        environment.install(f"docker=={sdk}", *companions)
        expected = {} if message is None else {"IMAGEWARDEN_SDK_EXPECTS": message}
        passed = environment.test("tests/sdk", *options, **expected)
        if (sdk, companions, message) == SDKS[0]:
            passed = environment.test("tests/unit", *LEFT_OUT, *options, IMAGEWARDEN_EXAMPLES="brief") and passed
        if not passed:
            failed.append(title)
    for title in failed:
        print(f"=== FAILED: {title}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(sys.argv[1:])

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role C(usage_recorder) on a host without systemd, and what its program records of a real Engine."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time

import pytest

from tests.integration.module_run import run_module
from tests.integration.role_run import run_playbook
from tests.lab import state

pytestmark = pytest.mark.engine

OLD = "2019-01-01T00:00:00Z"
BY_USE = {"remove": {"all_unused": True}, "keep": {"younger_than": "1h", "age_by": "used"}}
#: More events than an Engine replays.
FORGOTTEN = 270


@pytest.fixture(name="role")
def fixture_role(tmp_path):
    """Runs the role on this machine, and returns how many tasks changed something."""
    play = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.include_role": {"name": "imagewarden.docker.usage_recorder"}}],
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))
    paths = {
        "usage_recorder_program": str(tmp_path / "lib" / "imagewarden" / "usage_recorder.py"),
        "usage_recorder_usage_file": str(tmp_path / "var" / "imagewarden" / "usage.json"),
        "usage_recorder_python": sys.executable,
        "usage_recorder_service": "none",
    }

    def run(wanted, *arguments):
        ended = run_playbook(
            str(tmp_path / "play.json"), {"here": {}}, tmp_path, *arguments, usage_recorder_state=wanted, **paths
        )
        assert ended.code == 0, ended.last_lines
        return int(ended.output.rpartition("changed=")[2].split()[0])

    return run


@contextlib.contextmanager
def recording(engine, directory):
    """The program runs as somebody's own supervisor would run it."""
    socket, usage_file = engine.docker_host[len("unix://") :], directory / "var" / "imagewarden" / "usage.json"
    program = directory / "lib" / "imagewarden" / "usage_recorder.py"
    with subprocess.Popen([str(program), "--socket", socket, "--usage-file", str(usage_file)]) as process:
        try:
            until(usage_file.exists)
            yield usage_file
        finally:
            process.terminate()
        assert process.wait(30) == 0


def until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def seen_earlier(path, *images):
    """As if these images had been seen, and used, two hours earlier than the record says."""
    record = json.loads(path.read_text())
    for engine in record["engines"].values():
        for image in images:
            engine["images"][image] = [moment and moment - 7200 for moment in engine["images"][image]]
    path.write_text(json.dumps(record))


def test_a_use_that_the_engine_has_forgotten_is_known_with_the_recorder_and_not_without(one_engine, role, tmp_path):
    client = one_engine.client
    used, unused = (state.load_image(client, f"{name}-{state.token()}:1", created=OLD) for name in ("used", "unused"))
    # Some Engines take a new name for a use, so that a third image gets and loses them.
    filler = state.load_image(client, "filler:1", created=OLD)
    without = tmp_path / "without.json"
    common = {"docker_host": one_engine.docker_host}
    run_module("image_prune_policy", {**common, "usage_file": str(without), "remove": {"dangling": True}})
    assert (role("present"), role("present")) == (2, 0)
    with recording(one_engine, tmp_path) as record:
        client.remove_container(state.container(client, used, "exited"))
        for _number in range(FORGOTTEN):
            state.tag(client, filler, "filler:1")
    client.remove_image("filler:1")

    seen_earlier(record, unused)
    seen_earlier(without, used, unused)
    [known, unknown] = (
        {image["id"]: image for image in run_module("image_usage_info", {**common, "usage_file": str(path)})["images"]}
        for path in (record, without)
    )
    assert (known[used]["last_used_by"], unknown[used]["last_used_by"] in (None, "tag")) == ("record", True)
    kept, lost = (
        run_module("image_prune_policy", {**common, **BY_USE, "usage_file": str(path)}, check=True)
        for path in (record, without)
    )
    assert used not in kept["deleted"]
    if unknown[used]["last_tagged"] is None:
        assert (kept["deleted"], sorted(lost["deleted"])) == ([unused], sorted([used, unused]))
    assert "every use of an image is known only since" in str(lost["warnings"])
    assert kept["usage_known_since"] < lost["usage_known_since"]

    assert role("absent", "--check") > 0
    assert (role("absent") > 0, role("absent")) == (True, 0)
    assert not (tmp_path / "lib" / "imagewarden").exists()
    assert not (tmp_path / "var" / "imagewarden").exists()

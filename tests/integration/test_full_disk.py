# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hour of need: a file system of the managed host is 100 % full. One of the test's own, in memory, stands for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.files import ReportDirectory
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from tests.integration.ansible_run import run_ansible
from tests.integration.module_run import run_module
from tests.lab import state

pytestmark = pytest.mark.engine

NO_SPACE = "No space left on device"


@pytest.fixture(name="one_engine")
def fixture_one_engine(one_engine):
    state.import_image(one_engine.client, "app:1", runnable=False)
    return one_engine


@pytest.fixture(name="full")
def fixture_full(tmp_path):
    """A directory on a file system on which not one byte is free."""
    path = tmp_path / "full"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(path):
    """Leave nothing free."""
    filled = subprocess.run(["dd", "if=/dev/zero", f"of={path}/filler", "bs=4096"], capture_output=True, check=False)
    assert filled.returncode != 0


def test_the_usage_record_fails_softly_and_is_still_the_old_one(one_engine, full):
    record = full / "usage.json"
    task = {
        "docker_host": one_engine.docker_host,
        "remove": {"all_unused": True},
        "target": {"total_size": "1B", "order": "least_recently_used"},
        "usage_file": str(record),
    }
    run_module("image_prune_policy", {**task, "remove": {"patterns": ["nothing:*"]}})
    before = record.read_text()
    fill(full)
    result = run_module("image_prune_policy", task)
    assert not result["failed"]
    assert result["untagged"] == ["app:1"]
    assert any(f"the usage record {record} cannot be written: {NO_SPACE}" in str(text) for text in result["warnings"])
    assert record.read_text() == before
    assert sorted(path.name for path in full.iterdir()) == ["filler", "usage.json", "usage.json.lock"]


def test_an_image_that_cannot_be_archived_stays(one_engine, full):
    fill(full)
    result = run_module(
        "image_remove", {"docker_host": one_engine.docker_host, "names": ["app:1"], "archive_dir": str(full)}
    )
    assert result["failed"]
    assert f"could not be saved, and so was not removed: {NO_SPACE}" in result["msg"]
    assert (result["changed"], result["deleted"]) == (False, [])
    assert one_engine.client.inspect_image("app:1")
    assert [path.name for path in full.iterdir()] == ["filler"]


def test_a_report_that_cannot_be_written_is_one_message_and_the_old_one_stays(full):
    directory = ReportDirectory.create(str(full))
    directory.write_host("web-3", {"summary": "before"})
    fill(full)
    with pytest.raises(
        InvalidRequest, match=rf"^image_cleanup_report_dir: cannot write {full}/web-3\.json: {NO_SPACE}"
    ):
        directory.write_host("web-3", {"summary": "after" * 1000})
    assert json.loads((full / "web-3.json").read_text()) == {"summary": "before"}
    assert sorted(path.name for path in full.iterdir()) == ["filler", "web-3.json"]


STARTS = [
    # situation, settings, whether the module starts
    ("without a setting", {"ANSIBLE_PIPELINING": "0"}, False),
    ("with pipelining alone", {"ANSIBLE_PIPELINING": "1"}, False),
    ("with another directory for Ansible alone", {"ANSIBLE_PIPELINING": "0", "ANSIBLE_REMOTE_TMP": "/dev/shm"}, False),
    ("with pipelining and memory", {"ANSIBLE_PIPELINING": "1", "TMPDIR": "/dev/shm"}, True),
    (
        "with memory for Ansible and for Python",
        {"ANSIBLE_PIPELINING": "0", "ANSIBLE_REMOTE_TMP": "/dev/shm/imagewarden-test", "TMPDIR": "/dev/shm"},
        True,
    ),
]


@pytest.fixture(name="python_without_room")
def fixture_python_without_room(one_engine, full, tmp_path):
    """A Python that finds no room in any of the places where it keeps temporary files of its own accord.

    The Engine's socket is at /mnt there, and this Python also at /srv: the lab and the checkout can be below /tmp.
    """
    mounts = [f"mount --bind {one_engine.socket.parent} /mnt", f"mount --bind {sys.prefix} /srv"]
    for place in ("/var/tmp", "/tmp"):
        mounts.append(f"mount --bind {full} {place}")
        if sys.prefix.startswith(f"{place}/"):
            (full / os.path.relpath(sys.prefix, place)).mkdir(parents=True)
            mounts.append(f"mount --bind /srv {sys.prefix}")
    script = tmp_path / "python"
    script.write_text(
        f'#!/bin/sh\nexec unshare --mount sh -ec \'{"; ".join(mounts)}; cd /tmp; exec {sys.executable} "$@"\' sh "$@"\n'
    )
    script.chmod(0o755)
    fill(full)
    return script


@pytest.mark.parametrize(("settings", "starts"), [row[1:] for row in STARTS], ids=[row[0] for row in STARTS])
def test_what_ansible_needs_to_start_the_module(one_engine, full, python_without_room, settings, starts):
    ended = run_ansible(
        "image_remove",
        {"docker_host": "unix:///mnt/docker.sock", "names": ["app:1"]},
        python=python_without_room,
        environment={"ANSIBLE_REMOTE_TMP": str(full / "ansible"), **settings},
    )
    assert (ended.code == 0) is starts, ended.output
    if starts:
        assert ended.result["untagged"] == ["app:1"]
    else:
        assert one_engine.client.inspect_image("app:1")
        assert NO_SPACE in ended.output or "No usable temporary directory" in ended.output

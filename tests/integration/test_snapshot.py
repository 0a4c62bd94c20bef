# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An audit that saves snapshots, and policies that are planned on them. What does not depend on the Engine runs on one."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from ansible_collections.imagewarden.docker.plugins.modules import image_prune_policy
from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module
from tests.integration.role_run import run_playbook
from tests.lab import state
from tests.lab.fixtures import selected_engines

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.lab.fixtures"]

SCHEMA = Path(__file__).resolve().parents[2] / "playbooks" / "snapshot.schema.json"
POLICY = {"remove": {"all_unused": True}, "keep": {"newest": 1, "patterns": ["base:*"]}, "details": "all"}
CONTAINERS = {"states": ["exited"]}


@pytest.fixture(name="engine_with_images")
def fixture_engine_with_images(lab):
    with lab.engine(sorted(selected_engines())[0]).exclusive() as engine:
        engine.reset()
        for number in range(1, 4):
            state.load_image(engine.client, f"app:1.{number}", created=f"2021-01-0{number}T00:00:00Z", runnable=False)
        state.import_image(engine.client, "base:1")
        state.container(engine.client, "base:1", "running", name="web", labels={"secret": "s3cret"})
        state.load_image(engine.client, "job:1", created="2021-01-01T00:00:00Z")
        state.load_image(engine.client, "job:2", created="2021-01-02T00:00:00Z")
        state.container(engine.client, "job:1", "exited", name="old")
        yield engine


def test_the_policy_of_an_audit_is_the_plan_on_its_snapshot(engine_with_images, tmp_path):
    engine, snapshots = engine_with_images, tmp_path / "snapshots"
    usage_file = str(tmp_path / "usage.json")
    host = {
        "image_cleanup_docker": {"docker_host": engine.docker_host},
        "image_cleanup_containers": CONTAINERS,
        "image_cleanup_policy": {**POLICY, "usage_file": usage_file},
    }
    before = EngineState.read(engine.client)
    run = run_playbook("imagewarden.docker.audit", {"host": host}, tmp_path, image_cleanup_snapshot_dir=str(snapshots))
    assert run.code == 0, run.last_lines
    assert list(before.differences(EngineState.read(engine.client), "the audit changed the Engine")) == []
    (path,) = snapshots.iterdir()
    assert path.name == "host.json"
    text = path.read_text()
    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_text()))
    assert "s3cret" not in text
    assert "busybox" not in text

    planned = run_module("image_prune_policy", {**POLICY, "usage_file": usage_file, "snapshot": str(path)}, check=True)
    audited = run.reports["host"]["engines"][0]["stages"]["policy"]
    # The container of job:1 would be gone by then, so that newest counts both.
    assert "job:1" in planned["untagged"]
    keys = ("untagged", "deleted", "conflicts", "images", "summary", "space_expected")
    assert {key: planned[key] for key in keys} == {key: audited[key] for key in keys}


def test_the_example_of_the_module(engine_with_images):
    usage = run_module("image_usage_info", {"docker_host": engine_with_images.docker_host, "snapshot": True})
    (options,) = [
        value
        for example in yaml.safe_load(image_prune_policy.EXAMPLES)
        for value in example.values()
        if isinstance(value, dict) and "snapshot" in value
    ]
    # No Engine listens there, and none is asked for.
    options = {**options, "snapshot": usage["snapshot"], "docker_host": "unix:///nothing.sock"}
    planned = run_module("image_prune_policy", options, check=True)
    assert planned["untagged"] == ["app:1.1"]
    assert planned["snapshot"]["taken"] == planned["snapshot"]["planned_at"]
    refused = run_module("image_prune_policy", options)
    assert (
        refused["msg"] == "snapshot: a snapshot can only be planned on: run the task in check mode (check_mode: true)"
    )

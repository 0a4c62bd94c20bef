# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every task of the guide to other tools' policies, on real Engines: the state before and after."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

import pytest
import yaml

from tests.integration.module_run import run_module
from tests.lab import state

pytestmark = pytest.mark.engine

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "docsite" / "rst" / "guide_policies.rst"

#: By repository and tag, from the oldest to the newest; the tags are in use, labelled, or neither.
TAGS = ("prod-1", "prod-2", "prod-3", "dev-1", "dev-2", "v1.9.0", "v1.10.0")
EVERYTHING = {f"app:{tag}" for tag in TAGS} | {"build:1", "kept:1", "used:1"}

AFTER = [
    # heading, the tags that are left, whether the dangling image is
    ("Amazon ECR", EVERYTHING - {"app:prod-1"}, True),
    ("GitLab", {"app:v1.9.0", "app:v1.10.0", "app:dev-2", "build:1", "kept:1", "used:1"}, True),
    ("Harbor", {"app:v1.10.0", "app:dev-2", "used:1"}, False),
    ("Google Artifact Registry", {"app:dev-2", "app:v1.9.0", "app:v1.10.0", "build:1", "kept:1", "used:1"}, False),
    ("Quay", {"app:v1.9.0", "app:v1.10.0", "build:1", "kept:1", "used:1"}, False),
    ("docker-gc", {"app:v1.9.0", "app:v1.10.0", "used:1"}, False),
    ("docuum", EVERYTHING, True),
    ("Watchtower", EVERYTHING, False),
    ("docker image prune", {"kept:1", "used:1"}, False),
    ("docker_prune", EVERYTHING - {"build:1"}, True),
]


def task_below(heading):
    section = GUIDE.read_text(encoding="utf-8").split(f"\n{heading}\n{'-' * len(heading)}\n")[1]
    block = itertools.takewhile(_is_code, section.split(".. code-block:: yaml\n")[1].splitlines())
    [task] = yaml.safe_load(textwrap.dedent("\n".join(block)))
    return task["imagewarden.docker.image_prune_policy"]


def _is_code(line):
    return not line or line.startswith(" ")


def make_state(client):
    for number, tag in enumerate(TAGS, start=1):
        state.load_image(client, f"app:{tag}", created=f"2021-01-0{number}T00:00:00Z", runnable=False)
    state.load_image(client, "build:1", created="2021-02-01T00:00:00Z", runnable=False, labels={"stage": "build"})
    state.load_image(client, "kept:1", created="2021-02-01T00:00:00Z", runnable=False, labels={"keep": "yes"})
    state.load_image(client, "used:1", created="2021-02-01T00:00:00Z")
    state.container(client, "used:1", name="web")
    return state.load_image(client, [], created="2021-03-01T00:00:00Z", runnable=False)


@pytest.mark.parametrize(("heading", "tags", "stays"), AFTER, ids=[row[0] for row in AFTER])
def test_a_policy_of_another_tool_leaves_what_it_leaves_there(fresh_engine, tmp_path, heading, tags, stays):
    client = fresh_engine.client
    dangling = make_state(client)
    usage_file = str(tmp_path / "usage.json")
    arguments = {"docker_host": fresh_engine.docker_host, "usage_file": usage_file, **task_below(heading)}
    predicted = run_module("image_prune_policy", arguments, check=True)
    result = run_module("image_prune_policy", arguments)
    keys = ("failed", "changed", "untagged", "deleted", "diff")
    assert [result[key] for key in keys] == [predicted[key] for key in keys]
    left = client.images(all=True)
    assert {tag for image in left for tag in image["RepoTags"] or [] if "<none>" not in tag} == tags
    assert (dangling in {image["Id"] for image in left}) is stays
    assert not run_module("image_prune_policy", arguments)["changed"]

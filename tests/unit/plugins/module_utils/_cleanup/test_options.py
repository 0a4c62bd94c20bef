# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import STAGES, check, did_you_mean

from ..builders import cases

COMMON = {"docker_host": "unix:///var/run/docker.sock", "details": "all", "layers": True}

MISTAKES = [
    # situation, stage, options, messages
    ("a string", "policy", "dangling", ["policy: 'dangling' is not a dictionary of options"]),
    ("a list", "images", ["app"], ["images: ['app'] is not a dictionary of options"]),
    ("an unknown option", "images", {"nmaes": []}, ["images: nmaes: no such option; did you mean names?"]),
    (
        "one below another",
        "policy",
        {"remove": {"danglin": 1}},
        ["policy: remove.danglin: no such option; did you mean dangling?"],
    ),
    (
        "several",
        "policy",
        {"remove": "dangling", "gard": {}},
        ["policy: remove: 'dangling' is not a dictionary", "policy: gard: no such option; did you mean guard?"],
    ),
    (
        "a dictionary without options of its own",
        "images",
        {"filters": "dangling"},
        ["images: filters: 'dangling' is not a dictionary"],
    ),
    ("a required option that is missing", "policy", {"keep": {}}, ["policy: missing required arguments: remove"]),
    ("what Ansible's own check ends at", "policy", {"remove": {}, "guard": {"max_images": float("inf")}}, None),
    ("what the stage's own reader refuses", "containers", {"states": ["exited"], "older_than": "soon"}, None),
    ("results of earlier tasks, which the chain knows itself", "images", {"after": []}, None),
]


@pytest.mark.parametrize(("stage", "options", "messages"), cases(MISTAKES))
def test_mistakes(stage, options, messages) -> None:
    found = check(stage, options, COMMON)
    assert found.stage is None
    if messages is None:
        assert len(found.errors) == 1
        assert found.errors[0].startswith(f"{stage}: ")
    else:
        assert list(found.errors) == messages


def test_a_message_names_the_variable_that_a_user_wrote() -> None:
    assert check("policy", 7, COMMON, "image_cleanup_policy").errors == (
        "image_cleanup_policy: 7 is not a dictionary of options",
    )


@pytest.mark.parametrize("stage", STAGES)
def test_an_empty_dictionary_is_no_stage(stage) -> None:
    assert check(stage, {}, COMMON) == (None, ())


GIVEN = {
    "containers": {"states": ["exited"]},
    "images": {"name": ["app:1"]},
    "policy": {"remove": {"dangling": True}, "keep": None},
}


@pytest.mark.parametrize("stage", GIVEN)
def test_a_stage_takes_over_what_the_chain_says(stage) -> None:
    assert check(stage, GIVEN[stage], COMMON).stage.details == "all"
    assert check(stage, {**GIVEN[stage], "details": "changes"}, COMMON).stage.details == "changes"


ROOMS = "ansible_collections.imagewarden.docker.plugins.module_utils"
IMPORTS = [
    # situation, the stages that have options
    ("nothing", []),
    ("a policy", ["policy"]),
    ("images and a policy", ["images", "policy"]),
    ("containers", ["containers"]),
    ("build cache", ["build_cache"]),
]


@pytest.mark.parametrize("stages", cases(IMPORTS))
def test_nothing_is_imported_for_a_stage_without_options(stages) -> None:
    options = {**GIVEN, "build_cache": {"remove": {"unused": True}}}
    given = {stage: options[stage] for stage in stages}
    rooms = {"containers": "_container", "images": "_image", "policy": "_policy", "build_cache": "_build_cache"}
    program = f"""
import sys
from ansible_collections.imagewarden.docker.plugins.modules import cleanup_chain
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import check
for stage, options in {given!r}.items():
    assert check(stage, options, {COMMON!r}).stage
print([stage for stage, room in {rooms!r}.items() if f"{ROOMS}.{{room}}.stage" in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(stages)


NAMES = [
    # situation, name, hint
    ("a slip", "polcy", "; did you mean policy?"),
    ("nothing like it", "xyz", "; known are images, policy"),
]


@pytest.mark.parametrize(("name", "hint"), cases(NAMES))
def test_did_you_mean(name, hint) -> None:
    assert did_you_mean(name, ["policy", "images"]) == hint

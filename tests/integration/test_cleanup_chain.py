# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(cleanup_chain) on real Engines: check mode against the run, and the chain against the modules one after the other."""

from __future__ import annotations

import json
import time

import pytest

from tests.integration.module_run import run_module
from tests.lab import state
from tests.lab.fixtures import selected_engines

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.lab.fixtures"]

EVERY_STATE = ["created", "running", "paused", "restarting", "exited", "dead"]
#: What check mode and the run have in common, of the chain and of each stage.
PROMISED = ("failed", "msg", "changed", "diff", "notices", "engine")
PROMISED_OF_STAGES = (
    "failed",
    "msg",
    "changed",
    "diff",
    "removed",
    "stopped",
    "untagged",
    "deleted",
    "absent",
    "conflicts",
    "containers",
    "images",
)
MODULES = {"containers": "container_remove", "images": "image_remove", "policy": "image_prune_policy"}


def held(client):
    """Images that containers hold, two tags of one image, and a dangling one that a container made so."""
    app = state.import_image(client, "app:1")
    state.tag(client, app, "team/app:1")
    state.container(client, app, "exited", name="old")
    state.container(client, app, "running", name="live")
    state.import_image(client, "redis:7")
    state.container(client, "redis:7", "exited", name="cache")
    gone = state.import_image(client, "gone:1")
    state.container(client, gone, "created", name="last-user")
    state.import_image(client, "gone:1")
    state.import_image(client, "kept:1")


WHOLE = {
    "containers": {"states": EVERY_STATE, "stop_timeout": 0},
    "images": {"names": ["redis:7", "team/app:1"]},
    "policy": {"remove": {"dangling": True, "all_unused": True}, "keep": {"patterns": ["kept"]}},
}
CHAINS = [
    # situation, options, containers left, tags left, stages that failed
    ("every stage", WHOLE, [], ["kept:1"], []),
    (
        "a stage that refuses lets the later ones run",
        {
            "containers": {"names": ["old"]},
            "images": {"names": ["redis:7", "app:1"]},
            "policy": {"remove": {"patterns": ["gone"]}},
        },
        ["cache", "last-user", "live"],
        ["app:1", "kept:1", "redis:7", "team/app:1"],
        ["images"],
    ),
    (
        "a guard refuses after two stages",
        {**WHOLE, "policy": {"remove": {"all_unused": True}, "guard": {"max_images": 0}}},
        [],
        ["app:1", "gone:1", "kept:1"],
        ["policy"],
    ),
    (
        "a stage that refuses ends the chain where that is asked for",
        {**WHOLE, "containers": {"names": ["old"]}, "images": {"names": ["redis:7"]}, "on_error": "stop"},
        ["cache", "last-user", "live"],
        ["app:1", "gone:1", "kept:1", "redis:7", "team/app:1"],
        ["images"],
    ),
    ("one stage", {"containers": {"names": ["cache"]}}, ["last-user", "live", "old"], None, []),
    (
        "an image that only the stage before it leaves dangling",
        {
            "images": {"names": ["gone:1"]},
            "policy": {"remove": {"before": "kept:1", "patterns": ["redis"]}},
        },
        None,
        None,
        [],
    ),
    (
        "what a container is committed to",
        {
            "containers": {"names": ["old"], "commit_to": "attic"},
            "policy": {"remove": {"patterns": ["redis"]}, "keep": {"newest": 1}},
            "layers": True,
        },
        ["cache", "last-user", "live"],
        None,
        [],
    ),
    ("nothing", {}, ["cache", "last-user", "live", "old"], ["app:1", "gone:1", "kept:1", "redis:7", "team/app:1"], []),
]


def containers(engine):
    return sorted(row["Names"][0].lstrip("/") for row in engine.client.containers(all=True))


def tags(engine):
    names = [name for row in engine.client.images(all=True) for name in row["RepoTags"] or []]
    return sorted(name for name in names if "<none>" not in name and "@" not in name)


def with_usage_file(options, directory):
    if "policy" not in options:
        return options
    return {**options, "policy": {**options["policy"], "usage_file": str(directory / "usage.json")}}


def promised(result):
    stages = {
        name: None if stage is None else {key: stage.get(key) for key in PROMISED_OF_STAGES}
        for name, stage in result["stages"].items()
    }
    return {**{key: result.get(key) for key in PROMISED}, "stages": stages}


@pytest.mark.parametrize(
    ("options", "left", "left_tags", "failing"), [row[1:] for row in CHAINS], ids=[row[0] for row in CHAINS]
)
def test_check_mode_is_the_run(options, left, left_tags, failing, fresh_engine, recording_proxy, tmp_path):
    held(fresh_engine.client)
    proxy = recording_proxy(fresh_engine)
    arguments = {**with_usage_file(options, tmp_path), "docker_host": proxy.docker_host}
    predicted = run_module("cleanup_chain", arguments, check=True)
    assert not proxy.writes
    assert promised(run_module("cleanup_chain", arguments, check=True)) == promised(predicted)
    real = run_module("cleanup_chain", arguments)
    assert promised(real) == promised(predicted)
    assert [name for name, stage in real["stages"].items() if stage and stage.get("failed")] == failing
    assert real["failed"] is bool(failing)
    assert left is None or containers(fresh_engine) == left
    assert left_tags is None or tags(fresh_engine) == left_tags
    assert (real["after"] is not None) is real["changed"]
    assert predicted["after"] is None
    again = run_module("cleanup_chain", arguments)
    assert again["changed"] is False
    assert again["failed"] is bool(failing)


@pytest.mark.parametrize("check", [True, False], ids=["in check mode", "for real"])
def test_the_chain_returns_what_the_modules_do_one_after_the_other(check, fresh_engine, tmp_path):
    held(fresh_engine.client)
    options = with_usage_file(WHOLE, tmp_path)
    chained = run_module("cleanup_chain", {**options, "docker_host": fresh_engine.docker_host}, check=True)
    results = []
    for stage, module in MODULES.items():
        arguments = {**options[stage], "docker_host": fresh_engine.docker_host, "after": results}
        result = run_module(module, arguments, check=check)
        result.pop("warnings", None)
        results.append(result)
    if check:
        assert {name: {"failed": False, **chained["stages"][name]} for name in MODULES} == dict(
            zip(MODULES, [{k: v for k, v in result.items() if k != "invocation"} for result in results], strict=True)
        )
    for name, result in zip(MODULES, results, strict=True):
        assert {key: chained["stages"][name].get(key) for key in PROMISED_OF_STAGES[2:]} == {
            key: result.get(key) for key in PROMISED_OF_STAGES[2:]
        }


MISTAKES = [
    # situation, options, part of the message
    ("an unknown option", {"policy": {"remov": {}}}, "policy: remov: no such option; did you mean remove?"),
    ("an unknown option below another", {"policy": {"remove": {"danglin": True}}}, "policy: remove.danglin: no such"),
    ("a value that no rule can read", {"policy": {**WHOLE["policy"], "keep": {"younger_than": "soon"}}}, "'soon'"),
    ("an option of the connection", {"images": {"names": ["a"], "docker_host": "x"}}, "images: docker_host: no such"),
    ("results of earlier tasks", {"images": {"names": ["a"], "after": []}}, "images: after: no such option"),
    ("a string", {"policy": {"remove": "dangling"}}, "policy: remove: 'dangling' is not a dictionary"),
    ("mistakes in two stages", {"containers": {"x": 1}, "policy": {"y": 1}}, "policy: y: no such option"),
]


@pytest.mark.parametrize(("options", "part"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_in_any_stage_comes_before_the_first_request(options, part, fresh_engine, recording_proxy):
    proxy = recording_proxy(fresh_engine)
    arguments = {"containers": {"states": EVERY_STATE}, **options, "docker_host": proxy.docker_host}
    result = run_module("cleanup_chain", arguments)
    assert result["failed"]
    assert part in result["msg"]
    assert not proxy.requests


def test_an_engine_that_is_not_there_returns_the_same_keys(fresh_engine, tmp_path):
    arguments = {"containers": {"states": EVERY_STATE}, "docker_host": f"unix://{tmp_path}/nothing.sock"}
    result = run_module("cleanup_chain", arguments)
    there = run_module("cleanup_chain", {"docker_host": fresh_engine.docker_host})
    assert result["failed"]
    assert "there is no Engine" in result["msg"]
    assert set(there) - set(result) == set()
    assert result["stages"] == dict.fromkeys(there["stages"])


def test_what_was_really_freed_is_measured_beside_what_was_expected(fresh_engine):
    state.import_image(fresh_engine.client, "kept:1")
    state.import_image(fresh_engine.client, "gone:1", size_bytes=5_000_000)
    arguments = {"docker_host": fresh_engine.docker_host, "images": {"names": ["gone:1"]}}
    assert run_module("cleanup_chain", arguments, check=True)["space_measured"] is None
    result = run_module("cleanup_chain", arguments)
    expected, measured = result["stages"]["images"]["space_expected"], result["space_measured"]
    if fresh_engine.name == "e26-containerd":
        # Its total of images has no blobs in it.
        assert measured is None
    else:
        assert expected * 0.99 < measured < expected * 1.01


def test_a_doubt_about_what_is_mounted_that_a_removal_ends_counts_to_the_end_of_the_chain(fresh_engine):
    if not fresh_engine.mounts_images:
        pytest.skip("this Engine mounts no images")
    base, mounted = state.import_image(fresh_engine.client, "base:1"), state.import_image(fresh_engine.client, "data:1")
    state.import_image(fresh_engine.client, "unused:1", runnable=False)
    state.container(fresh_engine.client, base, name="mounting", image_mounts={"data:1": "/mnt"})
    # The containerd store takes the date of this name for that of data:1, which so may have moved.
    state.tag(fresh_engine.client, mounted, "data:extra")
    arguments = {
        "docker_host": fresh_engine.docker_host,
        "images": {"names": ["data:extra"], "on_conflict": "skip"},
        "policy": {"remove": {"all_unused": True}},
    }
    predicted = run_module("cleanup_chain", arguments, check=True)
    real = run_module("cleanup_chain", arguments)
    for stage in ("images", "policy"):
        assert real["stages"][stage]["untagged"] == predicted["stages"][stage]["untagged"]
    assert real["stages"]["images"]["untagged"] == ["data:extra"]


#: More than an Engine remembers.
MANY_EVENTS = 260
WEEK = 7 * 86400


@pytest.mark.parametrize("engine", selected_engines()[:1], indirect=True)
def test_what_was_used_stays_however_much_the_chain_removes_first(fresh_engine, tmp_path):
    """The events of its own removals push those of the uses out, and a container that it stops was in use until then."""
    client, usage_file = fresh_engine.client, tmp_path / "usage.json"
    job, service, unused = (f"{state.token()}:1" for _image in range(3))
    ids = {name: state.load_image(client, name, created="2021-01-01T00:00:00Z") for name in (job, service, unused)}
    many = state.import_image(client, "many:0")
    for number in range(1, MANY_EVENTS):
        state.tag(client, many, f"many:{number}")
    state.container(client, service, "running", name="service")
    client.remove_container(state.container(client, job, "exited"))
    known = {image_id: [time.time() - WEEK, None] for image_id in ids.values()}
    engines = {client.info()["ID"]: {"updated": time.time(), "images": known}}
    usage_file.write_text(json.dumps({"version": 1, "engines": engines}))
    arguments = {
        "docker_host": fresh_engine.docker_host,
        "containers": {"names": ["service"], "states": ["running"], "stop_timeout": 0},
        "images": {"patterns": ["many"]},
        "policy": {
            "remove": {"all_unused": True},
            "keep": {"younger_than": "1d", "age_by": "used"},
            "usage_file": str(usage_file),
        },
    }
    predicted = run_module("cleanup_chain", arguments, check=True)
    real = run_module("cleanup_chain", arguments)
    assert promised(real) == promised(predicted)
    assert len(real["stages"]["images"]["untagged"]) == MANY_EVENTS
    assert {job, service} <= set(tags(fresh_engine))

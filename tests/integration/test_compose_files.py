# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(keep.compose_files) on one Engine of each store: what projects name that are down stays, in check mode and in a run."""

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._policy import compose_files
from tests.integration.image_task import all_of
from tests.integration.module_run import run_module
from tests.lab import state
from tests.lab.fixtures import on_one_of_each_store

#: The files are read without an Engine, and what an Engine holds depends on its store alone.

pytestmark = [pytest.mark.engine, on_one_of_each_store]
pytest_plugins = ["tests.lab.fixtures"]

PROMISED = ("failed", "changed", "untagged", "deleted", "absent", "conflicts", "images", "diff")
ALL = {"all_unused": True}

PROJECT = """\
name: store
x-worker: &worker
  image: ${REGISTRY:-registry.example.com}/worker:${TAG}
include:
  - ../search/compose.yaml
services:
  web:
    image: shop:${TAG}
  api:
    build: .
  worker:
    <<: *worker
    profiles: [jobs]
  cache:
    image: PINNED
"""
SEARCH = """\
services:
  search:
    image: search:${FROM_THE_ENVIRONMENT}
"""


@pytest.fixture(name="project")
def fixture_project(fresh_engine, registry, tmp_path):
    """A project that is down on an Engine that holds its images, and the ones before them."""
    client = fresh_engine.client
    pinned = f"{registry.address}/compose/{state.token()}:1"
    for name in ("shop:1.3", "shop:1.4", "store-api:latest", "shop_api:latest", "other-api:latest", pinned):
        state.import_image(client, name, runnable=False)
    for name in ("search:1", "search:2", "registry.example.com/worker:1.3", "registry.example.com/worker:1.4"):
        state.import_image(client, name, runnable=False)
    state.import_image(client, None, runnable=False)
    digest = state.push(client, pinned)
    client.remove_image(pinned)
    by_digest = f"{pinned.rpartition(':')[0]}@{digest}"
    state.pull(client, by_digest)
    for name, text in (
        ("shop/compose.yaml", PROJECT.replace("PINNED", by_digest)),
        ("shop/.env", "TAG=1.4\n"),
        ("search/compose.yaml", SEARCH),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return fresh_engine, str(tmp_path / "shop" / "compose.yaml"), by_digest


def names(client):
    listed = (tag for image in client.images() for tag in image["RepoTags"] or [])
    return sorted(tag for tag in listed if "<none>" not in tag and "@" not in tag)


def checked(module, arguments, client):
    """The result of a run that did what check mode predicted, and of which nothing is left to do."""
    everything = all_of(client)
    predicted = run_module(module, arguments, check=True)
    assert all_of(client) == everything
    result = run_module(module, arguments)
    assert {key: result.get(key) for key in PROMISED} == {key: predicted.get(key) for key in PROMISED}
    assert not run_module(module, arguments)["changed"]
    return result, predicted


def test_what_a_project_that_is_down_names_stays(project):
    engine, path, by_digest = project
    task = {"remove": ALL, "keep": {"compose_files": [path]}, "docker_host": engine.docker_host, "details": "all"}
    result, _predicted = checked("image_prune_policy", task, engine.client)
    assert names(engine.client) == [
        "registry.example.com/worker:1.4",
        "search:1",
        "search:2",
        "shop:1.4",
        "shop_api:latest",
        "store-api:latest",
    ]
    assert engine.client.inspect_image(by_digest)
    assert engine.client.images(filters={"dangling": True}) == [] or engine.store == "graphdriver"
    verdicts = {entry["references"][0]: entry for entry in result["images"] if entry["references"]}
    assert verdicts["shop:1.4"]["rule"] == f"keep.compose_files: {path}"
    assert verdicts["shop:1.4"]["reason"] == "remove.all_unused selects it, but services.web names it"
    assert "no file of keep.compose_files names it" in verdicts["shop:1.3"]["reason"]
    [warning] = [text for text in map(str, result["warnings"]) if "keep.compose_files" in text]
    assert "the value of FROM_THE_ENVIRONMENT is not known: every image that it may name is kept" in warning


def test_a_chain_reads_the_files_before_its_first_stage(project):
    engine, path, _by_digest = project
    state.container(engine.client, "shop:1.3", "created", name="old")
    policy = {"remove": ALL, "keep": {"compose_files": [path]}}
    chain = {"containers": {"names": ["old"]}, "policy": policy, "docker_host": engine.docker_host}

    missing = {**policy, "keep": {"compose_files": [path + ".missing"]}}
    everything = all_of(engine.client)
    for check in (True, False):
        failed = run_module("cleanup_chain", {**chain, "policy": missing}, check=check)
        assert failed["msg"] == (
            f"policy: keep.compose_files: '{path}.missing' cannot be read: No such file or directory"
        )
        assert all_of(engine.client) == everything

    predicted = run_module("cleanup_chain", chain, check=True)
    result = run_module("cleanup_chain", chain)
    for stage in ("containers", "policy"):
        assert {key: result["stages"][stage].get(key) for key in PROMISED} == {
            key: predicted["stages"][stage].get(key) for key in PROMISED
        }
    assert "shop:1.3" not in names(engine.client)
    assert "shop:1.4" in names(engine.client)


def test_a_host_without_the_library_fails_before_anything_is_removed(project, monkeypatch):
    engine, path, _by_digest = project
    monkeypatch.setattr(compose_files, "YAML_IMPORT_ERROR", "Traceback: No module named 'yaml'")
    task = {"remove": ALL, "keep": {"compose_files": [path]}, "docker_host": engine.docker_host}
    everything = all_of(engine.client)
    result = run_module("image_prune_policy", task)
    assert result["msg"].startswith(
        "keep.compose_files: PyYAML is missing: install the distribution's package python3-yaml, or PyYAML"
        " from the Python package index, on the managed host. Failed to import the required Python library (PyYAML)"
    )
    assert all_of(engine.client) == everything

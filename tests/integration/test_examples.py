# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The C(EXAMPLES) of C(cleanup_chain), C(container_remove) and C(image_usage_info) in playbooks, as they are written.

Those of the modules that remove images need a state each, and are in these modules' own tests.
"""

from __future__ import annotations

import importlib
import json

import pytest
import yaml

from tests.integration.module_run import MODULES
from tests.integration.role_run import run_playbook
from tests.lab import state

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.lab.fixtures"]

ENDS_AT_SIGINT = ("/bin/busybox", "sh", "-c", "trap exit INT; while :; do /bin/busybox sleep 0.05; done")


def of_module(name):
    return yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").EXAMPLES)


def run_tasks(engine, directory, tasks, *arguments):
    """Run them on an Engine that only C(module_defaults) names; returns what the run printed."""
    playbook = directory / "examples.json"
    defaults = {"group/imagewarden.docker.docker": {"docker_host": engine.docker_host}}
    play = {"hosts": "all", "gather_facts": False, "module_defaults": defaults, "tasks": list(tasks)}
    playbook.write_text(json.dumps([play]))
    run = run_playbook(str(playbook), {"host": {}}, directory, *arguments)
    assert run.code == 0, run.last_lines
    return run.output


def containers(engine):
    return sorted(row["Names"][0].lstrip("/") for row in engine.client.containers(all=True))


def images(engine):
    return sorted(name.rpartition(":")[0] for row in engine.client.images() for name in row["RepoTags"] or [])


def test_the_examples_of_container_remove(fresh_engine, tmp_path):
    client = fresh_engine.client
    state.import_image(client, "app:1")
    state.import_image(client, "redis:alpine")
    for name in ("batch", "scratch"):
        state.container(client, "app:1", "exited", name=name)
    state.container(client, "app:1", "exited", name="db-old", labels={"stage": "production"})
    state.container(client, "app:1", "created", name="never-run", labels={"com.example.keep": "yes"})
    state.container(client, "app:1", "running", name="service", command=ENDS_AT_SIGINT)
    state.container(client, "redis:alpine", "running", name="cache")
    for name in ("live", "report", "web", "worker"):
        state.container(client, "app:1", "running", name=name)
    of_pipeline = {"labels": {"ci.pipeline": "7"}, "anonymous_volumes": ["/data"]}
    state.container(client, "app:1", "paused", name="job", **of_pipeline)

    *examples, copy = of_module("container_remove")
    for check in (["--check"], []):
        printed = run_tasks(fresh_engine, tmp_path, examples, *check)
        # The last task of the chain knows, in check mode too, that the containers are gone.
        assert printed.count("changed: [host]") == len(examples) - 1, printed
        if check:
            assert len(containers(fresh_engine)) == 11
    assert containers(fresh_engine) == ["live", "report"]
    assert images(fresh_engine) == ["app"]
    assert not client.volumes()["Volumes"]

    state.container(client, "app:1", "exited", name="legacy-app")
    run_tasks(fresh_engine, tmp_path, [copy])
    assert containers(fresh_engine) == ["live", "report"]
    assert images(fresh_engine) == ["app", "attic/legacy-app"]


def test_the_examples_of_image_usage_info(fresh_engine, tmp_path):
    client = fresh_engine.client
    state.import_image(client, "app:1")
    state.container(client, "app:1", "exited", name="old")
    state.import_image(client, "unused:1")
    printed = run_tasks(fresh_engine, tmp_path, of_module("image_usage_info"))
    assert '"unused:1"' in printed
    assert '"app:1"' not in printed.partition("TASK [Only list")[0].partition("five largest")[2]


def test_the_examples_of_cleanup_chain(fresh_engine, tmp_path):
    client = fresh_engine.client
    state.import_image(client, "app:1")
    state.container(client, "app:1", "exited", name="old")
    for number in range(2):
        state.import_image(client, f"ci/web:pr-{number}")
    state.container(client, "ci/web:pr-1", "running", name="web")
    state.import_image(client, None)
    tasks = of_module("cleanup_chain")
    for check in (["--check"], []):
        printed = run_tasks(fresh_engine, tmp_path, tasks, *check)
        assert '"cleanup.summary": "1 reference untagged' in printed
    # The container is younger than a day, and holds its image; that of the policy is younger than a week.
    assert containers(fresh_engine) == ["old", "web"]
    assert images(fresh_engine) == ["app", "ci/web"]
    assert client.images(filters={"dangling": True}) == []

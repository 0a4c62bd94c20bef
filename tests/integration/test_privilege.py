# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task needs, and what it leaves behind: a proxy that lets only reads pass, the managed host's log, and no secrets."""

from __future__ import annotations

import json
import syslog

import pytest
from ansible.module_utils import basic

from tests.integration.ansible_run import run_ansible
from tests.integration.module_run import run_module
from tests.integration.role_run import run_playbook
from tests.lab import state
from tests.lab.proxy import RecordingProxy

pytestmark = pytest.mark.engine

#: What is sent to a registry on behalf of "user", and what it stands for.
PASSWORD, ENCODED = "hunter2-of-the-registry", "dXNlcjpodW50ZXIyLW9mLXRoZS1yZWdpc3RyeQ=="

CHAIN = {
    "containers": {"states": ["any"], "on_conflict": "skip"},
    "images": {"names": ["app:1", "gone:1"], "on_conflict": "skip"},
    "policy": {"remove": {"all_unused": True}, "keep": {"patterns": ["base:*"]}},
    "build_cache": {"remove": {"all": True}},
}
TASKS = [
    # module, options
    ("image_remove", {"names": ["app:1", "other:1"]}),
    ("image_remove", {"filters": {"dangling": True}, "layers": True}),
    (
        "image_prune_policy",
        {"remove": {"all_unused": True}, "keep": {"unrecoverable": "verify", "age_by": "used", "younger_than": "1h"}},
    ),
    ("container_remove", {"states": ["any"], "commit_to": "attic"}),
    ("build_cache_prune", {"remove": {"all": True}}),
    ("cleanup_chain", CHAIN),
    ("image_usage_info", {}),
]


@pytest.fixture(name="one_engine")
def fixture_one_engine(one_engine):
    client = one_engine.client
    for name in ("app:1", "other:1"):
        state.import_image(client, name, runnable=False)
    state.container(client, state.import_image(client, "base:1"), "exited", name="web")
    return one_engine


@pytest.fixture(name="read_only")
def fixture_read_only(one_engine):
    """A proxy that refuses whatever could change something, as a socket proxy with its defaults does."""
    with RecordingProxy(one_engine.socket) as proxy:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            proxy.answer(method, "", 403, b"<html><body><h1>403 Forbidden</h1></body></html>")
        yield proxy


def test_a_proxy_that_lets_only_reads_pass_is_enough_for_check_mode(read_only, one_engine):
    for module, options in TASKS:
        through, directly = (
            run_module(module, {"docker_host": host, **options}, check=True)
            for host in (read_only.docker_host, one_engine.docker_host)
        )
        assert not through["failed"], through
        assert _changes(through) == _changes(directly), module
    assert read_only.writes == []


def _changes(result):
    parts = [result, *(part for part in (result.get("stages") or {}).values() if part)]
    return [[part.get(key) for key in ("changed", "untagged", "deleted", "removed", "conflicts")] for part in parts]


def test_a_proxy_that_lets_only_reads_pass_is_enough_for_an_audit(read_only, tmp_path):
    variables = {
        "image_cleanup_containers": CHAIN["containers"],
        "image_cleanup_images": CHAIN["images"],
        "image_cleanup_policy": CHAIN["policy"],
        "image_cleanup_build_cache": CHAIN["build_cache"],
        "image_cleanup_docker": {"docker_host": read_only.docker_host},
    }
    run = run_playbook("imagewarden.docker.audit", {"web-1": variables}, tmp_path)
    assert run.code == 0, run.last_lines
    assert set(run.reports) == {"report", "web-1"}
    assert read_only.writes == []


def test_a_run_through_it_removes_nothing_and_says_why(read_only, one_engine):
    result = run_module("image_remove", {"docker_host": read_only.docker_host, "names": ["app:1"]})
    assert result["failed"]
    assert not result["changed"]
    assert "403" in result["msg"]
    assert "Forbidden" in result["msg"]
    assert one_engine.client.inspect_image("app:1")


@pytest.fixture(name="log")
def fixture_log(monkeypatch):
    """What modules write to the managed host's log, which is syslog where there is no journal."""
    lines = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(syslog, "syslog", lambda _priority, text: lines.append(text))
    return lines


def test_each_removal_is_in_the_log_before_it_is_asked_for_and_after_it(log, one_engine):
    with RecordingProxy(one_engine.socket) as proxy:
        at_the_request = []
        for method, path in (("DELETE", "/images/"), ("DELETE", "/containers/")):
            proxy.before(method, path, lambda: at_the_request.append(log[-1]), times=None)
        options = {**CHAIN, "images": {"names": ["app:1"]}, "policy": {}, "build_cache": {}}
        result = run_module("cleanup_chain", {"docker_host": proxy.docker_host, **options})
    (app,) = result["stages"]["images"]["deleted"]
    (container,) = [entry["id"] for entry in result["stages"]["containers"]["containers"] if entry["name"] == "web"]
    on = f"on {proxy.docker_host}"
    # On the containerd store, a request by the only name says which image that must be.
    image = f"app:1@{app}" if one_engine.store == "containerd" else f"{app} (app:1)"
    asked = [f"remove container {container} (web) {on}", f"remove image {image} {on}"]
    assert at_the_request == [f"asking to {what}" for what in asked]
    *changes, last = [line for line in log if line.startswith(("asking", "asked", "no confirmation"))]
    assert changes == [f"asking to {asked[0]}", f"asked to {asked[0]}: done", f"asking to {asked[1]}"]
    # Layers may follow.
    assert last.startswith(f"asked to {asked[1]}: untagged app:1; deleted {app}")


def test_check_mode_writes_no_removal_to_the_log(log, one_engine):
    run_module("cleanup_chain", {"docker_host": one_engine.docker_host, **CHAIN}, check=True)
    assert not [line for line in log if "remove" in line and not line.startswith("Invoked")]


def test_no_secret_is_in_results_or_the_log_or_what_is_printed(log, one_engine, monkeypatch, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"registry.lab.test": {"auth": ENCODED}}}))
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleS1vZi10aGUtY2xpZW50\n-----END PRIVATE KEY-----\n")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    state.import_image(one_engine.client, "registry.lab.test/app:1", runnable=False)
    with RecordingProxy(one_engine.socket) as proxy:
        proxy.answer("GET", "/distribution/", 401, {"message": "unauthorized"})
        verify = {
            "docker_host": proxy.docker_host,
            "remove": {"all_unused": True},
            "keep": {"unrecoverable": "verify"},
            "details": "all",
        }
        unusable = {
            "docker_host": "tcp://127.0.0.1:1",
            "validate_certs": True,
            "client_cert": str(key),
            "client_key": str(key),
            "names": ["app:1"],
        }
        with_a_password = {"docker_host": f"tcp://user:{PASSWORD}@127.0.0.1:2375", "names": ["app:1"]}
        said = [json.dumps(log)]
        for module, options in (
            ("image_prune_policy", verify),
            ("image_remove", unusable),
            ("image_remove", with_a_password),
        ):
            said.append(json.dumps(run_module(module, options)))
            if options is not with_a_password:
                # Ansible itself prints a task's own arguments with -vvv.
                printed = run_ansible(
                    module, options, check=True, environment={"ANSIBLE_VERBOSITY": "3", "DOCKER_CONFIG": str(tmp_path)}
                )
                said.append(printed.output)
        said.append(json.dumps([line for line in log if not line.startswith("Invoked")]))
    for secret in (PASSWORD, ENCODED, "c2VjcmV0LWtleS1vZi10aGUtY2xpZW50"):
        assert not [text for text in said[:-1] if secret in text], secret
        assert secret not in said[-1]

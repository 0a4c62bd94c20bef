# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role and the playbooks on real Engines: one inventory host for each, and the Engines' API as the judge."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.campaign import chains
from tests.campaign.harness import digests_of
from tests.integration.role_run import foretell_and_run, run_playbook, stage_differences
from tests.lab import state
from tests.lab.fixtures import selected_engines
from tests.lab.proxy import RecordingProxy

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.lab.fixtures"]

EVERY_STATE = ["created", "running", "paused", "restarting", "exited", "dead"]
#: Sessions of the chain campaign in a usual run of the tests, each one a case on every Engine.
ROUNDS = int(os.environ.get("IMAGEWARDEN_CHAIN_ROUNDS", "2"))


@pytest.fixture
def engines(lab):
    """The selected Engines, empty, and all of them the test's alone: a fleet."""
    with contextlib.ExitStack() as held:
        made = [held.enter_context(lab.engine(name).exclusive()) for name in sorted(selected_engines())]
        for engine in made:
            engine.reset()
        yield made


def inventory(engines, directory, **variables):
    """A host for each Engine, with these variables of the role."""
    policy = variables.get("image_cleanup_policy")
    hosts = {}
    for engine in engines:
        own = dict(variables)
        if policy:
            own["image_cleanup_policy"] = {**policy, "usage_file": str(directory / f"{engine.name}.json")}
        hosts[engine.name] = {"image_cleanup_docker": {"docker_host": engine.docker_host}, **own}
    return hosts


def containers(engine):
    return sorted(row["Names"][0].lstrip("/") for row in engine.client.containers(all=True))


def references(engine):
    names = [name for row in engine.client.images(all=True) for name in row["RepoTags"] or []]
    return sorted(name for name in names if "<none>" not in name and "@" not in name)


# A running container holds the image.


def running_container(client):
    state.import_image(client, "redis:7")
    state.container(client, "redis:7", "running", name="cache")
    state.import_image(client, "kept:1")


# Stopped containers hold the image too.


def stopped_containers(client):
    state.import_image(client, "redis:7")
    state.container(client, "redis:7", "exited", name="cache-old")
    state.container(client, "redis:7", "created", name="cache-never")
    state.import_image(client, "kept:1")


# What docker container prune and docker image prune take.


def stopped_and_dangling(client):
    app = state.import_image(client, "app:1")
    state.container(client, app, "exited", name="old")
    state.container(client, app, "running", name="live")
    gone = state.import_image(client, "gone:1")
    state.container(client, gone, "exited", name="last-user")
    state.import_image(client, "gone:1")
    state.import_image(client, None)


# Everything goes, down to the last image, except for what a rule keeps.


def everything(client):
    app = state.import_image(client, "app:1")
    state.tag(client, app, "team/app:1")
    child = state.derive(client, app, "child:1")
    state.import_image(client, None)
    for kind in ("created", "running", "paused", "exited"):
        state.container(client, child, kind, name=kind)
    state.import_image(client, "base/keep:1")


# A container is committed before it goes.


def container_with_work(client):
    state.import_image(client, "app:1")
    state.container(client, "app:1", "exited", name="Work")


ALL_OF_REDIS = {
    "image_cleanup_containers": {"images": ["redis:7"], "states": EVERY_STATE, "stop_timeout": 0},
    "image_cleanup_images": {"names": ["redis:7"]},
    "image_cleanup_policy": {},
}

ROWS = [
    # situation, what is made, variables, containers left, references left (REPOSITORY: for an unknown tag), images left
    ("row 8: a running container", running_container, ALL_OF_REDIS, [], ["kept:1"], 1),
    ("row 9: stopped containers", stopped_containers, ALL_OF_REDIS, [], ["kept:1"], 1),
    (
        "row 11: container prune and image prune",
        stopped_and_dangling,
        {
            "image_cleanup_containers": {"states": ["created", "exited", "dead"]},
            "image_cleanup_policy": {"remove": {"dangling": True}},
        },
        ["live"],
        ["app:1", "gone:1"],
        2,
    ),
    (
        "row 12: everything, with a guard",
        everything,
        {
            "image_cleanup_containers": {"states": EVERY_STATE, "kill": True},
            "image_cleanup_policy": {
                "remove": {"all_unused": True, "dangling": True},
                "keep": {"patterns": ["base/*"]},
                "guard": {"max_images": 10},
            },
        },
        [],
        ["base/keep:1"],
        1,
    ),
    (
        "row 14: a commit before the removal",
        container_with_work,
        {
            "image_cleanup_containers": {"names": ["Work"], "commit_to": "attic"},
            "image_cleanup_images": {"names": ["app:1"]},
            "image_cleanup_policy": {},
        },
        [],
        ["attic/work:"],
        None,
    ),
]


@pytest.mark.parametrize(
    ("make", "variables", "left_containers", "left_references", "left_images"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_workflows(make, variables, left_containers, left_references, left_images, engines, tmp_path):
    for engine in engines:
        make(engine.client)
    hosts = inventory(engines, tmp_path, **variables)
    with contextlib.ExitStack() as proxies:
        watched = {engine.name: proxies.enter_context(RecordingProxy(engine.socket)) for engine in engines}
        for name, proxy in watched.items():
            hosts[name]["foretold_through"] = {"docker_host": proxy.docker_host}
        foretold, real = foretell_and_run(hosts, tmp_path)
        assert {name: proxy.writes for name, proxy in watched.items() if proxy.writes} == {}
    for engine in engines:
        assert stage_differences(foretold[engine.name], real[engine.name]) == [], engine
        assert real[engine.name]["status"] == "changed", engine
        assert containers(engine) == left_containers, engine
        found = [name if name in left_references else f"{name.partition(':')[0]}:" for name in references(engine)]
        assert found == left_references, engine
        assert left_images is None or len(engine.client.images()) == left_images, engine
    again = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path)
    assert again.code == 0, again.last_lines
    assert {host["status"] for host in again.reports["report"]["hosts"]} == {"ok"}


def test_a_guard_refuses_what_the_chain_would_take(engines, tmp_path):
    for engine in engines:
        everything(engine.client)
    hosts = inventory(
        engines,
        tmp_path,
        image_cleanup_containers={"states": ["exited"]},
        image_cleanup_policy={"remove": {"patterns": ["base/*"]}, "guard": {"max_images": 0}},
    )
    run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path)
    assert run.code == 2
    for engine in engines:
        told = run.reports[engine.name]
        assert told["status"] == "failed"
        assert told["engines"][0]["failed_stage"] == "policy"
        assert told["containers_removed"] == 1
        assert "base/keep:1" in references(engine)


def test_several_engines_of_one_host(engines, tmp_path):
    for engine in engines:
        stopped_containers(engine.client)
    gone = {"docker_host": f"unix://{tmp_path}/nothing.sock"}
    hosts = {
        "many": {
            **ALL_OF_REDIS,
            "image_cleanup_docker": [gone, *({"docker_host": engine.docker_host} for engine in engines)],
        }
    }
    run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path)
    assert run.code == 2
    (told,) = run.reports["report"]["hosts"]
    assert told["status"] == "failed"
    assert f"there is no Engine at unix://{tmp_path}/nothing.sock" in told["message"]
    assert told["message"].count("nothing.sock") == 1
    assert [engine["failed"] for engine in told["engines"]] == [True, *(False for _engine in engines)]
    lines = run.output.splitlines()
    # A line is cut at 100 columns.
    assert [line for line in lines if line.startswith(f"  {gone['docker_host']}: FAILED"[:90])]
    for engine in engines:
        assert [line for line in lines if line.startswith(f"  {engine.docker_host}: ") and " removed, " in line], lines
    for engine in engines:
        assert (containers(engine), references(engine)) == ([], ["kept:1"])


def test_an_audit_changes_nothing(engines, tmp_path):
    for engine in engines:
        stopped_containers(engine.client)
    with contextlib.ExitStack() as proxies:
        watched = {engine.name: proxies.enter_context(RecordingProxy(engine.socket)) for engine in engines}
        hosts = inventory(engines, tmp_path, **ALL_OF_REDIS)
        for name, proxy in watched.items():
            hosts[name]["image_cleanup_docker"] = {"docker_host": proxy.docker_host}
        run = run_playbook("imagewarden.docker.audit", hosts, tmp_path)
        assert run.code == 0, run.last_lines
        assert all(proxy.requests and not proxy.writes for proxy in watched.values())
    report = run.reports["report"]
    assert (report["mode"], report["total"]["changed"]) == ("audit", len(engines))
    assert report["total"]["containers_removed"] == 2 * len(engines)
    assert report["total"]["images_deleted"] == len(engines)
    assert all(host["check_mode"] and host["summary"].startswith("would ") for host in report["hosts"])
    assert "The largest images that would be deleted:" in run.output
    assert run.output.count("redis:7") >= len(engines)
    assert all(len(line) <= 100 for line in run.table)


def test_an_audit_fails_on_changes_where_a_job_asks_for_it(lab, tmp_path):
    with lab.engine(sorted(selected_engines())[0]).exclusive() as engine:
        engine.reset()
        state.import_image(engine.client, "app:1")
        hosts = inventory([engine], tmp_path, image_cleanup_policy={"remove": {"all_unused": True}})
        run = run_playbook("imagewarden.docker.audit", hosts, tmp_path, image_cleanup_fail_on="changes")
        assert run.code == 2
        assert "image_cleanup_fail_on: 1 of 1 hosts would change" in run.output
        assert f"\n{engine.name}: would untag 1 reference, delete 1 image" in run.output
        engine.reset()
        run = run_playbook("imagewarden.docker.audit", hosts, tmp_path, image_cleanup_fail_on="changes")
        assert run.code == 0, run.last_lines


def test_a_host_says_how_far_it_is(lab, tmp_path):
    with lab.engine(sorted(selected_engines())[0]).exclusive() as engine, RecordingProxy(engine.socket) as proxy:
        engine.reset()
        for name in ("a:1", "b:1", "c:1", "d:1"):
            state.import_image(engine.client, name)
        proxy.before("DELETE", "/images/", lambda: time.sleep(0.7), times=None)
        policy = {"remove": {"all_unused": True}, "parallel": 1, "usage_file": str(tmp_path / "usage.json")}
        hosts = {"web": {"image_cleanup_docker": {"docker_host": proxy.docker_host}, "image_cleanup_policy": policy}}
        run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path, image_cleanup_progress=0.4)
        assert run.code == 0, run.last_lines
        assert run.reports["report"]["total"]["images_deleted"] == 4
        shown = re.findall(r"^web: ([0-9]) of 4 images(?:, about [0-9.]+ [kM]?B)?$", run.output, re.MULTILINE)
        assert len(shown) >= 2, run.output
        assert shown == sorted(set(shown))
        assert list((tmp_path / "remote").glob("imagewarden-progress-*")) == []


def test_a_fleet_with_a_host_down_and_an_engine_stopped(engines, tmp_path):
    for engine in engines:
        stopped_containers(engine.client)
    hosts = inventory(engines, tmp_path, **ALL_OF_REDIS)
    hosts["down"] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, **ALL_OF_REDIS}
    hosts["stopped"] = {**ALL_OF_REDIS, "image_cleanup_docker": {"docker_host": f"unix://{tmp_path}/nothing.sock"}}
    hosts["mistaken"] = {"image_cleanup_policy": {"remov": {"dangling": True}}}
    run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path)
    assert run.code == 2
    report = run.reports["report"]
    statuses = {host["host"]: host["status"] for host in report["hosts"]}
    assert statuses == {
        **{engine.name: "changed" for engine in engines},
        "down": "unreachable",
        "stopped": "failed",
        "mistaken": "failed",
    }
    messages = {host["host"]: host["message"] for host in report["hosts"]}
    # Ansible's words where ssh ended before it had read the module, and ssh's own.
    assert re.search("can be reached over ssh|connection refused", messages["down"], re.IGNORECASE)
    assert "there is no Engine" in messages["stopped"]
    assert "image_cleanup_policy: remov: no such option; did you mean remove?" in messages["mistaken"]
    for name in ("down", "stopped", "mistaken"):
        assert messages[name] in run.output
    assert all(containers(engine) == [] for engine in engines)


def test_a_play_does_not_take_the_summary_of_an_earlier_one(engines, tmp_path):
    engine = engines[0]
    stopped_containers(engine.client)
    playbook = tmp_path / "twice.json"
    mistaken = {"image_cleanup_policy": {"remov": {"dangling": True}}}
    imports = [("audit", {}), ("cleanup", mistaken)]
    playbook.write_text(
        json.dumps([{"import_playbook": f"imagewarden.docker.{name}", "vars": own} for name, own in imports])
    )
    run = run_playbook(str(playbook), inventory([engine], tmp_path, **ALL_OF_REDIS), tmp_path)
    assert run.code == 2, run.last_lines
    (told,) = run.reports["report"]["hosts"]
    assert (told["status"], told["containers_removed"]) == ("failed", 0)
    assert "image_cleanup_policy: remov: no such option" in told["message"]
    assert len(containers(engine)) == 2


def test_a_mistake_in_the_last_stage_is_found_before_the_first(engines, tmp_path):
    """A value that only the module can read; a text instead of options, which overrides the inventory."""
    wrong_value, text = engines[0], engines[-1]
    variables = {
        **ALL_OF_REDIS,
        "image_cleanup_policy": {"remove": {"dangling": True}, "keep": {"younger_than": "soon"}},
    }
    for engine, part, arguments in (
        (wrong_value, "image_cleanup_policy: keep.younger_than: 'soon'", ()),
        (text, "image_cleanup_policy: '{}' is not a dictionary of options", ("-e", "image_cleanup_policy={}")),
    ):
        engine.reset()
        stopped_containers(engine.client)
        run = run_playbook(
            "imagewarden.docker.cleanup", inventory([engine], tmp_path, **variables), tmp_path, *arguments
        )
        assert run.code == 2, run.last_lines
        assert part in run.reports["report"]["hosts"][0]["message"]
        # What the role itself could not write is written like every other host's.
        assert part in run.reports[engine.name]["message"]
        assert len(containers(engine)) == 2


def test_a_report_that_cannot_be_written_is_found_before_the_first_stage(engines, tmp_path):
    engine = engines[0]
    stopped_containers(engine.client)
    (tmp_path / "file").touch()
    unwritable = str(tmp_path / "file" / "reports")
    hosts = inventory([engine], tmp_path, **ALL_OF_REDIS)
    run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path, image_cleanup_report_dir=unwritable)
    assert run.code == 2, run.last_lines
    assert f"image_cleanup_report_dir: cannot write to {unwritable}: Not a directory" in run.output
    role = [{"hosts": "all", "gather_facts": False, "roles": ["imagewarden.docker.image_cleanup"]}]
    (tmp_path / "role.json").write_text(json.dumps(role))
    run = run_playbook(str(tmp_path / "role.json"), hosts, tmp_path, image_cleanup_report_dir=unwritable)
    assert run.code == 2, run.last_lines
    assert f"image_cleanup_report_dir: cannot write to {unwritable}: Not a directory" in run.output
    assert len(containers(engine)) == 2


def test_the_metrics_of_a_host_are_written_on_it_and_those_of_the_fleet_beside_the_report(engines, tmp_path):
    engine = engines[0]
    stopped_containers(engine.client)
    (tmp_path / "textfiles").mkdir()
    hosts = inventory([engine], tmp_path, **ALL_OF_REDIS, image_cleanup_textfile_dir=str(tmp_path / "textfiles"))
    own = tmp_path / "textfiles" / "imagewarden.prom"
    run_playbook("imagewarden.docker.audit", hosts, tmp_path)
    assert not own.exists()
    run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path)
    assert run.code == 0, run.last_lines
    (told,) = run.reports["report"]["hosts"]
    fleet = (tmp_path / "reports" / "metrics.prom").read_text()
    for text in (own.read_text(), fleet):
        found = {(one.name, one.labels.get("kind")): one.value for one in samples(text)}
        assert found["imagewarden_last_run_removed", "containers"] == told["containers_removed"] > 0
        assert found["imagewarden_last_run_removed", "images"] == told["images_deleted"]
        assert found["imagewarden_last_run_freed_bytes", None] == told["space_expected"]
        totals = told["engines"][0]["after"]["totals"]
        assert found["imagewarden_used_bytes", "images"] == totals["images"]["size"]
        assert found["imagewarden_reclaimable_bytes", "images"] == totals["images"]["reclaimable"]


def samples(text):
    """Every sample of metrics, as the client library of Prometheus reads them."""
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


REFUSED = [
    # situation, arguments, variables of the command line, part of the message
    ("a target without hosts", (), {"target": "c1"}, "target: 'c1' matches no host of the inventory"),
    (
        "a misspelt variable",
        (),
        {"image_cleanup_polcy": {}},
        "image_cleanup_polcy: no such variable; did you mean image_cleanup_policy?",
    ),
    ("a misspelt tag", ("--tags", "polcy"), {}, "--tags: polcy: no such stage; did you mean policy?"),
    ("a misspelt tag to skip", ("--skip-tags", "polcy"), {}, "--skip-tags: polcy: no such stage; did you mean policy?"),
    ("a misspelt tag, with a limit", ("--tags", "polcy", "--limit", "one"), {}, "--tags: polcy: no such stage"),
    (
        "a limit without a host of the target",
        ("--limit", "one"),
        {"target": "tw*"},
        "--limit one: no host of target tw*",
    ),
    ("a batch of no size", (), {"image_cleanup_serial": "foo"}, "image_cleanup_serial: 'foo' is neither a number"),
    (
        "a throttle below nothing",
        (),
        {"image_cleanup_throttle": -3},
        "image_cleanup_throttle: -3 is not a whole number",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "variables", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_mistake_leaves_no_report_of_another_day(arguments, variables, message, tmp_path):
    """No Engine is needed: nothing is sent to a host."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "report.json").write_text("{}")
    nothing = {"image_cleanup_docker": {"docker_host": f"unix://{tmp_path}/nothing.sock"}}
    hosts = {"one": nothing, "two": nothing}
    run = run_playbook("imagewarden.docker.audit", hosts, tmp_path, *arguments, **variables)
    assert run.code == 2, run.last_lines
    assert message in run.output
    assert "there is no Engine" not in run.output
    assert run.reports == {}


LIMITS = [
    # situation, limit, how the run ends, what it prints
    ("a host of the target", "one", 2, "1 host (1 failed)"),
    ("all but a host", "!two", 2, "1 host (1 failed)"),
    ("a file", "@hosts.limit", 2, "1 host (1 failed)"),
    ("a host that is none of the target", "two", 2, "--limit two: no host of target on*"),
]


@pytest.mark.parametrize(("limit", "code", "part"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
def test_a_limit_is_held_against_the_target(limit, code, part, tmp_path):
    nothing = {"image_cleanup_docker": {"docker_host": f"unix://{tmp_path}/nothing.sock"}}
    hosts = {"one": nothing, "two": nothing}
    (tmp_path / "hosts.limit").write_text("one\ntwo\n")
    run = run_playbook("imagewarden.docker.audit", hosts, tmp_path, "--limit", limit, target="on*")
    assert run.code == code, run.last_lines
    assert part in run.output
    # Also with a limit from a file, somebody checked what was asked for.
    assert "TASK [Check the hosts, the variables and the directory for the report]" in run.output


def test_the_mistake_of_a_host_is_its_own_with_a_limit_too(tmp_path):
    nothing = {"image_cleanup_docker": {"docker_host": f"unix://{tmp_path}/nothing.sock"}}
    hosts = {"one": {**nothing, "image_cleanup_polcy": {}}, "two": nothing}
    run = run_playbook("imagewarden.docker.audit", hosts, tmp_path, "--limit", "one,two")
    messages = {host["host"]: host["message"] for host in run.reports["report"]["hosts"]}
    assert messages["one"].startswith("image_cleanup_polcy: no such variable")
    assert messages["two"].startswith("there is no Engine")


def test_tags_of_other_plays_are_left_to_them(tmp_path):
    playbook = tmp_path / "site.json"
    playbook.write_text(json.dumps([{"import_playbook": "imagewarden.docker.audit", "tags": ["images-audit"]}]))
    hosts = {"one": {"image_cleanup_docker": {"docker_host": f"unix://{tmp_path}/nothing.sock"}}}
    for arguments in (("--tags", "web"), ("--tags", "images-audit"), ("--skip-tags", "web")):
        run = run_playbook(str(playbook), hosts, tmp_path, *arguments)
        assert "no such stage" not in run.output
        assert "1 host (1 failed)" in run.output


def test_a_relative_report_directory_begins_at_the_working_directory(tmp_path):
    hosts = {"one": {"image_cleanup_docker": {"docker_host": f"unix://{tmp_path}/nothing.sock"}}}
    run = run_playbook("imagewarden.docker.audit", hosts, tmp_path, image_cleanup_report_dir="below/reports")
    assert run.code == 2
    assert f"report: {tmp_path}/below/reports/report.json" in run.table
    report = json.loads((tmp_path / "below" / "reports" / "report.json").read_text())
    assert list(report) == ["schema", "schema_version", "generated", "mode", "total", "hosts"]
    assert list(report["hosts"][0])[:2] == ["host", "status"]
    assert "| one | failed |" in (tmp_path / "below" / "reports" / "report.md").read_text()
    assert "\none,failed,0," in (tmp_path / "below" / "reports" / "report.csv").read_text()


def test_a_failure_is_short_and_the_table_comes_last(tmp_path):
    hosts = {"one": {"image_cleanup_docker": {"docker_host": f"unix://{tmp_path}/nothing.sock"}}}
    run = run_playbook("imagewarden.docker.audit", hosts, tmp_path)
    assert run.output.count("there is no Engine") <= 3
    assert max(map(len, run.output.splitlines())) < 300
    assert run.output.index("fatal: [one]") < run.output.index("FAILED one: there is no Engine")


SERIAL = [
    # situation, variables, hosts that are not run
    ("all at once", {}, 0),
    ("in batches, whatever fails", {"image_cleanup_serial": [1, "50%"]}, 0),
    ("in batches, until one fails", {"image_cleanup_serial": 2, "image_cleanup_max_fail_percentage": 0}, 2),
    ("with names that other playbooks use", {"serial": "2", "max_fail_percentage": 0, "throttle": 1}, 2),
]


@pytest.mark.parametrize(("variables", "not_run"), [row[1:] for row in SERIAL], ids=[row[0] for row in SERIAL])
def test_batches(variables, not_run, engines, tmp_path):
    engine = engines[0]
    docker = {"docker_host": engine.docker_host}
    hosts = {f"host-{number}": {"image_cleanup_docker": docker, "image_cleanup_totals": False} for number in range(4)}
    hosts["host-1"]["image_cleanup_docker"] = {"docker_host": f"unix://{tmp_path}/nothing.sock"}
    run = run_playbook(
        "imagewarden.docker.cleanup", hosts, tmp_path, image_cleanup_policy={}, target="host-*", **variables
    )
    assert run.code == 2
    report = run.reports["report"]
    assert report["total"]["hosts"] == 4
    assert (report["total"]["failed"], report["total"]["not_run"]) == (1, not_run), run.last_lines


def test_tags_choose_stages(engines, tmp_path):
    for engine in engines:
        stopped_containers(engine.client)
    hosts = inventory(engines, tmp_path, **ALL_OF_REDIS)
    run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path, "--tags", "containers")
    assert run.code == 0, run.last_lines
    for engine in engines:
        assert (containers(engine), references(engine)) == ([], ["kept:1", "redis:7"])


UNUSED = {"image_cleanup_policy": {"remove": {"all_unused": True}}}


def test_what_other_hosts_use_is_kept(engines, tmp_path):
    """By reference, in batches of one host, and the audit predicts it; a container that this run removes holds nothing."""
    other, here = engines[0], engines[-1]
    for engine in dict.fromkeys((other, here)):
        state.import_image(engine.client, "shop:1")
        state.import_image(engine.client, "shop:2")
        state.import_image(engine.client, "old:1")
    state.container(other.client, "shop:1", "running", name="web")
    state.container(here.client, "old:1", "exited", name="old")
    stopped = {"image_cleanup_containers": {"states": ["exited"]}}
    hosts = inventory([here], tmp_path, **UNUSED, **stopped, image_cleanup_keep_used_on="all")
    hosts["other"] = {"image_cleanup_docker": {"docker_host": other.docker_host}, "image_cleanup_policy": {}}
    audit = run_playbook("imagewarden.docker.audit", hosts, tmp_path, image_cleanup_serial=1)
    assert audit.code == 0, audit.last_lines
    run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path, image_cleanup_serial=1)
    assert run.code == 0, run.last_lines
    assert references(here) == ["shop:1"]
    for report in (audit.reports[here.name], run.reports[here.name]):
        assert report["keep_used_on"] == {"hosts": 2, "unknown": []}
        kept = report["engines"][0]["stages"]["policy"]["kept_by_list"]
        # Where both hosts have the same Engine, it keeps what is in use for itself.
        assert kept == ([] if other is here else [{"target": "shop:1", "reason": "used on other"}])
    assert stage_differences(audit.reports[here.name], run.reports[here.name]) == []


def test_nothing_is_removed_where_it_is_not_known_what_others_use(engines, tmp_path):
    engine = engines[-1]
    state.import_image(engine.client, "old:1")
    hosts = inventory([engine], tmp_path, **UNUSED, image_cleanup_keep_used_on="all")
    hosts["down"] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    run = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path)
    assert run.code == 2, run.last_lines
    statuses = {host["host"]: host["status"] for host in run.reports["report"]["hosts"]}
    assert statuses == {engine.name: "failed", "down": "unreachable"}
    assert "image_cleanup_keep_used_on: what is used on down (" in run.reports[engine.name]["message"]
    limited = run_playbook("imagewarden.docker.cleanup", hosts, tmp_path, "--limit", engine.name)
    assert limited.code == 2, limited.last_lines
    assert "down (--limit leaves it out, or it was lost)" in limited.reports[engine.name]["message"]
    assert references(engine) == ["old:1"]
    knowing = run_playbook(
        "imagewarden.docker.cleanup", hosts, tmp_path, "--limit", engine.name, image_cleanup_if_unknown="continue"
    )
    assert knowing.code == 0, knowing.last_lines
    assert [row["host"] for row in knowing.reports[engine.name]["keep_used_on"]["unknown"]] == ["down"]
    assert references(engine) == []


def test_options_of_the_connection_come_from_module_defaults_too(engines, tmp_path):
    engine = engines[0]
    stopped_containers(engine.client)
    playbook = tmp_path / "play.json"
    defaults = {"group/imagewarden.docker.docker": {"docker_host": engine.docker_host}}
    role = {"role": "imagewarden.docker.image_cleanup", "vars": ALL_OF_REDIS}
    play = {"hosts": "all", "gather_facts": False, "module_defaults": defaults, "roles": [role]}
    playbook.write_text(json.dumps([play]))
    run = run_playbook(str(playbook), {"one": {}}, tmp_path)
    assert run.code == 0, run.last_lines
    assert (containers(engine), references(engine)) == ([], ["kept:1"])


def test_random_chains_are_foretold(lab, registry):
    made = [lab.engine(name) for name in sorted(selected_engines())]
    seed = random.SystemRandom().randrange(10_000)
    digests = digests_of(registry, seed)
    for number in range(ROUNDS):
        wrong = chains.CAMPAIGN.wrong(made, seed, number, digests)
        assert not wrong, "\n".join(wrong)

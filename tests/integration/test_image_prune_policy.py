# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(image_prune_policy) on real Engines. Every task runs in check mode, for real, and again."""

from __future__ import annotations

import json
import textwrap
import time
from pathlib import Path

import pytest
import yaml
from docker import APIClient

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._policy import measure as measuring
from ansible_collections.imagewarden.docker.plugins.modules import image_prune_policy
from tests.integration.engine_state import EngineState
from tests.integration.image_task import FORETOLD, all_of
from tests.integration.module_run import run_module
from tests.lab import published, state
from tests.lab.private_engine import PrivateEngine
from tests.lab.proxy import RecordingProxy

pytestmark = pytest.mark.engine

ALL = {"all_unused": True}
OLD, MIDDLE, NEW = "2019-01-01T00:00:00Z", "2021-01-01T00:00:00Z", "2023-01-01T00:00:00Z"
#: A summary tells of a target what the real run measured.
_FORETOLD = tuple(key for key in FORETOLD if key != "summary")


@pytest.fixture(name="usage_file")
def fixture_usage_file(tmp_path):
    return tmp_path / "record" / "usage.json"


@pytest.fixture(name="task")
def fixture_task(fresh_engine, usage_file):
    """Runs a policy on the Engine and returns the real run's result, after every check that it must pass."""

    def run(**policy):
        return run_policy(fresh_engine, usage_file, **policy)

    return run


@pytest.fixture(name="client")
def fixture_client(fresh_engine):
    return fresh_engine.client


def run_policy(engine, usage_file, **policy):
    arguments = {"docker_host": engine.docker_host, "usage_file": str(usage_file), "details": "all", **policy}
    before, everything, record = EngineState.read(engine.client), all_of(engine.client), read(usage_file)
    predicted = run_module("image_prune_policy", arguments, check=True)
    assert all_of(engine.client) == everything
    assert read(usage_file) == record

    result = run_module("image_prune_policy", arguments)
    assert {key: result.get(key) for key in _FORETOLD} == {key: predicted.get(key) for key in _FORETOLD}
    after = EngineState.read(engine.client)
    assert set(before.images) - set(after.images) == set(result.get("deleted", ()))
    said = {name for name in result.get("untagged", ()) if not name.startswith("moby-dangling@")}
    assert before.references - after.references == said
    assert after.containers == before.containers

    again = run_module("image_prune_policy", arguments)
    assert (again["changed"], again["failed"]) == (False, result["failed"])
    return result


def read(path):
    return path.read_text() if path.exists() else None


def load(client, references, created=MIDDLE, **options):
    """An image of the given age that nobody runs, with content of its own."""
    return state.load_image(client, references, created=created, runnable=False, **options)


def tags(client):
    return sorted(tag for image in client.images() for tag in image["RepoTags"] or [] if "<none>" not in tag)


def rules(result):
    return {(entry["references"] or ["<none>"])[0]: (entry["action"], entry["rule"]) for entry in result["images"]}


# What docker image prune takes


def test_dangling_images_go_and_nothing_else(task, client):
    dangling = [load(client, []), load(client, [])]
    load(client, ["app:1", "app:2"])
    result = task(remove={"dangling": True})
    assert sorted(result["deleted"]) == sorted(dangling)
    assert result["untagged"] == []
    assert tags(client) == ["app:1", "app:2"]


def test_a_young_dangling_image_may_be_a_build_under_way(task, client):
    state.import_image(client, runnable=False)
    result = task(remove={"dangling": True}, keep={"younger_than": "1h"})
    assert not result["changed"]
    assert rules(result)["<none>"] == ("kept", "keep.younger_than: 1h")


def test_an_image_that_only_a_digest_names_is_dangling_where_the_engine_says_so(task, client, registry, fresh_engine):
    name = f"{registry.address}/prune/pinned:1"
    load(client, name)
    digest = state.push(client, name)
    client.remove_image(name)
    pinned = state.pull(client, f"{name.rpartition(':')[0]}@{digest}")
    assert task(remove=ALL, keep={"digests": True})["deleted"] == []
    dangling = [image["Id"] for image in client.images(filters={"dangling": True})]
    assert dangling == ([pinned] if fresh_engine.store == "graphdriver" else [])
    assert task(remove={"dangling": True})["deleted"] == dangling
    assert task(remove=ALL)["deleted"] == ([] if dangling else [pinned])


def test_a_kept_tag_keeps_the_digest_that_it_was_pulled_by(task, client, registry):
    name = f"{registry.address}/kept/{state.token()}"
    load(client, [f"{name}:keep", f"{name}:2"])
    digest = state.push(client, f"{name}:keep")
    client.remove_image(f"{name}:keep")
    client.remove_image(f"{name}:2")
    image = state.pull(client, f"{name}:keep")
    assert not task(remove=ALL, keep={"patterns": [f"{name}:keep"]})["changed"]
    assert client.inspect_image(image)["RepoDigests"] == [f"{name}@{digest}"]


def test_a_hidden_parent_that_a_rule_keeps_stays_without_its_children(task, client):
    load(client, "base:1")
    state.build(client, "FROM base:1\nLABEL a=b\nENV c=d", "child:1")
    state.build(client, "FROM base:1\nLABEL a=b\nENV c=e", "child:2")
    last = client.inspect_image("child:1")["Parent"]
    keep = {"images": [{"image": last, "reason": "the next build needs it"}]} if last else None
    result = task(remove={"patterns": ["child"]}, keep=keep)
    assert sorted(result["untagged"]) == ["child:1", "child:2"]
    assert not last or client.inspect_image(last)["RepoTags"] == []


def test_hidden_parents_go_with_the_last_child(task, client):
    base = load(client, "base:1")
    state.build(client, "FROM base:1\nLABEL a=b\nENV c=d", "child:1")
    parents = {image["Id"] for image in client.images(all=True)} - {base}
    result = task(remove={"patterns": ["child"]})
    assert set(result["deleted"]) <= parents
    assert result["untagged"] == ["child:1"]
    result = task(remove=ALL)
    assert client.images(all=True) == []


# What docker image prune --all --filter until=… takes


def test_unused_images_of_an_age(task, client):
    load(client, "old:1", OLD)
    load(client, "new:1", NEW)
    load(client, "jib:1", "1970-01-01T00:00:00Z")
    load(client, "bazel:1", "1980-01-01T00:00:01Z")
    load(client, "none:1", None)
    result = task(remove=ALL, keep={"younger_than": "2020-07-07T00:00:00Z"})
    assert result["untagged"] == ["old:1"]
    assert rules(result) == {
        "old:1": ("deleted", "remove.all_unused"),
        "new:1": ("kept", "keep.younger_than: 2020-07-07T00:00:00Z"),
        **dict.fromkeys(("jib:1", "bazel:1", "none:1"), ("kept", "keep.unknown_age")),
    }
    assert result["younger_than"] == {
        "limit": "2020-07-07T00:00:00Z",
        "time": "2020-07-07T00:00:00Z",
        "local_time": False,
    }
    result = task(remove=ALL, keep={"younger_than": "168h", "unknown_age": False})
    assert sorted(result["untagged"]) == ["bazel:1", "jib:1", "new:1", "none:1"]


def test_a_timestamp_without_a_zone_is_local_and_the_result_says_so(task, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        result = task(remove=ALL, keep={"younger_than": "2020-07-07"})
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert result["younger_than"] == {"limit": "2020-07-07", "time": "2020-07-06T22:00:00Z", "local_time": True}


def test_images_before_and_since_another(task, client, fresh_engine):
    for number, created in enumerate((OLD, MIDDLE, NEW)):
        load(client, f"mongo:{number}", created)
    assert task(remove={"since": "mongo:1"})["untagged"] == ["mongo:2"]
    assert task(remove={"before": "mongo:1"})["untagged"] == ["mongo:0"]
    result = run_module("image_prune_policy", {"docker_host": fresh_engine.docker_host, "remove": {"before": "gone:1"}})
    assert result["failed"]
    assert "remove.before: 'gone:1' names no image here" in result["msg"]


# In use is sacred


@pytest.mark.parametrize("status", ["created", "running", "paused", "exited"])
def test_an_image_in_use_keeps_the_name_by_which_it_is_used(task, client, status):
    image = state.load_image(client, ["app:1", "app:2", "other:1"], created=OLD)
    state.container(client, "app:2", status, name="holder")
    assert not task(remove=ALL)["changed"]
    result = task(remove={"patterns": ["app", "other"]})
    assert sorted(result["untagged"]) == ["app:1", "other:1"]
    assert result["deleted"] == []
    assert tags(client) == ["app:2"]
    [entry] = [entry for entry in result["images"] if entry["id"] == image]
    assert entry["action"] == "untagged"
    assert "holder" in entry["reason"]


def test_all_names_stay_when_a_container_shows_none_of_them(task, client):
    image = state.load_image(client, ["app:1", "app:2"], created=OLD)
    state.container(client, image, name="by-id")
    assert not task(remove={"patterns": ["app"]})["changed"]
    assert tags(client) == ["app:1", "app:2"]


def test_an_image_whose_name_moved_away_from_its_container_stays(task, client):
    old = state.load_image(client, ["app:1", "app:old"], created=OLD)
    state.container(client, "app:1", name="holder")
    state.tag(client, load(client, "app:2", NEW), "app:1")
    result = task(remove={"patterns": ["app"]})
    assert sorted(result["untagged"]) == ["app:1", "app:2"]
    assert [image["Id"] for image in client.images()] == [old]


def test_a_container_that_an_earlier_task_would_remove_holds_nothing_in_check_mode(client, fresh_engine, usage_file):
    image = state.load_image(client, "app:1", created=OLD)
    state.container(client, "app:1", "exited", name="job")
    common = {"docker_host": fresh_engine.docker_host}
    first = run_module("container_remove", {**common, "names": ["job"]}, check=True)
    # In one process, warnings of earlier tests are still there, and are no JSON.
    first.pop("warnings", None)
    policy = {**common, "usage_file": str(usage_file), "remove": ALL}
    assert run_module("image_prune_policy", policy, check=True)["deleted"] == []
    foretold = run_module("image_prune_policy", {**policy, "after": [first]}, check=True)
    assert foretold["deleted"] == [image]
    run_module("container_remove", {**common, "names": ["job"]})
    assert run_module("image_prune_policy", {**policy, "after": [first]})["deleted"] == [image]


# Keeping the newest


def test_the_newest_of_each_repository_by_creation(task, client):
    for number in range(1, 5):
        load(client, f"app:{number}", f"2021-01-0{number}T00:00:00Z")
    load(client, ["tool:1", "tool:latest"], OLD)
    result = task(remove=ALL, keep={"newest": 2})
    assert sorted(result["untagged"]) == ["app:1", "app:2"]
    assert tags(client) == ["app:3", "app:4", "tool:1", "tool:latest"]


def test_the_newest_by_version(task, client):
    for number, tag in enumerate(("1.10", "1.9", "1.10-rc1", "v1.11")):
        load(client, f"app:{tag}", f"2021-01-0{4 - number}T00:00:00Z")
    load(client, "app:latest", NEW)
    result = task(remove=ALL, keep={"newest": 2, "newest_by": "version"})
    assert sorted(result["untagged"]) == ["app:1.10-rc1", "app:1.9", "app:latest"]


def test_the_newest_by_last_tagging(task, client):
    first = load(client, "app:first", NEW)
    load(client, "app:second", MIDDLE)
    oldest = load(client, "build:1", OLD)
    time.sleep(1.1)
    state.tag(client, oldest, "app:third")
    client.remove_image("build:1")
    result = task(remove=ALL, keep={"newest": 1, "newest_by": "tagged"})
    assert "app:first" in result["untagged"]
    assert first in result["deleted"]
    assert tags(client) == ["app:third"]


def test_an_image_in_use_is_kept_on_top(task, client):
    for number in range(1, 5):
        state.load_image(client, f"app:{number}", created=f"2021-01-0{number}T00:00:00Z")
    state.container(client, "app:1", "running")
    assert task(remove=ALL, keep={"newest": 2})["untagged"] == ["app:2"]


# Last use


def test_an_image_that_was_never_seen_used_counts_from_when_it_was_first_seen(task, client, usage_file):
    name = f"{state.token()}:1"
    load(client, name, OLD)
    policy = {"remove": ALL, "keep": {"younger_than": "1h", "age_by": "used"}}
    assert not task(**policy)["changed"]
    age_record(usage_file, 7200)
    if client_tells_of_tags(client, name):
        assert rules(task(**policy))[name][1] == "keep.younger_than: 1h"
    else:
        assert task(**policy)["untagged"] == [name]


def client_tells_of_tags(client, name):
    """Whether the Engine knows that a loaded image was named just now."""
    return client.inspect_image(name)["Metadata"]["LastTagTime"][:4] not in ("0001", "")


def test_the_record_knows_of_containers_that_are_gone(task, client, usage_file):
    image = state.load_image(client, "app:1", created=OLD)
    made = state.container(client, "app:1", "exited")
    task(remove={"dangling": True})
    client.remove_container(made)
    [engine] = json.loads(usage_file.read_text())["engines"].values()
    first_seen, last_used = engine["images"][image]
    assert last_used == pytest.approx(time.time(), abs=600)
    assert first_seen == pytest.approx(time.time(), abs=600)


def test_events_show_the_use_by_containers_that_are_gone(task, client, usage_file):
    # The Engine replays what earlier tests did, too: their names must be others.
    used, unused = (f"{state.token()}:1" for _image in range(2))
    for name in (used, unused):
        state.load_image(client, name, created=OLD)
    task(remove={"dangling": True})
    age_record(usage_file, 7200)
    client.remove_container(state.container(client, used, "exited"))
    result = task(remove=ALL, keep={"younger_than": "1h", "age_by": "used"})
    assert rules(result)[used][1] == "keep.younger_than: 1h"
    assert result["untagged"] == ([] if client_tells_of_tags(client, used) else [unused])
    assert result["usage_known_since"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def test_an_image_whose_name_moved_after_its_use_stays_on_doubt(task, client, usage_file):
    name, other = (f"{state.token()}:1" for _image in range(2))
    used = state.load_image(client, name, created=OLD)
    state.load_image(client, other, created=OLD)
    task(remove={"dangling": True})
    age_record(usage_file, 7200)
    client.remove_container(state.container(client, name, "exited"))
    successor = state.load_image(client, name, created=OLD)
    result = task(remove=ALL, keep={"younger_than": "1h", "age_by": "used"})
    assert not {used, successor} & set(result["deleted"])
    assert result["untagged"] == ([] if client_tells_of_tags(client, name) else [other])


def test_a_damaged_record_is_a_warning_and_keeps_everything(fresh_engine, client, usage_file):
    load(client, "app:1", OLD)
    usage_file.parent.mkdir()
    usage_file.write_text("{damaged")
    policy = {"remove": ALL, "keep": {"younger_than": "1h", "age_by": "used"}}
    common = {"docker_host": fresh_engine.docker_host, "usage_file": str(usage_file)}
    result = run_module("image_prune_policy", {**common, **policy})
    assert not result["changed"]
    assert "damaged" in str(result["warnings"])
    usage_file.write_text("{damaged")
    again = run_module("image_prune_policy", {**common, "remove": {"dangling": True}})
    assert "damaged" in str(again["warnings"])
    assert json.loads(usage_file.read_text())["version"] == 1


def age_record(path, seconds):
    """As if the record had been written so many seconds ago."""
    record = json.loads(path.read_text())
    for engine in record["engines"].values():
        for image_id, times in engine["images"].items():
            engine["images"][image_id] = [None if moment is None else moment - seconds for moment in times]
    path.write_text(json.dumps(record))


# Nothing goes that exists nowhere else


def test_what_a_registry_has_goes_and_what_it_has_not_stays(task, client, registry):
    there, lost = (f"{registry.address}/verify/{state.token()}:1" for _each in range(2))
    digests = {}
    for name in (there, lost):
        load(client, name)
        digests[name] = state.push(client, name)
        client.remove_image(name)
        state.pull(client, name)
    load(client, "local:1")
    load(client, "127.0.0.1:1/silent:1")
    published.forget(registry, lost.partition("/")[2].rpartition(":")[0], digests[lost])
    result = task(remove=ALL, keep={"unrecoverable": "verify"})
    assert [name for name in result["untagged"] if "@" not in name] == [there]
    assert tags_without_digests(client) == sorted([lost, "local:1", "127.0.0.1:1/silent:1"])
    kept = {entry["references"][0]: entry for entry in result["images"] if entry["action"] == "kept"}
    assert {entry["rule"] for entry in kept.values()} == {"keep.unrecoverable: verify"}


def tags_without_digests(client):
    return sorted(name for name in tags(client) if "@" not in name)


def test_what_was_never_pushed_stays_as_far_as_the_store_shows(task, client, registry):
    name = f"{registry.address}/unpushed/{state.token()}:1"
    load(client, name)
    pinned = f"{name.rpartition(':')[0]}@{state.push(client, name)}"
    client.remove_image(name)
    state.pull(client, pinned)
    load(client, "local:1")
    result = task(remove=ALL, keep={"unrecoverable": "unpushed"})
    assert result["untagged"] == [pinned]
    assert tags(client) == ["local:1"]


# The largest first, until a target is met


def fill(client, engine, repository="app"):
    """Images of four sizes without a layer in common; returns the Engine's own total."""
    for number in range(1, 5):
        load(client, f"{repository}:{number}", f"2021-01-0{number}T00:00:00Z", size_bytes=number * 1_000_000)
    return engine_total(engine)


def engine_total(engine):
    return EngineState.read(engine.client).layers_size


def test_the_largest_go_until_the_target_is_met(task, client, fresh_engine):
    total = fill(client, fresh_engine)
    result = task(remove=ALL, target={"total_size": f"{total - 3_500_000}B", "order": "largest"})
    target = result["target"]
    assert result["untagged"] == ["app:4"]
    assert rules(result)["app:3"] == ("kept", "target")
    assert target["met"]
    assert target["total_size"]["after"] == engine_total(fresh_engine) <= total - 3_500_000


def test_the_oldest_go_until_the_target_is_met(task, client, fresh_engine):
    total = fill(client, fresh_engine)
    # The containerd store keeps each layer twice, and its total counts both from 28.2 on.
    is_twice = fresh_engine.store == "containerd" and fresh_engine.name != "e26-containerd"
    result = task(remove=ALL, target={"total_size": f"{total - (3_000_000 if is_twice else 1_500_000)}B"}, layers=True)
    assert result["untagged"][:2] == ["app:1", "app:2"]
    assert result["target"]["met"]


def test_a_target_that_cannot_be_met_is_told_and_is_no_failure(task, client, fresh_engine):
    fill(client, fresh_engine)
    result = task(remove=ALL, keep={"patterns": ["app:4"]}, target={"total_size": "1MB"})
    assert not result["failed"]
    assert not result["target"]["met"]
    assert "the target is not met: total_size is 1MB" in result["summary"]
    assert "the target is not met" in str(result["warnings"])
    assert tags(client) == ["app:4"]


def test_a_target_that_is_met_already_removes_nothing(task, client, fresh_engine):
    fill(client, fresh_engine)
    result = task(remove=ALL, target={"total_size": "1TB"})
    assert not result["changed"]
    assert result["target"]["met"]
    assert {rule for _action, rule in rules(result).values()} == {"target"}


def test_a_disk_that_is_elsewhere_is_told(task, client, fresh_engine):
    fill(client, fresh_engine)
    if (seen := task(remove=ALL, target={"disk_used_above": 99.99})["target"])["disk"]["before"] is not None:
        pytest.skip(f"the Engine's data is on this machine's {seen['disk']['path']}")
    result = task(remove=ALL, target={"disk_used_above": 0})
    assert not result["changed"]
    assert "disk_used_above cannot be measured" in result["target"]["text"]


# Everything, with a guard


def test_a_guard_refuses_before_anything_is_removed(task, client):
    for number in range(12):
        load(client, f"app:{number}", size_bytes=number * 1000)
    result = task(remove=ALL, guard={"max_images": 10})
    assert result["failed"]
    assert "guard.max_images refuses the plan: 12 images would be deleted, but guard.max_images is 10" in result["msg"]
    assert len(result["guard"]["largest"]) == 10
    assert result["guard"]["largest"][0]["references"] == ["app:11"]
    assert len(tags(client)) == 12
    result = task(remove=ALL, guard={"max_images": 12, "max_percent": 100})
    assert len(result["deleted"]) == 12


def test_check_mode_only_reads_and_costs_a_constant_number_of_calls(client, fresh_engine, recording_proxy, usage_file):
    proxy = recording_proxy(fresh_engine)
    counts = []
    for number in (2, 8):
        for index in range(number):
            load(client, f"app{number}:{index}")
        proxy.clear()
        policy = {"remove": ALL, "keep": {"newest": 1}, "target": {"total_size": "1B"}}
        arguments = {"docker_host": proxy.docker_host, "usage_file": str(usage_file), **policy}
        assert run_module("image_prune_policy", arguments, check=True)["changed"]
        assert proxy.writes == []
        counts.append(len(proxy.requests))
    assert counts[0] == counts[1] <= 8
    assert not usage_file.exists()


def test_every_image_of_a_host_has_a_reason(task, client):
    state.load_image(client, ["app:1"], created=OLD)
    state.container(client, "app:1", name="web")
    load(client, ["base:1"], NEW, labels={"keep": "yes"})
    load(client, ["base:2", "tool:1"], OLD)
    load(client, ["ci/app:pr-1"], OLD)
    result = task(
        remove={"all_unused": True, "patterns": ["ci/*:pr-*"]}, keep={"labels": ["keep"], "patterns": ["tool"]}
    )
    reasons = {tuple(entry["references"]): (entry["action"], entry["rule"]) for entry in result["images"]}
    assert reasons == {
        ("app:1",): ("kept", "in use"),
        ("base:1",): ("kept", "keep.labels: keep"),
        ("base:2", "tool:1"): ("untagged", "remove.all_unused"),
        ("ci/app:pr-1",): ("deleted", "remove.patterns: ci/*:pr-*"),
    }
    assert all(entry["reason"] for entry in result["images"])


# The worked policies of the guide, each on a host that it is made for

GUIDE = Path(__file__).parents[2] / "docs/docsite/rst/guide_retention.rst"


def worked_policy(title):
    """The policy below a heading of the guide."""
    section = GUIDE.read_text().split(f"\n{title}\n{'-' * len(title)}\n")[1]
    block = section.split(".. code-block:: yaml\n")[1].split("\n\n*")[0]
    [task] = yaml.safe_load(textwrap.dedent(block))
    return task["imagewarden.docker.image_prune_policy"]


def test_the_guides_ci_host(task, client):
    dangling = load(client, [])
    load(client, ["ci/app:pr-1", "ci/app:build-1", "ci/app:main"], OLD)
    load(client, "ci/jib:pr-2", "1970-01-01T00:00:00Z")
    load(client, "ci/base:pr-0", OLD)
    state.import_image(client, "ci/app:pr-3", runnable=False)
    state.import_image(client, runnable=False)
    result = task(**worked_policy("A CI host"))
    assert sorted(result["untagged"]) == ["ci/app:build-1", "ci/app:pr-1", "ci/jib:pr-2"]
    assert dangling in result["deleted"]
    assert tags(client) == ["ci/app:main", "ci/app:pr-3", "ci/base:pr-0"]
    assert len(result["deleted"]) == 2


def test_the_guides_production_host(task, client):
    for number, tag in enumerate(("1.8", "1.9", "1.10", "1.11-rc1", "1.11")):
        state.load_image(client, f"app:{tag}", created=f"2021-01-0{5 - number}T00:00:00Z")
    state.container(client, "app:1.8", "running", name="rolled-back")
    load(client, "registry.example.com/base/os:1", OLD)
    load(client, "debug:1", OLD, labels={"keep": "yes"})
    state.import_image(client, "fresh:1", runnable=False)
    policy = worked_policy("A production host")
    result = task(**policy)
    assert result["untagged"] == ["app:1.9"]
    assert rules(result)["app:1.8"] == ("kept", "in use")
    assert "min_per_repository" in policy["guard"]


def test_the_guides_air_gapped_host(task, client, registry):
    repository = f"{registry.address}/airgap/{state.token()}"
    for number in (1, 2):
        load(client, f"{repository}:{number}", f"202{number}-01-01T00:00:00Z")
        state.push(client, f"{repository}:{number}")
        client.remove_image(f"{repository}:{number}")
        state.pull(client, f"{repository}:{number}")
    load(client, f"{repository}:0", OLD)
    load(client, "local:1", OLD)
    load(client, "local:2", MIDDLE)
    result = task(**worked_policy("An air-gapped host"))
    assert [name for name in result["untagged"] if "@" not in name] == [f"{repository}:1"]
    assert tags_without_digests(client) == sorted([f"{repository}:0", f"{repository}:2", "local:1", "local:2"])


def test_the_guides_registry_mirror(task, client, fresh_engine, usage_file):
    policy = worked_policy("A registry mirror or proxy")
    # The Engine replays what earlier tests used, too: their names must be others.
    repository = state.token()
    total = fill(client, fresh_engine, repository)
    policy["target"]["total_size"] = f"{total - 500_000}B"
    result = task(**policy)
    assert not result["changed"]
    assert not result["target"]["met"]
    age_record(usage_file, 40 * 86400)
    result = task(**policy)
    if fresh_engine.store == "containerd":
        # It knows that the images were named just now, and takes that for a use.
        assert not result["changed"]
    else:
        assert result["untagged"] == [f"{repository}:1"]
        assert result["target"]["met"]


def test_the_guides_small_disk(client, fresh_engine, usage_file, monkeypatch):
    """The Engine's disk is not this machine's, so its state is told; it is as full after as the run makes it."""
    policy = worked_policy("A small disk")
    total = fill(client, fresh_engine)
    start = engine_total(fresh_engine)

    def disk(*_arguments):
        used = 90_000_000 - (start - engine_total(fresh_engine))
        return FileSystem("/var/lib/docker", 100_000_000, used, 100_000_000 - used, 100, 10, 90)

    monkeypatch.setattr(measuring, "read_file_system", disk)
    policy["target"].update(disk_used_above=88, disk_used_below=87)
    result = run_policy(fresh_engine, usage_file, **policy)
    assert result["untagged"][0] == "app:4"
    assert result["target"]["met"]
    assert result["target"]["disk"]["before"]["percent"] == 90.0
    assert result["target"]["disk"]["after"]["percent"] <= 87.0
    assert total > engine_total(fresh_engine)


# Every task of the module's EXAMPLES

EXAMPLES = [
    example
    for example in yaml.safe_load(image_prune_policy.EXAMPLES)
    # What plans on a snapshot is tested with those.
    if "snapshot" not in next(value for key, value in example.items() if key.endswith("image_prune_policy"))
]


def make_state_of_the_examples(client):
    load(client, [])
    for number in range(1, 6):
        load(client, f"app:1.{number}", f"2021-01-0{number}T00:00:00Z")
    load(client, "ci/app:pr-1", NEW, labels={"ci": "yes", "stage": "test"})
    load(client, "registry.example.com/base/os:1", OLD)
    load(client, "mongo:3.2", MIDDLE)
    load(client, "mongo:3.1", OLD)
    state.load_image(client, "used:1", created=OLD)
    state.container(client, "used:1", name="web")


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["name"][:40] for example in EXAMPLES])
def test_every_example_runs_and_leaves_what_is_in_use(client, task, example, tmp_path):
    make_state_of_the_examples(client)
    [options] = [value for key, value in example.items() if key.endswith("image_prune_policy")]
    if "compose_files" in options.get("keep", {}):
        (tmp_path / "compose.yaml").write_text("services: {web: {image: 'app:1.2'}}")
        options = {**options, "keep": {"compose_files": [str(tmp_path / "compose.yaml")]}}
    result = task(**options)
    assert not result["failed"]
    assert result["changed"] is ("target" not in options)
    assert "used:1" in tags(client)


# Archives


def test_what_goes_for_good_can_be_loaded_again(task, client, tmp_path):
    folder = tmp_path / "archives"
    image = load(client, ["app:1", "registry.example.com/app:1", "app:keep"])
    gone = load(client, ["tool:1", "tool:2"])
    dangling = load(client, [])
    result = task(remove=ALL, keep={"patterns": ["app:keep"]}, archive_dir=str(folder))
    assert sorted(entry["id"] for entry in result["archived"]) == sorted([gone, dangling])
    assert sorted(folder.iterdir()) == sorted(Path(entry["path"]) for entry in result["archived"])
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    for path in folder.iterdir():
        list(client.load_image(path.read_bytes()))
    assert tags(client) == ["app:keep", "tool:1", "tool:2"]
    assert {entry["Id"] for entry in client.images(all=True)} == {image, gone, dangling}


def test_what_could_not_be_saved_is_not_removed(client, fresh_engine, recording_proxy, usage_file, tmp_path):
    load(client, ["app:1", "app:2"])
    load(client, "tool:1")
    proxy = recording_proxy(fresh_engine)
    proxy.answer("GET", r"/images/get\?names=app", 500, "no space left on device")
    result = run_module(
        "image_prune_policy",
        {
            "docker_host": proxy.docker_host,
            "usage_file": str(usage_file),
            "remove": ALL,
            "archive_dir": str(tmp_path / "archives"),
        },
    )
    assert result["failed"]
    assert "could not be saved, and so was not removed" in result["msg"]
    assert result["untagged"] == ["tool:1"]
    assert tags(client) == ["app:1", "app:2"]
    assert len(list((tmp_path / "archives").iterdir())) == 1


def test_image_remove_saves_what_goes_too(client, fresh_engine, tmp_path):
    image = load(client, ["app:1", "app:2"])
    common = {"docker_host": fresh_engine.docker_host, "archive_dir": str(tmp_path), "names": ["app:1", "app:2"]}
    foretold = run_module("image_remove", common, check=True)
    assert list(tmp_path.iterdir()) == []
    result = run_module("image_remove", common)
    assert result["archived"] == foretold["archived"] == [{"id": image, "path": str(tmp_path / f"{image[7:]}.tar")}]
    list(client.load_image((tmp_path / f"{image[7:]}.tar").read_bytes()))
    assert tags(client) == ["app:1", "app:2"]


# A target on an Engine whose data is on this machine


@pytest.fixture(name="local_client")
def fixture_local_client(lab):
    engine = PrivateEngine(lab.directory.root / "local", lab.directory)
    engine.purge()
    engine.start()
    yield APIClient(base_url=engine.docker_host, version="auto", timeout=120), engine.docker_host
    engine.purge()


def test_a_full_disk_on_this_machine_is_relieved_by_what_was_foretold(local_client, tmp_path):
    client, docker_host = local_client
    for number in range(1, 4):
        load(client, f"app:{number}", f"2021-01-0{number}T00:00:00Z", size_bytes=number * 2_000_000)
    policy = {"remove": ALL, "docker_host": docker_host, "usage_file": str(tmp_path / "usage.json")}
    spared = run_module("image_prune_policy", {**policy, "target": {"disk_used_above": 100}})
    assert (spared["changed"], spared["target"]["met"]) == (False, True)
    used = spared["target"]["disk"]["before"]["percent"]
    full = {**policy, "target": {"disk_used_above": 0, "disk_used_below": 0, "order": "largest"}}
    foretold = run_module("image_prune_policy", full, check=True)
    result = run_module("image_prune_policy", full)
    assert result["untagged"] == foretold["untagged"] == ["app:3", "app:2", "app:1"]
    assert result["target"]["disk"]["before"]["percent"] == pytest.approx(used, abs=5)
    assert not result["failed"]
    assert not result["target"]["met"]
    assert client.images() == []


FORBIDDEN_OR_HANGING = [
    ("a proxy forbids the disk usage", lambda proxy: proxy.answer("GET", "/system/df", 403, "no")),
    ("the disk usage hangs", lambda proxy: proxy.before("GET", "/system/df", lambda: time.sleep(6), times=None)),
]


@pytest.mark.parametrize(
    "spoil", [row[1] for row in FORBIDDEN_OR_HANGING], ids=[row[0] for row in FORBIDDEN_OR_HANGING]
)
def test_a_full_disk_is_relieved_without_the_disk_usage_of_the_engine(local_client, tmp_path, spoil):
    client, docker_host = local_client
    load(client, "app:1", OLD, size_bytes=2_000_000)
    load(client, "app:2", NEW, size_bytes=2_000_000)
    with RecordingProxy(docker_host.removeprefix("unix://")) as proxy:
        spoil(proxy)
        policy = {"docker_host": proxy.docker_host, "timeout": 2, "usage_file": str(tmp_path / "usage.json")}
        policy = {**policy, "remove": ALL, "keep": {"newest": 1}}
        by_disk = {**policy, "target": {"disk_used_above": 0, "disk_used_below": 0}}
        predicted = run_module("image_prune_policy", by_disk, check=True)
        by_size = run_module("image_prune_policy", {**policy, "target": {"total_size": "1B"}})
        result = run_module("image_prune_policy", by_disk)
    # What all images take up is known by the Engine alone; how full the disk is can be measured.
    assert (by_size["changed"], by_size["failed"]) == (False, False)
    assert by_size["target"]["text"].endswith("total_size is 1B, and the Engine does not report the size of all images")
    assert result["untagged"] == predicted["untagged"] == ["app:1"]
    assert not result["failed"]


def test_a_limit_of_images_per_run_leaves_the_rest_for_the_next_runs(local_client, tmp_path):
    client, docker_host = local_client
    for number in range(1, 6):
        load(client, f"app:{number}", f"2021-01-0{number}T00:00:00Z")
    policy = {"remove": ALL, "docker_host": docker_host, "usage_file": str(tmp_path / "usage.json")}
    policy["target"] = {"images_per_run": 2}
    runs = []
    for _each in range(4):
        predicted = run_module("image_prune_policy", policy, check=True)
        result = run_module("image_prune_policy", policy)
        assert result["untagged"] == predicted["untagged"]
        runs.append((result["untagged"], result["target"]["left"]))
    assert runs == [(["app:1", "app:2"], 3), (["app:3", "app:4"], 1), (["app:5"], 0), ([], 0)]


def test_the_file_system_of_a_disk_path_is_measured_wherever_the_engine_runs(local_client, tmp_path):
    client, docker_host = local_client
    load(client, "app:1")
    policy = {"remove": ALL, "docker_host": docker_host, "usage_file": str(tmp_path / "usage.json")}
    missing = {**policy, "target": {"disk_used_above": 0, "disk_path": f"{tmp_path}/nothing"}}
    unmeasured = run_module("image_prune_policy", missing)
    assert not unmeasured["changed"]
    assert unmeasured["target"]["text"].endswith(
        f"disk_used_above cannot be measured, because {tmp_path}/nothing cannot be read"
    )
    named = {**policy, "target": {"disk_used_above": 0, "disk_path": str(tmp_path)}}
    result = run_module("image_prune_policy", named)
    assert result["target"]["disk"]["path"] == str(tmp_path)
    assert result["target"]["disk"]["reason"] == "disk_path names it"
    assert result["untagged"] == ["app:1"]

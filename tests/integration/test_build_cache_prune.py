# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(build_cache_prune) on real Engines: check mode, the run, and both again; what is left is read from the Engine's API."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache import stage as cache_stage
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup import chain as chains
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._policy import measure as measuring
from tests.integration import build_cache
from tests.integration.module_run import run_module
from tests.integration.test_examples import of_module, run_tasks
from tests.lab import state

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.lab.fixtures"]

MODULE = "build_cache_prune"
NOT_COMPARED = ("invocation",)
ONE = 'RUN ["/bin/busybox", "cp", "/bin/busybox", "/one"]\n'


@pytest.fixture(name="client")
def fixture_client(fresh_engine):
    return fresh_engine.client


@pytest.fixture(name="task")
def fixture_task(fresh_engine, recording_proxy):
    """Runs a task four times and returns its result: check mode is the run, sends nothing but reads, and is idempotent."""

    def run(**options):
        proxy = recording_proxy(fresh_engine)
        arguments = {"docker_host": proxy.docker_host, "details": "all", **options}
        before = build_cache.listed(fresh_engine.client)
        predicted = run_module(MODULE, arguments, check=True)
        assert not proxy.writes
        assert build_cache.listed(fresh_engine.client) == before
        real = run_module(MODULE, arguments)
        assert _compared(predicted) == _compared(real)
        after = build_cache.listed(fresh_engine.client)
        assert set(before) - set(after) == set(real["deleted"])
        # To the byte what docker system df prints of the build cache before and after, but for what stopped being shared.
        assert real["space_reclaimed"] == counted(before) - counted({key: before[key] for key in after})
        for check in (True, False):
            again = run_module(MODULE, arguments, check=check)
            assert (again["changed"], again["deleted"], again["failed"]) == (False, [], real["failed"])
        return real

    return run


def counted(records):
    """The bytes of the build cache, as the Docker CLI adds them up for docker system df."""
    return sum(record["Size"] for record in records.values() if not record["Shared"])


def _compared(result):
    compared = {key: value for key, value in result.items() if key not in NOT_COMPARED}
    # A duration counts from the second in which the task began.
    return {**compared, "younger_than": (result.get("younger_than") or {}).get("limit")}


def kinds(result, action):
    """The types of records, and of regular ones whether an image shares them."""
    return sorted("shared" if row["shared"] else row["type"] for row in result["records"] if row["action"] == action)


def test_unused_is_what_the_engine_itself_prunes(task, client):
    build_cache.build(client)
    result = task(remove={"unused": True})
    assert build_cache.prune(client, all_records=False)["deleted"] == set()
    assert kinds(result, "deleted") == ["exec.cachemount", "regular", "regular"]
    assert kinds(result, "kept") == ["shared"] * 4
    assert result["summary"].startswith("3 build cache records deleted, ")


def test_all_leaves_nothing_and_children_come_first(task, client):
    build_cache.build(client)
    records = build_cache.listed(client)
    result = task(remove={"all": True})
    order = result["deleted"]
    assert set(order) == set(records)
    assert all(order.index(key) < order.index(up) for key in order for up in build_cache.parents(records[key]))
    assert result["space_exact"]


def test_a_parent_of_what_stays_stays(task, client):
    build_cache.build(client)
    result = task(remove={"all": True}, keep={"descriptions": ["*cp /a /copied*"]})
    kept = {row["id"]: row for row in result["records"] if row["action"] == "kept"}
    [named] = [row for row in kept.values() if row["rule"].startswith("keep.descriptions")]
    assert named["parents"][0] in kept
    assert kept[named["parents"][0]]["reason"].startswith(f"its child {named['id']} stays")
    assert set(kept) == set(build_cache.listed(client))


def test_types_and_descriptions_select(task, client):
    build_cache.build(client)
    assert kinds(task(remove={"types": ["exec.cachemount"]}), "deleted") == ["exec.cachemount"]
    deleted = task(remove={"descriptions": ["http url *"]})["records"]
    assert [row["description"][:9] for row in deleted if row["action"] == "deleted"] == ["http url "]


def test_age_keeps(task, client):
    build_cache.build(client)
    time.sleep(2)
    build_cache.build(client, "COPY b /b\n", "built:2")
    assert task(remove={"all": True}, keep={"younger_than": "1h"})["changed"] is False
    records = build_cache.listed(client)
    newest = max(found["LastUsedAt"] for found in records.values())
    result = task(remove={"all": True}, keep={"younger_than": newest[:19] + "Z"})
    assert result["changed"]
    assert all(records[key]["LastUsedAt"][:19] <= newest[:19] for key in result["deleted"])
    assert build_cache.listed(client)


def test_a_target_ends_the_plan(task, client):
    for number in range(3):
        build_cache.build(client, f'RUN ["/bin/busybox", "cp", "/bin/busybox", "/{number}"]\n', None)
    total = run_module(MODULE, {"docker_host": client_host(client), "remove": {"all": True}}, check=True)[
        "space_reclaimed"
    ]
    result = task(remove={"all": True}, target={"total_size": f"{total // 2}B"})
    assert result["target"]["met"]
    assert 0 < result["target"]["total_size"]["after"] <= total // 2
    assert result["target"]["needed"] <= result["space_reclaimed"]


def client_host(client):
    return client.base_url.replace("http+docker://localhost", "unix://" + client._custom_adapter.socket_path)


def test_a_guard_refuses_before_anything_is_removed(task, client):
    build_cache.build(client)
    result = task(remove={"all": True}, guard={"max_records": 2})
    assert result["failed"]
    assert result["msg"] == "7 build cache records would be deleted, but guard.max_records is 2"
    assert len(build_cache.listed(client)) == 7


def test_an_empty_cache_is_nothing_to_do(task):
    assert task(remove={"all": True})["summary"] == "0 build cache records deleted, 0 B reclaimed, 0 kept"


def test_a_mistake_fails_before_any_request(fresh_engine, recording_proxy):
    proxy = recording_proxy(fresh_engine)
    result = run_module(
        MODULE, {"docker_host": proxy.docker_host, "remove": {"descriptions": ["("], "use_regex": True}}
    )
    assert result["failed"]
    assert result["msg"].startswith("remove.descriptions: '(' is not a valid regular expression")
    assert not proxy.requests


def test_a_run_costs_a_constant_number_of_requests_and_one_for_each_batch(fresh_engine, recording_proxy, client):
    build_cache.build(client)
    # A cache that was used in this second is looked at twice.
    time.sleep(1)
    proxy = recording_proxy(fresh_engine)
    result = run_module(MODULE, {"docker_host": proxy.docker_host, "remove": {"all": True}})
    assert len(result["deleted"]) == 7
    assert [method for method, _path in proxy.requests].count("POST") == 1
    assert len(proxy.requests) <= 6


def test_a_build_under_way_keeps_what_it_uses(fresh_engine, client):
    build_cache.build(client, build_cache.COPY, cache=True)
    failures = []

    def slowly():
        try:
            state.buildkit(
                client,
                'FROM base:1\nCOPY a /a\nRUN ["/bin/busybox", "sleep", "3"]\n',
                "slow:1",
                files=build_cache.FILES,
                cache=True,
            )
        except Exception as exc:
            failures.append(exc)

    thread = threading.Thread(target=slowly)
    thread.start()
    while not any(found["InUse"] for found in build_cache.listed(client).values()):
        time.sleep(0.05)
    time.sleep(0.5)
    arguments = {"docker_host": fresh_engine.docker_host, "remove": {"all": True}, "details": "all"}
    result = run_module(MODULE, arguments)
    left = build_cache.listed(client)
    thread.join()
    assert failures == []
    assert not result["failed"]
    assert {row["rule"] for row in result["records"]} == {"in use", "builds running"}
    assert f"builds are running: {len(left) - result_in_use(result)} build cache record" in str(result["warnings"])
    assert not set(result["deleted"]) & set(left)


def result_in_use(result):
    """The number of records that are in use."""
    return [row["rule"] for row in result["records"]].count("in use")


def test_the_examples(fresh_engine, client, tmp_path):
    build_cache.build(client, build_cache.COPY + build_cache.MOUNT.replace("/mounted", "/root/.npm"))
    before = build_cache.listed(client)
    for check in (["--check"], []):
        assert "failed=0" in run_tasks(fresh_engine, tmp_path, of_module(MODULE), *check)
    # All of it is young and small, but for the cache mount, which an example names.
    left = build_cache.listed(client)
    assert [before[key]["Type"] for key in set(before) - set(left)] == ["exec.cachemount"]


# As a stage of the chain


def chain(engine, check, **stages):
    arguments = {"docker_host": engine.docker_host, "totals": False, "details": "all", **stages}
    return run_module("cleanup_chain", arguments, check=check)


def test_the_chain_predicts_what_is_no_longer_shared_when_all_images_are_removed(fresh_engine, client):
    build_cache.build(client)
    stages = {"images": {"names": ["built:1", "base:1"]}, "build_cache": {"remove": {"unused": True}}}
    predicted, real = (chain(fresh_engine, check, **stages) for check in (True, False))
    assert predicted["stages"]["build_cache"]["deleted"] == real["stages"]["build_cache"]["deleted"]
    assert len(real["stages"]["build_cache"]["deleted"]) == 7
    assert build_cache.listed(client) == {}
    assert "7 build cache records deleted" in real["summary"]


def test_the_chain_predicts_what_is_no_longer_shared_when_one_of_two_images_is_removed(fresh_engine, client):
    build_cache.build(client)
    build_cache.build(client, build_cache.COPY + ONE, "built:2")
    stages = {"images": {"names": ["built:1"]}, "build_cache": {"remove": {"unused": True}}}
    predicted, real = (chain(fresh_engine, check, **stages)["stages"]["build_cache"] for check in (True, False))
    assert predicted["deleted"] == real["deleted"]
    assert sorted(row["description"] for row in real["records"] if row["type"] == "regular" and row["parents"])
    assert any(found["Shared"] for found in build_cache.listed(client).values())


class Disk:
    """The file system of an Engine whose data is not on this machine: how full it is, is told here."""

    total = 100_000_000

    def __init__(self, monkeypatch):
        self.used = 90_000_000
        for reader in (cache_stage, chains, measuring):
            monkeypatch.setattr(reader, "read_file_system", lambda *_arguments: self._read())

    def _read(self):
        return FileSystem("/var/lib/docker", self.total, self.used, self.total - self.used, 100, 10, 90)

    def target_of(self, needed, order="least_recently_used"):
        """The target that asks for this number of bytes."""
        return {"disk_used_below": 100 * (self.used - needed) / self.total, "order": order}


@pytest.fixture(name="sharing")
def fixture_sharing(fresh_engine, client, tmp_path, monkeypatch):
    """Runs a chain whose target is shared, on an image that was not used for longest, then build cache, then another image."""
    usage = {"usage_file": str(tmp_path / "usage.json")}
    state.import_image(client, "old:1", size_bytes=2_000_000)
    seen = {
        "docker_host": fresh_engine.docker_host,
        **usage,
        "target": {"total_size": "1TB", "order": "least_recently_used"},
    }
    run_module("image_prune_policy", {**seen, "remove": {"patterns": ["old"]}})
    time.sleep(1.1)
    build_cache.build(client, build_cache.COPY + ONE + build_cache.MOUNT, None)
    time.sleep(1.1)
    state.import_image(client, "new:1", size_bytes=2_000_000)
    policy = {"remove": {"patterns": ["old", "new"]}, **usage}

    def run(target, check):
        return chain(fresh_engine, check, policy=policy, build_cache={"remove": {"unused": True}}, target=target)

    return run


def sized(result, stage):
    return result["stages"][stage]["space_expected"]


def test_images_and_build_cache_share_a_target_and_what_was_not_used_for_longest_is_removed(
    sharing, client, monkeypatch
):
    disk = Disk(monkeypatch)
    everything = sharing(disk.target_of(80_000_000), check=True)
    assert everything["stages"]["policy"]["untagged"] == ["old:1", "new:1"]
    old = sized(sharing(disk.target_of(1), check=True), "policy")
    target = disk.target_of(old + 1)
    predicted, real = (sharing(target, check) for check in (True, False))
    for stage, keys in (
        ("policy", ("untagged", "deleted", "images")),
        ("build_cache", ("deleted", "records", "summary")),
    ):
        for key in keys:
            assert predicted["stages"][stage][key] == real["stages"][stage][key]
    assert real["stages"]["policy"]["untagged"] == ["old:1"]
    # A byte, and another where the percentage of the target is not the exact number of bytes.
    assert real["stages"]["policy"]["target"]["rest"] in (1, 2)
    assert 1 <= len(real["stages"]["build_cache"]["deleted"]) < len(everything["stages"]["build_cache"]["deleted"])
    reasons = [row["reason"] for row in real["stages"]["policy"]["images"] if row["references"] == ["new:1"]]
    assert "the target that images and build cache share is most likely met without it, because" in reasons[0]
    assert client.images("new:1")
    disk.used -= sized(real, "policy") + sized(real, "build_cache")
    again = sharing(target, check=False)
    assert (again["changed"], again["failed"]) == (False, False)


ORDERS = [
    # situation, order, images that are removed, whether build cache is
    ("images first", "images_first", ["old:1", "new:1"], False),
    ("build cache first", "build_cache_first", [], True),
]


def test_another_order_of_a_shared_target(sharing, monkeypatch):
    disk = Disk(monkeypatch)
    old = sized(sharing(disk.target_of(1), check=True), "policy")
    for _situation, order, images, by_cache in ORDERS:
        stages = sharing(disk.target_of(old + 1 if images else 1, order), check=True)["stages"]
        assert (stages["policy"]["untagged"], bool(stages["build_cache"]["deleted"])) == (images, by_cache)


def test_what_an_image_shared_is_removed_from_the_build_cache_for_the_target_of_both(
    fresh_engine, client, monkeypatch, tmp_path
):
    build_cache.build(client, ONE)
    disk = Disk(monkeypatch)
    policy = {"remove": {"patterns": ["built"]}, "usage_file": str(tmp_path / "usage.json")}
    stages = {
        "policy": policy,
        "build_cache": {"remove": {"unused": True}},
        "target": disk.target_of(1_000_000, "images_first"),
    }
    shared = {key for key, found in build_cache.listed(client).items() if found["Shared"]}
    predicted, real = (chain(fresh_engine, check, **stages)["stages"] for check in (True, False))
    assert predicted["policy"]["deleted"] == real["policy"]["deleted"] != []
    assert predicted["build_cache"]["deleted"] == real["build_cache"]["deleted"]
    assert set(real["build_cache"]["deleted"]) & shared
    assert predicted["build_cache"]["target"]["needed"] == real["build_cache"]["target"]["needed"] > 0


def test_a_mistake_in_the_stage_comes_before_the_first_request(fresh_engine):
    result = chain(fresh_engine, False, build_cache={"remove": {"unusd": True}})
    assert result["failed"]
    assert "build_cache: remove.unusd: no such option; did you mean unused?" in result["msg"]


def test_image_usage_info_lists_the_records(fresh_engine, client):
    build_cache.build(client)
    arguments = {"docker_host": fresh_engine.docker_host}
    assert "build_cache" not in run_module("image_usage_info", arguments)
    records = run_module("image_usage_info", {**arguments, "build_cache": True})["build_cache"]
    assert {record["id"]: record["size"] for record in records} == {
        key: found["Size"] for key, found in build_cache.listed(client).items()
    }


def test_image_usage_info_says_that_the_cache_has_most_to_reclaim_and_names_builders(fresh_engine, client):
    arguments = {"docker_host": fresh_engine.docker_host}
    base = state.import_image(client, "base:1")
    state.container(client, base, "exited", name="buildx_buildkit_ci0")
    copies = "".join(f'RUN ["/bin/busybox", "cp", "/bin/busybox", "/{number}"]\n' for number in range(5))
    # As long as the image is there, the bytes are its own too.
    client.remove_image(build_cache.build(client, copies, None))
    notices = run_module("image_usage_info", arguments)["notices"]
    assert [text for text in notices if text.startswith("the build cache has the most to reclaim: ")]
    assert [text for text in notices if text.endswith("(docker buildx prune removes it): buildx_buildkit_ci0")]

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import time
from urllib.parse import unquote

import pytest

from tests.integration.image_task import all_of
from tests.integration.module_run import run_module
from tests.lab import state
from tests.lab.fixtures import on_one_of_each_store

pytestmark = pytest.mark.engine

#: Calls of a task besides its removals and their verifying reads.
MOST_CALLS = 6


@pytest.fixture(name="client")
def fixture_client(fresh_engine):
    return fresh_engine.client


@pytest.fixture(name="proxy")
def fixture_proxy(fresh_engine, recording_proxy):
    return recording_proxy(fresh_engine)


@pytest.fixture(name="task")
def fixture_task(proxy):
    """Runs a task through the proxy."""

    def run(check=False, **options):
        return run_module("image_remove", {"docker_host": proxy.docker_host, **options}, check=check)

    return run


def plain(client, reference=None):
    return state.import_image(client, reference, runnable=False)


def paths(requests):
    """Requests without the API's version and the query."""
    return [(method, re.sub(r"^/v[0-9.]+", "", path).partition("?")[0]) for method, path in requests]


@pytest.fixture(name="address")
def fixture_address(fresh_engine):
    """What is sent to remove an image with its only name: its ID, and on the containerd store its name with that."""

    def address(name, image):
        return f"{name}@{image}" if fresh_engine.store == "containerd" else image

    return address


def at_the_last_moment(proxy, name, act):
    """When the target is verified: when it is read, or on the containerd store when dangling records are listed again."""
    done, listings = [], []

    def once():
        if not done:
            done.append(act())

    def unless_planned():
        listings.append(name)
        if len(listings) > 1:
            once()

    proxy.before("GET", rf"/images/{name}/json", once)
    proxy.before("GET", r"/images/json\?.*dangling", unless_planned, times=2)


# How many


def test_a_hundred_tags_cost_as_many_calls_to_plan_as_one(task, proxy, client, fresh_engine):
    images = [plain(client, f"many-{number}:0") for number in range(10)]
    for number, image in enumerate(images):
        for tag in range(1, 10):
            state.tag(client, image, f"many-{number}:{tag}")
    result = task(patterns=["many-*"])
    assert len(result["untagged"]) == 100
    assert set(result["deleted"]) == set(images)
    requests = paths(proxy.requests)
    removals = [request for request in requests if request[0] == "DELETE"]
    reads = [request for request in requests if re.fullmatch(r"/images/.+/json", request[1])]
    assert len(removals) == 100
    # With graph drivers, a name that is not the last one is read again after the listing of containers below.
    # On the containerd store, the last name of an image is not read at all.
    assert len(reads) == (90 if fresh_engine.store == "containerd" else 190)
    # Before a name goes whose image is to go too, the containers are listed: one may have begun to use it.
    # Before an image goes with its last one on the containerd store, so are the images without a name.
    kinds = ("/containers/json", "/images/json")
    listings = [request for request in requests[requests.index(reads[0]) :] if request[1] in kinds]
    assert len(listings) <= len(removals)
    assert len(requests) - len(removals) - len(reads) - len(listings) <= MOST_CALLS


@pytest.mark.parametrize(
    "options",
    [
        {"names": ["app:1", "app:2"]},
        {"patterns": ["app"], "details": "all"},
        {"filters": {"dangling": True}},
        {"filters": {"before": "app:2"}},
        {"names": ["app:1"], "force": True},
    ],
    ids=["names", "patterns", "dangling", "before", "force"],
)
def test_check_mode_only_reads_and_costs_few_calls(task, proxy, client, options):
    for reference in ("app:1", "app:2", None, "other:1"):
        plain(client, reference)
    state.container(client, state.import_image(client, "used:1"), "running", name="web")
    everything = all_of(client)
    task(check=True, **options)
    assert all_of(client) == everything
    assert {method for method, _path in proxy.requests} <= {"GET", "HEAD"}
    assert proxy.writes == []
    # The Engine alone can compare creation dates: one more listing for each filter that does.
    assert len(proxy.requests) <= MOST_CALLS + ("before" in options.get("filters", {}))


def test_layers_cost_two_more_calls_an_image_at_most(task, proxy, client):
    for number in range(4):
        plain(client, f"app:{number}")
    task(check=True, names=["app:1"], layers=True)
    assert len(proxy.requests) <= MOST_CALLS + 2 * 4
    assert proxy.writes == []


def test_a_second_run_sends_no_removal(task, proxy, client):
    plain(client, "app:1")
    task(names=["app:1"])
    proxy.clear()
    assert not task(names=["app:1"])["changed"]
    assert proxy.writes == []


def test_every_removal_is_addressed_in_full(task, proxy, client, fresh_engine, address):
    by_name = plain(client, "app:latest")
    by_id = plain(client)
    several = plain(client, "several:1")
    state.tag(client, several, "several:2")
    task(names=["app", by_id[7:19], "several:1"], parallel=1)
    # An image that is removed with its only name is addressed by its ID: the name may have moved. On the containerd store a
    # name is sent with the image that it must name, and the ID of an image without a name as that of such an image.
    is_containerd = fresh_engine.store == "containerd"
    assert [unquote(path) for method, path in paths(proxy.requests) if method == "DELETE"] == [
        f"/images/{address('app:latest', by_name)}",
        f"/images/moby-dangling@{by_id}" if is_containerd else f"/images/{by_id}",
        f"/images/several:1@{several}" if is_containerd else "/images/several:1",
    ]


@on_one_of_each_store
def test_a_bad_option_sends_nothing(task, proxy):
    for options in ({"names": ["A"]}, {"patterns": ["["]}, {"filters": {"x": 1}}, {}):
        assert task(**options)["failed"]
    assert proxy.requests == []


# What comes between the plan and the removal. The Engine itself is asked each time, by a proxy that steps in.

DELETE = r"/images/"


def test_a_tag_that_moved_is_skipped_and_reported(task, proxy, client):
    planned = plain(client, "app:1")
    other = plain(client, "other:1")
    last = plain(client, "last:1")
    at_the_last_moment(proxy, "app:1", lambda: state.tag(client, other, "app:1"))
    result = task(names=["app:1", "last:1"])
    assert not result["failed"]
    assert (result["untagged"], result["deleted"]) == (["last:1"], [last])
    assert "app:1" in client.inspect_image(other)["RepoTags"]
    (entry,) = [entry for entry in result["images"] if entry["id"] == planned]
    assert (entry["action"], entry["reason"]) == ("skipped", f"it moved to image {other[7:19]} after planning")
    assert any("1 of 2 removals was skipped: app:1 (it moved to image" in str(text) for text in result["warnings"])


def test_the_image_that_a_name_moved_to_keeps_it_even_at_the_very_last_moment(task, proxy, client, fresh_engine):
    planned = plain(client, "app:1")
    other = plain(client, "other:1")
    address = f"app:1%40{planned}" if fresh_engine.store == "containerd" else planned
    proxy.before("DELETE", rf"/images/{address}", lambda: state.tag(client, other, "app:1"))
    result = task(names=["app:1"])
    assert result["untagged"] == []
    assert sorted(client.inspect_image(other)["RepoTags"]) == ["app:1", "other:1"]


def test_a_reference_that_was_added_saves_the_image(task, proxy, client, fresh_engine):
    image = plain(client, "app:1")
    at_the_last_moment(proxy, "app:1", lambda: state.tag(client, image, "keep:1"))
    result = task(names=["app:1"])
    assert result["deleted"] == []
    if fresh_engine.store == "containerd":
        # The request removes the planned name, and the image with no other.
        assert result["untagged"] == ["app:1"]
        assert client.inspect_image(image)["RepoTags"] == ["keep:1"]
        assert any("the image got another reference after planning" in str(text) for text in result["warnings"])
        return
    assert not result["changed"]
    assert sorted(client.inspect_image(image)["RepoTags"]) == ["app:1", "keep:1"]
    assert [entry["reason"] for entry in result["images"]] == ["the image's references changed after planning"]


@pytest.mark.parametrize("force", [False, True], ids=["without force", "with force"])
@pytest.mark.parametrize("container_state", ["created", "running"])
def test_a_container_that_was_made_meanwhile_keeps_its_image(task, proxy, client, force, container_state):
    image = state.import_image(client, "app:1")
    at_the_last_moment(proxy, "app:1", lambda: state.container(client, "app:1", container_state, name="late"))
    result = task(names=["app:1"], force=force)
    assert (result["untagged"], result["deleted"], result["changed"]) == ([], [], False)
    assert client.inspect_image(image)["RepoTags"] == ["app:1"]
    assert not result["failed"]
    assert [entry["reason"] for entry in result["images"]] == ["container late started to use the image after planning"]


def test_a_container_that_was_made_meanwhile_keeps_every_name_of_its_image(task, proxy, client):
    image = plain(client, "app:1")
    state.tag(client, image, "app:2")
    at_the_last_moment(proxy, "app:1", lambda: state.container(client, "app:1", name="late"))
    result = task(names=["app:1", "app:2"])
    assert (result["failed"], result["changed"]) == (False, False)
    assert sorted(client.inspect_image(image)["RepoTags"]) == ["app:1", "app:2"]
    assert ["container late started to use the image" in entry["reason"] for entry in result["images"]] == [True]


def test_a_container_that_mounts_an_image_meanwhile_keeps_it_from_going_by_its_id(task, proxy, client, fresh_engine):
    if not fresh_engine.mounts_images:
        pytest.skip("image mounts came with Engine 28")
    image = state.import_image(client, "app:1")
    state.import_image(client, "base:1")
    proxy.before(
        "GET",
        rf"/images/{image}/json",
        lambda: state.container(client, "base:1", name="late", image_mounts={"app:1": "/mnt"}),
    )
    result = task(names=[image])
    assert not result["failed"]
    assert not result["changed"]
    assert client.inspect_image(image)["RepoTags"] == ["app:1"]
    assert [entry["reason"] for entry in result["images"]] == ["container late started to use the image after planning"]


def test_a_container_that_was_made_meanwhile_is_no_conflict(task, proxy, client):
    state.import_image(client, "app:1")
    other = plain(client, "other:1")
    at_the_last_moment(proxy, "app:1", lambda: state.container(client, "app:1", name="late"))
    result = task(names=["app:1", "other:1"], on_conflict="skip")
    assert not result["failed"]
    assert result["deleted"] == [other]
    assert result["conflicts"] == []
    assert any("1 of 2 removals was skipped: app:1 (container late" in str(text) for text in result["warnings"])


def test_an_image_that_somebody_else_removed_is_no_error(task, proxy, client):
    image = plain(client, "app:1")
    proxy.before("DELETE", DELETE, lambda: client.remove_image("app:1"))
    result = task(names=["app:1"])
    assert not result["failed"]
    assert not result["changed"]
    assert result["absent"] == ["app:1"]
    assert image not in {entry["Id"] for entry in client.images(all=True)}


# Faults


@on_one_of_each_store
def test_an_error_half_way_tells_what_was_done_and_the_next_run_finishes(task, proxy, client, address):
    images = [plain(client, f"app:{number}") for number in (1, 2, 3)]
    proxy.answer("DELETE", rf"/images/.*{images[1]}\?", 500, "driver failed to remove a layer", times=1)
    result = task(names=["app:1", "app:2", "app:3"])
    assert result["failed"]
    assert result["changed"]
    assert result["msg"] == (
        f"1 removal failed: app:2: DELETE /images/{address('app:2', images[1])}: the Engine answered 500: driver failed to remove a layer."
        " The result lists what was removed"
    )
    assert (result["untagged"], result["deleted"]) == (["app:1", "app:3"], [images[0], images[2]])
    result = task(names=["app:1", "app:2", "app:3"])
    assert not result["failed"]
    assert (result["deleted"], result["absent"]) == ([images[1]], ["app:1", "app:3"])


@on_one_of_each_store
def test_an_error_after_the_removal_still_tells_of_it(task, proxy, client):
    image = plain(client, "app:1")

    def remove():
        client.remove_image("app:1")

    proxy.before("DELETE", DELETE, remove)
    proxy.answer("DELETE", DELETE, 500, "consistency error: data changed during operation, retry", times=1)
    result = task(names=["app:1"])
    assert not result["failed"]
    assert (result["untagged"], result["deleted"], result["changed"]) == (["app:1"], [image], True)
    assert any("it was removed all the same" in str(text) for text in result["warnings"])


@on_one_of_each_store
def test_an_answer_that_never_comes_still_tells_what_was_done(task, proxy, client):
    images = [plain(client, f"app:{number}") for number in (1, 2)]
    proxy.before("DELETE", rf"/images/.*{images[0]}", lambda: client.remove_image("app:1"))
    proxy.cut("DELETE", rf"/images/.*{images[0]}")
    result = task(names=["app:1", "app:2"])
    assert not result["failed"]
    assert result["deleted"] == images
    assert any("app:1: cannot connect to unix://" in str(text) for text in result["warnings"])


@on_one_of_each_store
def test_an_answer_that_is_lost_before_the_removal_is_asked_for_again(task, proxy, client):
    image = plain(client, "app:1")
    proxy.cut("DELETE", DELETE)
    result = task(names=["app:1"])
    assert not result["failed"]
    assert result["deleted"] == [image]


@on_one_of_each_store
def test_a_not_found_of_what_is_listed_is_a_failure_in_the_engines_words(task, proxy, client):
    plain(client, "app:1")
    proxy.answer("DELETE", DELETE, 404, "No such image: app:1", times=1)
    result = task(names=["app:1"])
    assert result["failed"]
    assert not result["changed"]
    assert result["absent"] == []
    assert "the Engine answered 404: No such image: app:1; the Engine still lists it" in result["msg"]


def test_a_parent_that_the_containerd_store_reports_as_deleted_and_keeps_is_not_reported(task, proxy, client):
    base = state.import_image(client, "base:1")
    child = state.build(client, "FROM base:1\nLABEL a=b\n", "child:1")
    proxy.answer("DELETE", rf"/images/.*{child}", 500, "something is broken", times=None)
    result = task(names=["child:1", "base:1"])
    assert result["failed"]
    left = {entry["Id"] for entry in client.images(all=True)}
    assert base in left
    assert not left & set(result["deleted"])


@on_one_of_each_store
def test_a_refusal_is_a_conflict_in_the_engines_words(task, proxy, client):
    plain(client, "app:1")
    words = "conflict: unable to delete app:1 (must be forced) - image is being used by stopped container 1234"
    proxy.answer("DELETE", DELETE, 409, words, times=None)
    result = task(names=["app:1"])
    assert result["failed"]
    assert result["conflicts"][0]["reason"] == words
    assert result["conflicts"][0]["forceable"]
    assert not task(names=["app:1"], on_conflict="skip")["failed"]


@on_one_of_each_store
def test_images_that_cannot_be_inspected_are_removed_as_they_are_listed(task, proxy, client):
    images = [plain(client, f"app:{number}") for number in (1, 2, 3)]
    proxy.cut("GET", r"/images/.+/json", times=None)
    # By their IDs, they are read on both stores.
    result = task(names=images)
    assert not result["failed"]
    assert result["deleted"] == images
    assert sum("could not be inspected" in str(text) for text in result["warnings"]) == 3


@pytest.mark.parametrize("path", ["/version", "/info", "/images/json", "/containers/json"])
@on_one_of_each_store
def test_an_engine_that_cannot_be_read_is_one_clear_failure(task, proxy, client, path):
    plain(client, "app:1")
    proxy.answer("GET", path, 500, "something is broken")
    result = task(names=["app:1"])
    assert result["failed"]
    assert f"GET {path}: the Engine answered 500: something is broken" in result["msg"]
    assert proxy.writes == []


def test_sizes_that_the_engine_cannot_add_up_are_no_failure(task, proxy, client):
    image = plain(client, "app:1")
    proxy.answer("GET", "/system/df", 500, "something is broken", times=None)
    result = task(names=["app:1"])
    assert result["deleted"] == [image]
    assert not result["space_exact"]


@pytest.mark.parametrize("status", [403, 500])
@on_one_of_each_store
def test_a_disk_usage_that_a_proxy_forbids_is_no_failure(task, proxy, client, status):
    image = plain(client, "app:1")
    proxy.answer("GET", "/system/df", status, "no", times=None)
    assert task(names=["app:1"])["deleted"] == [image]


def test_a_listing_with_sizes_that_fails_falls_back_to_one_without(task, proxy, client):
    image = plain(client, "app:1")
    proxy.answer("GET", r"/images/json\?.*shared-size", 500, "cannot add up", times=None)
    predicted = task(check=True, names=["app:1"])
    result = task(names=["app:1"])
    assert (predicted["deleted"], result["deleted"]) == ([image], [image])
    assert not result["space_exact"]


# Longer than the option timeout


def slowly():
    time.sleep(2.5)


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", DELETE), ("GET", r"/images/json"), ("GET", r"/containers/json"), ("GET", r"/system/df")],
    ids=["a removal", "the images", "the containers", "the disk usage"],
)
@on_one_of_each_store
def test_what_takes_long_may_take_longer_than_a_connection(task, proxy, client, method, path):
    image = plain(client, "app:1")
    proxy.before(method, path, slowly)
    result = task(names=["app:1"], timeout=1)
    assert not result["failed"]
    assert result["deleted"] == [image]


@on_one_of_each_store
def test_a_container_may_take_longer_than_a_connection(proxy, client):
    state.container(client, state.import_image(client, "app:1"), "exited", name="web")
    proxy.before("DELETE", "/containers/", slowly)
    arguments = {"docker_host": proxy.docker_host, "names": ["web"], "timeout": 1}
    result = run_module("container_remove", arguments)
    assert not result["failed"]
    assert [entry["action"] for entry in result["containers"]] == ["removed"]
    assert client.containers(all=True) == []


def test_an_inspection_that_fails_leaves_one_time_unknown(proxy, client):
    broken, other = plain(client, "app:1"), plain(client, "other:1")
    found = state.container(client, state.import_image(client, "base:1"), "exited", name="web")
    proxy.answer("GET", rf"/images/{broken}/json", 500, "broken", times=None)
    proxy.answer("GET", r"/containers/[0-9a-f]+/json", 500, "RWLayer is unexpectedly nil", times=None)
    assert found
    result = run_module("image_usage_info", {"docker_host": proxy.docker_host})
    assert not result["failed"]
    times = {entry["id"]: entry["last_tagged"] for entry in result["images"]}
    assert times[broken] is None
    assert times[other] is not None or result["engine"]["store"] == "graphdriver"


# Credentials of registries

CREDENTIALS = [
    # situation, configuration of the CLI, words of the reason
    ("of docker login", {"auths": {"registry.lab.test": {"auth": "dXNlcjpodW50ZXIy"}}}, "unauthorized"),
    ("of a helper that is not installed", {"credsStore": "imagewarden-nowhere"}, "asked without credentials"),
]


@pytest.mark.parametrize(("config", "said"), [row[1:] for row in CREDENTIALS], ids=[row[0] for row in CREDENTIALS])
@on_one_of_each_store
def test_what_a_registry_does_not_show_is_kept_and_no_credentials_are_shown(
    proxy, client, config, said, monkeypatch, tmp_path
):
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    proxy.answer("GET", "/distribution/", 401, {"message": "unauthorized"}, times=None)
    image = plain(client, "registry.lab.test/app:1")
    arguments = {
        "docker_host": proxy.docker_host,
        "remove": {"all_unused": True},
        "keep": {"unrecoverable": "verify"},
        "details": "all",
    }
    result = run_module("image_prune_policy", arguments)
    assert not result["failed"]
    assert not result["changed"]
    (entry,) = [entry for entry in result["images"] if entry["id"] == image]
    assert entry["action"] == "kept"
    if result["engine"]["store"] == "containerd":
        assert said in entry["reason"]
        assert any("/distribution/" in path for _method, path in proxy.requests)
    for secret in ("hunter2", "dXNlcjpodW50ZXIy"):
        assert secret not in str(result)

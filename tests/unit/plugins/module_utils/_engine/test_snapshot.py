# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    Container,
    after_results,
    dangling_reference,
    parse_container,
    parse_containers,
    parse_facts,
    parse_image,
    parse_images,
    with_dated_mounts,
)

from ..builders import container, digest_reference, image, image_id, snapshot

NODE = digest_reference("node", "d1")
ROW = {
    "Id": image_id("a1"),
    "ParentId": "",
    "RepoTags": ["app:1"],
    "RepoDigests": [],
    "Created": 1_700_000_000,
    "Size": 1000,
    "SharedSize": -1,
    "Labels": None,
    "Containers": -1,
}


def ids(rows):
    return [row[0] for row in rows]


def cells(rows):
    return [row[1:] for row in rows]


LISTED = [
    # situation, fields of the listing, store, expected fields
    ("one tag", {}, GRAPHDRIVER, {"names": ["app:1"], "has_dangling_record": False}),
    (
        "tags and a digest, sorted",
        {"RepoTags": ["b:1", "a:2"], "RepoDigests": [NODE]},
        GRAPHDRIVER,
        {"names": ["a:2", "b:1", NODE]},
    ),
    (
        "no tags, as Engine 20.10 says it",
        {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},
        GRAPHDRIVER,
        {"names": []},
    ),
    (
        "no tags, as a null",
        {"RepoTags": None, "RepoDigests": None},
        GRAPHDRIVER,
        {"names": [], "has_dangling_record": False},
    ),
    ("no tags, as an empty list", {"RepoTags": []}, GRAPHDRIVER, {"names": []}),
    ("digest alone", {"RepoTags": ["node:<none>"], "RepoDigests": [NODE]}, GRAPHDRIVER, {"names": [NODE]}),
    (
        "made-up digests on containerd",
        {"RepoDigests": [digest_reference("app", "a1")]},
        CONTAINERD,
        {"names": ["app:1"]},
    ),
    ("digest names on containerd", {"RepoTags": ["node:18", NODE]}, CONTAINERD, {"names": ["node:18", NODE]}),
    ("no name on containerd", {"RepoTags": []}, CONTAINERD, {"names": [], "has_dangling_record": True}),
    (
        "a name that is none",
        {"RepoTags": ["Bad:1", "app:1"]},
        CONTAINERD,
        {"names": ["app:1"], "names_unread": ("Bad:1",)},
    ),
    ("only a name that is none", {"RepoTags": ["Bad:1"]}, CONTAINERD, {"names": [], "has_dangling_record": False}),
    ("unknown shared size", {"SharedSize": -1}, GRAPHDRIVER, {"shared_size": None}),
    ("known shared size", {"SharedSize": 7}, GRAPHDRIVER, {"shared_size": 7}),
    ("nothing shared", {"SharedSize": 0}, GRAPHDRIVER, {"shared_size": 0}),
    ("zero time", {"Created": -62135596800}, GRAPHDRIVER, {"created": None}),
    ("1970", {"Created": 0}, GRAPHDRIVER, {"created": 0}),
    ("no creation date", {"Created": None}, CONTAINERD, {"created": None}),
    ("labels", {"Labels": {"a": "b"}}, GRAPHDRIVER, {"labels": {"a": "b"}}),
    ("no labels", {"Labels": None}, GRAPHDRIVER, {"labels": {}}),
    ("parent", {"ParentId": image_id("b1")}, GRAPHDRIVER, {"parent": image_id("b1")}),
    ("negative size", {"Size": -1}, GRAPHDRIVER, {"size": 0}),
]


@pytest.mark.parametrize(("fields", "store", "expected"), cells(LISTED), ids=ids(LISTED))
def test_a_listed_image_is_read(fields, store, expected):
    read = parse_image({**ROW, **fields}, store)
    shown = {"names": [reference.familiar for reference in read.references]}
    assert {name: shown[name] if name in shown else getattr(read, name) for name in expected} == expected


def test_an_image_with_nothing_but_an_id_is_read():
    read = parse_image({"Id": image_id("a1")}, GRAPHDRIVER)
    assert (read.references, read.parent, read.created, read.size, read.shared_size) == ((), "", None, 0, None)


def test_a_dangling_record_beside_names_is_told_by_the_second_listing_alone():
    rows = [ROW, {**ROW, "Id": image_id("b1")}]
    read = parse_images(rows, [{"Id": image_id("b1")}], CONTAINERD)
    assert [(entry.id, entry.has_dangling_record) for entry in read] == [
        (image_id("a1"), False),
        (image_id("b1"), True),
    ]


def test_the_tags_of_an_image_are_told_from_its_digests():
    assert [reference.familiar for reference in image("d1", "node:18", NODE).tags] == ["node:18"]


CONTAINERS = [
    # situation, fields of the listing, expected fields
    ("name", {"Names": ["/web"]}, {"name": "web"}),
    ("name among links", {"Names": ["/app/db", "/db"]}, {"name": "db"}),
    ("links alone", {"Names": ["/app/db"]}, {"name": "app/db"}),
    ("no name", {"Names": None}, {"name": ""}),
    ("state", {"State": "Exited"}, {"state": "exited", "is_running": False}),
    ("paused is running", {"State": "paused"}, {"is_running": True}),
    ("restarting is running", {"State": "restarting"}, {"is_running": True}),
    ("created is not", {"State": "created"}, {"is_running": False}),
    ("dead is not", {"State": "dead"}, {"is_running": False}),
    ("image", {"ImageID": image_id("a1"), "Image": "app:1"}, {"image_id": image_id("a1"), "image": "app:1"}),
    (
        "image mount",
        {"Mounts": [{"Type": "image", "Name": "data:1"}, {"Type": "volume", "Name": "v"}]},
        {"mounted_images": ("data:1",)},
    ),
    ("no mounts", {"Mounts": None}, {"mounted_images": ()}),
]


@pytest.mark.parametrize(("fields", "expected"), cells(CONTAINERS), ids=ids(CONTAINERS))
def test_a_listed_container_is_read(fields, expected):
    read = parse_container({"Id": "c1", **fields})
    assert {name: getattr(read, name) for name in expected} == expected


def test_containers_come_in_the_order_of_their_ids():
    assert [read.id for read in parse_containers([{"Id": "b"}, {"Id": "a"}])] == ["a", "b"]


FACTS = [
    # situation, version, info, expected fields
    (
        "graphdriver",
        {"Version": "20.10.24"},
        {"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]},
        {"version": "20.10.24", "store": GRAPHDRIVER, "driver": "overlay2"},
    ),
    (
        "containerd",
        {},
        {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]},
        {"store": CONTAINERD, "driver": "overlayfs"},
    ),
    (
        "another snapshotter plugin",
        {},
        {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v2"]]},
        {"store": GRAPHDRIVER},
    ),
    (
        "no status",
        {},
        {"DriverStatus": None, "Name": "host", "DockerRootDir": "/data"},
        {"store": GRAPHDRIVER, "host": "host", "data_root": "/data"},
    ),
    ("a version only in the information", {}, {"ServerVersion": "28.5.2"}, {"version": "28.5.2"}),
    ("status rows of other lengths", {}, {"DriverStatus": [["a"], ["b", "c"]]}, {"driver_status": (("b", "c"),)}),
]


@pytest.mark.parametrize(("version", "info", "expected"), cells(FACTS), ids=ids(FACTS))
def test_the_engine_is_known_by_what_it_says(version, info, expected):
    facts = parse_facts(version, info, "1.41")
    assert {name: getattr(facts, name) for name in expected} == expected
    assert facts.api_version == "1.41"


# What earlier tasks of a play did

HOST = (
    image("a1", "app:1", "app:2"),
    image("b1", "base:1"),
    image("c1", parent="b1"),
    container("web", of="a1"),
    container("db", of="b1"),
)


AFTER = [
    # situation, results, images that are left with their names, containers that are left
    ("nothing", [], {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []}, ["db", "web"]),
    (
        "a reference untagged",
        [{"untagged": ["app:1"], "deleted": []}],
        {"a1": ["app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "an image deleted",
        [{"untagged": ["app:1", "app:2"], "deleted": [image_id("a1")]}],
        {"b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "a container removed",
        [{"containers": [{"id": container("web", of="a1").id, "action": "removed"}]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db"],
    ),
    (
        "a container kept",
        [{"containers": [{"id": container("web", of="a1").id, "action": "kept"}]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "a result without a container's ID",
        [{"containers": [{"action": "removed"}]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "two tasks",
        [{"untagged": ["app:1"]}, {"untagged": ["app:2"], "deleted": [image_id("a1")]}],
        {"b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "what is not there any more",
        [{"untagged": ["gone:1"], "deleted": [image_id("f1")]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "a skipped task",
        [{"skipped": True, "changed": False}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "another collection's, whose containers are names",
        [{"containers": ["db", "web"]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "lists that are null",
        [{"untagged": None, "deleted": None, "containers": None}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
]


@pytest.mark.parametrize(("results", "images", "containers"), cells(AFTER), ids=ids(AFTER))
def test_earlier_results_change_the_snapshot(results, images, containers):
    after = after_results(snapshot(*HOST), results)
    assert {entry.id: [reference.familiar for reference in entry.references] for entry in after.images} == {
        image_id(digits): names for digits, names in images.items()
    }
    assert sorted(entry.name for entry in after.containers) == containers


def test_a_deleted_parent_is_no_parent_any_more_on_the_graphdriver_store():
    results = [{"untagged": ["base:1"], "deleted": [image_id("b1")]}]
    assert after_results(snapshot(*HOST), results).parents == frozenset()
    assert after_results(snapshot(*HOST, store=CONTAINERD), results).parents == {image_id("b1")}


def test_an_image_that_lost_its_last_name_is_kept_by_a_dangling_record_on_the_containerd_store():
    results = [{"untagged": ["base:1"], "deleted": []}]
    for store, kept in ((GRAPHDRIVER, False), (CONTAINERD, True)):
        (base,) = after_results(snapshot(image("b1", "base:1"), store=store), results).images
        assert base.has_dangling_record is kept
        assert base.references == ()


def test_a_digest_that_was_untagged_is_no_digest_of_the_image_any_more():
    digest = f"app@{image_id('d1')}"
    pulled = image("a1", "app:1", digest, "other:1", digests=(digest,))
    (after,) = after_results(snapshot(pulled), [{"untagged": ["app:1", digest]}]).images
    assert after.digests == ()


def test_what_was_really_committed_is_there_only_if_it_is_listed():
    entry = {
        "reference": "attic/web:1",
        "container_id": "c",
        "parent_id": image_id("b1"),
        "image_id": image_id("e1"),
        "created": "2024-01-01T00:00:00Z",
    }
    foretold = {**entry, "image_id": None}
    assert len(after_results(snapshot(*HOST), [{"committed": [entry]}]).images) == len(snapshot(*HOST).images)
    assert len(after_results(snapshot(*HOST), [{"committed": [foretold]}]).images) == len(snapshot(*HOST).images) + 1


def test_a_dangling_record_that_was_untagged_is_gone():
    named = image("a1", "app:1", has_dangling_record=True)
    results = [{"untagged": [dangling_reference(named.id).familiar]}]
    (after,) = after_results(snapshot(named, store=CONTAINERD), results).images
    assert not after.has_dangling_record
    assert after.references == named.references


CONTAINER_CREATED = "2024-01-01T00:00:01.5Z"

TAG_TIMES = [
    ("before the container was created", {"LastTagTime": "2024-01-01T00:00:01.4Z"}, set(), set()),
    ("after it", {"LastTagTime": "2024-01-01T00:00:01.6Z"}, {"app:1"}, set()),
    ("at the same moment", {"LastTagTime": CONTAINER_CREATED}, {"app:1"}, set()),
    ("that the store does not tell", {"LastTagTime": "0001-01-01T00:00:00Z"}, set(), {"app:1"}),
    ("of an image that went", None, set(), {"app:1"}),
]


@pytest.mark.parametrize(
    ("metadata", "moved", "undated"), [row[1:] for row in TAG_TIMES], ids=[row[0] for row in TAG_TIMES]
)
def test_a_mounts_name_was_last_tagged(metadata, moved, undated):
    mounted = {"app:1": None if metadata is None else {"Metadata": metadata}}
    made = with_dated_mounts(Container("c", mounted_images=("app:1",)), {"Created": CONTAINER_CREATED}, mounted)
    assert (made.moved_mounts, made.undated_mounts) == (moved, undated)


def test_a_container_that_went_dates_no_mount():
    made = with_dated_mounts(Container("c"), {}, {"app:1": {"Metadata": {"LastTagTime": CONTAINER_CREATED}}})
    assert made.undated_mounts == {"app:1"}

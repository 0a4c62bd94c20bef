# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    BuildCache,
    Container,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import (
    CacheRecord,
    Event,
    Identity,
    InspectedContainer,
    InspectedImage,
    PrunedCache,
    Removed,
    Service,
    Total,
    build_cache_of,
    parse_clock,
    parse_committed,
    parse_containers,
    parse_disk_usage,
    parse_done,
    parse_event,
    parse_facts,
    parse_history,
    parse_identity,
    parse_images,
    parse_inspected_container,
    parse_inspected_image,
    parse_pruned_cache,
    parse_removed,
    parse_services,
    with_dated_mounts,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, UnreadableAnswer

from ..builders import cases, digest_reference, image_id

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


@pytest.mark.parametrize(("fields", "store", "expected"), cases(LISTED))
def test_a_listed_image_is_read(fields, store, expected):
    read = parse_images([{**ROW, **fields}], store)[0]
    shown = {"names": [reference.familiar for reference in read.references]}
    assert {name: shown[name] if name in shown else getattr(read, name) for name in expected} == expected


def test_an_image_with_nothing_but_an_id_is_read():
    read = parse_images([{"Id": image_id("a1")}], GRAPHDRIVER)[0]
    assert (read.references, read.parent, read.created, read.size, read.shared_size) == ((), "", None, 0, None)


def test_a_dangling_record_beside_names_is_told_by_the_second_listing_alone():
    rows = [ROW, {**ROW, "Id": image_id("b1")}]
    read = parse_images(rows, CONTAINERD, [image_id("b1")])
    assert [(entry.id, entry.has_dangling_record) for entry in read] == [
        (image_id("a1"), False),
        (image_id("b1"), True),
    ]


def manifest(architecture, available, **fields):
    return {
        "Kind": "image",
        "Available": available,
        "ImageData": {"Platform": {"architecture": architecture}},
        **fields,
    }


EMPTY = {"Created": 0, "Labels": {}}
OTHER_PLATFORM = [manifest("amd64", False), manifest("arm64", True)]
# What Engines of the containerd store list from 28.5 on, and whether labels and date are those of the image.
DESCRIBED = [
    ("with labels and a date", {"Created": 7, "Labels": {"a": "b"}}, True),
    ("with a date alone", {"Created": 7, "Labels": None}, True),
    ("without both, and all there", {**EMPTY, "Manifests": [manifest("amd64", True)]}, True),
    (
        "without both, and other platforms not there",
        {**EMPTY, "Manifests": [manifest("amd64", True), manifest("arm64", False)]},
        True,
    ),
    ("29.1.2: the host's platform not there", {**EMPTY, "Manifests": OTHER_PLATFORM}, False),
    (
        "a variant of the host's platform not there",
        {**EMPTY, "Manifests": [manifest("amd64", True), manifest("amd64", False)]},
        False,
    ),
    (
        "other platforms alone, of which one is not there",
        {**EMPTY, "Manifests": [manifest("arm64", True), manifest("arm", False)]},
        False,
    ),
    ("another platform alone", {**EMPTY, "Manifests": [manifest("arm64", True)]}, True),
    (
        "a signature beside it that is not there",
        {**EMPTY, "Manifests": [manifest("amd64", True), manifest("", False, Kind="unknown")]},
        True,
    ),
    ("an API without manifests", EMPTY, False),
    ("28.5: no manifest is whole", {"Created": 7, "RepoDigests": [image_id("a1")]}, False),
]


@pytest.mark.parametrize(("fields", "expected"), cases(DESCRIBED))
def test_whether_labels_and_date_are_known(fields, expected):
    read = parse_images([{"Id": image_id("a1"), "RepoTags": ["app:1"], **fields}], CONTAINERD, (), "amd64")[0]
    assert (read.is_described, read.digests) == (expected, ())
    assert read.created == (fields["Created"] if expected else None)


def test_engines_that_list_whole_images_alone_know_what_they_list():
    assert parse_images([{"Id": image_id("a1"), **EMPTY}], CONTAINERD)[0].is_described


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


@pytest.mark.parametrize(("fields", "expected"), cases(CONTAINERS))
def test_a_listed_container_is_read(fields, expected):
    read = parse_containers([{"Id": "c1", **fields}])[0]
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
    ("a version only in the information", {}, {"ServerVersion": "28.5.2", "Driver": ""}, {"version": "28.5.2"}),
    ("status rows of other lengths", {}, {"DriverStatus": [["a"], ["b", "c"]]}, {"driver_status": (("b", "c"),)}),
]


@pytest.mark.parametrize(("version", "info", "expected"), cases(FACTS))
def test_the_engine_is_known_by_what_it_says(version, info, expected):
    facts = parse_facts(parse_identity(version), info, "1.41")
    assert {name: getattr(facts, name) for name in expected} == expected
    assert facts.api_version == "1.41"


# Image mounts

CONTAINER_CREATED = "2024-01-01T00:00:01.5Z"

TAG_TIMES = [
    ("before the container was created", {"LastTagTime": "2024-01-01T00:00:01.4Z"}, set(), set()),
    ("after it", {"LastTagTime": "2024-01-01T00:00:01.6Z"}, {"app:1"}, set()),
    ("at the same moment", {"LastTagTime": CONTAINER_CREATED}, {"app:1"}, set()),
    ("that the store does not tell", {"LastTagTime": "0001-01-01T00:00:00Z"}, set(), {"app:1"}),
    ("of an image that went", None, set(), {"app:1"}),
]


@pytest.mark.parametrize(("metadata", "moved", "undated"), cases(TAG_TIMES))
def test_a_mounts_name_was_last_tagged(metadata, moved, undated):
    mounting = parse_inspected_container({"Id": "c", "Created": CONTAINER_CREATED})
    image = None if metadata is None else parse_inspected_image({"Id": "i", "Metadata": metadata}, GRAPHDRIVER)
    made = with_dated_mounts(Container("c", mounted_images=("app:1",)), mounting, {"app:1": image})
    assert (made.moved_mounts, made.undated_mounts) == (moved, undated)


def test_a_container_that_went_dates_no_mount():
    made = with_dated_mounts(Container("c"), None, {"app:1": InspectedImage("i", tagged=1.0)})
    assert made.undated_mounts == {"app:1"}


# Disk usage

CLASSIC = {
    "LayersSize": 1000,
    "Images": [
        {"Id": "a", "Size": 600, "SharedSize": 100, "Containers": 2},
        {"Id": "b", "Size": 300, "SharedSize": 100, "Containers": 0},
        {"Id": "c", "Size": 200, "SharedSize": -1, "Containers": 1},
    ],
    "Containers": [
        {"State": "running", "SizeRw": 10},
        {"State": "paused", "SizeRw": 20},
        {"State": "exited", "SizeRw": 40},
        {"State": "created"},
    ],
    "Volumes": [
        {"UsageData": {"RefCount": 1, "Size": 100}},
        {"UsageData": {"RefCount": 0, "Size": 30}},
        {"UsageData": {"RefCount": -1, "Size": -1}},
        {},
    ],
    "BuildCache": [
        {"ID": "x", "Size": 5, "InUse": False, "Shared": False},
        {"ID": "y", "Size": 7, "InUse": True, "Shared": False},
        {"ID": "z", "Size": 9, "InUse": True, "Shared": True},
    ],
}
COUNTED = {
    "ImageUsage": {
        "ActiveCount": 1,
        "TotalCount": 2,
        "Reclaimable": 30,
        "TotalSize": 70,
        "Items": [{"Id": "a", "Size": 60, "SharedSize": 10}],
    },
    "ContainerUsage": {"ActiveCount": 1, "TotalCount": 4, "TotalSize": 11},
    "VolumeUsage": {},
    "BuildCacheUsage": {"TotalCount": 3, "Reclaimable": 5, "TotalSize": 12},
}

TOTALS = [
    # situation, answer, images, containers, volumes, build cache
    ("API 1.41 to 1.51", CLASSIC, (3, 2, 1000, 500), (4, 2, 70, 40), (4, 1, 130, 30), (3, 2, 12, 5)),
    ("API 1.52 and later", COUNTED, (2, 1, 70, 30), (4, 1, 11, 0), (0, 0, 0, 0), (3, 0, 12, 5)),
    (
        "nothing there",
        {"LayersSize": 0, "Images": None, "Containers": None, "Volumes": None, "BuildCache": None},
        *[(0, 0, 0, 0)] * 4,
    ),
    (
        "nothing there, as Engine 29 reports it below API 1.52",
        {"Images": [], "Containers": [], "Volumes": [], "BuildCache": []},
        *[(0, 0, 0, 0)] * 4,
    ),
    (
        "images without bytes, as Engine 29 reports them",
        {"Images": [{"Id": "a", "Size": 0, "SharedSize": 0, "Containers": 0}]},
        (1, 0, 0, 0),
        *[None] * 3,
    ),
    ("a total that is left out is not known", {"Images": [{"Id": "a", "Size": 8}]}, *[None] * 4),
    (
        "below API 1.44 the CLI reads VirtualSize",
        {"LayersSize": 10, "Images": [{"Id": "a", "Size": 0, "VirtualSize": 10, "SharedSize": 2, "Containers": 1}]},
        (1, 1, 10, 2),
        *[None] * 3,
    ),
    (
        "an image whose containers are not counted is in use, and not active",
        {"LayersSize": 10, "Images": [{"Id": "a", "Size": 8, "SharedSize": 0, "Containers": -1}]},
        (1, 0, 10, 2),
        *[None] * 3,
    ),
]


@pytest.mark.parametrize(("raw", "images", "containers", "volumes", "cache"), cases(TOTALS))
def test_totals(raw, images, containers, volumes, cache):
    usage = parse_disk_usage(raw)
    expected = [None if total is None else Total(*total) for total in (images, containers, volumes, cache)]
    assert [usage.images, usage.containers, usage.volumes, usage.build_cache] == expected


SHARED = [
    # situation, answer, shared bytes by image
    ("API 1.41 to 1.51", CLASSIC, {"a": 100, "b": 100}),
    ("API 1.52 and later", COUNTED, {"a": 10}),
]


@pytest.mark.parametrize(("raw", "expected"), cases(SHARED))
def test_shared_sizes(raw, expected):
    assert parse_disk_usage(raw).shared == expected


def test_what_the_engine_does_not_report_is_unknown():
    usage = parse_disk_usage({"ImageUsage": {"TotalCount": 2, "TotalSize": 70}, "BuildCacheUsage": {"TotalCount": 3}})
    assert usage.images == Total(2, 0, 70, 0)
    assert (usage.containers, usage.volumes) == (None, None)
    assert (usage.build_cache, usage.records, build_cache_of(usage)) == (Total(3), None, None)
    assert parse_disk_usage({}) == type(usage)()
    assert build_cache_of(None) is None


RECORD = {
    "ID": "abc",
    "Type": "regular",
    "Description": "mount / from exec /bin/sh",
    "InUse": True,
    "Shared": True,
    "Size": 5,
    "CreatedAt": "2024-01-01T00:00:00.5Z",
    "LastUsedAt": "2024-01-01T00:00:02Z",
    "UsageCount": 3,
}
READ = CacheRecord("abc", "regular", "mount / from exec /bin/sh", True, True, 5, 1704067200.5, 1704067202.0, 3, ())
RECORDS = [
    # situation, fields, the parents
    ("without a parent", {"Parent": ""}, ()),
    ("one parent, on Engine 20.10", {"Parent": "p"}, ("p",)),
    ("parents, under a key with a space", {" Parents": ["p", "q"]}, ("p", "q")),
    ("parents, when the key is mended", {"Parents": ["p"]}, ("p",)),
    ("parents under both keys", {" Parents": ["p"], "Parents": ["p", "q"]}, ("p", "q")),
]


@pytest.mark.parametrize(("fields", "parents"), cases(RECORDS))
@pytest.mark.parametrize("shape", ["BuildCache", "BuildCacheUsage"])
def test_a_record_of_the_build_cache_is_read(shape, fields, parents):
    record = {**RECORD, **fields}
    usage = parse_disk_usage({shape: [record] if shape == "BuildCache" else {"TotalCount": 1, "Items": [record]}})
    assert usage.records == (READ.__class__(**{**READ.__dict__, "parents": parents}),)
    assert build_cache_of(usage) == BuildCache(1, 5, 0)


def test_a_build_cache_without_records_is_empty():
    for raw in ({"BuildCache": None}, {"BuildCache": []}, {"BuildCacheUsage": {}}):
        assert parse_disk_usage(raw).records == ()


def test_the_answer_to_a_prune_is_read():
    assert parse_pruned_cache({"CachesDeleted": ["b", "a"], "SpaceReclaimed": 7}) == PrunedCache(("b", "a"), 7)
    assert parse_pruned_cache({"CachesDeleted": None, "SpaceReclaimed": 0}) == PrunedCache()


# Inspections, removals, commits


def test_an_inspected_image_is_read():
    raw = {
        "Id": image_id("a1"),
        "RepoTags": ["app:1"],
        "RepoDigests": [digest_reference("app", "d1")],
        "RootFS": {"Layers": ["sha256:d0", "sha256:d1"]},
        "GraphDriver": {"Data": {"LowerDir": "/middle:/base", "UpperDir": "/top"}},
        "Metadata": {"LastTagTime": "2024-01-01T00:00:02Z"},
    }
    read = parse_inspected_image(raw, GRAPHDRIVER)
    assert [reference.familiar for reference in read.references] == ["app:1", digest_reference("app", "d1")]
    assert (read.layers, read.layer_directories) == (("sha256:d0", "sha256:d1"), ("/base", "/middle", "/top"))
    assert read.tagged == 1704067202.0
    assert parse_inspected_image({"Id": "i", "GraphDriver": None}, CONTAINERD) == InspectedImage("i")


def test_an_inspected_container_is_read():
    raw = {
        "Id": "c",
        "Name": "/web",
        "Created": "2024-01-01T00:00:00Z",
        "State": {
            "Status": "Running",
            "StartedAt": "2024-01-01T00:00:02Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
        },
        "Config": {"StopTimeout": 3},
        "GraphDriver": {"Data": {"LowerDir": "/top:/base"}},
    }
    read = parse_inspected_container(raw)
    assert read == InspectedContainer("web", "running", 1704067200.0, 1704067202.0, None, 3, ("/base", "/top"))
    assert (read.is_running, read.last_active) == (True, 1704067202.0)
    assert parse_inspected_container({"Id": "c"}).last_active is None


def test_the_lines_of_a_removal_are_read():
    lines = [{"Untagged": "app:1"}, {"Deleted": "sha256:a"}, {"Untagged": "app:2"}, {"Deleted": "sha256:b"}]
    assert parse_removed(lines) == Removed(("app:1", "app:2"), ("sha256:a", "sha256:b"))
    assert parse_removed(None) == Removed()


def test_a_history_is_read_from_the_base():
    assert parse_history([{"Size": 7, "Created": 9}, {}, {"Size": 3}]) == ((3, None), (0, None), (7, 9))


EVENTS = [
    # situation, line, event
    (
        "a container",
        {
            "Type": "container",
            "Action": "start",
            "time": 5,
            "timeNano": 5_250_000_000,
            "Actor": {"ID": "c", "Attributes": {"image": "app:1", "name": "web"}},
        },
        Event("container", "start", "c", "app:1", 5.25),
    ),
    (
        "an image",
        {"Type": "image", "Action": "tag", "timeNano": 5, "Actor": {"ID": "i", "Attributes": {"name": "app:1"}}},
        Event("image", "tag", "i", "app:1", 5e-9),
    ),
    (
        "an action with a detail",
        {"Type": "container", "Action": "health_status: healthy", "time": 5, "Actor": {"ID": "c"}},
        Event("container", "health_status", "c", "", 5),
    ),
    ("nothing", {}, Event("", "", "", "", 0)),
]


@pytest.mark.parametrize(("line", "expected"), cases(EVENTS))
def test_an_event_is_read(line, expected):
    assert parse_event(line) == expected


def test_the_clock_of_the_engine_is_read():
    assert parse_clock({"SystemTime": "2023-11-14T22:13:20.5Z"}) == 1_700_000_000.5
    assert parse_clock({}) is None


#: What a proxy may send with the status 200.
ERROR = {"message": "try again"}

UNREADABLE = [
    # situation, function, answer, words of the message
    ("an event that is a list", parse_event, [], "an event is []"),
    ("a listing that is an object", parse_images, {"message": "x"}, "the list of images is {'message': 'x'}"),
    ("an image that is a string", parse_images, ["x"], "the list of images is 'x'"),
    ("an image without an ID", parse_images, [{"Size": 1}], "there is no Id in {'Size': 1}"),
    ("an ID that is a number", parse_images, [{"Id": 1}], "Id is 1"),
    ("a size that is a string", parse_images, [{"Id": "i", "Size": "many"}], "Size is 'many'"),
    ("a size that is no number", parse_images, [{"Id": "i", "Size": float("nan")}], "Size is nan"),
    ("a date that is true", parse_images, [{"Id": "i", "Created": True}], "Created is True"),
    ("tags that are a string", parse_images, [{"Id": "i", "RepoTags": "app:1"}], "RepoTags is 'app:1'"),
    ("a tag that is null", parse_images, [{"Id": "i", "RepoTags": [None]}], "RepoTags has None"),
    ("labels that are a list", parse_images, [{"Id": "i", "Labels": ["a"]}], "Labels is ['a']"),
    ("a label that is a number", parse_images, [{"Id": "i", "Labels": {"a": 1}}], "Labels has 1"),
    ("containers that are a number", parse_containers, 3, "the list of containers is 3"),
    ("mounts that are strings", parse_containers, [{"Id": "c", "Mounts": ["m"]}], "Mounts is 'm'"),
    ("a container that is a list", parse_inspected_container, [], "the container is []"),
    ("a state that is a string", parse_inspected_container, {"Id": "c", "State": "dead"}, "State is 'dead'"),
    ("an error in a container's place", parse_inspected_container, ERROR, f"there is no Id in {ERROR}"),
    ("an error in an image's place", parse_inspected_image, ERROR, f"there is no Id in {ERROR}"),
    ("an error in the place of what was removed", parse_removed, ERROR, f"the list of what was removed is {ERROR}"),
    ("an error in the place of the disk usage", parse_disk_usage, ERROR, f"the disk usage is {ERROR}"),
    ("an error in the place of a prune", parse_pruned_cache, ERROR, f"the answer to the prune is {ERROR}"),
    ("an error in the place of nothing", parse_done, ERROR, f"the answer to a change is {ERROR}"),
    ("an error in the information's place", parse_facts, ERROR, f"there is no Driver in the information {ERROR}"),
    ("a disk usage that is null", parse_disk_usage, None, "the disk usage is None"),
    ("a flag that is a string", parse_disk_usage, {"BuildCache": [{"ID": "x", "InUse": "no"}]}, "InUse is 'no'"),
    ("a record without an ID", parse_disk_usage, {"BuildCache": [{"Size": 1}]}, "there is no ID in {'Size': 1}"),
    ("a removal that is a string", parse_removed, "ok", "the list of what was removed is 'ok'"),
    ("a commit without an ID", parse_committed, {}, "there is no Id in {}"),
    ("an answer that is long", parse_committed, ["x" * 100], f"the commit is ['{'x' * 58}…"),
]


@pytest.mark.parametrize(("parse", "raw", "words"), cases(UNREADABLE))
def test_an_answer_that_cannot_be_understood_is_one_clear_error(parse, raw, words):
    more = {parse_images: (GRAPHDRIVER,), parse_inspected_image: (GRAPHDRIVER,)}
    arguments = (Identity(), raw, "1.44") if parse is parse_facts else (raw, *more.get(parse, ()))
    with pytest.raises(UnreadableAnswer) as failure:
        parse(*arguments)
    assert str(failure.value) == f"the Engine's answer cannot be understood: {words}"
    assert isinstance(failure.value, EngineError)


def spec(image, **mode):
    return {"Name": "web", "Mode": mode, "TaskTemplate": {"ContainerSpec": {"Image": image}}}


SERVICES = [
    # situation, entry, service
    ("replicated", {"Spec": spec("a:1", Replicated={"Replicas": 0})}, Service("web", "replicated", 0, "a:1", None)),
    ("global", {"Spec": spec("a:1", Global={}), "PreviousSpec": {}}, Service("web", "global", None, "a:1", None)),
    ("updated", {"Spec": spec("a:2"), "PreviousSpec": spec("a:1")}, Service("web", "", None, "a:2", "a:1")),
    ("of a plugin", {"Spec": {"Name": "web", "TaskTemplate": {"PluginSpec": {}}}}, Service("web")),
]


@pytest.mark.parametrize(("entry", "service"), cases(SERVICES))
def test_services(entry, service):
    assert parse_services([entry]) == (service,)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    Container,
    EngineFacts,
    Snapshot,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord, DiskUsage, Total
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    Sighting,
    UsageRecord,
    Watched,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.use_events import Replay
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.usage import (
    Moments,
    builder_notices,
    cache_notices,
    notices,
    records_report,
    usage_report,
)

from ..builders import CREATED, cases, container, digest_reference, image, image_id, snapshot

NOW = CREATED + 3600
NOTHING_SEEN = UsageRecord()
HOST = snapshot(
    image("a1", "app:1", digest_reference("app", "d1"), size=500, digests=(digest_reference("app", "d1"),)),
    image("b1", size=900),
    image("b2", "base:2", size=900, parent="b1", created=0),
    image("c1", size=10),
    container("web", "a1", created=CREATED + 10),
    container("old", "a1", created=CREATED),
    container("live", "b2", "running", created=CREATED),
)
USAGE = DiskUsage(images=Total(1, 0, 3000, 3000), shared={image_id("a1"): 200})
WEB_ID, OLD_ID = (next(c.id for c in HOST.containers if c.name == name) for name in ("web", "old"))
MOMENTS = Moments(
    tagged={image_id("a1"): CREATED + 1.5, image_id("b1"): None}, used={WEB_ID: CREATED + 20.0, OLD_ID: CREATED + 100.0}
)


def told(host, disk_usage, moments, file_system, record=NOTHING_SEEN):
    return usage_report(host, disk_usage, moments, file_system, record, NOW)


def listed(result, digits):
    return next(found for found in result["images"] if found["id"] == image_id(digits))


def test_images_are_told_largest_first():
    result = told(HOST, USAGE, Moments(), None)
    assert [found["id"] for found in result["images"]] == [image_id(digits) for digits in ("b1", "b2", "a1", "c1")]
    assert result["changed"] is False


def test_only_images_in_use_are_told_when_asked():
    lost = container("lost", "ee", image="gone:1")
    moved = container("moved", "ef", image=image_id("ef"))
    host = snapshot(*HOST.images, *HOST.containers, lost, moved)
    result = usage_report(host, None, Moments(), None, NOTHING_SEEN, NOW, in_use=True)
    assert {found["id"]: found["references"] for found in result["images"]} == {
        image_id("b2"): ["base:2"],
        image_id("a1"): ["app:1", digest_reference("app", "d1")],
        image_id("ee"): ["gone:1"],
        image_id("ef"): [],
    }
    assert [found["containers"][0]["name"] for found in result["images"]] == ["live", "old", "lost", "moved"]
    assert result["summary"] == "4 images in use, 5 containers"


MOUNTS = [
    # situation, the mount of a container, images in use by ID and names
    ("a name that is gone", {"mounted_images": ("gone:1",)}, {"": ["gone:1"]}),
    (
        "a name that has moved",
        {"mounted_images": ("tool:1",), "moved_mounts": frozenset(["tool:1"])},
        {image_id("b1"): ["tool:1"]},
    ),
    ("a name that is known", {"mounted_images": ("tool:1",)}, {image_id("b1"): ["tool:1"]}),
    ("an ID that is gone", {"mounted_images": (image_id("ff"),)}, {}),
    ("no name", {"mounted_images": ("<none>",)}, {}),
]


@pytest.mark.parametrize(("mount", "used"), [row[1:] for row in MOUNTS], ids=[row[0] for row in MOUNTS])
def test_what_a_container_mounts_is_in_use_by_its_name(mount, used):
    host = snapshot(image("a1", "app:1"), image("b1", "tool:1"), container("web", "a1", image="app:1", **mount))
    result = usage_report(host, None, Moments(), None, NOTHING_SEEN, NOW, in_use=True)
    found = {entry["id"]: entry["references"] for entry in result["images"]}
    assert found == {image_id("a1"): ["app:1"], **used}


OLD = {"name": "old", "id": "6f6c64000000", "state": "exited"}
WEB = {"name": "web", "id": "776562000000", "state": "exited"}
SEEN = UsageRecord({image_id("c1"): Sighting(CREATED, CREATED + 60), image_id("a1"): Sighting(CREATED, CREATED)})

FIELDS = [
    # situation, first digits of the ID, moments, expected fields
    ("references", "a1", Moments(), {"references": ["app:1", digest_reference("app", "d1")]}),
    ("digests", "a1", Moments(), {"digests": [digest_reference("app", "d1")]}),
    ("sizes", "a1", Moments(), {"size": 500, "own_size": 300, "shared_size": 200}),
    ("sizes that the Engine does not tell", "b2", Moments(), {"size": 900, "own_size": None, "shared_size": None}),
    ("creation", "a1", Moments(), {"created": "2023-11-14T22:13:20Z"}),
    ("a date of a reproducible build", "b2", Moments(), {"created": None}),
    ("containers", "a1", Moments(), {"containers": [OLD, WEB]}),
    ("a name", "b2", Moments(), {"dangling": False, "intermediate": False}),
    ("intermediate", "b1", Moments(), {"dangling": False, "intermediate": True}),
    ("dangling", "c1", Moments(), {"dangling": True, "intermediate": False}),
    ("a use, by the listing", "a1", Moments(), {"last_tagged": None, "last_used": "2023-11-14T22:13:30Z"}),
    (
        "a use, by inspection",
        "a1",
        MOMENTS,
        {"last_tagged": "2023-11-14T22:13:21Z", "last_used": "2023-11-14T22:15:00Z"},
    ),
    ("a use by a running container", "b2", MOMENTS, {"last_tagged": None, "last_used": "2023-11-14T23:13:20Z"}),
    ("no use", "c1", MOMENTS, {"last_tagged": None, "last_used": None, "last_used_by": None}),
    ("a use by a container", "a1", MOMENTS, {"last_used_by": "container"}),
    (
        "a use by a container that was removed, which events show",
        "c1",
        Moments(replay=Replay({image_id("c1"): CREATED + 5.0}, Watched(CREATED, NOW))),
        {"last_used": "2023-11-14T22:13:25Z", "last_used_by": "event"},
    ),
    (
        "a tagging after the last use",
        "c1",
        Moments({image_id("c1"): CREATED + 6.0}, replay=Replay({image_id("c1"): CREATED + 5.0}, Watched(CREATED, NOW))),
        {"last_used": "2023-11-14T22:13:26Z", "last_used_by": "tag"},
    ),
]


@pytest.mark.parametrize(("digits", "moments", "expected"), cases(FIELDS))
def test_fields_of_an_image(digits, moments, expected):
    found = listed(told(HOST, USAGE, moments, None), digits)
    assert {key: found[key] for key in expected} == expected


def test_uses_that_a_policy_recorded_count():
    result = told(HOST, USAGE, Moments(), None, SEEN)
    assert listed(result, "c1")["last_used"] == "2023-11-14T22:14:20Z"
    assert listed(result, "c1")["last_used_by"] == "record"
    assert listed(result, "a1")["last_used"] == "2023-11-14T22:13:30Z"


KNOWN = [
    # situation, moments, record, since when uses are known
    ("nobody looked", Moments(), UsageRecord(), None),
    ("the record knows", Moments(), UsageRecord({}, Watched(CREATED, NOW)), "2023-11-14T22:13:20Z"),
    ("events know", Moments(replay=Replay({}, Watched(CREATED + 60.0, NOW))), UsageRecord(), "2023-11-14T22:14:20Z"),
    (
        "events reach into the record",
        Moments(replay=Replay({}, Watched(CREATED + 60.0, NOW))),
        UsageRecord({}, Watched(CREATED, CREATED + 90)),
        "2023-11-14T22:13:20Z",
    ),
    (
        "events do not reach back to the record",
        Moments(replay=Replay({}, Watched(CREATED + 60.0, NOW))),
        UsageRecord({}, Watched(CREATED, CREATED + 30)),
        "2023-11-14T22:14:20Z",
    ),
]


@pytest.mark.parametrize(("moments", "record", "expected"), cases(KNOWN))
def test_since_when_uses_are_known(moments, record, expected):
    assert told(HOST, None, moments, None, record)["usage_known_since"] == expected


def test_an_untagged_parent_is_not_dangling_on_the_containerd_store_either():
    host = snapshot(image("b1"), image("b2", "base:2", parent="b1"), store=CONTAINERD)
    found = listed(told(host, None, Moments(), None), "b1")
    assert (found["dangling"], found["intermediate"]) == (False, True)


DISK = FileSystem("/var/lib/docker", total=1000, used=800, free=150, inodes=100, inodes_used=95, inodes_free=5)


def test_totals_and_file_system():
    result = told(HOST, USAGE, Moments(), DISK)
    assert result["totals"]["images"] == {"count": 1, "active": 0, "size": 3000, "reclaimable": 3000}
    assert result["file_system"] == {
        "path": "/var/lib/docker",
        "total": 1000,
        "used": 800,
        "free": 150,
        "percent": 84.2,
        "inodes": 100,
        "inodes_used": 95,
        "inodes_free": 5,
        "inodes_percent": 95.0,
        "reason": "",
        "doubt": "",
    }
    assert result["summary"] == (
        "4 images (1 dangling), 3 containers, 3 kB of images, 3 kB reclaimable, /var/lib/docker 84% full"
    )


def test_without_totals():
    result = told(HOST, None, Moments(), None)
    assert (result["totals"], result["file_system"]) == (None, None)
    assert result["summary"] == "4 images (1 dangling), 3 containers"


LOOP = (
    ("Pool Name", "docker-8:1-1234-pool"),
    ("Data file", "/dev/loop0"),
    ("Data loop file", "/var/lib/docker/devicemapper/devicemapper/data"),
    ("Data Space Used", "11.8GB"),
)


def facts(driver, status=()):
    return EngineFacts("20.10.24", "1.41", GRAPHDRIVER, driver, "host", "/var/lib/docker", tuple(status))


NOTICES = [
    # situation, engine, parts of the texts
    ("overlay2", facts("overlay2", [("Backing Filesystem", "extfs")]), []),
    ("devicemapper on a loop file", facts("devicemapper", LOOP), ["in the loop file /var/lib/docker/devicemapper"]),
    ("devicemapper on a device", facts("devicemapper", [("Data file", "")]), []),
    ("vfs", facts("vfs"), ["copies every layer in full"]),
]


@pytest.mark.parametrize(("engine", "parts"), cases(NOTICES))
def test_notices_of_the_storage_driver(engine, parts):
    texts = notices(snapshot().__class__(engine=engine), None)
    assert len(texts) == len(parts)
    assert all(part in text for part, text in zip(parts, texts))


def test_notices_of_the_host():
    host = snapshot(container("orphan", "e1"), container("web", "a1"), image("a1"))
    texts = notices(host, DISK, engine_told=False)
    assert "until the containers are removed: orphan" in texts[0]
    assert "95% of the inodes of /var/lib/docker are used" in texts[1]
    assert "did not report its disk usage" in texts[2]


def test_a_doubt_about_the_file_system_is_a_notice():
    (text,) = notices(
        snapshot(), DISK._replace(inodes_used=0, inodes_free=100, doubt="containerd may keep them elsewhere")
    )
    assert text.startswith("/var/lib/docker may not be the file system of the Engine's data: containerd may keep")


CACHES = [
    # situation, usage, notices
    ("nothing is known", None, []),
    ("the cache is not known", DiskUsage(images=Total(1, 0, 10, 10)), []),
    ("images have as much", DiskUsage(images=Total(1, 0, 10, 10), build_cache=Total(1, 0, 10, 10)), []),
    (
        "the cache has the most",
        DiskUsage(images=Total(1, 0, 90, 20), containers=Total(1, 0, 5, 5), build_cache=Total(1, 0, 90, 26)),
        [
            "the build cache has the most to reclaim: 26 B, and images and containers have 25 B"
            " (build_cache_prune removes it)"
        ],
    ),
]


@pytest.mark.parametrize(("usage", "texts"), cases(CACHES))
def test_the_cache_is_named_where_it_has_the_most_to_reclaim(usage, texts):
    assert cache_notices(usage) == texts


BUILDERS = [
    # name of a container, its image, whether it is a builder
    ("buildx_buildkit_ci0", "registry.example.com/mirror/buildkit:v0.20", True),
    ("builder", "moby/buildkit:buildx-stable-1", True),
    ("web", "nginx", False),
    ("lost", "sha256:" + 64 * "a", False),
]


@pytest.mark.parametrize(("name", "runs", "is_builder"), BUILDERS)
def test_builders_with_a_cache_of_their_own_are_named(name, runs, is_builder):
    host = Snapshot(containers=(Container("c1", name, image=runs),))
    assert [text.rpartition(": ")[2] for text in builder_notices(host)] == ([name] if is_builder else [])


def test_the_records_of_the_cache_are_listed_the_largest_first():
    records = records_report([CacheRecord("a", size=1), CacheRecord("b", "regular", size=2, parents=("a",))])
    assert [record["id"] for record in records] == ["b", "a"]
    assert records[0]["parents"] == ["a"]

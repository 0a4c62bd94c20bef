# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(image_usage_info) on real Engines: its totals are those that the host's own docker command prints."""

from __future__ import annotations

import json
import threading
import time

import pytest

from tests.integration.module_run import run_module
from tests.lab import state

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.lab.fixtures"]

LINES = {"images": "Images", "containers": "Containers", "volumes": "Local Volumes", "build_cache": "Build Cache"}


def usage(engine, **options):
    result = run_module("image_usage_info", {"docker_host": engine.docker_host, **options})
    assert (result["failed"], result["changed"]) == (False, False)
    return result


def docker_system_df(engine):
    """What the Docker CLI of the host's own release prints, by line."""
    printed = engine.host.run("docker", "system", "df", "--format", "{{json .}}")
    rows = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return {row["Type"]: row for row in rows}


def human(size):
    """``units.HumanSize`` of docker/go-units."""
    number, unit = float(size), 0
    while number >= 1000 and unit < 4:
        number, unit = number / 1000, unit + 1
    return f"{number:.4g}{('B', 'kB', 'MB', 'GB', 'TB')[unit]}"


def fill(engine):
    """Images that share layers, containers in several states, volumes in use and not, and a build cache."""
    client = engine.client
    base = state.import_image(client, "base:1", size_bytes=300_000)
    state.tag(client, base, "other:1")
    child = state.derive(client, base, "child:1", files={"child": b"x" * 70_000})
    state.build(client, 'FROM child:1\nRUN ["/bin/busybox", "touch", "/a"]\nLABEL a=b\n', "built:1")
    state.import_image(client, None, size_bytes=40_000)
    state.load_image(client, "old:1", created="1970-01-01T00:00:00Z")
    state.buildkit(client, "FROM scratch\nCOPY a /a\nCOPY b /b\n", "kit:1", files={"a": b"a" * 9_000, "b": b"b"})
    for kind in ("created", "running", "paused", "exited"):
        state.container(client, child, kind, name=kind, anonymous_volumes=["/data"])
    write = client.exec_create("running", ["/bin/busybox", "dd", "if=/dev/zero", "of=/file", "bs=1000", "count=50"])[
        "Id"
    ]
    client.exec_start(write)
    fill_volume = ("/bin/busybox", "dd", "if=/dev/zero", "of=/named/file", "bs=1000", "count=20")
    state.container(client, base, "exited", name="filler", command=fill_volume, named_volumes={"kept": "/named"})
    client.remove_container("filler")
    return base, child


def test_totals_are_those_of_docker_system_df(fresh_engine):
    for _round in ("empty", "filled"):
        totals, printed = usage(fresh_engine)["totals"], docker_system_df(fresh_engine)
        for line, name in LINES.items():
            total, row = totals[line], printed[name]
            assert (str(total["count"]), str(total["active"])) == (row["TotalCount"], row["Active"]), name
            assert human(total["size"]) == row["Size"], name
            assert human(total["reclaimable"]) == row["Reclaimable"].partition(" ")[0], name
        if _round == "empty":
            fill(fresh_engine)


def test_images_are_those_of_the_engine(fresh_engine):
    client = fresh_engine.client
    base, child = fill(fresh_engine)
    result = usage(fresh_engine)
    found = {image["id"]: image for image in result["images"]}
    listed = {raw["Id"]: raw for raw in client.images(all=True)}
    assert {key: image["size"] for key, image in found.items()} == {key: raw["Size"] for key, raw in listed.items()}
    shown = {raw["Id"] for raw in client.images()}
    assert {key for key, image in found.items() if not image["intermediate"]} == shown
    dangling = {raw["Id"] for raw in client.images(filters={"dangling": True})}
    assert {key for key, image in found.items() if image["dangling"]} == dangling
    assert found[base]["references"] == ["base:1", "other:1"]
    assert [row["name"] for row in found[child]["containers"]] == ["paused", "running", "created", "exited"]
    assert found[child]["own_size"] == found[child]["size"] - found[child]["shared_size"]
    assert found[base]["shared_size"] > 0
    sizes = [image["size"] for image in result["images"]]
    assert sizes == sorted(sizes, reverse=True)
    (old,) = [image for image in result["images"] if image["references"] == ["old:1"]]
    assert old["created"] is None


def test_times_are_told_by_inspection(fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    began = time.time() - 1
    state.container(client, image, "exited", name="one")
    state.tag(client, image, "app:2")
    found = usage(fresh_engine)["images"][0]
    for field in ("last_tagged", "last_used"):
        told = time.strptime(found[field], "%Y-%m-%dT%H:%M:%SZ")
        assert began - 1 <= time.mktime(told) - time.timezone <= time.time()
    assert usage(fresh_engine, inspect=False)["images"][0]["last_tagged"] is None


OPTIONS = [
    # situation, options, requests
    ("without inspection", {"inspect": False}, 5),
    ("without totals either", {"inspect": False, "totals": False}, 4),
]


@pytest.mark.parametrize(("options", "requests"), [row[1:] for row in OPTIONS], ids=[row[0] for row in OPTIONS])
def test_it_reads_in_a_constant_number_of_requests(options, requests, fresh_engine, recording_proxy):
    counts = []
    for number in (1, 2, 3):
        state.import_image(fresh_engine.client, f"app:{number}")
        proxy = recording_proxy(fresh_engine)
        run_module("image_usage_info", {"docker_host": proxy.docker_host, **options})
        assert not proxy.writes
        counts.append(len(proxy.requests))
    assert counts == [requests] * 3


def test_inspections_go_several_at_a_time(fresh_engine, recording_proxy):
    client = fresh_engine.client
    for number in range(16):
        state.import_image(client, f"app:{number}")
    proxy = recording_proxy(fresh_engine)
    lock, under_way, most = threading.Lock(), [], []

    def linger():
        with lock:
            under_way.append(1)
            most.append(len(under_way))
        time.sleep(0.2)
        with lock:
            under_way.pop()

    proxy.before("GET", "/images/sha256.*/json", linger, times=None)
    assert len(run_module("image_usage_info", {"docker_host": proxy.docker_host})["images"]) == 16
    assert len(most) == 16
    assert max(most) >= 4


def test_several_at_a_time(fresh_engine):
    fill(fresh_engine)
    results = []
    lock = threading.Lock()

    def ask():
        answer = fresh_engine.connect().df()
        with lock:
            results.append(answer)

    threads = [threading.Thread(target=ask) for _number in range(3)]
    for thread in threads:
        thread.start()
    result = usage(fresh_engine)
    for thread in threads:
        thread.join()
    assert result["totals"] is not None


def test_a_disk_usage_that_the_engine_does_not_tell(fresh_engine, recording_proxy):
    state.import_image(fresh_engine.client, "app:1")
    proxy = recording_proxy(fresh_engine)
    proxy.answer("GET", "/system/df", 500, {"message": "stat /var/lib/docker/overlay2: input/output error"})
    result = run_module("image_usage_info", {"docker_host": proxy.docker_host})
    assert result["failed"] is False
    assert result["totals"] is None
    assert [image["references"] for image in result["images"]] == [["app:1"]]
    assert result["notices"] == ["the Engine did not report its disk usage: there are no totals, and no shared sizes"]


DEVICEMAPPER = [
    ["Pool Name", "docker-8:1-1234-pool"],
    ["Data file", "/dev/loop0"],
    ["Metadata file", "/dev/loop1"],
    ["Data loop file", "/var/lib/docker/devicemapper/devicemapper/data"],
    ["Metadata loop file", "/var/lib/docker/devicemapper/devicemapper/metadata"],
    ["Data Space Used", "11.8GB"],
    ["Data Space Total", "107.4GB"],
]


def test_devicemapper_on_a_loop_file_is_told(fresh_engine, recording_proxy):
    proxy = recording_proxy(fresh_engine)
    info = {**fresh_engine.client.info(), "Driver": "devicemapper", "DriverStatus": DEVICEMAPPER}
    proxy.answer("GET", "/info", 200, info)
    result = run_module("image_usage_info", {"docker_host": proxy.docker_host})
    (notice,) = result["notices"]
    assert "in the loop file /var/lib/docker/devicemapper/devicemapper/data" in notice
    assert "not to the host's file system" in notice
    assert any(notice in str(warning) for warning in result["warnings"])


def test_only_what_is_in_use(fresh_engine, recording_proxy):
    client = fresh_engine.client
    _base, child = fill(fresh_engine)
    lost = state.import_image(client, "lost:1")
    state.container(client, "lost:1", "exited", name="orphan")
    client.remove_image("lost:1", force=True)
    proxy = recording_proxy(fresh_engine)
    result = run_module("image_usage_info", {"docker_host": proxy.docker_host, "in_use": True})
    found = {image["id"]: image for image in result["images"]}
    used = {row["ImageID"] for row in client.containers(all=True)}
    assert set(found) == used == {child, lost}
    assert found[child]["references"] == ["child:1"]
    assert [row["name"] for row in found[lost]["containers"]] == ["orphan"]
    assert result["totals"] is None
    assert result["summary"].startswith("2 images in use, 5 containers")
    # The version, the information, and two lists.
    assert len(proxy.requests) == 4


@pytest.fixture
def swarm(fresh_engine):
    """The Engine as the only manager of a Swarm, on a loopback address."""
    client = fresh_engine.client
    client.init_swarm(advertise_addr="127.0.0.2:2377", listen_addr="127.0.0.2:2377")
    yield client
    client.leave_swarm(force=True)


def test_what_services_run_and_may_go_back_to(fresh_engine, swarm):
    for tag in ("app:1", "app:2"):
        state.import_image(swarm, tag)
    for name, mode in (("idle", {"Replicated": {"Replicas": 0}}), ("one", {"Global": {}})):
        made = swarm.create_service({"ContainerSpec": {"Image": "app:1"}}, name=name, mode=mode)["ID"]
    version = swarm.inspect_service(made)["Version"]["Index"]
    spec = {"ContainerSpec": {"Image": "app:2"}}
    swarm.update_service(made, version, task_template=spec, name="one", mode={"Global": {}})
    services = [
        {key: row[key] for key in ("name", "mode", "replicas", "image", "previous_image")}
        for row in usage(fresh_engine, in_use=True, services=True)["services"]
    ]
    assert services == [
        {"name": "idle", "mode": "replicated", "replicas": 0, "image": "app:1", "previous_image": None},
        {"name": "one", "mode": "global", "replicas": None, "image": "app:2", "previous_image": "app:1"},
    ]


def test_an_engine_without_a_swarm_says_so(fresh_engine):
    result = usage(fresh_engine, services=True)
    assert result["services"] == []
    assert "services: the Engine is not a manager of a Swarm, so that it knows of no services" in result["notices"]

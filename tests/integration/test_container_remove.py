# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(container_remove) on real Engines: check mode, the run, and both again; what is left is read from the Engine's API."""

from __future__ import annotations

import json
import time

import pytest
from docker.errors import NotFound

from tests.integration.module_run import run_module
from tests.lab import state
from tests.lab.fixtures import on_one_of_each_store

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.lab.fixtures"]

ALL = ["created", "running", "paused", "restarting", "exited", "dead"]
COMPARED = (
    "failed",
    "changed",
    "removed",
    "stopped",
    "absent",
    "conflicts",
    "containers",
    "space_reclaimed",
    "space_exact",
    "diff",
    "summary",
)
#: Ends with code 3 when it is asked to.
OBEDIENT = ("/bin/busybox", "sh", "-c", "trap 'exit 3' TERM; while :; do /bin/busybox sleep 0.05; done")
#: Does not end when it is asked to.
STUBBORN = ("/bin/busybox", "sh", "-c", "trap '' TERM; while :; do /bin/busybox sleep 0.05; done")


@pytest.fixture
def task(fresh_engine, recording_proxy):
    """Runs a task four times and returns its result: check mode is the run, sends nothing but reads, and is idempotent."""

    def run(**options):
        proxy = recording_proxy(fresh_engine)
        arguments = {"docker_host": proxy.docker_host, **options}
        predicted = run_module("container_remove", arguments, check=True)
        assert not proxy.writes
        real = run_module("container_remove", arguments)
        assert {key: predicted[key] for key in COMPARED} == {key: real[key] for key in COMPARED}
        assert [_untimed(row) for row in predicted["committed"]] == [_untimed(row) for row in real["committed"]]
        for check in (True, False):
            again = run_module("container_remove", arguments, check=check)
            assert (again["changed"], again["removed"], again["failed"]) == (False, [], False)
        return real

    return run


def _untimed(committed):
    """Without what a second run later changes, and without the ID that only the Engine knows."""
    return {**committed, "reference": committed["reference"].rpartition(":")[0], "image_id": None, "created": None}


def names(engine):
    return sorted(container["Names"][0].lstrip("/") for container in engine.client.containers(all=True))


def one_of_each(client, image):
    """A container in every state that can be made at will, named after it."""
    return {kind: state.container(client, image, kind, name=kind) for kind in ALL if kind != "dead"}


def test_states_decide(task, fresh_engine):
    one_of_each(fresh_engine.client, state.import_image(fresh_engine.client, "app:1"))
    result = task(patterns=["*"])
    assert result["removed"] == ["created", "exited"]
    assert result["stopped"] == []
    assert names(fresh_engine) == ["paused", "restarting", "running"]
    kept = {row["name"]: row["reason"] for row in result["containers"] if row["action"] == "kept"}
    assert kept["paused"] == "it is paused, which states does not include"


def test_every_state_goes_when_asked(task, fresh_engine):
    one_of_each(fresh_engine.client, state.import_image(fresh_engine.client, "app:1"))
    result = task(states=ALL, stop_timeout=1)
    assert result["removed"] == ["created", "exited", "paused", "restarting", "running"]
    assert result["stopped"] == ["paused", "restarting", "running"]
    assert names(fresh_engine) == []


def test_a_dead_container_goes(task, fresh_engine):
    client = fresh_engine.client
    state.dead_container(client, fresh_engine.host, state.import_image(client, "app:1"), name="dead")
    fresh_engine.host.release_dead_containers()
    assert task(names=["dead"])["removed"] == ["dead"]
    assert names(fresh_engine) == []


def test_a_container_that_cannot_be_removed_fails_the_task(fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    state.dead_container(client, fresh_engine.host, image, name="dead")
    state.container(client, image, name="fine")
    result = run_module("container_remove", {"docker_host": fresh_engine.docker_host, "states": ALL})
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["removed"] == ["fine"]
    assert result["msg"].startswith("1 container could not be removed: dead: ")
    assert names(fresh_engine) == ["dead"]


TIMES = [
    # situation, state, command, options, least and most seconds
    ("obeys its signal", "running", OBEDIENT, {}, 0, 5),
    ("obeys its signal when paused", "paused", OBEDIENT, {}, 0, 5),
    ("is given two seconds", "running", STUBBORN, {"stop_timeout": 2}, 2, 6),
    ("is given no time", "running", STUBBORN, {"stop_timeout": 0}, 0, 2),
    ("is killed", "running", STUBBORN, {"kill": True}, 0, 2),
    ("is killed when paused", "paused", STUBBORN, {"kill": True}, 0, 2),
    ("has three seconds of its own", "running", STUBBORN, {}, 3, 8),
]


@pytest.mark.parametrize(
    ("kind", "command", "options", "least", "most"), [row[1:] for row in TIMES], ids=[row[0] for row in TIMES]
)
def test_the_time_to_stop(kind, command, options, least, most, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    state.container(client, image, kind, name="one", command=command, stop_timeout=3)
    arguments = {"docker_host": fresh_engine.docker_host, "names": ["one"], "states": ALL, **options}
    began = time.monotonic()
    result = run_module("container_remove", arguments)
    assert least <= time.monotonic() - began < most
    assert result["removed"] == ["one"]
    assert result["stopped"] == ([] if options.get("kill") else ["one"])
    assert names(fresh_engine) == []


@pytest.fixture
def patient_engine(fresh_engine):
    """An Engine whose daemon gives three seconds to each container that has no time of its own: from Docker 29.7 on."""
    host, configuration = fresh_engine.host, "/etc/docker/daemon.json"
    if "--default-stop-timeout" not in host.run("dockerd", "--help"):
        pytest.skip("default-stop-timeout came with Engine 29.7")
    options = {**json.loads(host.run("cat", configuration)), "default-stop-timeout": 3}
    host.run("cp", configuration, f"{configuration}.lab")
    host.run("sh", "-c", f"echo '{json.dumps(options)}' >{configuration}")
    try:
        fresh_engine.restart()
        yield fresh_engine
    finally:
        host.run("mv", f"{configuration}.lab", configuration)
        fresh_engine.restart()


def test_the_time_to_stop_that_the_daemon_gives(patient_engine):
    client = patient_engine.client
    image = state.import_image(client, "app:1")
    state.container(client, image, "running", name="one", command=STUBBORN)
    assert client.inspect_container("one")["Config"].get("StopTimeout") is None
    began = time.monotonic()
    result = run_module(
        "container_remove", {"docker_host": patient_engine.docker_host, "names": ["one"], "states": ALL}
    )
    assert 3 <= time.monotonic() - began < 8
    assert (result["stopped"], result["removed"]) == (["one"], ["one"])
    assert names(patient_engine) == []


def test_images_mean_descendants_as_the_engine_finds_them(fresh_engine):
    client = fresh_engine.client
    base = state.import_image(client, "base:1")
    child = state.derive(client, base, "child:1")
    built = state.build(client, "FROM child:1\nLABEL a=b\nLABEL c=d\n", "built:1")
    other = state.import_image(client, "other:1")
    for image, name in ((base, "on-base"), (child, "on-child"), (built, "on-built"), (other, "on-other")):
        state.container(client, image, name=name)
    for image in ("base:1", base, child[7:19], "child:1", "built:1", "bui*:*", "other:1"):
        arguments = {"docker_host": fresh_engine.docker_host, "images": [image]}
        asked = {"ancestor": ["built:1" if "*" in image else image]}
        found = client.containers(all=True, filters=asked)
        predicted = run_module("container_remove", arguments, check=True)["removed"]
        assert predicted == sorted(row["Names"][0].lstrip("/") for row in found), image


def test_an_image_is_known_by_its_id_when_its_name_has_moved(task, fresh_engine):
    client = fresh_engine.client
    old = state.import_image(client, "app:1")
    state.container(client, "app:1", name="old")
    state.import_image(client, "app:1")
    state.container(client, "app:1", name="new")
    assert task(images=[old])["removed"] == ["old"]
    assert names(fresh_engine) == ["new"]


def test_an_image_that_was_removed_by_force(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    state.container(client, image, name="left")
    client.remove_image("app:1", force=True)
    assert task(images=[image])["removed"] == ["left"]


def test_age_counts_from_the_finish(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    state.container(client, image, "exited", name="early")
    state.container(client, image, "created", name="never")
    state.container(client, image, "running", name="late", command=OBEDIENT)
    time.sleep(4)
    client.stop("late")
    result = task(older_than="3s")
    assert result["removed"] == ["early", "never"]
    assert {row["name"]: row["reason"] for row in result["containers"]}.get("late", "").startswith("it finished")
    assert names(fresh_engine) == ["late"]


def test_labels_and_orchestrators(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1", labels={"team": "one"})
    state.container(client, image, name="plain", labels={"stage": "test"})
    state.container(client, image, name="task", labels={"stage": "test", "com.docker.swarm.task.id": "x"})
    state.container(client, image, name="pod", labels={"stage": "test", "io.kubernetes.pod.name": "x"})
    result = task(labels=["stage=test", "team=one"])
    assert result["removed"] == ["plain"]
    assert [row["name"] for row in result["containers"] if "orchestrated" in row["reason"]] == ["pod", "task"]
    assert task(labels=["stage=test"], orchestrated=True)["removed"] == ["pod", "task"]


VOLUMES = [
    # situation, options, whether the anonymous volume goes
    ("by default they stay", {}, False),
    ("they go when asked", {"volumes": True}, True),
]


@pytest.mark.parametrize(("options", "gone"), [row[1:] for row in VOLUMES], ids=[row[0] for row in VOLUMES])
def test_anonymous_volumes(options, gone, task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    state.container(client, image, name="one", anonymous_volumes=["/data"], named_volumes={"kept": "/kept"})
    task(names=["one"], **options)
    left = [volume["Name"] for volume in client.volumes()["Volumes"] or []]
    assert "kept" in left
    assert len(left) == (1 if gone else 2)


def test_commit(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    made = state.container(client, image, "running", name="Web_1", command=OBEDIENT)
    script = client.exec_create(made, ["/bin/busybox", "touch", "/changed"])["Id"]
    client.exec_start(script)
    result = task(names=["Web_1"], states=["running"], commit_to="attic")
    (committed,) = result["committed"]
    assert committed["reference"].startswith("attic/web_1:2")
    assert client.inspect_image(committed["reference"])["Id"] == committed["image_id"]
    again = state.container(client, committed["reference"], name="again")
    content = client.get_archive(again, "/changed")[0]
    assert b"".join(content)


def test_commits_without_a_process(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    for kind in ("created", "exited"):
        state.container(client, image, kind, name=kind)
    assert [row["container"] for row in task(patterns=["*"], commit_to="attic")["committed"]] == ["created", "exited"]
    references = {tag.rpartition(":")[0] for row in client.images() for tag in row["RepoTags"] or []}
    assert {"attic/created", "attic/exited"} <= references


def test_auto_removed_containers_are_no_error(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    for number in range(5):
        state.container(client, image, "running", name=f"auto-{number}", auto_remove=True, command=OBEDIENT)
    result = task(patterns=["auto-*"], states=["running"])
    assert result["removed"] == [f"auto-{number}" for number in range(5)]
    assert names(fresh_engine) == []


RACES = [
    # situation, state, what happens right before the run touches it, action, part of the reason, what is left
    ("it is started", "exited", lambda client, one: client.start(one), "skipped", "exited, and is running", ["one"]),
    ("it is renamed", "exited", lambda client, one: client.rename(one, "new"), "skipped", "renamed to new", ["new"]),
    ("it vanishes", "exited", lambda client, one: client.remove_container(one), "skipped", "already removed", []),
    ("it exits", "running", lambda client, one: client.stop(one, 0), "removed", "", []),
    ("it is paused", "running", lambda client, one: client.pause(one), "skipped", "running, and is paused", ["one"]),
]


@pytest.mark.parametrize(
    ("kind", "happens", "action", "reason", "left"), [row[1:] for row in RACES], ids=[row[0] for row in RACES]
)
def test_what_changes_after_planning(kind, happens, action, reason, left, fresh_engine, recording_proxy):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    command = state.SLEEP if kind == "running" else _second_time_longer()
    one = state.container(client, image, kind, name="one", command=command)
    proxy = recording_proxy(fresh_engine)
    proxy.before("GET", rf"/containers/{one}/json", lambda: happens(client, one))
    states = ["running"] if kind == "running" else ["exited"]
    result = run_module("container_remove", {"docker_host": proxy.docker_host, "names": ["one"], "states": states})
    (row,) = result["containers"]
    assert not result["failed"]
    assert row["action"] == action
    assert reason in row["reason"]
    assert names(fresh_engine) == left
    if action == "skipped":
        assert any("one was not removed" in str(warning) for warning in result["warnings"])


def _second_time_longer():
    """Ends at once when it runs for the first time, and runs on the second time."""
    return ("/bin/busybox", "sh", "-c", "[ -e /ran ] && exec /bin/busybox sleep 3600; : > /ran")


def test_a_container_that_is_started_between_inspection_and_removal(fresh_engine, recording_proxy):
    client = fresh_engine.client
    one = state.container(
        client, state.import_image(client, "app:1"), "exited", name="one", command=_second_time_longer()
    )
    proxy = recording_proxy(fresh_engine)
    proxy.before("DELETE", rf"/containers/{one}", lambda: client.start(one))
    result = run_module("container_remove", {"docker_host": proxy.docker_host, "names": ["one"]})
    assert (result["failed"], result["removed"]) == (False, [])
    assert "it was started after planning" in result["containers"][0]["reason"]
    assert client.inspect_container(one)["State"]["Running"]


def test_a_removal_that_somebody_else_began_is_waited_for(fresh_engine, recording_proxy):
    client = fresh_engine.client
    one = state.container(client, state.import_image(client, "app:1"), "exited", name="one")
    proxy = recording_proxy(fresh_engine)
    proxy.answer(
        "DELETE", rf"/containers/{one}", 409, {"message": f"removal of container {one} is already in progress"}
    )
    looks = iter(range(3))
    # The first look is the one right before the removal.
    proxy.before("GET", rf"/containers/{one}/json", lambda: next(looks) == 2 and client.remove_container(one), times=3)
    result = run_module("container_remove", {"docker_host": proxy.docker_host, "names": ["one"]})
    assert (result["failed"], result["removed"]) == (False, ["one"])
    with pytest.raises(NotFound):
        client.inspect_container(one)


def test_an_ambiguous_id_is_refused_before_anything_is_removed(fresh_engine, recording_proxy):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    one = state.container(client, image, name="one")
    proxy = recording_proxy(fresh_engine)
    listed = client.containers(all=True)
    proxy.answer("GET", "/containers/json", 200, [*listed, {**listed[0], "Id": one[:32] + "0" * 32, "Names": ["/two"]}])
    result = run_module("container_remove", {"docker_host": proxy.docker_host, "names": [one[:12]]})
    assert result["failed"] is True
    assert f"names: '{one[:12]}' is an ambiguous container ID: it can be one" in result["msg"]
    assert not proxy.writes


def lost(answer):
    return b""


def broken(answer):
    return b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n{"Id":'


def half(answer):
    return answer[: len(answer) // 2]


def late(answer):
    time.sleep(3)
    return answer


SPOILT = [
    # situation, method, path, what becomes of the answer
    ("a lost answer to a removal", "DELETE", "/containers/", lost),
    ("a broken answer to a removal", "DELETE", "/containers/", broken),
    ("half an answer to a removal", "DELETE", "/containers/", half),
    ("a late answer to a removal", "DELETE", "/containers/", late),
    ("a lost answer to a stop", "POST", "/stop", lost),
    ("half an answer to a stop", "POST", "/stop", half),
    ("a late answer to a stop", "POST", "/stop", late),
    ("a lost answer to a commit", "POST", "/commit", lost),
    ("a broken answer to a commit", "POST", "/commit", broken),
    ("a lost answer to an inspection", "GET", "/containers/[0-9a-f]{64}/json", lost),
    ("a broken answer to an inspection", "GET", "/containers/[0-9a-f]{64}/json", broken),
]


@pytest.mark.parametrize(("method", "path", "spoilt"), [row[1:] for row in SPOILT], ids=[row[0] for row in SPOILT])
@on_one_of_each_store
def test_what_is_so_is_reported_and_the_rest_goes_on(method, path, spoilt, fresh_engine, recording_proxy):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    for name in ("one", "two", "three"):
        state.container(client, image, "running", name=name, command=OBEDIENT)
    proxy = recording_proxy(fresh_engine)
    proxy.spoil(method, path, spoilt)
    # One second is less than what a late answer takes.
    arguments = {"docker_host": proxy.docker_host, "patterns": ["*"], "states": ["any"], "timeout": 1}
    result = run_module("container_remove", {**arguments, "commit_to": "attic"})
    assert result["failed"] is False, result
    assert result["removed"] == result["stopped"] == ["one", "three", "two"]
    assert names(fresh_engine) == []
    made = {row["image_id"] for row in result["committed"]}
    assert made == {row["Id"] for row in client.images() if "app:1" not in row["RepoTags"]}
    assert len(made) == 3


REFUSALS = [
    # situation, method, path, status, message, part of the reason
    ("not found, but listed", "DELETE", "/containers/", 404, "No such container: one", "still lists it"),
    ("an error", "DELETE", "/containers/", 500, "device or resource busy", "device or resource busy"),
    ("a conflict", "DELETE", "/containers/", 409, "in a bad mood", "in a bad mood"),
    ("a stop that fails", "POST", "/stop", 500, "cannot kill", "could not be stopped"),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "message", "reason"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
@on_one_of_each_store
def test_one_that_cannot_be_removed_does_not_stop_the_rest(
    method, path, status, message, reason, fresh_engine, recording_proxy
):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    one = state.container(client, image, "running", name="one", command=OBEDIENT)
    for name in ("two", "three"):
        state.container(client, image, "running", name=name, command=OBEDIENT)
    proxy = recording_proxy(fresh_engine)
    proxy.answer(method, f"/containers/{one}{'/stop' if path == '/stop' else ''}", status, message)
    arguments = {"docker_host": proxy.docker_host, "patterns": ["*"], "states": ["any"]}
    result = run_module("container_remove", arguments)
    assert result["failed"] is True
    assert result["msg"].startswith("1 container could not be removed: one: ")
    assert reason in result["msg"]
    assert result["removed"] == ["three", "two"]
    assert names(fresh_engine) == ["one"]


def test_an_engine_that_is_away_for_some_seconds_is_waited_for(fresh_engine, recording_proxy):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    for name in ("one", "two"):
        state.container(client, image, "exited", name=name)
    proxy = recording_proxy(fresh_engine)
    # From the first removal on, and for a number of further requests.
    proxy.before("DELETE", "/containers/", lambda: proxy.cut("*", "/", times=20))
    result = run_module("container_remove", {"docker_host": proxy.docker_host, "states": ["exited"]})
    assert (result["failed"], result["removed"]) == (False, ["one", "two"])
    assert names(fresh_engine) == []


RESTARTED_AT = [
    # situation, method, path
    ("before a removal", "DELETE", "/containers/"),
    ("before a stop", "POST", "/stop"),
    ("before a commit", "POST", "/commit"),
]


@pytest.mark.parametrize(("method", "path"), [row[1:] for row in RESTARTED_AT], ids=[row[0] for row in RESTARTED_AT])
def test_an_engine_that_is_restarted_during_the_run(method, path, fresh_engine, recording_proxy):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    for name, kind in (("one", "exited"), ("two", "running"), ("three", "running")):
        state.container(client, image, kind, name=name, command=OBEDIENT if kind == "running" else state.TRUE)
    proxy = recording_proxy(fresh_engine)
    proxy.before(method, path, fresh_engine.restart)
    arguments = {"docker_host": proxy.docker_host, "states": ["any"], "commit_to": "attic"}
    result = run_module("container_remove", arguments)
    left = {row["Names"][0].lstrip("/") for row in fresh_engine.connect().containers(all=True)}
    assert left == {"one", "two", "three"} - set(result["removed"])
    # What the Engine stored but had not yet named when it went down has no name to be looked up by: it is left dangling.
    made = {row["Id"] for row in fresh_engine.connect().images() if str(row["RepoTags"]).startswith("['attic/")}
    assert made == {row["image_id"] for row in result["committed"]}
    # A commit that was cut off is not tried again; then its container stays, and the task says so.
    assert result["failed"] is bool(left)
    run_module("container_remove", arguments)
    assert not fresh_engine.connect().containers(all=True)


def test_a_container_without_its_read_write_layer(fresh_engine, tmp_path):
    if fresh_engine.store == "containerd":
        pytest.skip("the containerd store has no such layers")
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    gone = state.container(client, image, "exited", name="gone")
    state.container(client, image, "exited", name="fine")
    fresh_engine.stop()
    layers = f"{fresh_engine.host.data_root}/image/*/layerdb/mounts"
    fresh_engine.host.run("sh", "-c", f"rm -rf {layers}/{gone}")
    fresh_engine.start()
    if names(fresh_engine) == ["fine"]:
        pytest.skip("such a container is listed since Engine 29.4")
    arguments = {"docker_host": fresh_engine.docker_host, "states": ["exited"]}
    time.sleep(1.1)
    kept = run_module("container_remove", {**arguments, "names": ["gone"], "older_than": "0s"})
    assert (kept["failed"], kept["removed"]) == (False, [])
    assert kept["containers"][0]["reason"].startswith("when it finished is not known")
    policy = {
        "docker_host": fresh_engine.docker_host,
        "usage_file": str(tmp_path / "usage.json"),
        "remove": {"dangling": True},
    }
    assert not run_module("image_prune_policy", policy)["failed"]
    predicted = run_module("container_remove", arguments, check=True)
    result = run_module("container_remove", arguments)
    assert result["removed"] == predicted["removed"] == ["fine", "gone"]
    assert not fresh_engine.client.containers(all=True)


def test_a_container_that_cannot_be_inspected(fresh_engine, recording_proxy):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    one = state.container(client, image, "exited", name="one")
    proxy = recording_proxy(fresh_engine)
    proxy.answer("GET", f"/containers/{one}/json", 500, f"RWLayer of container {one} is unexpectedly nil")
    arguments = {"docker_host": proxy.docker_host, "states": ["exited"]}
    # The listing cuts fractions of a second off, so that one of the same second counts as younger.
    time.sleep(1.1)
    kept = run_module("container_remove", {**arguments, "older_than": "0s"})
    assert (kept["failed"], kept["removed"]) == (False, [])
    assert kept["containers"][0]["reason"].startswith("when it finished is not known")
    assert run_module("container_remove", arguments)["removed"] == ["one"]
    assert names(fresh_engine) == []


def test_what_is_named_and_runs_is_a_conflict(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    state.container(client, image, "running", name="web", command=OBEDIENT)
    state.container(client, image, "exited", name="worker")
    arguments = {"docker_host": fresh_engine.docker_host, "names": ["web", "worker"]}
    predicted, refused = (run_module("container_remove", arguments, check=check) for check in (True, False))
    assert predicted == refused
    assert (refused["failed"], refused["changed"], refused["removed"]) == (True, False, [])
    assert "set states: [any] or add running to states" in refused["msg"]
    assert names(fresh_engine) == ["web", "worker"]
    skipped = task(names=["web", "worker"], on_conflict="skip")
    assert skipped["removed"] == ["worker"]
    assert [conflict["target"] for conflict in skipped["conflicts"]] == ["web"]
    assert task(names=["web", "worker"], states=["any"])["removed"] == ["web"]


def test_short_ids_are_resolved_as_the_engine_does(fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    made = [state.container(client, image, name=f"c-{number}") for number in range(17)]
    digits = next(one[0] for one in made if sum(other[0] == one[0] for other in made) > 1)
    arguments = {"docker_host": fresh_engine.docker_host}
    ambiguous = run_module("container_remove", {**arguments, "names": [digits]})
    assert ambiguous["failed"] is True
    assert f"names: {digits!r} is an ambiguous container ID: it can be " in ambiguous["msg"]
    one = made[0]
    shortest = next(one[:n] for n in range(1, 65) if sum(other.startswith(one[:n]) for other in made) == 1)
    assert client.inspect_container(shortest)["Id"] == one
    result = run_module("container_remove", {**arguments, "names": [shortest]})
    assert result["removed"] == ["c-0"]
    assert any("is not the name of a container here" in str(warning) for warning in result["warnings"])


def test_labels_that_protect(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1", labels={"team": "one"})
    state.container(client, image, name="plain")
    state.container(client, image, name="kept", labels={"keep": ""})
    state.container(client, image, name="nomad", labels={"com.hashicorp.nomad.alloc_id": "x"})
    state.container(client, image, name="ecs", labels={"com.amazonaws.ecs.task-arn": "x"})
    result = task(states=["created"], exclude_labels=["keep"])
    assert result["removed"] == ["plain"]
    assert {row["name"]: row["rule"] for row in result["containers"]} == {
        "plain": "states: created",
        "kept": "exclude_labels: keep",
        "nomad": "orchestrated",
        "ecs": "orchestrated",
    }
    assert task(all_labels=["team=one", "keep"])["removed"] == ["kept"]


def test_stubborn_containers_are_stopped_side_by_side(fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    for number in range(6):
        state.container(client, image, "running", name=f"c-{number}", command=STUBBORN)
    arguments = {"docker_host": fresh_engine.docker_host, "states": ["any"], "stop_timeout": 3}
    began = time.monotonic()
    result = run_module("container_remove", arguments)
    # One after the other, they would take 18 seconds.
    assert 3 <= time.monotonic() - began < 12
    assert len(result["stopped"]) == len(result["removed"]) == 6
    assert names(fresh_engine) == []


SIGNALS = [
    # situation, command, stop timeout, least and most seconds
    ("it ends at this signal", ("/bin/busybox", "sh", "-c", "trap exit INT; while :; do sleep 0.05; done"), 30, 0, 10),
    ("it does not end", ("/bin/busybox", "sh", "-c", "trap : INT TERM; while :; do sleep 0.05; done"), 2, 2, 12),
]


@pytest.mark.parametrize(
    ("command", "timeout", "least", "most"), [row[1:] for row in SIGNALS], ids=[row[0] for row in SIGNALS]
)
def test_a_signal_of_ones_own(command, timeout, least, most, fresh_engine, recording_proxy):
    client = fresh_engine.client
    one = state.container(client, state.import_image(client, "app:1"), "running", name="one", command=command)
    proxy = recording_proxy(fresh_engine)
    arguments = {"docker_host": proxy.docker_host, "names": ["one"], "states": ["any"], "kill": True}
    began = time.monotonic()
    result = run_module("container_remove", {**arguments, "kill_signal": "SIGINT", "stop_timeout": timeout})
    assert least <= time.monotonic() - began < most
    assert (result["removed"], result["stopped"]) == (["one"], [])
    assert next(path.partition("/containers/")[2] for _method, path in proxy.writes) == f"{one}/kill?signal=SIGINT"


def test_the_bytes_of_removed_containers(task, fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    write = ("/bin/busybox", "sh", "-c", "/bin/busybox head -c 300000 /dev/urandom > /data")
    one = state.container(client, image, "exited", name="one", command=write)
    measured = next(row["SizeRw"] for row in client.containers(all=True, size=True) if row["Id"] == one)
    result = task(names=["one"], sizes=True)
    assert (result["space_reclaimed"], result["space_exact"]) == (measured, True)
    assert measured >= 300000
    assert "kB reclaimed" in result["summary"]


def test_a_listing_with_sizes_that_fails_falls_back(fresh_engine, recording_proxy):
    client = fresh_engine.client
    state.container(client, state.import_image(client, "app:1"), name="one")
    proxy = recording_proxy(fresh_engine)
    proxy.answer("GET", "/containers/json.*size=1", 500, "cannot measure")
    result = run_module("container_remove", {"docker_host": proxy.docker_host, "names": ["one"], "sizes": True})
    assert (result["removed"], result["space_exact"]) == (["one"], False)
    assert any("does not report the size of 1 container" in str(warning) for warning in result["warnings"])


CALLS = [
    # situation, options, requests that a plan takes
    ("by name", {"names": ["c-1"]}, 3),
    ("by state", {"states": ["created"]}, 3),
    ("by image", {"images": ["app:1"]}, 4),
    ("by age, created", {"older_than": "0s"}, 3),
]


@pytest.mark.parametrize(("options", "requests"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_plan_takes_a_constant_number_of_requests(options, requests, fresh_engine, recording_proxy):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    counts = []
    for number in (1, 2, 3):
        state.container(client, image, name=f"c-{number}")
        proxy = recording_proxy(fresh_engine)
        run_module("container_remove", {"docker_host": proxy.docker_host, **options}, check=True)
        counts.append(len(proxy.requests))
    assert counts == [requests] * 3


def test_after_in_check_mode(fresh_engine):
    client = fresh_engine.client
    image = state.import_image(client, "app:1")
    one = state.container(client, image, name="one")
    earlier = [{"containers": [{"id": one, "action": "removed"}]}]
    arguments = {"docker_host": fresh_engine.docker_host, "states": ["created"], "after": earlier}
    assert run_module("container_remove", arguments, check=True)["removed"] == []
    assert run_module("container_remove", arguments)["removed"] == ["one"]

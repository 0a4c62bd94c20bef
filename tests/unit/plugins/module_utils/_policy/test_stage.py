# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import BuildCache
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.options import OPTIONS
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.saved import SavedSnapshot
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.stage import Stage
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import Sighting, UsageRecord

from ..builders import CREATED, container, image, image_id, snapshot

DAY = 86400
ALL = {"all_unused": True}
SAVED = SavedSnapshot(
    CREATED + 10.0 * DAY,
    snapshot(
        image("a1", "app:1", size=10, shared_size=0),
        image("b1", "tool:1", size=20, shared_size=0, created=CREATED + DAY),
        image("c1", "web:1", size=30, shared_size=0, labels={"keep": "yes"}),
        container("web", of="c1", state="running", image="web:1"),
        build_cache=BuildCache(),
    ),
    tagged={image_id("a1"): CREATED + 9.0 * DAY},
    images_size=60,
    file_system=FileSystem("/data", 100, 90, 10, 10, 1, 9),
    record=UsageRecord({image_id("a1"): Sighting(CREATED + 1.0), image_id("b1"): Sighting(CREATED + 8.0 * DAY)}),
    notice="the usage record is new",
)


def stage(saved=SAVED, **options):
    given = {"snapshot": saved if isinstance(saved, str) else saved.document(), "docker_host": "", **options}
    checked = ArgumentSpecValidator({**OPTIONS, "docker_host": {"type": "str"}}).validate(given)
    assert not checked.error_messages
    return Stage.parse(checked.validated_parameters)


def planned(saved=SAVED, earlier=(), **options):
    found = stage(saved, **options)
    return found.plan_on(found.saved, True, earlier)


PLANS = [
    # situation, options, deleted
    ("all that no container uses", {"remove": ALL}, ["a1", "b1"]),
    ("younger by its creation", {"remove": ALL, "keep": {"younger_than": "9d1h"}}, ["a1"]),
    ("younger by its tagging", {"remove": ALL, "keep": {"younger_than": "2d", "age_by": "tagged"}}, ["b1"]),
    ("younger by its use", {"remove": ALL, "keep": {"younger_than": "3d", "age_by": "used"}}, []),
    (
        "younger, at another time",
        {"remove": ALL, "keep": {"younger_than": "9d1h"}, "snapshot_time": str(CREATED + 11 * DAY)},
        ["a1", "b1"],
    ),
    ("a total size", {"remove": ALL, "target": {"total_size": "45B", "order": "largest"}}, ["b1"]),
    ("a share of the file system", {"remove": ALL, "target": {"total_size": "55%"}}, ["a1"]),
    ("the file system", {"remove": ALL, "target": {"disk_free_below": "15B"}}, ["a1"]),
    ("its path", {"remove": ALL, "target": {"disk_free_below": "15B", "disk_path": "/data"}}, ["a1"]),
    ("a registry that nobody asks", {"remove": ALL, "keep": {"unrecoverable": "verify"}}, []),
]


@pytest.mark.parametrize(("options", "deleted"), [row[1:] for row in PLANS], ids=[row[0] for row in PLANS])
def test_a_plan_on_a_snapshot(options, deleted):
    result = planned(**options).result
    assert sorted(result["deleted"]) == [image_id(digits) for digits in deleted]
    assert result["snapshot"]["taken"] == "2023-11-24T22:13:20Z"


def test_the_results_of_earlier_tasks_count():
    removed = {"containers": [{"id": SAVED.snapshot.containers[0].id, "action": "removed"}]}
    assert image_id("c1") in planned(earlier=[removed], remove=ALL).result["deleted"]


def test_a_file_is_read_and_a_home_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "web.json").write_text(json.dumps(SAVED.document()))
    assert planned("~/web.json", remove=ALL) == planned(remove=ALL)


def test_what_is_not_known_of_a_snapshot_is_said():
    by_use = {"remove": ALL, "keep": {"younger_than": "3d", "age_by": "used"}}
    assert "the usage record is new" in planned(**by_use).warnings
    assert "the usage record is new" not in planned(remove=ALL).warnings
    (warning,) = planned(remove=ALL, keep={"unrecoverable": "verify"}).warnings
    assert warning.startswith("keep.unrecoverable: no registry is asked about a snapshot")


MISTAKES = [
    # situation, file, options, message
    (
        "a comparison",
        SAVED,
        {"remove": {"before": "app:1"}},
        "snapshot: remove.before cannot be planned on one, because only an Engine compares images",
    ),
    (
        "another file system",
        SAVED,
        {"remove": ALL, "target": {"disk_used_above": 5, "disk_path": "/other"}},
        "target.disk_path: /other was not measured: the snapshot has the file system of /data",
    ),
    (
        "a file system in doubt",
        dataclasses.replace(SAVED, file_system=SAVED.file_system._replace(doubt="nobody knows")),
        {"remove": ALL, "target": {"disk_used_above": 5}},
        "target.disk_path: it is needed, because /data may not be the file system of the Engine's data: nobody knows",
    ),
    ("no file", "missing.json", {"remove": ALL}, "snapshot: 'missing.json' cannot be read: No such file or directory"),
    ("no JSON", "half.json", {"remove": ALL}, "snapshot: 'half.json' cannot be used: it is damaged, and no JSON"),
    ("no text", "binary.json", {"remove": ALL}, "snapshot: 'binary.json' cannot be used: it is damaged, and no JSON"),
    ("too deep", "deep.json", {"remove": ALL}, "snapshot: 'deep.json' cannot be used: it is damaged, and no JSON"),
    (
        "another file",
        "other.json",
        {"remove": ALL},
        "snapshot: 'other.json' cannot be used: it is not a snapshot that this collection saved",
    ),
    (
        "a duration for a time",
        SAVED,
        {"remove": ALL, "snapshot_time": "7d"},
        "snapshot_time: '7d' is a duration, and a timestamp is needed",
    ),
]


@pytest.mark.parametrize(
    ("saved", "options", "message"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake(saved, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half.json").write_text('{"schema":')
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep.json").write_text("[" * 200000)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InvalidRequest) as raised:
        planned(saved, **options)
    assert str(raised.value) == message


def test_a_snapshot_cannot_be_cleaned_up():
    with pytest.raises(
        InvalidRequest, match=r"^snapshot: a snapshot can only be planned on: run the task in check mode"
    ):
        stage(remove=ALL).plan_on(SAVED, False, [])


def test_compose_files_are_read_when_the_stage_is_made_ready(tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {web: {image: 'app:$TAG'}}")
    params = {name: option.get("default") for name, option in OPTIONS.items()}
    keep = {"compose_files": [str(tmp_path / "compose.yaml")]}
    parsed = Stage.parse({**params, "remove": ALL, "keep": keep, "docker_host": ""})
    assert (parsed.policy.composed, parsed.notices) == ((), ())
    ready = parsed.ready()
    assert [mention.file for mention in ready.policy.composed] == [str(tmp_path / "compose.yaml")]
    assert len(ready.notices) == 1
    assert "the value of TAG is not known" in ready.notices[0]


def test_compose_files_cannot_be_planned_on_a_snapshot():
    with pytest.raises(InvalidRequest, match=r"^snapshot: keep\.compose_files cannot be planned on one"):
        planned(remove=ALL, keep={"compose_files": ["/srv/shop/compose.yaml"]})


def test_a_time_needs_a_snapshot():
    params = {name: option.get("default") for name, option in OPTIONS.items()}
    with pytest.raises(InvalidRequest, match=r"^snapshot_time: needs snapshot, and means nothing on an Engine$"):
        Stage.parse({**params, "remove": ALL, "docker_host": "", "snapshot_time": "2026-01-01"})

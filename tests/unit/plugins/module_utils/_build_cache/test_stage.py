# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache import stage as stage_file
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.stage import Stage
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import (
    CacheRecord,
    ImageStep,
    InspectedImage,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import Progress
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import LEAST_RECENTLY_USED

from ..builders import image, image_id, snapshot


class ListedCache:
    """An Engine with a shared record and one of its own. ``layers`` are those of its images, or what happens instead."""

    facts = EngineFacts()
    progress = Progress()

    def __init__(self, layers):
        self.layers = layers
        self.asked = []

    def build_cache(self):
        return (
            CacheRecord("shared", "regular", shared=True, created=-100.0),
            CacheRecord("own", "regular", created=-100.0),
        )

    def inspect_image(self, name):
        self.asked.append(name)
        found = self.layers[name]
        if isinstance(found, Exception):
            raise found
        return found and InspectedImage(name, layers=found)

    def image_history(self, name):
        return (ImageStep(),)


def run(earlier=(), images=("a1", "b2"), layers=None, **options):
    stage = Stage.parse({"remove": {"unused": True}, "docker_host": "tcp://elsewhere", "details": "all", **options})
    present = None if images is None else snapshot(*(image(digits, f"app:{digits}") for digits in images))
    found = {image_id(digits): ("one",) if digits == "a1" else ("two",) for digits in images or ()}
    return stage.run(ListedCache({**found, **(layers or {})}), present, 0, True, earlier)


def deleting(*digits):
    return {"deleted": [image_id(of) for of in digits], "space_reclaimed": 5}


def test_shared_records_stay():
    assert run().result["deleted"] == ["own"]
    assert run(images=None).result["deleted"] == ["own"]


def test_no_record_is_shared_any_more_when_all_images_are_removed_before():
    report = run([deleting("a1"), deleting("b2")])
    assert report.result["deleted"] == ["own", "shared"]
    assert report.warnings == []


UNCLEAR = [
    # situation, layers of the image that stays, whether it is known what it shares
    ("it has another layer", ("two",), False),
    ("it has the same layer", ("one",), True),
    ("the Engine does not show its layers", EngineError(500, "broken"), False),
    ("it was removed meanwhile", None, False),
]


@pytest.mark.parametrize(("layers", "is_known"), [row[1:] for row in UNCLEAR], ids=[row[0] for row in UNCLEAR])
def test_where_it_is_not_known_which_records_a_removed_image_shared_it_is_said(layers, is_known):
    report = run([deleting("a1")], layers={image_id("b2"): layers})
    assert report.result["deleted"] == ["own"]
    unclear = (
        "the Engine does not report which images share 1 of the build cache records: a real run may remove"
        " those of the images that are removed before"
    )
    assert report.warnings == ([] if is_known else [unclear])


def test_a_record_of_a_removed_image_alone_is_no_longer_shared(monkeypatch):
    verdicts = {"shared": False}
    monkeypatch.setattr(stage_file, "still_shared", lambda *_arguments: verdicts)
    report = run([deleting("a1")])
    assert (report.result["deleted"], report.warnings) == (["own", "shared"], [])


def test_bytes_that_earlier_stages_most_likely_free_count_for_the_disk(monkeypatch):
    monkeypatch.setattr(stage_file, "read_file_system", lambda *_a: FileSystem("/data", 1000, 900, 100, 100, 0, 100))
    earlier = [{"space_reclaimed": 5, "space_expected": 200}, {"space_reclaimed": None}]
    assert run(earlier, target={"disk_used_above": 50.0}).result["target"]["needed"] == 200


def test_a_file_system_is_measured_where_the_operator_names_it(tmp_path):
    found = run(target={"disk_used_above": 100.0, "disk_path": str(tmp_path)}).result["target"]
    assert found["disk"]["path"] == str(tmp_path)
    assert found["met"]
    assert not run(target={"disk_used_above": 100.0}).result["target"]["met"]


def test_what_shares_a_target_with_images_is_planned_on_what_the_earlier_stages_leave():
    stage = Stage.parse({"remove": {"unused": True}, "docker_host": "tcp://elsewhere", "details": "all"})
    present = snapshot(image("a1", "app:1"))
    engine = ListedCache({image_id("a1"): ("one",)})
    rivals, shared = stage.rivals(engine, present, 0, [], LEAST_RECENTLY_USED)
    assert (rivals.ranks, shared) == ((-100.0,), {"shared"})
    rivals, shared = stage.rivals(engine, present, 0, [deleting("a1")], LEAST_RECENTLY_USED)
    assert (rivals.ranks, shared) == ((-100.0, -100.0), set())


def test_bytes_that_an_image_no_longer_shares_are_not_free_yet(monkeypatch):
    monkeypatch.setattr(stage_file, "read_file_system", lambda *_a: FileSystem("/data", 1000, 900, 100, 100, 0, 100))
    monkeypatch.setattr(
        ListedCache,
        "build_cache",
        lambda _self: (CacheRecord("shared", "regular", size=30, shared=True, created=-100.0),),
    )
    earlier = [{"deleted": [image_id("a1"), image_id("b2")], "space_expected": 200}]
    found = run(earlier, target={"disk_used_above": 50.0}).result["target"]
    assert (found["needed"], found["disk"]["after"]["percent"]) == (230, 70.0)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.stage import Stage
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord

from ..builders import image, image_id, snapshot


class ListedCache:
    """An Engine with a shared record and one of its own, that is asked for nothing else."""

    facts = EngineFacts()

    def build_cache(self):
        return (CacheRecord("shared", "regular", shared=True), CacheRecord("own", "regular"))


def run(earlier=(), images=("a1", "b2"), **options):
    stage = Stage.parse({"remove": {"unused": True}, "docker_host": "tcp://elsewhere", "details": "all", **options})
    present = None if images is None else snapshot(*(image(digits, f"app:{digits}") for digits in images))
    return stage.run(ListedCache(), present, 0, True, earlier)


def deleting(*digits):
    return {"deleted": [image_id(of) for of in digits], "space_reclaimed": 5}


def test_shared_records_stay():
    assert run().result["deleted"] == ["own"]
    assert run(images=None).result["deleted"] == ["own"]


def test_no_record_is_shared_any_more_when_all_images_are_removed_before():
    report = run([deleting("a1"), deleting("b2")])
    assert report.result["deleted"] == ["own", "shared"]
    assert report.warnings == []


def test_which_records_a_removed_image_shared_is_not_known_and_said():
    report = run([deleting("a1")])
    assert report.result["deleted"] == ["own"]
    assert report.warnings == [
        "the Engine does not report which images share 1 of the build cache records: a real run may remove"
        " those of the images that are removed before"
    ]


def test_a_file_system_is_measured_where_the_operator_names_it(tmp_path):
    found = run(target={"disk_used_above": 100.0, "disk_path": str(tmp_path)}).result["target"]
    assert found["disk"]["path"] == str(tmp_path)
    assert found["met"]
    assert not run(target={"disk_used_above": 100.0}).result["target"]["met"]

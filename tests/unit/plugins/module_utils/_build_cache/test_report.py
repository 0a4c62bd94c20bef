# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.builds import Builds
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.execute import predict
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import (
    SKIPPED,
    UNUSED,
    Cache,
    Verdict,
    plan_prune,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rest

from ..builders import cases

#: 2027-01-15T08:00:00Z
NOW = 1_800_000_000.0
COPY = CacheRecord(
    "copy", "regular", "[2/2] COPY a\n/a", size=2_000_000, created=NOW - 9e5, last_used=NOW - 8e5, parents=("base",)
)
BASE = CacheRecord("base", "source.local", size=1_000_000, shared=True, created=NOW - 9e5)


def disk(percent):
    return FileSystem("/data", 10_000_000, percent * 100_000, (100 - percent) * 100_000, 100, 0, 100)


def outcome(*records, file_system=None, **options):
    request = Request.parse({"remove": {"all": True}, **options})
    return predict(plan_prune(Cache(records, file_system), request, NOW))


def told(found, details="changes"):
    result = report(found, EngineFacts(version="28.5.2"), NOW, details)
    return result, warnings(found, result)


def test_what_is_deleted_is_told_record_by_record():
    result, texts = told(outcome(BASE, COPY))
    assert texts == []
    assert (result["changed"], result["deleted"], result["engine"]["version"]) == (True, ["copy", "base"], "28.5.2")
    assert result["summary"] == "2 build cache records deleted, 2 MB reclaimed, 0 kept"
    assert (result["space_reclaimed"], result["space_exact"], result["space_expected"]) == (2_000_000, True, 2_000_000)
    assert result["records"][0] == {
        "id": "copy",
        "type": "regular",
        "description": "[2/2] COPY a\n/a",
        "size": 2_000_000,
        "shared": False,
        "in_use": False,
        "parents": ["base"],
        "created": "2027-01-04T22:00:00Z",
        "last_used": "2027-01-06T01:46:40Z",
        "usage_count": 0,
        "action": "deleted",
        "reason": "remove.all selects it",
        "rule": "remove.all",
    }
    assert result["diff"] == {
        "before_header": "build cache",
        "after_header": f"build cache: {result['summary']}",
        "before": (
            "build cache record copy (regular, 2 MB, last used 2027-01-06): [2/2] COPY a /a\n"
            "build cache record base (source.local, 1 MB shared with an image, never used)\n"
        ),
        "after": "",
    }


BUILDS = [
    # records that were used lately, the warning
    (0, []),
    (1, ["builds are running: 1 build cache record stays, because it was used in the last 10 minutes"]),
    (2, ["builds are running: 2 build cache records stay, because they were used in the last 10 minutes"]),
]


@pytest.mark.parametrize(("recent", "texts"), BUILDS)
def test_what_stays_for_the_builds_that_run_is_a_warning(recent, texts):
    records = tuple(CacheRecord(f"r{number}", "regular", last_used=NOW - 60) for number in range(recent))
    request = Request.parse({"remove": {"all": True}})
    assert told(predict(plan_prune(Cache((COPY, *records), builds=Builds(True)), request, NOW)))[1] == texts


def test_what_stays_is_listed_on_request():
    found = outcome(BASE, COPY, keep={"types": ["regular"]})
    assert told(found)[0]["records"] == []
    assert [row["id"] for row in told(found, "all")[0]["records"]] == ["base", "copy"]
    assert told(found)[0]["summary"] == "0 build cache records deleted, 0 B reclaimed, 2 kept"


def test_what_could_not_be_removed_is_skipped_and_a_warning():
    found = outcome(COPY)
    skipped = {f"c{number:02}": Verdict(SKIPPED, UNUSED, "a build uses it") for number in range(12)}
    result, texts = told(found._replace(deleted=(), skipped=skipped, space=0, is_exact=False))
    assert result["summary"] == "0 build cache records deleted, about 0 B reclaimed, 0 kept, 12 skipped"
    assert result["changed"] is False
    assert texts[0].startswith("12 build cache records were not removed: c00: a build uses it; c01")
    assert texts[0].endswith("; and 2 more")
    single = found._replace(skipped={"copy": skipped["c01"]})
    assert told(single)[1] == ["1 build cache record was not removed: copy: a build uses it"]


def test_a_failure_is_told_once():
    found = outcome(COPY)._replace(failure="it broke", skipped={"copy": Verdict(SKIPPED, UNUSED, "it broke")})
    result, texts = told(found)
    assert (result["failed"], result["msg"], texts) == (True, "it broke", [])


def test_bytes_that_are_not_exact_come_with_those_that_are_expected():
    result, _texts = told(outcome(BASE, COPY)._replace(space=5, is_exact=False))
    assert (result["space_reclaimed"], result["space_expected"]) == (5, 2_000_000)


def test_a_guard_refuses():
    result, texts = told(outcome(COPY, guard={"max_records": 0}, target={"total_size": "0B"}))
    assert result["msg"] == "1 build cache record would be deleted, but guard.max_records is 0"
    assert result["guard"] == {"rule": "guard.max_records", "limit": 0, "found": 1, "text": result["msg"]}
    assert (result["failed"], result["changed"], texts) == (True, False, [])


def test_a_pattern_that_keeps_nothing_is_a_warning_where_something_goes():
    keep = {"descriptions": ["*npm*", "*COPY*"]}
    assert told(outcome(BASE, COPY, keep=keep))[1] == []
    other = CacheRecord("other", "regular")
    warned = told(outcome(other, COPY, keep=keep))[1]
    assert warned == ["keep.descriptions: '*npm*' matches no record, and keeps nothing"]


def test_the_age_is_told_as_it_was_read():
    result, _texts = told(outcome(COPY, keep={"younger_than": "1h"}))
    assert result["younger_than"] == {"limit": "1h", "time": "2027-01-15T07:00:00Z", "local_time": False}


TARGETS = [
    # situation, target, percent of the disk, expected parts of the result, warning
    ("met by size", {"total_size": "1MB"}, None, {"met": True, "needed": 1_000_000, "disk": None}, None),
    (
        "met by the disk",
        {"disk_used_above": 80.0},
        90,
        {
            "met": True,
            "total_size": None,
            "disk": {
                "above": 80.0,
                "below": 80.0,
                "path": "/data",
                "before": {"percent": 90.0, "inodes_percent": 0.0},
                "after": {"percent": 70.0, "inodes_percent": 0.0},
            },
        },
        None,
    ),
    (
        "not met by the disk",
        {"disk_used_above": 50.0},
        90,
        {"met": False},
        "the target is not met: disk_used_below is 50 %, but 70 % of the bytes of /data are used",
    ),
    (
        "the disk is elsewhere",
        {"disk_used_above": 50.0},
        None,
        {"met": False, "needed": 0},
        "the target is not met: the file system cannot be measured, because the Engine's data is not on this machine"
        " (target.disk_path names its directory)",
    ),
    (
        "the directory cannot be read",
        {"total_size": "10%", "disk_path": "/no"},
        None,
        {"met": False, "total_size": {"limit": None, "before": 2_000_000, "after": 2_000_000}},
        "the target is not met: the file system cannot be measured, because /no cannot be read"
        " (target.disk_path names its directory)",
    ),
]


@pytest.mark.parametrize(("target", "percent", "expected", "warning"), cases(TARGETS))
def test_a_target_is_compared_before_and_after(target, percent, expected, warning):
    found = outcome(COPY, target=target, file_system=None if percent is None else disk(percent))
    result, texts = told(found)
    assert {key: result["target"][key] for key in expected} == expected
    assert texts == ([warning] if warning else [])


def test_a_size_that_is_not_reached_is_told():
    found = outcome(BASE, COPY, keep={"types": ["regular"]}, target={"total_size": "1MB"})
    result, _texts = told(found)
    assert result["target"]["text"] == "the target is not met: total_size is 1MB, but the build cache has 2 MB"


def test_few_inodes_ask_for_everything():
    short = FileSystem("/data", 10, 5, 5, 100, 99, 1)
    result, _texts = told(outcome(COPY, target={"disk_used_above": 80.0}, file_system=short))
    assert result["target"]["needed"] is None
    assert result["deleted"] == ["copy"]


def test_what_is_left_is_unknown_of_a_lost_engine():
    found = outcome(COPY, target={"total_size": "0B"})._replace(left=None, failure="lost")
    result, _texts = told(found)
    assert result["target"]["text"] == "the target is not met: the Engine did not report what is left"
    assert result["target"]["total_size"]["after"] is None


def test_a_shared_target_is_judged_by_what_it_asked_for_before_the_images():
    request = Request.parse({"remove": {"all": True}, "target": {"disk_used_above": 80.0, "disk_used_below": 50.0}})
    cache = Cache((COPY,), disk(79))
    met, missed = (
        told(predict(plan_prune(cache, request, NOW, rest)))[1] for rest in (Rest(0, 0), Rest(5_000_000, 1_000_000))
    )
    assert met == []
    assert missed == ["the target is not met: disk_used_below is 50 %, but 59 % of the bytes of /data are used"]

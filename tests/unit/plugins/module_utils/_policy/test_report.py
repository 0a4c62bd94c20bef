# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import BuildCache
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import predict
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import Measured, predicted_bytes
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import plan_policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.report import (
    policy_report,
    policy_warnings,
    too_little_known,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    Sighting,
    UsageRecord,
    Watched,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rivals
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

from ..builders import CREATED, cases, image, image_id, snapshot

NOW = CREATED + 86400.0
HOST = snapshot(
    image("a1", "app:1", size=60, shared_size=0), image("a2", "app:2", created=CREATED + 9, size=40, shared_size=0),
    build_cache=BuildCache(),
)  # fmt: skip
DISK = FileSystem("/data", 1000, 900, 100, 100, 10, 90)
FULL_OF_FILES = DISK._replace(used=100, free=900, inodes_used=95, inodes_free=5)

MET = [
    ("a size that is met", {"total_size": "40B"}, Measured(100), Measured(40), True, "the target is met"),
    (
        "a size that is missed",
        {"total_size": "30B"},
        Measured(100),
        Measured(40),
        False,
        "the target is not met: total_size is 30B, and the images have 40 B",
    ),
    (
        "a size that nobody tells",
        {"total_size": "30B"},
        Measured(),
        Measured(),
        False,
        "the target is not met: total_size is 30B, and the Engine does not report the size of all images",
    ),
    (
        "a disk that need not be cleaned",
        {"disk_used_above": 95, "disk_used_below": 1},
        Measured(None, DISK),
        Measured(None, DISK),
        True,
        "the target is met",
    ),
    (
        "a disk that is still too full",
        {"disk_used_above": 85, "disk_used_below": 80},
        Measured(None, DISK),
        Measured(None, DISK._replace(used=820, free=180)),
        False,
        "the target is not met: disk_used_below is 80 %, and 82 % of the bytes of /data are used",
    ),
    (
        "a disk that is full of files",
        {"disk_used_above": 85},
        Measured(None, FULL_OF_FILES),
        Measured(None, FULL_OF_FILES),
        False,
        "the target is not met: disk_used_below is 85 %, and 95 % of the inodes of /data are used",
    ),
    (
        "a disk that is elsewhere",
        {"disk_used_above": 85},
        Measured(),
        Measured(),
        False,
        "the target is not met: disk_used_above cannot be measured, because the Engine's data is not on this machine (disk_path names its directory)",
    ),
]


MET += [
    (
        "enough is free",
        {"disk_free_below": "50B", "disk_free_above": "200B"},
        Measured(None, DISK),
        Measured(None, DISK),
        True,
        "the target is met",
    ),
    (
        "too little is free",
        {"disk_free_below": "150B", "disk_free_above": "30%"},
        Measured(None, DISK),
        Measured(None, DISK),
        False,
        "the target is not met: disk_free_above is 30%, and 100 B of /data are free",
    ),
    (
        "what is free cannot be measured",
        {"disk_free_below": "50%", "disk_path": "/nowhere"},
        Measured(),
        Measured(),
        False,
        "the target is not met: disk_free_below cannot be measured, because /nowhere cannot be read",
    ),
    (
        "the disk may be the wrong one",
        {"disk_used_above": 99},
        Measured(None, DISK._replace(doubt="there is no permission to look")),
        Measured(None, DISK),
        False,
        "the target is not met: disk_used_above cannot be measured, because there is no permission to look",
    ),
    (
        "a share of a disk that is elsewhere",
        {"total_size": "50%"},
        Measured(100),
        Measured(40),
        False,
        "the target is not met: total_size is 50%, and the file system cannot be measured, because the Engine's data is not"
        " on this machine (disk_path names its directory)",
    ),
    ("a share of the disk", {"total_size": "5%"}, Measured(100, DISK), Measured(40, DISK), True, "the target is met"),
    (
        "only so many images a run",
        {"images_per_run": 1},
        Measured(),
        Measured(),
        True,
        "1 more image is left for the next run, because images_per_run is 1",
    ),
    ("so many images a run and no more", {"images_per_run": 2}, Measured(), Measured(), True, "the target is met"),
    (
        "a size that one run does not meet",
        {"total_size": "30B", "images_per_run": 1},
        Measured(100),
        Measured(40),
        False,
        "the target is not met: total_size is 30B, and the images have 40 B"
        " (1 more image is left for the next run, because images_per_run is 1)",
    ),
]


UNMEASURED = Measured()


def reported(params, before=UNMEASURED, after=UNMEASURED, rivals=None):
    policy = Policy.parse({"remove": {"all_unused": True}, **params})
    known = Evidence(NOW, images_size=before.images_size, file_system=before.file_system)
    decision = plan_policy(HOST, policy, known, rivals)
    outcome = predict(decision.plan)
    result = policy_report(outcome, decision, policy, known, before, after, "changes", False)
    return result, policy_warnings(outcome, decision, result)


@pytest.mark.parametrize(("target", "before", "after", "met", "text"), cases(MET))
def test_a_target_is_held_against_what_was_measured_afterwards(target, before, after, met, text):
    result, warned = reported({"target": target}, before, after)
    assert (result["target"]["met"], result["target"]["text"]) == (met, text)
    assert result["summary"].endswith(f", {text}")
    assert warned == ([] if met else [text])


def test_a_target_tells_what_was_needed_and_what_the_plan_frees():
    result, _warned = reported({"target": {"total_size": "50B"}}, Measured(100), Measured(40))
    target = result["target"]
    assert (target["needed"], target["freed"], target["total_size"]) == (
        50,
        60,
        {"limit": 50, "before": 100, "after": 40},
    )
    assert target["disk"] is None


def test_a_disk_tells_its_shares_before_and_after():
    result, _warned = reported({"target": {"disk_used_above": 80}}, Measured(None, FULL_OF_FILES), Measured(None, DISK))
    assert result["target"]["needed"] is None
    assert result["target"]["disk"] == {
        "above": 80.0,
        "below": 80.0,
        "free_below": None,
        "free_above": None,
        "path": "/data",
        "reason": "",
        "before": {"percent": 10.0, "inodes_percent": 95.0, "free": 900},
        "after": {"percent": 90.0, "inodes_percent": 10.0, "free": 100},
    }


def test_a_guard_tells_its_rule_and_the_largest_images():
    result, warned = reported(
        {"guard": {"max_images": 1}, "target": {"total_size": "1B"}}, Measured(100), Measured(100)
    )
    assert result["failed"]
    assert result["guard"] == {
        "rule": "guard.max_images",
        "limit": 1,
        "found": 2,
        "text": "2 images would be deleted, but guard.max_images is 1",
        "largest": [
            {"id": image_id("a1"), "references": ["app:1"], "size": 60},
            {"id": image_id("a2"), "references": ["app:2"], "size": 40},
        ],
    }
    assert warned == []


def test_without_target_guard_and_age_their_keys_are_null():
    result, _warned = reported({})
    assert (result["target"], result["guard"], result["younger_than"]) == (None, None, None)


def test_the_age_is_told_as_it_was_read():
    result, _warned = reported({"keep": {"younger_than": "1h"}})
    assert result["younger_than"] == {"limit": "1h", "time": "2023-11-15T21:13:20Z", "local_time": False}


FORETOLD = [
    ("a prediction of images that are there", [{"deleted": [image_id("a1")], "space_reclaimed": 60}], 60),
    ("a task that really ran", [{"deleted": [image_id("b1")], "space_reclaimed": 60}], 0),
    ("a task that only removes containers", [{"removed": ["web"]}], 0),
]


@pytest.mark.parametrize(("earlier", "expected"), cases(FORETOLD))
def test_what_earlier_tasks_would_free_counts_once(earlier, expected):
    assert predicted_bytes(HOST, earlier) == expected


def test_what_is_foretold_is_measured_less_what_the_plan_frees():
    before = Measured(100, DISK)
    assert before.after(0, 1.0) is before
    assert before.after(60, 1.0) == Measured(40, DISK._replace(used=840, free=160))
    assert before.after(60, 0.5) == Measured(70, DISK._replace(used=840, free=160)), "the total counts snapshots only"
    assert before.after(900, 1.0).images_size == 0
    assert Measured().after(5, 1.0) == Measured()


SHARED = [
    # situation, percent of the disk that are used, policy, whether the target is met, what is left to the build cache, text
    ("it was met", 50, {}, True, 0, "the target is met"),
    ("the images meet it", 90, {}, True, 0, "the target is met"),
    ("the build cache has the rest", 99, {}, False, 40, "40 B of the target is left to the build cache"),
    (
        "a part is for the next run",
        99,
        {"images_per_run": 1},
        False,
        80,
        "80 B of the target is left to the build cache (1 more image is left for the next run, because images_per_run is 1)",
    ),
    ("everything", None, {}, False, None, "the rest of the target is left to the build cache"),
]


@pytest.mark.parametrize(("percent", "limits", "met", "rest", "text"), cases(SHARED))
def test_what_images_leave_of_a_shared_target_is_no_warning(percent, limits, met, rest, text):
    disk = FULL_OF_FILES if percent is None else DISK._replace(used=percent * 10, free=1000 - percent * 10)
    result, warned = reported({"target": {"disk_used_below": 85, **limits}}, Measured(None, disk), rivals=Rivals())
    assert (result["target"]["met"], result["target"]["rest"], result["target"]["text"]) == (met, rest, text)
    assert warned == []


def test_a_shared_target_that_cannot_be_measured_is_not_met():
    result, _warned = reported({"target": {"disk_used_below": 85}}, rivals=Rivals())
    assert (result["target"]["met"], result["target"]["rest"]) == (False, 0)
    assert result["target"]["text"].startswith("the target is not met: disk_used_above cannot be measured")


BY_AGE = {"keep": {"younger_than": "7d", "age_by": "used"}}
BY_ORDER = {"target": {"total_size": "1B", "order": "least_recently_used"}}
DAY = 86400
KNOWN = [
    # situation, policy, since when uses are known (seconds ago), whether there is a warning
    ("a policy that does not ask for uses", {}, 0, False),
    ("nobody watched", BY_AGE, None, False),
    ("since before the limit", BY_AGE, 8 * DAY, False),
    ("since after the limit", BY_AGE, 6 * DAY, True),
    ("since before the last day", BY_ORDER, 2 * DAY, False),
    ("since just now", BY_ORDER, 60, True),
]


@pytest.mark.parametrize(("params", "ago", "warns"), cases(KNOWN))
def test_a_policy_by_use_that_knows_too_little_says_so(params, ago, warns):
    policy = Policy.parse({"remove": {"all_unused": True}, **params})
    watched = None if ago is None else Watched(NOW - ago, NOW)
    known = Evidence(NOW, record=UsageRecord({}, watched))
    texts = too_little_known(policy, known)
    assert [text.partition(":")[0].rpartition(" since ")[0] for text in texts] == (
        ["every use of an image is known only"] if warns else []
    )


LAST_USES = [
    # situation, what is known of the use of an image (seconds ago), what the result shows
    ("an image that was used", Sighting(NOW - DAY, NOW - 60), format_time(NOW - 60)),
    ("one that is in use", Sighting(NOW - DAY, NOW), None),
    ("one that was never seen used", Sighting(NOW - DAY), None),
]


@pytest.mark.parametrize(("sighting", "expected"), cases(LAST_USES))
def test_the_last_use_of_an_image_is_in_the_result_of_a_policy_by_use(sighting, expected):
    record = UsageRecord({HOST.images[0].id: sighting})
    for params, shown in (({}, "not asked for"), (BY_AGE, expected)):
        policy = Policy.parse({"remove": {"all_unused": True}, **params})
        known = Evidence(NOW, record=record)
        decision = plan_policy(HOST, policy, known)
        result = policy_report(predict(decision.plan), decision, policy, known, UNMEASURED, UNMEASURED, "all", False)
        found = {entry["id"]: entry.get("last_used", "not asked for") for entry in result["images"]}
        assert found[HOST.images[0].id] == shown
        assert found[HOST.images[1].id] == (None if params else shown)


def test_since_when_uses_are_known_is_in_the_result():
    for params, expected in (({}, None), (BY_AGE, "2023-11-14T22:13:20Z")):
        policy = Policy.parse({"remove": {"all_unused": True}, **params})
        known = Evidence(NOW, {}, {}, record=UsageRecord({}, Watched(1_700_000_000, NOW)))
        decision = plan_policy(HOST, policy, known)
        result = policy_report(
            predict(decision.plan), decision, policy, known, UNMEASURED, UNMEASURED, "changes", False
        )
        assert result["usage_known_since"] == expected

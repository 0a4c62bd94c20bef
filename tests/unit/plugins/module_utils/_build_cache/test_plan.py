# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.builds import Builds
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import (
    DELETED,
    Cache,
    plan_prune,
    rivals_of,
    selector_of,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import TYPES, Request
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import (
    LARGEST,
    LEAST_RECENTLY_USED,
    Rest,
    Rivals,
)

from ..builders import cases

NOW = 1_800_000_000.0
HOUR = 3600


def record(name, *parents, hours=10, **fields):
    """A record that was last used a number of hours ago, and created a day before that."""
    used = None if hours is None else NOW - hours * HOUR
    fields.setdefault("created", None if used is None else used - 24 * HOUR)
    fields.setdefault("type", "regular")
    fields.setdefault("size", 100)
    return CacheRecord(id=name, parents=parents, last_used=used, **fields)


def plan(records, remove=None, disk=None, **options):
    request = Request.parse({"remove": remove or {"unused": True}, **options})
    return plan_prune(Cache(tuple(records), disk), request, NOW)


def going(made):
    return [removal.record.id for removal in made.removals]


def reasons(made):
    return {key: f"{verdict.rule}: {verdict.reason}" for key, verdict in made.verdicts.items()}


CHAIN = (record("base", hours=30), record("copy", "base", hours=20), record("run", "copy", hours=10))
KINDS = (
    record("internal", type="internal"),
    record("frontend", type="frontend"),
    record("shared", shared=True),
    record("mount", type="exec.cachemount", description="cached mount /root/.npm from exec npm ci"),
    record("local", type="source.local", description="local source for context"),
    record("copied", description="[stage-0 2/4] COPY a /a"),
    record("used", in_use=True),
)

SELECTORS = [
    # remove, what goes
    ({"all": True}, ["copied", "frontend", "internal", "local", "mount", "shared"]),
    ({"unused": True}, ["copied", "local", "mount"]),
    ({"types": ["internal", "source.local"]}, ["internal", "local"]),
    ({"descriptions": ["*COPY*"]}, ["copied"]),
    ({"descriptions": ["npm", "COPY"], "use_regex": True}, ["copied", "mount"]),
    ({"descriptions": ["nothing so"]}, []),
    ({"unused": True, "types": ["frontend"]}, ["copied", "frontend", "local", "mount"]),
]


@pytest.mark.parametrize(("remove", "expected"), SELECTORS)
def test_any_selector_is_enough_and_what_is_in_use_stays(remove, expected):
    made = plan(KINDS, remove)
    assert going(made) == expected
    assert reasons(made)["used"] == "in use: it is in use by a build, or by a record that is"


def test_only_what_the_engine_spares_by_itself_needs_all():
    made = plan(KINDS, {"all": True})
    assert [removal.record.id for removal in made.removals if removal.needs_all] == ["frontend", "internal", "shared"]


def test_the_reason_names_the_selector():
    assert reasons(plan(KINDS, {"types": ["regular"]}))["copied"] == "remove.types: regular: remove.types selects it"
    kept = plan(KINDS, {"descriptions": ["*COPY*"]}, keep={"types": ["frontend"]})
    assert (
        reasons(kept)["copied"]
        == "remove.descriptions: *COPY*: remove.descriptions selects it, and no rule of keep does"
    )
    assert reasons(kept)["local"] == "none: nothing selects it"
    assert reasons(kept)["frontend"] == "keep.types: frontend: keep.types: frontend keeps it"


AGES = [
    # situation, record, age_by, whether it stays
    ("used an hour ago", record("a", hours=1), "used", True),
    ("used long ago", record("a", hours=100), "used", False),
    ("used at the very limit", record("a", hours=72), "used", False),
    ("never used, and created an hour ago", record("a", hours=None, created=NOW - HOUR), "used", True),
    ("never used, and created long ago", record("a", hours=None, created=NOW - 100 * HOUR), "used", False),
    ("of unknown age", record("a", hours=None), "used", True),
    ("created long ago, and used an hour ago", record("a", hours=1, created=NOW - 100 * HOUR), "created", False),
    ("created an hour ago", record("a", created=NOW - HOUR), "created", True),
    ("created nobody knows when", record("a", hours=100, created=None), "created", True),
]


@pytest.mark.parametrize(("found", "age_by", "stays"), cases(AGES))
def test_young_records_stay(found, age_by, stays):
    made = plan([found], keep={"younger_than": "72h", "age_by": age_by})
    assert going(made) == ([] if stays else ["a"])


def test_an_unknown_age_is_the_reason():
    made = plan([record("a", hours=None)], keep={"younger_than": "72h"})
    assert reasons(made)["a"] == "keep.younger_than: 72h: keep.younger_than: 72h keeps it, because its age is unknown"


def test_children_go_before_their_parents_although_these_are_older():
    assert going(plan(CHAIN)) == ["run", "copy", "base"]


def test_a_parent_of_a_record_that_stays_stays_with_all_its_own_parents():
    made = plan(CHAIN, keep={"younger_than": "15h"})
    assert going(made) == []
    assert reasons(made)["copy"] == "child: its child run stays (keep.younger_than: 15h keeps it)"
    assert reasons(made)["base"] == "child: its child copy stays"


def test_a_parent_of_a_record_that_nothing_selects_stays():
    made = plan(CHAIN, {"descriptions": ["x"]}, keep=None)
    assert going(made) == []
    found = plan([record("base", description="x"), record("run", "base")], {"descriptions": ["x"]})
    assert reasons(found)["base"] == "child: its child run stays"


def test_a_record_waits_for_all_of_its_children():
    tree = [record("base"), record("a", "base", hours=50), record("b", "base", hours=1), record("other", hours=5)]
    assert going(plan(tree)) == ["a", "other", "b", "base"]


def test_a_parent_that_the_engine_does_not_list_is_nobody_s_concern():
    assert going(plan([record("a", "hidden")])) == ["a"]


TARGETS = [
    # situation, target, disk use in percent, what goes
    ("small enough", {"total_size": "300B"}, None, []),
    ("one too many", {"total_size": "250B"}, None, ["run"]),
    ("all must go", {"total_size": "0B"}, None, ["run", "copy", "base"]),
    ("a share of the file system", {"total_size": "10%"}, 50, ["run", "copy"]),
    ("the disk is not full", {"disk_used_above": 80.0}, 50, []),
    ("the disk is full", {"disk_used_above": 80.0, "disk_used_below": 75.0}, 90, ["run", "copy"]),
    ("the disk is not known", {"disk_used_above": 80.0}, None, []),
    ("the share is of nothing known", {"total_size": "10%"}, None, []),
    ("the disk is not known, but the size is", {"total_size": "250B", "disk_used_above": 80.0}, None, ["run"]),
]


def disk(percent):
    return None if percent is None else FileSystem("/data", 1000, percent * 10, 1000 - percent * 10, 100, 0, 100)


@pytest.mark.parametrize(("target", "percent", "expected"), cases(TARGETS))
def test_no_more_goes_than_a_target_asks_for(target, percent, expected):
    assert going(plan(CHAIN, target=target, disk=disk(percent))) == expected


def test_what_a_target_leaves_says_why():
    assert reasons(plan(CHAIN, target={"total_size": "1GB"}))["run"] == "target: the target is met without it"
    unknown = reasons(plan(CHAIN, target={"disk_used_above": 80.0}))["run"]
    assert unknown == "target: the target cannot be measured, because the file system of the Engine's data is unknown"


def test_what_an_image_shares_frees_nothing_and_is_left_by_a_target():
    records = [record("shared", shared=True, size=10_000, hours=99), record("own", "shared", size=50)]
    made = plan(records, {"all": True}, target={"total_size": "0B"})
    assert going(made) == ["own"]
    assert reasons(made)["shared"] == "target: an image has its bytes too, so that its removal would free nothing"


def test_the_largest_go_first_if_asked_and_the_least_recently_used_otherwise():
    records = [record("small", size=1, hours=99), record("large", size=9), record("unknown", hours=None, size=5)]
    target = {"total_size": "0B"}
    assert going(plan(records, target={**target, "order": "largest"})) == ["large", "unknown", "small"]
    assert going(plan(records, target=target)) == ["small", "large", "unknown"]


GUARDS = [
    # guard, text
    ({"max_records": 3}, None),
    ({"max_records": 2}, "3 build cache records would be deleted, but guard.max_records is 2"),
    ({"max_percent": 75}, None),
    ({"max_percent": 74}, "3 of 4 build cache records (75.0 %) would be deleted, but guard.max_percent is 74 %"),
]


@pytest.mark.parametrize(("guard", "text"), GUARDS)
def test_a_plan_that_is_too_large_is_refused_as_a_whole(guard, text):
    made = plan([*CHAIN, record("used", in_use=True)], guard=guard)
    assert going(made) == ([] if text else ["run", "copy", "base"])
    if text is not None:
        assert made.breach.text == text
        assert reasons(made)["run"] == f"{made.breach.rule}: remove.unused selects it, but {text}"
        assert reasons(made)["used"].startswith("in use")


def test_a_guard_of_nothing_is_not_broken():
    assert plan([], guard={"max_percent": 0}).breach is None


def test_bytes_that_were_freed_before_count_for_the_disk():
    cache = Cache(CHAIN, disk(90))
    assert cache.after(100).file_system.percent == 80
    assert cache.after(0) is cache
    assert Cache(CHAIN).after(100) == Cache(CHAIN)
    assert cache.without({"run"}).file_system.percent == 80


def test_while_builds_run_what_was_used_in_the_last_minutes_stays():
    records = (record("old", hours=1), record("recent", hours=0.1), record("kept", type="frontend", hours=0.1))
    cache = Cache(records, builds=Builds(True))
    made = plan_prune(cache, Request.parse({"remove": {"all": True}, "keep": {"types": ["frontend"]}}), NOW)
    assert going(made) == ["old"]
    assert reasons(made)["recent"] == "builds running: builds are running, and it was used in the last 10 minutes"
    assert reasons(made)["kept"].startswith("keep.types")


# Laws

RULES = {
    "keep": st.sampled_from([None, {"younger_than": "50h"}, {"types": ["regular"]}]),
    "target": st.sampled_from([None, {"total_size": "300B"}, {"total_size": "300B", "order": "largest"}]),
    "remove": st.sampled_from([{"all": True}, {"unused": True}, {"types": ["frontend", "regular"]}]),
}


@st.composite
def caches(draw):
    """Records, each of which may build on earlier ones; a child that is in use has parents that are."""
    records = []
    for number in range(draw(st.integers(0, 12))):
        parents = draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)) if number else []
        records.append(
            record(
                f"r{number}",
                *(f"r{parent}" for parent in parents),
                hours=draw(st.sampled_from([None, 1, 60, 100])),
                type=draw(st.sampled_from(TYPES)),
                size=draw(st.integers(0, 200)),
                shared=draw(st.booleans()),
                in_use=draw(st.integers(0, 5)) == 0,
            )
        )
    return records


@given(caches(), st.fixed_dictionaries(RULES))
def test_laws(records, options):
    made = plan(records, **options)
    order = going(made)
    children = {found.id: {other.id for other in records if found.id in other.parents} for found in records}
    # Every record has one verdict, and what goes is what the verdicts say.
    assert made.verdicts.keys() == {found.id for found in records}
    assert {key for key, verdict in made.verdicts.items() if verdict.action == DELETED} == set(order)
    for position, removal in enumerate(made.removals):
        # Children first; nothing goes that is in use, or that nothing selects.
        assert children[removal.record.id] <= set(order[:position])
        assert not removal.record.in_use
        assert selector_of(removal.record, made.request.remove) == removal.rule
    # The order in which the Engine lists them means nothing, not even for the reasons.
    again = plan(records[::-1], **options)
    assert (again.removals, again.verdicts) == (made.removals, made.verdicts)
    # Applied, the plan is empty.
    assert not plan_prune(made.cache.without(set(order)), made.request, NOW).removals


@pytest.mark.parametrize("options", [{}, {"target": {"total_size": "100kB"}}, {"keep": {"younger_than": "50h"}}])
def test_five_thousand_records_are_planned_in_under_a_second(options):
    # Builds of fifty steps, each on the one before, and some that share a base.
    records = [
        record(f"r{number:04}", *([f"r{number - 1:04}"] if number % 50 else ["r0000"] if number else []), hours=number)
        for number in range(5000)
    ]
    began = time.process_time()
    made = plan(records, {"all": True}, **options)
    # Where branches are counted, every line takes several times as long.
    assert time.process_time() - began < (1 if sys.gettrace() is None else 10)
    assert made.removals


# A target that images share

AFTER_IMAGES = [
    # situation, disk use in percent, what images left, what is removed
    ("the images freed it all", 50, Rest(100.0, 100), []),
    ("the images left a byte", 50, Rest(100.0, 99), ["run"]),
    ("the disk is as full as before", 90, Rest(100.0, 100), []),
    ("what images no longer share is still there", 50, Rest(150.0, 150, frozenset({"copy", "run"})), ["run", "copy"]),
    ("the disk cannot be measured", None, Rest(100.0, 0), []),
]


@pytest.mark.parametrize(("percent", "rest", "expected"), cases(AFTER_IMAGES))
def test_what_images_left_of_a_target_is_removed(percent, rest, expected) -> None:
    request = Request.parse({"remove": {"unused": True}, "target": {"disk_used_above": 80.0}})
    made = plan_prune(Cache(CHAIN, disk(percent)), request, NOW, rest)
    assert going(made) == expected
    met = "the target that images and build cache share is met without it"
    unknown = "the target cannot be measured, because the file system of the Engine's data is unknown"
    assert {reasons(made)[key] for key in set(reasons(made)) - set(expected)} == {
        f"target: {unknown if percent is None else met}"
    }


RIVALS = [
    # situation, order, ranks, bytes until each
    ("by use, a parent after its child", LEAST_RECENTLY_USED, (NOW - 10 * HOUR,) * 3, (0, 100, 200, 300)),
    ("by size", LARGEST, (-100.0,) * 3, (0, 100, 200, 300)),
]


@pytest.mark.parametrize(("order", "ranks", "sizes"), cases(RIVALS))
def test_what_can_be_removed_instead_of_images(order, ranks, sizes) -> None:
    request = Request.parse({"remove": {"unused": True}, "target": {"disk_used_above": 80.0}})
    assert rivals_of(Cache(CHAIN), request, NOW, order) == Rivals(ranks, sizes)


def test_build_cache_that_cannot_be_removed_comes_before_no_image() -> None:
    records = (record("used", in_use=True), record("shared", shared=True), record("young", hours=1))
    request = Request.parse(
        {"remove": {"unused": True}, "keep": {"younger_than": "2h"}, "target": {"disk_used_above": 80.0}}
    )
    assert rivals_of(Cache(records), request, NOW, LEAST_RECENTLY_USED) == Rivals()


def test_a_record_of_unknown_age_is_removed_after_all_images() -> None:
    request = Request.parse({"remove": {"unused": True}, "target": {"disk_used_above": 80.0}})
    found = rivals_of(Cache((record("ageless", hours=None),)), request, NOW, LEAST_RECENTLY_USED)
    assert (found.before(NOW), found.before(float("inf"))) == (0, 0)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.shared_target import SharedTarget
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

from ..builders import cases

NAMES = {"target": "target", "policy": "policy", "build_cache": "build_cache"}
POLICY, CACHE = {"remove": {"dangling": True}}, {"remove": {"unused": True}}
FULL = {"disk_used_above": "85", "disk_used_below": 75}
LIMITS = {"disk_used_above": 85.0, "disk_used_below": 75.0}

TARGETS = [
    # situation, option, limits and order
    ("none", None, None),
    ("an empty one", {}, None),
    ("one whose options have no value", {"disk_path": None}, None),
    ("limits", FULL, (LIMITS, "least_recently_used")),
    ("an order", {**FULL, "order": "images_first"}, (LIMITS, "images_first")),
    (
        "a directory",
        {"disk_used_below": 80, "disk_path": "/d"},
        ({"disk_used_below": 80.0, "disk_path": "/d"}, "least_recently_used"),
    ),
]


@pytest.mark.parametrize(("raw", "expected"), cases(TARGETS))
def test_a_target_is_read(raw, expected) -> None:
    assert SharedTarget.parse(raw) == expected


MISTAKES = [
    # situation, option, message
    ("a number", 85, "target: 85 is not a dictionary of options"),
    ("a misspelt option", {"disk_used": 85}, "target.disk_used: no such option; did you mean disk_used_below?"),
    ("no limit", {"order": "largest"}, "target: nothing to reach: give disk_used_above, disk_used_below or both"),
    (
        "limits the wrong way round",
        {"disk_used_above": 70, "disk_used_below": 80},
        "target.disk_used_below: 80 is more than disk_used_above: 70, so that it would never be the limit",
    ),
]


@pytest.mark.parametrize(("raw", "message"), cases(MISTAKES))
def test_a_mistake_is_named(raw, message) -> None:
    with pytest.raises(InvalidRequest) as raised:
        SharedTarget.parse(raw)
    assert str(raised.value) == message


def test_an_order_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"^target: value of order must be one of: least_recently_used, largest"):
        SharedTarget.parse({**FULL, "order": "oldest"})


LRU, LARGE = ({**LIMITS, "order": order} for order in ("least_recently_used", "largest"))
HANDED = [
    # situation, order, options of the policy and of the build cache, the targets that they have then
    ("both", "images_first", POLICY, CACHE, (LRU, LRU)),
    ("the largest", "largest", POLICY, CACHE, (LARGE, LARGE)),
    ("a policy alone", "images_first", POLICY, {}, (LRU, None)),
    ("the build cache alone", "images_first", None, CACHE, (None, LRU)),
    (
        "only so many images a run",
        "images_first",
        {**POLICY, "target": {"images_per_run": 5}},
        CACHE,
        ({**LRU, "images_per_run": 5}, LRU),
    ),
    ("a target without values", "images_first", {**POLICY, "target": {"total_size": None}}, CACHE, (LRU, LRU)),
    ("options that are none", "images_first", "dangling", CACHE, (None, LRU)),
]


@pytest.mark.parametrize(("order", "policy", "cache", "targets"), cases(HANDED))
def test_the_stages_take_it_over(order, policy, cache, targets) -> None:
    target = SharedTarget.parse({**FULL, "order": order})
    handed, errors = target.handed_to({"images": {}, "policy": policy, "build_cache": cache}, NAMES)
    found = [
        options.get("target") if isinstance(options, dict) else None
        for options in (handed["policy"], handed["build_cache"])
    ]
    assert (tuple(found), errors, handed["images"]) == (targets, [], {})


CONFLICTS = [
    # situation, options of the policy and of the build cache, messages
    ("nothing shares it", {}, {}, ["target: nothing shares it: give policy, build_cache or both"]),
    (
        "both have a target",
        {**POLICY, "target": {"total_size": "1GB", "images_per_run": 5}},
        {**CACHE, "target": {"order": "largest"}},
        [
            "policy: target.total_size: target is given, and replaces it",
            "build_cache: target.order: target is given, and replaces it",
        ],
    ),
]


@pytest.mark.parametrize(("policy", "cache", "messages"), cases(CONFLICTS))
def test_a_target_of_a_stage_is_a_mistake(policy, cache, messages) -> None:
    target = SharedTarget.parse(FULL)
    stages = {"policy": policy, "build_cache": cache}
    assert target.handed_to(stages, NAMES) == (stages, messages)

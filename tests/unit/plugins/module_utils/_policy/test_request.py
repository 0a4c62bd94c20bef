# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Glob, Regex
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import (
    Guard,
    Keep,
    Newest,
    Policy,
    Target,
)

ALL = {"all_unused": True}

ERRORS = [
    ("nothing is selected", {}, "remove: nothing selects an image"),
    ("the option is empty", {"remove": {}}, "remove: nothing selects an image"),
    ("every selector is off", {"remove": {"dangling": False, "all_unused": False}}, "remove: nothing selects an image"),
    ("no pattern to select by", {"remove": {"patterns": []}}, "remove: nothing selects an image"),
    ("an empty pattern", {"remove": {"patterns": [""]}}, "remove.patterns: an empty pattern"),
    (
        "a pattern that is none",
        {"remove": {"patterns": ["app:[1"]}},
        "remove.patterns: 'app:[1' is not a valid pattern",
    ),
    ("an expression that is none", {"remove": {"patterns": ["("], "use_regex": True}}, "remove.patterns: '(' is not"),
    (
        "expressions for both",
        {"remove": ALL, "keep": {"patterns": ["("]}, "use_regex": True},
        "keep.patterns: '(' is not",
    ),
    ("a label without a key", {"remove": {"labels": ["=x"]}}, "remove.labels: '=x' is not a label"),
    (
        "an image that cannot be",
        {"remove": {"before": "Mongo:3"}},
        "remove.before: 'Mongo:3' is not a valid image reference",
    ),
    ("an image without a name", {"remove": {"since": " "}}, "remove.since: an empty name"),
    ("an unknown selector", {"remove": {"unused": True}}, "remove: unknown option 'unused'"),
    ("an unknown rule", {"remove": ALL, "keep": {"newst": 3}}, "keep: unknown option 'newst'"),
    (
        "an empty pattern to keep",
        {"remove": ALL, "keep": {"patterns": ["a", ""]}},
        "keep.patterns: the empty pattern ''",
    ),
    ("a blank pattern to keep", {"remove": ALL, "keep": {"patterns": [" "]}}, "keep.patterns: the empty pattern ' '"),
    ("no pattern to keep", {"remove": ALL, "keep": {"patterns": []}}, "keep.patterns: an empty list keeps nothing"),
    ("no label to keep", {"remove": ALL, "keep": {"labels": []}}, "keep.labels: an empty list keeps nothing"),
    (
        "a pattern with a space",
        {"remove": ALL, "keep": {"patterns": [" redis"]}},
        "keep.patterns: ' redis' contains white",
    ),
    (
        "an empty expression",
        {"remove": ALL, "keep": {"patterns": [""], "use_regex": True}},
        "keep.patterns: the empty pattern",
    ),
    (
        "an age that is none",
        {"remove": ALL, "keep": {"younger_than": "7 days"}},
        "keep.younger_than: '7 days' is neither",
    ),
    ("a bare number for an age", {"remove": ALL, "keep": {"younger_than": 7}}, "keep.younger_than: '7' is neither"),
    ("an empty age", {"remove": ALL, "keep": {"younger_than": ""}}, "keep.younger_than: '' is neither"),
    ("a negative number", {"remove": ALL, "keep": {"newest": -1}}, "keep.newest: -1 is neither"),
    ("an unknown rank", {"remove": ALL, "keep": {"newest_by": "size"}}, "keep.newest_by: 'size' is none of"),
    ("nothing to reach", {"remove": ALL, "target": {"order": "largest"}}, "target: nothing to reach"),
    ("a size without end", {"remove": ALL, "target": {"total_size": "9" * 400 + "GB"}}, "GB' is not a size"),
    (
        "a list of labels with a sign apart",
        {"remove": ALL, "keep": {"labels": ["keep = 1"]}},
        "'keep = 1' is not a label",
    ),
    ("a size that is none", {"remove": ALL, "target": {"total_size": "20G"}}, "target.total_size: '20G' is not a size"),
    (
        "more than all",
        {"remove": ALL, "target": {"disk_used_above": 101}},
        "target.disk_used_above: 101 is not a percentage",
    ),
    (
        "a stop above the start",
        {"remove": ALL, "target": {"disk_used_above": 70, "disk_used_below": 80}},
        "target.disk_used_below: 80 is more than disk_used_above: 70",
    ),
    ("an unknown guard", {"remove": ALL, "guard": {"max": 1}}, "guard: unknown option 'max'"),
    ("a negative guard", {"remove": ALL, "guard": {"max_images": -5}}, "guard.max_images: -5 is not a whole number"),
    ("no percentage", {"remove": ALL, "guard": {"max_percent": 130}}, "guard.max_percent: 130 is not a percentage"),
]
THRESHOLDS = [
    ({"disk_used_above": 85, "disk_used_below": 80}, (85, 80)),
    ({"disk_used_above": 85}, (85, 85)),
    ({"disk_used_below": 80}, (80, 80)),
]


def ids(rows):
    return [row[0] for row in rows]


@pytest.mark.parametrize(("params", "message"), [row[1:] for row in ERRORS], ids=ids(ERRORS))
def test_what_cannot_be_meant_is_refused_with_the_options_path(params, message):
    with pytest.raises(InvalidRequest, match=re.escape(message)):
        Policy.parse(params)


@pytest.mark.parametrize(("raw", "expected"), THRESHOLDS)
def test_one_threshold_of_the_disk_stands_for_both(raw, expected):
    target = Target.parse(raw)
    assert (target.disk_used_above, target.disk_used_below) == expected


def test_options_that_ansible_fills_with_null_are_not_given():
    params = {
        "remove": {"all_unused": True, "patterns": None, "use_regex": None, "before": None},
        "keep": {"patterns": None, "labels": None, "younger_than": None, "newest": 3, "use_regex": None},
        "target": None,
        "guard": {"max_images": None},
        "use_regex": False,
    }
    policy = Policy.parse(params)
    assert (policy.keep, policy.target, policy.guard) == (Keep((Newest(3),)), None, Guard())


def test_one_side_can_be_read_as_globs_and_the_other_as_expressions():
    policy = Policy.parse(
        {"remove": {"patterns": ["^app:"], "use_regex": True}, "keep": {"patterns": ["app:1*"], "use_regex": False}}
    )
    assert isinstance(policy.remove.patterns[0], Regex)
    assert isinstance(policy.keep.patterns[0], Glob)


def test_the_engine_is_asked_for_what_only_it_can_compare():
    policy = Policy.parse({"remove": {"before": "mongo:3.2", "since": "abc123"}})
    assert policy.engine_filters == {"before": ("mongo:3.2",), "since": ("abc123",)}


NEEDS = [
    ("nothing", {}, (False, False, False)),
    ("the age by creation", {"keep": {"younger_than": "7d"}}, (False, False, False)),
    ("the age by use", {"keep": {"younger_than": "7d", "age_by": "used"}}, (True, True, False)),
    ("the age by tag", {"keep": {"younger_than": "7d", "age_by": "tagged"}}, (False, True, False)),
    ("the newest by tag", {"keep": {"newest": 3, "newest_by": "tagged"}}, (False, True, False)),
    ("the least recently used", {"target": {"total_size": "1GB", "order": "least_recently_used"}}, (True, True, False)),
    ("the oldest", {"target": {"total_size": "1GB", "order": "oldest"}}, (False, False, False)),
    ("what registries hold", {"keep": {"unrecoverable": "verify"}}, (False, False, True)),
    ("what was never pushed", {"keep": {"unrecoverable": "unpushed"}}, (False, False, False)),
]


@pytest.mark.parametrize(("params", "needs"), [row[1:] for row in NEEDS], ids=[row[0] for row in NEEDS])
def test_a_policy_needs_to_know(params, needs):
    policy = Policy.parse({"remove": ALL, **params})
    assert (policy.needs_use, policy.needs_tag_times, policy.needs_registries) == needs

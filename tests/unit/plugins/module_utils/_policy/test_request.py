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
    NamedImage,
    Newest,
    Policy,
    Target,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

from ..builders import cases

ALL = {"all_unused": True}
#: 2023-11-14
NOW = 1_700_000_000.0

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
    ("a rank of nothing", {"remove": ALL, "keep": {"newest_by": "version"}}, "keep.newest_by: needs keep.newest"),
    ("the age of nothing", {"remove": ALL, "keep": {"age_by": "used"}}, "keep.age_by: needs keep.younger_than"),
    (
        "a date in the future",
        {"remove": ALL, "keep": {"younger_than": "2030-01-01Z"}},
        "keep.younger_than: 2030-01-01Z is in the future and keeps nothing",
    ),
    ("no age at all", {"remove": ALL, "keep": {"younger_than": "0h"}}, "keep.younger_than: 0h keeps nothing"),
    ("the newest none", {"remove": ALL, "keep": {"newest": 0}}, "keep.newest: 0 keeps nothing"),
    ("nothing to keep", {"remove": ALL, "keep": {}}, "keep: nothing is kept; leave the option out if that is meant"),
    ("a rule that is off", {"remove": ALL, "keep": {"digests": False}}, "keep: nothing is kept"),
    ("an age that nothing compares", {"remove": ALL, "keep": {"unknown_age": False}}, "keep: nothing is kept"),
    ("no group", {"remove": ALL, "keep": {"newest": []}}, "keep.newest: an empty list keeps nothing"),
    ("a group that is none", {"remove": ALL, "keep": {"newest": [3]}}, "keep.newest[0]: 3 is not a group"),
    (
        "a group without a count",
        {"remove": ALL, "keep": {"newest": [{"patterns": ["a"]}]}},
        "keep.newest[0]: a group needs patterns and count",
    ),
    (
        "a group of none",
        {"remove": ALL, "keep": {"newest": [{"patterns": ["a"], "count": 0}]}},
        "keep.newest[0].count: 0 keeps nothing",
    ),
    (
        "a group of what is no boolean",
        {"remove": ALL, "keep": {"newest": [{"patterns": ["a"], "count": 1, "use_regex": "maybe"}]}},
        "keep.newest[0].use_regex: 'maybe' is not a boolean",
    ),
    (
        "an image that is none",
        {"remove": ALL, "keep": {"images": [{"name": "app:1"}]}},
        "keep.images: {'name': 'app:1'} is not an image",
    ),
    (
        "an image without a name",
        {"remove": ALL, "keep": {"images": [{"image": [], "reason": "x"}]}},
        "keep.images: {'image': [], 'reason': 'x'} is not an image",
    ),
    ("no files", {"remove": ALL, "keep": {"compose_files": []}}, "keep.compose_files: an empty list keeps nothing"),
    (
        "a relative path",
        {"remove": ALL, "keep": {"compose_files": ["/a.yaml", "b.yaml"]}},
        "keep.compose_files: 'b.yaml' is not an absolute path",
    ),
    (
        "a path that cannot be",
        {"remove": ALL, "keep": {"compose_files": ["/a\x00"]}},
        "keep.compose_files: '/a\\x00' is not an absolute path",
    ),
    ("an image that cannot be", {"remove": ALL, "keep": {"images": [{"image": "App"}]}}, "keep.images: 'App' is not a"),
    ("a label turned round", {"remove": ALL, "keep": {"labels": ["keep!=1"]}}, "keep.labels: 'keep!=1' is not a label"),
    (
        "a label with a sign in front",
        {"remove": {"labels": ["!keep"]}},
        "remove.labels: '!keep' is not a label: to keep",
    ),
    ("a label without its value", {"remove": {"labels": ["a="]}}, "remove.labels: 'a=' has no value"),
    ("only what is excluded", {"remove": {"exclude_labels": ["keep"]}}, "remove: nothing selects an image"),
    (
        "no label to exclude",
        {"remove": {**ALL, "exclude_labels": []}},
        "remove.exclude_labels: an empty list excludes nothing",
    ),
    ("a size without a unit", {"remove": ALL, "target": {"total_size": 20}}, "target.total_size: '20' has no unit"),
    (
        "a stop below the start, of what is free",
        {"remove": ALL, "target": {"disk_free_below": "10GB", "disk_free_above": "5GB"}},
        "target.disk_free_above: 5GB is less than disk_free_below: 10GB",
    ),
    (
        "the same in percent",
        {"remove": ALL, "target": {"disk_free_below": "10%", "disk_free_above": "5%"}},
        "target.disk_free_above: 5% is less than disk_free_below: 10%",
    ),
    ("no image a run", {"remove": ALL, "target": {"images_per_run": 0}}, "target.images_per_run: 0 removes nothing"),
    (
        "a path that nothing measures",
        {"remove": ALL, "target": {"total_size": "1GB", "disk_path": "/data"}},
        "target.disk_path: no limit asks for a file system",
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


@pytest.mark.parametrize(("params", "message"), cases(ERRORS))
def test_what_cannot_be_meant_is_refused_with_the_options_path(params, message):
    with pytest.raises(InvalidRequest, match=re.escape(message)):
        Policy.parse(params, NOW)


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


@pytest.mark.parametrize(("params", "needs"), cases(NEEDS))
def test_a_policy_needs_to_know(params, needs):
    policy = Policy.parse({"remove": ALL, **params})
    assert (policy.needs_use, policy.needs_tag_times, policy.needs_registries) == needs


FREE = [
    ({"disk_free_below": "10GB", "disk_free_above": "20GB"}, ("10GB", "20GB")),
    ({"disk_free_below": "10GB"}, ("10GB", "10GB")),
    ({"disk_free_above": "20%"}, ("20%", "20%")),
    ({"disk_free_below": "10GB", "disk_free_above": "5%"}, ("10GB", "5%")),
]


@pytest.mark.parametrize(("raw", "expected"), FREE)
def test_one_limit_of_what_is_free_is_both(raw, expected):
    target = Target.parse(raw)
    assert (target.disk_free_below.text, target.disk_free_above.text) == expected


def test_an_age_may_be_the_only_rule_where_ages_are_compared():
    assert not Policy.parse({"remove": {"before": "a:1"}, "keep": {"unknown_age": False}}).keep.unknown_age


def test_a_list_of_images_may_be_empty_for_other_hosts_made_it():
    assert Policy.parse({"remove": ALL, "keep": {"images": []}}).keep == Keep()


COUNTS = [("a number", 3), ("a template's string", " 3 ")]


@pytest.mark.parametrize("count", cases(COUNTS))
def test_a_count_may_come_from_a_template(count):
    assert Policy.parse({"remove": ALL, "keep": {"newest": count}}).keep.newest == (Newest(3),)


def test_groups_have_a_rank_and_a_kind_of_pattern_of_their_own():
    groups = [
        {"patterns": "app:v*", "count": 3, "newest_by": "version", "use_regex": "no"},
        {"patterns": ["^app:(?P<branch>.+)-[0-9]+$"], "count": "1", "use_regex": True},
    ]
    first, second = Policy.parse({"remove": ALL, "keep": {"newest": groups, "newest_by": "tagged"}}).keep.newest
    assert (first.by, first.detail, second.by) == ("version", "3 of app:v*", "tagged")
    assert second.values_of(Reference.parse("app:dev-7")) == [(("branch", "dev"),)]
    assert first.values_of(Reference.parse("app:v1")) == [()]
    assert first.values_of(Reference.parse("app:dev-7")) == []


NAMED = [
    ("a reference", "app:1", "docker.io/library/app:1", None),
    ("a digest", f"app@sha256:{'a' * 64}", f"docker.io/library/app@sha256:{'a' * 64}", "a" * 64),
    ("an ID", f"sha256:{'a' * 64}", None, "a" * 64),
    ("an ID without its algorithm", "a" * 64, None, "a" * 64),
    ("a short ID with its algorithm", "sha256:abc123", None, "abc123"),
    ("what may be a name or an ID", "cafe", "docker.io/library/cafe:latest", "cafe"),
]


@pytest.mark.parametrize(("text", "reference", "digits"), cases(NAMED))
def test_an_image_is_named_by_a_reference_a_digest_or_an_id(text, reference, digits):
    named = NamedImage.parse(text)
    assert (named.reference and named.reference.full, named.digits) == (reference, digits)


def test_several_images_stay_for_one_reason():
    raw = [{"image": ["app:1", "abc123"], "reason": "used on web-3", "optional": True}, "db:2"]
    keep = Policy.parse({"remove": ALL, "keep": {"images": raw}}).keep
    assert [(named.text, named.reason, named.optional) for named in keep.images] == [
        ("app:1", "used on web-3", True),
        ("abc123", "used on web-3", True),
        ("db:2", "", False),
    ]

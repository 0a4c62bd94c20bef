# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Filters, Request
from ansible_collections.imagewarden.docker.plugins.module_utils._options import LabelMatch

from ..builders import cases

BAD_REQUESTS = [
    # situation, parameters, what the message must say
    ("nothing", {}, ["nothing selects an image", "names", "patterns", "filters"]),
    ("excludes alone", {"excludes": ["a"]}, ["nothing selects an image"]),
    ("no filter has a value", {"filters": {"dangling": None}}, ["filters.dangling", "None"]),
    ("a filter without a value beside others", {"patterns": ["*"], "filters": {"until": None}}, ["filters.until"]),
    ("white space around a label's sign", {"filters": {"label": "a = b"}}, ["filters.label", "'a = b'"]),
    ("empty name", {"names": [""]}, ["names", "empty"]),
    ("blank name", {"names": ["  "]}, ["names", "empty"]),
    ("reference in upper case", {"names": ["Redis:7"]}, ["names", "'Redis:7'", "lower case"]),
    ("unparsable reference among good ones", {"names": ["redis", "a:b:c"]}, ["names", "'a:b:c'"]),
    ("a number", {"names": [1.1]}, ["names: 1.1", "quote"]),
    ("a whole number", {"names": ["redis", 501]}, ["names: 501", "quote"]),
    ("a boolean", {"names": [True]}, ["names: True", "quote"]),
    ("a dictionary", {"names": [{"name": "redis"}]}, ["names: {", "is not a string"]),
    ("a number as an anchor", {"filters": {"before": 1.1}}, ["filters.before: 1.1", "quote"]),
    ("scheme", {"names": ["https://r.io/app:1"]}, ["names", "leave out the scheme"]),
    ("pattern for a name", {"names": ["redis:*"]}, ["names: 'redis:*'", "option patterns"]),
    ("pattern that nothing matches", {"patterns": ["^v"]}, ["patterns: '^v'", "use_regex"]),
    ("exclude that nothing matches", {"patterns": ["**"], "excludes": ["APP:*"]}, ["excludes: 'APP:*'", "lower case"]),
    ("a label that excludes", {"filters": {"label": "keep!=yes"}}, ["filters.label: 'keep!=yes'", "label!"]),
    ("a label with two signs", {"filters": {"label": "keep==yes"}}, ["filters.label: 'keep==yes'", "keep=yes"]),
    ("the filter reference", {"filters": {"reference": "app"}}, ["'reference'", "use the option patterns"]),
    ("placeholder", {"names": ["<none>"]}, ["names", "'<none>'"]),
    ("open class in a pattern", {"patterns": ["a["]}, ["patterns", "'a['"]),
    ("empty pattern", {"patterns": [""]}, ["patterns", "empty"]),
    ("bad regular expression", {"patterns": ["("], "use_regex": True}, ["patterns", "'('"]),
    ("empty regular expression", {"patterns": [""], "use_regex": True}, ["patterns", "empty"]),
    ("bad pattern in excludes", {"names": ["a"], "excludes": ["a["]}, ["excludes", "'a['"]),
    ("empty pattern in excludes", {"names": ["a"], "excludes": [""]}, ["excludes", "empty"]),
    ("bad expression in excludes", {"names": ["a"], "excludes": ["("], "use_regex": True}, ["excludes", "'('"]),
    (
        "unknown filter",
        {"filters": {"reference": "a"}},
        ["filters", "'reference'", "dangling, label, label!, before, since, until"],
    ),
    ("unknown filter without a value", {"filters": {"danglin": None}}, ["filters", "'danglin'"]),
    ("dangling is no boolean", {"filters": {"dangling": "maybe"}}, ["filters.dangling", "'maybe'"]),
    ("dangling is both", {"filters": {"dangling": ["true", "false"]}}, ["filters.dangling", "boolean"]),
    ("label without a key", {"filters": {"label": "=x"}}, ["filters.label", "'=x'"]),
    ("label as a dict", {"filters": {"label": {"a": "b"}}}, ["filters.label", "{'a': 'b'}", "a string"]),
    ("empty list of labels", {"filters": {"label": []}}, ["filters.label", "empty list"]),
    ("empty label", {"filters": {"label": ""}}, ["filters.label", "''"]),
    ("before is no reference", {"filters": {"before": "A"}}, ["filters.before", "'A'"]),
    ("since is no reference", {"filters": {"since": "a:b:c"}}, ["filters.since", "'a:b:c'"]),
    ("until is no time", {"filters": {"until": "soon"}}, ["filters.until", "'soon'", "168h"]),
    ("list in a list", {"filters": {"until": [["7d"]]}}, ["filters.until"]),
]


@pytest.mark.parametrize(("params", "said"), cases(BAD_REQUESTS))
def test_an_option_that_cannot_be_understood_is_refused(params, said):
    with pytest.raises(InvalidRequest) as failure:
        Request.parse(params)
    for words in said:
        assert words in str(failure.value)


GOOD_REQUESTS = [
    # situation, parameters, expected fields
    ("white space around a name", {"names": [" redis:7 "]}, {"names": ("redis:7",)}),
    ("no name at all", {"names": []}, {"names": ()}),
    ("no pattern at all", {"patterns": []}, {"patterns": ()}),
    ("skip conflicts", {"names": ["a"], "on_conflict": "skip"}, {"skip_conflicts": True}),
    ("fail on conflicts", {"names": ["a"], "on_conflict": "fail"}, {"skip_conflicts": False}),
    ("force", {"names": ["a"], "force": True}, {"force": True}),
    ("parents stay", {"names": ["a"], "prune_parents": False}, {"prune_parents": False}),
    ("parents go", {"names": ["a"]}, {"prune_parents": True}),
    ("dangling", {"filters": {"dangling": True}}, {"filters": Filters(dangling=True)}),
    ("not dangling, as text", {"filters": {"dangling": "no"}}, {"filters": Filters(dangling=False)}),
    (
        "labels",
        {"filters": {"label": ["a", "b=c=d"]}},
        {"filters": Filters(labels=(LabelMatch("a", None), LabelMatch("b", "c=d")))},
    ),
    (
        "labels that no image may have",
        {"filters": {"label!": ["a", "b=c"]}},
        {"filters": Filters(unwanted_labels=(LabelMatch("a", None), LabelMatch("b", "c")))},
    ),
    (
        "before and since",
        {"filters": {"before": "a", "since": ["b", "501"]}},
        {"filters": Filters(before=("a",), since=("b", "501"))},
    ),
]


@pytest.mark.parametrize(("params", "fields"), cases(GOOD_REQUESTS))
def test_options_are_read(params, fields):
    request = Request.parse(params)
    assert {name: getattr(request, name) for name in fields} == fields


def test_only_what_the_engine_alone_can_compare_is_asked_of_it():
    filters = {"dangling": True, "label": "a", "before": "b", "since": "c", "until": "1h"}
    assert Request.parse({"filters": filters}).engine_filters == {"before": ("b",), "since": ("c",)}
    assert Request.parse({"names": ["a"]}).engine_filters == {}


def test_filters_read_as_they_were_written():
    filters = {"dangling": False, "label": ["a", "b=c"], "before": "d", "since": "e", "until": "1h"}
    assert str(Filters.parse(filters)) == "dangling=false, label=a, label=b=c, before=d, since=e, until=1h"
    assert str(Filters.parse({"dangling": True})) == "dangling=true"
    assert str(Filters.parse({"label": "a"})) == "label=a"

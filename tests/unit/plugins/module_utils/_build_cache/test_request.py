# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import (
    LARGEST,
    Guard,
    Request,
    Wildcard,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._limits import DiskUse

UNUSED = {"unused": True}


def parse(**options):
    return Request.parse({"remove": UNUSED, **options})


GLOBS = [
    # pattern, description, whether it matches
    ("*COPY *", "[stage-0 2/4] COPY a /a", True),
    ("[stage-0 2/4] COPY a /a", "[stage-0 2/4] COPY a /a", True),
    ("[stage-0 2/4]", "s", False),
    ("COPY", "[2/4] COPY a /a", False),
    ("cached mount /root/*", "cached mount /root/.npm/_cacache from exec npm ci", True),
    ("copy ?context /", "copy /context /", True),
    ("copy ?context /", "copy context /", False),
    ("***RUN***", "RUN <<EOF\necho\nEOF", True),
    ("copy .context /", "copy /context /", False),
]


@pytest.mark.parametrize(("pattern", "description", "matches"), GLOBS)
def test_a_glob_is_compared_with_the_whole_description(pattern, description, matches):
    assert Wildcard.parse(pattern).finds(description) is matches


def test_every_option_is_read():
    request = parse(
        remove={"types": ["regular"], "descriptions": ["*COPY*"]},
        keep={"younger_than": "72h", "age_by": "created", "descriptions": ["npm$"], "use_regex": True},
        target={"total_size": "20GB", "disk_used_above": 80.0, "disk_path": "/data", "order": LARGEST},
        guard={"max_records": 5, "max_percent": 50.0},
    )
    assert request.remove.matches.types == ("regular",)
    assert request.remove.matches.descriptions[0].finds("[2/4] COPY a /a")
    assert request.keep.matches.descriptions[0].finds("cached mount /npm")
    assert request.keep.younger_than.at(72 * 3600) == 0
    assert request.target.total_size.bytes == 20 * 10**9
    assert request.target.disk == DiskUse(80, 80)
    assert request.target.minds_disk
    assert request.guard == Guard(5, 50.0)


def test_what_is_not_given_is_no_limit():
    request = parse(keep=None, target=None, guard=None)
    assert request == parse()
    assert request.target is None


def test_use_regex_of_the_task_is_for_both():
    request = parse(remove={"descriptions": ["^a"]}, keep={"descriptions": ["b$"]}, use_regex=True)
    assert request.remove.matches.descriptions[0].finds("a thing")
    assert request.keep.matches.descriptions[0].finds("a thing of b")


@pytest.mark.parametrize(
    ("target", "minds"),
    [
        ({"total_size": "1GB"}, False),
        ({"total_size": "10%"}, True),
        ({"disk_used_below": 70.0}, True),
    ],
)
def test_a_file_system_is_measured_only_where_a_limit_asks_for_it(target, minds):
    assert parse(target=target).target.minds_disk is minds


REFUSED = [
    # options, beginning of the message
    ({"remove": None}, "remove: nothing selects a record: give at least one of all, unused, types and descriptions"),
    ({"remove": {"unused": False}}, "remove: nothing selects a record"),
    ({"remove": {"unusd": True}}, "remove: unknown option 'unusd'"),
    ({"remove": {"types": []}}, "remove.types: an empty list matches nothing"),
    ({"remove": {"types": ["regluar"]}}, "remove.types: 'regluar' is none of internal, frontend"),
    ({"remove": {"descriptions": []}}, "remove.descriptions: an empty list matches nothing"),
    ({"remove": {"descriptions": [" "]}}, "remove.descriptions: the empty pattern ' ' matches no description"),
    (
        {"remove": {"descriptions": ["("], "use_regex": True}},
        "remove.descriptions: '(' is not a valid regular expression",
    ),
    ({"remove": {"descriptions": [""], "use_regex": True}}, "remove.descriptions: an empty regular expression"),
    ({"remove": {"unused": True, "use_regex": True}}, "remove.use_regex: there is nothing to be read so"),
    ({"remove": UNUSED, "keep": {}}, "keep: nothing is kept"),
    ({"remove": UNUSED, "keep": {"age_by": "used"}}, "keep.age_by: there is no limit of age"),
    ({"remove": UNUSED, "keep": {"younger_than": "0h"}}, "keep.younger_than: '0h' keeps nothing"),
    ({"remove": UNUSED, "keep": {"younger_than": "3 days"}}, "keep.younger_than: '3 days' is neither"),
    ({"remove": UNUSED, "keep": {"younger_than": "1h", "age_by": "tagged"}}, "keep.age_by: 'tagged' is none of used"),
    ({"remove": UNUSED, "target": {}}, "target: nothing to reach"),
    ({"remove": UNUSED, "target": {"order": "largest"}}, "target: nothing to reach"),
    ({"remove": UNUSED, "target": {"total_size": "20"}}, "target.total_size: '20' has no unit"),
    ({"remove": UNUSED, "target": {"total_size": "1GB", "order": "oldest"}}, "target.order: 'oldest' is none of"),
    ({"remove": UNUSED, "target": {"total_size": "1GB", "disk_path": "/"}}, "target.disk_path: no limit asks for"),
    ({"remove": UNUSED, "guard": {"max_records": -1}}, "guard.max_records: -1 is not a whole number"),
    ({"remove": UNUSED, "guard": {"max_percent": 200}}, "guard.max_percent: 200 is not a percentage"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_mistake_is_refused(options, message):
    with pytest.raises(InvalidRequest) as caught:
        Request.parse(options)
    assert str(caught.value).startswith(message)

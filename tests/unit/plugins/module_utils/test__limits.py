# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._limits import DiskUse, choice, given, percent, whole

from .builders import cases

GOOD = [
    # situation, what is read, expected
    ("options that have no value are left out", lambda: given("keep", {"a": 1, "b": None}, "ab"), {"a": 1}),
    ("an option that is not given", lambda: given("keep", None, "ab"), {}),
    ("one of the choices", lambda: choice("order", "a", ("a", "b")), "a"),
    ("a whole number", lambda: whole("most", 0), 0),
    ("a percentage", lambda: percent("most", 80), 80.0),
    ("no limit of the disk", lambda: DiskUse.parse("target", {}), None),
    ("the upper limit alone is both", lambda: DiskUse.parse("target", {"disk_used_above": 80}), DiskUse(80, 80)),
    ("the lower limit alone is both", lambda: DiskUse.parse("target", {"disk_used_below": 70}), DiskUse(70, 70)),
]
BAD = [
    # situation, what is read, message
    ("unknown", lambda: given("keep", {"c": 1}, "ab"), "keep: unknown option 'c'; known are a, b"),
    ("no choice", lambda: choice("order", "c", ("a", "b")), "order: 'c' is none of a, b"),
    ("a negative number", lambda: whole("most", -1), "most: -1 is not a whole number of 0 or more"),
    ("a boolean for a number", lambda: whole("most", True), "most: True is not a whole number of 0 or more"),
    ("a part of a number", lambda: whole("most", 1.5), "most: 1.5 is not a whole number of 0 or more"),
    ("more than all", lambda: percent("most", 101), "most: 101 is not a percentage from 0 to 100"),
    ("a boolean for a percentage", lambda: percent("most", True), "most: True is not a percentage from 0 to 100"),
    (
        "limits that are the wrong way round",
        lambda: DiskUse.parse("target", {"disk_used_above": 70, "disk_used_below": 80}),
        "target.disk_used_below: 80 is more than disk_used_above: 70, so that it would never be the limit",
    ),
]


@pytest.mark.parametrize(("read", "expected"), cases(GOOD))
def test_a_limit_is_read(read, expected):
    assert read() == expected


@pytest.mark.parametrize(("read", "message"), cases(BAD))
def test_a_limit_is_refused(read, message):
    with pytest.raises(InvalidRequest) as caught:
        read()
    assert str(caught.value) == message


def disk(used, inodes_used=0):
    return FileSystem("/data", 1000, used, 1000 - used, 100, inodes_used, 100 - inodes_used)


DISKS = [
    # situation, bytes and inodes before and after, what is needed, what is missed
    ("enough room", disk(500), disk(500), 0, []),
    ("exactly at the upper limit", disk(800), disk(800), 0, []),
    ("full, and emptied", disk(900), disk(700), 200, []),
    (
        "full, and left so",
        disk(900),
        disk(900),
        200,
        ["disk_used_below is 70 %, but 90 % of the bytes of /data are used"],
    ),
    ("filled meanwhile", disk(500), disk(850), 0, ["disk_used_above is 80 %, but 85 % of the bytes of /data are used"]),
    (
        "few inodes",
        disk(500, 90),
        disk(500, 90),
        math.inf,
        ["disk_used_below is 70 %, but 90 % of the inodes of /data are used"],
    ),
]


@pytest.mark.parametrize(("before", "after", "needed", "missed"), cases(DISKS))
def test_a_disk_is_held_against_its_limits(before, after, needed, missed):
    limits = DiskUse(80, 70)
    assert limits.needed(before) == needed
    assert limits.missed(before, after) == missed

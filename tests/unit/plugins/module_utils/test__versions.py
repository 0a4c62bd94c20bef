# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._versions import parse_version, versions_of

from .builders import cases

#: Each list is in order, the oldest first.
IN_ORDER = {
    "numbers count as numbers": ["1.9", "1.10", "1.100"],
    "a pre-release comes before its release": [
        "1.10-dev",
        "1.10-alpha1",
        "1.10-beta2",
        "1.10-rc1",
        "1.10-rc2",
        "1.10-rc10",
        "1.10",
    ],
    "a pre-release comes after the release before": ["1.9", "1.10-rc1"],
    "semantic versions": ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"],
    "a v in front does not count": ["v1.9", "1.10", "v2", "2.1"],
    "attached pre-releases": ["13beta1", "13rc1", "13"],
    "Python's letters": ["1.0a1", "1.0b1", "1.0rc1", "1.0"],
    "a letter alone is no pre-release": ["1.0", "1.0-a", "1.0-b"],
    "milestones": ["5.0.0-M1", "5.0.0-M2", "5.0.0-RC1", "5.0.0"],
    "more numbers come later": ["7", "7.2", "7.2.1"],
    "a variant is of its release": ["7.2-alpine", "7.3"],
    "a pre-release of a variant": ["7.2-rc1-alpine", "7.2-alpine"],
    "revisions count as numbers": ["1.2.3-r9", "1.2.3-r10"],
    "versions of a variant's base": ["7.2-alpine3.9", "7.2-alpine3.10"],
    "dates": ["2024-01-31", "2024-02-01", "2024-10-01"],
    "dates in one number": ["20240131", "20240201"],
}
EQUAL = [("1.0", "1"), ("v1.2", "1.2"), ("1.0.0", "1.0"), ("V1", "1")]
NO_VERSIONS = ["latest", "stable", "main", "", "v", "alpine", "1a2b3c4", "e5d9f1c", "7x", "pr-12", "sha-0a1b2c", ".1"]


@pytest.mark.parametrize("tags", IN_ORDER.values(), ids=IN_ORDER.keys())
def test_versions_are_in_the_order_of_their_releases(tags):
    versions = [parse_version(tag) for tag in tags]
    assert None not in versions
    assert all(first < second for first, second in zip(versions, versions[1:]))


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_spellings_of_one_version_are_equal(one, other):
    assert parse_version(one) == parse_version(other)


@pytest.mark.parametrize("tag", NO_VERSIONS)
def test_other_tags_are_no_versions(tag):
    assert parse_version(tag) is None


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True))
def test_every_tag_can_be_read_and_compared(tag):
    version, again = parse_version(tag), parse_version(tag)
    assert (version is None and again is None) or version <= again


BESIDE = [
    # situation, tags of one repository, those that are versions from the lowest to the highest
    (
        "beside dotted versions",
        ["1.4.3", "1.4.2", "20240329", "2024-03-29", "2024.03.29", "1234567", "12b4567", "123"],
        ["1.4.2", "1.4.3"],
    ),
    ("words and hashes", ["v1.2.3-rc1", "sha-abc1234", "build-123", "1.4.2-alpine"], ["v1.2.3-rc1", "1.4.2-alpine"]),
    ("dates alone", ["20240330", "20240329", "abc1234"], ["20240329", "20240330"]),
    ("numbers of builds alone", ["100", "99", "101"], ["99", "100", "101"]),
    ("digits among hashes", ["1234567", "12b4567"], []),
    ("years that count", ["2024.10.12", "0.118", "2020.12.1", "20240329"], ["0.118", "2020.12.1", "2024.10.12"]),
    ("majors beside dotted versions", ["17", "1.8", "11", "8"], ["1.8", "8", "11", "17"]),
    ("a large major", ["121", "120.0.6099"], ["120.0.6099", "121"]),
    ("a commit behind a version says nothing", ["1.2-gabc1234", "1.3-abc1234"], ["1.2-gabc1234", "1.3-abc1234"]),
]


@pytest.mark.parametrize(("tags", "expected"), cases(BESIDE))
def test_what_stands_beside_a_tag_decides_whether_it_is_a_version(tags, expected):
    versions = versions_of(tags)
    assert sorted(versions, key=versions.get) == expected

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.plugin_utils._hosts import hosts_of

VARIABLES = {"groups": {"all": ["web-1", "web-2", "db-1"], "web": ["web-1", "web-2"], "empty": []}}

PATTERNS = [
    # situation, pattern, hosts, what is wrong
    ("none", "", [], []),
    ("a group", "web", ["web-1", "web-2"], []),
    ("several parts", "web,db-1", ["web-1", "web-2", "db-1"], []),
    ("a part that takes away", "all,!web", ["db-1"], []),
    ("a misspelt group", "wbe", [], ["keep: 'wbe' matches no host of the inventory"]),
    ("a misspelt part", "web,db-9", [], ["keep: 'db-9' matches no host of the inventory"]),
    ("a misspelt part that takes away", "web,!db-9", [], ["keep: '!db-9' matches no host of the inventory"]),
    ("a group without hosts", "empty", [], ["keep: 'empty' matches no host of the inventory"]),
    ("parts that leave nothing", "web,!web", [], ["keep: 'web,!web' matches no host of the inventory"]),
]


@pytest.mark.parametrize(
    ("pattern", "hosts", "errors"), [row[1:] for row in PATTERNS], ids=[row[0] for row in PATTERNS]
)
def test_the_hosts_of_a_pattern(pattern, hosts, errors) -> None:
    assert hosts_of("keep", pattern, VARIABLES) == (hosts, errors)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose import Likeness
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose_variables import ANYTHING
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

from ..builders import cases, digest_reference

ALIKE = [
    # situation, string with stars for what is not known, references that may be meant, others
    ("a tag", "app:*", ["app:1", "app:latest", digest_reference("app", "a1")], ["apple:1", "r.io/app:1", "x/app:1"]),
    ("part of a tag", "app:1.*", ["app:1.4", "app:1."], ["app:1", "app:2.1", digest_reference("app", "a1")]),
    ("a registry", "*/app:1", ["r.io/app:1", "r.io/team/app:1", "app:1"], ["app:2", "r.io/apple:1"]),
    ("a registry, without a tag", "*/app", ["r.io/app:latest", "app:latest"], ["r.io/app:1"]),
    ("a prefix that may be empty", "*app:1", ["app:1", "r.io/app:1", "myapp:1"], ["app:2"]),
    ("a suffix", "app*", ["app:1", "app-web:latest", digest_reference("app", "a1")], ["r.io/app:1"]),
    ("a port", "r.io:*/app:1", ["r.io:5000/app:1"], ["r.io/app:1"]),
    ("several parts", "*/team/*:1-*", ["r.io/team/app:1-x"], ["r.io/app:1-x", "r.io/team/app:2"]),
    ("overlapping parts", "app:1*1", ["app:11", "app:121"], ["app:1"]),
    ("Docker Hub spelled out", "docker.io/redis:*", ["redis:7"], ["r.io/redis:7"]),
    ("Docker Hub with library", "docker.io/library/redis:*", ["redis:7"], ["library/team/redis:7"]),
    ("the old name of Docker Hub", "index.docker.io/team/app:*", ["team/app:1"], ["app:1"]),
    ("library alone", "library/redis:*", ["redis:7"], []),
    ("everything", "*", ["app:1", "r.io/app:2", digest_reference("app", "a1")], []),
    ("a digest", "app:1@*", [digest_reference("app", "a1"), "app:1"], ["r.io/app:1"]),
    ("a digest after a port", "r.io:5000/app@*", [digest_reference("r.io:5000/app", "a1")], ["app:1"]),
]


@pytest.mark.parametrize(("text", "meant", "others"), cases(ALIKE))
def test_what_a_string_may_name(text, meant, others):
    likeness = Likeness.of(text.replace("*", ANYTHING))
    assert [name for name in meant if not likeness.matches(Reference.parse(name))] == []
    assert [name for name in others if likeness.matches(Reference.parse(name))] == []
    assert likeness.is_anything == (text == "*")

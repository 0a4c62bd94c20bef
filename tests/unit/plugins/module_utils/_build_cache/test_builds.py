# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.builds import (
    Builds,
    read_records,
    shows_build,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord

NOW = 1_800_000_000.0
OLD = CacheRecord("old", created=NOW - 5000, last_used=NOW - 4000)
FRESH = CacheRecord("fresh", created=NOW - 5000, last_used=NOW - 0.5)
AGAIN = CacheRecord("fresh", created=NOW - 5000, last_used=NOW + 0.7)
HELD = CacheRecord("held", created=NOW - 5000, in_use=True)
MADE = CacheRecord("made", created=NOW + 1, last_used=NOW + 1)

LISTINGS = [
    # situation, what each look shows, whether builds are running, seconds waited
    ("nothing there", [()], False, 0),
    ("nothing used for long", [(OLD,)], False, 0),
    ("used a moment ago, and then left alone", [(OLD, FRESH), (OLD, FRESH)], False, 1),
    ("a build that ends, and is let go of", [(OLD, HELD), (OLD, AGAIN), (OLD, AGAIN)], False, 2),
    ("a build that removes nothing but ends", [(HELD, FRESH), (FRESH,)], False, 1),
    ("a step that takes long", [(OLD, HELD)] * 3, True, 2),
    ("short steps, one after the other", [(FRESH,), (AGAIN,), (AGAIN, MADE)], True, 2),
]


@pytest.mark.parametrize(
    ("looks", "expected", "waited"), [row[1:] for row in LISTINGS], ids=[row[0] for row in LISTINGS]
)
def test_builds_are_told_by_what_they_use(looks, expected, waited):
    answers, slept = list(looks), []
    records, has_builds = read_records(lambda: answers.pop(0), NOW, Clock(lambda: 0.0, slept.append))
    assert (records, has_builds, sum(slept)) == (looks[-1], expected, waited)
    assert answers == []


def test_what_others_remove_is_no_build():
    assert not shows_build((OLD, FRESH), (OLD,))


NEEDED = [
    # situation, record, whether a build may need it
    ("of unknown age", CacheRecord("a"), True),
    ("used ten minutes ago", CacheRecord("a", created=0.0, last_used=NOW - 599), True),
    ("used before", CacheRecord("a", created=0.0, last_used=NOW - 600), False),
    ("created lately", CacheRecord("a", created=NOW - 599), True),
]


@pytest.mark.parametrize(("found", "is_needed"), [row[1:] for row in NEEDED], ids=[row[0] for row in NEEDED])
def test_what_a_build_may_need(found, is_needed):
    assert Builds.of(EngineFacts(version="28.5.2", store="containerd"), True).may_need(found, NOW) == is_needed


def test_with_containerd_of_an_older_engine_a_build_may_need_anything():
    builds = Builds.of(EngineFacts(version="26.1.5+dfsg1", store="containerd"), True)
    assert builds.may_need(OLD, NOW)
    assert builds.reason() == "with this Engine any removal can break a build"
    assert not Builds.of(EngineFacts(version="26.1.5+dfsg1", store="graphdriver"), True).may_need(OLD, NOW)

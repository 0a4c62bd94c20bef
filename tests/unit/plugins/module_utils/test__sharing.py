# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import (
    BUILD_CACHE_FIRST,
    IMAGES_FIRST,
    LARGEST,
    LEAST_RECENTLY_USED,
    Rest,
    Rivals,
)

from .builders import cases

QUEUE = [(10.0, 100), (30.0, 200), (20.0, 400)]
BEFORE = [
    # situation, order, rank of an image, bytes of build cache that are removed before it
    ("an image that was not used for longest", LEAST_RECENTLY_USED, 5.0, 0),
    ("an image of the same rank is removed first", LEAST_RECENTLY_USED, 10.0, 0),
    ("an image that was used later", LEAST_RECENTLY_USED, 11.0, 100),
    ("a record waits for those before it", LEAST_RECENTLY_USED, 25.0, 100),
    ("an image that was used last", LEAST_RECENTLY_USED, 31.0, 700),
    ("the largest", LARGEST, 25.0, 100),
    ("images first", IMAGES_FIRST, math.inf, 0),
    ("build cache first", BUILD_CACHE_FIRST, 5.0, 700),
]


@pytest.mark.parametrize(("order", "rank", "size"), cases(BEFORE))
def test_what_is_removed_before_an_image(order, rank, size) -> None:
    assert Rivals.of(QUEUE, order).before(rank) == size


RESTS = [
    # situation, needed, expected of the images, what they no longer share, left, whether the target acts
    ("the images left something", 100.0, 30, 0, 70.0, True),
    ("the images free more than was needed", 100.0, 130, 0, 0.0, True),
    ("what they no longer share is not free yet", 100.0, 130, 50, 20.0, True),
    ("no more than what they were expected to free", 100.0, 30, 50, 100.0, True),
    ("the target was met", 0.0, 0, 0, 0.0, False),
    ("everything has to be removed", math.inf, 30, 0, math.inf, True),
]


@pytest.mark.parametrize(("needed", "expected", "no_longer_shared", "left", "acts"), cases(RESTS))
def test_what_images_leave_to_the_build_cache(needed, expected, no_longer_shared, left, acts) -> None:
    rest = Rest(needed, expected)
    assert (rest.left(no_longer_shared), rest.acts) == (left, acts)

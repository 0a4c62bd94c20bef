# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""A target that images and the build cache share: whose turn it is, and what the one leaves to the other. No I/O."""

from __future__ import annotations

import bisect
import itertools
import math
import typing as t

LEAST_RECENTLY_USED, LARGEST = "least_recently_used", "largest"
IMAGES_FIRST, BUILD_CACHE_FIRST = "images_first", "build_cache_first"
ORDERS = (LEAST_RECENTLY_USED, LARGEST, IMAGES_FIRST, BUILD_CACHE_FIRST)


class Rivals(t.NamedTuple):
    """The build cache that can be removed instead of images, in its order: of each record the rank, and the bytes until then.

    What has the lowest rank is removed first, an image before a record of the same rank. A record waits for those before it
    in the queue, and has no lower rank than these.
    """

    ranks: tuple[float, ...] = ()
    sizes: tuple[int, ...] = (0,)

    @classmethod
    def of(cls, queue: t.Iterable[tuple[float, int]], order: str) -> Rivals:
        """The rank and the bytes of each record, where this order lets it come before an image at all."""
        records = [] if order == IMAGES_FIRST else list(queue)
        ranks = (-math.inf if order == BUILD_CACHE_FIRST else rank for rank, _size in records)
        sizes = itertools.accumulate((size for _rank, size in records), initial=0)
        return cls(tuple(itertools.accumulate(ranks, max)), tuple(sizes))

    def before(self, rank: float) -> int:
        """The bytes of what is removed before an image of this rank."""
        return self.sizes[bisect.bisect_left(self.ranks, rank)]


class Rest(t.NamedTuple):
    """What a target needs of images and build cache together, and what the images are expected to free of it.

    ``shared`` are the records that images shared before that: what they no longer share is not free yet.
    """

    needed: float
    expected: int
    shared: frozenset[str] = frozenset()

    @property
    def acts(self) -> bool:
        """Whether the target asked for anything."""
        return self.needed > 0

    def left(self, no_longer_shared: int) -> float:
        """The bytes that the build cache has to free."""
        return max(self.needed - max(self.expected - no_longer_shared, 0), 0.0)

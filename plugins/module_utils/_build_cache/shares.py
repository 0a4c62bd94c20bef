# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which records of the build cache images still share when some of these images are gone. No I/O.

The Engine reports that a record is shared, and not with which image. Records build on each other as the layers of the
images do that share them, so that few places in the images fit each: those at which the sizes agree, above a place that fits
the record's parent. With graph drivers a record is shared while an image has its layers (``imagerefchecker`` of the Engine).
With containerd it is shared while it is an image's last layer, or has a child that is (``imagerefchecker`` of BuildKit).
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import chain_ids

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord, ImageStep


class Layers(t.NamedTuple):
    """An image as far as records can share it: its layers by diff ID, and its history, both from the base up.

    ``content`` are the bytes of its blobs, or ``None`` where these are not known.
    """

    image_id: str
    diff_ids: tuple[str, ...] = ()
    steps: tuple[ImageStep, ...] = ()
    content: int | None = None


@dataclasses.dataclass
class _Place:
    """A layer on top of certain others, as images have it: what its size and time may be, and which images have it."""

    parent: str
    steps: set[ImageStep] = dataclasses.field(default_factory=set)
    content: int | None = 0
    images: set[str] = dataclasses.field(default_factory=set)
    whole_images: set[str] = dataclasses.field(default_factory=set)


def still_shared(
    records: Sequence[CacheRecord], images: Iterable[Layers], left: Collection[str], in_image_store: bool
) -> dict[str, bool | None]:
    """Of each shared record, whether it is when only these images are left; ``None`` where that cannot be known."""
    search = _Search(records, images, in_image_store)
    verdicts: dict[str, bool | None] = {}
    # Children before their parents: what has a shared child is shared.
    for record in reversed(search.records):
        found = [_verdict(search.holders(record.id), left), *(verdicts[key] for key in search.children[record.id])]
        verdicts[record.id] = True if True in found else None if None in found else False
    return verdicts


def _verdict(holders: Sequence[Collection[str]], left: Collection[str]) -> bool | None:
    """Whether one of the images is left that have a place, by all places that a record may have."""
    stays = {any(image in left for image in images) for images in holders}
    return stays.pop() if len(stays) == 1 else None


class _Search:
    """The places that fit each shared record, parents before their children."""

    def __init__(self, records: Sequence[CacheRecord], images: Iterable[Layers], in_image_store: bool) -> None:
        self._in_image_store = in_image_store
        self._places = _places(images)
        self._above: dict[str, list[str]] = {}
        self._by_size: dict[int, list[str]] = {}
        for chain, place in self._places.items():
            self._above.setdefault(place.parent, []).append(chain)
            for size in {step.size for step in place.steps}:
                self._by_size.setdefault(size, []).append(chain)
        shared = {record.id: record for record in records if record.shared}
        self.records = tuple(_parents_first(shared))
        self.children: dict[str, list[str]] = {record_id: [] for record_id in shared}
        for record in self.records:
            for parent in record.parents:
                if parent in shared:
                    self.children[parent].append(record.id)
        self._fitting: dict[str, set[str]] = {}
        for record in self.records:
            self._fitting[record.id] = self._first_guess(record)
        self._narrow()
        self._prefer_same_time()

    def holders(self, record_id: str) -> list[Collection[str]]:
        """The images by which a record is shared, for each place that it may have."""
        places = [self._places[chain] for chain in self._fitting[record_id]]
        return [place.whole_images if self._in_image_store else place.images for place in places]

    def _first_guess(self, record: CacheRecord) -> set[str]:
        """The places that fit a record by itself and by its parent."""
        parent = self._parent_of(record)
        if parent is None:
            # With graph drivers, the record of a base is all its layers in one, and shows no size.
            base = self._above.get("", ()) if self._in_image_store and not record.parents else self._places
            return {chain for chain in base if self._fits_blobs(record, self._places[chain])}
        below = self._fitting[parent]
        if self._in_image_store:
            above = (chain for chain_below in below for chain in self._above.get(chain_below, ()))
            return {chain for chain in above if self._fits_blobs(record, self._places[chain])}
        return {chain for chain in self._by_size.get(record.size, ()) if self._places[chain].parent in below}

    def _fits_blobs(self, record: CacheRecord, place: _Place) -> bool:
        """With containerd, a record's size is that of its snapshot, of its blob, or of both."""
        if not self._in_image_store or place.content is None:
            return True
        return record.size <= max((step.size for step in place.steps), default=0) + place.content

    def _parent_of(self, record: CacheRecord) -> str | None:
        """The only parent, if it is shared too. What merges several has layers that nothing shows."""
        return record.parents[0] if len(record.parents) == 1 and record.parents[0] in self._fitting else None

    def _narrow(self) -> None:
        """Keep the places that fit what fits the children, and then the parents."""
        for record in reversed(self.records):
            if not self.children[record.id] and self._in_image_store:
                self._keep(record.id, {chain for chain, place in self._places.items() if place.whole_images})
            parent = self._parent_of(record)
            if parent is not None:
                self._keep(parent, {self._places[chain].parent for chain in self._fitting[record.id]})
        self._narrow_upwards()

    def _narrow_upwards(self) -> None:
        for record in self.records:
            parent = self._parent_of(record)
            if parent is not None:
                below = self._fitting[parent]
                fitting = self._fitting[record.id]
                self._keep(record.id, {chain for chain in fitting if self._places[chain].parent in below})

    def _prefer_same_time(self) -> None:
        """Of several places, those that a history dates as the record: a step's date is that of its record, but for a base."""
        for record in self.records:
            if record.created is None or self._parent_of(record) is None:
                continue
            second = int(record.created)
            dated = {
                chain
                for chain in self._fitting[record.id]
                if any(step.created == second for step in self._places[chain].steps)
            }
            self._keep(record.id, dated or self._fitting[record.id])
        self._narrow_upwards()

    def _keep(self, record_id: str, places: set[str]) -> None:
        self._fitting[record_id] = self._fitting[record_id] & places


def _parents_first(records: Mapping[str, CacheRecord]) -> Iterator[CacheRecord]:
    done: set[str] = set()
    for first in sorted(records):
        pending = [first]
        while pending:
            record = records[pending[-1]]
            missing = [parent for parent in record.parents if parent in records and parent not in done]
            pending += missing
            if not missing:
                pending.pop()
                if record.id not in done:
                    done.add(record.id)
                    yield record


def _places(images: Iterable[Layers]) -> dict[str, _Place]:
    """Every layer of every image, by the chain ID of it and what is below."""
    places: dict[str, _Place] = {}
    for image in images:
        below = ""
        chains = chain_ids(image.diff_ids)
        for number, chain in enumerate(chains):
            place = places.setdefault(chain, _Place(below))
            place.images.add(image.image_id)
            place.steps.update(_steps_of(image, number))
            known = place.content is not None and image.content is not None
            place.content = max(place.content or 0, image.content or 0) if known else None
            below = chain
        if chains:
            places[below].whole_images.add(image.image_id)
    return places


def _steps_of(image: Layers, number: int) -> Iterator[ImageStep]:
    """The steps of the history that may have made a layer: those without a size may have made one or not."""
    layers = len(image.diff_ids)
    empty_layers = layers - sum(1 for step in image.steps if step.size)
    for index, step in enumerate(image.steps):
        before = sum(1 for other in image.steps[:index] if other.size)
        empty_before, empty_after = index - before, sum(1 for other in image.steps[index + 1 :] if not other.size)
        used = number - before
        rest = empty_layers - used - (not step.size)
        if 0 <= used <= empty_before and 0 <= rest <= empty_after:
            yield step

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""How many bytes a removal sets free, for certain and most likely, and which layers. No I/O.

On the graphdriver store, with layer data, it is exact: a layer goes when no other image, container or mount holds a chain
with it (``layer/layer_store.go``). Without, the certain bytes are a lower bound from the sizes that the Engine lists. The
containerd store keeps each layer twice, as a snapshot and as the blob it was unpacked from; nothing is exact there, and
the best estimate is of both.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import GRAPHDRIVER
from ansible_collections.imagewarden.docker.plugins.module_utils._store.uses import uses_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import BuildCache, Image, Snapshot


class Release(t.NamedTuple):
    """What deleting one image sets free: bytes for certain, whether that is exact, and chain IDs from the top to the base.

    ``expected`` are the bytes that it most likely sets free, if these are more than the certain ones.
    """

    size: int
    is_exact: bool
    layers: tuple[str, ...] = ()
    expected: int = 0

    @property
    def most_likely(self) -> int:
        """The best estimate."""
        return self.size if self.is_exact else max(self.size, self.expected)


class Freed(t.NamedTuple):
    """What a sequence of removals sets free: bytes for certain, and bytes most likely; the same where ``is_exact``."""

    certain: int = 0
    expected: int = 0
    is_exact: bool = True


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The chain ID of each layer from the base up (OCI image specification, "Layer ChainID")."""
    chains: list[str] = []
    for diff_id in diff_ids:
        if chains:
            diff_id = "sha256:" + hashlib.sha256(f"{chains[-1]} {diff_id}".encode()).hexdigest()
        chains.append(diff_id)
    return tuple(chains)


def freed(releases: Iterable[Release], build_cache: BuildCache | None) -> Freed:
    """What these releases set free together, whatever BuildKit holds.

    A record that shares a layer may keep it: one with a size no more than that, one without as much as a whole image.
    """
    releases = list(releases)
    expected = sum(release.most_likely for release in releases)
    if all(release.is_exact for release in releases):
        return Freed(expected, expected, True)
    if build_cache is None:
        return Freed(0, expected, False)
    sizes = sorted((release.size for release in releases), reverse=True)
    certain = sum(sizes[build_cache.shared_without_size :]) - build_cache.shared_bytes
    return Freed(max(certain, 0), expected, False)


def counted_share(snapshot: Snapshot) -> float:
    """How much of the bytes that deletions set free the Engine's total of all images counts: before 28.2, snapshots only."""
    if snapshot.engine.counts_blobs:
        return 1.0
    sizes = [(image.unpacked, image.size) for image in snapshot.images if image.unpacked is not None and image.size]
    return sum(unpacked for unpacked, _size in sizes) / sum(size for _unpacked, size in sizes) if sizes else 0.5


class SpaceLedger:
    """Which layers are held, and what each deletion in turn sets free."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._images = {image.id: image for image in snapshot.images}
        self._uses = uses_of(snapshot)
        #: What a container holds whose image is gone cannot be told from the listing.
        self._has_orphans = not set(self._uses.made_from) <= set(self._images)
        self._is_graphdriver = snapshot.engine.store == GRAPHDRIVER
        self._content = None if self._is_graphdriver else ContentLedger(snapshot)
        self._chains = {
            image.id: chain_ids(image.layers)
            for image in snapshot.images
            if self._is_graphdriver and image.layers is not None
        }
        #: A chain's size is known where it is some image's whole.
        self._sizes = {chains[-1]: self._images[i].size for i, chains in self._chains.items() if chains}
        self._holders: dict[str, int] = {}
        self._knows_layers = self._is_graphdriver and len(self._chains) == len(self._images)
        self._knows_holders = self._knows_layers and self._count_holders(snapshot)
        cache = snapshot.build_cache
        self._is_exact = self._knows_holders and cache is not None and cache.records == 0

    def release(self, image_id: str) -> Release:
        """Delete this image from the ledger, and tell what that sets free."""
        image = self._images[image_id]
        if not self._knows_layers:
            least = self._least(image)
            expected = self._own(image) if self._content is None else self._content.release(image_id)
            if self._uses.holders(image_id):
                least = expected = 0
            return Release(least, False, expected=expected if expected > least else 0)
        chains = self._chains[image_id]
        for chain in chains:
            self._holders[chain] -= 1
        kept = sum(1 for chain in chains if self._holders[chain] > 0)
        low, high = self._freed(image, chains, kept)
        layers = tuple(reversed(chains[kept:]))
        if not self._knows_holders:
            return Release(0, False, layers, low)
        return Release(low, self._is_exact and low == high, layers)

    def _count_holders(self, snapshot: Snapshot) -> bool:
        """Count who holds each chain. Whether all of them are known: an image mount's name may have moved since."""
        held = list(self._chains.values())
        knows_all = True
        by_directory = {
            directory: chain
            for image_id, chains in self._chains.items()
            for directory, chain in zip(self._images[image_id].layer_directories, chains)
        }
        for container in snapshot.containers:
            if container.image_id in self._chains:
                held.append(self._chains[container.image_id])
            else:
                # Its image is gone, and its layers are not: overlay2 tells them by their directories.
                held.append(
                    tuple(
                        by_directory[directory]
                        for directory in container.layer_directories
                        if directory in by_directory
                    )
                )
                knows_all = knows_all and bool(container.layer_directories)
        for image_id, containers in self._uses.mounting.items():
            held += [self._chains.get(image_id, ())] * len(containers)
        for chains in held:
            for chain in chains:
                self._holders[chain] = self._holders.get(chain, 0) + 1
        return knows_all and not self._uses.has_mounts

    def _least(self, image: Image) -> int:
        """The bytes that only this image holds, by the Engine's listing; none where a container may hold them too.

        The snapshots of an image that was committed or built by the classic builder hang on the one that its container was
        set up in (``image_snapshot.go``). It is added up in what is unpacked, and in no shared size: then only the history
        is a lower bound.
        """
        if self._has_orphans:
            return 0
        is_added_up = bool(image.all_parents) and image.layers is None
        if not self._is_graphdriver and (image.unpacked is None or is_added_up):
            return 0
        return self._own(image)

    def _own(self, image: Image) -> int:
        size = image.size if self._is_graphdriver else image.unpacked or 0
        return 0 if image.shared_size is None else max(size - image.shared_size, 0)

    def _freed(self, image: Image, chains: Sequence[str], kept: int) -> tuple[int, int]:
        """The least and the most bytes of the layers above the first ``kept``."""
        if kept == len(chains):
            return 0, 0
        if kept == 0:
            return image.size, image.size
        if chains[kept - 1] in self._sizes:
            freed = max(image.size - self._sizes[chains[kept - 1]], 0)
            return freed, freed
        return _split_history(image.size, image.layer_sizes, len(chains), kept)


def _split_history(size: int, history: Sequence[int] | None, layers: int, kept: int) -> tuple[int, int]:
    """The same from the history, which also lists steps without a layer, and tells them from empty layers by nothing.

    Of its entries, those with a size are layers for certain; the rest of the layers are among those without.
    """
    if history is None or sum(history) != size or len(history) < layers:
        return 0, size
    sized = [entry for entry in history if entry > 0]
    empty_layers = layers - len(sized)
    if empty_layers < 0:
        return 0, size
    least_sized, most_sized = max(kept - empty_layers, 0), min(kept, len(sized))
    return size - sum(sized[:most_sized]), size - sum(sized[:least_sized])


class ContentLedger:
    """What deletions set free on the containerd store, most likely: snapshots, and the blobs that they were unpacked from.

    Where every image's layers are known, both are counted by chain ID. An image's blobs are what it has beyond its
    snapshots, so that those of a chain are known which is some image's whole, or, from Engine 29.5 on, which an image shares
    with others. In between they are taken to compress alike. Otherwise the listing tells one image's own.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._engine = snapshot.engine
        self._images = {image.id: image for image in snapshot.images}
        self._knows_layers = snapshot.knows_layers
        self._chains = {image.id: chain_ids(image.layers or ()) for image in snapshot.images}
        self._holders: dict[str, int] = {}
        for chain in (chain for chains in self._chains.values() for chain in chains):
            self._holders[chain] = self._holders.get(chain, 0) + 1
        #: Of each chain, the bytes of its snapshots, and of its blobs where they are known.
        self._snapshots: dict[str, int] = {}
        self._blobs: dict[str, int] = {}
        for image in snapshot.images if self._knows_layers else ():
            self._add(image, self._chains[image.id])

    def release(self, image_id: str) -> int:
        """Delete this image from the ledger: the bytes that this most likely sets free."""
        image, chains = self._images[image_id], self._chains[image_id]
        if not (self._knows_layers and chains):
            return self._listed(image)
        for chain in chains:
            self._holders[chain] -= 1
        kept = sum(1 for chain in chains if self._holders[chain] > 0)
        snapshots = _unpacked(image) - self._snapshots_of(chains[:kept])
        return max(snapshots, 0) + max(_content(image) - self._blobs_of(image, chains, kept), 0)

    def _add(self, image: Image, chains: Sequence[str]) -> None:
        """Note what this image shows of the chains that it is made of."""
        sizes = _sizes_of_layers(image)
        for number, chain in enumerate(chains, start=1):
            self._snapshots.setdefault(chain, sum(sizes[:number]))
        if not chains:
            return
        whole = self._blobs.setdefault(chains[-1], _content(image))
        self._blobs[chains[-1]] = min(whole, _content(image))
        shared = sum(1 for chain in chains if self._holders[chain] > 1)
        if self._engine.shares_blobs and image.shared_size is not None and 0 < shared < len(chains):
            blobs = max(image.shared_size - self._snapshots_of(chains[:shared]), 0)
            self._blobs.setdefault(chains[shared - 1], blobs)

    def _snapshots_of(self, chains: Sequence[str]) -> int:
        return self._snapshots[chains[-1]] if chains else 0

    def _blobs_of(self, image: Image, chains: Sequence[str], kept: int) -> int:
        """The bytes of the blobs of the first ``kept`` layers."""
        if kept == 0:
            return 0
        if chains[kept - 1] in self._blobs:
            return self._blobs[chains[kept - 1]]
        below = max((number for number in range(1, kept) if chains[number - 1] in self._blobs), default=0)
        base = self._blobs[chains[below - 1]] if below else 0
        low, here, high = (self._snapshots_of(chains[:number]) for number in (below, kept, len(chains)))
        share = (here - low) / (high - low) if high > low else 0.0
        return base + int(max(_content(image) - base, 0) * share)

    def _listed(self, image: Image) -> int:
        """The bytes of an image alone that its listing shows."""
        shared = image.shared_size
        if shared is None:
            return 0
        if self._engine.shares_blobs or not shared:
            return max(image.size - shared, 0)
        if image.unpacked is None:
            # Nothing shows how much of the size is blobs. Layers are often half as large when they are compressed.
            return max(image.size - shared - shared // 2, 0)
        return max(image.unpacked - shared, 0) + max(_content(image) - self._shared_content(image, shared), 0)

    def _shared_content(self, image: Image, shared: int) -> int:
        """The blobs of shared snapshots: those of an image that is just these, or as much as all of them compress."""
        bases = [_content(other) for other in self._images.values() if other is not image and other.unpacked == shared]
        return min(bases) if bases else int(_content(image) * min(shared / max(_unpacked(image), 1), 1.0))


def _unpacked(image: Image) -> int:
    return image.unpacked or 0


def _content(image: Image) -> int:
    return max(image.size - _unpacked(image), 0)


def _sizes_of_layers(image: Image) -> list[int]:
    """The size of each layer from the base up, from a history that also lists steps without a layer."""
    layers, history = len(image.layers or ()), list(image.layer_sizes or ())
    sized = history if len(history) == layers else [size for size in history if size > 0]
    return (sized + [0] * layers)[:layers]

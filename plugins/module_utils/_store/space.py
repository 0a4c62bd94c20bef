# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""How many bytes a removal sets free, and which layers. No I/O.

Without layer data this is a lower bound from the sizes that the Engine lists. With it, on the graphdriver store, it is
exact: a layer goes when no other image, container or mount holds a chain with it (``layer/layer_store.go``).
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


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The chain ID of each layer from the base up (OCI image specification, "Layer ChainID")."""
    chains: list[str] = []
    for diff_id in diff_ids:
        if chains:
            diff_id = "sha256:" + hashlib.sha256(f"{chains[-1]} {diff_id}".encode()).hexdigest()
        chains.append(diff_id)
    return tuple(chains)


def least_total(releases: Iterable[Release], build_cache: BuildCache | None) -> int:
    """The bytes that these releases set free for certain, whatever BuildKit holds.

    A record that shares a layer may keep it: one with a size no more than that, one without as much as a whole image.
    """
    sizes = sorted((release.size for release in releases), reverse=True)
    if build_cache is None:
        return 0
    return max(sum(sizes[build_cache.shared_without_size :]) - build_cache.shared_bytes, 0)


class SpaceLedger:
    """Which layers are held, and what each deletion in turn sets free."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._images = {image.id: image for image in snapshot.images}
        self._in_use = {container.image_id for container in snapshot.containers}
        #: What a container holds whose image is gone cannot be told from the listing.
        self._has_orphans = not self._in_use <= set(self._images)
        self._is_graphdriver = snapshot.engine.store == GRAPHDRIVER
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
            least, expected = self._least(image), self._expected(image)
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
        by_folder = {
            folder: chain
            for image_id, chains in self._chains.items()
            for folder, chain in zip(self._images[image_id].layer_folders, chains)
        }
        for container in snapshot.containers:
            if container.image_id in self._chains:
                held.append(self._chains[container.image_id])
            else:
                # Its image is gone, and its layers are not: overlay2 tells them by their folders.
                held.append(tuple(by_folder[folder] for folder in container.layer_folders if folder in by_folder))
                knows_all = knows_all and bool(container.layer_folders)
        uses = uses_of(snapshot)
        for image_id, containers in uses.mounting.items():
            held += [self._chains.get(image_id, ())] * len(containers)
        for chains in held:
            for chain in chains:
                self._holders[chain] = self._holders.get(chain, 0) + 1
        return knows_all and not uses.has_mounts

    def _least(self, image: Image) -> int:
        """The bytes that only this image holds, by the Engine's listing; none where a container holds them too."""
        knows_size = self._is_graphdriver or image.unpacked is not None
        return self._expected(image) if knows_size and not self._has_orphans else 0

    def _expected(self, image: Image) -> int:
        """The same where a container whose image is gone is passed over, and at the least half of an image is unpacked.

        Before API 1.48 the containerd store tells the size of an image with its content, which is hardly ever larger than
        what is unpacked of it.
        """
        size = image.size if self._is_graphdriver else image.unpacked
        if size is None:
            size = image.size // 2
        if image.shared_size is None or image.id in self._in_use:
            return 0
        return max(size - image.shared_size, 0)

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

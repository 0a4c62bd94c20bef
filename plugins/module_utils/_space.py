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

from ansible_collections.imagewarden.docker.plugins.module_utils._snapshot import GRAPHDRIVER

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._snapshot import Image, Snapshot


class Release(t.NamedTuple):
    """What deleting one image sets free: bytes, whether that is exact, and chain IDs from the top to the base."""

    size: int
    is_exact: bool
    layers: t.Tuple[str, ...] = ()


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The chain ID of each layer from the base up (OCI image specification, "Layer ChainID")."""
    chains: list[str] = []
    for diff_id in diff_ids:
        if chains:
            diff_id = "sha256:" + hashlib.sha256(f"{chains[-1]} {diff_id}".encode()).hexdigest()
        chains.append(diff_id)
    return tuple(chains)


class SpaceLedger:
    """Which layers are held, and what each deletion in turn sets free."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._images = {image.id: image for image in snapshot.images}
        self._in_use = {container.image_id for container in snapshot.containers}
        self._is_graphdriver = snapshot.engine.store == GRAPHDRIVER
        self._chains = {
            image.id: chain_ids(image.layers)
            for image in snapshot.images
            if self._is_graphdriver and image.layers is not None
        }
        #: Whether every layer's holders are known: BuildKit's are in no API, nor are those of images already gone.
        self.knows_layers = (
            self._is_graphdriver and len(self._chains) == len(self._images) and self._in_use <= set(self._images)
        )
        self._is_exact = self.knows_layers and snapshot.build_cache == 0 and not any(
            container.mounted_images for container in snapshot.containers
        )
        self._holders: dict[str, int] = {}
        if self.knows_layers:
            holders = list(self._images) + [container.image_id for container in snapshot.containers]
            for image_id in holders:
                for chain in self._chains[image_id]:
                    self._holders[chain] = self._holders.get(chain, 0) + 1
        #: A chain's size is known where it is some image's whole.
        self._sizes = {chains[-1]: self._images[i].size for i, chains in self._chains.items() if chains}

    def release(self, image_id: str) -> Release:
        """Delete this image from the ledger, and tell what that sets free."""
        image = self._images[image_id]
        if not self.knows_layers:
            return Release(self._least(image), False)
        chains = self._chains[image_id]
        for chain in chains:
            self._holders[chain] -= 1
        kept = sum(1 for chain in chains if self._holders[chain] > 0)
        low, high = self._freed(image, chains, kept)
        return Release(low, self._is_exact and low == high, tuple(reversed(chains[kept:])))

    def _least(self, image: Image) -> int:
        """The bytes that only this image holds, by the Engine's listing; none where a container holds them too."""
        if image.shared_size is None or image.id in self._in_use or not self._is_graphdriver:
            return 0
        return max(image.size - image.shared_size, 0)

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

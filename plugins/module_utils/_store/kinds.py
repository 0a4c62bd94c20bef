# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which store model speaks for an Engine: the only place outside the Engine's JSON that asks for the store by its name. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD, GRAPHDRIVER
from ansible_collections.imagewarden.docker.plugins.module_utils._store.containerd import ContainerdStore
from ansible_collections.imagewarden.docker.plugins.module_utils._store.graphdriver import GraphdriverStore

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
    from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import StoreModel

_KINDS: dict[str, type[StoreModel]] = {GRAPHDRIVER: GraphdriverStore, CONTAINERD: ContainerdStore}


def store_kind(engine: EngineFacts) -> type[StoreModel]:
    """The model of this Engine's store. What it says of the store as such needs no snapshot."""
    return _KINDS[engine.store]

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    EngineFacts,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._store.containerd import ContainerdStore
from ansible_collections.imagewarden.docker.plugins.module_utils._store.graphdriver import GraphdriverStore
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind

KINDS = [(GRAPHDRIVER, GraphdriverStore), (CONTAINERD, ContainerdStore)]


@pytest.mark.parametrize(("store", "expected"), KINDS, ids=[row[0] for row in KINDS])
def test_an_engine_s_store_has_its_model(store, expected):
    assert store_kind(EngineFacts(store=store)) is expected

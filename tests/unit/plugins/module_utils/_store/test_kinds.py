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

from ..builders import cases, digest_reference, image

PUSHED, OTHER = digest_reference("r.io/app", "d1"), digest_reference("other.io/app", "d1")

KINDS = [(GRAPHDRIVER, GraphdriverStore), (CONTAINERD, ContainerdStore)]


@pytest.mark.parametrize(("store", "expected"), KINDS, ids=[row[0] for row in KINDS])
def test_an_engine_s_store_has_its_model(store, expected):
    assert store_kind(EngineFacts(store=store)) is expected


NAMES = [
    # situation, store, image, what registries would know it by
    (
        "digests, graphdriver",
        GraphdriverStore,
        image("a1", "r.io/app:1", PUSHED, OTHER),
        [OTHER, PUSHED],
    ),
    ("none, graphdriver", GraphdriverStore, image("a1", "r.io/app:1"), []),
    (
        "the ID in each repository, containerd",
        ContainerdStore,
        image("a1", "r.io/app:1", "r.io/app:2", "b:1"),
        [digest_reference("b", "a1"), digest_reference("r.io/app", "a1")],
    ),
    ("untagged, containerd", ContainerdStore, image("a1"), []),
]


@pytest.mark.parametrize(("store", "part", "expected"), cases(NAMES))
def test_exactly_this_content_is_asked_registries_for(store, part, expected):
    assert [reference.familiar for reference in store.names_in_registries(part)] == expected


# What the Engines' sources say of the stores: graph drivers, containerd.
FACTS = [
    ("names_layers", True, False),
    ("hides_parents", True, False),
    ("commits_without_image", False, True),
    ("minds_names_like_ids", False, True),
    ("holds_build_cache", False, True),
    ("identifies_by_configuration", True, False),
]


@pytest.mark.parametrize(("fact", "graphdriver", "containerd"), FACTS, ids=[row[0] for row in FACTS])
def test_what_tells_the_stores_apart(fact, graphdriver, containerd):
    assert (getattr(GraphdriverStore, fact), getattr(ContainerdStore, fact)) == (graphdriver, containerd)

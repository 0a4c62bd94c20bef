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

from ..builders import cases, digest_reference, image, image_id

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


DANGLING = [
    # situation, image, IDs that are parents, whether it is: with graph drivers, with containerd
    ("no name", image("a1"), (), True, True),
    ("a tag", image("a1", "app:1"), (), False, False),
    ("only a digest", image("a1", PUSHED), (), True, False),
    ("a parent without a name", image("a1"), (image_id("a1"),), False, True),
    ("a parent with a tag", image("a1", "app:1"), (image_id("a1"),), False, False),
    ("a name that cannot be read", image("a1", names_unread=("?",)), (), True, False),
    ("names and a dangling record", image("a1", "app:1", has_dangling_record=True), (), False, False),
]


@pytest.mark.parametrize(("part", "parents", "graphdriver", "containerd"), cases(DANGLING))
def test_what_an_engine_lists_as_dangling(part, parents, graphdriver, containerd):
    assert bool(GraphdriverStore.is_dangling(part, parents)) is graphdriver
    assert bool(ContainerdStore.is_dangling(part, parents)) is containerd


PUSHES = [
    # situation, image, whether something shows a push or a pull: with graph drivers, with containerd
    ("a tag", image("a1", "app:1"), False, False),
    ("a tag and a digest of a registry", image("a1", "app:1", PUSHED, digests=(PUSHED,)), True, True),
    ("a tag and a digest that the store makes up", image("a1", "app:1", digests=(PUSHED,)), True, False),
]


@pytest.mark.parametrize(("part", "graphdriver", "containerd"), cases(PUSHES))
def test_what_shows_that_an_image_was_pushed_or_pulled(part, graphdriver, containerd):
    assert (GraphdriverStore.why_unpushed(part) is None) is graphdriver
    assert (ContainerdStore.why_unpushed(part) is None) is containerd


def test_which_names_that_an_inspection_shows_are_records():
    shown = image("a1", "app:1", PUSHED).references
    assert GraphdriverStore.recorded(shown) == frozenset(shown)
    assert [reference.familiar for reference in ContainerdStore.recorded(shown)] == ["app:1"]


def test_a_digest_is_found_by_its_owner_whatever_the_tag_with_graph_drivers():
    pulled = image("a1", "app:1", PUSHED)
    (digest,) = (reference for reference in pulled.references if reference.digest)
    owners, images = dict.fromkeys(pulled.references, pulled), {pulled.id: pulled}
    for named in (digest, digest._replace(tag="9")):
        assert GraphdriverStore.find_digest(named, owners, images) == (pulled.id, digest)
    assert GraphdriverStore.find_digest(digest._replace(path="none"), owners, images) is None

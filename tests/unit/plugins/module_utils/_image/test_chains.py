# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._image.chains import chains
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import plan_removal
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Request

from ..builders import STORES, cases, container, image, snapshot

BASE = image("b1", "base:1")

CHAINS = [
    # situation, images and containers, patterns, chains by their targets
    ("nothing", [BASE], ["app"], []),
    ("images that nothing links", [image("a1", "app:1"), image("a2", "app:2")], ["app"], [["app:1"], ["app:2"]]),
    ("the names of one image", [image("a1", "app:1", "r.io/app:1")], ["**"], [["app:1", "r.io/app:1"]]),
    (
        "children of a parent that keeps its name",
        [BASE, image("a1", "app:1", parent="b1"), image("a2", "app:2", parent="b1")],
        ["app"],
        [["app:1"], ["app:2"]],
    ),
    (
        "children of a parent that is removed too",
        [BASE, image("a1", "app:1", parent="b1"), image("a2", "app:2", parent="b1"), image("c1", "other:1")],
        ["**"],
        [["app:1", "app:2", "base:1"], ["other:1"]],
    ),
    (
        "children of an untagged parent",
        [image("b1"), image("a1", "app:1", parent="b1"), image("a2", "app:2", parent="b1")],
        ["app"],
        [["app:1", "app:2"]],
    ),
    (
        "children of an untagged parent that a container needs",
        [image("b1"), image("a1", "app:1", parent="b1"), image("a2", "app:2", parent="b1"), container("web", of="b1")],
        ["app"],
        [["app:1", "app:2"]],
    ),
    (
        "untagged parents in a row",
        [image("b1"), image("b2", parent="b1"), image("a1", "app:1", parent="b2"), image("a2", "app:2", parent="b1")],
        ["app"],
        [["app:1", "app:2"]],
    ),
    (
        "a parent that is not on the host",
        [image("a1", "app:1", parent="b1"), image("a2", "app:2", parent="b1")],
        ["app"],
        [["app:1"], ["app:2"]],
    ),
]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(("parts", "patterns", "expected"), cases(CHAINS))
def test_what_depends_on_each_other_is_in_one_chain_in_the_order_of_the_plan(parts, patterns, expected, store):
    plan = plan_removal(snapshot(*parts, store=store), Request.parse({"patterns": patterns}), 0.0)
    found = [[step.candidate.target for step in chain] for chain in chains(plan)]
    assert found == expected
    # Sorted in chains, no step is lost, and those of a chain keep their order.
    order = [step.candidate.target for step in plan.steps]
    assert sorted(order) == sorted(target for chain in found for target in chain)
    assert all(chain == [target for target in order if target in chain] for chain in found)

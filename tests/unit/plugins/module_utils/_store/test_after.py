# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    dangling_reference,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results

from ..builders import cases, container, image, image_id, snapshot

HOST = (
    image("a1", "app:1", "app:2"),
    image("b1", "base:1"),
    image("c1", parent="b1"),
    container("web", of="a1"),
    container("db", of="b1"),
)


AFTER = [
    # situation, results, images that are left with their names, containers that are left
    ("nothing", [], {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []}, ["db", "web"]),
    (
        "a reference untagged",
        [{"untagged": ["app:1"], "deleted": []}],
        {"a1": ["app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "an image deleted",
        [{"untagged": ["app:1", "app:2"], "deleted": [image_id("a1")]}],
        {"b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "a container removed",
        [{"containers": [{"id": container("web", of="a1").id, "action": "removed"}]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db"],
    ),
    (
        "a container kept",
        [{"containers": [{"id": container("web", of="a1").id, "action": "kept"}]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "a result without a container's ID",
        [{"containers": [{"action": "removed"}]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "two tasks",
        [{"untagged": ["app:1"]}, {"untagged": ["app:2"], "deleted": [image_id("a1")]}],
        {"b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "what is not there any more",
        [{"untagged": ["gone:1"], "deleted": [image_id("f1")]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "a skipped task",
        [{"skipped": True, "changed": False}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "another collection's, whose containers are names",
        [{"containers": ["db", "web"]}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
    (
        "lists that are null",
        [{"untagged": None, "deleted": None, "containers": None}],
        {"a1": ["app:1", "app:2"], "b1": ["base:1"], "c1": []},
        ["db", "web"],
    ),
]


@pytest.mark.parametrize(("results", "images", "containers"), cases(AFTER))
def test_earlier_results_change_the_snapshot(results, images, containers):
    after = after_results(snapshot(*HOST), results)
    assert {entry.id: [reference.familiar for reference in entry.references] for entry in after.images} == {
        image_id(digits): names for digits, names in images.items()
    }
    assert sorted(entry.name for entry in after.containers) == containers


def test_a_deleted_parent_is_no_parent_any_more_on_the_graphdriver_store():
    results = [{"untagged": ["base:1"], "deleted": [image_id("b1")]}]
    assert after_results(snapshot(*HOST), results).parents == frozenset()
    assert after_results(snapshot(*HOST, store=CONTAINERD), results).parents == {image_id("b1")}


def test_an_image_that_lost_its_last_name_is_kept_by_a_dangling_record_on_the_containerd_store():
    results = [{"untagged": ["base:1"], "deleted": []}]
    for store, kept in ((GRAPHDRIVER, False), (CONTAINERD, True)):
        (base,) = after_results(snapshot(image("b1", "base:1"), store=store), results).images
        assert base.has_dangling_record is kept
        assert base.references == ()


def test_a_digest_that_was_untagged_is_no_digest_of_the_image_any_more():
    digest = f"app@{image_id('d1')}"
    pulled = image("a1", "app:1", digest, "other:1", digests=(digest,))
    (after,) = after_results(snapshot(pulled), [{"untagged": ["app:1", digest]}]).images
    assert after.digests == ()


def test_what_was_really_committed_is_there_only_if_it_is_listed():
    entry = {
        "reference": "attic/web:1",
        "container_id": "c",
        "parent_id": image_id("b1"),
        "image_id": image_id("e1"),
        "created": "2024-01-01T00:00:00Z",
    }
    foretold = {**entry, "image_id": None}
    assert len(after_results(snapshot(*HOST), [{"committed": [entry]}]).images) == len(snapshot(*HOST).images)
    assert len(after_results(snapshot(*HOST), [{"committed": [foretold]}]).images) == len(snapshot(*HOST).images) + 1


def test_a_dangling_record_that_was_untagged_is_gone():
    named = image("a1", "app:1", has_dangling_record=True)
    results = [{"untagged": [dangling_reference(named.id).familiar]}]
    (after,) = after_results(snapshot(named, store=CONTAINERD), results).images
    assert not after.has_dangling_record
    assert after.references == named.references


def test_a_dangling_record_has_the_parent_of_the_last_name():
    last = Reference.parse("app:2")
    named = image("a1", "app:1", "app:2", parent="b1", record_parents={last: image_id("c1")})
    results = [{"untagged": ["app:1"]}, {"untagged": ["app:2"]}]
    (after,) = after_results(snapshot(named, store=CONTAINERD), results).images
    assert after.has_dangling_record
    assert after.record_parents[dangling_reference(named.id)] == image_id("c1")


def test_an_image_is_committed_of_a_container_whose_image_is_gone():
    entry = {"reference": "attic/web:1", "container_id": "c", "parent_id": image_id("f1"), "image_id": None}
    before = snapshot(*HOST).images
    (made,) = (left for left in after_results(snapshot(*HOST), [{"committed": [entry]}]).images if left not in before)
    assert (made.size, made.shared_size, made.layers) == (0, None, None)

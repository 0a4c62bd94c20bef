# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Engines do, fact by fact, where the store models rely on it.

Each test asks image_remove in check mode what will happen, sends the plain request itself, and holds both against what
is written here. An Engine that behaves otherwise makes the test of that fact fail by its name.
"""

from __future__ import annotations

import typing as t

import pytest
from docker.errors import APIError

from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module
from tests.lab import archive, published, state

if t.TYPE_CHECKING:
    from tests.lab.engine import Engine
    from tests.lab.registry import Registry

pytestmark = pytest.mark.engine


class Answer(t.NamedTuple):
    """What a request did, in the Engine's words: the status, the references, and the IDs of images and layers."""

    status: int
    untagged: list[str]
    deleted: list[str]


def request(engine: Engine, address: str, force: bool = False, noprune: bool = False) -> Answer:
    """Send a plain removal, as the Docker CLI does."""
    client = engine.client
    try:
        lines = client.remove_image(address, force=force, noprune=noprune)
    except APIError as exc:
        return Answer(exc.status_code, [], [])
    return Answer(
        200,
        [line["Untagged"] for line in lines if "Untagged" in line],
        [line["Deleted"] for line in lines if "Deleted" in line],
    )


def foretell(engine: Engine, name: str, **options: t.Any) -> dict[str, t.Any]:
    """What image_remove says in check mode."""
    return run_module("image_remove", {"docker_host": engine.docker_host, "names": [name], **options}, check=True)


def is_there(engine: Engine, address: str) -> bool:
    try:
        engine.client.inspect_image(address)
    except APIError:
        return False
    return True


def hidden_dangling(engine: Engine) -> set[str]:
    """IDs that the Engine lists as dangling although they have names."""
    named = {
        raw["Id"] for raw in engine.client.images(all=True) if any("<none>" not in n for n in raw["RepoTags"] or [])
    }
    return named & {raw["Id"] for raw in engine.client.images(all=True, filters={"dangling": True})}


def pulled(engine: Engine, registry: Registry, repository: str, tag: str = "1") -> tuple[str, str, str]:
    """An image like no other, pulled by tag: the reference, the digest and the image ID."""
    name = f"{repository}-{state.token()}:{tag}"
    digest = published.publish(registry, name, archive.Image((archive.token_layer(state.token()),)))
    reference = f"{registry.address}/{name}"
    return reference, digest, state.pull(engine.client, reference)


def test_force_by_name_deletes_under_a_stopped_container_on_graphdriver_and_only_untags_on_containerd(
    fresh_engine: Engine,
) -> None:
    image = state.import_image(fresh_engine.client, "app:1")
    state.container(fresh_engine.client, image, name="stopped")
    foretold = foretell(fresh_engine, "app:1", force=True)
    answer = request(fresh_engine, "app:1", force=True)
    stays = fresh_engine.store == "containerd"
    assert answer == (200, ["app:1"], [] if stays else [image])
    assert (foretold["untagged"], foretold["deleted"]) == (answer.untagged, answer.deleted)
    assert is_there(fresh_engine, image) == stays


def test_force_by_name_only_untags_under_a_running_container(fresh_engine: Engine) -> None:
    image = state.import_image(fresh_engine.client, "app:1")
    state.container(fresh_engine.client, image, "running")
    foretold = foretell(fresh_engine, "app:1", force=True)
    assert request(fresh_engine, "app:1", force=True) == (200, ["app:1"], [])
    assert (foretold["untagged"], foretold["deleted"]) == (["app:1"], [])
    assert is_there(fresh_engine, image)


def test_a_digest_without_a_record_stands_for_all_tags_of_its_repository_on_containerd(fresh_engine: Engine) -> None:
    if fresh_engine.store != "containerd":
        pytest.skip("the graphdriver store has no digest references of local images")
    image = state.import_image(fresh_engine.client, "app:1")
    state.tag(fresh_engine.client, "app:1", "app:2")
    state.tag(fresh_engine.client, "app:1", "other:1")
    foretold = foretell(fresh_engine, f"app@{image}")
    assert request(fresh_engine, f"app@{image}") == (200, ["app:1", "app:2"], [])
    assert (foretold["untagged"], foretold["deleted"]) == (["app:1", "app:2"], [])
    foretold = foretell(fresh_engine, f"other@{image}")
    assert request(fresh_engine, f"other@{image}") == (200, ["other:1"], [image])
    assert (foretold["untagged"], foretold["deleted"]) == (["other:1"], [image])


def test_a_digest_goes_alone_while_a_tag_of_its_repository_is_left_on_graphdriver(
    fresh_engine: Engine, registry: Registry
) -> None:
    if fresh_engine.store != "graphdriver":
        pytest.skip("on the containerd store a pull by tag makes no digest reference")
    reference, digest, image = pulled(fresh_engine, registry, "facts/digest")
    pinned = f"{reference.rpartition(':')[0]}@{digest}"
    state.tag(fresh_engine.client, reference, f"{reference.rpartition(':')[0]}:2")
    foretold = foretell(fresh_engine, pinned)
    assert request(fresh_engine, pinned) == (200, [pinned], [])
    assert (foretold["untagged"], foretold["deleted"]) == ([pinned], [])
    assert is_there(fresh_engine, image)


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_an_engine_takes_a_prefix_of_any_length_on_graphdriver_and_of_four_digits_on_containerd(
    fresh_engine: Engine, digits: int
) -> None:
    image = state.import_image(fresh_engine.client)
    foretold = foretell(fresh_engine, image[7 : 7 + digits])
    answer = request(fresh_engine, image[7 : 7 + digits])
    taken = fresh_engine.store == "graphdriver" or digits >= 4
    assert answer.status == (200 if taken else 404)
    # The module takes three digits or more on both, because it sends the whole ID.
    assert foretold["deleted"] == ([image] if digits >= 3 else [])


def test_buildkit_holds_layers_and_the_result_says_that_bytes_are_not_exact(fresh_engine: Engine) -> None:
    state.import_image(fresh_engine.client, "base:1", size_bytes=100_000)
    state.buildkit(fresh_engine.client, "FROM base:1\nCOPY file /file\n", "built:1", files={"file": b"x" * 50_000})
    foretold = foretell(fresh_engine, "built:1", layers=True)
    before = EngineState.read(fresh_engine.client).layers_size
    answer = request(fresh_engine, "built:1")
    layers = [line for line in answer.deleted if line != foretold["deleted"][0]]
    assert layers == []
    assert not foretold["space_exact"]
    assert foretold["space_reclaimed"] <= before - EngineState.read(fresh_engine.client).layers_size


def test_buildkit_holds_layers_after_a_restart_of_the_engine_too(fresh_engine: Engine) -> None:
    state.import_image(fresh_engine.client, "base:1", size_bytes=100_000)
    state.buildkit(fresh_engine.client, "FROM base:1\nCOPY file /file\n", "built:1", files={"file": b"x" * 50_000})
    fresh_engine.restart()
    foretold = foretell(fresh_engine, "built:1", layers=True)
    answer = request(fresh_engine, "built:1")
    assert [line for line in answer.deleted if line != foretold["deleted"][0]] == []
    assert not foretold["space_exact"]


def test_a_pull_that_moves_a_tag_leaves_a_hidden_dangling_record_on_containerd_from_28_on(
    fresh_engine: Engine, registry: Registry
) -> None:
    reference, _digest, old = pulled(fresh_engine, registry, "facts/moved")
    state.tag(fresh_engine.client, reference, "kept:1")
    published.publish(registry, reference.partition("/")[2], archive.Image((archive.token_layer(state.token()),)))
    assert state.pull(fresh_engine.client, reference) != old
    expected = {old} if fresh_engine.name in ("e28-containerd", "e29-containerd") else set()
    assert hidden_dangling(fresh_engine) == expected
    # The record counts: the last visible name takes it along.
    foretold = foretell(fresh_engine, "kept:1")
    answer = request(fresh_engine, "kept:1")
    assert answer.untagged[0] == "kept:1"
    assert foretold["untagged"] == answer.untagged
    assert foretold["deleted"] == [line for line in answer.deleted if line == old]


def test_what_a_pull_leaves_of_an_image_that_a_container_uses(fresh_engine: Engine, registry: Registry) -> None:
    reference, _digest, old = pulled(fresh_engine, registry, "facts/used")
    state.container(fresh_engine.client, reference)
    published.publish(registry, reference.partition("/")[2], archive.Image((archive.token_layer(state.token()),)))
    state.pull(fresh_engine.client, reference)
    # 26.1 keeps no record of a replaced image, so the container's image is gone from the listing.
    assert is_there(fresh_engine, old) == (fresh_engine.name != "e26-containerd")


@pytest.mark.parametrize("by_id", [False, True])
def test_an_image_mount_counts_as_use_for_a_removal_by_name_only(fresh_engine: Engine, by_id: bool) -> None:
    if not fresh_engine.mounts_images:
        pytest.skip("image mounts came with Engine 28")
    state.import_image(fresh_engine.client, "user:1")
    mounted = state.import_image(fresh_engine.client, "mounted:1")
    state.container(fresh_engine.client, "user:1", name="mounter", image_mounts={"mounted:1": "/mnt"})
    foretold = foretell(fresh_engine, mounted if by_id else "mounted:1")
    answer = request(fresh_engine, mounted if by_id else "mounted:1")
    assert answer.status == (200 if by_id else 409)
    # The module refuses both: what a container mounts stays.
    assert foretold["failed"]
    assert foretold["conflicts"][0]["container"]["name"] == "mounter"


@pytest.mark.parametrize("moved_by", ["tag", "load"])
def test_an_image_stays_whose_name_moved_after_a_container_mounted_it(fresh_engine: Engine, moved_by: str) -> None:
    if not fresh_engine.mounts_images:
        pytest.skip("image mounts came with Engine 28")
    client = fresh_engine.client
    state.import_image(client, "user:1")
    state.load_image(client, ["mounted:1", "mounted:old"])
    state.container(client, "user:1", name="mounter", image_mounts={"mounted:1": "/mnt"})
    if moved_by == "tag":
        state.tag(client, state.import_image(client, "other:1"), "mounted:1")
    else:
        state.load_image(client, ["mounted:1"])
    foretold = foretell(fresh_engine, "mounted:old")
    # No API tells which image is mounted, only that the name moved, or that nothing dates it.
    assert request(fresh_engine, "mounted:old").status == 409
    assert foretold["failed"]
    assert foretold["conflicts"][0]["container"]["name"] == "mounter"


@pytest.mark.parametrize("records", [1, 2])
def test_parents_go_with_a_child_of_one_record_and_stay_with_one_of_two_on_containerd(
    fresh_engine: Engine, records: int
) -> None:
    state.import_image(fresh_engine.client, "base:1")
    child = state.build(fresh_engine.client, "FROM base:1\nLABEL a=b\nLABEL c=d\n", "app:1")
    parent = fresh_engine.client.inspect_image(child)["Parent"]
    if records == 2:
        state.tag(fresh_engine.client, "app:1", "app:2")
    address = child if records == 2 else "app:1"
    foretold = foretell(fresh_engine, address, force=True)
    answer = request(fresh_engine, address, force=True)
    stays = records == 2 and fresh_engine.store == "containerd"
    assert ([line for line in answer.deleted if line in (child, parent)]) == ([child] if stays else [child, parent])
    assert foretold["deleted"] == ([child] if stays else [child, parent])


def test_a_containerd_parent_with_one_name_is_reported_as_deleted_and_stays(fresh_engine: Engine) -> None:
    parent = state.import_image(fresh_engine.client, "base:1")
    state.build(fresh_engine.client, "FROM base:1\nLABEL a=b\n", "app:1")
    foretold = foretell(fresh_engine, "base:1")
    answer = request(fresh_engine, "base:1")
    assert answer == (200, ["base:1"], [parent] if fresh_engine.store == "containerd" else [])
    # The module's word is what is gone.
    assert (foretold["untagged"], foretold["deleted"]) == (["base:1"], [])
    assert is_there(fresh_engine, parent)


@pytest.mark.parametrize("of", ["another image", "the image"])
def test_a_name_with_the_id_of_its_image_is_found_on_containerd_only_while_they_belong_together(
    fresh_engine: Engine, of: str
) -> None:
    client = fresh_engine.client
    image = state.import_image(client, "app:1", runnable=False)
    state.tag(client, image, "app:2")
    other = state.import_image(client, "other:1", runnable=False)
    answer = request(fresh_engine, f"app:1@{image if of == 'the image' else other}")
    goes = of == "the image" and fresh_engine.store == "containerd"
    assert answer == ((200, ["app:1"], []) if goes else (404, [], []))
    assert is_there(fresh_engine, "app:1") != goes


@pytest.mark.parametrize("name", [None, "app:1"])
def test_the_record_of_an_image_without_names_is_not_found_once_it_has_one(
    fresh_engine: Engine, name: str | None
) -> None:
    image = state.import_image(fresh_engine.client, None, runnable=False)
    if name is not None:
        state.tag(fresh_engine.client, image, name)
    answer = request(fresh_engine, f"moby-dangling@{image}")
    goes = name is None and fresh_engine.store == "containerd"
    assert answer == ((200, [], [image]) if goes else (404, [], []))
    assert is_there(fresh_engine, image) != goes


def test_what_is_gone_answers_404(fresh_engine: Engine) -> None:
    image = state.import_image(fresh_engine.client, "app:1")
    assert request(fresh_engine, "app:1").status == 200
    assert request(fresh_engine, "app:1").status == 404
    assert request(fresh_engine, image).status == 404


def test_last_tag_time_after_a_pull_a_load_and_a_build(fresh_engine: Engine, registry: Registry) -> None:
    client = fresh_engine.client
    reference, _digest, _image = pulled(fresh_engine, registry, "facts/time")
    state.load_image(client, "loaded:1")
    state.import_image(client, "imported:1")
    state.build(client, "FROM imported:1\nLABEL a=b\n", "built:1")
    told = {
        name: not client.inspect_image(name)["Metadata"]["LastTagTime"].startswith("0001")
        for name in (reference, "loaded:1", "imported:1", "built:1")
    }
    everywhere = fresh_engine.store == "containerd"
    assert told == {reference: everywhere, "loaded:1": everywhere, "imported:1": True, "built:1": True}


def test_a_container_whose_image_is_gone_holds_its_layers(fresh_engine: Engine) -> None:
    if fresh_engine.store != "graphdriver":
        pytest.skip("the containerd store keeps the image under a dangling record")
    client = fresh_engine.client
    shared = archive.token_layer(state.token(), size_bytes=30_000)
    gone = state.load_image(client, "gone:1", layers=[shared])
    other = state.load_image(client, "other:1", layers=[shared, archive.layer({"own": b"x" * 5000})])
    state.container(client, gone, name="orphan")
    assert request(fresh_engine, "gone:1", force=True) == (200, ["gone:1"], [gone])
    foretold = foretell(fresh_engine, "other:1", layers=True)
    answer = request(fresh_engine, "other:1")
    assert answer.deleted == [other, *foretold["deleted_layers"]]
    assert len(foretold["deleted_layers"]) == 1
    assert (foretold["space_reclaimed"], foretold["space_exact"]) == (5000, True)


def test_a_multi_platform_image_is_one_image_of_one_id_on_containerd(fresh_engine: Engine) -> None:
    image = state.load_index(fresh_engine.client, ["multi:1"])
    foretold = foretell(fresh_engine, "multi:1")
    answer = request(fresh_engine, "multi:1")
    assert answer.untagged == ["multi:1"]
    assert image in answer.deleted
    assert foretold["deleted"] == [image]


def test_a_load_that_moves_a_name_leaves_the_parent_at_the_name_on_containerd(fresh_engine: Engine) -> None:
    """Which image is whose child changes with it, and so what goes for good: check mode says what the run does."""
    client = fresh_engine.client
    parent = state.import_image(client, "cafe:2")
    state.derive(client, "cafe:2", "base:latest")
    loaded = state.load_image(client, ["base:latest", "app:2"])
    if fresh_engine.store == "containerd":
        assert {raw["Id"]: raw["ParentId"] for raw in client.images()}[loaded] == parent
    arguments = {
        "docker_host": fresh_engine.docker_host,
        "remove": {"all_unused": True},
        "keep": {"patterns": ["app:2"]},
    }
    check = run_module("image_prune_policy", arguments, check=True)
    real = run_module("image_prune_policy", arguments)
    keys = ("failed", "untagged", "deleted", "absent")
    assert [real[key] for key in keys] == [check[key] for key in keys]
    assert not is_there(fresh_engine, parent)
    assert not run_module("image_prune_policy", arguments)["changed"]

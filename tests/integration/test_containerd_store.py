# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the containerd store lists beforehand, and what is made of it: bytes of images, and images that are not whole."""

from __future__ import annotations

import io
import json
import tarfile
import typing as t

import pytest

from tests.integration import build_cache
from tests.integration.engine_state import layers_size
from tests.integration.module_run import run_module
from tests.lab import archive, published, state

if t.TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.engine import Engine
    from tests.lab.registry import Registry

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def containerd(engine: Engine) -> None:
    if engine.store != "containerd":
        pytest.skip("these are facts of the containerd store")


def check_and_run(engine: Engine, usage_file: Path, **policy: t.Any) -> dict[str, t.Any]:
    """The result of a real run, which check mode predicted."""
    arguments = {"docker_host": engine.docker_host, "usage_file": str(usage_file), **policy}
    check = run_module("image_prune_policy", arguments, check=True)
    real = run_module("image_prune_policy", arguments)
    keys = ("failed", "untagged", "deleted", "space_reclaimed", "space_expected")
    assert [real[key] for key in keys] == [check[key] for key in keys]
    return real


def test_a_target_of_four_megabytes_takes_one_of_six_images_of_five(fresh_engine: Engine, tmp_path: Path) -> None:
    client = fresh_engine.client
    base = archive.token_layer(state.token(), 5_000_000)
    for number in range(6):
        layers = [base, archive.token_layer(state.token(), 5_000_000)]
        created = f"2024-01-0{number + 1}T00:00:00Z"
        state.load_image(client, f"app:{number}", layers=layers, created=created)
    total = layers_size(fresh_engine.connect(api_version="1.44"), True)
    target = {"total_size": f"{total - 4_000_000}B"}
    result = check_and_run(fresh_engine, tmp_path / "usage.json", remove={"all_unused": True}, target=target)
    assert result["untagged"] == ["app:0"]
    assert not result["space_exact"]
    assert "1 image deleted, about 1" in result["summary"]
    # 26.1 does not list what is unpacked of an image, and so not how its layers compress.
    most = 13_000_000 if fresh_engine.name == "e26-containerd" else 10_200_000
    assert 9_900_000 < result["space_expected"] < most
    assert result["target"]["met"]


def test_a_limit_of_size_does_not_count_the_build_cache(fresh_engine: Engine, tmp_path: Path) -> None:
    client = fresh_engine.client
    build_cache.build(client, 'RUN ["/bin/busybox", "cp", "/bin/busybox", "/one"]\n')
    client.remove_image("built:1")
    assert sum(record["Size"] for record in build_cache.settled(client).values() if not record["Shared"]) > 2_000_000
    images = sum(image["Size"] for image in client.images())
    # What the cache has beyond the images would be too much.
    target = {"total_size": f"{images + 500_000}B"}
    result = check_and_run(fresh_engine, tmp_path / "usage.json", remove={"all_unused": True}, target=target)
    assert (result["changed"], result["target"]["met"]) == (False, True)


def test_labels_of_an_image_whose_platform_was_not_pulled_are_not_known_and_keep_it(
    fresh_engine: Engine, registry: Registry, tmp_path: Path
) -> None:
    labelled = [
        archive.Image((archive.token_layer(state.token()),), labels={"keep": "1"}, architecture=architecture)
        for architecture in ("amd64", "arm64")
    ]
    name = f"{registry.address}/facts/labelled:1"
    published.publish_index(registry, "facts/labelled:1", labelled)
    image = state.pull(fresh_engine.client, name, platform="linux/arm64")
    keep = {"labels": ["keep=1"]}
    kept = check_and_run(fresh_engine, tmp_path / "usage.json", remove={"all_unused": True}, keep=keep, details="all")
    assert not kept["changed"]
    assert kept["images"][0]["rule"].startswith("keep.labels")
    selected = check_and_run(fresh_engine, tmp_path / "usage.json", remove={"labels": ["other"]})
    assert not selected["changed"]
    removed = check_and_run(fresh_engine, tmp_path / "usage.json", remove={"all_unused": True})
    assert removed["deleted"] == [image]


def test_labels_of_an_image_that_lacks_a_layer_are_not_known_and_keep_it(fresh_engine: Engine, tmp_path: Path) -> None:
    # A pull leaves out the blob of a layer whose snapshot is there already. Engine 28.5 lists no labels and no date then,
    # 29 lists both again, and 26.1 lists no such image.
    image = archive.Image((archive.token_layer(state.token()),), labels={"keep": "1"})
    state.load(fresh_engine.client, [(image, ["app:1"])])
    layer = archive.digest(archive.compressed(image.layers[0]))
    fresh_engine.host.run("ctr", "--namespace", "moby", "content", "rm", layer)
    usage = tmp_path / "usage.json"
    kept = check_and_run(fresh_engine, usage, remove={"all_unused": True}, keep={"labels": ["keep=1"]}, details="all")
    assert not kept["changed"]
    selected = check_and_run(fresh_engine, usage, remove={"labels": ["other"]})
    assert not selected["changed"]
    listed = [row["Id"] for row in fresh_engine.client.images()]
    assert [row["id"] for row in kept["images"]] == listed
    assert all(row["rule"].startswith("keep.labels") for row in kept["images"])
    removed = check_and_run(fresh_engine, usage, remove={"all_unused": True})
    assert removed["deleted"] == listed


def test_an_image_whose_archive_lists_its_signature_is_archived_and_removed(
    fresh_engine: Engine, tmp_path: Path
) -> None:
    if not fresh_engine.name.startswith("e29"):
        pytest.skip("archives list signatures since Engine 29.1")
    image = state.load_signed(fresh_engine, "app:1")
    with tarfile.open(fileobj=io.BytesIO(b"".join(fresh_engine.client.get_image("app:1")))) as saved:
        index = saved.extractfile("index.json")
        assert index is not None
        assert [entry["digest"] == image for entry in json.load(index)["manifests"]] == [True, False]
    options = {"docker_host": fresh_engine.docker_host, "names": ["app:1"], "archive_dir": str(tmp_path)}
    predicted = run_module("image_remove", options, check=True)
    result = run_module("image_remove", options)
    assert result["deleted"] == predicted["deleted"] == [image]
    assert [row["id"] for row in result["archived"]] == [image]
    assert [str(path) for path in tmp_path.glob("*.tar")] == [result["archived"][0]["path"]]
    assert not fresh_engine.client.images(all=True)

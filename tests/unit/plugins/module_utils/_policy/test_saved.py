# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    BuildCache,
    Container,
    EngineFacts,
    Image,
    Snapshot,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.saved import (
    NotASnapshot,
    SavedSnapshot,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    Sighting,
    UsageRecord,
    Watched,
)

from ..builders import CREATED, STORES, container, digest_reference, image, image_id, references, snapshot

SCHEMA = json.loads((Path(__file__).resolve().parents[5] / "playbooks" / "snapshot.schema.json").read_text())

NAMES = (
    "app:1",
    "registry.example.com/team/app:1",
    "localhost:5000/app:v1",
    "my_registry.local/app:1",
    "docker.io/app:x",
)
WORDS = st.text(max_size=8)
BYTES = st.integers(0, 2**60)
TIMES = st.floats(0, 4e9)


def distinct(elements, most=3):
    return st.lists(elements, max_size=most, unique=True).map(tuple)


def of_images():
    names = distinct(st.sampled_from(NAMES) | st.just(digest_reference("app", "d1"))).map(
        lambda found: references(*found)
    )
    return st.builds(
        Image,
        id=st.integers(0, 0xFFFF).map(lambda number: image_id(f"{number:04x}")),
        references=names,
        parent=st.sampled_from(["", image_id("abc")]),
        created=st.none() | st.integers(0, 4_000_000_000),
        size=BYTES,
        shared_size=st.none() | BYTES,
        labels=st.dictionaries(WORDS, WORDS, max_size=3),
        digests=distinct(st.just(digest_reference("app", "d1"))),
        has_dangling_record=st.booleans(),
        names_unread=distinct(WORDS),
        unpacked=st.none() | BYTES,
        layers=st.none() | distinct(WORDS),
        layer_sizes=st.none() | st.lists(BYTES, max_size=3).map(tuple),
        layer_directories=distinct(WORDS),
        record_parents=st.dictionaries(st.sampled_from(references(*NAMES)), st.just(image_id("abc")), max_size=2),
        is_described=st.booleans(),
    )


CONTAINERS = st.builds(
    Container,
    id=WORDS,
    name=WORDS,
    image_id=WORDS,
    image=WORDS,
    state=st.sampled_from(["running", "exited"]),
    created=st.none() | st.integers(0, 4_000_000_000),
    mounted_images=distinct(WORDS),
    moved_mounts=distinct(WORDS).map(frozenset),
    undated_mounts=distinct(WORDS).map(frozenset),
    layer_directories=distinct(WORDS),
)
FILE_SYSTEMS = st.builds(FileSystem, WORDS, BYTES, BYTES, BYTES, BYTES, BYTES, BYTES, WORDS, WORDS)


@st.composite
def saved_snapshots(draw):
    images = draw(st.lists(of_images(), max_size=3, unique_by=lambda image: image.id))
    containers = draw(st.lists(CONTAINERS, max_size=3, unique_by=lambda container: container.id))
    ids = st.sampled_from([image.id for image in images]) if images else st.nothing()
    return SavedSnapshot(
        taken=draw(TIMES),
        snapshot=Snapshot(
            engine=draw(st.builds(EngineFacts, WORDS, WORDS, st.sampled_from(STORES), WORDS, WORDS)),
            images=tuple(images),
            containers=tuple(containers),
            build_cache=draw(st.none() | st.builds(BuildCache, BYTES, BYTES, BYTES)),
        ),
        tagged=draw(st.dictionaries(ids, TIMES)),
        active={container.id: draw(st.none() | TIMES) for container in containers},
        images_size=draw(st.none() | BYTES),
        file_system=draw(st.none() | FILE_SYSTEMS),
        record=UsageRecord(
            draw(st.dictionaries(ids, st.builds(Sighting, TIMES, st.none() | TIMES))),
            draw(st.none() | st.builds(Watched, TIMES, TIMES)),
        ),
        notice=draw(st.none() | WORDS),
    )


@given(saved_snapshots())
def test_what_was_saved_is_read_back_and_keeps_to_the_schema(saved):
    text = json.dumps(saved.document())
    assert SavedSnapshot.parse(json.loads(text)) == saved
    # The environments of ansible-test and of managed hosts do not have it.
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads(text), SCHEMA)


def test_what_no_policy_asks_for_is_not_saved():
    secret = container("web", of="a1", labels={"password": "s3cret"}, size=5)
    facts = EngineFacts("28.5.2", "1.51", "graphdriver", "overlay2", "host", "/data", (("a", "s3cret"),), "s3cret")
    saved = SavedSnapshot(0.0, dataclasses.replace(snapshot(image("a1", "app:1"), secret), engine=facts))
    assert "s3cret" not in json.dumps(saved.document())


DOCUMENT = SavedSnapshot(
    CREATED + 0.5,
    snapshot(image("a1", "app:1"), container("web", of="a1"), build_cache=BuildCache()),
    file_system=FileSystem("/data", 10, 9, 1, 10, 5, 5),
    record=UsageRecord({image_id("a1"): Sighting(1.0)}),
).document()


def changed(path, value):
    """The document with another value in one place."""
    made = json.loads(json.dumps(DOCUMENT))
    *parents, last = path
    inside = made
    for key in parents:
        inside = inside[key]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    return made


FOREIGN = "it is not a snapshot that this collection saved"
IMAGE = ("images", 0)
BAD = [
    # situation, document, message
    ("a list", [], FOREIGN),
    ("a report", {"schema": "imagewarden.docker/fleet-report"}, FOREIGN),
    (
        "a newer version",
        changed(["schema_version"], 2),
        "it has version 2, and this version of the collection reads 1: save it again",
    ),
    (
        "a boolean for a version",
        changed(["schema_version"], True),
        "it has version True, and this version of the collection reads 1: save it again",
    ),
    ("a field that is missing", changed(["images_size"], ...), "it is damaged: images_size is missing"),
    ("no list", changed(["images"], {}), "it is damaged: images is not a list"),
    ("no dictionary", changed(["images", 0], "x"), "it is damaged: images[0] is not a dictionary"),
    ("no string", changed([*IMAGE, "parent"], 1), "it is damaged: images[0].parent is not a string"),
    ("no boolean", changed([*IMAGE, "is_described"], 1), "it is damaged: images[0].is_described is not a boolean"),
    ("no number", changed([*IMAGE, "size"], 1.5), "it is damaged: images[0].size is not a whole number"),
    ("a boolean for a number", changed([*IMAGE, "size"], True), "it is damaged: images[0].size is not a whole number"),
    ("more than any disk", changed([*IMAGE, "size"], 2**70), "it is damaged: images[0].size is not a whole number"),
    ("no time", changed(["taken_seconds"], "now"), "it is damaged: taken_seconds is not a time in seconds"),
    ("an endless time", changed(["taken_seconds"], 1e300), "it is damaged: taken_seconds is not a time in seconds"),
    (
        "no number for a time",
        changed(["taken_seconds"], float("nan")),
        "it is damaged: taken_seconds is not a time in seconds",
    ),
    ("no strings", changed([*IMAGE, "digests"], [1]), "it is damaged: images[0].digests is not a list of strings"),
    (
        "no numbers",
        changed([*IMAGE, "layer_sizes"], ["1"]),
        "it is damaged: images[0].layer_sizes is not a list of whole numbers",
    ),
    (
        "no labels",
        changed([*IMAGE, "labels"], {"a": 1}),
        "it is damaged: images[0].labels is not a dictionary of strings",
    ),
    ("no ID", changed([*IMAGE, "id"], "a1"), "it is damaged: images[0].id is not the ID of an image"),
    (
        "no reference",
        changed([*IMAGE, "references"], ["A:1"]),
        "it is damaged: images[0].references: 'A:1' is not a valid image reference",
    ),
    ("another store", changed(["engine", "store"], "zfs"), "it is damaged: engine.store is neither graphdriver nor"),
    ("an image twice", changed(["images"], DOCUMENT["images"] * 2), "it is damaged: images has an ID twice"),
    (
        "a container twice",
        changed(["containers"], DOCUMENT["containers"] * 2),
        "it is damaged: containers has an ID twice",
    ),
]


@pytest.mark.parametrize(("document", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_cannot_be_used_is_refused(document, message):
    assert SavedSnapshot.parse(DOCUMENT)
    with pytest.raises(NotASnapshot) as raised:
        SavedSnapshot.parse(document)
    assert str(raised.value).startswith(message)


def test_with_and_without_layers_it_is_what_a_task_reads():
    listed = {"parent": "b1", "unpacked": 5}
    layers = {"layers": ("l1", "l2"), "layer_sizes": (3, 4), "layer_directories": ("/d",)}
    saved = SavedSnapshot(
        0.0,
        snapshot(image("a1", "app:1", **listed, **layers), container("web", of="c1", layer_directories=("/d",))),
    )
    assert saved.without_layers == snapshot(image("a1", "app:1", **listed), container("web", of="c1"))
    (with_layers,) = saved.with_layers.images
    assert with_layers == image("a1", "app:1", **{**listed, "unpacked": 7}, **layers)
    assert saved.with_layers.containers == saved.snapshot.containers


DISK = FileSystem("/data", 10, 9, 1, 10, 5, 5, "a usual root", "it may be another")


def test_the_file_system_is_the_one_that_was_measured():
    saved = SavedSnapshot(0.0, snapshot(), file_system=DISK)
    assert saved.file_system_at(None) == DISK
    assert saved.file_system_at("/data") == DISK._replace(reason="disk_path names it", doubt="")
    with pytest.raises(ValueError, match=r"^/other was not measured: the snapshot has the file system of /data$"):
        saved.file_system_at("/other")
    with pytest.raises(ValueError, match=r"^/data was not measured: the snapshot has no file system$"):
        SavedSnapshot(0.0, snapshot()).file_system_at("/data")

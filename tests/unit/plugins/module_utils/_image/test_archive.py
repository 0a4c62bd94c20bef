# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    EngineFacts,
    Image,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import InspectedImage, Removed
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    InvalidRequest,
    NotArchived,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.archive import Archive
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import (
    FAILED,
    GONE,
    SKIPPED,
    execute,
    predict,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import plan_removal
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

from ..builders import cases, image, references, snapshot

LAYER = b"layer" * 1000
TAGS = ("app:1", "registry.example.com/app:2")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


CONFIG = json.dumps({"rootfs": {"diff_ids": [f"sha256:{sha256(LAYER)}"]}}).encode()
MANIFEST = b"a manifest"
SIGNATURE = b"the manifest of a signature"
ID = {GRAPHDRIVER: f"sha256:{sha256(CONFIG)}", CONTAINERD: f"sha256:{sha256(MANIFEST)}"}


def entries(layout, tags=TAGS):
    """The files of an archive: ``old`` as Engine 20.10 writes them, otherwise in the layout of OCI, ``signed`` with a signature."""
    if layout == "old":
        config, layer = f"{sha256(CONFIG)}.json", "0a/layer.tar"
    else:
        config, layer = f"blobs/sha256/{sha256(CONFIG)}", f"blobs/sha256/{sha256(LAYER)}"
    manifest = [{"Config": config, "RepoTags": list(tags) or None, "Layers": [layer]}]
    files = {config: CONFIG, layer: LAYER, "manifest.json": json.dumps(manifest).encode()}
    if layout != "old":
        files[f"blobs/sha256/{sha256(MANIFEST)}"] = MANIFEST
        listed = [{"digest": ID[CONTAINERD]} for _tag in tags or ["none"]]
        if layout == "signed":
            files[f"blobs/sha256/{sha256(SIGNATURE)}"] = SIGNATURE
            listed.append({"digest": f"sha256:{sha256(SIGNATURE)}"})
        files["index.json"] = json.dumps({"manifests": listed}).encode()
    return files


def packed(files, links=()):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()


class FakeEngine:
    """Sends what it was told to send as an archive, and removes."""

    most_connections = 8

    def __init__(self, content, store=GRAPHDRIVER, error=None):
        self.facts = EngineFacts(store=store)
        self.asked = []
        self.removed = []
        self._content = content
        self._error = error

    def save_images(self, names):
        self.asked.append(names)
        yield self._content
        if self._error is not None:
            raise self._error

    def inspect_image(self, name):
        return InspectedImage(ID[GRAPHDRIVER], self._left())

    def _left(self):
        return tuple(Reference.parse(tag) for tag in TAGS if tag not in self.removed)

    def remove_image(self, name, force, prune_parents):
        tag = self._left()[0].familiar
        assert name in (tag, ID[GRAPHDRIVER])
        self.removed.append(tag)
        return Removed((tag,), () if len(self.removed) < 2 else (ID[GRAPHDRIVER],))

    def list_images(self):
        return [Image(ID[GRAPHDRIVER], self._left())]

    def list_dangling(self):
        return frozenset()

    def list_containers(self):
        return []


@pytest.fixture(name="directory")
def fixture_directory(tmp_path):
    return tmp_path / "a" / "b"


def save(directory, content, store=GRAPHDRIVER, tags=TAGS, error=None):
    engine = FakeEngine(content, store, error)
    return Archive.at(str(directory), engine).save(ID[store], references(*tags)), engine


WHOLE = [
    ("Engine 20.10", GRAPHDRIVER, entries("old"), TAGS),
    ("later Engines", GRAPHDRIVER, entries("oci"), TAGS),
    ("the containerd store", CONTAINERD, entries("oci"), TAGS),
    ("without tags, Engine 20.10", GRAPHDRIVER, entries("old", ()), ()),
    ("without tags, containerd", CONTAINERD, entries("oci", ()), ()),
    ("from 29.1 on, with a signature", CONTAINERD, entries("signed"), TAGS),
    ("without tags, with a signature", CONTAINERD, entries("signed", ()), ()),
]


@pytest.mark.parametrize(("store", "files", "tags"), cases(WHOLE))
def test_an_archive_is_written_under_the_images_id(directory, store, files, tags):
    path, engine = save(directory, packed(files), store, tags)
    assert path == str(directory / f"{ID[store][7:]}.tar")
    assert (directory / os.path.basename(path)).read_bytes() == packed(files)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(directory) == [os.path.basename(path)]
    assert engine.asked == [[*tags] or [ID[store]]]


def test_a_layer_that_is_a_link_to_another_counts(directory):
    files = entries("old")
    manifest = json.loads(files["manifest.json"])
    manifest[0]["Layers"] = ["0b/layer.tar"]
    files["manifest.json"] = json.dumps(manifest).encode()
    assert save(directory, packed(files, [("0b/layer.tar", "../0a/layer.tar")]))


def test_an_earlier_archive_of_the_image_is_replaced(directory):
    directory.mkdir(parents=True)
    (directory / f"{ID[GRAPHDRIVER][7:]}.tar").write_text("earlier")
    path, _engine = save(directory, packed(entries("old")))
    with open(path, "rb") as file:
        assert file.read() == packed(entries("old"))


def changed(layout, name, content):
    return packed({**entries(layout), name: content})


def without(layout, name):
    return packed({key: content for key, content in entries(layout).items() if key != name})


BROKEN = [
    ("nothing", GRAPHDRIVER, b""),
    ("no archive", GRAPHDRIVER, b'{"message": "no space left on device"}'),
    ("an archive that ends early", GRAPHDRIVER, packed(entries("old"))[:4000]),
    ("a layer of another content", GRAPHDRIVER, changed("old", "0a/layer.tar", b"x" * len(LAYER))),
    ("a blob of another content", GRAPHDRIVER, changed("oci", f"blobs/sha256/{sha256(LAYER)}", b"x")),
    ("no layer", GRAPHDRIVER, without("oci", f"blobs/sha256/{sha256(LAYER)}")),
    ("no layer, containerd", CONTAINERD, without("oci", f"blobs/sha256/{sha256(LAYER)}")),
    ("no configuration", GRAPHDRIVER, without("old", f"{sha256(CONFIG)}.json")),
    ("no manifest", GRAPHDRIVER, without("old", "manifest.json")),
    ("no index", CONTAINERD, without("oci", "index.json")),
    (
        "fewer layers than there are",
        GRAPHDRIVER,
        changed(
            "old",
            "manifest.json",
            json.dumps([{"Config": f"{sha256(CONFIG)}.json", "RepoTags": TAGS, "Layers": []}]).encode(),
        ),
    ),
    ("no image", GRAPHDRIVER, changed("old", "manifest.json", b"[]")),
    ("another image", CONTAINERD, changed("oci", "index.json", b'{"manifests": [{"digest": "sha256:b"}]}')),
    ("not all tags", GRAPHDRIVER, packed(entries("old", TAGS[:1]))),
    ("more tags", GRAPHDRIVER, packed(entries("old", [*TAGS, "more:1"]))),
    ("a manifest that is no list", GRAPHDRIVER, changed("old", "manifest.json", b"5")),
]


@pytest.mark.parametrize(("store", "content"), cases(BROKEN))
def test_what_is_no_whole_archive_of_the_image_is_not_kept(directory, store, content):
    with pytest.raises(NotArchived, match="so was not removed: what was written is not a complete archive"):
        save(directory, content, store)
    assert os.listdir(directory) == []


ERRORS = [
    ("the Engine refuses", EngineError(500, "no space left on device"), "no space left on device"),
    ("the Engine goes away", EngineUnavailable("connection reset"), "connection reset"),
    ("the disk is full", OSError(28, "No space left on device"), "No space left on device"),
]


@pytest.mark.parametrize(("error", "text"), cases(ERRORS))
def test_what_goes_wrong_while_saving_is_told_and_leaves_no_litter(directory, error, text):
    with pytest.raises(NotArchived, match=text):
        save(directory, packed(entries("old")), error=error)
    assert os.listdir(directory) == []


def test_a_directory_that_cannot_be_is_an_error_before_anything_else(tmp_path):
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidRequest, match=r"archive_dir: '.*file' is not a directory"):
            Archive.at(str(directory), FakeEngine(b""))
    assert Archive.at(None, FakeEngine(b"")) is None


def plan_of(*names):
    host = snapshot(image(ID[GRAPHDRIVER][7:], *TAGS))
    return plan_removal(host, Request.parse({"names": list(names)}), 0.0)


def test_an_image_is_saved_with_all_its_tags_before_it_loses_the_first(directory):
    engine = FakeEngine(packed(entries("old")))
    archive = Archive.at(str(directory), engine)
    plan = plan_of(*TAGS)
    foretold = predict(plan, archive)
    assert not directory.exists()
    outcome = execute(plan, engine, archive)
    assert outcome.archived == foretold.archived == ((ID[GRAPHDRIVER], archive.path_of(ID[GRAPHDRIVER])),)
    assert (engine.asked, engine.removed) == ([list(TAGS)], list(TAGS))


def test_an_image_that_only_loses_a_tag_is_not_saved(directory):
    engine = FakeEngine(b"")
    outcome = execute(plan_of(TAGS[0]), engine, Archive.at(str(directory), engine))
    assert (outcome.archived, engine.asked, engine.removed) == ((), [], [TAGS[0]])


def test_an_image_that_could_not_be_saved_is_not_removed(directory):
    engine = FakeEngine(b"broken")
    outcome = execute(plan_of(*TAGS), engine, Archive.at(str(directory), engine))
    assert [step.status for step in outcome.steps] == [FAILED, FAILED]
    assert "could not be saved" in outcome.failures[0].reason
    assert (len(engine.asked), engine.removed, outcome.archived) == (1, [], ())


LOST = [
    # what an inspection tells after the image could not be saved, the status of its steps
    ("the image is gone", None, GONE),
    ("the tag moved", InspectedImage("sha256:b", tuple(map(Reference.parse, TAGS))), SKIPPED),
    ("the Engine does not say", EngineError(500, "no"), FAILED),
    ("the Engine went away", EngineUnavailable("no"), FAILED),
]


@pytest.mark.parametrize(("answer", "status"), cases(LOST))
def test_an_image_that_could_not_be_saved_for_it_changed_after_planning_is_told_as_such(
    directory, monkeypatch, answer, status
):
    engine = FakeEngine(b"", error=EngineError(404, "No such image"))

    def inspect_image(name):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(engine, "inspect_image", inspect_image)
    outcome = execute(plan_of(*TAGS), engine, Archive.at(str(directory), engine))
    assert [step.status for step in outcome.steps] == [status, status]
    assert (engine.removed, outcome.archived) == ([], ())

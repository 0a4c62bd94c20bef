# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import atexit
import os
import stat

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils import _progress
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import VARIABLE, Note, Progress

from .builders import cases

WORDS = [
    # situation, note, words
    ("images with their space", Note("images", 120, 400, 3_100_000_000), "120 of 400 images, about 3.1 GB"),
    ("nothing freed yet", Note("images", 0, 400), "0 of 400 images"),
    ("a single one", Note("containers", 0, 1), "0 of 1 container"),
    ("references", Note("references", 1, 2), "1 of 2 references"),
    ("the build cache", Note("records", 200, 900, 5_000_000), "200 of 900 records of the build cache, about 5 MB"),
]


@pytest.mark.parametrize(("note", "words"), cases(WORDS))
def test_a_note_for_people(note, words) -> None:
    assert str(note) == words
    assert Note.parse(note.dump().decode()) == note


HOSTILE = [
    ("nothing yet", ""),
    ("half a note", '["images", 1'),
    ("an object", '{"kind": "images"}'),
    ("a number", "7"),
    ("an empty list", "[]"),
    ("an unknown kind", '["\\u001b[2J", 1, 2, 3]'),
    ("a kind that is no string", "[[], 1, 2, 3]"),
    ("too few numbers", '["images", 1, 2]'),
    ("text instead of a number", '["images", 1, 2, "\\u001b[2J"]'),
    ("a truth instead of a number", '["images", true, 2, 3]'),
    ("a negative number", '["images", -1, 2, 3]'),
    ("a number without end", f'["images", 1{"0" * 30}, 2, 3]'),
    ("a nest", "[" * 100_000),
]


@pytest.mark.parametrize("text", [row[1] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_what_is_no_note_is_none(text) -> None:
    assert Note.parse(text) is None


def test_notes_are_equally_long() -> None:
    largest = Note("references", 10**18, 10**18, 10**18)
    assert len(largest.dump()) == len(Note("images", 0, 1).dump())


@pytest.fixture(name="at_exit")
def fixture_at_exit(monkeypatch):
    """What is done when the process ends."""
    registered = []
    monkeypatch.setattr(atexit, "register", lambda function, *arguments: registered.append((function, arguments)))
    return registered


def test_notes_are_in_a_private_file_until_the_process_ends(tmp_path, monkeypatch, at_exit) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {VARIABLE: "~/new/tmp/note"}
    progress = Progress.asked_for(environ)
    path = tmp_path / "new" / "tmp" / "note"
    assert environ == {}
    assert not path.exists()
    count = progress.of("images", 3)
    assert Note.parse(path.read_text()) == Note("images", 0, 3)
    count.add(2, 50)
    count.add(2, 50)
    assert Note.parse(path.read_text()) == Note("images", 3, 3, 100)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    progress.of("records", 7)
    assert Note.parse(path.read_text()) == Note("records", 0, 7)
    ((function, arguments),) = at_exit
    function(*arguments)
    function(*arguments)
    assert list(path.parent.iterdir()) == []


def test_nothing_is_noted_if_nobody_asks(at_exit) -> None:
    Progress.asked_for({}).of("images", 3).add(1)
    assert at_exit == []


def taken(path) -> None:
    path.write_text("somebody else's")


def below_a_file(path) -> None:
    path.parent.rmdir()
    path.parent.touch()


def a_link(path) -> None:
    path.symlink_to(path.parent / "elsewhere")


UNWRITABLE = [("a file of this name", taken), ("no directory", below_a_file), ("a link of this name", a_link)]


@pytest.mark.parametrize("spoil", [row[1] for row in UNWRITABLE], ids=[row[0] for row in UNWRITABLE])
def test_where_no_file_can_be_created_nothing_is_noted(spoil, tmp_path, at_exit) -> None:
    path = tmp_path / "remote" / "note"
    path.parent.mkdir()
    spoil(path)
    Progress(str(path)).of("images", 3).add(1)
    assert at_exit == []
    assert not (path.parent / "elsewhere").exists()


def test_a_path_that_none_can_have_is_no_failure() -> None:
    Progress("/tmp/a\0b").of("images", 3).add(1)


def test_a_full_disk_ends_the_notes(tmp_path, monkeypatch, at_exit) -> None:
    writes = []

    def full(*_arguments: object) -> int:
        writes.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_progress.os, "pwrite", full)
    count = Progress(str(tmp_path / "note")).of("images", 3)
    count.add(1)
    count.add(1)
    assert len(writes) == 1
    assert os.path.getsize(tmp_path / "note") == 0

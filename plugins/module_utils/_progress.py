# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""How far a long removal is: noted in a small file on the managed host, which an action plugin reads meanwhile.

No result depends on it: whatever is wrong with the file, the removal goes on without it.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size

if t.TYPE_CHECKING:
    from collections.abc import MutableMapping

#: The environment variable with the path of the file. A C(~) in it is the home of whom the module runs as.
VARIABLE = "IMAGEWARDEN_PROGRESS"

IMAGES, REFERENCES, CONTAINERS, RECORDS = "images", "references", "containers", "records"
_ONE = {IMAGES: "image", REFERENCES: "reference", CONTAINERS: "container", RECORDS: "record of the build cache"}
_MANY = {**{kind: kind for kind in _ONE}, RECORDS: "records of the build cache"}

#: Bytes of a note, always the same number: one write replaces the note before.
_LENGTH = 160
_LARGEST = 10**18


class Note(t.NamedTuple):
    """How far it is: what is removed, how many of how many, and the bytes that this most likely freed."""

    kind: str
    done: int
    total: int
    space: int = 0

    @classmethod
    def parse(cls, text: str) -> Note | None:
        """Read a note. What a host sends is not trusted: anything else is none."""
        try:
            kind, *numbers = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            return None
        if kind not in list(_ONE) or len(numbers) != 3 or not all(map(_is_count, numbers)):
            return None
        return cls(kind, *numbers)

    def dump(self) -> bytes:
        """The note as a file has it."""
        return f"{json.dumps(self):{_LENGTH}}\n".encode()

    def __str__(self) -> str:
        words = (_ONE if self.total == 1 else _MANY)[self.kind]
        space = f", about {human_size(self.space)}" if self.space else ""
        return f"{self.done} of {self.total} {words}{space}"


def _is_count(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


class Progress:
    """Takes the notes of one module run. Without a path it does nothing."""

    def __init__(self, path: str = "") -> None:
        self._path = path
        self._descriptor: int | None = None

    @classmethod
    def asked_for(cls, environ: MutableMapping[str, str]) -> Progress:
        """What whoever started the module reads, if anybody does."""
        return cls(os.path.expanduser(os.path.expandvars(environ.pop(VARIABLE, ""))))

    def of(self, kind: str, total: int) -> Count:
        """Count how many of so many are done, from now on."""
        return Count(self, Note(kind, 0, total))

    def note(self, note: Note) -> None:
        """Replace the note before. After a failure, such as a full disk, nothing is noted any more."""
        if not self._path:
            return
        try:
            if self._descriptor is None:
                self._descriptor = _created(self._path)
            os.pwrite(self._descriptor, note.dump(), 0)
        except (OSError, ValueError):
            self._path = ""


def _created(path: str) -> int:
    """A new file of this user's alone, which is removed when the module ends."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    atexit.register(_forget, path)
    return descriptor


class Count:
    """Counts what is done. Several threads may count at once."""

    def __init__(self, progress: Progress, note: Note) -> None:
        self._progress = progress
        self._note = note
        self._lock = threading.Lock()
        progress.note(note)

    @property
    def kind(self) -> str:
        """What is counted."""
        return self._note.kind

    def add(self, number: int, space: int = 0) -> None:
        """So many more, which freed so many bytes."""
        with self._lock:
            found = self._note
            self._note = found._replace(done=min(found.done + number, found.total), space=found.space + space)
            self._progress.note(self._note)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return

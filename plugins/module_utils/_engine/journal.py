# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The log of what was asked of an Engine: a line before each change and one after it, so that a killed run can be reconstructed."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import ImageWardenError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Image

_Answer = t.TypeVar("_Answer")


class Journal:
    """Writes lines to the managed host's log. What it was shown, it calls by its names too: an ID says nothing afterwards."""

    def __init__(self, write: Callable[[str], object] | None, host: str) -> None:
        self._write = write
        self._host = host
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def know(self, images: Iterable[Image], containers: Iterable[Container]) -> None:
        """Remember what images and containers are called."""
        self._names.update({image.id: ", ".join(ref.familiar for ref in image.references) for image in images})
        self._names.update({container.id: container.name for container in containers})

    def change(
        self, verb: str, things: Iterable[str], ask: Callable[[], _Answer], told: Callable[[_Answer], str]
    ) -> _Answer:
        """The answer to a request that changes something, with a line before it and one with what became of it."""
        what = f"{verb} {', '.join(map(self._called, things))} on {self._host}"
        self._say(f"asking to {what}")
        try:
            answer = ask()
        except ImageWardenError as exc:
            self._say(f"no confirmation to {what}: {exc}")
            raise
        self._say(f"asked to {what}: {told(answer)}")
        return answer

    def _called(self, thing: str) -> str:
        names = self._names.get(thing)
        return f"{thing} ({names})" if names else thing

    def _say(self, text: str) -> None:
        if self._write is not None:
            # Several threads remove at a time, and Ansible's way to the log is not made for that.
            with self._lock:
                self._write(text)

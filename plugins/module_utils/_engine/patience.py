# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Asking again: an Engine that is restarted comes back, and one that is busy answers later. All threads wait together."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    ImageWardenError,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Answer = t.TypeVar("_Answer")

#: Seconds to wait for an Engine that does not answer, such as one that is restarted.
RETURN = 60
#: Seconds between two attempts: short first, then longer.
_FIRST_PAUSE = 0.05
_LAST_PAUSE = 1.0
#: How often a question is asked that the Engine answers with an error.
_ATTEMPTS = 3


class Clock(t.NamedTuple):
    """Time as an executor needs it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def turns(self, seconds: float) -> Iterator[None]:
        """At least one turn, and further ones until these seconds are over, with a pause between."""
        deadline, pause = self.now() + seconds, _FIRST_PAUSE
        while True:
            yield
            if self.now() >= deadline:
                return
            self.sleep(pause)
            pause = min(pause * 1.5, _LAST_PAUSE)


CLOCK = Clock()


class EngineLost(ImageWardenError):
    """The Engine did not come back in time."""


class Patience:
    """Asks until there is an answer. Once the Engine is lost, nobody waits for it any more."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._lost = ""

    def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """The answer. Raises :class:`EngineError` when the Engine does not give one, :class:`EngineLost` when it is away."""
        errors, silence = 0, ""
        for _turn in self._clock.turns(RETURN):
            self.give_up_if_lost()
            try:
                return question()
            except EngineError:
                errors += 1
                if errors == _ATTEMPTS:
                    raise
            except EngineUnavailable as exc:
                silence = str(exc)
        self._lost = silence or "the Engine answered with errors only"
        raise EngineLost(self._lost)

    def give_up_if_lost(self) -> None:
        """Raises :class:`EngineLost` if nobody waits any more."""
        if self._lost:
            raise EngineLost(self._lost)

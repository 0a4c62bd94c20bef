# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contests: several ways to do the same work, in turn, several rounds of it in one run. Only their ratios mean anything.

A machine that does other things too slows all of them down, so that they are interleaved, and medians are compared.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Contestant(t.NamedTuple):
    """A way to do the work: a command that ends with zero. ``is_base`` is of the one that others are compared with."""

    name: str
    command: Sequence[str]
    is_base: bool = False
    environment: Mapping[str, str] = {}
    directory: Path | None = None


class Contest(t.NamedTuple):
    """Work of a size. ``prepare`` makes it anew before each turn; ``finished`` says what is left of it, if anything."""

    work: str
    size: str
    contestants: Sequence[Contestant]
    prepare: Callable[[], object] = lambda: None
    finished: Callable[[], str] = lambda: ""


class Measured(t.NamedTuple):
    """What a turn took: seconds on the clock, seconds of processors, and the most memory of its largest process."""

    seconds: float
    processor: float
    megabytes: float


class Row(t.NamedTuple):
    """The medians of a contestant; ``ratio`` is its share of the base's time."""

    work: str
    size: str
    name: str
    median: Measured
    ratio: float | None


class Failed(Exception):
    """A contestant did not do the work."""


def run(contest: Contest, rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Every contestant in turn, so many rounds. Raises :class:`Failed`."""
    turns: dict[str, list[Measured]] = {contestant.name: [] for contestant in contest.contestants}
    for number in range(rounds):
        for contestant in contest.contestants:
            contest.prepare()
            measured = _turn(contestant)
            left = contest.finished()
            if left:
                raise Failed(f"{contest.work}, {contest.size}, {contestant.name}: {left}")
            turns[contestant.name].append(measured)
            say(f"{contest.work}, {contest.size}, round {number + 1}: {contestant.name} {measured.seconds:.2f} s")
    medians = {name: Measured(*map(statistics.median, zip(*measured, strict=True))) for name, measured in turns.items()}
    base = next((medians[contestant.name].seconds for contestant in contest.contestants if contestant.is_base), None)
    return [
        Row(contest.work, contest.size, name, median, None if base is None else median.seconds / base)
        for name, median in medians.items()
    ]


def _turn(contestant: Contestant) -> Measured:
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(
            [*contestant.command],
            cwd=contestant.directory,
            env={**os.environ, **contestant.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise Failed(f"{contestant.name}: {output.read().decode(errors='replace')[-4000:]}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

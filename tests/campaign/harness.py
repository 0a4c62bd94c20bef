# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every campaign is: random cases that a seed alone makes, on real Engines, with every difference found.

Cases come in sessions. A session empties an Engine, makes a state, and between its cases it changes that state further.

    python -m tests.campaign.NAME --seed 1 --count 500
    python -m tests.campaign.NAME --seed 1 --session 17 --engines e26-containerd

A new campaign is a file with a `CAMPAIGN` and `if __name__ == "__main__": sys.exit(main(CAMPAIGN))`.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import random
import time
import typing as t
from dataclasses import dataclass

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.campaign.states import StateMaker, publish_images
from tests.lab.engines import ENGINE_NAMES
from tests.lab.lab import Lab

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tests.lab.engine import Engine
    from tests.lab.registry import Registry

    #: Runs one session: the Engines, the seed, the session's number, and the digests of the published images.
    Session = Callable[[Sequence[Engine], int, int, Mapping[str, str]], Iterable["Case"]]


@dataclass(frozen=True)
class Case:
    """One task on one state, and every difference that was found.

    `session` and `number` say where in the campaign it was. `marks` say what kind of case it was, for the score.
    """

    engine: str
    session: int
    number: int
    asked: Mapping[str, t.Any]
    differences: tuple[str, ...]
    marks: tuple[str, ...]
    history: tuple[str, ...]
    before: str


@dataclass(frozen=True)
class Campaign:
    """A kind of case. `cases` is their number in a session on one Engine.

    With `together`, a session holds all the Engines, as a fleet; otherwise each Engine has sessions, and a process, of its own.
    """

    name: str
    session: Session
    cases: int
    together: bool = False

    def wrong(self, engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> list[str]:
        """The cases of one session in which there is a difference, for a test to be empty."""
        cases = self.session(engines, seed, session, digests)
        return [self.describe(case, seed) for case in cases if case.differences]

    def describe(self, case: Case, seed: int) -> str:
        """How a person replays the case, and makes its state by hand."""
        return "\n".join(
            [
                f"case {case.number} of session {case.session} on {case.engine}, seed {seed}: {', '.join(case.marks)}",
                f"  replay: python -m tests.campaign.{self.name} --seed {seed} --session {case.session}"
                f" --engines {case.engine}",
                "  the state was made by:",
                *(f"    {step}" for step in case.history),
                "  the state:",
                *(f"    {line}" for line in case.before.splitlines()),
                f"  the task: {json.dumps(case.asked)}",
                *(f"  DIFFERENCE {difference}" for difference in case.differences),
            ]
        )


@dataclass(frozen=True)
class Situation:
    """An Engine that is the session's alone, with what the seed put on it."""

    engine: Engine
    choose: random.Random
    maker: StateMaker


@contextlib.contextmanager
def situation(
    engine: Engine, seed: int, session: int, digests: Mapping[str, str], things: tuple[int, int]
) -> Iterator[Situation]:
    """Empty the Engine, and put a random number of random things on it."""
    with engine.exclusive():
        choose = random.Random(f"{seed}/{session}/{engine.store}/{engine.version}")
        engine.reset()
        maker = StateMaker(engine, choose, digests)
        maker.make(choose.randint(*things))
        yield Situation(engine, choose, maker)


def digests_of(registry: Registry, seed: int) -> dict[str, str]:
    """Publish what the Engines of a campaign pull, as its seed has it; digests by name."""
    return publish_images(registry, random.Random(f"{seed}/registry"))


def run(campaign: Campaign, seed: int, sessions: Iterable[int], engines: Sequence[str]) -> list[Case]:
    """Every case of these sessions. A case with a difference is printed as soon as it is found."""
    digests = digests_of(Lab().registry, seed)
    fleets = [tuple(engines)] if campaign.together else [(name,) for name in engines]
    workers = min(len(fleets), (os.cpu_count() or 1) + 1)
    # Nothing is sent to a process but where its cases are: the campaign may stand in __main__.
    context = multiprocessing.get_context("fork")
    cases: list[Case] = []
    with concurrent.futures.ProcessPoolExecutor(max_workers=workers, mp_context=context) as pool:
        futures = [pool.submit(_run_on, campaign, fleet, seed, list(sessions), digests) for fleet in fleets]
        for future in concurrent.futures.as_completed(futures):
            cases += future.result()
            print(score(cases), flush=True)
    return cases


def _run_on(
    campaign: Campaign, names: Sequence[str], seed: int, sessions: Iterable[int], digests: Mapping[str, str]
) -> list[Case]:
    engines = [Lab().engine(name) for name in names]
    cases = []
    for session in sessions:
        for case in campaign.session(engines, seed, session, digests):
            cases.append(case)
            if case.differences:
                print(campaign.describe(case, seed), flush=True)
    for engine in engines:
        with engine.exclusive():
            engine.reset()
    return cases


def score(cases: Sequence[Case]) -> str:
    """How many cases, how many of them with differences, and of which kinds they were."""
    wrong = sum(1 for case in cases if case.differences)
    kinds = collections.Counter(mark for case in cases for mark in case.marks)
    marks = "".join(f", {number} {mark}" for mark, number in sorted(kinds.items()))
    return f"{len(cases)} cases, {wrong} with differences{marks}"


def main(campaign: Campaign, **variants: Campaign) -> int:
    """The command line of a campaign; each variant of it is a flag."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.campaign.{campaign.name}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100, help="the number of cases over all engines")
    parser.add_argument("--session", type=int, help="replay one session of that seed")
    parser.add_argument("--engines", default=",".join(ENGINE_NAMES))
    for variant in variants:
        parser.add_argument(f"--{variant}", dest="variant", action="store_const", const=variant)
    options = parser.parse_args()
    chosen = variants[options.variant] if variants and options.variant else campaign
    engines = options.engines.split(",")
    sessions = range(-(-options.count // (chosen.cases * len(engines))))
    if options.session is not None:
        sessions = range(options.session, options.session + 1)
    started = time.monotonic()
    cases = run(chosen, options.seed, sessions, engines)
    print(f"seed {options.seed}: {score(cases)}, {time.monotonic() - started:.0f} s")
    return 1 if any(case.differences for case in cases) else 0

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy campaign: random states, random policies, check mode against the real run and the Engine's own truth.

It goes as the exactness campaign does, in sessions that are made from a seed alone.

    python -m tests.integration.campaign_policy --seed 1 --count 500
    python -m tests.integration.campaign_policy --seed 1 --session 17 --engines e26-containerd
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
import typing as t

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.integration.engine_state import EngineState
from tests.integration.exactness import compare, compare_with_truth, foretell
from tests.integration.module_run import run_module
from tests.integration.random_policies import random_policy
from tests.integration.random_states import StateMaker, publish_images
from tests.lab.engines import ENGINE_NAMES
from tests.lab.lab import Lab

if t.TYPE_CHECKING:
    from tests.lab.engine import Engine

CASES_PER_SESSION = 5
MODULE = "image_prune_policy"


class Case(t.NamedTuple):
    """One policy on one state, and every difference that was found."""

    engine: str
    seed: int
    session: int
    number: int
    policy: dict[str, t.Any]
    differences: tuple[str, ...]
    removed: int
    failed: bool
    history: tuple[str, ...]
    before: str

    def __str__(self) -> str:
        lines = [
            f"case {self.number} of session {self.session} on {self.engine}, seed {self.seed}",
            f"  replay: python -m tests.integration.campaign_policy --seed {self.seed} --session {self.session}"
            f" --engines {self.engine}",
            "  the state was made by:",
            *(f"    {step}" for step in self.history),
            "  the state:",
            *(f"    {line}" for line in self.before.splitlines()),
            f"  the policy: {json.dumps(self.policy)}",
            *(f"  DIFFERENCE {difference}" for difference in self.differences),
        ]
        return "\n".join(lines)


def run_session(engine: Engine, seed: int, session: int, published: t.Mapping[str, str]) -> t.Iterator[Case]:
    """The cases of one session, on an Engine that it empties first."""
    with engine.exclusive(), tempfile.TemporaryDirectory(prefix="imagewarden-policy-") as directory:
        choose = random.Random(f"{seed}/{session}/{engine.store}/{engine.version}")
        engine.reset()
        maker = StateMaker(engine, choose, published)
        maker.make(choose.randint(6, 12))
        for number in range(CASES_PER_SESSION):
            if number:
                maker.make(choose.randint(2, 5))
            yield run_case(engine, maker, choose, os.path.join(directory, "usage.json"), (seed, session, number))


def run_case(
    engine: Engine, maker: StateMaker, choose: random.Random, usage_file: str, place: tuple[int, int, int]
) -> Case:
    """Predict, run, and compare with what the Engine then holds."""
    before = EngineState.read(engine.client)
    policy = random_policy(choose, before)
    arguments = {"docker_host": engine.docker_host, "details": "all", "usage_file": usage_file, **policy}
    if choose.random() < 0.2:
        arguments["archive_dir"] = os.path.join(os.path.dirname(usage_file), "archives")
    predicted, writes = foretell(MODULE, engine, arguments)
    untouched = EngineState.read(engine.client)
    actual = run_module(MODULE, arguments)
    after = EngineState.read(engine.client)
    again = run_module(MODULE, arguments)
    differences = [*before.differences(untouched, "check mode changed the Engine"), *writes]
    differences += compare(predicted, actual)
    differences += compare_with_truth(actual, before, after)
    differences += compare_with_policy(predicted, actual, before)
    # A run that was to free more than it did is followed by one that goes on.
    target = actual.get("target")
    goes_on = bool(target) and not target["met"] and "are expected" in target["text"]
    if (again["changed"] and not goes_on) or again["failed"] != actual["failed"]:
        differences.append(f"a second run changes {again.get('untagged')} {again.get('deleted')}: {again.get('msg')}")
    removed = len(actual.get("deleted", ())) + len(actual.get("untagged", ()))
    history = tuple(maker.history)
    return Case(engine.name, *place, policy, tuple(differences), removed, actual["failed"], history, str(before))


def compare_with_policy(predicted: dict[str, t.Any], actual: dict[str, t.Any], before: EngineState) -> t.Iterator[str]:
    """What a policy promises beyond the plan."""
    if actual["failed"] and not actual.get("guard"):
        yield f"the task failed: {actual['msg']}"
        return
    used = {image_id for _name, image_id, _state in before.containers.values()}
    if used & set(actual["deleted"]):
        yield f"an image in use was deleted: {used & set(actual['deleted'])}"
    if actual["conflicts"]:
        yield f"a conflict came up: {actual['conflicts']}"
    if predicted.get("archived") != actual.get("archived"):
        yield f"archived: predicted {predicted.get('archived')}, got {actual.get('archived')}"
    foretold, reached = predicted.get("target"), actual.get("target")
    if foretold and foretold["met"] and not reached["met"]:
        yield f"the target was foretold as met, and was not: {reached}"


def campaign(seed: int, count: int, engines: t.Sequence[str], say: t.Callable[[str], None] = print) -> list[Case]:
    """Run the campaign, an Engine a process at a time; returns every case."""
    published = publish_images(Lab().registry, random.Random(f"{seed}/registry"))
    sessions = -(-count // (CASES_PER_SESSION * len(engines)))
    workers = min(len(engines), (os.cpu_count() or 1) + 1)
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(max_workers=workers, mp_context=context) as pool:
        futures = [pool.submit(_run_sessions, name, seed, range(sessions), published) for name in engines]
        cases: list[Case] = []
        for future in concurrent.futures.as_completed(futures):
            cases += future.result()
            say(_score(cases))
    return cases


def _run_sessions(name: str, seed: int, sessions: t.Iterable[int], published: t.Mapping[str, str]) -> list[Case]:
    engine = Lab().engine(name)
    cases = [case for session in sessions for case in run_session(engine, seed, session, published)]
    engine.reset()
    return cases


def _score(cases: t.Sequence[Case]) -> str:
    return (
        f"{len(cases)} cases: {sum(1 for c in cases if c.differences)} with differences,"
        f" {sum(1 for c in cases if c.removed)} that removed something, {sum(1 for c in cases if c.failed)} refused"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=t.cast("str", __doc__).partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100, help="how many cases over all engines")
    parser.add_argument("--session", type=int, help="replay one session of that seed")
    parser.add_argument("--engines", default=",".join(ENGINE_NAMES))
    options = parser.parse_args()
    engines = options.engines.split(",")
    started = time.monotonic()
    if options.session is not None:
        lab = Lab()
        published = publish_images(lab.registry, random.Random(f"{options.seed}/registry"))
        cases = [case for n in engines for case in run_session(lab.engine(n), options.seed, options.session, published)]
    else:
        cases = campaign(options.seed, options.count, engines)
    for case in cases:
        if case.differences:
            print(case)
    print(f"seed {options.seed}: {_score(cases)}, {time.monotonic() - started:.0f} s")
    return 1 if any(case.differences for case in cases) else 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exactness campaign: random states, random requests, check mode against the real run and the Engine's own truth.

A case is one request on one state. Cases come in sessions: a session makes a state, and between its cases it changes
that state further, so that each request meets another one. A session is made from its seed alone.

    python -m tests.integration.exactness --seed 1 --count 2000
    python -m tests.integration.exactness --seed 1 --session 17 --engines e26-containerd
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import random
import sys
import time
import typing as t

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module
from tests.integration.random_requests import random_request
from tests.integration.random_states import StateMaker, publish_images
from tests.lab.engines import ENGINE_NAMES
from tests.lab.lab import Lab
from tests.lab.proxy import RecordingProxy

if t.TYPE_CHECKING:
    from tests.lab.engine import Engine

CASES_PER_SESSION = 8
#: What promise 1 names, and what a task says of the space it sets free.
PROMISED = ("failed", "changed", "untagged", "deleted", "absent", "conflicts", "diff")
SPACE = ("space_reclaimed", "space_exact")


class Case(t.NamedTuple):
    """One request on one state, and every difference that was found. `exact_bytes` tells whether bytes were compared."""

    engine: str
    seed: int
    session: int
    number: int
    request: dict[str, t.Any]
    differences: tuple[str, ...]
    removed: int
    exact_bytes: bool
    history: tuple[str, ...]
    before: str

    def __str__(self) -> str:
        lines = [
            f"case {self.number} of session {self.session} on {self.engine}, seed {self.seed}",
            f"  replay: python -m tests.integration.exactness --seed {self.seed} --session {self.session}"
            f" --engines {self.engine}",
            "  the state was made by:",
            *(f"    {step}" for step in self.history),
            "  the state:",
            *(f"    {line}" for line in self.before.splitlines()),
            f"  the request: {json.dumps(self.request)}",
            *(f"  DIFFERENCE {difference}" for difference in self.differences),
        ]
        return "\n".join(lines)


def run_session(engine: Engine, seed: int, session: int, published: t.Mapping[str, str]) -> t.Iterator[Case]:
    """The cases of one session, on an Engine that it empties first."""
    with engine.exclusive():
        yield from _run_session(engine, seed, session, published)


def _run_session(engine: Engine, seed: int, session: int, published: t.Mapping[str, str]) -> t.Iterator[Case]:
    choose = random.Random(f"{seed}/{session}/{engine.store}/{engine.version}")
    engine.reset()
    maker = StateMaker(engine, choose, published)
    maker.make(choose.randint(4, 10))
    for number in range(CASES_PER_SESSION):
        if number:
            maker.make(choose.randint(1, 3))
        yield run_case(engine, maker, choose, (seed, session, number))


def run_case(engine: Engine, maker: StateMaker, choose: random.Random, place: tuple[int, int, int]) -> Case:
    """Predict, run, and compare with what the Engine then holds."""
    before = EngineState.read(engine.client)
    request = random_request(choose, before)
    arguments = {"docker_host": engine.docker_host, "details": "all", **request}
    predicted, writes = foretell("image_remove", engine, arguments)
    untouched = EngineState.read(engine.client)
    actual = run_module("image_remove", arguments)
    after = EngineState.read(engine.client)
    again = run_module("image_remove", arguments)
    differences = [*before.differences(untouched, "check mode changed the Engine"), *writes]
    differences += compare(predicted, actual)
    differences += compare_with_truth(actual, before, after)
    if again["changed"]:
        differences.append(f"a second run changes {again['untagged']} {again['deleted']}")
    exact_bytes = bool(request.get("layers")) and actual.get("space_exact", False) and not before.is_containerd
    seed, session, number = place
    return Case(
        engine.name,
        seed,
        session,
        number,
        request,
        tuple(differences),
        len(actual.get("deleted", ())) + len(actual.get("untagged", ())),
        exact_bytes,
        tuple(maker.history),
        str(before),
    )


def foretell(module: str, engine: Engine, arguments: dict[str, t.Any]) -> tuple[dict[str, t.Any], list[str]]:
    """The result of check mode, and whatever it sent to the Engine but for reading."""
    proxy = RecordingProxy(engine.socket)
    try:
        predicted = run_module(module, {**arguments, "docker_host": proxy.docker_host}, check=True)
        return predicted, [f"check mode sent {method} {path}" for method, path in proxy.writes]
    finally:
        proxy.close()


def compare(predicted: dict[str, t.Any], actual: dict[str, t.Any]) -> t.Iterator[str]:
    """The promised keys of check mode against those of the real run; an error has none but its message."""
    keys = [*PROMISED, *SPACE, "images"]
    if actual.get("space_exact"):
        keys.append("deleted_layers")
    for key in [*keys, "msg"]:
        if predicted.get(key) != actual.get(key):
            yield f"{key}: predicted {predicted.get(key)!r}, got {actual.get(key)!r}"


def compare_with_truth(actual: dict[str, t.Any], before: EngineState, after: EngineState) -> t.Iterator[str]:
    """What the result says is gone against what is gone, and what it frees against what was freed."""
    gone = set(before.images) - set(after.images)
    if gone != set(actual.get("deleted", ())):
        yield f"deleted says {sorted(actual.get('deleted', ()))}, gone is {sorted(gone)}"
    lost = sorted(before.references - after.references)
    said = sorted(name for name in actual.get("untagged", ()) if not name.startswith("moby-dangling@"))
    if lost != said:
        yield f"untagged says {said}, gone is {lost}"
    if before.containers != after.containers:
        yield "a container changed"
    if "images" in actual:
        kept = {image["id"] for image in actual["images"] if image["action"] != "deleted"}
        if kept != set(after.images):
            yield f"images keeps {sorted(kept)}, left is {sorted(after.images)}"
    yield from _compare_bytes(actual, before, after)


def _compare_bytes(actual: dict[str, t.Any], before: EngineState, after: EngineState) -> t.Iterator[str]:
    freed = before.layers_size - after.layers_size
    claimed = actual.get("space_reclaimed", 0)
    # The Engine's own number leaves out layers that only a container holds, as if deleting its image had freed them.
    if before.holds_layers_by_container(set(actual.get("deleted", ()))):
        if claimed > freed:
            yield f"space_reclaimed claims {claimed}, at the most {freed} were freed"
    elif actual.get("space_exact") and claimed != freed and not before.is_containerd:
        yield f"space_reclaimed claims exactly {claimed}, freed were {freed}"
    elif claimed > freed:
        yield f"space_reclaimed claims at least {claimed}, freed were {freed}"


def campaign(seed: int, count: int, engines: t.Sequence[str], say: t.Callable[[str], None] = print) -> list[Case]:
    """Run the campaign, an Engine a process at a time; returns every case."""
    lab = Lab()
    published = publish_images(lab.registry, random.Random(f"{seed}/registry"))
    sessions = -(-count // (CASES_PER_SESSION * len(engines)))
    with concurrent.futures.ProcessPoolExecutor(
        max_workers=min(len(engines), (os.cpu_count() or 1) + 1), mp_context=multiprocessing.get_context("fork")
    ) as pool:
        futures = [pool.submit(_run_sessions, name, seed, range(sessions), published) for name in engines]
        cases: list[Case] = []
        for future in concurrent.futures.as_completed(futures):
            cases += future.result()
            say(_score(cases, f"{len(cases)} of {sessions * CASES_PER_SESSION * len(engines)}"))
    return cases


def _run_sessions(name: str, seed: int, sessions: t.Iterable[int], published: t.Mapping[str, str]) -> list[Case]:
    engine = Lab().engine(name)
    cases = []
    for session in sessions:
        for case in run_session(engine, seed, session, published):
            cases.append(case)
            if case.differences:
                print(case, flush=True)
    engine.reset()
    return cases


def _score(cases: t.Sequence[Case], which: str) -> str:
    wrong = sum(1 for case in cases if case.differences)
    return (
        f"{which} cases: {wrong} with differences, {sum(1 for c in cases if c.removed)} that removed something,"
        f" {sum(1 for c in cases if c.exact_bytes)} compared to the byte"
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
        for case in cases:
            print(case)
    else:
        cases = campaign(options.seed, options.count, engines)
    print(f"seed {options.seed}: {_score(cases, str(len(cases)))}, {time.monotonic() - started:.0f} s")
    return 1 if any(case.differences for case in cases) else 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The chain campaign: random states and random variables of the role, check mode against the real run, stage by stage.

A round is one case on each engine, in two plays of one C(ansible-playbook): first the whole role in check mode, through a
proxy that writes down what it sends, and then for real.

    python -m tests.integration.chain --seed 1 --count 200
    python -m tests.integration.chain --seed 1 --round 17 --engines e26-containerd

With --direct, the modules of the chain run in this process as the role's tasks call them, without C(ansible-playbook):
many times as fast, for large counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
import typing as t
from pathlib import Path

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import host_summary
from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module
from tests.integration.random_requests import PATTERNS, random_request
from tests.integration.random_states import StateMaker, publish_images
from tests.integration.role_run import foretell_and_run, stage_differences
from tests.lab.engines import ENGINE_NAMES
from tests.lab.lab import Lab
from tests.lab.proxy import RecordingProxy

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.lab.engine import Engine

_STATES = ("created", "running", "paused", "exited")


class Case(t.NamedTuple):
    """One state and the role's variables for it, and every difference that was found."""

    engine: str
    seed: int
    round: int
    variables: dict[str, t.Any]
    differences: tuple[str, ...]
    summary: str
    history: tuple[str, ...]
    before: str

    def __str__(self) -> str:
        lines = [
            f"round {self.round} on {self.engine}, seed {self.seed}: {self.summary}",
            f"  replay: python -m tests.integration.chain --seed {self.seed} --round {self.round} --engines {self.engine}",
            "  the state was made by:",
            *(f"    {step}" for step in self.history),
            "  the state:",
            *(f"    {line}" for line in self.before.splitlines()),
            f"  the variables: {json.dumps(self.variables)}",
            *(f"  DIFFERENCE {difference}" for difference in self.differences),
        ]
        return "\n".join(lines)


def random_variables(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    """What the role is asked for; the state only serves to find targets that exist."""
    untag = {key: value for key, value in random_request(choose, state).items() if key != "layers"}
    return {
        "image_cleanup_containers": _containers(choose, state) if choose.random() < 0.85 else {},
        "image_cleanup_untag": untag if choose.random() < 0.6 else {},
        "image_cleanup_policy": _policy(choose, state) if choose.random() < 0.85 else {},
    }


def _containers(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    options: dict[str, t.Any] = {"stop_timeout": 0}
    if choose.random() < 0.7:
        options["states"] = choose.sample(_STATES, choose.randint(1, len(_STATES)))
    way = choose.random()
    names = [name.lstrip("/") for name, _image, _state in state.containers.values()]
    if way < 0.3 and names:
        options["names"] = [*choose.sample(names, choose.randint(1, min(3, len(names)))), "gone"]
    elif way < 0.55:
        options["patterns"] = [choose.choice(["c*", "c[1-3]", "?1"])]
    elif way < 0.8 and state.images:
        image = choose.choice(sorted(state.images))
        options["images"] = [choose.choice([*state.names(image), image, image[7:19], "app:*", "*:1"])]
    elif "states" not in options:
        options["older_than"] = choose.choice(["0s", "1h"])
    if choose.random() < 0.2:
        options["excludes"] = ["c2*"]
    if choose.random() < 0.2:
        options["kill"] = True
    if choose.random() < 0.15:
        options["commit_to"] = "attic"
    return options


def _policy(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    remove: dict[str, t.Any] = {"dangling": choose.random() < 0.6}
    if choose.random() < 0.4:
        remove["all_unused"] = True
    if choose.random() < 0.4:
        remove["patterns"] = choose.sample(PATTERNS, 2)
    if choose.random() < 0.2:
        remove["labels"] = ["stage=build"]
    if not any(remove.values()):
        remove["dangling"] = True
    keep: dict[str, t.Any] = {}
    if choose.random() < 0.3:
        keep["newest"] = choose.randint(1, 2)
    if choose.random() < 0.2:
        keep["younger_than"] = choose.choice(["1h", "2022-01-01T00:00:00Z"])
    if choose.random() < 0.2:
        keep["patterns"] = [choose.choice(PATTERNS)]
    options: dict[str, t.Any] = {"remove": remove, "keep": keep} if keep else {"remove": remove}
    if choose.random() < 0.15:
        options["guard"] = {"max_images": choose.randint(0, 4)}
    if choose.random() < 0.1:
        options["target"] = {"total_size": choose.choice(["1MB", "4MB"]), "order": choose.choice(["oldest", "largest"])}
    return options


def chain_in_process(variables: Mapping[str, t.Any], docker_host: str, check: bool) -> dict[str, t.Any]:
    """What tasks/engine.yml of the role does with these variables, and the summary of it."""
    docker = {"docker_host": docker_host}
    results: dict[str, t.Any] = {"docker_host": docker_host}
    results["before"] = run_module("image_usage_info", {**docker, "totals": False}, check=check)
    stages = (
        ("containers", "container_remove", "image_cleanup_containers", ()),
        ("untag", "image_remove", "image_cleanup_untag", ("containers",)),
        ("policy", "image_prune_policy", "image_cleanup_policy", ("containers", "untag")),
    )
    for stage, module, variable, earlier in stages:
        if not variables[variable]:
            results[stage] = {"skipped": True}
            continue
        after = {"after": [results[name] for name in earlier]} if earlier else {}
        results[stage] = run_module(module, {**docker, **variables[variable], **after}, check=check)
        # Ansible takes them out before a later task can see them.
        results[stage].pop("warnings", None)
        if results[stage]["failed"]:
            break
    return host_summary([results])


def _in_processes(hosts: Mapping[str, dict[str, t.Any]]) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    def both(name: str) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        variables = hosts[name]
        foretold = chain_in_process(variables, variables["foretold_through"]["docker_host"], check=True)
        return foretold, chain_in_process(variables, variables["image_cleanup_docker"]["docker_host"], check=False)

    done = {name: both(name) for name in hosts}
    return {name: pair[0] for name, pair in done.items()}, {name: pair[1] for name, pair in done.items()}


def run_round(
    engines: Sequence[Engine], seed: int, number: int, digests: Mapping[str, str], direct: bool = False
) -> list[Case]:
    """One case on each of the engines."""
    with contextlib.ExitStack() as held:
        for engine in sorted(engines, key=lambda engine: engine.name):
            held.enter_context(engine.exclusive())
        directory = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="imagewarden-chain-")))
        makers, states, hosts, proxies = {}, {}, {}, {}
        for engine in engines:
            choose = random.Random(f"{seed}/{number}/{engine.store}/{engine.version}")
            engine.reset()
            makers[engine.name] = StateMaker(engine, choose, digests)
            makers[engine.name].make(choose.randint(6, 14))
            states[engine.name] = EngineState.read(engine.client)
            proxies[engine.name] = held.enter_context(RecordingProxy(engine.socket))
            variables = random_variables(choose, states[engine.name])
            if variables["image_cleanup_policy"]:
                variables["image_cleanup_policy"]["usage_file"] = str(directory / f"{engine.name}-usage.json")
            hosts[engine.name] = {
                **variables,
                "image_cleanup_docker": {"docker_host": engine.docker_host},
                "foretold_through": {"docker_host": proxies[engine.name].docker_host},
            }
        foretold, real = _in_processes(hosts) if direct else foretell_and_run(hosts, directory)
        return [
            Case(
                engine.name,
                seed,
                number,
                {key: value for key, value in hosts[engine.name].items() if key.startswith("image_cleanup_")},
                tuple(
                    _differences(
                        foretold[engine.name], real[engine.name], states[engine.name], engine, proxies[engine.name]
                    )
                ),
                real[engine.name]["summary"],
                tuple(makers[engine.name].history),
                str(states[engine.name]),
            )
            for engine in engines
        ]


def _differences(
    foretold: dict[str, t.Any], real: dict[str, t.Any], before: EngineState, engine: Engine, proxy: RecordingProxy
) -> list[str]:
    found = [f"check mode sent {method} {path}" for method, path in proxy.writes]
    found += stage_differences(foretold, real)
    after = EngineState.read(engine.client)
    stages = [stage for stage in real["engines"][0]["stages"].values() if stage]
    said = {image_id for stage in stages for image_id in stage.get("deleted", [])}
    made = {row["image_id"] for stage in stages for row in stage.get("committed", [])}
    gone = set(before.images) - set(after.images)
    if gone != said - made:
        found.append(f"the stages say that {sorted(said - made)} are deleted, gone is {sorted(gone)}")
    removed = {row["id"] for stage in stages for row in stage.get("containers", []) if row["action"] == "removed"}
    if set(before.containers) - set(after.containers) != removed:
        found.append(f"the stages say that {sorted(removed)} are removed, left is {sorted(after.containers)}")
    return found


def campaign(
    seed: int, count: int, engines: Sequence[str], direct: bool = False, say: t.Callable[[str], None] = print
) -> list[Case]:
    """Run the campaign; returns every case."""
    lab = Lab()
    digests = publish_images(lab.registry, random.Random(f"{seed}/registry"))
    held = [lab.engine(name) for name in engines]
    cases: list[Case] = []
    for number in range(-(-count // len(held))):
        made = run_round(held, seed, number, digests, direct)
        for case in made:
            if case.differences:
                say(str(case))
        cases += made
        say(f"{len(cases)} of {count} cases, {sum(1 for case in cases if case.differences)} with differences")
    return cases


def main() -> int:
    parser = argparse.ArgumentParser(description=t.cast("str", __doc__).partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200, help="how many cases over all engines")
    parser.add_argument("--round", type=int, help="replay one round of that seed")
    parser.add_argument("--engines", default=",".join(ENGINE_NAMES))
    parser.add_argument(
        "--direct", action="store_true", help="the role's modules in this process, without ansible-playbook"
    )
    options = parser.parse_args()
    engines = options.engines.split(",")
    started = time.monotonic()
    if options.round is None:
        cases = campaign(options.seed, options.count, engines, options.direct)
    else:
        lab = Lab()
        digests = publish_images(lab.registry, random.Random(f"{options.seed}/registry"))
        cases = run_round([lab.engine(name) for name in engines], options.seed, options.round, digests, options.direct)
        for case in cases:
            print(case)
    wrong = sum(1 for case in cases if case.differences)
    acting = sum(1 for case in cases if case.summary != "nothing to do")
    print(
        f"seed {options.seed}: {len(cases)} cases, {wrong} with differences, {acting} that changed or refused something, ",
        end="",
    )
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

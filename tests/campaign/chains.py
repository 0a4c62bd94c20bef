# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The chain campaign: random states and random variables of the role, check mode against the real run, stage by stage.

A session is one case on each engine, in two plays of one C(ansible-playbook): first the whole role in check mode, through a
proxy that writes down what it sends, and then for real. With --direct, the modules of the chain run in this process as the
role's tasks call them, without C(ansible-playbook): many times as fast, for large counts.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import typing as t
from pathlib import Path

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import host_summary
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.variables import STAGE_VARIABLES
from tests.campaign.harness import Campaign, Case, main, situation
from tests.campaign.requests import PATTERNS, random_request
from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module
from tests.integration.role_run import foretell_and_run, stage_differences
from tests.lab.proxy import RecordingProxy

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.lab.engine import Engine

    #: Summaries of the role by host, in check mode and for real.
    Summaries = tuple[dict[str, dict[str, t.Any]], dict[str, dict[str, t.Any]]]

_STATES = ("created", "running", "paused", "exited")


def random_variables(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    """What the role is asked for; the state only serves to find targets that exist."""
    images = {key: value for key, value in random_request(choose, state).items() if key != "layers"}
    return {
        "image_cleanup_containers": _containers(choose, state) if choose.random() < 0.85 else {},
        "image_cleanup_images": images if choose.random() < 0.6 else {},
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
        options["on_conflict"] = "skip"
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
    """What the task of the role does with these variables, and the summary of it."""
    stages = {stage: variables[variable] for stage, variable in STAGE_VARIABLES.items() if variable in variables}
    arguments = {"docker_host": docker_host, "totals": False, **stages}
    return host_summary([{**run_module("cleanup_chain", arguments, check=check), "docker_host": docker_host}], check)


def _by_playbook(hosts: dict[str, dict[str, t.Any]], directory: Path) -> Summaries:
    return foretell_and_run(hosts, directory)


def _in_process(hosts: dict[str, dict[str, t.Any]], directory: Path) -> Summaries:
    def both(name: str) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        variables = hosts[name]
        predicted = chain_in_process(variables, variables["foretold_through"]["docker_host"], check=True)
        return predicted, chain_in_process(variables, variables["image_cleanup_docker"]["docker_host"], check=False)

    done = {name: both(name) for name in hosts}
    return {name: pair[0] for name, pair in done.items()}, {name: pair[1] for name, pair in done.items()}


def run_session(engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> Iterator[Case]:
    """One case on each of the engines, by the role itself."""
    return _run_session(_by_playbook, engines, seed, session, digests)


def run_direct(engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> Iterator[Case]:
    """The same cases without C(ansible-playbook)."""
    return _run_session(_in_process, engines, seed, session, digests)


def _run_session(
    predict_and_run: Callable[[dict[str, dict[str, t.Any]], Path], Summaries],
    engines: Sequence[Engine],
    seed: int,
    session: int,
    digests: Mapping[str, str],
) -> Iterator[Case]:
    with contextlib.ExitStack() as held:
        directory = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="imagewarden-chain-")))
        makers, states, hosts, proxies = {}, {}, {}, {}
        # In one order, so that two runs do not wait for each other.
        for engine in sorted(engines, key=lambda engine: engine.name):
            found = held.enter_context(situation(engine, seed, session, digests, things=(6, 14)))
            makers[engine.name] = found.maker
            states[engine.name] = EngineState.read(engine.client)
            proxies[engine.name] = held.enter_context(RecordingProxy(engine.socket))
            variables = random_variables(found.choose, states[engine.name])
            if variables["image_cleanup_policy"]:
                variables["image_cleanup_policy"]["usage_file"] = str(directory / f"{engine.name}-usage.json")
            hosts[engine.name] = {
                **variables,
                "image_cleanup_docker": {"docker_host": engine.docker_host},
                "foretold_through": {"docker_host": proxies[engine.name].docker_host},
            }
        predicted, real = predict_and_run(hosts, directory)
        for engine in engines:
            name = engine.name
            differences = _differences(predicted[name], real[name], states[name], engine, proxies[name])
            asked = {key: value for key, value in hosts[name].items() if key.startswith("image_cleanup_")}
            marks = () if real[name]["summary"] == "nothing to do" else ("that changed or refused something",)
            history = tuple(makers[name].history)
            yield Case(name, session, 0, asked, tuple(differences), marks, history, str(states[name]))


def _differences(
    predicted: dict[str, t.Any], real: dict[str, t.Any], before: EngineState, engine: Engine, proxy: RecordingProxy
) -> list[str]:
    found = [f"check mode sent {method} {path}" for method, path in proxy.writes]
    found += stage_differences(predicted, real)
    after = EngineState.read(engine.client)
    stages = [stage for stage in real["engines"][0]["stages"].values() if stage]
    said = {image_id for stage in stages for image_id in stage.get("deleted", [])}
    made = {row["image_id"] for stage in stages for row in stage.get("committed", [])}
    removed_images = set(before.images) - set(after.images)
    if removed_images != said - made:
        found.append(f"the stages say that {sorted(said - made)} are deleted, removed are {sorted(removed_images)}")
    removed = {row["id"] for stage in stages for row in stage.get("containers", []) if row["action"] == "removed"}
    if set(before.containers) - set(after.containers) != removed:
        found.append(f"the stages say that {sorted(removed)} are removed, left is {sorted(after.containers)}")
    return found


CAMPAIGN = Campaign("chains", run_session, cases=1, together=True)
DIRECT = Campaign("chains --direct", run_direct, cases=1)

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN, direct=DIRECT))

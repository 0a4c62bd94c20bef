# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy campaign: random states, random policies, check mode against the real run and the Engine."""

from __future__ import annotations

import os
import sys
import tempfile
import typing as t

from tests.campaign.comparison import compare, compare_with_truth, predict
from tests.campaign.harness import Campaign, Case, Situation, main, situation
from tests.campaign.requests import random_policy
from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.lab.engine import Engine

CASES = 5
MODULE = "image_prune_policy"


def run_session(engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> Iterator[Case]:
    """The cases of one session; they share a usage file, as the runs on one host do."""
    for engine in engines:
        with (
            tempfile.TemporaryDirectory(prefix="imagewarden-policy-") as directory,
            situation(engine, seed, session, digests, things=(6, 12)) as found,
        ):
            for number in range(CASES):
                if number:
                    found.maker.make(found.choose.randint(2, 5))
                yield _run_case(found, os.path.join(directory, "usage.json"), session, number)


def _run_case(situation: Situation, usage_file: str, session: int, number: int) -> Case:
    """Predict, run, and compare with what the Engine then holds."""
    engine, choose = situation.engine, situation.choose
    before = EngineState.read(engine.client)
    policy = random_policy(choose, before)
    arguments = {"docker_host": engine.docker_host, "details": "all", "usage_file": usage_file, **policy}
    if choose.random() < 0.2:
        arguments["archive_dir"] = os.path.join(os.path.dirname(usage_file), "archives")
    predicted, writes = predict(MODULE, engine, arguments)
    untouched = EngineState.read(engine.client)
    actual = run_module(MODULE, arguments)
    after = EngineState.read(engine.client)
    again = run_module(MODULE, arguments)
    differences = [*before.differences(untouched, "check mode changed the Engine"), *writes]
    differences += compare(predicted, actual)
    differences += compare_with_truth(actual, before, after)
    differences += _compare_with_policy(predicted, actual, before)
    # A run that was to free more than it did is followed by one that goes on, or that a guard refuses.
    target = actual.get("target")
    goes_on = bool(target) and (bool(target["left"]) or (not target["met"] and target["freed"] < target["expected"]))
    is_refused = goes_on and "refuses the plan" in again.get("msg", "")
    if (again["changed"] and not goes_on) or (again["failed"] != actual["failed"] and not is_refused):
        differences.append(f"a second run changes {again.get('untagged')} {again.get('deleted')}: {again.get('msg')}")
    history = tuple(situation.maker.history)
    return Case(engine.name, session, number, policy, tuple(differences), tuple(_marks(actual)), history, str(before))


def _marks(actual: Mapping[str, t.Any]) -> Iterator[str]:
    if actual.get("deleted") or actual.get("untagged"):
        yield "that removed something"
    if actual["failed"]:
        yield "refused"


def _compare_with_policy(predicted: dict[str, t.Any], actual: dict[str, t.Any], before: EngineState) -> t.Iterator[str]:
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
    expected, reached = predicted.get("target"), actual.get("target")
    if expected and expected["met"] and not reached["met"]:
        yield f"the target was predicted as met, and was not: {reached}"


CAMPAIGN = Campaign("policies", run_session, CASES)

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN))

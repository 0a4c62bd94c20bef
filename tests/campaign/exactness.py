# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exactness campaign: random states, random requests of image_remove, check mode against the real run and the Engine."""

from __future__ import annotations

import sys
import typing as t

from tests.campaign.comparison import compare, compare_with_truth, predict
from tests.campaign.harness import Campaign, Case, Situation, main, situation
from tests.campaign.requests import random_request
from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.lab.engine import Engine

CASES = 8


def run_session(engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> Iterator[Case]:
    """The cases of one session."""
    for engine in engines:
        with situation(engine, seed, session, digests, things=(4, 10)) as found:
            for number in range(CASES):
                if number:
                    found.maker.make(found.choose.randint(1, 3))
                yield _run_case(found, session, number)


def _run_case(situation: Situation, session: int, number: int) -> Case:
    """Predict, run, and compare with what the Engine then holds."""
    engine = situation.engine
    before = EngineState.read(engine.client)
    request = random_request(situation.choose, before)
    arguments = {"docker_host": engine.docker_host, "details": "all", **request}
    predicted, writes = predict("image_remove", engine, arguments)
    untouched = EngineState.read(engine.client)
    actual = run_module("image_remove", arguments)
    after = EngineState.read(engine.client)
    again = run_module("image_remove", arguments)
    differences = [*before.differences(untouched, "check mode changed the Engine"), *writes]
    differences += compare(predicted, actual)
    differences += compare_with_truth(actual, before, after)
    if again["changed"]:
        differences.append(f"a second run changes {again['untagged']} {again['deleted']}")
    marks = tuple(_marks(request, actual, before))
    history = tuple(situation.maker.history)
    return Case(engine.name, session, number, request, tuple(differences), marks, history, str(before))


def _marks(request: Mapping[str, t.Any], actual: Mapping[str, t.Any], before: EngineState) -> Iterator[str]:
    if actual.get("deleted") or actual.get("untagged"):
        yield "that removed something"
    if request.get("layers") and actual.get("space_exact") and not before.is_containerd:
        yield "compared to the byte"


CAMPAIGN = Campaign("exactness", run_session, CASES)

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN))

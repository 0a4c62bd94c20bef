# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares what C(image_prune_policy) plans on a saved snapshot with what it predicts on the Engine, in random cases on real engines.

python -m tests.campaign.snapshots --seed 1 --count 100
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import typing as t

from tests.campaign.harness import Campaign, Case, Situation, main, situation
from tests.campaign.requests import random_policy
from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.lab.engine import Engine

CASES = 8
#: What is of the task itself: how it was called, and its own time, which is a little later on the Engine.
_APART = ("invocation", "snapshot", "younger_than")


def run_session(engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> Iterator[Case]:
    """The cases of one session: policies on one state, which is saved before the first of them."""
    for engine in engines:
        with (
            tempfile.TemporaryDirectory(prefix="imagewarden-snapshot-") as directory,
            situation(engine, seed, session, digests, things=(6, 14)) as found,
        ):
            usage_file, path = os.path.join(directory, "usage.json"), os.path.join(directory, "host.json")
            # A run that records what it sees, and removes nothing.
            recording = {"remove": {"patterns": ["nothing:here"]}, "usage_file": usage_file}
            run_module("image_prune_policy", {"docker_host": engine.docker_host, **recording})
            arguments = {"docker_host": engine.docker_host, "usage_file": usage_file, "snapshot": True}
            with open(path, "w", encoding="utf-8") as file:
                json.dump(run_module("image_usage_info", arguments)["snapshot"], file)
            for number in range(CASES):
                yield _run_case(found, usage_file, path, session, number)


def _run_case(situation: Situation, usage_file: str, path: str, session: int, number: int) -> Case:
    engine, choose = situation.engine, situation.choose
    before = EngineState.read(engine.client)
    policy = random_policy(choose, before)
    _leave_out_what_only_an_engine_answers(policy)
    arguments = {"details": "all", "usage_file": usage_file, **policy}
    predicted = run_module("image_prune_policy", {"docker_host": engine.docker_host, **arguments}, check=True)
    planned = run_module("image_prune_policy", {**arguments, "snapshot": path}, check=True)
    differences = [
        f"{key}: on the Engine {predicted.get(key)!r}, on the snapshot {planned.get(key)!r}"
        for key in sorted(predicted.keys() | planned.keys())
        if key not in _APART and predicted.get(key) != planned.get(key)
    ]
    marks = ["that removes something"] if predicted.get("changed") else []
    marks += ["refused"] if predicted["failed"] else []
    history = tuple(situation.maker.history)
    return Case(engine.name, session, number, policy, tuple(differences), tuple(marks), history, str(before))


def _leave_out_what_only_an_engine_answers(policy: dict[str, t.Any]) -> None:
    remove, keep = policy["remove"], policy.get("keep") or {}
    for compared in ("before", "since"):
        remove.pop(compared, None)
    if not set(remove) - {"exclude_labels", "use_regex"}:
        remove["all_unused"] = True
    if keep.get("unrecoverable") == "verify":
        keep["unrecoverable"] = "unpushed"
    if not set(keep) - {"unknown_age"}:
        policy["keep"] = None


CAMPAIGN = Campaign("snapshots", run_session, CASES)

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN))

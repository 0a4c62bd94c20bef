# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random tasks of image_prune_policy for a given state: selectors, rules, targets and guards in every combination."""

from __future__ import annotations

import typing as t

from tests.integration.random_requests import PATTERNS, REGEXES

if t.TYPE_CHECKING:
    import random

    from tests.integration.engine_state import EngineState

#: None of them is so short that an image outgrows it while a case runs.
_AGES = ("1h", "30m", "2022-01-01T00:00:00Z", "2020-07-07", "90d", "700d")


def random_policy(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    """Arguments of one task; the state serves to find images and sizes that exist."""
    policy: dict[str, t.Any] = {"remove": _remove(choose, state), "layers": choose.random() < 0.3}
    if choose.random() < 0.75:
        policy["keep"] = _keep(choose)
    if choose.random() < 0.35:
        policy["target"] = _target(choose, state)
    if choose.random() < 0.2:
        policy["guard"] = choose.choice(
            [
                {"max_images": choose.randint(0, 4)},
                {"max_percent": choose.choice([0, 20, 50, 100])},
                {"min_per_repository": choose.randint(0, 2)},
            ]
        )
    return policy


def _remove(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    remove: dict[str, t.Any] = {}
    if choose.random() < 0.4:
        remove["dangling"] = True
    if choose.random() < 0.5:
        remove["all_unused"] = True
    if choose.random() < 0.4:
        remove |= _patterns(choose)
    if choose.random() < 0.2:
        remove["labels"] = [choose.choice(["stage=build", "stage", "built=yes", "note"])]
    names = sorted(state.references)
    if names and choose.random() < 0.2:
        remove[choose.choice(["before", "since"])] = choose.choice(names)
    return remove or {"all_unused": True}


def _keep(choose: random.Random) -> dict[str, t.Any]:
    keep: dict[str, t.Any] = {}
    if choose.random() < 0.4:
        keep["newest"] = choose.randint(0, 3)
        keep["newest_by"] = choose.choice(["created", "tagged", "version"])
    if choose.random() < 0.3:
        keep["younger_than"] = choose.choice(_AGES)
        keep["age_by"] = choose.choice(["created", "created", "tagged", "used"])
    if choose.random() < 0.3:
        keep |= _patterns(choose)
    if choose.random() < 0.2:
        keep["labels"] = [choose.choice(["stage=run", "stage", "built"])]
    if choose.random() < 0.3:
        keep["unknown_age"] = choose.random() < 0.5
    if choose.random() < 0.2:
        keep["unrecoverable"] = choose.choice(["unpushed", "verify"])
    return keep


def _patterns(choose: random.Random) -> dict[str, t.Any]:
    use_regex = choose.random() < 0.3
    chosen = choose.sample(REGEXES if use_regex else PATTERNS, choose.randint(1, 2))
    return {"patterns": chosen, "use_regex": use_regex}


def _target(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    share = choose.choice([0, 0.2, 0.5, 0.9, 1.5])
    return {
        "total_size": str(int(state.layers_size * share)),
        "order": choose.choice(["oldest", "least_recently_used", "largest"]),
    }

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random tasks for a given state: targets, patterns and filters of image_remove; selectors, rules, targets and guards of policies."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    import random

    from tests.integration.engine_state import EngineState

PATTERNS = ("app", "app:1*", "*/app", "*/*/app:*", "cafe:[1-2]", "base:?", "pull/*", "127.0.0.1:*/pull/a")
REGEXES = ("^app:", "app", ":1$", "@sha256", "^(cafe|base):latest$")
#: None of them is so short that an image outgrows it while a case runs.
_AGES = ("1h", "30m", "2022-01-01T00:00:00Z", "2020-07-07", "90d", "700d")


def random_request(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    """Arguments of one task; the state only serves to find targets that exist."""
    request: dict[str, t.Any] = {
        "on_conflict": choose.choice(["fail", "skip", "skip"]),
        "force": choose.random() < 0.25,
        "prune_parents": choose.random() < 0.8,
        "untag_only": choose.random() < 0.1,
        "layers": choose.random() < 0.6,
    }
    way = choose.random()
    if way < 0.75:
        request["names"] = [_target(choose, state) for _each in range(choose.randint(1, 3))]
    elif way < 0.9:
        request["use_regex"] = choose.random() < 0.4
        request["patterns"] = choose.sample(REGEXES if request["use_regex"] else PATTERNS, choose.randint(1, 2))
    else:
        request["filters"] = _filters(choose, state)
    if choose.random() < 0.15:
        request["excludes"] = [choose.choice(REGEXES if request.get("use_regex") else PATTERNS)]
    return request


def _target(choose: random.Random, state: EngineState) -> str:
    if not state.images or choose.random() < 0.05:
        return choose.choice(["nothing:1", "app:none", "sha256:" + "0" * 64, "nothing@sha256:" + "1" * 64])
    image_id = choose.choice(list(state.images))
    names = state.names(image_id)
    digests = [name for name in state.images[image_id]["RepoDigests"] or [] if "<none>" not in name]
    digits = image_id[7:]
    forms = [image_id, digits, digits[:12], digits[: choose.randint(5, 11)], f"sha256:{digits[:12]}"]
    forms += names * 4 + digests * 2
    forms += [f"docker.io/library/{name}" for name in names if "/" not in name]
    forms += [name[: -len(":latest")] for name in names if name.endswith(":latest")]
    tags = [name for name in names if "@" not in name]
    # With both, the graphdriver store looks at the digest alone, and the containerd store at both.
    forms += [f"{tag}@{digest.partition('@')[2]}" for tag in tags[:1] for digest in digests[:1]]
    return choose.choice(forms)


def _filters(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    names = sorted(state.references)
    options: list[dict[str, t.Any]] = [
        {"dangling": True},
        {"dangling": False, "label": "stage=build"},
        {"label": ["stage"]},
        {"until": "2021-01-01"},
        {"until": "720h"},
    ]
    if names:
        options += [{"before": choose.choice(names)}, {"since": choose.choice(names)}]
    return choose.choice(options)


def random_policy(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    """Arguments of one task; the state serves to find images and sizes that exist."""
    policy: dict[str, t.Any] = {"remove": _remove(choose, state), "layers": choose.random() < 0.3}
    if choose.random() < 0.75:
        policy["keep"] = _keep(choose, state, bool({"before", "since"} & set(policy["remove"])))
    if choose.random() < 0.35:
        policy["target"] = _space_target(choose, state)
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
    if choose.random() < 0.1:
        remove["all_labels"] = choose.choice([["stage", "built"], ["stage=run", "stage"], ["built=yes"]])
    names = sorted(state.references)
    if names and choose.random() < 0.2:
        remove[choose.choice(["before", "since"])] = choose.choice(names)
    remove = remove or {"all_unused": True}
    if choose.random() < 0.1:
        remove["exclude_labels"] = [choose.choice(["stage=run", "built", "note"])]
    return remove


def _keep(choose: random.Random, state: EngineState, compares: bool) -> dict[str, t.Any] | None:
    keep: dict[str, t.Any] = {}
    if choose.random() < 0.5:
        keep["newest"] = choose.randint(1, 3) if choose.random() < 0.6 else [_group(choose), _group(choose)]
        keep["newest_by"] = choose.choice(["created", "tagged", "version"])
    if choose.random() < 0.3:
        keep["younger_than"] = choose.choice(_AGES)
        keep["age_by"] = choose.choice(["created", "created", "tagged", "used"])
    if choose.random() < 0.3:
        keep |= _patterns(choose)
    if choose.random() < 0.2:
        keep["labels"] = [choose.choice(["stage=run", "stage", "built"])]
    if choose.random() < 0.2:
        keep["digests"] = True
    if choose.random() < 0.2:
        named = [*sorted(state.references), *sorted(state.images), "gone:1", "0" * 64]
        keep["images"] = [{"image": choose.choice(named), "reason": "used elsewhere"} for _each in range(2)]
    if choose.random() < 0.2:
        keep["unrecoverable"] = choose.choice(["unpushed", "verify"])
    if (keep or compares) and choose.random() < 0.3:
        keep["unknown_age"] = choose.random() < 0.5
    return keep or None


def _group(choose: random.Random) -> dict[str, t.Any]:
    group = {"count": choose.randint(1, 2), **_patterns(choose)}
    if choose.random() < 0.3:
        group |= {"patterns": ["^(?P<name>[^:@]+):(?P<line>[0-9]+)"], "use_regex": True}
    return group


def _patterns(choose: random.Random) -> dict[str, t.Any]:
    use_regex = choose.random() < 0.3
    chosen = choose.sample(REGEXES if use_regex else PATTERNS, choose.randint(1, 2))
    return {"patterns": chosen, "use_regex": use_regex}


def _space_target(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    if choose.random() < 0.25:
        return {"images_per_run": choose.randint(1, 4), "order": choose.choice(["oldest", "largest"])}
    share = choose.choice([0, 0.2, 0.5, 0.9, 1.5])
    return {
        "total_size": f"{int(state.layers_size * share)}B",
        "order": choose.choice(["oldest", "least_recently_used", "largest"]),
    }

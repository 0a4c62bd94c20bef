# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The build cache campaign: random builds, random policies, check mode against the real run and the Engine's own prune."""

from __future__ import annotations

import sys
import typing as t

from tests.campaign.comparison import predict
from tests.campaign.harness import Campaign, Case, Situation, main, situation
from tests.integration import build_cache
from tests.integration.module_run import run_module
from tests.lab.errors import LabError

if t.TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from tests.lab.engine import Engine

CASES = 5
MODULE = "build_cache_prune"
STEPS = (
    "COPY a /a\n",
    "COPY b /b\n",
    'RUN ["/bin/busybox", "cp", "/bin/busybox", "/one"]\n',
    'RUN ["/bin/busybox", "touch", "/two"]\n',
    'RUN --mount=type=cache,target=/first ["/bin/busybox", "cp", "/bin/busybox", "/first/a"]\n',
    'RUN --mount=type=cache,target=/second ["/bin/busybox", "touch", "/second/a"]\n',
    "WORKDIR /work\n",
)
REMOVE: tuple[dict[str, t.Any], ...] = (
    {"all": True},
    {"unused": True},
    {"types": ["regular"]},
    {"types": ["exec.cachemount", "source.local"]},
    {"descriptions": ["*busybox*"]},
    {"descriptions": ["cached mount /first *", "http url *"], "unused": False},
    {"descriptions": ["cp .*/one$|COPY"], "use_regex": True, "types": ["internal"]},
)
KEEP: tuple[dict[str, t.Any], ...] = (
    {"types": ["exec.cachemount"]},
    {"descriptions": ["*touch*"]},
    {"younger_than": "1h", "age_by": "created"},
)
#: The keys that check mode predicts.
PROMISED = ("failed", "changed", "deleted", "records", "diff", "summary", "space_reclaimed", "space_exact", "msg")


def run_session(engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> Iterator[Case]:
    """The cases of one session: builds on what the earlier cases left."""
    for engine in engines:
        with situation(engine, seed, session, digests, things=(0, 0)) as found:
            history: list[str] = []
            for number in range(CASES):
                _make(found, history)
                yield _run_case(found, session, number, history)


def _make(found: Situation, history: list[str]) -> None:
    choose, client = found.choose, found.engine.client
    for _each in range(choose.randint(1, 3)):
        steps = "".join(choose.choices(STEPS, k=choose.randint(1, 5)))
        name, cached = f"built:{choose.randint(1, 4)}", choose.random() < 0.7
        history.append(f"build {name} {'with' if cached else 'without'} the cache of {steps!r}")
        try:
            build_cache.build(client, steps, name, cache=cached)
        except LabError as exc:
            history[-1] += f", which failed: {exc}"
    for row in client.images():
        if choose.random() < 0.4:
            # 20.10 prints a name for an image that has none.
            named = [name for name in row["RepoTags"] or [] if "<none>" not in name]
            for name in named or [row["Id"]]:
                history.append(f"remove {name}")
                client.remove_image(name)
    build_cache.settled(client)


def _random_policy(choose: random.Random, own: int, used: Sequence[str]) -> dict[str, t.Any]:
    options: dict[str, t.Any] = {"remove": choose.choice(REMOVE)}
    kind = choose.random()
    if kind < 0.2:
        options["keep"] = choose.choice(KEEP)
    elif kind < 0.5 and used:
        options["keep"] = {"younger_than": choose.choice(used)[:19] + "Z"}
    if choose.random() < 0.3:
        order = choose.choice(["largest", "least_recently_used"])
        options["target"] = {"total_size": f"{int(own * choose.random())}B", "order": order}
    if choose.random() < 0.1:
        options["guard"] = {"max_records": choose.randint(0, 5)}
    return options


def _run_case(found: Situation, session: int, number: int, history: list[str]) -> Case:
    """Predict, run, and compare with what the Engine then lists."""
    engine, client = found.engine, found.engine.client
    before = build_cache.settled(client)
    own = sum(record["Size"] for record in before.values() if not record["Shared"])
    used = sorted(record["LastUsedAt"] for record in before.values() if record["LastUsedAt"])
    policy = _random_policy(found.choose, own, used)
    arguments = {"docker_host": engine.docker_host, "details": "all", **policy}
    predicted, differences = predict(MODULE, engine, arguments)
    if build_cache.listed(client) != before:
        differences.append("check mode changed the build cache")
    actual = run_module(MODULE, arguments)
    after = build_cache.listed(client)
    differences += [
        f"{key}: predicted {_without(shown, other)!r}, got {_without(other, shown)!r}"
        for key, shown, other in ((key, predicted.get(key), actual.get(key)) for key in PROMISED)
        if shown != other
    ]
    differences += _compare_with_truth(actual, before, after)
    again = run_module(MODULE, arguments)
    if again["changed"] or again["failed"] != actual["failed"]:
        differences.append(f"a second run changes {again.get('deleted')}: {again.get('msg')}")
    marks = ["that removed something"] if actual.get("deleted") else []
    if policy == {"remove": {"unused": True}}:
        marks.append("compared with the Engine's own prune")
        rest = build_cache.prune(client, all_records=False)["deleted"]
        if rest:
            differences.append(f"the Engine itself would also prune {sorted(rest)}")
    history.append(f"prune {policy}")
    lines = "\n".join(_line(record) for record in before.values())
    return Case(engine.name, session, number, policy, tuple(differences), tuple(marks), tuple(history), lines)


def _without(found: t.Any, other: t.Any) -> t.Any:
    """Of a list, what is not in the other one, if that says what differs."""
    rows = [row for row in found if row not in other] if isinstance(found, list) and isinstance(other, list) else []
    return rows or found


def _compare_with_truth(
    actual: Mapping[str, t.Any], before: Mapping[str, t.Any], after: Mapping[str, t.Any]
) -> Iterator[str]:
    deleted = actual.get("deleted", [])
    if set(before) - set(after) != set(deleted):
        yield f"deleted says {sorted(deleted)}, removed are {sorted(set(before) - set(after))}"
    if actual["failed"] and not actual.get("guard"):
        yield f"the task failed: {actual['msg']}"
    space = sum(before[key]["Size"] for key in deleted if not before[key]["Shared"])
    if actual["space_reclaimed"] != space:
        yield f"space_reclaimed is {actual['space_reclaimed']}, and the records had {space}"
    for position, key in enumerate(deleted):
        if any(parent in deleted[:position] for parent in build_cache.parents(before[key])):
            yield f"a parent was removed before its child {key}"
    if actual.get("target") and not actual["target"]["met"] and not actual.get("guard"):
        left = [row["reason"] for row in actual["records"] if row["action"] == "kept" and row["rule"] == "target"]
        if any("met without" in reason for reason in left):
            yield "the target is not met, and a record was left because it is"


def _line(record: Mapping[str, t.Any]) -> str:
    marks = [mark for mark in ("Shared", "InUse") if record[mark]]
    facts = [record["ID"], record["Type"], str(record["Size"]), str(record["LastUsedAt"]), *marks]
    return f"{' '.join(facts)} {record['Description']!r} on {build_cache.parents(record)}"


CAMPAIGN = Campaign("build_cache", run_session, CASES)

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN))

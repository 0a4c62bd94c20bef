# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault campaign: one request of a real run of C(container_remove) goes wrong, and the result says what is so all the same.

A session is one Engine. In each case a proxy lets one request of the run go wrong, which the seed chooses. After it nothing
outside the plan is removed, the result lists exactly what is removed, stopped and committed, and the next clean run ends
where an undisturbed one ends.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
import traceback
import typing as t

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.campaign.harness import Campaign, Case, main, situation
from tests.integration.module_run import run_module
from tests.lab import state
from tests.lab.proxy import RecordingProxy

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from docker import APIClient

    from tests.lab.engine import Engine

#: Ends when it is asked to.
_OBEDIENT = ("/bin/busybox", "sh", "-c", "trap 'exit 3' TERM; while :; do /bin/busybox sleep 0.05; done")
_STATES = ("created", "running", "paused", "exited")
_RUNNING = ("running", "paused")
#: Seconds: less than a late answer takes.
_TIMEOUT, _LATE = 1, 2


def _refuse(status: int) -> Callable[[RecordingProxy, str, str], None]:
    return lambda proxy, method, path: proxy.answer(method, path, status, f"fault {status}", times=1)


def _spoil(spoilt: Callable[[bytes], bytes]) -> Callable[[RecordingProxy, str, str], None]:
    return lambda proxy, method, path: proxy.spoil(method, path, spoilt)


def _broken(_answer: bytes) -> bytes:
    return b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n{"Id":'


def _late(answer: bytes) -> bytes:
    time.sleep(_LATE)
    return answer


#: What can go wrong with a request, by its name.
KINDS: Mapping[str, Callable[[RecordingProxy, str, str], None]] = {
    "404": _refuse(404),
    "409": _refuse(409),
    "500": _refuse(500),
    "broken JSON": _spoil(_broken),
    "half an answer": _spoil(lambda answer: answer[: len(answer) // 2]),
    "answer lost": _spoil(lambda answer: b""),
    "answer late": _spoil(_late),
    "refused": lambda proxy, method, path: proxy.cut(method, path, times=3),
}
#: What becomes of the Engine itself, right before it would see the request.
ENGINE_KINDS: Mapping[str, Callable[[Engine], None]] = {
    "restart": lambda engine: engine.restart(),
    "kill": lambda engine: engine.kill(),
}
#: The requests of a run, by method and path: one of them goes wrong.
_REQUESTS = (
    ("DELETE", "/containers/"),
    ("DELETE", "/containers/"),
    ("POST", "/containers/[0-9a-f]+/stop"),
    ("POST", "/containers/[0-9a-f]+/kill"),
    ("POST", "/commit"),
    ("GET", "/containers/[0-9a-f]+/json"),
    ("GET", "/containers/json"),
    ("GET", "/images/attic/"),
)


def run_session(engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> Iterator[Case]:
    """Eight cases on one Engine, each with containers of its own."""
    (engine,) = engines
    with situation(engine, seed, session, digests, things=(0, 0)) as found:
        client, choose = engine.client, found.choose
        image = state.import_image(client, "app:1")
        for number in range(CAMPAIGN.cases):
            yield _case(engine, choose, image, session, number)
            for container_id in _containers(client):
                client.remove_container(container_id, force=True)
            for row in client.images():
                if "app:1" not in (row["RepoTags"] or []):
                    client.remove_image(row["Id"], force=True)


def _case(engine: Engine, choose: random.Random, image: str, session: int, number: int) -> Case:
    client = engine.client
    kind = choose.choice([*sorted(KINDS), *ENGINE_KINDS])
    method, path = choose.choice(_REQUESTS)
    skipped = choose.choice([0, 0, 0, 1, 2])
    # A restart ends what runs, and so removes what is to be removed at its end.
    history = tuple(
        _make(client, choose, image, index, may_vanish=kind not in ENGINE_KINDS)
        for index in range(choose.randint(2, 5))
    )
    before = _containers(client)
    options = _options(choose)
    if "older_than" in options:
        # The listing cuts fractions of a second off, so that what was just made counts as younger.
        time.sleep(1.1)
    with RecordingProxy(engine.socket) as proxy:
        arguments = {"docker_host": proxy.docker_host, "timeout": _TIMEOUT, **options}
        planned = run_module("container_remove", {"docker_host": engine.docker_host, **options}, check=True)
        after_some(proxy, skipped, method, path, go_wrong(kind, engine, proxy, method, path))
        try:
            result = run_module("container_remove", arguments)
        except Exception:
            differences = [f"a traceback: {traceback.format_exc()}"]
        else:
            differences = list(_differences(client, before, options, planned, result, kind in ENGINE_KINDS))
            differences += _clean_run(engine, options, planned)
        hits = sum(1 for sent, where in proxy.requests if sent == method and re.search(path, where))
    marks = (kind, "that hit") if hits > skipped else (kind,)
    asked = {**options, "fault": f"{kind} at {method} {path} number {skipped}"}
    return Case(engine.name, session, number, asked, tuple(differences), marks, history, json.dumps(before))


def _make(client: APIClient, choose: random.Random, image: str, index: int, may_vanish: bool) -> str:
    kind, auto = choose.choice(_STATES), choose.random() < 0.15
    auto = auto and kind == "running" and may_vanish
    command = _OBEDIENT if kind in _RUNNING else state.TRUE
    state.container(client, image, kind, name=f"c{index}", command=command, auto_remove=auto)
    return f"container c{index}, {kind}{', auto-removed' if auto else ''}"


def _options(choose: random.Random) -> dict[str, t.Any]:
    options: dict[str, t.Any] = {"patterns": [choose.choice(["c*", "c[0-2]"])], "stop_timeout": 2}
    options["states"] = choose.choice([["any"], ["any"], ["running"], ["created", "exited"]])
    if choose.random() < 0.3:
        options["commit_to"] = "attic"
    if choose.random() < 0.3:
        options["kill"] = True
        if choose.random() < 0.5:
            options["kill_signal"] = "TERM"
    if choose.random() < 0.3:
        options["older_than"] = "0s"
    options["parallel"] = choose.choice([1, 50])
    return options


def go_wrong(kind: str, engine: Engine, proxy: RecordingProxy, method: str, path: str) -> Callable[[], object]:
    """Lets the next such request go wrong."""
    if kind in ENGINE_KINDS:
        return lambda: proxy.before(method, path, lambda: ENGINE_KINDS[kind](engine))
    return lambda: KINDS[kind](proxy, method, path)


def after_some(proxy: RecordingProxy, skipped: int, method: str, path: str, fault: Callable[[], object]) -> None:
    """Let the first such requests pass, and the next one go wrong."""
    if skipped == 0:
        fault()
        return
    passed = itertools.count(1)
    proxy.after(method, path, lambda: next(passed) == skipped and fault(), times=skipped)


def _containers(client: APIClient) -> dict[str, tuple[str, str]]:
    return {row["Id"]: (row["Names"][0].lstrip("/"), row["State"]) for row in client.containers(all=True)}


def _differences(
    client: APIClient,
    before: Mapping[str, tuple[str, str]],
    options: Mapping[str, t.Any],
    planned: Mapping[str, t.Any],
    result: Mapping[str, t.Any],
    engine_went: bool,
) -> Iterator[str]:
    after = _containers(client)
    gone = {before[container_id][0] for container_id in before if container_id not in after}
    outside = gone - set(planned["removed"])
    if outside:
        yield f"{sorted(outside)} are removed, and were not planned"
    if gone != set(result.get("removed", ())):
        yield f"the result says that {result.get('removed')} are removed ({result.get('msg')}), removed are {sorted(gone)}"
    ended = {
        name for key, (name, was) in before.items() if was in _RUNNING and after.get(key, ("", was))[1] == "exited"
    }
    stopped = set(result.get("stopped", ()))
    if not ended <= stopped and not options.get("kill") and not engine_went:
        yield f"{sorted(ended - stopped)} ended, and the result says that {sorted(stopped)} are stopped"
    if stopped - gone - ended:
        yield f"the result says that {sorted(stopped)} are stopped, and {sorted(stopped - gone - ended)} run"
    made = {row["Id"] for row in client.images() if "app:1" not in (row["RepoTags"] or [])}
    committed = {row["image_id"] for row in result.get("committed", ())}
    if made != committed:
        yield f"the result says that {sorted(committed)} are committed, and there are {sorted(made)}"


def _clean_run(engine: Engine, options: Mapping[str, t.Any], planned: Mapping[str, t.Any]) -> Iterator[str]:
    """What the next run without a fault leaves of what was planned."""
    run_module("container_remove", {"docker_host": engine.docker_host, **options})
    left = {name for name, _state in _containers(engine.client).values()} & set(planned["removed"])
    # A container that was stopped, and then not removed, is in another state than the one that was asked for.
    if left and set(options["states"]) != {"running"}:
        yield f"the next run leaves {sorted(left)}"


CAMPAIGN = Campaign("faults", run_session, cases=8)

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN))

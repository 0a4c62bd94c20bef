# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault campaign of images: one request of a real run of an image task, the chain or the build cache's goes wrong.

After it nothing outside the plan is removed, the result lists exactly what is removed, and the next clean run ends where
an undisturbed one ends. C(faults) is the same for containers.
"""

from __future__ import annotations

import re
import sys
import time
import traceback
import typing as t

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.campaign.faults import ENGINE_KINDS, KINDS, after_some, go_wrong
from tests.campaign.harness import Campaign, Case, main, situation
from tests.campaign.requests import random_policy, random_request
from tests.integration import build_cache
from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module
from tests.lab.errors import LabError
from tests.lab.proxy import RecordingProxy

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.lab.engine import Engine

_MODULES = ("image_remove",) * 4 + ("image_prune_policy",) * 3 + ("cleanup_chain",) * 4 + ("build_cache_prune",) * 2
_REQUESTS = (
    *[("DELETE", "/images/")] * 6,
    ("GET", "/images/json"),
    ("GET", "/images/json"),
    ("GET", "/images/.+/json"),
    ("GET", "/containers/json"),
    ("GET", "/info"),
    ("GET", "/system/df"),
)
_BUILD_CACHE_REQUESTS = (("POST", "/build/prune"), ("POST", "/build/prune"), ("GET", "/system/df"))
_CHAIN_REQUESTS = (
    *_REQUESTS,
    *_BUILD_CACHE_REQUESTS,
    *[("DELETE", "/containers/")] * 3,
    ("GET", "/containers/[0-9a-f]+/json"),
)
_ASKED = {"build_cache_prune": _BUILD_CACHE_REQUESTS, "cleanup_chain": _CHAIN_REQUESTS}
_WITH_CACHE = ("build_cache_prune", "cleanup_chain")
#: What is not in the proxy's power alone.
_LATE, _BLIND = "request late", "answer lost, and the listings fail twice"
_TIMEOUT, _AFTER_IT = 3, 4


class _Truth(t.NamedTuple):
    """What an Engine holds: images, names, containers, records of the build cache."""

    images: frozenset[str]
    names: frozenset[str]
    containers: frozenset[str]
    cache: frozenset[str]


class _Said(t.NamedTuple):
    """What a result says is removed."""

    images: set[str]
    names: set[str]
    containers: set[str]
    cache: set[str]


def run_session(engines: Sequence[Engine], seed: int, session: int, digests: Mapping[str, str]) -> Iterator[Case]:
    """Its cases on one Engine, each on what the earlier ones left and some more."""
    (engine,) = engines
    with situation(engine, seed, session, digests, things=(6, 12)) as found:
        for number in range(CAMPAIGN.cases):
            found.maker.make(found.choose.randint(4, 7))
            yield _case(engine, found.choose, session, number, tuple(found.maker.history))


def _case(engine: Engine, choose: random.Random, session: int, number: int, history: tuple[str, ...]) -> Case:
    module = choose.choice(_MODULES)
    kind = choose.choice([*sorted(KINDS), _LATE, *ENGINE_KINDS, _BLIND])
    if module in _WITH_CACHE:
        _build(engine, choose)
    if kind in ENGINE_KINDS and module == "cleanup_chain":
        # What ran would have exited then, and so be among what is asked for.
        _end_all(engine)
    state = EngineState.read(engine.client)
    before = _truth(engine, module)
    options = _options(choose, module, state)
    method, path = choose.choice(_ASKED.get(module, _REQUESTS))
    skipped = choose.choice([0, 0, 1, 2, 4])
    planned = _said(run_module(module, {"docker_host": engine.docker_host, **options}, check=True))
    with RecordingProxy(engine.socket) as proxy:
        after_some(proxy, skipped, method, path, _fault(kind, engine, proxy, method, path))
        try:
            result = run_module(module, {"docker_host": proxy.docker_host, "timeout": _TIMEOUT, **options})
            differences = []
        except Exception:
            result, differences = {}, [f"a traceback: {traceback.format_exc()}"]
        hits = sum(1 for sent, where in proxy.requests if sent == method and re.search(path, where))
    after = _truth(engine, module)
    differences += _differences(before, after, planned, _said(result), result.get("msg"))
    clean = run_module(module, {"docker_host": engine.docker_host, **options})
    differences += _left(before, _truth(engine, module), planned, clean)
    marks = (module, kind, "that hit") if hits > skipped else (module, kind)
    asked = {"module": module, **options, "fault": f"{kind} at {method} {path} number {skipped}"}
    return Case(engine.name, session, number, asked, tuple(differences), marks, history, str(state))


def _fault(kind: str, engine: Engine, proxy: RecordingProxy, method: str, path: str) -> Callable[[], object]:
    """Lets the next such request go wrong."""

    def blind(_answer: bytes) -> bytes:
        proxy.answer("GET", r"/(images|containers)/json|/system/df", 500, "fault 500", times=2)
        return b""

    if kind == _BLIND:
        return lambda: proxy.spoil(method, path, blind)
    if kind == _LATE:
        return lambda: proxy.before(method, path, lambda: time.sleep(_AFTER_IT))
    return go_wrong(kind, engine, proxy, method, path)


def _end_all(engine: Engine) -> None:
    for row in engine.client.containers():
        if row["State"] == "paused":
            engine.client.unpause(row["Id"])
        engine.client.kill(row["Id"])
        engine.client.wait(row["Id"])


def _build(engine: Engine, choose: random.Random) -> None:
    try:
        build_cache.build(engine.client, build_cache.COPY + build_cache.RUN, f"built:{choose.randint(1, 3)}")
    except LabError:
        # The random state has another base:1, which cannot run anything.
        build_cache.settled(engine.client)


def _options(choose: random.Random, module: str, state: EngineState) -> dict[str, t.Any]:
    if module == "build_cache_prune":
        return {"remove": {"all": True}}
    if module == "image_remove":
        return _request(choose, state)
    policy = random_policy(choose, state)
    # What a run did counts for the next one there.
    for option in ("target", "guard"):
        policy.pop(option, None)
    if module == "image_prune_policy":
        return policy
    containers = {"states": choose.choice([["exited"], ["created", "exited"]]), "stop_timeout": 1}
    stages = {"containers": containers, "images": _request(choose, state), "policy": policy, "totals": False}
    return {**stages, "build_cache": {"remove": {"all": True}}}


def _request(choose: random.Random, state: EngineState) -> dict[str, t.Any]:
    """Of those whose second run finds what the first one left."""
    while True:
        request = random_request(choose, state)
        if not {"before", "since"} & set(request.get("filters") or ()):
            return {**request, "on_conflict": "skip", "parallel": choose.choice([1, 8])}


def _truth(engine: Engine, module: str) -> _Truth:
    state = EngineState.read(engine.client)
    cache = build_cache.settled(engine.client) if module in _WITH_CACHE else ()
    containers = frozenset(name.lstrip("/") for name, _image, _state in state.containers.values())
    return _Truth(frozenset(state.images), state.references, containers, frozenset(cache))


def _said(result: Mapping[str, t.Any]) -> _Said:
    said = _Said(set(), set(), set(), set())
    stages = result.get("stages")
    for part in [result] if stages is None else [stage for stage in stages.values() if stage]:
        deleted = set(part.get("deleted") or ())
        (said.cache if "records" in part else said.images).update(deleted)
        said.containers.update(part.get("removed") or ())
        said.names.update(name for name in part.get("untagged") or () if not name.startswith("moby-dangling@"))
    return said


def _differences(before: _Truth, after: _Truth, planned: _Said, said: _Said, message: str | None) -> Iterator[str]:
    for what in _Truth._fields:
        gone = getattr(before, what) - getattr(after, what)
        if gone - getattr(planned, what):
            yield f"{what} that were not planned are removed: {sorted(gone - getattr(planned, what))} ({message})"
        if gone != getattr(said, what):
            yield f"{what}: the result says {sorted(getattr(said, what))}, removed are {sorted(gone)} ({message})"


def _left(before: _Truth, after: _Truth, planned: _Said, clean: Mapping[str, t.Any]) -> Iterator[str]:
    """What the run without a fault leaves of what was planned, or removes beyond it."""
    for what in _Truth._fields:
        gone = getattr(before, what) - getattr(after, what)
        if gone != getattr(planned, what):
            yield (
                f"{what} after the next run: removed are {sorted(gone)}, planned were {sorted(getattr(planned, what))}"
                f" ({clean.get('msg')})"
            )


CAMPAIGN = Campaign("image_faults", run_session, cases=3)

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN))

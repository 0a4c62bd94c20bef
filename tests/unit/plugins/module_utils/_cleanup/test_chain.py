# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import math

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup import chain as chains
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.chain import Chain, nothing_done
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    Container,
    EngineFacts,
    Snapshot,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import DiskUsage, Total
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    InvalidRequest,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import Place
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.saved import SavedSnapshot
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rest, Rivals
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report

from ..builders import cases


class FakeEngine:
    """Counts how often it is read."""

    facts = EngineFacts(host="web-1")
    clock = None

    def __init__(self, loses_at: int = 99) -> None:
        self.reads = 0
        self.asked_for_events = False
        self._loses_at = loses_at

    def replayed_events(self, until: float) -> tuple[()]:
        self.asked_for_events = True
        raise EngineError(403, "no events here")

    def read(self, layers: bool = False) -> Snapshot:
        self.reads += 1
        if self.reads >= self._loses_at:
            raise EngineUnavailable("nothing listens")
        return Snapshot(engine=self.facts)


class FakeStage:
    """Returns or raises what it was given, and remembers what it was planned on."""

    def __init__(self, result, minds_use=False) -> None:
        self._result = result
        self.minds_use = minds_use
        self.earlier: list = []
        self.snapshot = Snapshot()

    def run(self, engine, snapshot, now, check_mode, earlier) -> Report:
        self.earlier, self.snapshot = list(earlier), snapshot
        if isinstance(self._result, Exception):
            raise self._result
        return Report({"changed": False, **self._result}, [])


CHANGED = {"changed": True, "removed": ["a"], "diff": {"before": "a\n", "after": ""}}
FAILED = {"failed": True, "msg": "two conflicts", "diff": {"before": "", "after": ""}}
ERROR = EngineError(500, "no space")
LOST = EngineUnavailable("nothing listens")


def chain(*results, stops_on_error=False):
    stages = [FakeStage(result) for result in results]
    named = tuple(zip(("containers", "images", "policy"), stages))
    return Chain(named, "tcp://web-1", False, False, stops_on_error), stages


RUNS = [
    # situation, results, whether a failure ends the chain, check mode, stages that ran, reads, message
    ("nothing to do", [{}, {}, {}], False, False, 3, 1, None),
    ("a change is read anew", [CHANGED, {}, {}], False, False, 3, 3, None),
    ("check mode reads once", [CHANGED, CHANGED, {}], False, True, 3, 1, None),
    ("the chain goes on", [{}, FAILED, {}], False, False, 3, 2, "images: two conflicts"),
    ("the chain stops", [FAILED, {}, {}], True, False, 1, 1, "containers: two conflicts"),
    ("an error goes on", [ERROR, {}, {}], False, False, 3, 2, "containers: the Engine answered 500: no space"),
    ("a lost Engine ends the chain", [{}, LOST, {}], False, False, 2, 1, "images: nothing listens"),
    ("two failures", [FAILED, {}, FAILED], False, True, 3, 1, "containers: two conflicts; policy: two conflicts"),
]


@pytest.mark.parametrize(
    ("results", "stops", "check_mode", "ran", "reads", "message"),
    cases(RUNS),
)
def test_run(results, stops, check_mode, ran, reads, message) -> None:
    engine = FakeEngine()
    report = chain(*results, stops_on_error=stops)[0].run(engine, 0.0, check_mode)
    stages = report.result["stages"]
    assert [name for name, stage in stages.items() if stage is not None] == ["containers", "images", "policy"][:ran]
    assert engine.reads == reads
    assert report.result.get("msg") == message
    assert report.result.get("failed", False) is (message is not None)
    assert set(nothing_done()) <= set(report.result)


def test_an_engine_that_is_lost_after_a_change_fails_and_says_what_was_done() -> None:
    report = chain(CHANGED)[0].run(FakeEngine(loses_at=2), 0.0, False)
    assert report.result["msg"] == "after: nothing listens"
    assert report.result["changed"]
    assert report.result["after"] is None


def test_check_mode_hands_each_stage_the_results_of_the_earlier_ones() -> None:
    made, stages = chain(CHANGED, {}, {})
    made.run(FakeEngine(), 0.0, True)
    assert [len(stage.earlier) for stage in stages] == [0, 1, 2]
    made.run(FakeEngine(), 0.0, False)
    assert [len(stage.earlier) for stage in stages] == [0, 0, 0]


def test_a_stage_has_the_doubts_of_the_beginning_about_what_is_mounted() -> None:
    class Doubting(FakeEngine):
        """Is sure of a mount once it is read anew."""

        def read(self, layers: bool = False) -> Snapshot:
            self.reads += 1
            moved = frozenset(["m:1"] if self.reads == 1 else [])
            return Snapshot(
                engine=self.facts, containers=(Container("c", mounted_images=("m:1",), moved_mounts=moved),)
            )

    made, stages = chain(CHANGED, CHANGED, {})
    made.run(Doubting(), 0.0, False)
    assert [stage.snapshot.containers[0].moved_mounts for stage in stages] == [{"m:1"}] * 3


def test_a_run_hands_on_which_containers_were_removed() -> None:
    removed = [{"id": "a", "action": "removed", "state": "running", "image_id": "sha256:a1"}]
    made, stages = chain({**CHANGED, "containers": removed}, {}, {})
    made.run(FakeEngine(), 0.0, False)
    assert [stage.earlier for stage in stages] == [[], [{"containers": removed}], [{"containers": removed}]]


def test_past_uses_are_read_before_removals_push_them_out() -> None:
    for minds_use in (True, False):
        made, stages = chain({}, {}, {})
        stages[2].minds_use = minds_use
        engine = FakeEngine()
        assert "failed" not in made.run(engine, 0.0, False).result
        assert engine.asked_for_events is minds_use


SAVES = [
    # situation, results, check mode, whether the Engine can be read for it, results that count, stages that ran
    ("in check mode, what the policy would find", [CHANGED, {}, CHANGED], True, True, [2], 3),
    ("in a real run, what the policy finds", [CHANGED, {}, CHANGED], False, True, [0], 3),
    ("without a policy, at the end", [CHANGED, {}], True, True, [2], 2),
    ("what cannot be saved stops nothing", [{}, {}, {}], True, False, [2], 3),
    ("a lost Engine is not asked", [LOST], True, True, [], 1),
]


@pytest.mark.parametrize(
    ("results", "check_mode", "works", "counted", "ran"), [row[1:] for row in SAVES], ids=[row[0] for row in SAVES]
)
def test_a_snapshot_is_saved_once(results, check_mode, works, counted, ran, monkeypatch) -> None:
    asked = []

    def save(_engine, earlier, place, now):
        asked.append(len(earlier))
        assert (place.docker_host, now) == ("tcp://web-1", 7.0)
        if not works:
            raise ERROR
        return SavedSnapshot(now, Snapshot())

    monkeypatch.setattr(chains, "save", save)
    made, stages = chain(*results)
    for stage in stages:
        stage.place = Place("tcp://web-1", "/usage.json")
    report = dataclasses.replace(made, saves=True).run(FakeEngine(), 7.0, check_mode)
    assert asked == counted
    assert len([stage for stage in report.result["stages"].values() if stage is not None]) == ran
    assert (report.result["snapshot"] is not None) is (works and bool(counted))
    if not works:
        assert report.result["msg"] == "snapshot: the Engine answered 500: no space"


def test_the_diff_says_whose_it_is_and_what_it_comes_to() -> None:
    (diff,) = chain(CHANGED, {}, FAILED)[0].run(FakeEngine(), 0.0, True).result["diff"]
    assert diff == {
        "before": "a\n",
        "after": "",
        "before_header": "web-1, containers",
        "after_header": "web-1, containers: 1 container removed",
    }


def test_all_mistakes_are_named_at_once() -> None:
    params = {
        "docker_host": "",
        "containers": {"sattes": []},
        "images": {},
        "policy": {"remove": 1},
        "build_cache": {},
        "totals": True,
        "details": "changes",
        "layers": False,
        "on_error": "continue",
        "snapshot": False,
        "target": None,
    }
    with pytest.raises(InvalidRequest) as raised:
        Chain.parse(params)
    assert str(raised.value) == (
        "containers: sattes: no such option; did you mean states?; policy: remove: 1 is not a dictionary"
    )
    parsed = Chain.parse({**params, "containers": {}, "policy": {"remove": {"dangling": True}, "layers": True}})
    assert ([name for name, _stage in parsed.stages], parsed.layers, parsed.order) == (["policy"], True, None)
    policy, cache = {"remove": {"dangling": True}}, {"remove": {"unused": True}}
    for stages, order in (({"policy": policy}, None), ({"policy": policy, "build_cache": cache}, "largest")):
        target = {"disk_used_below": 80.0, "order": "largest"}
        shared = Chain.parse({**params, "containers": {}, "policy": {}, **stages, "target": target})
        assert shared.order == order
        assert all(stage.place.disk_path is None for name, stage in shared.stages if name == "policy")


@dataclasses.dataclass
class FakePolicy:
    """Returns what it was given, and remembers the build cache that it shares its target with."""

    result: dict
    rivals: object = None
    minds_use: bool = False

    def run(self, engine, snapshot, now, check_mode, earlier) -> Report:
        if self.rivals is None:
            raise EngineError(500, "nothing shares the target")
        return Report({"changed": False, **self.result}, [])


@dataclasses.dataclass
class FakeBuildCache:
    """Remembers what it was to free."""

    rests: list
    rest: object = None
    is_readable: bool = True

    def rivals(self, engine, snapshot, now, earlier, order):
        if not self.is_readable:
            raise ERROR
        return Rivals.of([(1.0, 5)], order), frozenset({"x"})

    def run(self, engine, snapshot, now, check_mode, earlier) -> Report:
        self.rests.append(self.rest)
        return Report({"changed": False}, [])


RESTS = [
    # situation, result of the policy, whether the build cache can be read before it, what is left
    ("bytes", {"target": {"needed": 50}, "space_expected": 20}, True, Rest(50, 20, frozenset({"x"}))),
    ("everything", {"target": {"needed": None}, "space_expected": 0}, True, Rest(math.inf, 0, frozenset({"x"}))),
    ("a policy without a plan", {"failed": True, "msg": "no"}, True, None),
    ("build cache that cannot be read", {"target": {"needed": 50}, "space_expected": 20}, False, None),
]


@pytest.mark.parametrize(("result", "is_readable", "rest"), cases(RESTS))
def test_a_shared_target_goes_from_the_policy_to_the_build_cache(result, is_readable, rest) -> None:
    rests: list = []
    stages = (
        ("containers", FakeStage({})),
        ("policy", FakePolicy(result)),
        ("build_cache", FakeBuildCache(rests, is_readable=is_readable)),
    )
    made = Chain(stages, "tcp://web-1", False, False, False, order="largest")
    report = made.run(FakeEngine(), 0.0, True)
    assert rests == [rest]
    assert bool(report.result.get("failed")) is (rest is None)


def test_the_policy_reads_its_files_before_the_first_stage() -> None:
    class Ready(FakeStage):
        def ready(self):
            if isinstance(self._result, Exception):
                raise self._result
            return FakeStage({"changed": True})

    made, _stages = chain({}, {})
    given = dataclasses.replace(made, stages=(*made.stages, ("policy", Ready({}))))
    stages = given.ready().run(FakeEngine(), 0.0, True).result["stages"]
    assert [stages[name]["changed"] for name in ("containers", "images", "policy")] == [False, False, True]
    missing = dataclasses.replace(made, stages=(*made.stages, ("policy", Ready(InvalidRequest("keep: no file")))))
    with pytest.raises(InvalidRequest, match=r"^policy: keep: no file$"):
        missing.ready()


SETTLING = [
    # situation, bytes of all images at each look, how often it is looked
    ("it is the same twice", [900, 500, 500, 400], 3),
    ("it does not say", [None, 500], 1),
    ("it never settles", list(range(50)), 20),
]


@pytest.mark.parametrize(("sizes", "looks"), [row[1:] for row in SETTLING], ids=[row[0] for row in SETTLING])
def test_bytes_are_measured_when_the_containerd_store_has_settled(sizes, looks, monkeypatch) -> None:
    asked = []

    class SettlingEngine(FakeEngine):
        facts = EngineFacts(version="29.7.2", store="containerd")

        def disk_usage(self, kind=None):
            if kind is None:
                return None
            asked.append(kind)
            size = sizes[len(asked) - 1]
            return DiskUsage(images=None if size is None else Total(size=size))

    monkeypatch.setattr(chains, "CLOCK", Clock(lambda: 0.0, lambda _seconds: None))
    made = dataclasses.replace(chain(CHANGED)[0], totals=True)
    assert made.run(SettlingEngine(), 0.0, False).result["space_measured"] is None
    assert asked == ["image"] * looks

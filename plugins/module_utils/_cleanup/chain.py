# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The chain of an Engine: its stages one after the other on one snapshot, each by the code of its own module."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.counts import (
    count,
    in_words,
    measured,
    with_skipped,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import STAGES, check
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.shared_target import (
    BUILD_CACHE,
    POLICY,
    SharedTarget,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import read_file_system
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import CLOCK
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineUnavailable,
    ImageWardenError,
    InvalidRequest,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import diff_headers, engine_facts
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import Place, read_events, save
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.options import OPTIONS as POLICY_OPTIONS
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rest
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.usage import Moments, notices, usage_report

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.saved import SavedSnapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.stage import Stage as PolicyStage


#: The stage before which a snapshot is saved, and the later one.
_FROM_THE_POLICY_ON = (POLICY, BUILD_CACHE)

#: How often the total of images is read until it no longer changes, and the seconds between.
_LOOKS = 20
_PAUSE = 0.3


def nothing_done() -> dict[str, t.Any]:
    """The result of a chain that did not come to its first stage."""
    return {
        "changed": False,
        "stages": dict.fromkeys(STAGES),
        "before": None,
        "after": None,
        "space_measured": None,
        "notices": [],
        "engine": None,
        "summary": "",
        "diff": [],
    }


@dataclasses.dataclass(frozen=True)
class Chain:
    """The stages that were asked for, by name in their order, and what is measured before and after.

    ``order`` is that of images and build cache for a target that they share; ``None`` where they share none.
    """

    stages: tuple[tuple[str, t.Any], ...]
    docker_host: str
    totals: bool
    layers: bool
    stops_on_error: bool
    saves: bool = False
    order: str | None = None

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Chain:
        """Read the options of all stages before any request. Raises :class:`InvalidRequest`, which names all mistakes."""
        target = SharedTarget.parse(params["target"])
        given: dict[str, t.Any] = {name: params[name] for name in STAGES}
        errors: list[str] = []
        if target is not None:
            given, errors = target.handed_to(given, {name: name for name in ("target", *STAGES)})
        checked = {name: check(name, given[name], params) for name in STAGES}
        errors += [error for found in checked.values() for error in found.errors]
        if errors:
            raise InvalidRequest("; ".join(errors))
        stages = tuple((name, found.stage) for name, found in checked.items() if found.stage is not None)
        return cls(
            stages,
            params["docker_host"],
            params["totals"],
            any(getattr(stage, "layers", False) for _name, stage in stages),
            params["on_error"] == "stop",
            params["snapshot"],
            None if target is None or not all(given[name] for name in (POLICY, BUILD_CACHE)) else target.order,
        )

    def ready(self) -> Chain:
        """The same after the policy has read what it names on the host: before the first stage, which may be another one.

        Raises :class:`InvalidRequest`.
        """
        stages = tuple((name, _ready(stage) if name == "policy" else stage) for name, stage in self.stages)
        return dataclasses.replace(self, stages=stages)

    @property
    def place(self) -> Place:
        """Where a policy finds what the Engine does not show: as the chain's own policy says."""
        policy = dict(self.stages).get(POLICY)
        return Place(self.docker_host, POLICY_OPTIONS["usage_file"]["default"]) if policy is None else policy.place

    def run(self, engine: Engine, now: float, check_mode: bool) -> Report:
        """Plan and carry out each stage on what the earlier ones leave, or would leave in check mode."""
        snapshot = engine.read(layers=self.layers)
        policy = dict(self.stages).get(POLICY)
        if self.saves or (policy is not None and policy.minds_use):
            read_events(engine, now)
        before, told = self._measure(engine, snapshot, now)
        run = _Run(self, engine, snapshot, now, check_mode)
        reports = dict(run.reports())
        results = {name: report.result for name, report in reports.items()}
        changed = any(result["changed"] for result in results.values())
        failures = [f"{name}: {result['msg']}" for name, result in results.items() if result.get("failed")]
        after, trouble = (None, None) if check_mode or not changed else self._measure_again(engine, now)
        failures += [f"after: {trouble}"] if trouble else []
        failures += [f"snapshot: {run.trouble}"] if run.trouble else []
        result = {
            **nothing_done(),
            "changed": changed,
            "stages": {**dict.fromkeys(STAGES), **results},
            "before": before,
            "after": after,
            "space_measured": measured(before, after, engine.facts),
            "notices": told,
            "engine": engine_facts(engine.facts),
            "summary": with_skipped(count(results), in_words(count(results))) or "nothing to do",
            "diff": [_headed(name, result, engine.facts.host) for name, result in results.items() if _differs(result)],
        }
        if self.saves:
            result["snapshot"] = None if run.saved is None else run.saved.document()
        if failures:
            result.update(failed=True, msg="; ".join(failures))
        return Report(result, told + [text for report in reports.values() for text in report.warnings])

    def _measure(self, engine: Engine, snapshot: Snapshot, now: float) -> tuple[dict[str, t.Any], list[str]]:
        """What the Engine holds, in totals, and what a cleaner should know of it."""
        disk_usage = engine.disk_usage() if self.totals else None
        file_system = read_file_system(self.docker_host, engine.facts)
        usage = usage_report(snapshot, disk_usage, Moments(), file_system, UsageRecord(), now)
        measured = {
            "totals": usage["totals"],
            "file_system": usage["file_system"],
            "images": len(usage["images"]),
            "containers": len(snapshot.containers),
        }
        return measured, notices(snapshot, file_system, engine_told=disk_usage is not None or not self.totals)

    def _measure_again(self, engine: Engine, now: float) -> tuple[dict[str, t.Any] | None, str | None]:
        try:
            if self.totals and engine.facts.frees_later:
                _settle(engine)
            return self._measure(engine, engine.read(), now)[0], None
        except ImageWardenError as exc:
            return None, str(exc)


def _ready(policy: PolicyStage) -> PolicyStage:
    try:
        return policy.ready()
    except InvalidRequest as exc:
        raise InvalidRequest(f"policy: {exc}") from exc


def _settle(engine: Engine) -> None:
    """Wait until the Engine has collected what was removed: until its total of images is the same twice."""
    seen: int | None = None
    for _look in range(_LOOKS):
        usage = engine.disk_usage("image")
        size = None if usage is None or usage.images is None else usage.images.size
        if size is None or size == seen:
            return
        seen = size
        CLOCK.sleep(_PAUSE)


class _Run:
    """One walk along the chain. In check mode its one snapshot is never read anew: the earlier results change it."""

    def __init__(self, chain: Chain, engine: Engine, snapshot: Snapshot, now: float, check_mode: bool) -> None:
        self._chain = chain
        self._engine = engine
        self._first = snapshot
        self._snapshot: Snapshot | None = snapshot
        self._now = now
        self._check_mode = check_mode
        #: The records that images share before the policy, and what these leave of a target to the build cache.
        self._shared: frozenset[str] = frozenset()
        self._rest: Rest | None = None
        #: What a policy finds here, and why that could not be saved.
        self.saved: SavedSnapshot | None = None
        self.trouble: str | None = None

    def reports(self) -> Iterator[tuple[str, Report]]:
        """The report of each stage, until one ends the chain."""
        earlier: list[dict[str, t.Any]] = []
        for name, stage in self._chain.stages:
            if name in _FROM_THE_POLICY_ON:
                self._save(earlier)
            report, is_lost = self._report(name, stage, earlier)
            yield name, report
            failed = bool(report.result.get("failed"))
            if is_lost or (failed and self._chain.stops_on_error):
                return
            if self._check_mode:
                earlier.append(report.result)
            elif failed or report.result["changed"]:
                self._snapshot = None
                # What ran until it was removed was in use; the rest of what was done shows when the Engine is read anew.
                if report.result.get("containers"):
                    earlier.append({"containers": report.result["containers"]})
        self._save(earlier)

    def _save(self, earlier: list[dict[str, t.Any]]) -> None:
        """Save what the policy finds, once. That it fails does not keep the stages from running."""
        if not self._chain.saves or self.saved is not None or self.trouble is not None:
            return
        try:
            self.saved = save(self._engine, earlier, self._chain.place, self._now)
        except ImageWardenError as exc:
            self.trouble = str(exc)

    def _report(self, name: str, stage: t.Any, earlier: list[dict[str, t.Any]]) -> tuple[Report, bool]:
        """What a stage returns, and whether the Engine was lost with it."""
        try:
            if self._snapshot is None:
                self._snapshot = self._engine.read(layers=self._chain.layers).as_doubtful_as(self._first)
            stage = self._with_target(name, stage, self._snapshot, earlier)
            report = stage.run(self._engine, self._snapshot, self._now, self._check_mode, earlier)
            self._rest = self._rest_of(report.result) if name == POLICY and self._chain.order else self._rest
            return report, False
        except ImageWardenError as exc:
            failure = {"changed": False, "failed": True, "msg": str(exc)}
            return Report(failure, []), isinstance(exc, EngineUnavailable)

    def _with_target(self, name: str, stage: t.Any, snapshot: Snapshot, earlier: list[dict[str, t.Any]]) -> t.Any:
        """The stage with what it has to know of the other, where they share a target."""
        if self._chain.order is None or name not in (POLICY, BUILD_CACHE):
            return stage
        if name == BUILD_CACHE:
            return dataclasses.replace(stage, rest=self._rest)
        build_cache = dict(self._chain.stages)[BUILD_CACHE]
        rivals, self._shared = build_cache.rivals(self._engine, snapshot, self._now, earlier, self._chain.order)
        return dataclasses.replace(stage, rivals=rivals)

    def _rest_of(self, result: Mapping[str, t.Any]) -> Rest | None:
        """What a policy left of the shared target; unknown where it failed before it had a plan."""
        if not result.get("target"):
            return None
        needed = result["target"]["needed"]
        return Rest(math.inf if needed is None else needed, result["space_expected"], self._shared)


def _differs(result: Mapping[str, t.Any]) -> bool:
    diff = result.get("diff") or {}
    return bool(diff.get("before") != diff.get("after"))


def _headed(name: str, result: Mapping[str, t.Any], host: str) -> dict[str, str]:
    """The diff of a stage under headers that say whose it is and what it comes to.

    Without the space, which is the one number that check mode cannot always know.
    """
    numbers = {**count({name: result}), "space_exact": False, "space_reclaimed": 0, "space_expected": 0}
    counted = with_skipped(numbers, in_words(numbers))
    return {**result["diff"], **diff_headers(host, name, counted)}

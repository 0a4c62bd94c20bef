# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""C(image_prune_policy) without Ansible: from its options to its result."""

from __future__ import annotations

import dataclasses
import json
import os
import time
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import without_doubt
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._image.archive import Archive
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import carry_out, predict
from ansible_collections.imagewarden.docker.plugins.module_utils._options import at_least, parse_all
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose_files import read_compose_files
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import used_until_removed, weigh
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import (
    Measured,
    Place,
    gather,
    measure,
    predicted_bytes,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import plan_policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.report import (
    policy_report,
    policy_warnings,
    too_little_known,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.saved import (
    NotASnapshot,
    SavedSnapshot,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    load,
    read_if_there,
    remember,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import counted_share
from ansible_collections.imagewarden.docker.plugins.module_utils._times import Moment, format_time

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rivals


@dataclasses.dataclass(frozen=True)
class Stage:
    """A policy that is to be applied. ``docker_host`` says whether the Engine's file system can be measured from here.

    With ``saved`` it is only planned, on that instead of an Engine, as if it were the time ``planned_at``. ``rivals`` are the
    build cache that shares its target.
    """

    policy: Policy
    docker_host: str
    usage_file: str
    layers: bool
    details: str
    archive_dir: str | None
    parallel: int
    saved: SavedSnapshot | None = None
    planned_at: float | None = None
    notices: tuple[str, ...] = ()
    rivals: Rivals | None = None

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Stage:
        """Read all options before any request. Raises :class:`InvalidRequest`."""
        saved = _saved(params.get("snapshot"))
        return cls(
            Policy.parse(params, time.time()),
            params["docker_host"],
            params["usage_file"],
            params["layers"],
            params["details"],
            params["archive_dir"],
            at_least("parallel", params["parallel"], 1),
            saved,
            _planned_at(params.get("snapshot_time"), saved),
        )

    @property
    def place(self) -> Place:
        """Where it finds what the Engine does not show."""
        target = self.policy.target
        return Place(self.docker_host, self.usage_file, None if target is None else target.disk_path)

    @property
    def minds_use(self) -> bool:
        """Whether it asks when images were last used."""
        return self.policy.needs_use

    def ready(self) -> Stage:
        """The same after it has read what it names on the host, before any request. Raises :class:`InvalidRequest`.

        Options are also checked on the controller, which does not have these files.
        """
        composed = read_compose_files(self.policy.keep.compose_files)
        policy = dataclasses.replace(self.policy, composed=composed.mentions)
        return dataclasses.replace(self, policy=policy, notices=composed.warnings)

    def run(
        self,
        engine: Engine,
        snapshot: Snapshot | None,
        now: float,
        check_mode: bool,
        earlier: Sequence[Mapping[str, t.Any]],
    ) -> Report:
        """Plan and carry out, on ``snapshot`` if there is one; ``earlier`` are results that a prediction builds on."""
        policy, host, usage_file = self.policy, self.docker_host, self.usage_file
        filters = policy.engine_filters
        present = engine.read(filters, self.layers, "remove") if snapshot is None or filters else snapshot
        before = measure(engine, policy, host).after(predicted_bytes(present, earlier), counted_share(present))
        record, notice = (load if policy.needs_use else read_if_there)(usage_file, engine.facts.id)
        expected = after_results(present, earlier)
        evidence = gather(engine, expected, policy, before, used_until_removed(record, earlier, now), now)
        archive = Archive.at(self.archive_dir, engine)
        decision = plan_policy(expected, policy, evidence, self.rivals)
        outcome = carry_out(decision.plan, engine, check_mode, archive, self.parallel, engine.progress)
        predicted = before.after(decision.expected, counted_share(expected))
        after = predicted if check_mode else measure(engine, policy, host)
        trouble = remember(usage_file, engine.facts.id, evidence.record, now, check_mode)
        result = policy_report(outcome, decision, policy, evidence, before, after, self.details, self.layers)
        notices = [text for text in (notice, trouble if policy.needs_use else None, *evidence.notices) if text]
        warnings = [*policy_warnings(outcome, decision, result), *self.notices, *notices]
        return Report(result, warnings + too_little_known(policy, evidence))

    def plan_on(self, saved: SavedSnapshot, check_mode: bool, earlier: Sequence[Mapping[str, t.Any]]) -> Report:
        """What :meth:`run` would predict on the Engine as it was when the snapshot was saved."""
        policy, now = self.policy, saved.taken if self.planned_at is None else self.planned_at
        if not check_mode:
            raise InvalidRequest(
                "snapshot: a snapshot can only be planned on: run the task in check mode (check_mode: true)"
            )
        if policy.engine_filters:
            raise InvalidRequest(
                f"snapshot: remove.{next(iter(policy.engine_filters))} cannot be planned on one, because only an Engine compares images"
            )
        if policy.keep.compose_files:
            raise InvalidRequest(
                "snapshot: keep.compose_files cannot be planned on one, because the files are on the host and not in the snapshot"
            )
        present = saved.with_layers if self.layers else saved.without_layers
        before = _measured(saved, policy).after(predicted_bytes(present, earlier), counted_share(present))
        expected = after_results(present, earlier)
        evidence = dataclasses.replace(
            weigh(expected, policy, saved.tagged, saved.active, used_until_removed(saved.record, earlier, now), now),
            images_size=before.images_size,
            file_system=without_doubt(before.file_system),
        )
        decision = plan_policy(expected, policy, evidence)
        outcome = predict(decision.plan)
        after = before.after(decision.expected, counted_share(expected))
        result = policy_report(outcome, decision, policy, evidence, before, after, self.details, self.layers)
        result["snapshot"] = {"taken": format_time(saved.taken), "planned_at": format_time(now)}
        notices = [saved.notice] if saved.notice and policy.needs_use else []
        notices += [_NOT_ASKED] if policy.needs_registries else []
        return Report(result, policy_warnings(outcome, decision, result) + notices + too_little_known(policy, evidence))


_NOT_ASKED = (
    "keep.unrecoverable: no registry is asked about a snapshot, so that it keeps every image that no other rule keeps"
)


def _measured(saved: SavedSnapshot, policy: Policy) -> Measured:
    """What the policy's target is held against, as :func:`measure` finds it on a host."""
    target = policy.target
    if target is None:
        return Measured()
    try:
        disk = saved.file_system_at(target.disk_path) if target.minds_disk else None
    except ValueError as exc:
        raise InvalidRequest(f"target.disk_path: {exc}") from exc
    return Measured(saved.images_size if target.total_size is not None else None, disk)


def _saved(given: t.Any) -> SavedSnapshot | None:
    """The snapshot that the option holds or names."""
    if given is None:
        return None
    name = repr(given) if isinstance(given, str) else "it"
    try:
        if isinstance(given, str):
            with open(os.path.expanduser(given), encoding="utf-8") as file:
                given = json.load(file)
        return SavedSnapshot.parse(given)
    except OSError as exc:
        raise InvalidRequest(f"snapshot: {name} cannot be read: {exc.strerror or exc}") from exc
    except NotASnapshot as exc:
        raise InvalidRequest(f"snapshot: {name} cannot be used: {exc}") from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest(f"snapshot: {name} cannot be used: it is damaged, and no JSON") from exc


def _planned_at(value: str | None, saved: SavedSnapshot | None) -> float | None:
    if value is None:
        return None
    if saved is None:
        raise InvalidRequest("snapshot_time: needs snapshot, and means nothing on an Engine")
    moment = parse_all("snapshot_time", Moment.parse, [value])[0]
    if moment.timestamp is None:
        raise InvalidRequest(f"snapshot_time: {value!r} is a duration, and a timestamp is needed")
    return moment.timestamp

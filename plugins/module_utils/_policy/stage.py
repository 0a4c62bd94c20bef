# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""C(image_prune_policy) without Ansible: from its options to its result."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import after_results
from ansible_collections.imagewarden.docker.plugins.module_utils._image.archive import Archive
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import carry_out
from ansible_collections.imagewarden.docker.plugins.module_utils._options import at_least
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import (
    gather,
    measure,
    predicted_bytes,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import plan_policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.report import policy_report, policy_warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    load,
    read_if_there,
    remember,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import counted_share

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot


@dataclasses.dataclass(frozen=True)
class Stage:
    """A policy that is to be applied. ``docker_host`` says whether the Engine's file system can be measured from here."""

    policy: Policy
    docker_host: str
    usage_file: str
    layers: bool
    details: str
    archive_dir: str | None
    parallel: int

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Stage:
        """Read all options before any request. Raises :class:`InvalidRequest`."""
        return cls(
            Policy.parse(params, time.time()),
            params["docker_host"],
            params["usage_file"],
            params["layers"],
            params["details"],
            params["archive_dir"],
            at_least("parallel", params["parallel"], 1),
        )

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
        evidence = gather(engine, expected, policy, before, record, now)
        archive = Archive.at(self.archive_dir, engine)
        decision = plan_policy(expected, policy, evidence)
        outcome = carry_out(decision.plan, engine, check_mode, archive, self.parallel)
        predicted = before.after(decision.expected, counted_share(expected))
        after = predicted if check_mode else measure(engine, policy, host)
        trouble = remember(usage_file, engine.facts.id, evidence.record, now, check_mode)
        result = policy_report(outcome, decision, policy, now, before, after, self.details, self.layers)
        notices = [text for text in (notice, trouble if policy.needs_use else None) if text]
        return Report(result, policy_warnings(outcome, decision, result) + notices)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""C(container_remove) without Ansible: from its options to its result."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._container.execute import carry_out
from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import plan_containers, undated
from ansible_collections.imagewarden.docker.plugins.module_utils._container.read import (
    in_real_states,
    read_containers,
    read_finish_times,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._container.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._container.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot


@dataclasses.dataclass(frozen=True)
class Stage:
    """A removal of containers that was asked for."""

    request: Request
    details: str

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Stage:
        """Read all options before any request. Raises :class:`InvalidRequest`."""
        return cls(Request.parse(params), params["details"])

    def run(
        self,
        engine: Engine,
        snapshot: Snapshot | None,
        now: float,
        check_mode: bool,
        earlier: Sequence[Mapping[str, t.Any]],
    ) -> Report:
        """Plan and carry out, on ``snapshot`` if there is one; ``earlier`` are results that a prediction builds on."""
        if snapshot is None or self.request.sizes:
            # A snapshot that a chain shares has no sizes of containers.
            snapshot = read_containers(engine, self.request.needs_images, self.request.sizes)
        else:
            snapshot = in_real_states(engine, snapshot)
        expected = after_results(snapshot, earlier)
        finished = read_finish_times(engine, undated(expected, self.request, now))
        plan = plan_containers(expected, self.request, now, finished)
        outcome = carry_out(plan, engine, check_mode, engine.progress)
        return Report(report(outcome, self.details), warnings(outcome))

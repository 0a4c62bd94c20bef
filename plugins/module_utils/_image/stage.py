# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""C(image_remove) without Ansible: from its options to its result."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._image.archive import Archive
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import carry_out
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import plan_removal
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._options import at_least
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot


@dataclasses.dataclass(frozen=True)
class Stage:
    """A removal of images that was asked for."""

    request: Request
    layers: bool
    details: str
    archive_dir: str | None
    parallel: int

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Stage:
        """Read all options before any request. Raises :class:`InvalidRequest`."""
        return cls(
            Request.parse(params),
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
        filters = self.request.engine_filters
        present = engine.read(filters, self.layers) if snapshot is None or filters else snapshot
        archive = Archive.at(self.archive_dir, engine)
        plan = plan_removal(after_results(present, earlier), self.request, now)
        outcome = carry_out(plan, engine, check_mode, archive, self.parallel, engine.progress)
        return Report(report(outcome, self.details, self.layers), warnings(outcome))

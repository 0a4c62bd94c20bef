# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a stage is: the work of a module without Ansible, so that a module and a chain of stages run the same code."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot


class Report(t.NamedTuple):
    """What a stage returns to its task: the result, and what an operator should know although it may not have failed."""

    result: dict[str, t.Any]
    warnings: list[str]


class Stage(t.Protocol):
    """The options of a module, read, and the work that they ask for."""

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Stage:
        """Read all options before any request. Raises :class:`InvalidRequest`."""

    def run(
        self,
        engine: Engine,
        snapshot: Snapshot | None,
        now: float,
        check_mode: bool,
        earlier: Sequence[Mapping[str, t.Any]],
    ) -> Report:
        """Plan and carry out, on ``snapshot`` if there is one; ``earlier`` are results that a prediction builds on."""

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixtures of the engine lab, for the tests on real engines only, and how these share several processes."""

from __future__ import annotations

import re
import typing as t

import pytest
from xdist.scheduler import LoadScopeScheduling

# Assertions in this file say what differs, as those in tests do.
pytest.register_assert_rewrite("tests.integration.image_task")

from tests.lab.engines import ENGINE_NAMES
from tests.lab.fixtures import (
    engine,
    fresh_engine,
    lab,
    one_engine,
    recording_proxy,
    registry,
    skipped_line,
    tls_engine,
)

__all__ = ["engine", "fresh_engine", "lab", "one_engine", "recording_proxy", "registry", "tls_engine"]

_ENGINE = re.compile(rf"\[({'|'.join(ENGINE_NAMES)})(?=[\]-])")


class EngineScheduling(LoadScopeScheduling):
    """The tests of one Engine run in one process, in their order; those without an Engine in another."""

    def _split_scope(self, nodeid: str) -> str:
        found = _ENGINE.search(nodeid)
        return found.group(1) if found else "none"


def pytest_xdist_make_scheduler(config: pytest.Config, log: t.Any) -> EngineScheduling:
    """With `--numprocesses`, share the tests by Engine."""
    return EngineScheduling(config, log)


def pytest_terminal_summary(terminalreporter: t.Any) -> None:
    """Say at the end which Engines nothing was tested on."""
    if skipped_line():
        terminalreporter.write_line(skipped_line(), yellow=True)

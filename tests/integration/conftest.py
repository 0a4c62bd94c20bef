# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixtures of the engine lab, for the tests on real engines only."""

from __future__ import annotations

import pytest

# Assertions in this file say what differs, as those in tests do.
pytest.register_assert_rewrite("tests.integration.image_task")

from tests.lab.fixtures import engine, fresh_engine, lab, recording_proxy, registry, tls_engine

__all__ = ["engine", "fresh_engine", "lab", "recording_proxy", "registry", "tls_engine"]

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A short run of the exactness campaign; the long one is `python -m tests.integration.exactness --count 2000`."""

from __future__ import annotations

import random
import typing as t

import pytest

from tests.integration.exactness import run_session
from tests.integration.random_states import publish_images

if t.TYPE_CHECKING:
    from tests.lab.engine import Engine
    from tests.lab.registry import Registry

pytestmark = pytest.mark.engine

SEED = 20
SESSIONS = 4


@pytest.fixture(scope="module")
def published(registry: Registry) -> dict[str, str]:
    return publish_images(registry, random.Random(f"{SEED}/registry"))


@pytest.mark.parametrize("session", range(SESSIONS))
def test_check_mode_is_the_run(engine: Engine, published: dict[str, str], session: int) -> None:
    wrong = [str(case) for case in run_session(engine, SEED, session, published) if case.differences]
    assert not wrong, "\n\n".join(wrong)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short runs of the campaigns; a long one is `python -m tests.campaign.exactness --count 2000`. That of chains is in test_role."""

from __future__ import annotations

import typing as t

import pytest

from tests.campaign import build_cache, exactness, faults, image_faults, policies, snapshots
from tests.campaign.harness import Campaign, digests_of

if t.TYPE_CHECKING:
    from tests.lab.engine import Engine
    from tests.lab.registry import Registry

pytestmark = pytest.mark.engine

SEED = 20

# campaign, its sessions in a usual run of the tests
SHORT_RUNS = [
    (exactness.CAMPAIGN, 4),
    (policies.CAMPAIGN, 2),
    (snapshots.CAMPAIGN, 1),
    (faults.CAMPAIGN, 1),
    (image_faults.CAMPAIGN, 1),
    (build_cache.CAMPAIGN, 1),
]


@pytest.fixture(scope="module")
def digests(registry: Registry) -> dict[str, str]:
    return digests_of(registry, SEED)


@pytest.mark.parametrize(
    ("campaign", "session"),
    [
        pytest.param(campaign, session, id=f"{campaign.name}-{session}")
        for campaign, sessions in SHORT_RUNS
        for session in range(sessions)
    ],
)
def test_a_campaign_finds_no_difference(
    engine: Engine, digests: dict[str, str], campaign: Campaign, session: int
) -> None:
    wrong = campaign.wrong([engine], SEED, session, digests)
    assert not wrong, "\n\n".join(wrong)

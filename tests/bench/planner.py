# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a policy takes to plan, without an Engine: python -m tests.bench.planner REFERENCES.

Each image has ten references in one of many repositories; the policy keeps the newest three of each.
"""

from __future__ import annotations

import sys

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image, Snapshot
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import plan_policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

_TAGS = 10
_IMAGES_OF_A_REPOSITORY = 20
_DAY = 86_400
#: No date of a reproducible build.
_BEGINNING = 1_700_000_000


def host(references: int) -> Snapshot:
    """A host with so many."""
    images = tuple(
        Image(
            f"sha256:{number:064x}",
            tuple(
                Reference.parse(f"registry.example.com/team/app-{number // _IMAGES_OF_A_REPOSITORY}:{number}-{tag}")
                for tag in range(_TAGS)
            ),
            created=_BEGINNING + number * 60,
            size=50_000_000,
            shared_size=40_000_000,
        )
        for number in range(references // _TAGS)
    )
    return Snapshot(images=images)


def main() -> int:
    snapshot = host(int(sys.argv[1]))
    policy = Policy.parse({"remove": {"patterns": ["**"]}, "keep": {"newest": 3}})
    evidence = Evidence(now=_BEGINNING + len(snapshot.images) * 60 + _DAY)
    return 0 if plan_policy(snapshot, policy, evidence).plan.steps else 1


if __name__ == "__main__":
    sys.exit(main())

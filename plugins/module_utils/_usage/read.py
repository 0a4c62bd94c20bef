# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What C(image_usage_info) reads of an Engine: a constant number of requests, unless everything is to be inspected."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import at_once, several
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import read_replay
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.usage import Moments

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import DiskUsage
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import Watched


def read_usage(engine: Engine, totals: bool) -> tuple[Snapshot, DiskUsage | None]:
    """Every image, intermediate ones too, every container, and if ``totals`` asks for it the disk usage: a request each."""
    images, containers, disk_usage = at_once(
        engine.list_images, engine.list_containers, lambda: engine.disk_usage() if totals else None
    )
    return Snapshot(engine=engine.facts, images=images, containers=containers), disk_usage


def read_moments(engine: Engine, snapshot: Snapshot, covered: Watched | None, now: float) -> tuple[Moments, str | None]:
    """When images were tagged, and containers started and finished: a request for each of them, several at a time.

    Together with what the Engine's events show beyond what is ``covered``, for one request, or why they show nothing.
    """
    replayed, trouble = read_replay(engine, snapshot, covered, now)
    images, containers = [image.id for image in snapshot.images], [c.id for c in snapshot.containers]
    tagged = zip(images, several(engine.try_to_inspect_image, images))
    used = zip(containers, several(engine.try_to_inspect_container, containers))
    moments = Moments(
        tagged={key: found.tagged for key, found in tagged if found is not None},
        used={key: found.last_active for key, found in used if found is not None},
        replay=replayed,
    )
    return moments, trouble

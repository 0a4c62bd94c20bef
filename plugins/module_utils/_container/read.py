# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What C(container_remove) reads of an Engine: containers, images where they are asked for, and when containers finished."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import at_once, several
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container


def read_containers(engine: Engine, images: bool, sizes: bool = False) -> Snapshot:
    """Every container, with its size if ``sizes`` asks for it, and every image if ``images`` does: one request each."""
    listed, containers = at_once(
        lambda: engine.list_images() if images else (),
        engine.list_containers_with_sizes if sizes else engine.list_containers,
    )
    return in_real_states(engine, Snapshot(engine=engine.facts, images=listed, containers=containers))


def in_real_states(engine: Engine, snapshot: Snapshot) -> Snapshot:
    """The snapshot with the states that containers really have: a request for each that is listed as being removed."""
    containers = several(lambda container: _in_its_real_state(engine, container), snapshot.containers)
    return dataclasses.replace(snapshot, containers=tuple(filter(None, containers)))


def _in_its_real_state(engine: Engine, container: Container) -> Container | None:
    # A removal that failed leaves the listing at "removing", and only an inspection says "dead": the replica that is
    # listed was saved half-way (daemon/delete.go, CheckpointTo).
    if container.state != "removing":
        return container
    try:
        inspected = engine.inspect_container(container.id)
    except EngineError:
        return container
    return None if inspected is None else dataclasses.replace(container, state=inspected.state)


def read_finish_times(engine: Engine, container_ids: Iterable[str]) -> dict[str, float | None]:
    """When these containers finished; ``None`` for one that never ran. A request each, several at a time.

    Those that cannot be inspected, such as one that lost its read-write layer, are left out.
    """
    ids = list(container_ids)
    inspected = zip(ids, several(engine.try_to_inspect_container, ids))
    return {container_id: found.finished for container_id, found in inspected if found is not None}

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The Engine's verbs for containers: what C(container_remove) needs beyond those for images."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import DockerEngine
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    Snapshot,
    parse_containers,
    parse_images,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._times import parse_engine_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container

#: Seconds that the Engine may need on top of the time that a container has to stop.
_STOP_MARGIN = 30
#: Seconds for a commit: the Engine answers when the whole layer is written.
_COMMIT_TIMEOUT = 3600


class ContainerEngine(DockerEngine):
    """An Engine whose containers are read, stopped, committed and removed. All are addressed by their whole ID."""

    def read_containers(self, images: bool) -> Snapshot:
        """Every container, and every image if ``images`` asks for them: one request each."""
        listed = self._get("/images/json", query={"all": 1}) if images else []
        containers = parse_containers(self.list_containers())
        return Snapshot(
            engine=self.facts,
            images=parse_images(listed, (), self.facts.store),
            containers=tuple(container for container in map(self._in_its_real_state, containers) if container),
        )

    def _in_its_real_state(self, container: Container) -> Container | None:
        # A removal that failed leaves the listing at "removing", and only an inspection says "dead": the replica that is
        # listed was saved half-way (daemon/delete.go, CheckpointTo).
        if container.state != "removing":
            return container
        raw = self.inspect_container(container.id)
        return None if raw is None else dataclasses.replace(container, state=state_of(raw))

    def read_finish_times(self, container_ids: Iterable[str]) -> dict[str, float | None]:
        """When these containers finished; ``None`` for one that never ran. A request each."""
        inspected = ((container_id, self.inspect_container(container_id)) for container_id in container_ids)
        return {container_id: finished_at(raw) for container_id, raw in inspected if raw is not None}

    def inspect_container(self, container_id: str) -> dict[str, t.Any] | None:
        """``GET /containers/ID/json``, or ``None`` when it is not there."""
        return t.cast("dict[str, t.Any] | None", self._get_or_none("/containers/{0}/json", container_id))

    def stop_container(self, container_id: str, seconds: int | None, patience: int) -> None:
        """``POST /containers/ID/stop``; ``seconds`` of ``None`` leave the time to the container.

        ``patience`` is how long the container may take by its own configuration.
        """
        query = {} if seconds is None else {"t": seconds}
        timeout = _STOP_MARGIN + max(patience if seconds is None else seconds, 0)
        self._transport.post("/containers/{0}/stop", container_id, query=query, timeout=timeout)

    def commit_container(self, container_id: str, repository: str, tag: str) -> str:
        """``POST /commit``: the ID of the image. The Engine pauses the container meanwhile."""
        query = {"container": container_id, "repo": repository, "tag": tag}
        return str(self._transport.post("/commit", query=query, timeout=_COMMIT_TIMEOUT)["Id"])

    def remove_container(self, container_id: str, force: bool, volumes: bool) -> None:
        """``DELETE /containers/ID``."""
        self._transport.delete("/containers/{0}", container_id, query={"force": int(force), "v": int(volumes)})


def state_of(raw: t.Mapping[str, t.Any]) -> str:
    """The state of an inspected container."""
    return str((raw.get("State") or {}).get("Status") or "").lower()


def finished_at(raw: t.Mapping[str, t.Any]) -> float | None:
    """When an inspected container finished its last run."""
    return parse_engine_time((raw.get("State") or {}).get("FinishedAt"))

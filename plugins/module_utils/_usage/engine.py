# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What C(image_usage_info) reads of an Engine: a constant number of requests, unless everything is to be inspected."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import DockerEngine
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    Snapshot,
    parse_containers,
    parse_images,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.usage import (
    DiskUsage,
    Moments,
    parse_disk_usage,
    parse_moments,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping

#: From this version on, the Engine counts itself and lists nothing unless it is asked to.
_COUNTING_API = (1, 52)
#: From this version on, it can be asked for a part (``type``).
_TYPE_API = (1, 42)


class UsageEngine(DockerEngine):
    """An Engine whose usage is read. Nothing here changes anything."""

    def read_listings(self) -> Snapshot:
        """Every image, intermediate ones too, and every container: one request each."""
        return Snapshot(
            engine=self.facts,
            images=parse_images(self._get_when_calm("/images/json", {"all": 1}), (), self.facts.store),
            containers=parse_containers(self.list_containers()),
        )

    def read_disk_usage(self) -> DiskUsage | None:
        """What C(docker system df) is made from; ``None`` when the Engine cannot tell."""
        return self._read_disk_usage({"verbose": 1} if self.api >= _COUNTING_API else {})

    def read_images_usage(self) -> DiskUsage | None:
        """The same of images only, where the Engine can leave the rest out."""
        return self._read_disk_usage({"type": "image"} if self.api >= _TYPE_API else {})

    def _read_disk_usage(self, query: Mapping[str, t.Any]) -> DiskUsage | None:
        raw = self._add_up(query)
        return None if raw is None else parse_disk_usage(raw)

    def read_moments(self, snapshot: Snapshot) -> Moments:
        """When images were tagged, and containers started and finished: a request for each of them."""
        return parse_moments(
            _found({image.id: self.inspect_image(image.id) for image in snapshot.images}),
            _found({c.id: self._get_or_none("/containers/{0}/json", c.id) for c in snapshot.containers}),
        )


def _found(inspected: Mapping[str, dict[str, t.Any] | None]) -> dict[str, Mapping[str, t.Any]]:
    return {key: raw for key, raw in inspected.items() if raw is not None}

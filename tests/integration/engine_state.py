# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an Engine holds, read straight from its API: the truth that the modules' words are held against."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from docker.errors import NotFound

from tests.lab.state import uses_containerd

if t.TYPE_CHECKING:
    from docker import APIClient


def layers_size(client: APIClient, is_containerd: bool) -> int:
    """The bytes of all layers, as soon as the containerd store says the same twice.

    It adds up snapshots while its garbage collector takes some away: an answer in between may lack megabytes that are
    there (seen on Engine 26), or is 404 (Engine 28).
    """
    last = None
    for _attempt in range(50):
        try:
            # Engine 29 leaves a zero out.
            size = int(client.df().get("LayersSize", 0))
        except NotFound:
            time.sleep(0.2)
            continue
        if size == last or not is_containerd:
            return size
        last = size
        time.sleep(0.05)
    raise AssertionError("the Engine's LayersSize does not settle")


@dataclasses.dataclass(frozen=True)
class EngineState:
    """Images by ID as the Engine lists them, containers by ID, and the bytes in layers."""

    is_containerd: bool
    images: dict[str, dict[str, t.Any]]
    hidden: frozenset[str]
    containers: dict[str, tuple[str, str, str]]
    layers_size: int

    @classmethod
    def read(cls, client: APIClient) -> EngineState:
        is_containerd = uses_containerd(client)
        dangling = client.images(all=True, filters={"dangling": True}) if is_containerd else []
        return cls(
            is_containerd,
            {raw["Id"]: raw for raw in client.images(all=True)},
            frozenset(raw["Id"] for raw in dangling),
            {c["Id"]: (c["Names"][0], c["ImageID"], c["State"]) for c in client.containers(all=True)},
            layers_size(client, is_containerd),
        )

    def names(self, image_id: str) -> list[str]:
        """The references of an image; on the containerd store digests are made up for every name."""
        raw = self.images[image_id]
        names = (raw["RepoTags"] or []) + ([] if self.is_containerd else raw["RepoDigests"] or [])
        return sorted(name for name in names if "<none>" not in name)

    @property
    def references(self) -> frozenset[str]:
        return frozenset(name for image_id in self.images for name in self.names(image_id))

    def holds_layers_by_container(self, image_ids: t.Collection[str]) -> bool:
        """Whether a container was made from one of these images, or from one that is gone already."""
        images = {image_id for _name, image_id, _state in self.containers.values()}
        return bool(images & set(image_ids)) or not images <= set(self.images)

    def differences(self, other: EngineState, what: str) -> t.Iterator[str]:
        for field in dataclasses.fields(self):
            if field.name not in ("layers_size",) and getattr(self, field.name) != getattr(other, field.name):
                yield f"{what}: {field.name} {getattr(self, field.name)!r} became {getattr(other, field.name)!r}"

    def __str__(self) -> str:
        lines = []
        for image_id, raw in sorted(self.images.items()):
            marks = [f"parent {raw['ParentId'][7:19]}"] if raw.get("ParentId") else []
            marks += ["dangling record"] if image_id in self.hidden else []
            lines.append(f"image {image_id[7:19]} {' '.join(self.names(image_id)) or '<none>'} {', '.join(marks)}")
        for container_id, (name, image_id, status) in sorted(self.containers.items()):
            lines.append(f"container {container_id[:12]} {name} of {image_id[7:19]} {status}")
        return "\n".join(lines)

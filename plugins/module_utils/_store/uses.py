# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which container uses which image: derived once from a snapshot, for all rooms above. No I/O."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, id_prefix

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Snapshot


@dataclasses.dataclass(frozen=True)
class Uses:
    """The containers by image ID, running ones first, then by name.

    ``made_from`` are those created from an image, ``mounting`` those with an image mount of it, and ``unknown_mounts``
    those that mount an image which cannot be identified: it may be any.
    """

    made_from: Mapping[str, tuple[Container, ...]]
    mounting: Mapping[str, tuple[Container, ...]]
    unknown_mounts: tuple[Container, ...] = ()

    @property
    def has_mounts(self) -> bool:
        """Whether any container mounts an image."""
        return bool(self.mounting or self.unknown_mounts)

    def running(self, image_id: str) -> tuple[Container, ...]:
        """The containers made from this image that the Engine counts as running."""
        return tuple(container for container in self.made_from.get(image_id, ()) if container.is_running)

    def mounters(self, image_id: str) -> tuple[Container, ...]:
        """The containers that mount this image, or an unknown one: then it may be this one."""
        return _in_order((*self.mounting.get(image_id, ()), *self.unknown_mounts))

    def known(self, image_id: str) -> tuple[Container, ...]:
        """The containers made from this image and those that mount it by what names it now."""
        mounting = self.mounting.get(image_id)
        users = self.made_from.get(image_id, ())
        return _in_order((*users, *mounting)) if mounting else users

    def holders(self, image_id: str) -> tuple[Container, ...]:
        """The containers that use this image in either way, and those of which that is unknown; users before mounters."""
        users = self.made_from.get(image_id, ())
        if not self.has_mounts:
            return users
        return users + tuple(container for container in self.mounters(image_id) if container not in users)

    def is_surely_held(self, image_id: str) -> bool:
        """Whether a container uses this image, and not only perhaps by a mount of an unknown one."""
        mounters = self.mounting.get(image_id, ())
        return image_id in self.made_from or any(not container.undated_mounts for container in mounters)


def uses_of(snapshot: Snapshot) -> Uses:
    """The uses in this snapshot, computed the first time they are asked for."""
    found: Uses | None = snapshot.derived.get(Uses)
    if found is None:
        found = snapshot.derived[Uses] = _derive(snapshot)
    return found


def _derive(snapshot: Snapshot) -> Uses:
    made_from: dict[str, list[Container]] = {}
    for container in snapshot.containers:
        made_from.setdefault(container.image_id, []).append(container)
    mounting, unknown = _mounts(snapshot)
    return Uses(
        {image_id: _in_order(users) for image_id, users in made_from.items()},
        {image_id: _in_order(mounters) for image_id, mounters in mounting.items()},
        _in_order(unknown),
    )


def _in_order(containers: Iterable[Container]) -> tuple[Container, ...]:
    distinct = {container.id: container for container in containers}
    return tuple(sorted(distinct.values(), key=lambda c: (not c.is_running, c.name, c.id)))


def _mounts(snapshot: Snapshot) -> tuple[dict[str, list[Container]], list[Container]]:
    """Containers by the image that they mount, and those that mount an unknown one.

    The listing shows a mount's source as it was written, not the image that it named then. Where nothing dates the name, a
    pull may have moved it: then the mount counts for every image of that repository.
    """
    sources = [(container, source) for container in snapshot.containers for source in container.mounted_images]
    mounting: dict[str, list[Container]] = {}
    unknown: list[Container] = []
    by_name = {ref: image.id for image in snapshot.images for ref in image.references} if sources else {}
    for container, source in sources:
        image_ids = _mounted(source, container, by_name, snapshot)
        for image_id in image_ids:
            mounting.setdefault(image_id, []).append(container)
        if not image_ids:
            unknown.append(container)
    return mounting, unknown


def _mounted(source: str, container: Container, by_name: dict[Reference, str], snapshot: Snapshot) -> list[str]:
    """The images that a mount may be of; none where its source is no local name any more, or names another image since."""
    try:
        named = Reference.parse(source)
    except ValueError:
        named = None
    if named is None or named not in by_name:
        prefix = id_prefix(source)
        matching = [i.id for i in snapshot.images if prefix is not None and i.id.startswith(f"sha256:{prefix}")]
        return matching if len(matching) == 1 else []
    if named.digest is None and source in container.moved_mounts:
        return []
    if named.digest is None and source in container.undated_mounts:
        return sorted({image_id for reference, image_id in by_name.items() if reference.name == named.name})
    return [by_name[named]]

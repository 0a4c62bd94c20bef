# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a recorder remembers of an Engine between two looks: who uses which image, and when images were used. No I/O, no clock."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CONTAINER, IMAGE
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.use_events import Names, is_use

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Image
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import Event, InspectedImage


#: Image events that say all that changes.
_TOLD = frozenset(["tag", "untag", "delete"])


class Finder(t.Protocol):
    """Asks the Engine; ``None`` for what is gone already, and for what it does not answer."""

    def container(self, container_id: str) -> Container | None:
        """A container as the listing shows it."""

    def image(self, name: str) -> InspectedImage | None:
        """An image by its ID or name."""


class Watch:
    """Told of events, it knows which images were used. It holds no more than there are images and containers."""

    def __init__(self, images: Iterable[Image], containers: Iterable[Container]) -> None:
        self._used: dict[str, float] = {}
        self.list_again(images)
        self._images_of = {container.id: self._used_by(container) for container in containers}
        self._running = {container.id for container in containers if container.is_running}

    def list_again(self, images: Iterable[Image]) -> None:
        """The images that are there now."""
        images = tuple(images)
        self._names = Names(images)
        #: The IDs of the images that are there, as far as they were listed and events told.
        self.image_ids = {image.id for image in images}
        #: Whether images came or went since they were listed. No event tells of each that a pull replaces.
        self.is_stale = False

    @property
    def has_news(self) -> bool:
        """Whether there is something to write."""
        return bool(self._used)

    def note(self, event: Event, finder: Finder) -> None:
        """An event as it arrives."""
        if event.kind == IMAGE:
            self._note_image(event, finder)
        elif event.kind == CONTAINER and is_use(event):
            self._note_use(event, finder)
        elif event.kind == CONTAINER and event.action == "destroy":
            self._images_of.pop(event.id, None)

    def take_uses(self, now: float) -> dict[str, float]:
        """When images were used since this was last asked; those of running containers are used now."""
        used, self._used = self._used, {}
        for container_id in self._running:
            used.update(dict.fromkeys(self._images_of.get(container_id, ()), now))
        return used

    def _note_image(self, event: Event, finder: Finder) -> None:
        self.is_stale = True
        self._names.note(event)
        if event.action == "delete":
            self.image_ids.discard(event.id)
            return
        if event.action in _TOLD:
            self.image_ids.update([event.id] if event.action == "tag" else [])
            return
        found = finder.image(event.id)
        if found is not None:
            self.image_ids.add(found.id)
            for reference in found.references:
                self._names.learn(reference, found.id)

    def _note_use(self, event: Event, finder: Finder) -> None:
        if event.id not in self._images_of:
            named = self._names.image_of(event.name)
            found = finder.container(event.id)
            self._images_of[event.id] = self._named(event.name, named) if found is None else self._used_by(found)
        for image_id in self._images_of[event.id]:
            self._used[image_id] = max(event.time, self._used.get(image_id, event.time))
        if event.action == "die":
            self._running.discard(event.id)
        elif event.action != "create":
            self._running.add(event.id)

    def _named(self, name: str, found: str | None) -> frozenset[str]:
        """What a container was made from that is gone: on doubt, every image that it could have been."""
        return self._names.could_be(name) if found is None else frozenset([found])

    def _used_by(self, container: Container) -> frozenset[str]:
        """The image that it was made from, and those that it mounts, by what names them when it is created."""
        mounted = map(self._names.image_of, container.mounted_images)
        return frozenset(image_id for image_id in (container.image_id, *mounted) if image_id)

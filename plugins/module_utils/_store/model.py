# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What an Engine's image store does when it is asked to remove an image, simulated on a snapshot.

Two models share the vocabulary of this file: ``_store_graphdriver.py`` and ``_store_containerd.py``. A model answers
what one removal would do (:meth:`StoreModel.predict`, which changes nothing) and can carry that out on itself
(:meth:`StoreModel.apply`), so that a list of removals is predicted in sequence. No I/O.
"""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, id_prefix

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Image, Snapshot


class Removal(t.NamedTuple):
    """One request to the Engine: by reference, or by ID when ``reference`` is ``None``."""

    image_id: str
    reference: Reference | None = None

    @property
    def address(self) -> str:
        """What is sent: always explicit, so that the Engine resolves nothing."""
        return self.image_id if self.reference is None else self.reference.familiar


class Effect(t.NamedTuple):
    """What the Engine would do.

    ``untagged`` and ``deleted`` are its lines in its order (image ID and reference; image IDs). ``survives`` are IDs
    that the containerd store reports as deleted but keeps under a dangling record. ``lost_names`` are images that stay
    without any name; ``lost_dangling_records`` those whose dangling record goes while names stay.
    """

    untagged: tuple[tuple[str, Reference], ...] = ()
    deleted: tuple[str, ...] = ()
    survives: frozenset[str] = frozenset()
    lost_names: tuple[str, ...] = ()
    lost_dangling_records: tuple[str, ...] = ()

    @property
    def gone(self) -> tuple[str, ...]:
        """The images that are really gone afterwards, in order."""
        if not self.survives:
            return self.deleted
        return tuple(image_id for image_id in self.deleted if image_id not in self.survives)


class Conflict(t.NamedTuple):
    """Why the Engine would refuse. ``forceable`` is the Engine's own word on whether ``force`` would help."""

    reason: str
    forceable: bool
    containers: tuple[Container, ...] = ()
    children: tuple[str, ...] = ()


class StoredImage:
    """One image in the simulated store; mutable, and only :meth:`StoreModel.apply` changes it."""

    __slots__ = ("dangling_record", "id", "parent", "references")

    def __init__(self, image: Image) -> None:
        self.id = image.id
        self.references: list[Reference] = list(image.references)
        self.parent = image.parent
        self.dangling_record = image.has_dangling_record


class StoreModel:
    """The state that both stores share: images, their children, and the containers that use them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.images: dict[str, StoredImage] = {image.id: StoredImage(image) for image in snapshot.images}
        self.children: dict[str, set[str]] = {}
        for image in snapshot.images:
            if image.parent:
                self.children.setdefault(image.parent, set()).add(image.id)
        self._users: dict[str, list[Container]] = {}
        for container in snapshot.containers:
            self._users.setdefault(container.image_id, []).append(container)
        self._mounters = mounters_by_image(snapshot)

    def users(self, image_id: str) -> tuple[Container, ...]:
        """The containers made from this image; running ones first, then by name."""
        return _running_first(self._users.get(image_id, ()))

    def running_users(self, image_id: str) -> tuple[Container, ...]:
        """Those of :meth:`users` that the Engine counts as running."""
        return tuple(container for container in self.users(image_id) if container.is_running)

    def mounters(self, image_id: str) -> tuple[Container, ...]:
        """The containers with an image mount of this image, or of one that cannot be told: then it may be this one."""
        if not self._mounters:
            return ()
        found = {c.id: c for key in (image_id, UNKNOWN_MOUNT) for c in self._mounters.get(key, ())}
        return _running_first(list(found.values()))

    def is_surely_held(self, image_id: str) -> bool:
        """Whether a container uses this image, and not only perhaps by a mount of what cannot be told."""
        mounters = self._mounters.get(image_id, ())
        return bool(self.users(image_id)) or any(not container.undated_mounts for container in mounters)

    def holders(self, image_id: str) -> tuple[Container, ...]:
        """The containers that use this image in either way."""
        users = self.users(image_id)
        if not self._mounters:
            return users
        return users + tuple(container for container in self.mounters(image_id) if container not in users)

    def predict(self, removal: Removal, force: bool, prune_parents: bool) -> Effect | Conflict:
        """What the Engine would do with this removal now. Changes nothing."""
        raise NotImplementedError

    def apply(self, effect: Effect) -> None:
        """Carry a predicted effect out on this model."""
        for image_id, reference in effect.untagged:
            references = self.images[image_id].references
            if reference in references:
                references.remove(reference)
        for image_id in effect.lost_dangling_records:
            self.images[image_id].dangling_record = False
        for image_id in effect.lost_names + tuple(effect.survives):
            self.images[image_id].dangling_record = True
        for image_id in effect.gone:
            self._forget(image_id)

    def _forget(self, image_id: str) -> None:
        image = self.images.pop(image_id)
        self.children.get(image.parent, set()).discard(image_id)


def _running_first(containers: t.Sequence[Container]) -> tuple[Container, ...]:
    return tuple(sorted(containers, key=lambda c: (not c.is_running, c.name, c.id))) if containers else ()


def mounters_by_image(snapshot: Snapshot) -> dict[str, list[Container]]:
    """Containers by the ID of the image that they mount, and under :data:`UNKNOWN_MOUNT` those of which nobody can tell.

    The listing tells a mount's source as it was written, not the image that it stood for then. Where nothing dates the
    name, a pull may have moved it: then the mount counts for every image of that repository.
    """
    mounting = [container for container in snapshot.containers if container.mounted_images]
    if not mounting:
        return {}
    by_name = {ref: image.id for image in snapshot.images for ref in image.references}
    ids = [image.id for image in snapshot.images]
    found: dict[str, list[Container]] = {}
    for container in mounting:
        for source in container.mounted_images:
            for image_id in _mounted_images(source, container, by_name, ids):
                found.setdefault(image_id, []).append(container)
    return found


def _mounted_images(source: str, container: Container, by_name: dict[Reference, str], ids: list[str]) -> list[str]:
    try:
        named = Reference.parse(source)
    except ValueError:
        named = None
    if named is None or named not in by_name:
        prefix = id_prefix(source)
        matching = [image_id for image_id in ids if prefix is not None and image_id.startswith(f"sha256:{prefix}")]
        return matching if len(matching) == 1 else [UNKNOWN_MOUNT]
    if named.digest is None and source in container.moved_mounts:
        return [UNKNOWN_MOUNT]
    if named.digest is None and source in container.undated_mounts:
        return sorted({image_id for reference, image_id in by_name.items() if reference.name == named.name})
    return [by_name[named]]


#: Stands for the image of a mount whose source is no local name any more, or names another image since.
UNKNOWN_MOUNT = ""

USED_BY_RUNNING = "the image is used by a running container"
USED_BY_STOPPED = "the image is used by a stopped container"
USED = "the image is used by a container"
MOUNTED = "the image is mounted by a container"
PERHAPS_MOUNTED = "a container mounts an image that cannot be told, and it may be this one"
SEVERAL_REFERENCES = "the image has references in several repositories or several tags"
HAS_CHILDREN = "the image has dependent child images"

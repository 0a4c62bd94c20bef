# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What an Engine's image store does when it is asked to remove an image, simulated on a snapshot.

Two models share the vocabulary of this file: ``graphdriver.py`` and ``containerd.py``. A model answers
what one removal would do (:meth:`StoreModel.predict`, which changes nothing) and can carry that out on itself
(:meth:`StoreModel.apply`), so that a list of removals is predicted in sequence. No I/O.
"""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._store.uses import uses_of

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference


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

    __slots__ = ("dangling_record", "id", "parent", "record_parents", "references")

    def __init__(self, image: Image) -> None:
        self.id = image.id
        self.references: list[Reference] = list(image.references)
        self.parent = image.parent
        self.record_parents = dict(image.record_parents)
        self.dangling_record = image.has_dangling_record


class StoreModel:
    """The state that both stores share: images, their children, and the containers that use them.

    What a store says of itself, and of an image on its own, is known to the class.
    """

    #: Whether an answer to a removal names the layers that go too.
    names_layers: t.ClassVar[bool]
    #: Whether an untagged parent is hidden, and is removed with the last of its children.
    hides_parents: t.ClassVar[bool]
    #: Whether a container can be committed whose image was removed.
    commits_without_image: t.ClassVar[bool]
    #: Whether a name that begins the ID of another image is refused.
    minds_names_like_ids: t.ClassVar[bool]
    #: Whether build cache lies in it as images do, as snapshots and blobs.
    holds_build_cache: t.ClassVar[bool]
    #: Whether an image's ID is the digest of its configuration, and not that of its manifest or index.
    identifies_by_configuration: t.ClassVar[bool]

    @classmethod
    def is_dangling(cls, image: Image, parents: t.Container[str]) -> bool:
        """Whether the Engine's filter of that name lists the image; ``parents`` are all images that have children."""
        raise NotImplementedError

    @classmethod
    def find_digest(
        cls, reference: Reference, owners: t.Mapping[Reference, Image], images: t.Mapping[str, Image]
    ) -> Removal | None:
        """The removal that a reference with a digest stands for."""
        raise NotImplementedError

    @classmethod
    def recorded(cls, references: t.Iterable[Reference]) -> frozenset[Reference]:
        """Of the references that an inspected image shows, those that the store has records of."""
        raise NotImplementedError

    @classmethod
    def names_in_registries(cls, image: Image) -> list[Reference]:
        """The names by which registries would know exactly this content."""
        raise NotImplementedError

    @classmethod
    def why_unpushed(cls, image: Image) -> str | None:
        """Why the image counts as one that was never pushed or pulled, or ``None`` if something shows that it was."""
        raise NotImplementedError

    def __init__(self, snapshot: Snapshot) -> None:
        self.images: dict[str, StoredImage] = {image.id: StoredImage(image) for image in snapshot.images}
        self._children: dict[str, set[str]] = {}
        for image in snapshot.images:
            for parent in image.all_parents:
                self._children.setdefault(parent, set()).add(image.id)
        self.uses = uses_of(snapshot)

    def children(self, image_id: str) -> tuple[str, ...]:
        """The images whose parent this one is, by ID."""
        return tuple(sorted(self._children.get(image_id, ())))

    def predict(self, removal: Removal, force: bool, prune_parents: bool) -> Effect | Conflict:
        """What the Engine would do with this removal now. Changes nothing."""
        raise NotImplementedError

    def has(self, removal: Removal) -> bool:
        """Whether the image is there by what the removal names it."""
        image = self.images.get(removal.image_id)
        return image is not None and (removal.reference is None or removal.reference in image.references)

    def pin(self, removal: Removal, effect: Effect, by_id: bool) -> str:
        """A reference that does the same for as long as the name and the image belong together, and is not found then.

        ``by_id`` is whether the image's ID would do the same as its only name.
        """
        return ""

    def untag(self, image_id: str, reference: Reference) -> Effect:
        """What it means that an image has lost this name, or the record that kept it without any."""
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
        for parent in (image.parent, *image.record_parents.values()):
            self._children.get(parent, set()).discard(image_id)


USED_BY_RUNNING = "the image is used by a running container"
USED_BY_STOPPED = "the image is used by a stopped container"
USED = "the image is used by a container"
MOUNTED = "the image is mounted by a container"
PERHAPS_MOUNTED = "a container mounts an image that cannot be identified; it may be this one"
SEVERAL_REFERENCES = "the image has references in several repositories or several tags"
HAS_CHILDREN = "the image has dependent child images"

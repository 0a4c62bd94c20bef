# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The containerd store: ``daemon/containerd/image_delete.go`` of Engine 26 to 29.

An image is a set of records with one target digest: a record for each name, and sometimes a record
``moby-dangling@DIGEST``, which keeps an image without names and at times is left beside names.
"""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import dangling_reference
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import (
    PERHAPS_MOUNTED,
    SEVERAL_REFERENCES,
    USED,
    USED_BY_RUNNING,
    USED_BY_STOPPED,
    Conflict,
    Effect,
    Removal,
    StoredImage,
    StoreModel,
)

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image
    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference


class _Record(t.NamedTuple):
    """A record by its full name; the dangling one sorts among the others by its own name."""

    name: str
    reference: Reference
    is_dangling: bool


class ContainerdStore(StoreModel):
    """Images are records; there is no conflict for child images, and parents go only while dangling."""

    names_layers = False
    hides_parents = False
    commits_without_image = True
    minds_names_like_ids = True
    holds_build_cache = True
    identifies_by_configuration = False

    @classmethod
    def is_dangling(cls, image: Image, parents: t.Container[str]) -> bool:
        # An image with any name is not, even when a dangling record was left beside the names.
        return not image.references and not image.names_unread

    @classmethod
    def find_digest(
        cls, reference: Reference, owners: t.Mapping[Reference, Image], images: t.Mapping[str, Image]
    ) -> Removal | None:
        if reference in owners:
            return Removal(owners[reference].id, reference)
        # A digest is the image's ID, and stands for the tags of its repository.
        image = images.get(reference.digest or "")
        if image is None:
            return None
        if reference.tag is not None:
            tagged = reference._replace(digest=None)
            return Removal(image.id, tagged) if tagged in image.references else None
        return Removal(image.id, reference) if _has_tag_of(reference, image.references) else None

    @classmethod
    def recorded(cls, references: t.Iterable[Reference]) -> frozenset[Reference]:
        # An inspected image shows digest references that no record stands for.
        return frozenset(reference for reference in references if reference.tag is not None)

    @classmethod
    def names_in_registries(cls, image: Image) -> list[Reference]:
        # An image's ID is its digest here, whatever the registry.
        names = [reference._replace(tag=None, digest=image.id) for reference in image.references]
        return list(dict.fromkeys(names))

    @classmethod
    def why_unpushed(cls, image: Image) -> str | None:
        # This store makes digests up for every name; only one that is a name of its own was pulled.
        if any(reference.digest is not None for reference in image.references):
            return None
        return "the containerd store does not show whether it was ever pushed or pulled"

    def predict(self, removal: Removal, force: bool, prune_parents: bool) -> Effect | Conflict:
        image = self.images[removal.image_id]
        records = _records(image)
        same = _same(removal.reference, records)
        if removal.reference is None:
            return self._delete_all(image, records, force, len(same) == len(records), prune_parents)
        if len(same) != len(records):
            return _untag(image, same)
        named = next((record for record in records if record.reference == removal.reference), None)
        if named is None:
            # A digest that only this repository's tags stand for: all of them go.
            return self._delete_all(image, records, force, True, prune_parents)
        users = self.uses.holders(image.id)
        if users and not force:
            return Conflict(USED, forceable=True, containers=users)
        if users and not self.uses.is_surely_held(image.id):
            # The Engine knows, and would delete the image or keep it: nobody can foretell which.
            return Conflict(PERHAPS_MOUNTED, forceable=False, containers=users)
        if users:
            # Even a stopped container keeps the image here: only this one record goes (soft_delete.go).
            return _untag(image, [named])
        return self._delete_all(image, records, force, len(records) > 1, prune_parents)

    def _delete_all(
        self, image: StoredImage, records: list[_Record], force: bool, one_name: bool, prune: bool
    ) -> Effect | Conflict:
        """``one_name`` lifts the conflict for several references, and with it the care for children that hangs on it."""
        running = self.uses.running(image.id)
        if running:
            return Conflict(USED_BY_RUNNING, forceable=False, containers=running)
        stopped = self.uses.made_from.get(image.id, ())
        if stopped and not force:
            return Conflict(USED_BY_STOPPED, forceable=True, containers=stopped)
        minds_references = not (force or one_name)
        if minds_references and len(records) > 1:
            return Conflict(SEVERAL_REFERENCES, forceable=True)
        # A parent that loses its only name is kept by a dangling record, and reported as deleted all the same.
        survives = minds_references and not records[0].is_dangling and bool(self.children(image.id))
        parents = self._dangling_parents(image, records) if prune else []
        return Effect(
            untagged=tuple((image.id, record.reference) for record in records if not record.is_dangling),
            deleted=(image.id, *parents),
            survives=frozenset(([image.id] if survives else []) + [p for p in parents if self.images[p].references]),
        )

    def _dangling_parents(self, image: StoredImage, records: list[_Record]) -> list[str]:
        """The parents that the Engine deletes too.

        It checks them against the child's records: a child with two or more keeps its parents. A chain with a missing
        link is not followed at all.
        """
        chain: list[StoredImage] = []
        current = image
        while True:
            # The Engine finds an image by its first record, and follows that one's label.
            parent_id = _parent(current, _records(current)[0])
            if not parent_id:
                break
            if parent_id not in self.images or self.images[parent_id] in chain:
                return []
            current = self.images[parent_id]
            chain.append(current)
        deleted = []
        for parent in chain:
            # The Engine looks at the first record of a parent only.
            if not _records(parent)[0].is_dangling or len(records) > 1 or parent.id in self.uses.made_from:
                break
            deleted.append(parent.id)
        return deleted

    def has(self, removal: Removal) -> bool:
        if super().has(removal):
            return True
        image, reference = self.images.get(removal.image_id), removal.reference
        if image is None or reference is None or reference.digest != image.id:
            return False
        # A digest stands for every tag of its repository.
        return _has_tag_of(reference, image.references)

    def pin(self, removal: Removal, effect: Effect, by_id: bool) -> str:
        image, reference = self.images[removal.image_id], removal.reference
        if reference is None:
            # No repository that could get a name: it stands for the record that keeps the image without any.
            return "" if image.references else dangling_reference(image.id).familiar
        # A pinned name counts as the image's ID where the image goes with it: without a check for use by force.
        goes = bool(effect.deleted or effect.lost_names)
        if reference.tag is None or reference.digest is not None or (goes and not by_id):
            return ""
        return f"{reference.familiar}@{image.id}"

    def untag(self, image_id: str, reference: Reference) -> Effect:
        image = self.images[image_id]
        return _untag(image, [record for record in _records(image) if record.reference == reference])

    def children(self, image_id: str) -> tuple[str, ...]:
        """The images of which any record names this one as its parent (``image_children.go``)."""
        return tuple(
            child
            for child in super().children(image_id)
            if any(_parent(self.images[child], record) == image_id for record in _records(self.images[child]))
        )

    def apply(self, effect: Effect) -> None:
        for image_id in (*effect.lost_names, *effect.survives):
            image = self.images[image_id]
            if not image.dangling_record:
                # The new record takes the labels of the last one over.
                image.record_parents[dangling_reference(image_id)] = _parent(image, _records(image)[0])
        super().apply(effect)
        for image_id in effect.survives:
            # A parent with names that was deleted by its dangling record has lost just that.
            image = self.images[image_id]
            image.dangling_record = not image.references


def _has_tag_of(digest: Reference, references: t.Iterable[Reference]) -> bool:
    return any(reference.name == digest.name for reference in references)


def _records(image: StoredImage) -> list[_Record]:
    records = [_Record(ref.full, ref, False) for ref in image.references]
    if image.dangling_record:
        records.append(_Record(f"moby-dangling@{image.id}", dangling_reference(image.id), True))
    return sorted(records)


def _parent(image: StoredImage, record: _Record) -> str:
    return image.record_parents.get(record.reference, image.parent)


def _untag(image: StoredImage, records: list[_Record]) -> Effect:
    untagged = tuple((image.id, record.reference) for record in records)
    left = len(image.references) - sum(not record.is_dangling for record in records)
    return Effect(
        untagged,
        lost_names=() if left else (image.id,),
        lost_dangling_records=(image.id,) if left and any(record.is_dangling for record in records) else (),
    )


def _same(named: Reference | None, records: list[_Record]) -> list[_Record]:
    """The Engine's ``getSameReferences``: which records count as one and the same name."""
    name = named.name if named is not None else None
    tag = named.tag if named is not None else None
    all_tags = named is not None and named.tag is None and named.digest is not None
    same: list[_Record] = []
    digests: list[_Record] | None = []
    for record in records:
        if not record.is_dangling:
            reference = record.reference
            if name is None:
                name, tag = reference.name, reference.tag
            elif name != reference.name:
                continue
            elif not all_tags:
                if reference.tag is None:
                    # Digest references come last, and only when no other tag of the repository is left.
                    if digests is not None:
                        digests.append(record)
                    continue
                # Names sort by their full text, tags before digests: the first of a repository has set the tag.
                if tag != reference.tag:
                    digests = None
                    continue
        same.append(record)
    return same + (digests or [])

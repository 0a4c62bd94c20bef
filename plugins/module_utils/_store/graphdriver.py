# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The graphdriver store (overlay2 and its kin): ``daemon/images/image_delete.go`` of Engine 20.10 to 29."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import (
    HAS_CHILDREN,
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


class GraphdriverStore(StoreModel):
    """Images have references and parents; deleting an image cascades to its untagged parents."""

    names_layers = True
    hides_parents = True
    commits_without_image = False
    minds_names_like_ids = False
    holds_build_cache = False
    identifies_by_configuration = True

    @classmethod
    def is_dangling(cls, image: Image, parents: t.Container[str]) -> bool:
        # An image that only digests name is dangling here, and a parent is not.
        return not image.tags and image.id not in parents

    @classmethod
    def find_digest(
        cls, reference: Reference, owners: t.Mapping[Reference, Image], images: t.Mapping[str, Image]
    ) -> Removal | None:
        # refstore: a digest takes precedence, the tag is ignored.
        digest = reference.without_tag()
        return Removal(owners[digest].id, digest) if digest in owners else None

    @classmethod
    def recorded(cls, references: t.Iterable[Reference]) -> frozenset[Reference]:
        return frozenset(references)

    @classmethod
    def names_in_registries(cls, image: Image) -> list[Reference]:
        return [reference for reference in image.references if reference.digest is not None]

    @classmethod
    def why_unpushed(cls, image: Image) -> str | None:
        return None if image.digests else "it has no digest of a registry: it was never pushed or pulled"

    def predict(self, removal: Removal, force: bool, prune_parents: bool) -> Effect | Conflict:
        image = self.images[removal.image_id]
        if removal.reference is None:
            return self._by_id(image, force, prune_parents)
        return self._by_reference(image, removal.reference, force, prune_parents)

    def _by_reference(self, image: StoredImage, target: Reference, force: bool, prune: bool) -> Effect | Conflict:
        users = () if force else self.uses.holders(image.id)
        if users and is_single(image.references):
            return Conflict(USED, forceable=True, containers=users)
        dropped = [target]
        left = [ref for ref in image.references if ref != target]
        siblings = [ref for ref in left if ref.path == target.path and ref.domain == target.domain]
        if siblings and target.digest is None and all(ref.tag is None for ref in siblings):
            # The last tag of a repository takes that repository's digest references with it.
            dropped += siblings
            left = [ref for ref in left if ref not in siblings]
        untagged = tuple((image.id, ref) for ref in dropped)
        if left:
            return Effect(untagged)
        if self._conflict(image.id, has_references=False, force=force) is not None:
            # Conflicts are swallowed here: the reference is gone, the image stays dangling.
            return Effect(untagged, lost_names=(image.id,))
        return Effect(untagged, deleted=self._cascade(image, prune))

    def _by_id(self, image: StoredImage, force: bool, prune: bool) -> Effect | Conflict:
        single = is_single(image.references)
        conflict = self._conflict(image.id, has_references=bool(image.references) and not single, force=force)
        if conflict is not None:
            return conflict
        untagged = tuple((image.id, ref) for ref in image.references)
        return Effect(untagged, deleted=self._cascade(image, prune))

    def _conflict(self, image_id: str, has_references: bool, force: bool) -> Conflict | None:
        """The Engine's ``checkImageDeleteConflict``, in its order. ``force`` masks the soft ones."""
        children = self.children(image_id)
        if children:
            return Conflict(HAS_CHILDREN, forceable=False, children=children)
        running = self.uses.running(image_id)
        if running:
            return Conflict(USED_BY_RUNNING, forceable=False, containers=running)
        if force:
            return None
        if has_references:
            return Conflict(SEVERAL_REFERENCES, forceable=True)
        stopped = self.uses.made_from.get(image_id, ())
        if stopped:
            return Conflict(USED_BY_STOPPED, forceable=True, containers=stopped)
        return None

    def _cascade(self, image: StoredImage, prune: bool) -> tuple[str, ...]:
        """This image, then each parent that nothing holds any more; parents are never forced."""
        deleted = [image.id]
        child, parent = image, self.images.get(image.parent)
        while prune and parent is not None:
            others = set(self.children(parent.id)) - {child.id}
            if others or parent.references or parent.id in self.uses.made_from:
                break
            deleted.append(parent.id)
            child, parent = parent, self.images.get(parent.parent)
        return tuple(deleted)

    def untag(self, image_id: str, reference: Reference) -> Effect:
        # Without a name, an image stays as it is.
        return Effect(((image_id, reference),))

    def _forget(self, image_id: str) -> None:
        super()._forget(image_id)
        # Deleting a parent clears the link of its children (image/store.go, Delete).
        for child in self._children.pop(image_id, ()):
            self.images[child].parent = ""


def is_single(references: t.Sequence[Reference]) -> bool:
    """The Engine's ``isSingleReference``: at most one tag, and every digest reference in one and the same repository."""
    tags = [ref for ref in references if ref.tag is not None]
    if len(references) <= 1:
        return len(references) == 1
    if len(tags) > 1:
        return False
    digest_names = {ref.name for ref in references if ref.tag is None}
    return digest_names == {(tags or references)[0].name}

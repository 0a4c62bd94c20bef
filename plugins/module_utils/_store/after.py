# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The snapshot as earlier tasks of a play leave it: what their results name is carried out on the store's model. No I/O."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image, dangling_reference
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import Effect
from ansible_collections.imagewarden.docker.plugins.module_utils._times import parse_engine_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot


def after_results(snapshot: Snapshot, results: Iterable[Mapping[str, t.Any]]) -> Snapshot:
    """The snapshot as it would be had the tasks with these results run.

    Understands the results of this collection's modules; what they name and the snapshot does not hold is passed over,
    so that the result of a task that really ran changes nothing.
    """
    untagged: list[str] = []
    deleted: list[str] = []
    removed: set[str] = set()
    committed: list[Mapping[str, t.Any]] = []
    for result in results:
        # What was really committed is in the listing, unless it is gone again.
        committed += [entry for entry in result.get("committed") or [] if not entry.get("image_id")]
        untagged += result.get("untagged") or []
        deleted += result.get("deleted") or []
        removed.update(
            entry["id"]
            for entry in result.get("containers") or []
            if isinstance(entry, dict) and entry.get("action") == "removed" and "id" in entry
        )
    images = _with_committed(snapshot, committed)
    made = frozenset(image.id for image in images) - {image.id for image in snapshot.images}
    return dataclasses.replace(
        snapshot,
        images=_as_left(dataclasses.replace(snapshot, images=images), untagged, deleted),
        # What is about to be committed is newer than any image that there is.
        matched_by_engine={
            key: matched | made if key == "since" else matched for key, matched in snapshot.matched_by_engine.items()
        },
        containers=tuple(container for container in snapshot.containers if container.id not in removed),
    )


def _as_left(snapshot: Snapshot, untagged: Sequence[str], deleted: Sequence[str]) -> tuple[Image, ...]:
    """The images without these names and IDs, name after name, as the store's model has them then."""
    store = store_kind(snapshot.engine)(snapshot)
    named = {
        reference.familiar: (image.id, reference)
        for image in snapshot.images
        for reference in (*image.references, *([dangling_reference(image.id)] if image.has_dangling_record else []))
    }
    for name in untagged:
        if name in named:
            store.apply(store.untag(*named[name]))
    for image_id in deleted:
        if image_id in store.images:
            store.apply(Effect(deleted=(image_id,)))
    without = frozenset(untagged)
    return tuple(
        dataclasses.replace(
            image,
            references=tuple(left.references),
            parent=left.parent,
            has_dangling_record=left.dangling_record,
            record_parents=left.record_parents,
            digests=tuple(name for name in image.digests if name not in without),
        )
        for image in snapshot.images
        for left in ([store.images[image.id]] if image.id in store.images else [])
    )


def _with_committed(snapshot: Snapshot, committed: Iterable[Mapping[str, t.Any]]) -> tuple[Image, ...]:
    """The images and those that containers would have been committed to, whose IDs nobody can know: theirs are made up."""
    images = {image.id: image for image in snapshot.images}
    if not images:
        return ()
    known = {reference for image in snapshot.images for reference in image.references}
    containers = {container.id: container for container in snapshot.containers}
    for entry in committed:
        reference = Reference.parse(entry["reference"])
        if reference in known:
            continue
        image_id = committed_id(entry["reference"])
        parent, container = images.get(entry["parent_id"]), containers.get(entry["container_id"])
        layers = parent.layers if parent is not None else None
        if parent is not None:
            images[parent.id] = dataclasses.replace(parent, shared_size=parent.size)
        created = parse_engine_time(entry.get("created"))
        images[image_id] = Image(
            id=image_id,
            references=(reference,),
            parent=entry["parent_id"],
            created=None if created is None else int(created),
            size=parent.size if parent is not None else 0,
            shared_size=parent.size if parent is not None else None,
            labels=container.labels if container is not None else {},
            layers=None if layers is None else (*layers, image_id),
        )
    return tuple(sorted(images.values(), key=lambda image: image.id))


def committed_id(reference: str) -> str:
    """What stands for the ID of an image that a container would be committed to."""
    return "sha256:" + hashlib.sha256(reference.encode()).hexdigest()

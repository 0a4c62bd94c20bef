# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What an Engine holds, as frozen data. The one place that knows the Engine's JSON. No I/O."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from ansible_collections.imagewarden.docker.plugins.module_utils._times import parse_engine_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GRAPHDRIVER = "graphdriver"
CONTAINERD = "containerd"

#: An Engine uses the containerd store if and only if its ``DriverStatus`` says so (``daemon/info.go``).
_CONTAINERD_STATUS = ["driver-type", "io.containerd.snapshotter.v1"]

#: ``State.Running`` is true in these states too (``daemon/container/state.go``).
RUNNING_STATES = frozenset(["running", "paused", "restarting"])

#: The zero time of Go, which Engines up to 24 send for an image without a creation date.
_ZERO_TIME = -62135596800


@dataclasses.dataclass(frozen=True)
class EngineFacts:
    """Which Engine answered. ``store`` is ``graphdriver`` or ``containerd``."""

    version: str = ""
    api_version: str = ""
    store: str = GRAPHDRIVER
    driver: str = ""
    host: str = ""
    data_root: str = ""
    driver_status: tuple[tuple[str, str], ...] = ()
    id: str = ""

    @property
    def mounts_images(self) -> bool:
        """Whether its containers can mount images, which came with Engine 28.0 (``daemon/volumes.go``)."""
        major = self.version.partition(".")[0]
        return not major.isdigit() or int(major) >= 28


@dataclasses.dataclass(frozen=True)
class Image:
    """One image.

    ``references`` are its tags and digest references, sorted as the Engine sorts them. ``digests`` are what the Engine
    shows as ``RepoDigests``, which the containerd store makes up for every name. ``size`` and ``shared_size`` are bytes;
    ``created`` is in Unix seconds. ``has_dangling_record`` tells of the containerd store's record ``moby-dangling@…``.
    ``names_unread`` holds names that are no valid reference. ``unpacked`` are the bytes of its snapshots on the
    containerd store, where it tells. ``layers`` are diff IDs from the base to the top, ``layer_sizes`` the sizes in the
    history, and ``layer_folders`` where overlay2 keeps each layer.
    """

    id: str
    references: tuple[Reference, ...] = ()
    parent: str = ""
    created: int | None = None
    size: int = 0
    shared_size: int | None = None
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    digests: tuple[str, ...] = ()
    has_dangling_record: bool = False
    names_unread: tuple[str, ...] = ()
    unpacked: int | None = None
    layers: tuple[str, ...] | None = None
    layer_sizes: tuple[int, ...] | None = None
    layer_folders: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[Reference, ...]:
        """The references that are tags."""
        return tuple(ref for ref in self.references if ref.tag is not None)


@dataclasses.dataclass(frozen=True)
class Container:
    """One container.

    ``image`` is what the Engine prints; ``mounted_images`` are the sources of its image mounts, ``moved_mounts`` those of
    them that name another image since the container was created, or may do so, and ``undated_mounts`` those of which the
    Engine does not tell. ``layer_folders`` are the folders of overlay2 below its own layer, read only for a container
    whose image is gone.
    """

    id: str
    name: str = ""
    image_id: str = ""
    image: str = ""
    state: str = ""
    created: int | None = None
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    mounted_images: tuple[str, ...] = ()
    moved_mounts: frozenset[str] = frozenset()
    undated_mounts: frozenset[str] = frozenset()
    layer_folders: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether the Engine counts it as running: a paused or restarting one is."""
        return self.state in RUNNING_STATES


class BuildCache(t.NamedTuple):
    """What BuildKit holds: its records, and of those that share a layer with an image the bytes, and how many tell none.

    A record made by C(FROM) shows no size on the graphdriver store, and holds all layers of that image.
    """

    records: int = 0
    shared_bytes: int = 0
    shared_without_size: int = 0


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Everything that a plan is made from.

    ``matched_by_engine`` holds, by filter (``before``, ``since``), the IDs that the Engine itself selected: its listing
    rounds creation dates to seconds, so only the Engine can compare them. ``build_cache`` is ``None`` when it could not be
    read.
    """

    engine: EngineFacts = EngineFacts()
    images: tuple[Image, ...] = ()
    containers: tuple[Container, ...] = ()
    matched_by_engine: t.Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    build_cache: BuildCache | None = None

    @functools.cached_property
    def parents(self) -> frozenset[str]:
        """The IDs that are some image's parent."""
        return frozenset(image.parent for image in self.images if image.parent)


def parse_facts(version: Mapping[str, t.Any], info: Mapping[str, t.Any], api_version: str) -> EngineFacts:
    """Read ``GET /version`` and ``GET /info``."""
    status = [list(row) for row in info.get("DriverStatus") or []]
    return EngineFacts(
        version=version.get("Version") or info.get("ServerVersion") or "",
        api_version=api_version,
        store=CONTAINERD if _CONTAINERD_STATUS in status else GRAPHDRIVER,
        driver=info.get("Driver") or "",
        host=info.get("Name") or "",
        data_root=info.get("DockerRootDir") or "",
        driver_status=tuple((str(row[0]), str(row[1])) for row in status if len(row) == 2),
        id=info.get("ID") or "",
    )


def parse_image(raw: Mapping[str, t.Any], store: str, dangling_ids: frozenset[str] = frozenset()) -> Image:
    """Read one entry of ``GET /images/json``.

    ``dangling_ids`` are the IDs that a containerd store lists for the filter ``dangling``: it filters records, so it
    lists an image that has names too when a record ``moby-dangling@…`` was left beside them.
    """
    references, unread = parse_references(raw, store)
    created = raw.get("Created")
    shared = raw.get("SharedSize")
    return Image(
        id=raw["Id"],
        references=references,
        parent=raw.get("ParentId") or "",
        created=created if created is not None and created > _ZERO_TIME else None,
        size=max(raw.get("Size") or 0, 0),
        shared_size=shared if shared is not None and shared >= 0 else None,
        labels=raw.get("Labels") or {},
        digests=tuple(name for name in raw.get("RepoDigests") or [] if not _is_none(name)),
        has_dangling_record=store == CONTAINERD and (raw["Id"] in dangling_ids or not (references or unread)),
        names_unread=unread,
        unpacked=_unpacked(raw) if store == CONTAINERD else None,
    )


def parse_references(raw: Mapping[str, t.Any], store: str) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
    """The references of a listed or inspected image in the Engine's order, and the names that are none."""
    # On the containerd store every name is in RepoTags, digests too, and RepoDigests is made up (image_list.go).
    names = list(raw.get("RepoTags") or []) + list(raw.get("RepoDigests") or [] if store == GRAPHDRIVER else [])
    references = set()
    unread = []
    for name in names:
        if _is_none(name):
            continue
        try:
            references.add(Reference.parse(name))
        except ValueError:
            unread.append(name)
    return tuple(sorted(references, key=lambda ref: ref.full)), tuple(unread)


def _unpacked(raw: Mapping[str, t.Any]) -> int | None:
    # The snapshots of an image that was committed or built here hang on the one its container was set up in, which is
    # added up here and is in no shared size (image_snapshot.go): then only the history tells.
    if raw.get("Manifests") is None or raw.get("ParentId"):
        return None
    sizes = ((manifest.get("ImageData") or {}).get("Size") or {} for manifest in raw["Manifests"])
    return sum(size.get("Unpacked") or 0 for size in sizes)


def _is_none(name: str) -> bool:
    # "<none>:<none>", "<none>@<none>", and "repo:<none>" of old Engines.
    return "<none>" in name


def parse_container(raw: Mapping[str, t.Any]) -> Container:
    """Read one entry of ``GET /containers/json``."""
    names = [name.lstrip("/") for name in raw.get("Names") or []]
    # Links add names such as "/web/db"; the container's own name has no slash left.
    own = [name for name in names if "/" not in name] or names
    return Container(
        id=raw["Id"],
        name=own[0] if own else "",
        image_id=raw.get("ImageID") or "",
        image=raw.get("Image") or "",
        state=(raw.get("State") or "").lower(),
        created=raw.get("Created"),
        labels=raw.get("Labels") or {},
        # Engine 28 and later: the mount's name is the source that its creator wrote (daemon/volumes.go).
        mounted_images=tuple(m.get("Name") or "" for m in raw.get("Mounts") or [] if m.get("Type") == "image"),
    )


def with_layers(image: Image, raw: Mapping[str, t.Any], history: Sequence[Mapping[str, t.Any]]) -> Image:
    """The image with what only ``GET /images/ID/json`` and ``/history`` tell."""
    sizes = tuple(int(entry.get("Size") or 0) for entry in reversed(history))
    folders = (raw.get("GraphDriver") or {}).get("Data") or {}
    return dataclasses.replace(
        image,
        layers=tuple((raw.get("RootFS") or {}).get("Layers") or ()),
        layer_sizes=sizes,
        layer_folders=(*_lower_folders(folders), folders["UpperDir"]) if folders.get("UpperDir") else (),
        unpacked=sum(sizes) if image.unpacked is None else image.unpacked,
    )


def with_folders(container: Container, raw: Mapping[str, t.Any]) -> Container:
    """The container with the layers below its own, from ``GET /containers/ID/json``."""
    return dataclasses.replace(
        container, layer_folders=_lower_folders((raw.get("GraphDriver") or {}).get("Data") or {})
    )


def with_dated_mounts(
    container: Container, raw: Mapping[str, t.Any], mounted: Mapping[str, Mapping[str, t.Any] | None]
) -> Container:
    """The container with what tells whether its image mounts' names moved since it was created.

    ``raw`` is ``GET /containers/ID/json``, ``mounted`` has ``GET /images/NAME/json`` by source. The graphdriver store
    tells no ``LastTagTime`` of an image that was pulled or loaded (``daemon/images/image_tag.go``).
    """
    created = parse_engine_time(raw.get("Created"))
    moved, undated = set(), set()
    for source, image in mounted.items():
        tagged = parse_engine_time(((image or {}).get("Metadata") or {}).get("LastTagTime"))
        if tagged is None or created is None:
            undated.add(source)
        elif tagged >= created:
            moved.add(source)
    return dataclasses.replace(container, moved_mounts=frozenset(moved), undated_mounts=frozenset(undated))


def _lower_folders(data: Mapping[str, str]) -> tuple[str, ...]:
    """The folders of overlay2 from the base up; the Engine lists them from the top down."""
    return tuple(reversed([folder for folder in (data.get("LowerDir") or "").split(":") if folder]))


def parse_build_cache(raw: Mapping[str, t.Any] | None) -> BuildCache | None:
    """Read ``GET /system/df``."""
    if raw is None:
        return None
    records = raw.get("BuildCache") or []
    shared = [record.get("Size") or 0 for record in records if record.get("Shared")]
    return BuildCache(len(records), sum(shared), sum(1 for size in shared if size == 0))


def parse_images(
    listed: Iterable[Mapping[str, t.Any]], dangling: Iterable[Mapping[str, t.Any]], store: str
) -> tuple[Image, ...]:
    """Read ``GET /images/json`` with ``all``, and on the containerd store the listing for ``dangling`` as well."""
    dangling_ids = frozenset(raw["Id"] for raw in dangling)
    return tuple(sorted((parse_image(raw, store, dangling_ids) for raw in listed), key=lambda image: image.id))


def parse_containers(listed: Iterable[Mapping[str, t.Any]]) -> tuple[Container, ...]:
    """Read ``GET /containers/json`` with ``all``."""
    return tuple(sorted((parse_container(raw) for raw in listed), key=lambda container: container.id))


def after_results(snapshot: Snapshot, results: Iterable[Mapping[str, t.Any]]) -> Snapshot:
    """The snapshot as it would be had the tasks with these results run.

    Understands the results of this collection's modules; what they name and the snapshot does not hold is passed over,
    so that the result of a task that really ran changes nothing.
    """
    untagged: set[str] = set()
    deleted: set[str] = set()
    removed: set[str] = set()
    committed: list[Mapping[str, t.Any]] = []
    for result in results:
        # What was really committed is in the listing, unless it is gone again.
        committed += [entry for entry in result.get("committed") or [] if not entry.get("image_id")]
        untagged.update(result.get("untagged") or [])
        deleted.update(result.get("deleted") or [])
        removed.update(
            entry["id"]
            for entry in result.get("containers") or []
            if isinstance(entry, dict) and entry.get("action") == "removed" and "id" in entry
        )
    images = _with_committed(snapshot, committed)
    made = frozenset(image.id for image in images) - {image.id for image in snapshot.images}
    return dataclasses.replace(
        snapshot,
        images=tuple(
            _after(image, untagged, deleted, snapshot.engine.store) for image in images if image.id not in deleted
        ),
        # What is about to be committed is newer than any image that there is.
        matched_by_engine={
            key: matched | made if key == "since" else matched for key, matched in snapshot.matched_by_engine.items()
        },
        containers=tuple(container for container in snapshot.containers if container.id not in removed),
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


def _after(image: Image, untagged: set[str], deleted: set[str], store: str) -> Image:
    changes: dict[str, t.Any] = {}
    left = tuple(ref for ref in image.references if ref.familiar not in untagged)
    if left != image.references:
        changes["references"] = left
    digests = tuple(name for name in image.digests if name not in untagged)
    if digests != image.digests:
        changes["digests"] = digests
    if image.has_dangling_record and dangling_reference(image.id).familiar in untagged:
        changes["has_dangling_record"] = False
    # An image that lost its last name and was not deleted is kept by a dangling record (soft_delete.go).
    if store == CONTAINERD and not left and not changes.get("has_dangling_record", image.has_dangling_record):
        changes["has_dangling_record"] = True
    # Deleting a parent clears the link on the graphdriver store (image/store.go); containerd's label stays, and leads nowhere.
    if store == GRAPHDRIVER and image.parent in deleted:
        changes["parent"] = ""
    return dataclasses.replace(image, **changes) if changes else image


def dangling_reference(image_id: str) -> Reference:
    """The containerd store's record that keeps an image without names, as the Engine prints it."""
    return Reference("docker.io", "library/moby-dangling", None, image_id)

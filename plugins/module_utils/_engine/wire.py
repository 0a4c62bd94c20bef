# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The Engine's JSON: every field of its answers is read here and nowhere else, into dataclasses. No I/O."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    RUNNING_STATES,
    BuildCache,
    Container,
    EngineFacts,
    Image,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import UnreadableAnswer
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from ansible_collections.imagewarden.docker.plugins.module_utils._times import parse_engine_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable

#: An Engine uses the containerd store if and only if its ``DriverStatus`` says so (``daemon/info.go``).
_CONTAINERD_STATUS = ("driver-type", "io.containerd.snapshotter.v1")
#: The zero time of Go, which Engines up to 24 send for an image without a creation date.
_ZERO_TIME = -62135596800
#: Kinds of events.
CONTAINER = "container"
IMAGE = "image"
_API_VERSION_RE = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\Z")
#: The parents of a build cache record: Engine 20.10 names one; later ones send a list, under a key that begins with a
#: space (``api/types/build/cache.go``), which may be mended one day.
_PARENTS = (" Parents", "Parents")
#: What ``GET /system/df`` has, up to API 1.51 and from 1.52 on.
_DISK_USAGE = frozenset(
    [
        "LayersSize",
        "Images",
        "Containers",
        "Volumes",
        "BuildCache",
        "ImageUsage",
        "ContainerUsage",
        "VolumeUsage",
        "BuildCacheUsage",
    ]
)


@dataclasses.dataclass(frozen=True)
class Identity:
    """``GET /version``: who answers, its components by name and version, and the API versions that it speaks."""

    version: str = ""
    components: tuple[tuple[str, str], ...] = ()
    newest: tuple[int, int] | None = None
    oldest: tuple[int, int] | None = None
    architecture: str = ""


@dataclasses.dataclass(frozen=True)
class InspectedImage:
    """``GET /images/NAME/json``. ``tagged`` is its last tagging; ``layers`` are diff IDs from the base to the top.

    ``layer_directories`` are the directories in which overlay2 keeps each layer, from the base to the top.
    """

    id: str
    references: tuple[Reference, ...] = ()
    tagged: float | None = None
    layers: tuple[str, ...] = ()
    layer_directories: tuple[str, ...] = ()


class ImageStep(t.NamedTuple):
    """One entry of an image's history: the bytes that it added, and when, in Unix seconds."""

    size: int = 0
    created: int | None = None


@dataclasses.dataclass(frozen=True)
class InspectedContainer:
    """``GET /containers/ID/json``.

    ``stop_timeout`` are the seconds that it may take to stop; ``None`` where it does not say so itself. ``layer_directories``
    are the directories of overlay2 below its own layer, from the base to the top.
    """

    name: str = ""
    state: str = ""
    created: float | None = None
    started: float | None = None
    finished: float | None = None
    stop_timeout: int | None = None
    layer_directories: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether the Engine counts it as running: a paused or restarting one is."""
        return self.state in RUNNING_STATES

    @property
    def last_active(self) -> float | None:
        """The newest of its start and its finish."""
        return max((time for time in (self.started, self.finished) if time is not None), default=None)


class Removed(t.NamedTuple):
    """The lines of ``DELETE /images/NAME``: references, and IDs of images and chain IDs of layers, in the Engine's order."""

    untagged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class CacheRecord:
    """One record of the Engine's build cache. ``created`` and ``last_used`` are in Unix seconds."""

    id: str
    type: str = ""
    description: str = ""
    in_use: bool = False
    shared: bool = False
    size: int = 0
    created: float | None = None
    last_used: float | None = None
    usage_count: int = 0
    parents: tuple[str, ...] = ()


class Service(t.NamedTuple):
    """One service of a Swarm. ``image`` is what its tasks run, ``previous_image`` what a rollback would run.

    ``mode`` is ``replicated``, ``global`` or one of the jobs; ``replicas`` are those asked for of a replicated one.
    """

    name: str
    mode: str = ""
    replicas: int | None = None
    image: str = ""
    previous_image: str | None = None


class Event(t.NamedTuple):
    """One event. ``name`` is the image of a container as its creator wrote it, or the name that an image event is about.

    ``id`` is that of the container or the image; image events of some releases have a name there.
    """

    kind: str
    action: str
    id: str
    name: str
    time: float


class PrunedCache(t.NamedTuple):
    """The answer to ``POST /build/prune``: the IDs that were removed, in no particular order, and bytes."""

    deleted: tuple[str, ...] = ()
    space: int = 0


@dataclasses.dataclass(frozen=True)
class Total:
    """One line of C(docker system df): how many, how many in use, bytes, and bytes that can be had back."""

    count: int = 0
    active: int = 0
    size: int = 0
    reclaimable: int = 0


@dataclasses.dataclass(frozen=True)
class DiskUsage:
    """``GET /system/df``, counted as the Docker CLI counts it. What the Engine does not report is ``None``, not zero.

    ``shared`` are shared bytes by image ID; ``records`` are the build cache's.
    """

    images: Total | None = None
    containers: Total | None = None
    volumes: Total | None = None
    build_cache: Total | None = None
    shared: t.Mapping[str, int] = dataclasses.field(default_factory=dict)
    records: tuple[CacheRecord, ...] | None = None


# Fields. A wrong type is one clear error, whatever the answer.


def _object(raw: t.Any, what: str) -> dict[str, t.Any]:
    if not isinstance(raw, dict):
        raise UnreadableAnswer(f"{what} is {_shown(raw)}")
    return raw


def _shown(raw: t.Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _string(raw: dict[str, t.Any], key: str) -> str:
    value = raw.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableAnswer(f"{key} is {_shown(value)}")
    return value


def _number(raw: dict[str, t.Any], key: str) -> int | None:
    value = raw.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnreadableAnswer(f"{key} is {_shown(value)}")
    try:
        return int(value)
    except (ValueError, OverflowError) as exc:
        raise UnreadableAnswer(f"{key} is {_shown(value)}") from exc


def _bytes(raw: dict[str, t.Any], key: str) -> int | None:
    """A size; Engines send -1 for one that is not known."""
    value = _number(raw, key)
    return value if value is not None and value >= 0 else None


def _flag(raw: dict[str, t.Any], key: str) -> bool:
    value = raw.get(key)
    if value is not None and not isinstance(value, bool):
        raise UnreadableAnswer(f"{key} is {_shown(value)}")
    return bool(value)


def _time(raw: dict[str, t.Any], key: str) -> float | None:
    return parse_engine_time(_string(raw, key))


def _fields(raw: dict[str, t.Any], key: str) -> dict[str, t.Any]:
    value = raw.get(key)
    return {} if value is None else _object(value, key)


def _list(raw: dict[str, t.Any], key: str) -> list[t.Any]:
    value = raw.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableAnswer(f"{key} is {_shown(value)}")
    return value


def _strings(raw: dict[str, t.Any], key: str) -> list[str]:
    values = _list(raw, key)
    for value in values:
        if not isinstance(value, str):
            raise UnreadableAnswer(f"{key} has {_shown(value)}")
    return values


def _objects(raw: dict[str, t.Any], key: str) -> list[dict[str, t.Any]]:
    return [_object(value, key) for value in _list(raw, key)]


def _entries(raw: t.Any, what: str) -> list[dict[str, t.Any]]:
    """A listing: an empty one may be null."""
    if raw is not None and not isinstance(raw, list):
        raise UnreadableAnswer(f"{what} is {_shown(raw)}")
    return [_object(entry, what) for entry in raw or []]


def _labels(raw: dict[str, t.Any]) -> dict[str, str]:
    labels = _fields(raw, "Labels")
    for value in labels.values():
        if not isinstance(value, str):
            raise UnreadableAnswer(f"Labels has {_shown(value)}")
    return labels


def _id(raw: dict[str, t.Any]) -> str:
    value = _string(raw, "Id")
    if not value:
        raise UnreadableAnswer(f"there is no Id in {_shown(raw)}")
    return value


# The Engine


def parse_identity(raw: t.Any) -> Identity:
    """Read ``GET /version``."""
    raw = _object(raw, "the version")
    components = _objects(raw, "Components")
    return Identity(
        version=_string(raw, "Version"),
        components=tuple((_string(component, "Name"), _string(component, "Version")) for component in components),
        newest=_api_version(raw, "ApiVersion"),
        oldest=_api_version(raw, "MinAPIVersion"),
        architecture=_string(raw, "Arch"),
    )


def _api_version(raw: dict[str, t.Any], key: str) -> tuple[int, int] | None:
    text = _string(raw, key)
    match = _API_VERSION_RE.match(text)
    if text and match is None:
        raise UnreadableAnswer(f"{key} is {_shown(text)}")
    return (int(match.group(1)), int(match.group(2))) if match else None


def parse_facts(identity: Identity, info: t.Any, api_version: str) -> EngineFacts:
    """Read ``GET /info``, beside who answers."""
    info = _object(info, "the information")
    if "Driver" not in info and "DriverStatus" not in info:
        # The store, and so what a removal does, would be a guess.
        raise UnreadableAnswer(f"there is no Driver in the information {_shown(info)}")
    status = tuple(
        (str(row[0]), str(row[1])) for row in _list(info, "DriverStatus") if isinstance(row, list) and len(row) == 2
    )
    return EngineFacts(
        version=identity.version or _string(info, "ServerVersion"),
        api_version=api_version,
        store=CONTAINERD if _CONTAINERD_STATUS in status else GRAPHDRIVER,
        driver=_string(info, "Driver"),
        host=_string(info, "Name"),
        data_root=_string(info, "DockerRootDir"),
        driver_status=status,
        id=_string(info, "ID"),
        architecture=identity.architecture,
        # From API 1.46 on.
        containerd_address=_string(_fields(info, "Containerd"), "Address"),
    )


def parse_clock(info: t.Any) -> float | None:
    """The time that ``GET /info`` shows."""
    return _time(_object(info, "the information"), "SystemTime")


# Images


def parse_images(
    listed: t.Any, store: str, dangling: Iterable[str] = (), architecture: str | None = None
) -> tuple[Image, ...]:
    """Read ``GET /images/json``. ``dangling`` are the IDs that a containerd store lists for the filter of that name.

    ``architecture`` is the host's, where the Engine lists images whose configuration is not on the host.
    """
    dangling_ids = frozenset(dangling)
    images = (_image(raw, store, dangling_ids, architecture) for raw in _entries(listed, "the list of images"))
    return tuple(sorted(images, key=lambda image: image.id))


def parse_parents(listed: t.Any) -> dict[str, str]:
    """The parents of the listed images, by ID."""
    return {_id(raw): _string(raw, "ParentId") for raw in _entries(listed, "the list of images")}


def with_record_parents(image: Image, parents: t.Mapping[Reference, str]) -> Image:
    """The image with the parents that its records name, where they are not all the same."""
    return image if len(set(parents.values())) < 2 else dataclasses.replace(image, record_parents=dict(parents))


def parse_ids(listed: t.Any) -> frozenset[str]:
    """The IDs in a listing of images."""
    return frozenset(_id(raw) for raw in _entries(listed, "the list of images"))


def _image(raw: dict[str, t.Any], store: str, dangling_ids: frozenset[str], architecture: str | None) -> Image:
    """Read one entry.

    A containerd store filters records, so it lists an image that has names too as dangling when a record
    ``moby-dangling@…`` was left beside them.
    """
    image_id, created = _id(raw), _number(raw, "Created")
    references, unread = _references(raw, store)
    is_described = architecture is None or _is_described(raw, architecture)
    return Image(
        id=image_id,
        references=references,
        parent=_string(raw, "ParentId"),
        created=created if created is not None and created > _ZERO_TIME and is_described else None,
        size=_bytes(raw, "Size") or 0,
        shared_size=_bytes(raw, "SharedSize"),
        labels=_labels(raw),
        digests=tuple(name for name in _strings(raw, "RepoDigests") if not _is_none(name) and "@" in name),
        has_dangling_record=store == CONTAINERD and (image_id in dangling_ids or not (references or unread)),
        names_unread=unread,
        unpacked=_unpacked(raw) if store == CONTAINERD else None,
        is_described=is_described,
    )


def _references(raw: dict[str, t.Any], store: str) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
    """The references of a listed or inspected image in the Engine's order, and the names that are none."""
    # On the containerd store every name is in RepoTags, digests too, and RepoDigests is made up (image_list.go).
    names = _strings(raw, "RepoTags") + (_strings(raw, "RepoDigests") if store == GRAPHDRIVER else [])
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


def _unpacked(raw: dict[str, t.Any]) -> int | None:
    if raw.get("Manifests") is None:
        return None
    sizes = (_fields(_fields(manifest, "ImageData"), "Size") for manifest in _objects(raw, "Manifests"))
    return sum(_bytes(size, "Unpacked") or 0 for size in sizes)


def _is_described(raw: dict[str, t.Any], architecture: str) -> bool:
    """Whether the configuration was read from which the labels and the date are.

    28.5 to 29.1.1 list the bare ID for a digest of an image without a manifest that is all there; 29.1.2 and later list no
    labels and no date of the manifest for the host's platform, there or not. So do images that have none.
    """
    if _id(raw) in _strings(raw, "RepoDigests"):
        return False
    if _number(raw, "Created") or _fields(raw, "Labels"):
        return True
    manifests = [manifest for manifest in _objects(raw, "Manifests") if _string(manifest, "Kind") == "image"]
    # Variants of one architecture are not told apart: which of them the host prefers depends on its processor.
    own = [manifest for manifest in manifests if _architecture(manifest) == architecture] or manifests
    return bool(own) and all(_flag(manifest, "Available") for manifest in own)


def _architecture(manifest: dict[str, t.Any]) -> str:
    return _string(_fields(_fields(manifest, "ImageData"), "Platform"), "architecture")


def _is_none(name: str) -> bool:
    # "<none>:<none>", "<none>@<none>", and "repo:<none>" of old Engines.
    return "<none>" in name


def parse_inspected_image(raw: t.Any, store: str) -> InspectedImage:
    """Read ``GET /images/NAME/json``."""
    raw = _object(raw, "the image")
    directories = _fields(_fields(raw, "GraphDriver"), "Data")
    upper = _string(directories, "UpperDir")
    return InspectedImage(
        id=_id(raw),
        references=_references(raw, store)[0],
        tagged=_time(_fields(raw, "Metadata"), "LastTagTime"),
        layers=tuple(_strings(_fields(raw, "RootFS"), "Layers")),
        layer_directories=(*_lower_directories(directories), upper) if upper else (),
    )


def parse_history(raw: t.Any) -> tuple[ImageStep, ...]:
    """Read ``GET /images/NAME/history``, from the base to the top."""
    entries = reversed(_entries(raw, "the history"))
    return tuple(ImageStep(_bytes(entry, "Size") or 0, _number(entry, "Created")) for entry in entries)


def _lower_directories(data: dict[str, t.Any]) -> tuple[str, ...]:
    """The directories of overlay2 from the base up; the Engine lists them from the top down."""
    return tuple(reversed([directory for directory in _string(data, "LowerDir").split(":") if directory]))


def with_layers(image: Image, inspected: InspectedImage, steps: Iterable[ImageStep]) -> Image:
    """The image with what only its inspection and its history show."""
    sizes = [step.size for step in steps]
    layered = dataclasses.replace(
        image,
        layers=inspected.layers,
        layer_sizes=tuple(sizes),
        layer_directories=inspected.layer_directories,
    )
    return dataclasses.replace(layered, unpacked=layered.unpacked_by_layers)


def with_shared_sizes(images: Iterable[Image], shared: t.Mapping[str, int]) -> tuple[Image, ...]:
    """The images with the shared sizes of a disk usage, for Engines that report them nowhere else."""
    images = list(images)
    sizes = {image.id: image.size for image in images}
    # The disk usage counts hidden parents out (getLayerRefs), and they hold all of their layers like any other image.
    return tuple(
        dataclasses.replace(image, shared_size=max(shared[image.id], sizes.get(image.parent, 0)))
        if image.id in shared
        else image
        for image in images
    )


def parse_removed(raw: t.Any) -> Removed:
    """Read the answer to ``DELETE /images/NAME``; one without a body removed nothing."""
    lines = _entries(raw, "the list of what was removed")
    untagged, deleted = ([_string(line, key) for line in lines] for key in ("Untagged", "Deleted"))
    return Removed(tuple(filter(None, untagged)), tuple(filter(None, deleted)))


def parse_done(raw: t.Any) -> None:
    """Read the answer to a change that has no body: what has one comes from something else than an Engine."""
    if raw is not None:
        raise UnreadableAnswer(f"the answer to a change is {_shown(raw)}")


# Containers


def parse_containers(listed: t.Any) -> tuple[Container, ...]:
    """Read ``GET /containers/json`` with ``all``."""
    containers = (_container(raw) for raw in _entries(listed, "the list of containers"))
    return tuple(sorted(containers, key=lambda container: container.id))


def _container(raw: dict[str, t.Any]) -> Container:
    names = [name.lstrip("/") for name in _strings(raw, "Names")]
    # Links add names such as "/web/db"; the container's own name has no slash left.
    own = [name for name in names if "/" not in name] or names
    mounts = [mount for mount in _objects(raw, "Mounts") if mount.get("Type") == "image"]
    return Container(
        id=_id(raw),
        name=own[0] if own else "",
        image_id=_string(raw, "ImageID"),
        image=_string(raw, "Image"),
        state=_string(raw, "State").lower(),
        created=_number(raw, "Created"),
        labels=_labels(raw),
        # Engine 28 and later: the mount's name is the source that its creator wrote (daemon/volumes.go).
        mounted_images=tuple(_string(mount, "Name") for mount in mounts),
        size=_bytes(raw, "SizeRw"),
    )


def parse_inspected_container(raw: t.Any) -> InspectedContainer:
    """Read ``GET /containers/ID/json``."""
    raw = _object(raw, "the container")
    # Without an ID it is no container, such as an error that a proxy sends as an answer.
    _id(raw)
    state = _fields(raw, "State")
    return InspectedContainer(
        name=_string(raw, "Name").lstrip("/"),
        state=_string(state, "Status").lower(),
        created=_time(raw, "Created"),
        started=_time(state, "StartedAt"),
        finished=_time(state, "FinishedAt"),
        stop_timeout=_number(_fields(raw, "Config"), "StopTimeout"),
        layer_directories=_lower_directories(_fields(_fields(raw, "GraphDriver"), "Data")),
    )


def parse_committed(raw: t.Any) -> str:
    """Read the answer to ``POST /commit``: the ID of the image."""
    return _id(_object(raw, "the commit"))


def parse_services(listed: t.Any) -> tuple[Service, ...]:
    """Read ``GET /services`` of a Swarm's manager."""
    services = (_service(raw) for raw in _entries(listed, "the list of services"))
    return tuple(sorted(services, key=lambda service: service.name))


def swarm_is_settled(info: t.Any) -> bool:
    """Whether ``GET /info`` shows a node that is outside of a Swarm or works in one: not one that is locked, pending or in error."""
    state = _string(_fields(_object(info, "the information on the Engine"), "Swarm"), "LocalNodeState")
    return state in ("", "inactive", "active")


def _service(raw: dict[str, t.Any]) -> Service:
    spec = _fields(raw, "Spec")
    modes = _fields(spec, "Mode")
    mode = next(iter(modes), "")
    return Service(
        name=_string(spec, "Name"),
        mode=mode.lower(),
        replicas=_number(_fields(modes, "Replicated"), "Replicas"),
        image=_image_of(spec),
        previous_image=_image_of(_fields(raw, "PreviousSpec")) or None,
    )


def _image_of(spec: dict[str, t.Any]) -> str:
    return _string(_fields(_fields(spec, "TaskTemplate"), "ContainerSpec"), "Image")


def with_directories(container: Container, inspected: InspectedContainer) -> Container:
    """The container with the layers below its own."""
    return dataclasses.replace(container, layer_directories=inspected.layer_directories)


def with_dated_mounts(
    container: Container, inspected: InspectedContainer | None, mounted: t.Mapping[str, InspectedImage | None]
) -> Container:
    """The container with what shows whether its image mounts' names moved since it was created.

    ``mounted`` has the images by source. The graphdriver store sends no ``LastTagTime`` of an image that was pulled or
    loaded (``daemon/images/image_tag.go``).
    """
    created = inspected.created if inspected is not None else None
    moved, undated = set(), set()
    for source, image in mounted.items():
        tagged = image.tagged if image is not None else None
        if tagged is None or created is None:
            undated.add(source)
        elif tagged >= created:
            moved.add(source)
    return dataclasses.replace(container, moved_mounts=frozenset(moved), undated_mounts=frozenset(undated))


# Disk usage


def parse_disk_usage(raw: t.Any) -> DiskUsage:
    """Read ``GET /system/df`` in its shape up to API 1.51, or in that from 1.52 on, where the Engine counts itself.

    An Engine that is asked for one kind sends null for the others: :func:`only` leaves these out.
    """
    raw = _object(raw, "the disk usage")
    if raw and not raw.keys() & _DISK_USAGE:
        raise UnreadableAnswer(f"the disk usage is {_shown(raw)}")
    listed = _items(raw, "Images", "ImageUsage")
    records = _items(raw, "BuildCache", "BuildCacheUsage")
    containers, volumes = _listed(raw, "Containers"), _listed(raw, "Volumes")
    return DiskUsage(
        images=_counted(raw, "ImageUsage") or _images_total(listed, _bytes(raw, "LayersSize")),
        containers=_counted(raw, "ContainerUsage") or _containers_total(containers),
        volumes=_counted(raw, "VolumeUsage") or _volumes_total(volumes),
        build_cache=_counted(raw, "BuildCacheUsage") or _build_cache_total(records),
        shared={
            _id(image): _bytes(image, "SharedSize") or 0
            for image in listed or []
            if _bytes(image, "SharedSize") is not None
        },
        records=None if records is None else tuple(map(_cache_record, records)),
    )


def only(kind: str, usage: DiskUsage) -> DiskUsage:
    """What an Engine reports that was asked for one kind alone: of the others it sends nothing that means anything."""
    if kind == "image":
        return DiskUsage(images=usage.images, shared=usage.shared)
    if kind == "container":
        return DiskUsage(containers=usage.containers)
    if kind == "volume":
        return DiskUsage(volumes=usage.volumes)
    return DiskUsage(build_cache=usage.build_cache, records=usage.records)


def _listed(raw: dict[str, t.Any], key: str) -> list[dict[str, t.Any]] | None:
    return _objects(raw, key) if key in raw else None


def _items(raw: dict[str, t.Any], key: str, counted_key: str) -> list[dict[str, t.Any]] | None:
    """What is listed, in either shape. Counted items are listed only with ``verbose``, and an empty list is left out."""
    if raw.get(key):
        return _objects(raw, key)
    counted = raw.get(counted_key)
    if counted is None:
        return _listed(raw, key)
    counted = _object(counted, counted_key)
    return _objects(counted, "Items") if counted.get("Items") or not _number(counted, "TotalCount") else None


def _counted(raw: dict[str, t.Any], key: str) -> Total | None:
    """What the Engine counted itself; it leaves zeros out."""
    if raw.get(key) is None:
        return None
    counted = _fields(raw, key)
    return Total(*(_number(counted, field) or 0 for field in ("TotalCount", "ActiveCount", "TotalSize", "Reclaimable")))


def _images_total(listed: list[dict[str, t.Any]] | None, layers_size: int | None) -> Total | None:
    """As ``cli/command/formatter/disk_usage.go`` counts: an image without a count of containers is in use, not active."""
    if layers_size is None and listed is not None and not any(map(_whole_size, listed)):
        # Engine 29 leaves a zero out.
        layers_size = 0
    if listed is None or layers_size is None:
        return None
    in_use, active = 0, 0
    for image in listed:
        containers, shared, size = _number(image, "Containers"), _bytes(image, "SharedSize"), _whole_size(image)
        active += (containers or 0) > 0
        if containers != 0 and shared is not None and size is not None:
            in_use += size - shared
    return Total(len(listed), active, layers_size, layers_size - in_use)


def _whole_size(image: dict[str, t.Any]) -> int | None:
    # VirtualSize is what the CLI reads below API 1.44; Engines of the 20.10 line mean the same by both.
    return _bytes(image, "Size" if image.get("VirtualSize") is None else "VirtualSize")


def _containers_total(listed: list[dict[str, t.Any]] | None) -> Total | None:
    if listed is None:
        return None
    sizes = [(_string(container, "State") in RUNNING_STATES, _bytes(container, "SizeRw") or 0) for container in listed]
    return Total(
        len(sizes),
        sum(is_running for is_running, _size in sizes),
        sum(size for _is_running, size in sizes),
        sum(size for is_running, size in sizes if not is_running),
    )


def _volumes_total(listed: list[dict[str, t.Any]] | None) -> Total | None:
    if listed is None:
        return None
    usages = [_fields(volume, "UsageData") for volume in listed]
    return Total(
        len(usages),
        sum((_number(usage, "RefCount") or 0) > 0 for usage in usages),
        sum(_bytes(usage, "Size") or 0 for usage in usages),
        sum(_bytes(usage, "Size") or 0 for usage in usages if _number(usage, "RefCount") == 0),
    )


def _build_cache_total(listed: list[dict[str, t.Any]] | None) -> Total | None:
    """What images share with BuildKit is no part of either number of bytes."""
    if listed is None:
        return None
    own = [(_flag(record, "InUse"), _bytes(record, "Size") or 0) for record in listed if not _flag(record, "Shared")]
    return Total(
        len(listed),
        sum(_flag(record, "InUse") for record in listed),
        sum(size for _in_use, size in own),
        sum(size for in_use, size in own if not in_use),
    )


def _cache_record(raw: dict[str, t.Any]) -> CacheRecord:
    parent = _string(raw, "Parent")
    parents = [name for key in _PARENTS for name in _strings(raw, key)] or ([parent] if parent else [])
    record_id = _string(raw, "ID")
    if not record_id:
        raise UnreadableAnswer(f"there is no ID in {_shown(raw)}")
    return CacheRecord(
        id=record_id,
        type=_string(raw, "Type"),
        description=_string(raw, "Description"),
        in_use=_flag(raw, "InUse"),
        shared=_flag(raw, "Shared"),
        size=_bytes(raw, "Size") or 0,
        created=_time(raw, "CreatedAt"),
        last_used=_time(raw, "LastUsedAt"),
        usage_count=_number(raw, "UsageCount") or 0,
        parents=tuple(dict.fromkeys(parents)),
    )


def build_cache_of(usage: DiskUsage | None) -> BuildCache | None:
    """What the snapshot holds of BuildKit's records."""
    if usage is None or usage.records is None:
        return None
    shared = [record.size for record in usage.records if record.shared]
    return BuildCache(len(usage.records), sum(shared), sum(1 for size in shared if size == 0))


def parse_pruned_cache(raw: t.Any) -> PrunedCache:
    """Read the answer to ``POST /build/prune``."""
    raw = _object(raw, "the answer to the prune")
    if "CachesDeleted" not in raw and "SpaceReclaimed" not in raw:
        raise UnreadableAnswer(f"the answer to the prune is {_shown(raw)}")
    return PrunedCache(tuple(_strings(raw, "CachesDeleted")), _bytes(raw, "SpaceReclaimed") or 0)


# Events


def parse_event(raw: t.Any) -> Event:
    """Read one line of ``GET /events``."""
    raw = _object(raw, "an event")
    kind, actor = _string(raw, "Type"), _fields(raw, "Actor")
    attributes = _fields(actor, "Attributes")
    nanoseconds = _number(raw, "timeNano")
    seconds = _number(raw, "time") or 0 if nanoseconds is None else nanoseconds / 1e9
    # An action can have a detail, such as "health_status: healthy".
    action = _string(raw, "Action").partition(":")[0]
    return Event(
        kind, action, _string(actor, "ID"), _string(attributes, "image" if kind == CONTAINER else "name"), seconds
    )

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What an Engine's images take up and who uses them, as C(image_usage_info) returns it. No I/O."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.facts import record_facts
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import (
    container_facts,
    created,
    engine_facts,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import is_dangling
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import seen_in_use
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, id_prefix, is_image_id
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size
from ansible_collections.imagewarden.docker.plugins.module_utils._store.uses import uses_of
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
        Container,
        EngineFacts,
        Snapshot,
    )
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord, DiskUsage, Service
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.use_events import Replay

#: From this share of its inodes on, a file system is about to be full of files although it has bytes left.
_FEW_INODES = 90

#: How buildx names the containers of its builders (``driver/docker-container``), and what they run.
_BUILDER_NAME = "buildx_buildkit_"
_BUILDER_IMAGE = "docker.io/moby/buildkit"

#: A notice.
NO_MANAGER = "services: the Engine is not a manager of a Swarm, so that it knows of no services"


@dataclasses.dataclass(frozen=True)
class Moments:
    """What only an inspection of everything tells: when images were last tagged, when containers started or finished.

    ``replay`` is what the Engine's events show of uses by containers that were removed.
    """

    tagged: t.Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    used: t.Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    replay: Replay | None = None


def usage_report(
    snapshot: Snapshot,
    disk_usage: DiskUsage | None,
    moments: Moments,
    file_system: FileSystem | None,
    record: UsageRecord,
    now: float,
    in_use: bool = False,
) -> dict[str, t.Any]:
    """The result of C(image_usage_info), the largest image first; with ``in_use`` only those that containers use."""
    snapshot = only_in_use(snapshot) if in_use else snapshot
    uses = uses_of(snapshot)
    used = _uses(snapshot, moments, record, now)
    shared = disk_usage.shared if disk_usage is not None else {}
    images = [
        _image(image, snapshot, uses.known(image.id), shared, moments.tagged.get(image.id), used)
        for image in sorted(snapshot.images, key=lambda image: (-image.size, image.id))
    ]
    totals = None if disk_usage is None else _totals(disk_usage)
    return {
        "changed": False,
        "images": images,
        "totals": totals,
        "usage_known_since": format_time(_known_since(moments, record)),
        "file_system": None if file_system is None else _file_system(file_system),
        "engine": engine_facts(snapshot.engine),
        "summary": _summary(images, snapshot, disk_usage, file_system, in_use),
    }


def only_in_use(snapshot: Snapshot) -> Snapshot:
    """The snapshot with only the images that containers use.

    An image that was removed under its container counts too, with the name that the container was created by: elsewhere it
    may still be there. So does what a container mounts by a name that has moved or is gone, by this name: such an image
    has no ID here.
    """
    uses = uses_of(snapshot)
    mounted = _parsed(source for container in uses.unknown_mounts for source in container.mounted_images)
    used = [i for i in snapshot.images if uses.known(i.id) or not mounted.isdisjoint(i.references)]
    lost = sorted(uses.made_from.keys() - {image.id for image in snapshot.images} - {""})
    used += [Image(id=image_id, references=_names_of(uses.made_from[image_id])) for image_id in lost]
    gone = mounted.difference(*(image.references for image in snapshot.images))
    used += [Image(id="", references=_in_order(gone))] if gone else []
    return dataclasses.replace(snapshot, images=tuple(used))


def _names_of(containers: Iterable[Container]) -> tuple[Reference, ...]:
    """The names by which containers were created; the Engine prints an ID instead of one that has moved on."""
    return _in_order(_parsed(container.image for container in containers))


def _parsed(names: Iterable[str]) -> set[Reference]:
    """The references among these names; an ID is none."""
    found = set()
    for name in names:
        if name and id_prefix(name) is None and not is_image_id(name):
            with contextlib.suppress(ValueError):
                found.add(Reference.parse(name))
    return found


def _in_order(references: Iterable[Reference]) -> tuple[Reference, ...]:
    return tuple(sorted(references, key=lambda reference: reference.full))


def services_report(services: Iterable[Service] | None) -> list[dict[str, t.Any]]:
    """What the services of a Swarm ask for, also those without a task on this host."""
    return [service._asdict() for service in services or ()]


def records_report(records: Iterable[CacheRecord]) -> list[dict[str, t.Any]]:
    """The records of the build cache, the largest first."""
    return [record_facts(record) for record in sorted(records, key=lambda record: (-record.size, record.id))]


def cache_notices(disk_usage: DiskUsage | None) -> list[str]:
    """That there is more to be had from the build cache than from images and containers together."""
    if disk_usage is None or disk_usage.build_cache is None:
        return []
    cache = disk_usage.build_cache.reclaimable
    others = [total.reclaimable for total in (disk_usage.images, disk_usage.containers) if total is not None]
    if cache <= sum(others):
        return []
    return [
        f"the build cache has the most to reclaim: {human_size(cache)}, and images and containers have"
        f" {human_size(sum(others))} (build_cache_prune removes it)"
    ]


def builder_notices(snapshot: Snapshot) -> list[str]:
    """That there are builders whose build cache is not the Engine's."""
    builders = [container.name for container in snapshot.containers if _is_builder(container)]
    if not builders:
        return []
    return [
        "these containers are builders with a build cache of their own, which the Engine does not list (docker buildx prune"
        f" removes it): {', '.join(builders)}"
    ]


def notices(snapshot: Snapshot, file_system: FileSystem | None, engine_told: bool = True) -> list[str]:
    """What a cleaner should know before it counts on space."""
    texts = storage_notices(snapshot.engine)
    known = {image.id for image in snapshot.images}
    orphans = [container.name for container in snapshot.containers if container.image_id not in known]
    if orphans:
        texts.append(
            f"the images of these containers were removed, and their layers stay until the containers are removed: {', '.join(orphans)}"
        )
    if file_system is not None and file_system.inodes_percent >= _FEW_INODES:
        texts.append(
            f"{file_system.inodes_percent:.0f}% of the inodes of {file_system.path} are used:"
            " it can be full although bytes are left"
        )
    if file_system is not None and file_system.doubt:
        texts.append(f"{file_system.path} may not be the file system of the Engine's data: {file_system.doubt}")
    if not engine_told:
        texts.append("the Engine did not report its disk usage: there are no totals, and no shared sizes")
    return texts


def _is_builder(container: Container) -> bool:
    """Whether C(docker buildx create) started it: by the name that it gives, or by BuildKit's own image."""
    if container.name.startswith(_BUILDER_NAME):
        return True
    try:
        return Reference.parse(container.image).name == _BUILDER_IMAGE
    except ValueError:
        return False


def storage_notices(engine: EngineFacts) -> list[str]:
    """What the storage driver means for the space that a removal sets free."""
    status = dict(engine.driver_status)
    loop_file = status.get("Data loop file")
    if engine.driver == "devicemapper" and loop_file:
        return [
            f"devicemapper keeps the Engine's data in the loop file {loop_file}: removing images gives space back to the"
            " Engine, and not to the host's file system"
        ]
    if engine.driver == "vfs":
        return ["the storage driver vfs copies every layer in full: an image takes up much more than its size"]
    return []


def _image(
    image: Image,
    snapshot: Snapshot,
    users: Sequence[Container],
    shared_sizes: Mapping[str, int],
    tagged: float | None,
    used: Mapping[str, Mapping[str, float]],
) -> dict[str, t.Any]:
    shared = shared_sizes.get(image.id, image.shared_size)
    last, by = _last_use(image.id, used, tagged)
    intermediate = not (image.references or image.names_unread) and image.id in snapshot.parents
    return {
        "id": image.id,
        "references": [ref.familiar for ref in image.references] + list(image.names_unread),
        "digests": list(image.digests),
        "size": image.size,
        "own_size": None if shared is None else max(image.size - shared, 0),
        "shared_size": shared,
        "created": created(image),
        "last_tagged": format_time(tagged),
        "last_used": format_time(last),
        "last_used_by": by,
        "containers": [container_facts(user) for user in users],
        # The containerd store lists an intermediate image as dangling only together with "all".
        "dangling": is_dangling(image, snapshot) and not intermediate,
        "intermediate": intermediate,
    }


def _uses(snapshot: Snapshot, moments: Moments, record: UsageRecord, now: float) -> dict[str, Mapping[str, float]]:
    """When each image was last used, by how that is known. What comes first counts where two show the same time."""
    recorded = {image_id: sighting.last_used for image_id, sighting in record.sightings.items()}
    return {
        "container": seen_in_use(snapshot, moments.used, now),
        "event": {} if moments.replay is None else moments.replay.used,
        "record": {image_id: time for image_id, time in recorded.items() if time is not None},
    }


def _last_use(
    image_id: str, uses: Mapping[str, Mapping[str, float]], tagged: float | None
) -> tuple[float | None, str | None]:
    """When an image was last used, and how that is known."""
    times = [(times[image_id], by) for by, times in uses.items() if image_id in times]
    if tagged is not None:
        times.append((tagged, "tag"))
    return max(times, key=lambda found: found[0], default=(None, None))


def _known_since(moments: Moments, record: UsageRecord) -> float | None:
    """Since when no use was missed."""
    watched = record.watched
    if moments.replay is not None:
        watched = moments.replay.watched.joined(watched)
    return None if watched is None else watched.since


def _totals(usage: DiskUsage) -> dict[str, dict[str, int] | None]:
    lines = {
        "images": usage.images,
        "containers": usage.containers,
        "volumes": usage.volumes,
        "build_cache": usage.build_cache,
    }
    return {line: None if total is None else dataclasses.asdict(total) for line, total in lines.items()}


def _file_system(found: FileSystem) -> dict[str, t.Any]:
    shares = {"percent": found.percent, "inodes_percent": found.inodes_percent}
    return {**dict(zip(found._fields, found)), **shares}


def _summary(
    images: Sequence[Mapping[str, t.Any]],
    snapshot: Snapshot,
    usage: DiskUsage | None,
    file_system: FileSystem | None,
    in_use: bool,
) -> str:
    dangling = sum(1 for image in images if image["dangling"])
    note = "in use" if in_use else f"({dangling} dangling)"
    parts = [f"{_counted(len(images), 'image')} {note}", _counted(len(snapshot.containers), "container")]
    if usage is not None and usage.images is not None:
        parts.append(f"{human_size(usage.images.size)} of images, {human_size(usage.images.reclaimable)} reclaimable")
    if file_system is not None:
        parts.append(f"{file_system.path} {file_system.percent:.0f}% full")
    return ", ".join(parts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

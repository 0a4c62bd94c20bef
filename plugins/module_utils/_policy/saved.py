# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""A saved snapshot: everything that any policy judges a host by, as one JSON document, and read back. No I/O, no clock.

What no policy asks for is left out: environments, commands, and labels of containers.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    BuildCache,
    Container,
    EngineFacts,
    Image,
    Snapshot,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    Sighting,
    UsageRecord,
    Watched,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, is_image_id
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

SCHEMA = "imagewarden.docker/snapshot"
#: Another version is refused, an older one too: what is read wrongly would be judged wrongly.
SCHEMA_VERSION = 1

#: Seconds far beyond any time, and below what is infinite.
_LATEST = 1e15
#: Bytes beyond any disk.
_LARGEST = 2**63

_ENGINE = ("version", "api_version", "store", "driver", "host")
#: Fields of a container as the document has them, in the order of the class.
_CONTAINER_TEXTS = ("id", "name", "image_id", "image", "state")


@dataclasses.dataclass(frozen=True)
class SavedSnapshot:
    """A host as it was at a time: the snapshot, and what was measured and inspected beside it.

    The images of ``snapshot`` are as they were listed, with their layers.

    ``tagged`` is when images were last tagged, and ``active`` when containers last started or finished, by ID. ``notice``
    says what is wrong with the usage record, of which ``record`` holds this Engine's images.
    """

    taken: float
    snapshot: Snapshot
    tagged: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    active: t.Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    images_size: int | None = None
    file_system: FileSystem | None = None
    record: UsageRecord = dataclasses.field(default_factory=UsageRecord)
    notice: str | None = None

    @property
    def with_layers(self) -> Snapshot:
        """The snapshot as a task reads it that asks for layers."""
        images = (dataclasses.replace(image, unpacked=image.unpacked_by_layers) for image in self.snapshot.images)
        return dataclasses.replace(self.snapshot, images=tuple(images))

    @property
    def without_layers(self) -> Snapshot:
        """The snapshot as a task reads it that does not."""
        bare: dict[str, t.Any] = {"layers": None, "layer_sizes": None, "layer_directories": ()}
        images = (dataclasses.replace(image, **bare) for image in self.snapshot.images)
        containers = (dataclasses.replace(container, layer_directories=()) for container in self.snapshot.containers)
        return dataclasses.replace(self.snapshot, images=tuple(images), containers=tuple(containers))

    def document(self) -> dict[str, t.Any]:
        """As JSON can hold it."""
        found, disk, cache = self.snapshot, self.file_system, self.snapshot.build_cache
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "taken": format_time(self.taken),
            "taken_seconds": self.taken,
            "engine": {key: getattr(found.engine, key) for key in _ENGINE},
            "images_size": self.images_size,
            "file_system": None if disk is None else dict(zip(disk._fields, disk)),
            "build_cache": None if cache is None else dict(zip(cache._fields, cache)),
            "usage_notice": self.notice,
            "usage_watched": None if self.record.watched is None else dict(zip(Watched._fields, self.record.watched)),
            "images": [self._image_document(image) for image in found.images],
            "containers": [self._container_document(container) for container in found.containers],
        }

    def file_system_at(self, path: str | None) -> FileSystem | None:
        """The file system that was measured. Raises ``ValueError`` where a task names another directory."""
        found = self.file_system
        if path is None:
            return found
        if found is None or found.path != path:
            measured = "no file system" if found is None else f"the file system of {found.path}"
            raise ValueError(f"{path} was not measured: the snapshot has {measured}")
        return found._replace(reason="disk_path names it", doubt="")

    def _image_document(self, image: Image) -> dict[str, t.Any]:
        sighting = self.record.sightings.get(image.id)
        return {
            "id": image.id,
            "references": [reference.full for reference in image.references],
            "digests": list(image.digests),
            "names_unread": list(image.names_unread),
            "labels": dict(image.labels),
            "created": image.created,
            "last_tagged": self.tagged.get(image.id),
            "first_seen": None if sighting is None else sighting.first_seen,
            "last_used": None if sighting is None else sighting.last_used,
            "size": image.size,
            "shared_size": image.shared_size,
            "unpacked": image.unpacked,
            "parent": image.parent,
            "record_parents": {reference.full: parent for reference, parent in image.record_parents.items()},
            "has_dangling_record": image.has_dangling_record,
            "is_described": image.is_described,
            "layers": None if image.layers is None else list(image.layers),
            "layer_sizes": None if image.layer_sizes is None else list(image.layer_sizes),
            "layer_directories": list(image.layer_directories),
        }

    def _container_document(self, container: Container) -> dict[str, t.Any]:
        return {
            **{key: getattr(container, key) for key in _CONTAINER_TEXTS},
            "created": container.created,
            "last_active": self.active.get(container.id),
            "mounted_images": list(container.mounted_images),
            "moved_mounts": sorted(container.moved_mounts),
            "undated_mounts": sorted(container.undated_mounts),
            "layer_directories": list(container.layer_directories),
        }

    @classmethod
    def parse(cls, document: t.Any) -> SavedSnapshot:
        """Read a document. Raises :class:`NotASnapshot` for one of another kind or version, or a damaged one."""
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise NotASnapshot("it is not a snapshot that this collection saved")
        version = document.get("schema_version")
        if isinstance(version, bool) or version != SCHEMA_VERSION:
            raise NotASnapshot(
                f"it has version {version!r}, and this version of the collection reads {SCHEMA_VERSION}: save it again"
            )
        return _read(_Fields("", document))


class NotASnapshot(ValueError):
    """A document that cannot be used; the message says why."""


class _Damaged(NotASnapshot):
    """A field that is missing or holds something else."""

    def __init__(self, text: str) -> None:
        super().__init__(f"it is damaged: {text}")


class _Fields:
    """The fields of a part of a document, each read with the type that it must have."""

    def __init__(self, path: str, raw: t.Any) -> None:
        if not isinstance(raw, dict):
            raise _Damaged(f"{path} is not a dictionary")
        self._path = f"{path}." if path else ""
        self._raw = raw

    def _field(self, key: str) -> t.Any:
        if key not in self._raw:
            raise _Damaged(f"{self._path}{key} is missing")
        return self._raw[key]

    def _wrong(self, key: str, kind: str) -> _Damaged:
        return _Damaged(f"{self._path}{key} is not {kind}")

    def text(self, key: str) -> str:
        value = self._field(key)
        if not isinstance(value, str):
            raise self._wrong(key, "a string")
        return value

    def boolean(self, key: str) -> bool:
        value = self._field(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "a boolean")
        return value

    def whole(self, key: str) -> int:
        value = self._field(key)
        if not _is_whole(value):
            raise self._wrong(key, "a whole number")
        return int(value)

    def number(self, key: str) -> float:
        value = self._field(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LATEST < value < _LATEST:
            raise self._wrong(key, "a time in seconds")
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._field(key)
        if not isinstance(value, list) or not all(isinstance(element, str) for element in value):
            raise self._wrong(key, "a list of strings")
        return tuple(value)

    def wholes(self, key: str) -> tuple[int, ...]:
        value = self._field(key)
        if not isinstance(value, list) or not all(map(_is_whole, value)):
            raise self._wrong(key, "a list of whole numbers")
        return tuple(value)

    def mapping(self, key: str) -> dict[str, str]:
        value = self._field(key)
        if not isinstance(value, dict) or not all(isinstance(part, str) for pair in value.items() for part in pair):
            raise self._wrong(key, "a dictionary of strings")
        return dict(value)

    def parts(self, key: str) -> list[_Fields]:
        value = self._field(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return [_Fields(f"{self._path}{key}[{number}]", part) for number, part in enumerate(value)]

    def part(self, key: str) -> _Fields:
        return _Fields(f"{self._path}{key}", self._field(key))

    def reference(self, key: str, text: str) -> Reference:
        try:
            return Reference.parse(text)
        except ValueError as exc:
            raise _Damaged(f"{self._path}{key}: {exc}") from exc

    def image_id(self, key: str) -> str:
        value = self.text(key)
        if not is_image_id(value):
            raise self._wrong(key, "the ID of an image")
        return value

    def unless_null(self, key: str, read: t.Callable[[str], _Read]) -> _Read | None:
        """What ``read`` makes of the field, which may be ``null``."""
        return None if self._field(key) is None else read(key)


_Read = t.TypeVar("_Read")


def _is_whole(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


def _read(fields: _Fields) -> SavedSnapshot:
    watched = fields.unless_null("usage_watched", fields.part)
    disk, cache = fields.unless_null("file_system", fields.part), fields.unless_null("build_cache", fields.part)
    images, containers = fields.parts("images"), fields.parts("containers")
    tagged, active, sightings = {}, {}, {}
    for part in images:
        image_id, time = part.image_id("id"), part.unless_null("last_tagged", part.number)
        if time is not None:
            tagged[image_id] = time
        first_seen = part.unless_null("first_seen", part.number)
        if first_seen is not None:
            sightings[image_id] = Sighting(first_seen, part.unless_null("last_used", part.number))
    for part in containers:
        active[part.text("id")] = part.unless_null("last_active", part.number)
    found = Snapshot(
        engine=_engine(fields.part("engine")),
        images=tuple(map(_image, images)),
        containers=tuple(map(_container, containers)),
        build_cache=None if cache is None else BuildCache(*map(cache.whole, BuildCache._fields)),
    )
    for kind, parts in (("images", found.images), ("containers", found.containers)):
        if len({part.id for part in parts}) < len(parts):
            raise _Damaged(f"{kind} has an ID twice")
    return SavedSnapshot(
        taken=fields.number("taken_seconds"),
        snapshot=found,
        tagged=tagged,
        active=active,
        images_size=fields.unless_null("images_size", fields.whole),
        file_system=None if disk is None else _file_system(disk),
        record=UsageRecord(sightings, None if watched is None else Watched(*map(watched.number, Watched._fields))),
        notice=fields.unless_null("usage_notice", fields.text),
    )


def _engine(fields: _Fields) -> EngineFacts:
    texts: dict[str, t.Any] = {key: fields.text(key) for key in _ENGINE}
    facts = EngineFacts(**texts)
    if facts.store not in (GRAPHDRIVER, CONTAINERD):
        raise _Damaged(f"engine.store is neither {GRAPHDRIVER} nor {CONTAINERD}")
    return facts


def _file_system(fields: _Fields) -> FileSystem:
    texts = ("path", "reason", "doubt")
    return FileSystem._make((fields.text if key in texts else fields.whole)(key) for key in FileSystem._fields)


def _image(fields: _Fields) -> Image:
    return Image(
        id=fields.image_id("id"),
        references=tuple(fields.reference("references", text) for text in fields.texts("references")),
        parent=fields.text("parent"),
        created=fields.unless_null("created", fields.whole),
        size=fields.whole("size"),
        shared_size=fields.unless_null("shared_size", fields.whole),
        labels=fields.mapping("labels"),
        digests=fields.texts("digests"),
        has_dangling_record=fields.boolean("has_dangling_record"),
        names_unread=fields.texts("names_unread"),
        unpacked=fields.unless_null("unpacked", fields.whole),
        layers=fields.unless_null("layers", fields.texts),
        layer_sizes=fields.unless_null("layer_sizes", fields.wholes),
        layer_directories=fields.texts("layer_directories"),
        record_parents={
            fields.reference("record_parents", text): parent
            for text, parent in fields.mapping("record_parents").items()
        },
        is_described=fields.boolean("is_described"),
    )


def _container(fields: _Fields) -> Container:
    texts: dict[str, t.Any] = {key: fields.text(key) for key in _CONTAINER_TEXTS}
    return Container(
        **texts,
        created=fields.unless_null("created", fields.whole),
        mounted_images=fields.texts("mounted_images"),
        moved_mounts=frozenset(fields.texts("moved_mounts")),
        undated_mounts=frozenset(fields.texts("undated_mounts")),
        layer_directories=fields.texts("layer_directories"),
    )

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What an Engine holds, as frozen data. No I/O."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

GRAPHDRIVER = "graphdriver"
CONTAINERD = "containerd"

#: ``State.Running`` is true in these states too (``daemon/container/state.go``).
RUNNING_STATES = frozenset(["running", "paused", "restarting"])


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
    architecture: str = ""
    containerd_address: str = ""

    @property
    def shares_blobs(self) -> bool:
        """Whether shared sizes of its containerd store count blobs as well as snapshots: from 29.5 on."""
        return self._is_at_least(29, 5)

    @property
    def counts_blobs(self) -> bool:
        """Whether the total of its images counts the blobs of the containerd store too: from 28.2 on."""
        return self.store != CONTAINERD or self._is_at_least(28, 2)

    @property
    def counts_build_cache(self) -> bool:
        """Whether the total of its images has all snapshots of the containerd store, those of the build cache too: until 29.6."""
        return self.store == CONTAINERD and not self._is_at_least(29, 6)

    @property
    def keeps_content_of_builds(self) -> bool:
        """Whether it holds what a build made until its image has it: the containerd store of 26.1 does not, that of 28.5 does."""
        return self.store != CONTAINERD or self._is_at_least(28)

    @property
    def frees_later(self) -> bool:
        """Whether what a removal sets free is collected a moment after its answer."""
        return self.store == CONTAINERD

    def _is_at_least(self, *release: int) -> bool:
        # A version that is no number is that of a build of the newest source.
        numbers = tuple(int(part) for part in self.version.split(".")[:2] if part.isdigit())
        return len(numbers) < 2 or numbers >= release

    @property
    def lists_partial_images(self) -> bool:
        """Whether its containerd store lists images whose configuration is not on the host, which 28 began with."""
        return self.store == CONTAINERD and self.mounts_images

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
    history, and ``layer_directories`` where overlay2 keeps each layer. ``parent`` is what the listing shows. On the containerd
    store a parent belongs to a record, so that a name which moved to another image has taken it along:
    ``record_parents`` has the parents of all records, where they differ. ``is_described`` is false where its configuration is
    not on the host: then nobody knows its labels, its creation date and its platform, and what the Engine lists instead
    means nothing.
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
    layer_directories: tuple[str, ...] = ()
    record_parents: t.Mapping[Reference, str] = dataclasses.field(default_factory=dict)
    is_described: bool = True

    @property
    def all_parents(self) -> frozenset[str]:
        """The images that any of its records names as its parent."""
        return frozenset((self.parent, *self.record_parents.values())) - {""}

    @property
    def unpacked_by_layers(self) -> int | None:
        """What is unpacked of it as far as its layers show, where they were read: the listing of a child leaves its parent's out."""
        if self.layer_sizes is None or (self.unpacked is not None and not self.all_parents):
            return self.unpacked
        return sum(self.layer_sizes)

    @property
    def tags(self) -> tuple[Reference, ...]:
        """The references that are tags."""
        return tuple(ref for ref in self.references if ref.tag is not None)


#: Why a rule by label or date neither selects nor lets go of an image that is not described.
NOT_DESCRIBED = "its labels and its date are not known, because its configuration is not on the host"


@dataclasses.dataclass(frozen=True)
class Container:
    """One container.

    ``image`` is what the Engine prints; ``mounted_images`` are the sources of its image mounts, ``moved_mounts`` those of
    them that name another image since the container was created, or may do so, and ``undated_mounts`` those of which the
    Engine does not tell. ``layer_directories`` are the directories of overlay2 below its own layer, read only for a container
    whose image is gone. ``size`` are the bytes of its writable layer, listed only when asked for.
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
    layer_directories: tuple[str, ...] = ()
    size: int | None = None

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
    #: What rooms above compute once from this snapshot, by type; a replaced snapshot begins with none.
    derived: dict[type, t.Any] = dataclasses.field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def knows_layers(self) -> bool:
        """Whether the layers of every image were read."""
        return all(image.layers is not None for image in self.images)

    @functools.cached_property
    def parents(self) -> frozenset[str]:
        """The IDs that are some image's parent."""
        return frozenset(parent for image in self.images for parent in image.all_parents)

    def as_doubtful_as(self, earlier: Snapshot) -> Snapshot:
        """With the doubts that an earlier one has about what its containers mount.

        A doubt can end when a name is removed, since the containerd store dates an image by the last of its names. Check mode
        cannot know that.
        """
        doubts = {container.id: container for container in earlier.containers if container.mounted_images}
        containers = tuple(
            dataclasses.replace(
                container,
                moved_mounts=container.moved_mounts | doubts[container.id].moved_mounts,
                undated_mounts=container.undated_mounts | doubts[container.id].undated_mounts,
            )
            if container.id in doubts
            else container
            for container in self.containers
        )
        return dataclasses.replace(self, containers=containers)


def dangling_reference(image_id: str) -> Reference:
    """The containerd store's record that keeps an image without names, as the Engine prints it."""
    return Reference("docker.io", "library/moby-dangling", None, image_id)

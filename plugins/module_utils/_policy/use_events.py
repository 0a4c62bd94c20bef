# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What the Engine's events say of the use of images: which names stood for which image, and since when uses are known. No I/O, no clock."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CONTAINER, IMAGE
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import Watched
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, id_prefix, is_image_id

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import Event

#: What happens to a container when it uses its image. A stopped one that is only removed does not.
_USES = frozenset(["create", "start", "restart", "unpause", "die"])
#: What happens to an image without giving it a name. Anything else may do so, and some releases do not show which: a load, an
#: import and a build show the image's ID alone.
_NAMES_NOTHING = frozenset(["delete", "untag", "push", "save", "prune"])


#: The most events that an Engine replays.
REPLAYED = 256


class Replay(t.NamedTuple):
    """What an Engine replayed: when each image was used, by ID, and the time in which no use was missed."""

    used: t.Mapping[str, float]
    watched: Watched


def is_use(event: Event) -> bool:
    """Whether a container uses its image by this."""
    return event.kind == CONTAINER and event.action in _USES


def replay(events: Sequence[Event], snapshot: Snapshot, until: float, covered: Watched | None = None) -> Replay:
    """What these events, the oldest first and all until then, show of the use of the images that are there now.

    A name counts for the image that it named at that time. If that is not known, because a later event moved the name, the
    use counts for every image that it could have named: what is unknown keeps. A use in the time that is ``covered`` is known
    to whoever watched then, when the name had not moved yet, so that there is no doubt about it.
    """
    names = Names(snapshot.images)
    settled = _settled(events, names)
    current = {reference: names.image_of(reference.full) for reference in settled}
    names.forget(settled)
    used: dict[str, float] = {}
    makers = {container.id: container.image_id or None for container in snapshot.containers}
    for number, event in enumerate(events):
        if _may_name(event) and not _renamed(event):
            names.forget(reference for reference, last in settled.items() if last > number)
        names.note(event)
        for reference, found in current.items():
            if settled[reference] == number and found is not None:
                names.learn(reference, found)
        if is_use(event):
            if event.id not in makers:
                makers[event.id] = None if _was_created_before(event, settled) else names.image_of(event.name)
            for image_id in _meant(event, makers[event.id], names, covered):
                used[image_id] = max(event.time, used.get(image_id, event.time))
    return Replay(used, Watched(min((event.time for event in events), default=until), until))


def _settled(events: Sequence[Event], names: Names) -> dict[Reference, int]:
    """The number of the last event that may have moved each name: since then it names what it names now, if it names anything."""
    last = {}
    for number, event in enumerate(events):
        for reference in _renamed(event):
            last[reference] = number if names.image_of(reference.full) is not None else len(events)
        if _may_name(event) and not _renamed(event):
            last.update(dict.fromkeys(names.of(event.id), number))
    return last


def _was_created_before(event: Event, settled: Iterable[Reference]) -> bool:
    """Whether a container is older than all events, and its name moved since: it may have been created when it named another."""
    if event.action == "create":
        return False
    with contextlib.suppress(ValueError):
        return Reference.parse(event.name) in settled
    return False


def _meant(event: Event, maker: str | None, names: Names, covered: Watched | None) -> Iterable[str]:
    """The images that a use counts for."""
    if maker is not None:
        return (maker,)
    is_covered = covered is not None and covered.since <= event.time <= covered.until
    return () if is_covered else names.could_be(event.name)


@dataclasses.dataclass
class Names:
    """Which image each name stands for, as a listing shows it and later events change it."""

    _by_reference: dict[Reference, str]
    _ids: frozenset[str]
    _by_repository: dict[str, set[str]]
    _untagged: frozenset[str]

    def __init__(self, images: Iterable[Image]) -> None:
        images = tuple(images)
        self._ids = frozenset(image.id for image in images)
        self._by_reference = {}
        self._by_repository = {}
        self._untagged = frozenset(
            image.id for image in images if not any(reference.tag is not None for reference in image.references)
        )
        for image in images:
            for reference in image.references:
                self.learn(reference, image.id)
        for image in images:
            for digest in image.digests:
                with contextlib.suppress(ValueError):
                    self._by_reference.setdefault(Reference.parse(digest), image.id)

    def forget(self, references: Iterable[Reference]) -> None:
        """Nobody knows what these names stand for."""
        for reference in references:
            self._by_reference.pop(reference, None)

    def learn(self, reference: Reference, image_id: str) -> None:
        """From now on this name stands for this image."""
        self._by_reference[reference] = image_id
        self._by_repository.setdefault(reference.name, set()).add(image_id)
        self._ids |= {image_id}

    def note(self, event: Event) -> None:
        """What an event does to names. One that says no ID leaves a name unknown until the images are listed again."""
        for reference in _renamed(event):
            self.forget([reference])
            if is_image_id(event.id):
                self.learn(reference, event.id)

    def of(self, image_id: str) -> tuple[Reference, ...]:
        """The names of an image."""
        return tuple(reference for reference, found in self._by_reference.items() if found == image_id)

    def image_of(self, name: str) -> str | None:
        """The image that a container of this name is made from: a reference, a digest, or a long or short ID."""
        if is_image_id(name):
            return name
        with contextlib.suppress(ValueError):
            reference = Reference.parse(name)
            found = self._by_reference.get(reference) or self._by_reference.get(reference.without_tag())
            if found is not None:
                return found
            if reference.digest in self._ids:
                return reference.digest
        prefix = id_prefix(name)
        matching = [found for found in self._ids if prefix is not None and found.startswith(f"sha256:{prefix}")]
        return matching[0] if len(matching) == 1 else None

    def could_be(self, name: str) -> frozenset[str]:
        """The images that a name may have stood for, when nobody knows which it was.

        Those that have a name in its repository, and those without a tag, which may have lost this one.
        """
        with contextlib.suppress(ValueError):
            return self._untagged | self._by_repository.get(Reference.parse(name).name, set())
        return self._untagged


def _may_name(event: Event) -> bool:
    """Whether an image may have got a name by this."""
    return event.kind == IMAGE and event.action not in _NAMES_NOTHING


def _renamed(event: Event) -> tuple[Reference, ...]:
    """The name that an event moves to another image, if it shows one. Some releases have the name in place of the ID."""
    if not _may_name(event):
        return ()
    text = event.id if event.action == "pull" else event.name
    if is_image_id(text) or id_prefix(text) is not None:
        return ()
    with contextlib.suppress(ValueError):
        return (Reference.parse(text),)
    return ()

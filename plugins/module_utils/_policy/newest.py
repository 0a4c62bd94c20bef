# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.


"""The newest images of each repository: of those that a policy selects and no other rule keeps. No I/O, no clock."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import created_at
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.reason import Reason
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import CREATED, TAGGED, VERSION
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._versions import versions_of

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Keep, Newest
    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
    from ansible_collections.imagewarden.docker.plugins.module_utils._versions import Version

    #: A repository, and the values of a group's named groups.
    Place = t.Tuple[str, t.Tuple[t.Tuple[str, str], ...]]

_RANKED = {CREATED: "creation", TAGGED: "last tagging", VERSION: "version"}


class Ranking(t.NamedTuple):
    """Which references the newest images keep, and by image ID why they do not keep the others."""

    kept: Mapping[Reference, Reason]
    missed: Mapping[str, tuple[str, ...]]


def rank(
    snapshot: Snapshot,
    candidates: Iterable[tuple[Image, tuple[Reference, ...]]],
    keep: Keep,
    evidence: Evidence,
    in_use: Collection[str],
) -> Ranking:
    """The ranking among images of which these references would be removed.

    Images in use stay anyway and are not counted. One that is as new as those counted keeps all its names in the repository,
    as they do. How new an image is depends on all its names, so that a rule that keeps one of them never costs another image
    its place.
    """
    candidates = list(candidates)
    kept: dict[Reference, Reason] = {}
    missed: dict[str, list[str]] = {}
    for newest in keep.newest:
        clock = _Clock(snapshot, newest, keep, evidence)
        for place, images in _by_place(candidates, newest).items():
            _rank_place(place, images, clock, in_use, kept, missed)
    return Ranking(kept, {image_id: tuple(texts) for image_id, texts in missed.items()})


class _Clock:
    """How new images are, by the rule's own measure."""

    def __init__(self, snapshot: Snapshot, newest: Newest, keep: Keep, evidence: Evidence) -> None:
        self.newest = newest
        self.rule = Rule("keep.newest", newest.detail)
        self._keep = keep
        self._evidence = evidence
        self._versions = _versions(snapshot, newest) if newest.by == VERSION else {}

    def is_dated(self, image: Image) -> bool:
        """Whether it has a rank at all."""
        if self.newest.by == VERSION or self._time(image) is not None:
            return True
        return image.is_described and not self._keep.unknown_age

    def key(self, image: Image, place: Place) -> tuple[t.Any, ...]:
        """The greater, the newer in this place. What only a digest names never pushes a tag out."""
        name, values = place
        tags = [
            reference.tag
            for reference in image.references
            if reference.name == name and reference.tag is not None and values in self.newest.values_of(reference)
        ]
        if self.newest.by != VERSION:
            return (bool(tags), self._time(image) or 0.0, image.id)
        known = self._versions.get(name, {})
        versions = [known[tag] for tag in tags if tag in known]
        # Tags that are no version come before all versions, by creation.
        created = created_at(image) or 0.0
        return (
            (bool(tags), True, max(versions), created, image.id) if versions else (bool(tags), False, created, image.id)
        )

    def _time(self, image: Image) -> float | None:
        return self._evidence.tagged_at(image) if self.newest.by == TAGGED else created_at(image)


def _versions(snapshot: Snapshot, newest: Newest) -> dict[str, dict[str, Version]]:
    """By repository its tags that are versions, whatever a policy selects of them."""
    tags: dict[str, list[str]] = {}
    for image in snapshot.images:
        for reference in image.references:
            if reference.tag is not None and newest.values_of(reference):
                tags.setdefault(reference.name, []).append(reference.tag)
    return {name: versions_of(found) for name, found in tags.items()}


def _by_place(
    candidates: Iterable[tuple[Image, tuple[Reference, ...]]], newest: Newest
) -> dict[Place, dict[str, Image]]:
    places: dict[Place, dict[str, Image]] = {}
    for image, references in candidates:
        repositories = {reference.name for reference in references}
        # Its other names count too: a rule that keeps one of a group, or a selector that matches it, must not decide of the rest.
        for reference in image.references:
            for values in newest.values_of(reference) if reference.name in repositories else ():
                places.setdefault((reference.name, values), {})[image.id] = image
    return places


def _rank_place(
    place: Place,
    images: Mapping[str, Image],
    clock: _Clock,
    in_use: Collection[str],
    kept: dict[Reference, Reason],
    missed: dict[str, list[str]],
) -> None:
    dated = []
    for image in images.values():
        if clock.is_dated(image):
            dated.append((clock.key(image, place), image))
        else:
            text = "its creation date shows no age, so that it may be one of the newest"
            _keep_in_repository(kept, image, place, Reason(clock.rule, text))
    counted = 0
    # No two keys are equal: each ends in the image's ID.
    for _key, image in sorted(dated, reverse=True, key=_first):
        number = counted + 1
        text = f"by {_RANKED[clock.newest.by]} it is number {number} of {_shown(image, place)}"
        if counted < clock.newest.count:
            counted += image.id not in in_use
            _keep_in_repository(kept, image, place, Reason(clock.rule, text))
        else:
            counted += image.id not in in_use
            missed.setdefault(image.id, []).append(f"{text}, and keep.newest keeps {clock.newest.count}")


def _first(keyed: tuple[tuple[t.Any, ...], Image]) -> tuple[t.Any, ...]:
    return keyed[0]


def _shown(image: Image, place: Place) -> str:
    name, values = place
    familiar = next(ref.familiar_name for ref in image.references if ref.name == name)
    named = ", ".join(f"{key} {value!r}" for key, value in values)
    return f"{familiar} ({named})" if named else familiar


def _keep_in_repository(kept: dict[Reference, Reason], image: Image, place: Place, reason: Reason) -> None:
    for reference in image.references:
        if reference.name == place[0]:
            kept.setdefault(reference, reason)

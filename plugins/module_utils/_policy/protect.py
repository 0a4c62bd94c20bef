# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which references and images a policy protects, and why. No I/O, no clock."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import GRAPHDRIVER
from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import find_compared, protected_by
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import created_at
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import (
    CREATED,
    NEVER,
    TAGGED,
    UNPUSHED,
    USED,
    VERSION,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._store.uses import uses_of
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time
from ansible_collections.imagewarden.docker.plugins.module_utils._versions import parse_version

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Keep, Policy

IN_USE = "in use"
UNRECOVERABLE = "keep.unrecoverable"


class Reason(t.NamedTuple):
    """The rule that keeps something, and a sentence that says why."""

    rule: str
    text: str


class Use(t.NamedTuple):
    """The containers that use an image, and the references by which they do; ``None`` when that cannot be told."""

    containers: tuple[Container, ...]
    references: frozenset[Reference] | None

    @property
    def text(self) -> str:
        shown = ", ".join(f"{c.name or short_id(c.id)} ({short_id(c.id)}, {c.state})" for c in self.containers)
        return f"used by container {shown}" if len(self.containers) == 1 else f"used by containers {shown}"


class Protection:
    """What stays, by image ID for whole images and by reference for single names. The first reason counts."""

    def __init__(self) -> None:
        self.images: dict[str, Reason] = {}
        self.references: dict[Reference, Reason] = {}

    def keep_image(self, image: Image, reason: Reason) -> None:
        """Keep an image with all its references."""
        self.images.setdefault(image.id, reason)

    def keep_reference(self, reference: Reference, reason: Reason) -> None:
        """Keep one reference, and so its image."""
        self.references.setdefault(reference, reason)

    def of(self, image: Image, reference: Reference | None) -> Reason | None:
        """Why this reference of an image stays, or an image without references."""
        by_name = self.references.get(reference) if reference is not None else None
        return by_name or self.images.get(image.id)


def protect(snapshot: Snapshot, policy: Policy, evidence: Evidence, uses: Mapping[str, Use]) -> Protection:
    """Everything that stays whatever selects it: what is in use first, then the rules of ``keep``."""
    protection = Protection()
    keep = policy.keep
    _keep_what_is_used(protection, snapshot, uses)
    _keep_anchors(protection, snapshot, policy)
    for image in snapshot.images:
        _keep_by_pattern(protection, image, keep)
        for reason in (_labelled(image, keep), _young(image, keep, evidence)):
            if reason is not None:
                protection.keep_image(image, reason)
    if keep.newest is not None:
        _keep_newest(protection, snapshot, keep, evidence, uses)
    if keep.unrecoverable != NEVER:
        for image in snapshot.images:
            reason = _unrecoverable(image, snapshot, keep, evidence)
            if reason is not None:
                protection.keep_image(image, reason)
    return protection


def named_uses(snapshot: Snapshot) -> dict[str, Use]:
    """Which images are in use, by containers in any state and by image mounts, and by which of their names."""
    uses = uses_of(snapshot)
    # An unknown mount may be of any image, and by any name.
    anywhere = [(container, "") for container in uses.unknown_mounts]
    found = {}
    for image in snapshot.images:
        names = [(container, container.image) for container in uses.made_from.get(image.id, ())]
        names += [(c, source) for c in uses.mounting.get(image.id, ()) for source in c.mounted_images]
        if names or anywhere:
            found[image.id] = _use(image, names + anywhere)
    return found


def _use(image: Image, names: Sequence[tuple[Container, str]]) -> Use:
    containers = {container.id: container for container, _name in names}
    used: set[Reference] = set()
    is_certain = True
    for container in containers.values():
        found = [ref for owner, name in names if owner.id == container.id for ref in _named(image, name)]
        # A name that moved on, or an ID: nobody can tell which reference the container needs.
        is_certain = is_certain and bool(found)
        used.update(found)
    # A digest that came with a used tag goes or stays by what other references there are: it stays with the tag.
    repositories = {ref.name for ref in used}
    used.update(ref for ref in image.references if ref.tag is None and ref.name in repositories)
    ordered = sorted(
        containers.values(), key=lambda container: (not container.is_running, container.name, container.id)
    )
    return Use(tuple(ordered), frozenset(used) if is_certain else None)


def _named(image: Image, name: str) -> list[Reference]:
    try:
        parsed = Reference.parse(name)
    except ValueError:
        return []
    return [ref for ref in image.references if ref in (parsed, parsed.without_tag(), parsed._replace(digest=None))]


def _keep_what_is_used(protection: Protection, snapshot: Snapshot, uses: Mapping[str, Use]) -> None:
    for image in snapshot.images:
        use = uses.get(image.id)
        if use is not None and use.references is None:
            protection.keep_image(image, Reason(IN_USE, f"the image is {use.text}"))
        elif use is not None:
            for reference in use.references or ():
                protection.keep_reference(reference, Reason(IN_USE, f"by this name the image is {use.text}"))


def _keep_anchors(protection: Protection, snapshot: Snapshot, policy: Policy) -> None:
    """What others are compared with stays, so that the next run can compare too."""
    images = {image.id: image for image in snapshot.images}
    for rule, found in find_compared(snapshot, policy.engine_filters, "remove"):
        reason = Reason(rule, "other images are compared with it")
        image, named = images[found.image_id], found.reference
        if named is None or named not in image.references:
            protection.keep_image(image, reason)
            continue
        for reference in image.references:
            # With the tag stays the digest that came with it.
            if reference == named or (reference.tag is None and reference.name == named.name):
                protection.keep_reference(reference, reason)


def _keep_by_pattern(protection: Protection, image: Image, keep: Keep) -> None:
    for reference, pattern in protected_by(keep.patterns, image).items() if keep.patterns else ():
        protection.keep_reference(reference, Reason(f"keep.patterns: {pattern.text}", "the pattern matches"))


def _labelled(image: Image, keep: Keep) -> Reason | None:
    for label in keep.labels:
        if label.matches(image.labels):
            return Reason(f"keep.labels: {label}", "it has the label")
    return None


_DONE = {CREATED: "created", TAGGED: "last tagged", USED: "last used"}


def _young(image: Image, keep: Keep, evidence: Evidence) -> Reason | None:
    if keep.younger_than is None:
        return None
    time = _time(image, keep.age_by, evidence)
    if time is None:
        if keep.unknown_age:
            return Reason(
                "keep.unknown_age", "its creation date is none or that of a reproducible build, and tells no age"
            )
        return None
    # The listing cuts fractions of a second off: an image of the same second may be the younger one.
    if time + 1 > keep.younger_than.at(evidence.now):
        when = "now" if time >= evidence.now else f"at {format_time(time)}"
        return Reason(f"keep.younger_than: {keep.younger_than.text}", f"it counts as {_DONE[keep.age_by]} {when}")
    return None


def _time(image: Image, by: str, evidence: Evidence) -> float | None:
    if by == USED:
        return evidence.used_at(image)
    return evidence.tagged_at(image) if by == TAGGED else created_at(image)


def _keep_newest(
    protection: Protection, snapshot: Snapshot, keep: Keep, evidence: Evidence, uses: Mapping[str, Use]
) -> None:
    """The newest distinct images of each repository.

    Those in use stay anyway and are not counted. One that is as new as those counted keeps all its names, as they do.
    """
    rule = f"keep.newest: {keep.newest}"
    for name, images in _by_repository(snapshot.images).items():
        dated = [image for image in images if _has_rank(image, keep, evidence)]
        for image in images if len(dated) < len(images) else ():
            if not _has_rank(image, keep, evidence):
                reason = Reason(rule, "its creation date tells no age, so that it may be one of the newest")
                _keep_in_repository(protection, image, name, reason)
        keyed = sorted(
            ((newest_key(image, name, keep.newest_by, evidence), image) for image in dated), key=_key, reverse=True
        )
        left = keep.newest or 0
        for number, (_rank, image) in enumerate(keyed, start=1):
            if not left:
                break
            left -= image.id not in uses
            familiar = next(ref.familiar_name for ref in image.references if ref.name == name)
            reason = Reason(rule, f"by {_RANKED[keep.newest_by]} it is number {number} of {familiar}")
            _keep_in_repository(protection, image, name, reason)


_RANKED = {CREATED: "creation", TAGGED: "last tagging", VERSION: "version"}


def _key(keyed: tuple[tuple[t.Any, ...], Image]) -> tuple[t.Any, ...]:
    return keyed[0]


def _has_rank(image: Image, keep: Keep, evidence: Evidence) -> bool:
    return keep.newest_by == VERSION or not keep.unknown_age or _time(image, keep.newest_by, evidence) is not None


def _keep_in_repository(protection: Protection, image: Image, name: str, reason: Reason) -> None:
    for reference in image.references:
        if reference.name == name:
            protection.keep_reference(reference, reason)


def _by_repository(images: Iterable[Image]) -> dict[str, list[Image]]:
    repositories: dict[str, list[Image]] = {}
    for image in images:
        for name in dict.fromkeys(reference.name for reference in image.references):
            repositories.setdefault(name, []).append(image)
    return repositories


def newest_key(image: Image, name: str, by: str, evidence: Evidence) -> tuple[t.Any, ...]:
    """The greater, the newer in this repository. Tags that are no version come before all versions, by creation."""
    if by != VERSION:
        return (_time(image, by, evidence) or 0.0, image.id)
    tags = [reference.tag for reference in image.references if reference.name == name and reference.tag is not None]
    versions = [version for version in map(parse_version, tags) if version is not None]
    if versions:
        return (1, max(versions), image.id)
    return (0, created_at(image) or 0.0, image.id)


def _unrecoverable(image: Image, snapshot: Snapshot, keep: Keep, evidence: Evidence) -> Reason | None:
    rule = f"{UNRECOVERABLE}: {keep.unrecoverable}"
    if keep.unrecoverable == UNPUSHED:
        if snapshot.engine.store == GRAPHDRIVER:
            known = bool(image.digests)
            return None if known else Reason(rule, "it has no digest of a registry: it was never pushed or pulled")
        # This store makes digests up for every name; only one that is a name of its own was pulled.
        known = any(reference.digest is not None for reference in image.references)
        return (
            None if known else Reason(rule, "the containerd store does not show whether it was ever pushed or pulled")
        )
    if evidence.answers is None:
        return None
    answer = evidence.answers.get(image.id)
    if answer is None:
        return Reason(rule, "no registry was asked for it")
    return None if answer.is_there else Reason(rule, answer.text)

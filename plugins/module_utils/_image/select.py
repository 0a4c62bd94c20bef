# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a request means on a snapshot: the images that names, patterns and filters find. No I/O."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import NOT_DESCRIBED
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import first_match
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Reference,
    id_prefix,
    short_id,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import Removal
from ansible_collections.imagewarden.docker.plugins.module_utils._times import is_credible

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Filters, Request
    from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Pattern


class Candidate(t.NamedTuple):
    """A removal that a request asks for, with the words that asked for it."""

    removal: Removal
    target: str
    rule: Rule


class Compared(t.NamedTuple):
    """An image that others are compared with, and the rule that says so."""

    rule: str
    found: Removal


class Rejected(t.NamedTuple):
    """An image that a request names but its filters reject, and why."""

    image_id: str
    reason: str


class Selection(t.NamedTuple):
    """What a request means on a snapshot."""

    candidates: tuple[Candidate, ...]
    absent: tuple[str, ...]
    rejected: tuple[Rejected, ...] = ()


def select(snapshot: Snapshot, request: Request, now: float) -> Selection:
    """Find the removals that a request asks for, in order: names as given, then patterns and filters, newest image first.

    Raises :class:`InvalidRequest` for an ambiguous short ID.
    """
    candidates: list[Candidate] = []
    absent: list[str] = []
    rejected: list[Rejected] = []
    finder = Finder(snapshot)
    for name in request.names or ():
        removal = finder.find(name)
        if removal is None:
            absent.append(name)
            continue
        candidates.append(Candidate(removal, name, Rule("names", name)))
    for image in newest_first(snapshot.images):
        for reference in image.references:
            pattern = first_match(request.patterns or (), reference)
            if pattern is not None:
                candidates.append(
                    Candidate(Removal(image.id, reference), reference.familiar, Rule("patterns", pattern.text))
                )
    if request.filters is not None:
        reasons = {image.id: rejection(request.filters, image, snapshot, now) for image in snapshot.images}
        rejected = [
            Rejected(c.removal.image_id, str(reasons[c.removal.image_id]))
            for c in candidates
            if reasons[c.removal.image_id]
        ]
        candidates = [c for c in candidates if not reasons[c.removal.image_id]]
        if request.names is None and request.patterns is None:
            matched = [image for image in snapshot.images if not reasons[image.id]]
            candidates = list(_every_reference(matched, snapshot, Rule("filters", str(request.filters))))
    return Selection(tuple(_ids_last(candidates)), tuple(dict.fromkeys(absent)), tuple(rejected))


def rejection(filters: Filters, image: Image, snapshot: Snapshot, now: float) -> str | None:
    """Why this image does not match the filters, or ``None`` when it does."""
    if filters.dangling is not None and filters.dangling != is_dangling(image, snapshot):
        return f"the filter dangling={'true' if filters.dangling else 'false'} does not match"
    asks_for_more = filters.labels or filters.unwanted_labels or filters.for_engine or filters.until
    if not image.is_described and asks_for_more:
        return f"the filters do not match: {NOT_DESCRIBED}"
    for label in filters.labels:
        if not label.matches(image.labels):
            return f"the filter label={label} does not match"
    for label in filters.unwanted_labels:
        if label.matches(image.labels):
            return f"the filter label!={label} does not match"
    for key, values in filters.for_engine.items():
        if image.id not in snapshot.matched_by_engine.get(key, frozenset()):
            return f"the filter {key}={','.join(values)} does not match"
    for moment in filters.until:
        if not is_credible(image.created):
            return f"the filter until={moment.text} does not match: the image has no creation date that says its age"
        # The listing cuts fractions of a second off: an image of the same second may be the younger one.
        if t.cast(int, image.created) + 1 > moment.at(now):
            return f"the filter until={moment.text} does not match"
    return None


def _every_reference(images: Iterable[Image], snapshot: Snapshot, rule: Rule) -> Iterator[Candidate]:
    """Each reference of these images, or the image itself when it has none. Hidden parents are left to ``prune_parents``."""
    for image in newest_first(images):
        if image.references:
            for reference in image.references:
                yield Candidate(Removal(image.id, reference), reference.familiar, rule)
        elif image.id not in snapshot.parents:
            yield Candidate(Removal(image.id), image.id, rule)


def _ids_last(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Each removal once, and an image's removal by ID after those by reference: only so both are what was asked for."""
    by_removal: dict[Removal, Candidate] = {}
    for candidate in candidates:
        by_removal.setdefault(candidate.removal, candidate)
    unique = list(by_removal.values())
    last_reference = {c.removal.image_id: i for i, c in enumerate(unique) if c.removal.reference is not None}
    order = {
        c.removal: max(i, last_reference.get(c.removal.image_id, i)) if c.removal.reference is None else i
        for i, c in enumerate(unique)
    }
    return sorted(unique, key=lambda c: (order[c.removal], c.removal.reference is None))


def find_compared(snapshot: Snapshot, anchors: Mapping[str, Sequence[str]], option: str) -> list[Compared]:
    """The images that others are compared with. The Engine has found them, but an earlier task may remove one.

    Raises :class:`InvalidRequest` then, as the real run does.
    """
    finder = Finder(snapshot)
    compared = []
    for key, names in anchors.items():
        for name in names:
            found = finder.find(name)
            if found is None:
                raise InvalidRequest(f"{option}.{key}: {name!r} names no image here: an earlier task removes it")
            compared.append(Compared(f"{option}.{key}: {name}", found))
    return compared


def newest_first(images: Iterable[Image]) -> list[Image]:
    """As ``docker images`` lists them, so that a child comes before its parent. Ties are broken by the ID."""
    return sorted(images, key=lambda image: (-(image.created or 0), image.id))


def protected_by(patterns: Sequence[Pattern], image: Image) -> dict[Reference, Pattern]:
    """The references of an image that a pattern keeps, each with the first one that does.

    A digest keeps the names of its repository, also where the store has no reference for it, and ``name:tag@digest`` the
    tag: what an operator reads off ``docker images --digests`` must not miss.
    """
    found: dict[Reference, Pattern] = {}
    # Only where a digest is meant: an expression such as "db" would match the digits of every fifth one.
    means_digest = {pattern: "@" in pattern.text or "sha256:" in pattern.text for pattern in patterns}
    shown = tuple(_shown_digests(image)) if any(means_digest.values()) else ()
    for reference in image.references:
        spellings = [reference]
        for digest in shown:
            if digest.name == reference.name and reference.tag is not None:
                spellings += [reference._replace(digest=digest.digest), digest]
        for pattern in patterns:
            if any(map(pattern.protects, spellings if means_digest[pattern] else [reference])):
                found[reference] = pattern
                break
    # A digest stays with a tag of its repository: without it, nothing tells any more where the tag came from.
    by_name = {reference.name: pattern for reference, pattern in found.items()}
    for reference in image.references if found else ():
        if reference.tag is None and reference.name in by_name:
            found.setdefault(reference, by_name[reference.name])
    return found


def finding_nothing(option: str, patterns: Iterable[Pattern], snapshot: Snapshot) -> tuple[str, ...]:
    """The patterns of an option that select no reference of the host."""
    references = [reference for image in snapshot.images for reference in image.references]
    return tuple(f"{option}: {pattern.text}" for pattern in patterns if not any(map(pattern.matches, references)))


def protecting_nothing(option: str, patterns: Iterable[Pattern], snapshot: Snapshot) -> tuple[str, ...]:
    """The patterns of an option that keep no reference of the host: most likely a mistake, and a dangerous one."""
    return tuple(
        f"{option}: {pattern.text}"
        for pattern in patterns
        if not any(protected_by([pattern], image) for image in snapshot.images)
    )


def _shown_digests(image: Image) -> Iterator[Reference]:
    for name in image.digests:
        with contextlib.suppress(ValueError):
            yield Reference.parse(name)


def is_dangling(image: Image, snapshot: Snapshot) -> bool:
    """Dangling as the Engine's filter says on its store."""
    return store_kind(snapshot.engine).is_dangling(image, snapshot.parents)


class Finder:
    """Resolves what an operator calls an image, by the rules of the Engine's own look-up."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._store = store_kind(snapshot.engine)
        self._images = {image.id: image for image in snapshot.images}
        self._by_reference = {ref: image for image in snapshot.images for ref in image.references}

    def find(self, name: str) -> Removal | None:
        """The removal that a name, a tag, a digest or an ID stands for; ``None`` when it is not there.

        Raises :class:`InvalidRequest` when a short ID is ambiguous.
        """
        prefix = id_prefix(name)
        if prefix is not None and len(prefix) == 64:
            return Removal(f"sha256:{prefix}") if f"sha256:{prefix}" in self._images else None
        named = None if name.startswith("sha256:") else self._by_name(name)
        by_id = self._by_prefix(prefix)
        if named is None:
            if len(by_id) > 1:
                raise InvalidRequest(f"{name!r} is an ambiguous image ID; it can be {self._listed(by_id)}")
            return Removal(by_id[0].id) if by_id else None
        if named.image_id in [image.id for image in by_id]:
            # A name that also begins its own image's ID counts as an ID (isImageIDPrefix).
            return Removal(named.image_id)
        if by_id and self._store.minds_names_like_ids:
            others = self._listed([self._images[named.image_id], *by_id])
            raise InvalidRequest(
                f"{name!r} is ambiguous: it is a name and begins an image ID; it can be {others}."
                f" Write {name}:latest or more digits of the ID"
            )
        return named

    def _by_prefix(self, prefix: str | None) -> list[Image]:
        if prefix is None:
            return []
        return [image for image_id, image in self._images.items() if image_id.startswith(f"sha256:{prefix}")]

    def _by_name(self, name: str) -> Removal | None:
        try:
            reference = Reference.parse(name)
        except ValueError:
            return None
        if reference.digest is not None:
            return self._store.find_digest(reference, self._by_reference, self._images)
        image = self._by_reference.get(reference)
        return None if image is None else Removal(image.id, reference)

    @staticmethod
    def _listed(images: Iterable[Image]) -> str:
        return ", ".join(
            f"{short_id(image.id)} ({', '.join(ref.familiar for ref in image.references) or 'untagged'})"
            for image in sorted(images, key=lambda image: image.id)
        )

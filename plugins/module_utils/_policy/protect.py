# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which references and images a policy protects, and why. No I/O, no clock."""

from __future__ import annotations

import bisect
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import NOT_DESCRIBED
from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import find_compared, protected_by
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import created_at
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.reason import (
    COMPOSED,
    DIGESTS,
    IN_USE,
    LISTED,
    UNKNOWN_AGE,
    UNRECOVERABLE,
    Reason,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import (
    CREATED,
    NEVER,
    TAGGED,
    UNPUSHED,
    USED,
    VERIFY,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind
from ansible_collections.imagewarden.docker.plugins.module_utils._store.uses import uses_of
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._options import LabelMatch
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose import Likeness
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Keep, NamedImage, Policy


class Use(t.NamedTuple):
    """The containers that use an image, and the references by which they do; ``None`` when that is not known."""

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
    """Everything that stays whatever else there is: what is in use first, then the rules of ``keep`` but for the newest."""
    protection = Protection()
    keep = policy.keep
    _keep_what_is_used(protection, snapshot, uses)
    _keep_anchors(protection, snapshot, policy)
    _keep_named(protection, snapshot, policy)
    for image in snapshot.images:
        _keep_by_pattern(protection, image, keep)
        for reason in (
            _labelled(image, "remove.exclude_labels", policy.remove.exclude_labels),
            _labelled(image, "keep.labels", keep.labels),
            _young(image, keep, evidence),
            _only_digests(image, keep),
            _unrecoverable(image, snapshot, keep, evidence),
        ):
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
        reason = Reason(Rule(rule), "other images are compared with it")
        image, named = images[found.image_id], found.reference
        if named is None or named not in image.references:
            protection.keep_image(image, reason)
        else:
            _keep_tag(protection, image, named, reason)


def _keep_named(protection: Protection, snapshot: Snapshot, policy: Policy) -> None:
    """What a list of images names, and what the files of Compose projects do."""
    if not policy.keep.images and not policy.composed:
        return
    found = NamedImages(snapshot)
    for named in policy.keep.images:
        found.keep(protection, named, Reason(Rule(LISTED, named.text), named.reason or "it is listed"))
    for mention in policy.composed:
        reason = Reason(Rule(COMPOSED, mention.file), mention.why)
        if mention.named is not None:
            found.keep(protection, mention.named, reason)
        if mention.likeness is not None:
            found.keep_alike(protection, mention.likeness, reason)


class NamedImages:
    """Finds the images of a list of thousands, each at once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._images = snapshot.images
        self._by_reference = {ref: image for image in snapshot.images for ref in image.references}
        self._known = sorted(
            ((digest.rpartition(":")[2], image) for image in snapshot.images for digest in _digests_of(image)),
            key=lambda known: known[0],
        )
        self._digits = [digits for digits, _image in self._known]

    def by_digits(self, digits: str | None) -> list[Image]:
        """The images whose ID or a digest begins with these hex digits."""
        if digits is None:
            return []
        found: dict[str, Image] = {}
        for position in range(bisect.bisect_left(self._digits, digits), len(self._digits)):
            if not self._digits[position].startswith(digits):
                break
            found[self._known[position][1].id] = self._known[position][1]
        return list(found.values())

    def has(self, named: NamedImage) -> bool:
        """Whether any image here is meant."""
        return bool(self.by_digits(named.digits)) or (named.tagged is not None and named.tagged in self._by_reference)

    def alike(self, likeness: Likeness) -> list[tuple[Image, Reference | None]]:
        """The references that may be meant, each with its image, and the images whose ID may be."""
        found: list[tuple[Image, Reference | None]] = []
        for image in self._images:
            if likeness.is_anything or any(map(likeness.fits, (image.id, image.id.rpartition(":")[2]))):
                found.append((image, None))
            found += [(image, reference) for reference in image.references if likeness.matches(reference)]
        return found

    def keep(self, protection: Protection, named: NamedImage, reason: Reason) -> None:
        """Keep what is meant: by a reference that name, by an ID or a digest the whole image."""
        for image in self.by_digits(named.digits):
            protection.keep_image(image, reason)
        tagged = named.tagged
        holder = None if tagged is None else self._by_reference.get(tagged)
        if holder is not None and tagged is not None:
            _keep_tag(protection, holder, tagged, reason)

    def keep_alike(self, protection: Protection, likeness: Likeness, reason: Reason) -> None:
        """Keep whatever may be meant."""
        for image, reference in self.alike(likeness):
            if reference is None:
                protection.keep_image(image, reason)
            else:
                _keep_tag(protection, image, reference, reason)


def _keep_tag(protection: Protection, image: Image, tagged: Reference, reason: Reason) -> None:
    """Keep a reference, and with a tag the digest that came with it."""
    for reference in image.references:
        if reference == tagged or (reference.tag is None and reference.name == tagged.name):
            protection.keep_reference(reference, reason)


def _digests_of(image: Image) -> set[str]:
    shown = {ref.digest for ref in image.references if ref.digest is not None}
    return {image.id, *shown, *(name.rpartition("@")[2] for name in image.digests)}


def _keep_by_pattern(protection: Protection, image: Image, keep: Keep) -> None:
    for reference, pattern in protected_by(keep.patterns, image).items() if keep.patterns else ():
        protection.keep_reference(reference, Reason(Rule("keep.patterns", pattern.text), "the pattern matches"))


def _labelled(image: Image, option: str, labels: Sequence[LabelMatch]) -> Reason | None:
    if labels and not image.is_described:
        return Reason(Rule(option), NOT_DESCRIBED)
    for label in labels:
        if label.matches(image.labels):
            return Reason(Rule(option, str(label)), "it has the label")
    return None


def _only_digests(image: Image, keep: Keep) -> Reason | None:
    if keep.digests and image.references and not image.tags:
        return Reason(DIGESTS, "only a digest names it")
    return None


AGELESS = "its creation date is none or that of a reproducible build, and shows no age"
_DONE = {CREATED: "created", TAGGED: "last tagged", USED: "last used"}


def _young(image: Image, keep: Keep, evidence: Evidence) -> Reason | None:
    if keep.younger_than is None:
        return None
    time = _time(image, keep.age_by, evidence)
    if time is None:
        if not image.is_described:
            return Reason(UNKNOWN_AGE, NOT_DESCRIBED)
        if keep.unknown_age:
            return Reason(UNKNOWN_AGE, AGELESS)
        return None
    # The listing cuts fractions of a second off: an image of the same second may be the younger one.
    if time + 1 > keep.younger_than.at(evidence.now):
        when = "now" if time >= evidence.now else f"at {format_time(time)}"
        return Reason(Rule("keep.younger_than", keep.younger_than.text), f"it counts as {_DONE[keep.age_by]} {when}")
    return None


def _time(image: Image, by: str, evidence: Evidence) -> float | None:
    if by == USED:
        return evidence.used_at(image)
    return evidence.tagged_at(image) if by == TAGGED else created_at(image)


def _unrecoverable(image: Image, snapshot: Snapshot, keep: Keep, evidence: Evidence) -> Reason | None:
    if keep.unrecoverable == NEVER:
        return None
    rule = Rule(UNRECOVERABLE, keep.unrecoverable)
    if keep.unrecoverable == UNPUSHED:
        unpushed = store_kind(snapshot.engine).why_unpushed(image)
        return None if unpushed is None else Reason(rule, unpushed)
    answer = (evidence.answers or {}).get(image.id)
    if answer is None:
        return Reason(rule, "no registry was asked for it")
    return None if answer.is_there else Reason(rule, answer.text)


def why_it_goes(image: Image, policy: Policy, evidence: Evidence, missed: Sequence[str]) -> str:
    """Why no rule keeps what is removed of an image: what each found that might have kept it."""
    keep = policy.keep
    found = list(missed)
    if keep.younger_than is not None:
        time = _time(image, keep.age_by, evidence)
        when = (
            "has no credible creation date"
            if time is None
            else f"counts as {_DONE[keep.age_by]} at {format_time(time)}"
        )
        found.append(f"it {when}, and keep.younger_than is {keep.younger_than.text}")
    if keep.patterns:
        found.append("keep.patterns does not match")
    if keep.labels:
        found.append("it has none of keep.labels")
    if keep.digests:
        found.append("not only a digest names it")
    if keep.images:
        found.append("keep.images does not name it")
    if keep.compose_files:
        found.append("no file of keep.compose_files names it")
    if keep.unrecoverable == UNPUSHED:
        found.append("it was pushed or pulled")
    elif keep.unrecoverable == VERIFY and evidence.answers is not None and image.id in evidence.answers:
        found.append(evidence.answers[image.id].text)
    return f"no rule keeps it: {'; '.join(found)}" if found else "no rule keeps it"

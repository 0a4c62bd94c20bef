# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.


"""The rules of a policy that match nothing on a host: what protects nothing must not do so silently. No I/O."""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import protected_by
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Glob
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.protect import NamedImages
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.reason import listed

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._options import LabelMatch
    from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Pattern
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Keep, Policy
    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference


def idle_rules(snapshot: Snapshot, policy: Policy) -> tuple[str, ...]:
    """A sentence for each rule that matches nothing here. Of a host without images there is nothing to say."""
    if not snapshot.images:
        return ()
    remove, keep = policy.remove, policy.keep
    references = [reference for image in snapshot.images for reference in image.references]
    return (
        *_idle_patterns("keep.patterns", keep.patterns, snapshot, references, "keeps"),
        *(
            text
            for number, newest in enumerate(keep.newest)
            for text in _idle_patterns(
                f"keep.newest[{number}].patterns", newest.patterns, snapshot, references, "keeps"
            )
        ),
        *_idle_labels("keep.labels", keep.labels, snapshot.images, "keeps"),
        *_idle_images(keep, snapshot),
        *_idle_compose_files(policy, snapshot),
        *_idle_labels("remove.exclude_labels", remove.exclude_labels, snapshot.images, "excludes"),
        *_idle_patterns("remove.patterns", remove.patterns, snapshot, references, "selects"),
        *_idle_labels("remove.labels", remove.labels, snapshot.images, "selects"),
        *_idle_labels("remove.all_labels", remove.all_labels, snapshot.images, "selects"),
    )


def _idle_patterns(
    option: str, patterns: Iterable[Pattern], snapshot: Snapshot, references: list[Reference], verb: str
) -> Iterator[str]:
    for pattern in patterns:
        if any(map(pattern.matches if verb == "selects" else pattern.protects, references)):
            continue
        if "sha256:" in pattern.text and any(protected_by((pattern,), image) for image in snapshot.images):
            continue
        hint = _hint(pattern, references)
        yield f"{option}: {pattern.text!r} matches nothing on this host, and {verb} nothing{hint}"


def _hint(pattern: Pattern, references: Iterable[Reference]) -> str:
    """Where a star does not go as far as was probably meant."""
    if "*" not in pattern.text or not isinstance(pattern, Glob):
        return ""
    matches = re.compile(fnmatch.translate(pattern.text)).match
    found = next((name for name in (ref.familiar for ref in references) if matches(name)), None)
    if found is None:
        return ""
    remedy = f"{pattern.text}* matches everything below" if pattern.text.endswith("/*") else "write one for each part"
    return f": a star does not match a slash, as in {found}; {remedy}"


def _idle_labels(option: str, labels: Iterable[LabelMatch], images: Iterable[Image], verb: str) -> Iterator[str]:
    for label in labels:
        if not any(label.matches(image.labels) for image in images):
            yield f"{option}: no image on this host has the label {str(label)!r}, and it {verb} nothing"


def _idle_images(keep: Keep, snapshot: Snapshot) -> Iterator[str]:
    """Of a list, most entries may be of no image here: only when all are, the list may be a wrong one."""
    expected = [named for named in keep.images if not named.optional]
    if not expected:
        return
    found = NamedImages(snapshot)
    if not any(found.has(named) for named in expected):
        yield f"keep.images: none of these is on this host: {listed(named.text for named in expected)}"


def _idle_compose_files(policy: Policy, snapshot: Snapshot) -> Iterator[str]:
    """Most of what a project names may not be here yet: only when nothing is, the files may be wrong ones."""
    files = policy.keep.compose_files
    if not files:
        return
    found = NamedImages(snapshot)
    for mention in policy.composed:
        if mention.named is not None and found.has(mention.named):
            return
        if mention.likeness is not None and found.alike(mention.likeness):
            return
    yield f"keep.compose_files: nothing that these files name is on this host: {listed(files)}"

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.


"""The rules of a policy as values: which one selects or keeps something, and why. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._rule import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_NAMES = 5


class Reason(t.NamedTuple):
    """The rule that keeps something, and a sentence that says why."""

    rule: Rule
    text: str


IN_USE = Rule("in use")
CONFLICT = Rule("conflict")
TARGET = Rule("target")
DANGLING = Rule("remove.dangling")
ALL_UNUSED = Rule("remove.all_unused")
UNKNOWN_AGE = Rule("keep.unknown_age")
DIGESTS = Rule("keep.digests")
UNRECOVERABLE = "keep.unrecoverable"
LISTED = "keep.images"
COMPOSED = "keep.compose_files"
BEFORE, SINCE = "remove.before", "remove.since"


class Kept(t.NamedTuple):
    """A reference, or an image without one, that a rule selects and another keeps."""

    target: str
    selector: Rule | None
    reason: Reason


def listed(names: Iterable[str]) -> str:
    """Names for a person: the first few, and how many more there are."""
    names = list(names)
    more = len(names) - _MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"

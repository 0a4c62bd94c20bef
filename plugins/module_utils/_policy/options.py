# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The options of C(image_prune_policy) beyond the connection."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import RESULT, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import (
    AGE_BY,
    NEWEST_BY,
    ORDERS,
    UNRECOVERABLE,
)

_PATTERNS: dict[str, t.Any] = {
    "patterns": {"type": "list", "elements": "str"},
    "use_regex": {"type": "bool"},
    "labels": {"type": "list", "elements": "str"},
}
_REMOVE: dict[str, t.Any] = {
    "dangling": {"type": "bool", "default": False},
    "all_unused": {"type": "bool", "default": False},
    "all_labels": {"type": "list", "elements": "str"},
    "exclude_labels": {"type": "list", "elements": "str"},
    "before": {"type": "str"},
    "since": {"type": "str"},
}
# No defaults: what is given without the rule that it belongs to is a mistake, and a default could not be distinguished from it.
_KEEP: dict[str, t.Any] = {
    "newest": {"type": "raw"},
    "newest_by": {"type": "str", "choices": list(NEWEST_BY)},
    "younger_than": {"type": "str"},
    "age_by": {"type": "str", "choices": list(AGE_BY)},
    "digests": {"type": "bool"},
    "images": {
        "type": "list",
        "elements": "dict",
        "options": {
            "image": {"type": "list", "elements": "str", "required": True},
            "reason": {"type": "str"},
            "optional": {"type": "bool", "default": False},
        },
    },
    "compose_files": {"type": "list", "elements": "path"},
    "unknown_age": {"type": "bool"},
    "unrecoverable": {"type": "str", "choices": list(UNRECOVERABLE)},
}
_TARGET: dict[str, t.Any] = {
    "total_size": {"type": "str"},
    "disk_used_above": {"type": "float"},
    "disk_used_below": {"type": "float"},
    "disk_free_below": {"type": "str"},
    "disk_free_above": {"type": "str"},
    "disk_path": {"type": "path"},
    "images_per_run": {"type": "int"},
    "order": {"type": "str", "choices": list(ORDERS), "default": "oldest"},
}
_GUARD: dict[str, t.Any] = {
    "max_images": {"type": "int"},
    "max_percent": {"type": "float"},
    "min_per_repository": {"type": "int"},
}
OPTIONS: dict[str, t.Any] = merge(
    RESULT,
    {
        "remove": {"type": "dict", "required": True, "options": merge(_REMOVE, _PATTERNS)},
        "keep": {"type": "dict", "options": merge(_KEEP, _PATTERNS)},
        "target": {"type": "dict", "options": _TARGET},
        "guard": {"type": "dict", "options": _GUARD},
        "use_regex": {"type": "bool", "default": False},
        "usage_file": {"type": "path", "default": "/var/lib/imagewarden/usage.json"},
        "snapshot": {"type": "raw"},
        "snapshot_time": {"type": "str"},
    },
)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The options of C(build_cache_prune) beyond the connection."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import RESULT, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import AGE_BY, ORDERS, TYPES

_MATCHES: dict[str, t.Any] = {
    "types": {"type": "list", "elements": "str", "choices": list(TYPES)},
    "descriptions": {"type": "list", "elements": "str"},
    "use_regex": {"type": "bool"},
}
_REMOVE: dict[str, t.Any] = {
    "all": {"type": "bool", "default": False},
    "unused": {"type": "bool", "default": False},
}
# No default for age_by: given without the limit that it belongs to it is a mistake, and a default could not be told from it.
_KEEP: dict[str, t.Any] = {
    "younger_than": {"type": "str"},
    "age_by": {"type": "str", "choices": list(AGE_BY)},
}
_TARGET: dict[str, t.Any] = {
    "total_size": {"type": "str"},
    "disk_used_above": {"type": "float"},
    "disk_used_below": {"type": "float"},
    "disk_path": {"type": "path"},
    "order": {"type": "str", "choices": list(ORDERS), "default": ORDERS[0]},
}
_GUARD: dict[str, t.Any] = {
    "max_records": {"type": "int"},
    "max_percent": {"type": "float"},
}
OPTIONS: dict[str, t.Any] = {
    "remove": {"type": "dict", "required": True, "options": merge(_REMOVE, _MATCHES)},
    "keep": {"type": "dict", "options": merge(_KEEP, _MATCHES)},
    "target": {"type": "dict", "options": _TARGET},
    "guard": {"type": "dict", "options": _GUARD},
    "use_regex": {"type": "bool", "default": False},
    "details": RESULT["details"],
}

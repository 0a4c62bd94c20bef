# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The options of C(image_remove) beyond the connection."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import RESULT, SELECTION, merge

OPTIONS: dict[str, t.Any] = merge(
    SELECTION,
    RESULT,
    {
        # Raw, so that a number is seen: YAML has read 1.10 as 1.1 by then.
        "names": {"type": "list", "elements": "raw", "aliases": ["name"]},
        "filters": {"type": "dict"},
        "untag_only": {"type": "bool", "default": False},
        "on_conflict": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
        "force": {"type": "bool", "default": False},
        "prune_parents": {"type": "bool", "default": True},
    },
)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The options of C(container_remove) beyond the connection."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import RESULT, SELECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._container.request import (
    ANY_STATE,
    PARALLEL,
    STATES,
)

OPTIONS: dict[str, t.Any] = merge(
    SELECTION,
    {
        # Raw, so that a number is seen: YAML has read 1.10 as 1.1 by then.
        "names": {"type": "list", "elements": "raw", "aliases": ["name"]},
        "images": {"type": "list", "elements": "str"},
        "labels": {"type": "list", "elements": "str", "aliases": ["all_labels"]},
        "exclude_labels": {"type": "list", "elements": "str", "default": []},
        "states": {"type": "list", "elements": "str", "choices": [ANY_STATE, *STATES]},
        "on_conflict": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
        "older_than": {"type": "str"},
        "stop_timeout": {"type": "int"},
        "kill": {"type": "bool", "default": False},
        "kill_signal": {"type": "str"},
        "volumes": {"type": "bool", "default": False},
        "commit_to": {"type": "str"},
        "orchestrated": {"type": "bool", "default": False},
        "parallel": {"type": "int", "default": PARALLEL},
        "sizes": {"type": "bool", "default": False},
        "after": RESULT["after"],
        "details": RESULT["details"],
    },
)

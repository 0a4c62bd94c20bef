# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""A record of the build cache as results list it. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord


def record_facts(record: CacheRecord) -> dict[str, t.Any]:
    """A record as results list it."""
    return {
        "id": record.id,
        "type": record.type,
        "description": record.description,
        "size": record.size,
        "shared": record.shared,
        "in_use": record.in_use,
        "parents": list(record.parents),
        "created": format_time(record.created),
        "last_used": format_time(record.last_used),
        "usage_count": record.usage_count,
    }

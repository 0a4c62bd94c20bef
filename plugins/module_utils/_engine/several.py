# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Requests several at a time: a bounded number of connections, results in the order of what was asked."""

from __future__ import annotations

import concurrent.futures
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Item = t.TypeVar("_Item")
_Result = t.TypeVar("_Result")

#: Connections at once. The transport keeps at least as many open, and an SSH server takes ten sessions at a time.
WORKERS = 8


def several(function: Callable[[_Item], _Result], items: Iterable[_Item], workers: int = WORKERS) -> list[_Result]:
    """The function's results, in the order of the items. The first error in that order is raised, and what has not begun is left."""
    items = list(items)
    if len(items) < 2 or workers < 2:
        return [function(item) for item in items]
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(workers, len(items))) as pool:
        return list(pool.map(function, items))


def at_once(*jobs: Callable[[], t.Any]) -> list[t.Any]:
    """The results of these functions, called at once."""
    return several(lambda job: job(), jobs)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin_utils file is private to the collection: it can change at any time without notice.

"""The hosts of a pattern, as the action plugins need them: of the whole inventory, whatever C(--limit) says."""

from __future__ import annotations

import typing as t

from ansible.inventory.manager import split_host_pattern
from ansible.plugins.lookup.inventory_hostnames import LookupModule

if t.TYPE_CHECKING:
    from collections.abc import Mapping


def hosts_of(option: str, pattern: str, variables: Mapping[str, t.Any]) -> tuple[list[str], list[str]]:
    """The hosts that a pattern matches, and a message for each part of it that matches none."""
    if not pattern:
        return [], []
    find = LookupModule()
    errors = [
        f"{option}: {part!r} matches no host of the inventory"
        for part in split_host_pattern(pattern)
        if not find.run([part.lstrip("!&")], variables)
    ]
    found = [] if errors else [str(host) for host in find.run([pattern], variables)]
    return found, errors or ([] if found else [f"{option}: {pattern!r} matches no host of the inventory"])

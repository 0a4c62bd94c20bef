# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""A rule as a value: the option that selects or keeps something, and the part of it that applied. No I/O."""

from __future__ import annotations

import typing as t


class Rule(t.NamedTuple):
    """A rule by its option, with the value that applied; decisions look at ``name`` alone."""

    name: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}" if self.detail else self.name


#: No rule selects or keeps it.
NOTHING = Rule("none")

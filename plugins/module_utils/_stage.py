# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a stage is: the work of a module without Ansible, so that a module and a chain of stages run the same code."""

from __future__ import annotations

import typing as t


class Report(t.NamedTuple):
    """What a stage returns to its task: the result, and what an operator should know although it may not have failed."""

    result: dict[str, t.Any]
    warnings: list[str]

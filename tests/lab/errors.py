# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one failure of the lab."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the text says plainly why and what would help."""

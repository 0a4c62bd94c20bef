# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings together what the hosts of a play use, once for all hosts that keep it."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.elsewhere import Union, Use, in_words


class ActionModule(ActionBase):
    """Every host of the play is in the union: one that was lost before it was read is one whose use is not known."""

    _supports_check_mode = True
    _VALID_ARGS: frozenset[str] = frozenset()
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        uses = {}
        for host in variables["ansible_play_hosts_all"]:
            read = (variables["hostvars"][host].get("image_cleanup__read") or {}).get("use")
            uses[str(host)] = Use.load(str(read)) if read else Use(unknown="it failed or was lost before it was read")
        union = Union.of(uses)
        number = len(uses) - len(union.unknown)
        text = f"{number} host{' was' if number == 1 else 's were'} read"
        text = (
            f"{text}; {in_words({host: why for host, (why, _lost) in union.unknown.items()})}"
            if union.unknown
            else text
        )
        return {**result, "changed": False, "union": union.dump(), "msg": text}

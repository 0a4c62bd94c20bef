# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs an action plugin as ansible-core does, without a play: what it asks of the task, and nothing to connect to."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace
from unittest.mock import MagicMock

PLAY = SimpleNamespace(_uuid="this play")


class Templar:
    """Every value is what it is."""

    @staticmethod
    def template(value: t.Any, **_options: t.Any) -> t.Any:
        return value


def action(
    plugin: t.Any, arguments: dict[str, t.Any], check_mode: bool = False, tags: t.Sequence[str] = ("always",)
) -> t.Any:
    """The plugin for a task with these arguments."""
    task = SimpleNamespace(
        action="test",
        args=arguments,
        async_val=0,
        check_mode=check_mode,
        diff=False,
        tags=list(tags),
        _parent=SimpleNamespace(_play=PLAY),
        get_path=lambda: "/collections/playbooks/audit.yml:20",
        copy=SimpleNamespace,
    )
    play_context = SimpleNamespace(check_mode=check_mode, diff=False)
    return plugin.ActionModule(task, MagicMock(), play_context, MagicMock(), Templar(), MagicMock())

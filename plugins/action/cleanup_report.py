# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the report of a fleet, and prints it as a table."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.files import ReportDirectory, utc_now
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.page import table
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    AUDIT,
    failed_summary,
    fleet_report,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.variables import CHANGES, plain
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import ImageWardenError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

#: Callbacks whose output is for programs: a table would break it.
_FOR_PROGRAMS = ("json", "jsonl")

#: Files of other hosts that a line names.
_MOST_NAMES = 3

display = Display()


def show(text: str, color: str | None = None) -> None:
    """Print for people, unless a program reads what is printed."""
    if callback() not in _FOR_PROGRAMS:
        display.display(text, color=color)


def callback() -> str:
    """The callback that prints, without its collection."""
    return constants.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2]


class ActionModule(ActionBase):
    """Every host of the play is in the report, with the summary that the role left in this play."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset(["mode", "max_fail_percentage", "fail_on", "report_dir"])
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        asked = plain(self._task.args)
        check_mode = asked["mode"] == AUDIT or bool(self._play_context.check_mode)
        summaries = self._summaries(variables, check_mode)
        report = fleet_report(summaries, utc_now(), asked["mode"], check_mode)
        failure = _too_many(summaries, summaries[variables["inventory_hostname"]], float(asked["max_fail_percentage"]))
        failure = failure or _changes(report["total"], check_mode, asked.get("fail_on"))
        lines = table(report)
        if asked["report_dir"]:
            try:
                directory = ReportDirectory.create(asked["report_dir"])
                directory.write_fleet(report)
                lines += _other_hosts(directory, variables)
                lines += [f"report: {directory.path}/report.json", f"page: {directory.path}/report.html"]
            except ImageWardenError as exc:
                failure = str(exc)
                lines.append(failure)
        show("\n".join(["", *lines]))
        result["changed"] = False
        # What was printed must not be printed again with the failure.
        told = {"failed": True, "msg": failure} if failure else {"lines": lines, "total": report["total"]}
        return {**result, **told}

    def _summaries(self, variables: Mapping[str, t.Any], check_mode: bool) -> dict[str, dict[str, t.Any] | None]:
        """The summaries of this play: a fact that an earlier play of the same run left says nothing of this one."""
        play = self._task._parent._play._uuid
        found: dict[str, dict[str, t.Any] | None] = {}
        in_play = set(variables["ansible_play_hosts"])
        for host in variables["ansible_play_hosts_all"]:
            summary = plain(variables["hostvars"][host].get("image_cleanup_summary") or {})
            if (summary.get("run") or {}).get("play") == play:
                found[host] = summary
            elif host not in in_play:
                found[host] = failed_summary("it failed or was lost before the role ran", check_mode)
            else:
                found[host] = None
        return found


def _other_hosts(directory: ReportDirectory, variables: Mapping[str, t.Any]) -> list[str]:
    """Which files in the directory this run and later ones leave as they are."""
    names = directory.of_other_hosts(
        [*variables["ansible_play_hosts_all"], *(variables.get("groups") or {}).get("all", ())]
    )
    if not names:
        return []
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return [f"of hosts that are not in the inventory: {', '.join(names[:_MOST_NAMES])}{more}"]


def _too_many(
    summaries: Mapping[str, Mapping[str, t.Any] | None], own: Mapping[str, t.Any] | None, percentage: float
) -> str:
    """Why the play ends after this batch, as Ansible would end it, had the failures not waited for the report."""
    batch = (own or {}).get("run")
    if not batch:
        return ""
    failed = sum(1 for summary in summaries.values() if summary and summary["failed"] and summary.get("run") == batch)
    if failed <= batch["hosts"] * percentage / 100:
        return ""
    return f"image_cleanup_max_fail_percentage: {failed} of {batch['hosts']} hosts of a batch failed, and the limit is {percentage:g} %"


def _changes(total: Mapping[str, t.Any], check_mode: bool, fail_on: str | None) -> str:
    """Why the play ends with an error although no host may have failed; after the last batch, so that it reaches all hosts."""
    if fail_on != CHANGES or not total["changed"] or total["not_run"]:
        return ""
    verb = "would change" if check_mode else "changed"
    return f"image_cleanup_fail_on: {total['changed']} of {total['hosts']} hosts {verb}"

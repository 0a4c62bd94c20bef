# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks what a playbook of this collection was asked for, before any host is touched."""

from __future__ import annotations

import os
import typing as t

from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.files import ReportDirectory
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.variables import (
    FAILURES,
    KEEP_USED_ON,
    chosen_stages,
    host_pattern,
    plain,
    play_errors,
    unknown_tags,
    unknown_variables,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import ImageWardenError
from ansible_collections.imagewarden.docker.plugins.plugin_utils._hosts import hosts_of

#: Options of the command line, and the variables that hold what they choose.
_TAGS = {"--tags": "ansible_run_tags", "--skip-tags": "ansible_skip_tags"}


class ActionModule(ActionBase):
    """A target without hosts, variables and tags that mean nothing, and a directory that cannot be written to."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset(["target", "hosts", "serial", "max_fail_percentage", "throttle", "fail_on", "report_dir"])
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        asked = plain(self._task.args)
        errors = play_errors(
            asked["serial"], asked["max_fail_percentage"], asked["throttle"], asked.get("fail_on", FAILURES)
        )
        if self._is_named_on_the_command_line():
            for option, name in _TAGS.items():
                errors += unknown_tags(option, (tag for tag in variables.get(name) or () if tag not in self._task.tags))
        unknown = [name for name in variables if unknown_variables([name])]
        # One that not all hosts have is the mistake of a host, which the role finds.
        errors += unknown_variables(n for n in unknown if all(n in variables["hostvars"][h] for h in asked["hosts"]))
        if not asked["hosts"]:
            limit = variables.get("ansible_limit")
            within = f"--limit {limit}: no host of target {asked['target']}" if limit else ""
            errors.append(within or f"target: {asked['target']!r} matches no host of the inventory")
        read, mistakes = self._to_be_read(asked["hosts"], variables)
        errors += mistakes
        if asked["report_dir"]:
            try:
                # First of all: whatever fails from here on must not leave the report of another day.
                ReportDirectory.create(asked["report_dir"]).forget_the_fleet()
            except (ImageWardenError, OSError) as exc:
                errors.append(str(exc))
        if errors:
            return {**result, "failed": True, "msg": "; ".join(errors)}
        number = len(asked["hosts"])
        return {**result, "changed": False, "msg": f"{number} host{'' if number == 1 else 's'}", "read": read}

    def _to_be_read(self, hosts: t.Iterable[str], variables: t.Mapping[str, t.Any]) -> tuple[list[str], list[str]]:
        """The hosts that must be read first, because a host that is cleaned up keeps what they use; and mistakes."""
        run_tags, skip_tags = variables.get("ansible_run_tags") or ["all"], variables.get("ansible_skip_tags") or []
        if "policy" not in chosen_stages(self._task.tags, run_tags, skip_tags):
            return [], []
        patterns: dict[str, None] = {}
        errors: dict[str, None] = {}
        for host in hosts:
            try:
                pattern, wrong = host_pattern(plain(variables["hostvars"][host].get(KEEP_USED_ON)))
            except AnsibleError as exc:
                pattern, wrong = "", [f"{KEEP_USED_ON}: {host}: {exc}"]
            errors.update(dict.fromkeys(wrong))
            patterns[pattern] = None
        read: dict[str, None] = {}
        for pattern in patterns:
            found, wrong = hosts_of(KEEP_USED_ON, pattern, variables)
            read.update(dict.fromkeys(found))
            errors.update(dict.fromkeys(wrong))
        return list(read), list(errors)

    def _is_named_on_the_command_line(self) -> bool:
        """Whether all tags are for this playbook, rather than for others that a playbook imports with it."""
        given = context.CLIARGS.get("args") or ()
        path = str(self._task.get_path())
        return any(name.startswith("imagewarden.docker.") or path.startswith(os.path.abspath(name)) for name in given)

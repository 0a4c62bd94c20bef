# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what the containers and the services of a host use, so that other hosts can keep it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.elsewhere import Use, together
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.variables import plain, read_engines


class ActionModule(ActionBase):
    """A host that cannot be read does not fail here: what depends on it decides, and it must not be lost for the next play."""

    _supports_check_mode = True
    # Connection options that module_defaults set for the action group.
    _VALID_ARGS = frozenset(CONNECTION)

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        use = self._use(variables)
        images = f"{len(use.images)} image{'' if len(use.images) == 1 else 's'} in use"
        return {**result, "changed": False, "use": use.dump(), "msg": use.unknown or images}

    def _use(self, variables: dict[str, t.Any]) -> Use:
        try:
            engines, errors = read_engines(
                plain(self._templar.template(variables.get("image_cleanup_docker"))), plain(self._task.args)
            )
            if errors:
                return Use(unknown="; ".join(errors))
            return together([self._use_of(number, engine, variables) for number, engine in enumerate(engines)])
        except AnsibleError as exc:
            return Use(unknown=" ".join(str(exc).split()))

    def _use_of(self, number: int, engine: dict[str, t.Any], variables: dict[str, t.Any]) -> Use:
        arguments = {**engine, "in_use": True, "services": True}
        try:
            found = self._execute_module("imagewarden.docker.image_usage_info", arguments, task_vars=variables)
        except AnsibleConnectionFailure as exc:
            return Use(unknown=" ".join(str(exc).split()), is_unreachable=True)
        if found.get("unreachable") or found.get("failed") or "images" not in found:
            why = " ".join(str(found.get("msg") or "no reason was given").split())
            return Use(unknown=why, is_unreachable=bool(found.get("unreachable")))
        return Use.of(variables["inventory_hostname"], number, found)

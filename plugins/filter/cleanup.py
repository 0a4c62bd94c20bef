# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    failed_summary,
    fleet_lines,
    fleet_report,
    host_summary,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._container import options as container_options
from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import Request as ContainerRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._image import options as image_options
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Request as ImageRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._policy import options as policy_options
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class _Stage(t.NamedTuple):
    """What a stage's module makes of its options, which raises :class:`InvalidRequest` for those that it refuses."""

    spec: dict[str, t.Any]
    parse: Callable[[Mapping[str, t.Any]], object]


#: The role's variables. How to connect is in another one.
_STAGES = {
    "image_cleanup_containers": _Stage(container_options.OPTIONS, ContainerRequest.parse),
    "image_cleanup_untag": _Stage(image_options.OPTIONS, ImageRequest.parse),
    "image_cleanup_policy": _Stage(policy_options.OPTIONS, Policy.parse),
}


def cleanup_option_errors(variables: Mapping[str, t.Any]) -> list[str]:
    """What the stages of the role image_cleanup would refuse, a message each, before the first of them runs."""
    unknown = sorted(set(variables) - set(_STAGES))
    if unknown:
        raise AnsibleFilterError(f"cleanup_option_errors knows {', '.join(_STAGES)}, not {', '.join(unknown)}")
    return [f"{name}: {error}" for name, options in variables.items() for error in _errors(_STAGES[name], options)]


def _errors(stage: _Stage, options: t.Any) -> list[str]:
    if not isinstance(options, dict):
        return [f"{options!r} is no dictionary of options. On the command line, write --extra-vars as JSON"]
    if not options:
        return []
    checked = ArgumentSpecValidator(stage.spec).validate(options)
    if checked.error_messages:
        return list(checked.error_messages)
    try:
        stage.parse(checked.validated_parameters)
    except InvalidRequest as exc:
        return [str(exc)]
    return []


def cleanup_summary(engines: Sequence[Mapping[str, t.Any]] | Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the stages of the role image_cleanup did to each Engine of a host, or the message of a failure before that."""
    if isinstance(engines, str):
        return failed_summary(engines)
    if not isinstance(engines, (list, tuple)):
        raise AnsibleFilterError(f"cleanup_summary needs a list of Engines or a message, not {type(engines).__name__}")
    return host_summary(engines)


def cleanup_fleet_report(
    summaries: Mapping[str, Mapping[str, t.Any] | None],
    generated: str,
    mode: str = "cleanup",
    left: Mapping[str, str] | None = None,
) -> dict[str, t.Any]:
    """The report of a fleet."""
    if not isinstance(summaries, dict):
        raise AnsibleFilterError(f"cleanup_fleet_report needs a dictionary of hosts, not {type(summaries).__name__}")
    return fleet_report(summaries, left or {}, generated, mode)


def cleanup_fleet_lines(report: Mapping[str, t.Any]) -> list[str]:
    """The report of a fleet for a person."""
    return fleet_lines(report)


class FilterModule:
    """The filters with which the role and the playbooks sum up."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {
            "cleanup_option_errors": cleanup_option_errors,
            "cleanup_summary": cleanup_summary,
            "cleanup_fleet_report": cleanup_fleet_report,
            "cleanup_fleet_lines": cleanup_fleet_lines,
        }

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup_summary import (
    failed_summary,
    fleet_lines,
    fleet_report,
    host_summary,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


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
            "cleanup_summary": cleanup_summary,
            "cleanup_fleet_report": cleanup_fleet_report,
            "cleanup_fleet_lines": cleanup_fleet_lines,
        }

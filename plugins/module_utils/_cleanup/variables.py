# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The variables of the role C(image_cleanup) and of its playbooks: what is wrong with them, and what they ask for. No I/O."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import STAGES, check, did_you_mean
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.shared_target import (
    SharedTarget,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_PREFIX = "image_cleanup_"
KEEP_USED_ON = f"{_PREFIX}keep_used_on"
#: Private variables of the role and the playbooks.
_PRIVATE = "image_cleanup__"

_TARGET = f"{_PREFIX}target"
STAGE_VARIABLES = {stage: f"{_PREFIX}{stage}" for stage in STAGES}
#: Variables of the playbooks, and the fact that the role leaves.
_OTHERS = (
    "report_dir",
    "fail_on",
    "snapshot_dir",
    "textfile_dir",
    "serial",
    "max_fail_percentage",
    "throttle",
    "summary",
)
#: Seconds between two lines that say how far a host is.
_PROGRESS = 15
_ON_ERROR = ("continue", "stop")
#: What to do when it is not known what another host uses.
STOP, CONTINUE = "stop", "continue"
#: What makes a playbook end with an error.
FAILURES, CHANGES = "failures", "changes"

#: Tags that Ansible itself knows.
_CORE_TAGS = frozenset(["all", "always", "never", "tagged", "untagged"])


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the role's variables ask for. ``engines`` are the options of each connection; ``target`` is what stages share."""

    engines: tuple[dict[str, t.Any], ...]
    stages: dict[str, dict[str, t.Any]]
    totals: bool
    on_error: str
    keep_used_on: str
    if_unknown: str
    progress: float
    target: dict[str, t.Any]

    VARIABLES: t.ClassVar[tuple[str, ...]] = (
        *STAGE_VARIABLES.values(),
        *(
            f"{_PREFIX}{name}"
            for name in ("docker", "target", "totals", "on_error", "keep_used_on", "if_unknown", "progress")
        ),
    )


def plain(value: t.Any) -> t.Any:
    """A value without Ansible's own types: copying these copies plugin loaders along, and warns of it."""
    if isinstance(value, dict):
        return {plain(key): plain(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    if isinstance(value, str):
        return str.__str__(value)
    return value


def unknown_variables(names: Iterable[str]) -> list[str]:
    """A message for each name that looks like a variable of the role and is none."""
    known = {*Settings.VARIABLES, *(f"{_PREFIX}{name}" for name in _OTHERS)}
    unknown = sorted(n for n in names if n.startswith(_PREFIX) and not n.startswith(_PRIVATE) and n not in known)
    return [f"{name}: no such variable{did_you_mean(name, known)}" for name in unknown]


def unknown_tags(option: str, tags: Iterable[str]) -> list[str]:
    """A message for each tag of an option of the command line that names no stage of the playbooks."""
    known = {*STAGES, *_CORE_TAGS}
    return [f"{option}: {tag}: no such stage{did_you_mean(tag, STAGES)}" for tag in tags if tag not in known]


def read_settings(values: Mapping[str, t.Any], defaults: Mapping[str, t.Any]) -> tuple[Settings | None, list[str]]:
    """What the variables ask for, or what is wrong with them. ``defaults`` are connection options of C(module_defaults)."""
    engines, errors = read_engines(values["image_cleanup_docker"], defaults)
    stages = {
        stage: {} if values[variable] is None else values[variable] for stage, variable in STAGE_VARIABLES.items()
    }
    target, handed, wrong = _with_target(values[_TARGET], stages)
    errors += wrong
    for stage, variable in STAGE_VARIABLES.items():
        errors += check(stage, handed[stage], {"docker_host": ""}, variable).errors
    totals, wrong = _boolean("image_cleanup_totals", values["image_cleanup_totals"])
    errors += wrong
    on_error = values["image_cleanup_on_error"]
    if on_error not in _ON_ERROR:
        errors.append(f"image_cleanup_on_error: {on_error!r} is neither continue nor stop")
    pattern, wrong = host_pattern(values["image_cleanup_keep_used_on"])
    errors += wrong
    if_unknown = STOP if values["image_cleanup_if_unknown"] is None else values["image_cleanup_if_unknown"]
    if if_unknown not in (STOP, CONTINUE):
        errors.append(f"image_cleanup_if_unknown: {if_unknown!r} is neither {STOP} nor {CONTINUE}")
    progress = _PROGRESS if values["image_cleanup_progress"] is None else values["image_cleanup_progress"]
    if not _is_number(progress, 0):
        errors.append(f"image_cleanup_progress: {progress!r} is not a number of seconds of 0 or more; 0 prints none")
    if errors:
        return None, errors
    return Settings(engines, stages, totals, on_error, pattern, if_unknown, float(progress), target), []


def _with_target(value: t.Any, stages: Mapping[str, t.Any]) -> tuple[dict[str, t.Any], Mapping[str, t.Any], list[str]]:
    """The target that stages share, their options with it, and what is wrong with either."""
    try:
        target = SharedTarget.parse(value, _TARGET)
    except InvalidRequest as exc:
        return {}, stages, [str(exc)]
    if target is None:
        return {}, stages, []
    handed, errors = target.handed_to(stages, {"target": _TARGET, **STAGE_VARIABLES})
    return value, handed, errors


def host_pattern(value: t.Any) -> tuple[str, list[str]]:
    """The pattern of hosts whose images are kept, empty for none. A list of patterns is one."""
    parts = value if isinstance(value, list) else [value or ""]
    if not all(isinstance(part, str) for part in parts):
        return "", [f"{KEEP_USED_ON}: {value!r} is not a pattern of hosts"]
    return ",".join(part.strip() for part in parts), []


def read_engines(value: t.Any, defaults: Mapping[str, t.Any]) -> tuple[tuple[dict[str, t.Any], ...], list[str]]:
    """The options of each connection, or what is wrong with them."""
    listed = value if isinstance(value, list) else [value or {}]
    errors = [error for options in listed for error in _connection_errors(options)]
    if not listed:
        errors.append("image_cleanup_docker: an empty list names no Engine")
    return tuple({**defaults, **options} for options in listed if isinstance(options, dict)), errors


def _connection_errors(options: t.Any) -> list[str]:
    if not isinstance(options, dict):
        return [f"image_cleanup_docker: {options!r} is not a dictionary of connection options"]
    known = {name for own, option in CONNECTION.items() for name in [own, *option.get("aliases", ())]}
    unknown = [f"{key}: no such option{did_you_mean(str(key), known)}" for key in options if key not in known]
    messages = unknown or ArgumentSpecValidator(CONNECTION).validate(options).error_messages
    return [f"image_cleanup_docker: {message}" for message in messages]


def _boolean(name: str, value: t.Any) -> tuple[bool, list[str]]:
    try:
        return boolean(value), []
    except TypeError:
        return False, [f"{name}: {value!r} is not a boolean"]


def chosen_stages(task_tags: Collection[str], run_tags: Collection[str], skip_tags: Collection[str]) -> list[str]:
    """The stages that C(--tags) and C(--skip-tags) choose, as if each were a task with its own tag.

    ``task_tags`` are those of the task that runs them all: the stages, C(always), and what a play adds to the role.
    """
    own = frozenset(task_tags) - frozenset(STAGES) - {"always"}
    return [stage for stage in STAGES if _runs({*own, stage}, frozenset(run_tags), frozenset(skip_tags))]


def _runs(tags: Collection[str], run_tags: Collection[str], skip_tags: Collection[str]) -> bool:
    chosen = bool({"all", "tagged", *tags} & set(run_tags))
    return chosen and not {"all", "tagged", *tags} & set(skip_tags)


def play_errors(serial: t.Any, max_fail_percentage: t.Any, throttle: t.Any, fail_on: t.Any) -> list[str]:
    """What is wrong with the variables that Ansible itself would answer with a traceback, or not at all."""
    sizes = serial if isinstance(serial, list) else [serial]
    errors = [
        f"image_cleanup_serial: {size!r} is neither a number of hosts nor a percentage"
        for size in sizes
        if not _is_number(str(size)[:-1] if str(size).endswith("%") else size, 1)
    ]
    if not _is_number(max_fail_percentage, 0):
        errors.append(f"image_cleanup_max_fail_percentage: {max_fail_percentage!r} is not a percentage")
    if not _is_number(throttle, 0) or float(throttle) != int(float(throttle)):
        errors.append(f"image_cleanup_throttle: {throttle!r} is not a whole number of 0 or more")
    if fail_on not in (FAILURES, CHANGES):
        errors.append(f"image_cleanup_fail_on: {fail_on!r} is neither {FAILURES} nor {CHANGES}")
    return errors


def _is_number(value: t.Any, least: int) -> bool:
    try:
        return not isinstance(value, bool) and float(value) >= least
    except (TypeError, ValueError):
        return False

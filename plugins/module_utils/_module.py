# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What the modules' C(main) functions share: errors into one clear failure, and results into the module's exit."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.transport import connect
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import ImageWardenError, LibraryMissing
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import Progress

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report, Stage


class ImageModule(AnsibleModule):  # type: ignore[misc]
    """A module that takes names of images: who writes a tag as an option, as for other modules, learns where it belongs."""

    def fail_json(self, msg: str, **result: t.Any) -> None:
        """As Ansible's own, with the hint."""
        super().fail_json(f"{msg}{hint_at_a_tag(msg)}", **result)


def hint_at_a_tag(message: str) -> str:
    """What Ansible's refusal of the option C(tag) lacks."""
    _before, unsupported, options = message.partition("Unsupported parameters for ")
    named = options.partition(": ")[2].partition(". Supported")[0].split(", ")
    return " A tag is written behind its name, in names: name:tag." if unsupported and "tag" in named else ""


@contextlib.contextmanager
def clear_failures(module: AnsibleModule, **result: t.Any) -> Iterator[None]:
    """Turn this collection's errors into C(fail_json), with these result keys."""
    # Ansible adds the options to every result. A password in the URL is refused, and must not be shown all the same.
    module.no_log_values.update(passwords_in(str(module.params.get("docker_host"))))
    try:
        yield
    except LibraryMissing as exc:
        # What to install comes first: what Ansible says of a missing library is long, and names no package.
        msg = f"{exc}: install {exc.packages}, on the managed host. {missing_required_lib(exc.library)}"
        module.fail_json(msg=msg, exception=exc.trace, **result)
    except ImageWardenError as exc:
        module.fail_json(msg=str(exc), **result)


def passwords_in(url: str) -> list[str]:
    """The password of a URL such as C(tcp://user:password@host:2376), if it has one."""
    user, _at, _host = url.rpartition("@")
    _name, _colon, password = user.rpartition("//")[2].partition(":")
    return [password] if password else []


def open_engine(module: AnsibleModule) -> Engine:
    """The Engine that the module's options name; what is doubtful about the choice is a warning with the host's name.

    What is removed goes to the managed host's log, as modules' invocations do.
    """
    engine = Engine(connect(module.params), module.log, Progress.asked_for(os.environ))
    for notice in engine.notices:
        module.warn(f"{engine.facts.host}: {notice}" if engine.facts.host else notice)
    return engine


def run_stage(module: AnsibleModule, stage_type: type[Stage]) -> None:
    """Read the options before the Engine, run the stage and leave with its result."""
    with clear_failures(module):
        stage = stage_type.parse(module.params)
        engine = open_engine(module)
        finish(module, stage.run(engine, None, time.time(), module.check_mode, earlier_results(module)))


def earlier_results(module: AnsibleModule) -> list[dict[str, t.Any]]:
    """The results of earlier tasks that a prediction builds upon; a real run finds their effects on the Engine.

    What a task with a loop registers holds the results of its rounds.
    """
    if not module.check_mode:
        return []
    return [
        result
        for registered in module.params.get("after") or []
        for result in registered.get("results") or [registered]
    ]


def finish(module: AnsibleModule, report: Report) -> None:
    """Leave with the result: as a failure if it says so. Each warning begins with the host, which Ansible leaves out."""
    host = (report.result.get("engine") or {}).get("host") or ""
    for warning in report.warnings:
        module.warn(f"{host}: {warning}" if host else warning)
    if report.result.get("failed"):
        module.fail_json(**{key: value for key, value in report.result.items() if key != "failed"})
    module.exit_json(**report.result)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module's own C(main) in this process, with its arguments and its JSON as Ansible passes them."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from typing import Any

from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

MODULES = "ansible_collections.imagewarden.docker.plugins.modules"


def run_module(name: str, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
    """The result of one module run, with C(failed) and C(changed) always there, as Ansible adds them. Faster than a playbook by a module start."""
    module = importlib.import_module(f"{MODULES}.{name}")
    parameters = {
        **arguments,
        "_ansible_check_mode": check,
        "_ansible_diff": True,
        "_ansible_remote_tmp": "/tmp",
        "_ansible_keep_remote_files": False,
    }
    # Ansible collects warnings for a process, which is one module's elsewhere.
    warnings._global_warnings.clear()
    warnings._global_deprecations.clear()
    output = io.StringIO()
    with patch_module_args(parameters), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        module.main()
    return {"failed": False, "changed": False, **json.loads(output.getvalue())}

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-test sanity refuses in the documentation of modules, found in a second instead of minutes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

MODULES = sorted((Path(__file__).resolve().parents[3] / "plugins" / "modules").glob("*.py"))


def documentation_of(path):
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "DOCUMENTATION":
            return yaml.safe_load(ast.literal_eval(statement.value))
    raise AssertionError(f"{path.name} has no DOCUMENTATION")


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in MODULES])
def test_validate_modules_takes_what_to_see_also(path):
    """A role is no kind of plugin there: name it in the description instead."""
    wrong = [entry for entry in documentation_of(path).get("seealso", []) if entry.get("plugin_type") == "role"]
    assert wrong == []

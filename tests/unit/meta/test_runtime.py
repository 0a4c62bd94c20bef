# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

COLLECTION = Path(__file__).resolve().parents[3]
MODULES = sorted((COLLECTION / "plugins" / "modules").glob("*.py"))


def action_group() -> list[str]:
    return yaml.safe_load((COLLECTION / "meta" / "runtime.yml").read_text())["action_groups"]["docker"]


def documentation(module: Path) -> dict:
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION":
            return yaml.safe_load(node.value.value)
    raise AssertionError(f"{module.name} has no DOCUMENTATION")


def test_the_action_group_is_sorted_and_holds_each_module_once() -> None:
    assert action_group() == sorted(set(action_group()))


def test_the_action_group_is_the_modules_that_document_a_connection() -> None:
    connecting = [
        module.stem
        for module in MODULES
        if "imagewarden.docker.connection" in documentation(module).get("extends_documentation_fragment", [])
    ]
    assert action_group() == connecting


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_is_documented_under_its_file_name(module: Path) -> None:
    assert documentation(module)["module"] == module.stem

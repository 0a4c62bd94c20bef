# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

COLLECTION = Path(__file__).resolve().parents[3]
ROLE = COLLECTION / "roles" / "image_cleanup"

STAGES = [
    # variable of the role, module
    ("image_cleanup_containers", "container_remove"),
    ("image_cleanup_untag", "image_remove"),
    ("image_cleanup_policy", "image_prune_policy"),
]


def argument_spec() -> dict:
    return yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def assigned_text(source: Path, name: str) -> str:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return node.value.value
    raise AssertionError(f"{source.name} has no {name}")


def module_options(module: str) -> dict:
    """The options of a module, without those of its connection and those that the role sets."""
    documentation = yaml.safe_load(assigned_text(COLLECTION / "plugins" / "modules" / f"{module}.py", "DOCUMENTATION"))
    options = dict(documentation["options"])
    for fragment in documentation["extends_documentation_fragment"]:
        _namespace, _collection, name, *part = fragment.split(".")
        if name != "connection":
            source = COLLECTION / "plugins" / "doc_fragments" / f"{name}.py"
            text = assigned_text(source, part[0].upper() if part else "DOCUMENTATION")
            options.update(yaml.safe_load(text).get("options") or {})
    options.pop("after")
    return options


def shape(options: dict, suboptions: str) -> dict:
    """What decides whether a value is accepted, of options and of those below them; a role's spec has no aliases."""
    return {
        name: {
            "type": option["type"],
            "elements": option.get("elements"),
            "choices": list(option.get("choices") or []),
            "options": shape(option.get(suboptions) or {}, suboptions),
        }
        for own_name, option in options.items()
        for name in [own_name, *option.get("aliases", [])]
    }


@pytest.mark.parametrize(("variable", "module"), STAGES, ids=[row[0] for row in STAGES])
def test_a_stage_takes_the_options_of_its_module(variable: str, module: str) -> None:
    assert shape(argument_spec()[variable]["options"], "options") == shape(module_options(module), "suboptions")


def test_the_defaults_are_those_of_the_argument_spec() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert defaults == {name: option["default"] for name, option in argument_spec().items()}


def test_every_variable_is_in_the_readme() -> None:
    readme = (ROLE / "README.md").read_text()
    assert [name for name in argument_spec() if f"| `{name}` |" not in readme] == []

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import yaml

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.variables import (
    STAGE_VARIABLES,
    Settings,
    unknown_variables,
)

COLLECTION = Path(__file__).resolve().parents[3]
ROLE = COLLECTION / "roles" / "image_cleanup"


def argument_spec() -> dict:
    return yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def test_every_stage_has_a_variable_and_a_tag() -> None:
    assert set(STAGE_VARIABLES.values()) <= set(argument_spec())
    (task, *_others) = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text())
    assert task["tags"] == ["always", *STAGE_VARIABLES]


def test_the_plugin_knows_every_variable() -> None:
    directories = {f"image_cleanup_{name}_dir" for name in ("report", "snapshot", "textfile")}
    assert {*Settings.VARIABLES, *directories} == set(argument_spec())
    assert unknown_variables(argument_spec()) == []


def test_the_defaults_are_those_of_the_argument_spec() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert defaults == {name: option["default"] for name, option in argument_spec().items()}


def test_every_variable_is_in_the_readme() -> None:
    readme = (ROLE / "README.md").read_text()
    assert [name for name in argument_spec() if f"| `{name}` |" not in readme] == []

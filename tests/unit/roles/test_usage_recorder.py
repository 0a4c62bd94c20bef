# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that the role C(usage_recorder) puts together from the collection's files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "usage_recorder"
UTILS = ROOT / "plugins" / "module_utils"
PACKAGE = "ansible_collections.imagewarden.docker.plugins.module_utils."


def role_file(path):
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROLE / path).read_text(encoding="utf-8"))


def imported(source):
    """The files that one imports when it runs, and not for its types alone."""
    tree = ast.parse((UTILS / f"{source}.py").read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node in for_types or not node.module.startswith("ansible"):
            continue
        assert f"{node.module}.".startswith(PACKAGE), f"{source} imports {node.module}, which only a module has"
        base = node.module[len(PACKAGE) :].replace(".", "/")
        names = [f"{base}/{alias.name}" for alias in node.names if (UTILS / base / f"{alias.name}.py").is_file()]
        yield from names or [base]


def needed():
    found, left = set(), ["_usage/recorder"]
    while left:
        source = left.pop()
        if source not in found:
            found.add(source)
            left += imported(source)
    return sorted(found)


def program(**variables):
    """What the role's template makes of these files."""
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string((ROLE / "templates" / "usage_recorder.py.j2").read_text(encoding="utf-8"))
    return template.render(
        ansible_managed="Ansible managed",
        role_path=str(ROLE),
        usage_recorder_python=sys.executable,
        usage_recorder__sources=role_file("vars/main.yml")["usage_recorder__sources"],
        lookup=lambda plugin, path: Path(path).read_text(encoding="utf-8").rstrip(),
        **variables,
    )


def test_the_program_holds_every_file_that_it_imports_and_no_other():
    assert role_file("vars/main.yml")["usage_recorder__sources"] == needed()


def test_the_program_runs_without_the_collection_and_without_ansible(tmp_path):
    path = tmp_path / "usage_recorder.py"
    path.write_text(program(), encoding="utf-8")
    ran = subprocess.run([sys.executable, "-I", "-S", str(path), "--help"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "--usage-file" in ran.stdout


def test_the_program_holds_the_files_as_they_are():
    tree = ast.parse(program())
    [sources] = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "SOURCES"]
    for name, text in ast.literal_eval(sources).items():
        assert text == (UTILS / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")


def test_the_unit_of_an_engine_names_its_socket():
    jinja2 = pytest.importorskip("jinja2")
    defaults = role_file("defaults/main.yml")
    text = (ROLE / "templates" / "recorder.service.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["dirname"] = lambda path: str(Path(path).parent)
    unit = environment.from_string(text).render(
        ansible_managed="Ansible managed", engine=defaults["usage_recorder_engines"][0], **defaults
    )
    assert (
        "ExecStart=/usr/bin/python3 -I /usr/local/lib/imagewarden/usage_recorder.py"
        " --socket /var/run/docker.sock --usage-file /var/lib/imagewarden/usage.json\n"
    ) in unit
    assert "ReadWritePaths=/var/lib/imagewarden\n" in unit

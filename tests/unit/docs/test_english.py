# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user reads is in Docker's and Ansible's own words, and not in a private dialect."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

COLLECTION = Path(__file__).resolve().parents[3]
PAGES = (
    "*.md",
    "Makefile",
    "galaxy.yml",
    "changelogs/**/*.y*ml",
    "docs/docsite/**/*.rst",
    "docs/docsite/*.yml",
    "docs/site/*.rst",
    "demo/run",
    "demo/*.yml",
    "meta/*.yml",
    "playbooks/*",
    "roles/**/*.md",
    "roles/**/*.yml",
)
PROGRAMS = ("plugins/**/*.py", "demo/*.py")
_THINGS = (
    r"(it|that|what|which|one|nothing|everything|images?|references?|candidates?|parents?|tags?|digests?|containers?)"
)
# words as a regular expression, what to write instead
INSTEAD = [
    pytest.param(r"fore(tell\w*|told|casts?)", "predict", id="foretell"),
    pytest.param(r"(is|are|be|being) told|was told (to|of|by|that)", "reports, shows, determined", id="is told"),
    pytest.param(
        r"(Engine|store|image|result|page|answer|report|file|option|mode|runs?|date)s? tells?|which tells?|tells? (no|it|so)",
        "reports, shows, returns",
        id="tells, of a machine",
    ),
    pytest.param(r"makes? (a|the) director|is made by|made (anew|from)|being made", "creates", id="makes"),
    pytest.param(r"(a|no|any|each) text|texts", "a string", id="text"),
    pytest.param(r"folders?", "directory", id="folder"),
    pytest.param(r"to be had", "is not supported, is not available", id="is to be had"),
    pytest.param(r"(is|are) no (error|failure|version)s?", "is not an error", id="is no error"),
    pytest.param(r"so many (of|images|containers)", "the number of", id="so many"),
    pytest.param(r"stands? (in )?for|stand in playbooks", "is equivalent to, replaces", id="stands for"),
    pytest.param(r"lets? (go of|\w+ go|go)", "releases, removes", id="lets go"),
    pytest.param(
        rf"{_THINGS} goes(?! (on|by|back|together|to|beyond|through))|(may|would|could|must|had to|will) go(?! (on|by|back|together|to|beyond|through))",
        "is removed",
        id="goes",
    ),
    pytest.param(r"(is|are|was|were|be) gone|(goes|went|go) along", "is removed", id="is gone"),
    pytest.param(r"set free|takes? \w+ along", "freed, also removes", id="sets free"),
    pytest.param(r"one request an image|requests an image", "for each image", id="an image, of a price"),
]


@pytest.mark.parametrize(("words", "instead"), INSTEAD)
def test_a_word_that_users_do_not_say(words, instead):
    # A line may end between two words, and the next one begin as a comment.
    anywhere = words.replace(" ", r"[\s#]+")
    search = re.compile(rf"\b({anywhere})(?!\w)", re.IGNORECASE)
    found = [
        f"{where}: {' '.join(match.group().split())} ({instead})"
        for where, prose in _prose()
        for match in search.finditer(prose)
    ]
    assert found == []


def test_the_prose_of_every_kind_is_read():
    files = {where.partition(":")[0].partition("/")[0] for where, _prose_there in _prose()}
    assert {"README.md", "CHANGELOG.md", "changelogs", "demo", "docs", "playbooks", "plugins", "roles"} <= files


def _prose():
    """Where each piece stands, and the piece: whole pages, and the strings of programs."""
    for pattern in PAGES:
        for path in sorted(COLLECTION.glob(pattern)):
            if path.is_file():
                yield str(path.relative_to(COLLECTION)), path.read_text(encoding="utf-8")
    for pattern in PROGRAMS:
        for path in sorted(COLLECTION.glob(pattern)):
            for node in _strings(ast.parse(path.read_text(encoding="utf-8"))):
                yield f"{path.relative_to(COLLECTION)}:{node.lineno}", node.value


def _strings(tree):
    """The string constants of a program, those within f-strings too, but no docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user reads first is in Docker's and Ansible's own words, and not in a private dialect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

COLLECTION = Path(__file__).resolve().parents[3]
GUIDES = ("architecture", "commands", "exactness", "quickstart", "troubleshooting")
FILES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "Makefile",
    "changelogs/changelog.yaml",
    *(f"docs/docsite/rst/guide_{name}.rst" for name in GUIDES),
]
# words as a regular expression, what to write instead
INSTEAD = [
    pytest.param(r"fore(tell|told|cast)", "predict", id="foretell"),
    pytest.param(r"(is|are) told", "reports, shows", id="is told"),
    pytest.param(
        r"(Engine|store|image|result|page|answer)s? tells?", "reports, shows, returns", id="tells, of a machine"
    ),
    pytest.param(r"makes? (a|the) director|is made by", "creates", id="makes"),
    pytest.param(r"(a|no) text", "a string", id="text"),
    pytest.param(r"folders?", "directory", id="folder"),
    pytest.param(r"to be had", "is not supported, is not available", id="is to be had"),
    pytest.param(r"is no error", "is not an error", id="is no error"),
    pytest.param(r"so many (of|images|containers)", "the number of", id="so many"),
    pytest.param(r"stands? (in )?for", "is equivalent to, replaces", id="stands for"),
    pytest.param(r"graphdriver store", "graph drivers (overlay2)", id="graphdriver store"),
    pytest.param(r"lets? go of", "releases, removes", id="lets go"),
]


@pytest.mark.parametrize(("words", "instead"), INSTEAD)
def test_a_word_that_users_do_not_say(words, instead):
    found = [
        f"{name}:{number}: {line.strip()} ({instead})"
        for name in FILES
        if (COLLECTION / name).is_file()
        for number, line in enumerate((COLLECTION / name).read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(rf"\b({words})\b", _without_messages(line), re.IGNORECASE)
    ]
    assert found == []


def _without_messages(line):
    """A message is quoted word for word, and mended where it is written."""
    return re.sub(r"``.*?``", "", line)

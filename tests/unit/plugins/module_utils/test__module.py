# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._module import finish, hint_at_a_tag, passwords_in
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report

from .builders import cases


class Ended(Exception):
    pass


class FakeModule:
    def __init__(self) -> None:
        self.warned: list = []
        self.left: tuple = ()

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def exit_json(self, **result: object) -> None:
        self.left = ("exit", result)
        raise Ended

    def fail_json(self, **result: object) -> None:
        self.left = ("fail", result)
        raise Ended


ENDS = [
    # situation, result, warnings, how the module leaves
    (
        "a warning begins with the host",
        {"engine": {"host": "web-3"}, "changed": True},
        ["web-3: the disk is full"],
        ("exit", {"engine": {"host": "web-3"}, "changed": True}),
    ),
    (
        "an Engine that does not know its host",
        {"engine": {"host": ""}},
        ["the disk is full"],
        ("exit", {"engine": {"host": ""}}),
    ),
    (
        "a failure says no more that it is one",
        {"engine": None, "failed": True, "msg": "no"},
        ["the disk is full"],
        ("fail", {"engine": None, "msg": "no"}),
    ),
]


@pytest.mark.parametrize(("result", "warned", "left"), cases(ENDS))
def test_finish(result, warned, left) -> None:
    module = FakeModule()
    with pytest.raises(Ended):
        finish(module, Report(result, ["the disk is full"]))
    assert (module.warned, module.left) == (warned, left)


URLS = [
    # URL, its passwords
    ("tcp://user:secret@127.0.0.1:2376", ["secret"]),
    ("tcp://user:sec@ret@127.0.0.1:2376", ["sec@ret"]),
    ("tcp://:secret@127.0.0.1:2376", ["secret"]),
    ("user:secret@web-3", ["secret"]),
    ("ssh://user:sec:ret@web-3:22", ["sec:ret"]),
    ("ssh://user@web-3:22", []),
    ("tcp://127.0.0.1:2376", []),
    ("unix:///var/run/docker.sock", []),
    ("", []),
]


@pytest.mark.parametrize(("url", "passwords"), URLS)
def test_passwords_are_found_wherever_a_url_can_have_one(url, passwords) -> None:
    assert passwords_in(url) == passwords


HINTS = [
    # situation, Ansible's message, whether it gets the hint
    ("a tag", "Unsupported parameters for (image_remove) module: tag. Supported parameters include: names.", True),
    (
        "a tag and another",
        "Unsupported parameters for (image_remove) module: repository, tag. Supported parameters include: names.",
        True,
    ),
    ("another", "Unsupported parameters for (image_remove) module: tags. Supported parameters include: tag.", False),
    ("something else", "names: 'tag' is not a valid image reference", False),
]


@pytest.mark.parametrize(("message", "hinted"), cases(HINTS))
def test_who_writes_a_tag_as_an_option_learns_where_it_belongs(message, hinted) -> None:
    assert ("name:tag" in hint_at_a_tag(message)) is hinted

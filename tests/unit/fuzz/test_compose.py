# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a Compose file and its variables hold ends in what they name, or in one message that holds no secret."""

from __future__ import annotations

import random
import re
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import ImageWardenError
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose import Likeness
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose_files import read_compose_files
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose_variables import (
    ANYTHING,
    interpolate,
    read_environment,
)

from .harness import check_all

SECRET = "hunter2"
SOUND = """\
name: store
x-base: &base
  image: registry.example.com/base:${TAG:-1}
include: [{path: other.yaml, env_file: .env}]
services:
  web: {image: 'shop:$TAG', environment: {PASSWORD: hunter2}}
  api: {build: {context: ., tags: ['api:1']}}
  job: {<<: *base, extends: {file: other.yaml, service: job}}
  disk: {image: "disk:1", volumes: [{type: image, source: data:1, target: /d}]}
"""
OTHER = "services: {job: {image: 'job:${RELEASE}'}}"
ENVIRONMENT = "# of the shop\nTAG=1.4\nexport PASSWORD='hunter2'\nRELEASE=${TAG}-${BUILD:-x}\n"
PIECES = (
    *(
        "services:",
        "image:",
        "<<: *base",
        "&a",
        "*a",
        "!!python/object:os.system",
        "!reset",
        "---",
        "...",
        "\n",
        "  ",
        "\t",
    ),
    *(
        "- ",
        "? ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "#",
        "|",
        ">",
        "null",
        "~",
        "1.10",
        "\x00",
        "é",
        "\ufeff",
        "%YAML 9",
    ),
    *("${", "}", "$", "$$", ":-", ":?", ":+", "TAG", "export ", "=", "\\", "../", "oci://x", "@sha256:" + "a" * 64),
)


def check(exc: Exception, beginning: str = "") -> None:
    """Whether an error has words, these first, and no password."""
    assert str(exc)
    assert str(exc).startswith(beginning)
    assert SECRET not in str(exc)


def changed(choose: random.Random, text: str) -> str:
    """The text, in which some pieces are lost, doubled, or put in."""
    for _time in range(choose.choice([0, 1, 1, 2, 4])):
        start = choose.randrange(len(text) + 1)
        end = min(len(text), start + choose.choice([0, 0, 1, 3, 30]))
        text = text[:start] + choose.choice(PIECES) * choose.choice([1, 1, 1, 3]) + text[end:]
    return text


def test_files_are_read_or_refused(tmp_path):
    path = tmp_path / "compose.yaml"

    def attempt(choose: random.Random) -> None:
        path.write_text(changed(choose, SOUND), encoding="utf-8")
        (tmp_path / "other.yaml").write_text(changed(choose, OTHER), encoding="utf-8")
        (tmp_path / ".env").write_text(changed(choose, ENVIRONMENT), encoding="utf-8")
        try:
            found = read_compose_files([str(path)])
        except ImageWardenError as exc:
            check(exc, "keep.compose_files: ")
            return
        assert all(mention.named is not None or mention.likeness is not None for mention in found.mentions)
        assert not any(SECRET in warning for warning in found.warnings)

    check_all("compose files", attempt)


def text_of(choose: random.Random) -> str:
    return "".join(choose.choice(PIECES) for _piece in range(choose.randint(0, 12)))


def test_variables_are_read_or_refused():
    def attempt(choose: random.Random) -> None:
        text = text_of(choose)
        values: t.Mapping[str, str] = {"TAG": "1.4"}
        try:
            values = read_environment(changed(choose, ENVIRONMENT), values)
        except ValueError as exc:
            check(exc)
        assert isinstance(interpolate(text, values).text, str)

    check_all("variables", attempt)


def test_what_may_be_meant_is_what_an_expression_would_find():
    def attempt(choose: random.Random) -> None:
        letters = "ab:/" + ANYTHING
        before, after = (
            "".join(choose.choice(letters) for _letter in range(choose.randint(0, 5))) for _side in range(2)
        )
        pattern = before + ANYTHING + after
        text = "".join(choose.choice("ab:/") for _letter in range(choose.randint(0, 10)))
        expected = re.fullmatch(".*".join(map(re.escape, pattern.split(ANYTHING))), text) is not None
        assert Likeness.of(pattern).fits(text) == expected, (pattern, text)

    check_all("likenesses", attempt)

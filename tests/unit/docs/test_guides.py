# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
import itertools
import re
import textwrap
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache import request as build_caches
from ansible_collections.imagewarden.docker.plugins.module_utils._container import plan as containers
from ansible_collections.imagewarden.docker.plugins.module_utils._image import request as images
from ansible_collections.imagewarden.docker.plugins.module_utils._policy import request as policies
from ansible_collections.imagewarden.docker.plugins.modules import (
    build_cache_prune,
    container_remove,
    image_prune_policy,
    image_remove,
    image_usage_info,
)

COLLECTION = Path(__file__).resolve().parents[3]
GUIDES = sorted((COLLECTION / "docs" / "docsite" / "rst").glob("*.rst"))
YAML_BLOCK = ".. code-block:: yaml"

OPTIONS = {
    # key in a playbook or an inventory: module, what reads its parameters further
    "imagewarden.docker.build_cache_prune": (build_cache_prune, build_caches.Request.parse),
    "imagewarden.docker.container_remove": (container_remove, containers.Request.parse),
    "imagewarden.docker.image_remove": (image_remove, images.Request.parse),
    "imagewarden.docker.image_prune_policy": (image_prune_policy, policies.Policy.parse),
    "imagewarden.docker.image_usage_info": (image_usage_info, dict),
    "image_cleanup_containers": (container_remove, containers.Request.parse),
    "image_cleanup_images": (image_remove, images.Request.parse),
    "image_cleanup_policy": (image_prune_policy, policies.Policy.parse),
}


def yaml_blocks(guide):
    lines = guide.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.endswith(YAML_BLOCK):
            margin = " " * (len(line) - len(YAML_BLOCK) + 1)
            # The block goes on as long as lines are indented further than the directive.
            body = itertools.takewhile(partial(_is_within, margin), lines[number:])
            yield number, yaml.safe_load(textwrap.dedent("\n".join(body)))


def _is_within(margin, line):
    return not line.strip() or line.startswith(margin)


def options_in(data):
    """What modules are given anywhere in a task, a play or variables."""
    for key, value in data.items() if isinstance(data, dict) else ():
        if key in OPTIONS:
            yield key, value or {}
        else:
            yield from options_in(value)
    for item in data if isinstance(data, list) else ():
        yield from options_in(item)


EXAMPLES = [
    pytest.param(key, given, id=f"{guide.stem}:{number}:{key}")
    for guide in GUIDES
    for number, block in yaml_blocks(guide)
    for key, given in options_in(block)
]


def argument_spec(module):
    made = mock.Mock(side_effect=InterruptedError)
    with mock.patch.object(module, "AnsibleModule", made), pytest.raises(InterruptedError):
        module.main()
    return made.call_args[1]["argument_spec"]


#: What a variable may hold where a word would not do.
IN_A_VARIABLE = {"remove": {"all_unused": True}, "keep": None, "target": None, "guard": None}


@pytest.mark.parametrize(("key", "given"), EXAMPLES)
def test_an_example_is_what_its_module_takes(key, given):
    module, parse = OPTIONS[key]
    # Results of other tasks and files are there only when a playbook runs.
    given = {
        name: IN_A_VARIABLE.get(name, "from-a-variable") if "{{" in str(value) else value
        for name, value in given.items()
        if name not in ("after", "snapshot")
    }
    validated = ArgumentSpecValidator(argument_spec(module)).validate(given)
    assert validated.error_messages == []
    parse(validated.validated_parameters)


def texts_of_the_code():
    for source in (COLLECTION / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    for source in (COLLECTION / "playbooks").rglob("*.yml"):
        yield source.read_text(encoding="utf-8")


def test_every_message_of_the_guide_to_troubleshooting_is_one_of_the_code():
    guide = (COLLECTION / "docs" / "docsite" / "rst" / "guide_troubleshooting.rst").read_text(encoding="utf-8")
    code = "\n".join(texts_of_the_code())
    messages = re.findall(r"^ *``(.+)``$", guide, re.MULTILINE)
    # Words in capitals stand for values, and dots for what was left out; much is put together where there are signs.
    parts = [part.strip() for message in messages for part in re.split(r"\b[A-Z]{2,}\b|[0-9]+|[.:;,()]+", message)]
    assert messages
    assert [part for part in parts if part not in code] == []


LISTS = [
    # situation, the file, what stands before the name of a guide and behind it
    ("the site's first page", "docs/site/index.rst", "collections/imagewarden/docker/docsite/", "\n"),
    ("the README", "README.md", "(docs/docsite/rst/", ".rst)"),
]


@pytest.mark.parametrize(("path", "before", "behind"), [row[1:] for row in LISTS], ids=[row[0] for row in LISTS])
def test_every_guide_for_users_is_listed(path, before, behind):
    sections = yaml.safe_load((COLLECTION / "docs" / "docsite" / "extra-docs.yml").read_text(encoding="utf-8"))[
        "sections"
    ]
    text = (COLLECTION / path).read_text(encoding="utf-8")
    assert [name for name in sections[0]["toctree"] if f"{before}{name}{behind}" not in text] == []

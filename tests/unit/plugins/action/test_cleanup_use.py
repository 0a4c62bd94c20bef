# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.imagewarden.docker.plugins.action import cleanup_union, cleanup_use
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.elsewhere import Union, Use, User

from .actions import action

APP = {"id": f"sha256:{'a1' * 32}", "references": ["app:1"], "digests": []}
NAMES = ("app:1", "a1" * 8)
SHOP = {"name": "shop", "image": "app:1", "previous_image": None}


@pytest.fixture(name="module")
def fixture_module(monkeypatch):
    """In place of the start of a module on the host."""
    module = MagicMock(side_effect=lambda *_arguments, **_options: {"images": [APP], "services": [SHOP]})
    monkeypatch.setattr(cleanup_use.ActionModule, "_execute_module", module)
    return module


def read(defaults=(), **variables):
    found = action(cleanup_use, dict(defaults)).run(task_vars={"inventory_hostname": "web-1", **variables})
    assert not found.get("failed")
    return Use.load(found["use"]), found["msg"]


def test_every_engine_is_read(module) -> None:
    use, message = read({"timeout": 5}, image_cleanup_docker=[{"docker_host": "tcp://one"}, {}])
    assert [call.args for call in module.call_args_list] == [
        ("imagewarden.docker.image_usage_info", {**engine, "timeout": 5, "in_use": True, "services": True})
        for engine in ({"docker_host": "tcp://one"}, {})
    ]
    assert use.images == (
        (User("web-1", 0), NAMES),
        (User("web-1", -1, "shop"), ("app:1",)),
        (User("web-1", 1), NAMES),
        (User("web-1", -1, "shop"), ("app:1",)),
    )
    assert message == "4 images in use"


def test_without_variables_of_the_role_the_default_engine_is_read(module) -> None:
    read()
    assert module.call_args.args[1] == {"in_use": True, "services": True}


LOST = [
    # situation, what the start does, variables, why it is unknown, is the host unreachable
    ("a host that cannot be reached", AnsibleConnectionFailure("refused"), {}, "refused", True),
    ("a host without Python", AnsibleError("no\n python"), {}, "no python", False),
    ("no Engine", [{"failed": True, "msg": "no Engine"}], {}, "no Engine", False),
    ("a host that was lost", [{"unreachable": True}], {}, "no reason was given", True),
    ("no result", [{}], {}, "no reason was given", False),
    (
        "a mistake in the variables",
        [],
        {"image_cleanup_docker": {"dockerhost": "x"}},
        "image_cleanup_docker: dockerhost: no such option; did you mean docker_host?",
        False,
    ),
]


@pytest.mark.parametrize(
    ("answer", "variables", "why", "is_unreachable"), [r[1:] for r in LOST], ids=[r[0] for r in LOST]
)
def test_a_host_that_cannot_be_read_does_not_fail(answer, variables, why, is_unreachable, module) -> None:
    module.side_effect = answer
    use, message = read(**variables)
    assert use == Use((), why, is_unreachable)
    assert message == why


def test_the_union_of_a_play() -> None:
    left = {"image_cleanup__read": {"use": Use(images=((User("a", 0), NAMES),)).dump()}}
    refused = {"image_cleanup__read": {"use": Use(unknown="refused", is_unreachable=True).dump()}}
    variables = {"ansible_play_hosts_all": ["a", "b", "c"], "hostvars": {"a": left, "b": refused, "c": {}}}
    found = action(cleanup_union, {}).run(task_vars=variables)
    union = Union.load(found["union"])
    assert union.hosts == {"a", "b", "c"}
    assert union.unknown == {"b": ("refused", True), "c": ("it failed or was lost before it was read", False)}
    assert union.groups == (((User("a", 0),), tuple(sorted(NAMES))),)
    assert found["msg"] == (
        "1 host was read; what is used on b (refused), c (it failed or was lost before it was read) is not known"
    )


def test_the_union_of_known_hosts() -> None:
    uses = {host: {"image_cleanup__read": {"use": Use().dump()}} for host in "ab"}
    found = action(cleanup_union, {}).run(task_vars={"ansible_play_hosts_all": ["a", "b"], "hostvars": uses})
    assert found["msg"] == "2 hosts were read"

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.context import Context, chosen_context

from ..builders import cases

ROOTLESS = "unix:///run/user/1000/docker.sock"


def write(directory, config=None, meta=None, name="rootless"):
    if config is not None:
        (directory / "config.json").write_text(config)
    if meta is not None:
        stored = directory / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
        stored.mkdir(parents=True)
        (stored / "meta.json").write_text(meta)


def meta(host):
    return json.dumps({"Name": "rootless", "Endpoints": {"docker": {"Host": host}}})


CURRENT = '{"currentContext": "rootless"}'
CHOICES = [
    # situation, DOCKER_CONTEXT, config.json, meta.json, the name and the Engine of the context
    ("none", None, None, None, None),
    ("a configuration without one", None, "{}", None, None),
    ("the default", None, '{"currentContext": "default"}', None, None),
    ("docker context use", None, CURRENT, meta(ROOTLESS), ("rootless", ROOTLESS)),
    ("DOCKER_CONTEXT", "rootless", None, meta(ROOTLESS), ("rootless", ROOTLESS)),
    ("DOCKER_CONTEXT over the configuration", "default", CURRENT, meta(ROOTLESS), None),
    ("DOCKER_CONTEXT that is set to nothing", "", CURRENT, meta(ROOTLESS), ("rootless", ROOTLESS)),
    ("a context that is not there", "rootless", None, None, ("rootless", "")),
    ("a context of another kind", "rootless", None, '{"Endpoints": {"kubernetes": {}}}', ("rootless", "")),
    ("a damaged context", "rootless", None, "{", ("rootless", "")),
    ("a context that is a list", "rootless", None, "[]", ("rootless", "")),
    ("a damaged configuration", None, "{", None, None),
    ("a configuration that is a list", None, "[]", None, None),
]


@pytest.mark.parametrize(("variable", "config", "stored", "expected"), cases(CHOICES))
def test_the_context_that_the_cli_would_use(variable, config, stored, expected, tmp_path):
    write(tmp_path, config, stored)
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    if variable is not None:
        environ["DOCKER_CONTEXT"] = variable
    found = chosen_context(environ)
    if expected is None:
        assert found is None
    else:
        assert found == Context(expected[0], found.origin, expected[1])
        assert found.origin == ("DOCKER_CONTEXT" if variable else str(tmp_path / "config.json"))


def test_the_configuration_of_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".docker").mkdir()
    write(tmp_path / ".docker", CURRENT)
    assert chosen_context({}).name == "rootless"

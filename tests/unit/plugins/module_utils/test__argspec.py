# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.address import DEFAULT_DOCKER_HOST

# The cores that managed hosts of older Pythons get here have no such helper: their arguments are read the same way.
patch_module_args = pytest.importorskip("ansible.module_utils.testing").patch_module_args

VARIABLES = {
    "docker_host": "DOCKER_HOST",
    "tls": "DOCKER_TLS",
    "validate_certs": "DOCKER_TLS_VERIFY",
    "tls_hostname": "DOCKER_TLS_HOSTNAME",
    "api_version": "DOCKER_API_VERSION",
    "timeout": "DOCKER_TIMEOUT",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in VARIABLES.values():
        monkeypatch.delenv(name, raising=False)


def params_of(**arguments):
    # As a task's arguments arrive: from JSON.
    with patch_module_args(json.loads(json.dumps(arguments))):
        return AnsibleModule(argument_spec=CONNECTION).params


def test_a_variable_that_is_set_to_nothing_is_unset(monkeypatch):
    expected = params_of()
    for value in ("", " "):
        for name in VARIABLES.values():
            monkeypatch.setenv(name, value)
        assert params_of() == expected


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("docker_host", "tcp://e:1", "tcp://e:1"),
        ("tls", "true", True),
        ("validate_certs", "1", True),
        ("tls_hostname", "e", "e"),
        ("api_version", "1.41", "1.41"),
        ("timeout", "7", 7),
    ],
)
def test_a_variable_counts_where_the_option_is_not_set(option, value, expected, monkeypatch):
    monkeypatch.setenv(VARIABLES[option], value)
    assert params_of()[option] == expected


def test_only_an_address_that_nobody_set_is_the_default_itself(monkeypatch):
    assert params_of()["docker_host"] is DEFAULT_DOCKER_HOST
    assert params_of(docker_host=DEFAULT_DOCKER_HOST)["docker_host"] is not DEFAULT_DOCKER_HOST
    monkeypatch.setenv("DOCKER_HOST", DEFAULT_DOCKER_HOST)
    assert params_of()["docker_host"] is not DEFAULT_DOCKER_HOST


def test_debug_of_other_collections_is_taken():
    assert params_of(debug=True)["debug"] is True


def test_an_option_that_two_specs_define_is_a_mistake():
    with pytest.raises(ValueError, match="options defined twice: debug"):
        merge(CONNECTION, {"debug": {}})

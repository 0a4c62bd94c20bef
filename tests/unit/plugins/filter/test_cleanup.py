# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.imagewarden.docker.plugins.filter.cleanup import cleanup_option_errors

CONTAINERS, UNTAG, POLICY = "image_cleanup_containers", "image_cleanup_untag", "image_cleanup_policy"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {CONTAINERS: {}, UNTAG: {}, POLICY: {}},
        {CONTAINERS: {"name": "web", "states": "running,exited", "older_than": "2h"}},
        {UNTAG: {"patterns": ["app:*"], "filters": {"until": "24h"}, "on_conflict": "skip", "layers": "yes"}},
        {POLICY: {"remove": {"dangling": True}, "target": {"total_size": "5GB"}, "usage_file": "/tmp/usage.json"}},
    ],
)
def test_options_that_the_modules_take_are_no_errors(variables):
    assert cleanup_option_errors(variables) == []


@pytest.mark.parametrize(
    ("variable", "options", "part"),
    [
        (CONTAINERS, {"details": "all"}, "nothing selects a container"),
        (CONTAINERS, {"older_than": "soon"}, "older_than: 'soon'"),
        (CONTAINERS, {"states": ["asleep"]}, "asleep"),
        (CONTAINERS, {"docker_host": "tcp://elsewhere:2376", "patterns": ["*"]}, "docker_host"),
        (UNTAG, {"patterns": ["("], "use_regex": True}, "'('"),
        (UNTAG, {"filters": {"age": "1h"}}, "unknown filter 'age'"),
        (POLICY, {"keep": {"newest": 3}}, "remove"),
        (POLICY, {"remove": {"dangling": True}, "keep": {"younger_than": "3 fortnights"}}, "'3 fortnights'"),
        (POLICY, {"remove": {"dangling": True}, "target": {"total_size": "5 XB"}}, "'5 XB'"),
        (POLICY, "remove=dangling", "'remove=dangling' is no dictionary of options"),
        (POLICY, None, "None is no dictionary of options"),
    ],
)
def test_an_error_names_the_variable_and_quotes_the_value(variable, options, part):
    (error,) = cleanup_option_errors({variable: options})
    assert error.startswith(f"{variable}: ")
    assert part in error


def test_every_variable_with_a_mistake_is_told():
    errors = cleanup_option_errors({CONTAINERS: {"older_than": "soon"}, UNTAG: {"names": [""]}, POLICY: {}})
    assert [error.partition(":")[0] for error in errors] == [CONTAINERS, UNTAG]


def test_a_variable_that_the_role_does_not_have_is_refused():
    with pytest.raises(AnsibleFilterError, match="not image_cleanup_polcy"):
        cleanup_option_errors({"image_cleanup_polcy": {}})

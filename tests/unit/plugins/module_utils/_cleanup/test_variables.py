# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import STAGES
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.variables import (
    Settings,
    chosen_stages,
    host_pattern,
    plain,
    play_errors,
    read_settings,
    unknown_tags,
    unknown_variables,
)

from ..builders import cases

VALUES = {
    **dict.fromkeys(Settings.VARIABLES),
    "image_cleanup_docker": {},
    "image_cleanup_totals": "yes",
    "image_cleanup_on_error": "continue",
}


class Tagged(str):
    """As ansible-core hands values on: of its own types."""


def test_plain_values_have_no_types_of_ansible() -> None:
    found = plain({Tagged("a"): [Tagged("b"), (1, None, True)]})
    assert found == {"a": ["b", [1, None, True]]}
    assert not isinstance(next(iter(found)), Tagged)
    assert not isinstance(found["a"][0], Tagged)


def test_settings() -> None:
    settings, errors = read_settings(
        {
            **VALUES,
            "image_cleanup_policy": {"remove": {"dangling": True}},
            "image_cleanup_docker": [{}, {"timeout": 5}],
        },
        {"docker_host": "tcp://one", "timeout": 9},
    )
    assert errors == []
    assert settings.engines == ({"docker_host": "tcp://one", "timeout": 9}, {"docker_host": "tcp://one", "timeout": 5})
    assert settings.stages["policy"] == {"remove": {"dangling": True}}
    assert settings.stages["images"] == {}
    assert (settings.totals, settings.on_error) == (True, "continue")
    assert (settings.keep_used_on, settings.if_unknown, settings.progress) == ("", "stop", 15)


def test_patterns_of_hosts() -> None:
    assert host_pattern(None) == ("", [])
    assert host_pattern("web") == ("web", [])
    assert host_pattern(["web", " db "]) == ("web,db", [])


def test_a_target_that_stages_share() -> None:
    values = {
        **VALUES,
        "image_cleanup_policy": {"remove": {"dangling": True}},
        "image_cleanup_target": {"disk_used_below": "80"},
    }
    settings, errors = read_settings(values, {})
    assert (settings.target, errors) == ({"disk_used_below": "80"}, [])
    assert settings.stages["policy"] == {"remove": {"dangling": True}}
    assert read_settings({**values, "image_cleanup_target": {}}, {})[0].target == {}


MISTAKES = [
    # situation, variable, value, message
    ("a misspelt option", "policy", {"remov": {}}, "image_cleanup_policy: remov: no such option; did you mean remove?"),
    ("a string", "policy", "{}", "image_cleanup_policy: '{}' is not a dictionary of options"),
    (
        "a misspelt option of the connection",
        "docker",
        {"dockerhost": "x"},
        "image_cleanup_docker: dockerhost: no such option; did you mean docker_host?",
    ),
    ("no Engine", "docker", [], "image_cleanup_docker: an empty list names no Engine"),
    ("an address alone", "docker", ["x"], "image_cleanup_docker: 'x' is not a dictionary of connection options"),
    ("a number for hosts", "keep_used_on", 3, "image_cleanup_keep_used_on: 3 is not a pattern of hosts"),
    ("a way not to know", "if_unknown", "fail", "image_cleanup_if_unknown: 'fail' is neither stop nor continue"),
    ("a way to go on", "on_error", "ignore", "image_cleanup_on_error: 'ignore' is neither continue nor stop"),
    (
        "a boolean for seconds",
        "progress",
        False,
        "image_cleanup_progress: False is not a number of seconds of 0 or more; 0 prints none",
    ),
    (
        "a target that nothing shares",
        "target",
        {"disk_used_below": 80},
        "image_cleanup_target: nothing shares it: give image_cleanup_policy, image_cleanup_build_cache or both",
    ),
    (
        "a target that is no target",
        "target",
        {"disk_used": 80},
        "image_cleanup_target.disk_used: no such option; did you mean disk_used_below?",
    ),
    ("a boolean", "totals", "maybe", "image_cleanup_totals: 'maybe' is not a boolean"),
]


@pytest.mark.parametrize(("name", "value", "message"), cases(MISTAKES))
def test_mistakes(name, value, message) -> None:
    assert read_settings({**VALUES, f"image_cleanup_{name}": value}, {}) == (None, [message])


def test_a_connection_option_of_the_wrong_type() -> None:
    (message,) = read_settings({**VALUES, "image_cleanup_docker": {"timeout": "soon"}}, {})[1]
    assert message.startswith("image_cleanup_docker: argument 'timeout' is of type")


def test_variables_that_do_not_exist() -> None:
    names = ["image_cleanup_polcy", "image_cleanup__private", "image_cleanup_serial", "image_cleanup_summary", "other"]
    assert unknown_variables(names) == ["image_cleanup_polcy: no such variable; did you mean image_cleanup_policy?"]


def test_tags_that_do_not_exist() -> None:
    assert unknown_tags("--tags", ["all", "policy", "always"]) == []
    assert unknown_tags("--skip-tags", ["polcy"]) == ["--skip-tags: polcy: no such stage; did you mean policy?"]


ALL = list(STAGES)
TAGS = [
    # situation, what a play adds, --tags, --skip-tags, stages
    ("no tags", [], ["all"], [], ALL),
    ("one stage", [], ["policy"], [], ["policy"]),
    ("two stages", [], ["policy", "containers"], [], ["containers", "policy"]),
    ("all but one", [], ["all"], ["containers"], ALL[1:]),
    ("a tag of the play", ["cleanup"], ["cleanup"], [], ALL),
    ("a tag of the play, and a stage left out", ["cleanup"], ["cleanup"], ["images"], ["containers", *ALL[2:]]),
    ("a tag of something else", [], ["deploy"], [], []),
    ("whatever has a tag", [], ["tagged"], [], ALL),
    ("nothing that has a tag", [], ["all"], ["tagged"], []),
    ("nothing", [], ["all"], ["all"], []),
    ("what has no tag", [], ["untagged"], [], []),
]


@pytest.mark.parametrize(("added", "run_tags", "skip_tags", "stages"), cases(TAGS))
def test_tags_choose_stages(added, run_tags, skip_tags, stages) -> None:
    assert chosen_stages(["always", *STAGES, *added], run_tags, skip_tags) == stages


PLAYS = [
    # situation, serial, max_fail_percentage, throttle, beginnings of messages
    ("the defaults", "100%", 100, 0, []),
    ("a list", [1, "10%", "5"], "33.3", "4", []),
    ("no number", "foo", 100, 0, ["image_cleanup_serial: 'foo'"]),
    ("a list with no number", [1, "x%"], 100, 0, ["image_cleanup_serial: 'x%'"]),
    ("no host at a time", 0, 100, 0, ["image_cleanup_serial: 0"]),
    ("a share below nothing", 1, -1, 0, ["image_cleanup_max_fail_percentage: -1"]),
    ("a share that is none", 1, "some", 0, ["image_cleanup_max_fail_percentage: 'some'"]),
    ("a throttle below nothing", 1, 0, -3, ["image_cleanup_throttle: -3"]),
    ("half a host", 1, 0, 0.5, ["image_cleanup_throttle: 0.5"]),
    ("a boolean", 1, 0, True, ["image_cleanup_throttle: True"]),
]


@pytest.mark.parametrize(("serial", "percentage", "throttle", "begins"), cases(PLAYS))
def test_variables_of_the_play(serial, percentage, throttle, begins) -> None:
    found = play_errors(serial, percentage, throttle, "failures")
    assert [message[: len(begin)] for message, begin in zip(found, begins)] == begins
    assert len(found) == len(begins)

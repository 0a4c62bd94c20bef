# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._container.request import STATES, Request
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

from ..builders import cases, digest_reference

REFUSED = [
    # situation, options, part of the message
    ("no selector", {}, "nothing selects a container"),
    ("only what narrows", {"excludes": ["a"], "kill": True}, "nothing selects a container"),
    ("a name with a slash", {"names": ["a/b"]}, "names: 'a/b' is neither"),
    ("an empty name", {"names": [""]}, "names: '' is neither"),
    ("a broken glob", {"patterns": ["[a"]}, "patterns: '[a'"),
    ("an empty exclude", {"states": ["exited"], "excludes": [""]}, "excludes: "),
    ("a broken regular expression", {"patterns": ["("], "use_regex": True}, "patterns: '('"),
    ("a broken image", {"images": ["Upper:1"]}, "images: 'Upper:1'"),
    ("a broken image pattern", {"images": ["[a"]}, "images: '[a'"),
    ("a number", {"names": [1.1]}, 'names: 1.1 is, in YAML, a number and not a string: quote it, as in "1.10"'),
    ("no labels", {"labels": []}, "labels: an empty list"),
    ("an empty label", {"labels": ["=x"]}, "labels: '=x'"),
    ("a label that excludes", {"labels": ["keep!=yes"]}, "'keep!=yes' is not a label: to keep what has 'keep', write"),
    (
        "a label that excludes a key",
        {"names": ["web"], "exclude_labels": ["keep!"]},
        "exclude_labels: 'keep!' is not a label",
    ),
    ("a label without its value", {"labels": ["keep="]}, "labels: 'keep=' has no value: write 'keep'"),
    ("an age that is none", {"older_than": "soon"}, "older_than: 'soon'"),
    ("a negative timeout", {"names": ["web"], "stop_timeout": -1}, "stop_timeout: -1"),
    ("no container at a time", {"names": ["web"], "parallel": 0}, "parallel: 0 is less than 1"),
    ("a signal without kill", {"names": ["web"], "kill_signal": "INT"}, "kill_signal: 'INT' is sent only with kill"),
    ("no signal", {"names": ["web"], "kill": True, "kill_signal": "SIGNOW"}, "kill_signal: 'SIGNOW' is not a signal"),
    ("no number of a signal", {"names": ["web"], "kill": True, "kill_signal": "65"}, "kill_signal: '65' is not"),
    ("a repository with a digest", {"names": ["web"], "commit_to": digest_reference("a", "b")}, "commit_to: "),
    ("a repository in upper case", {"names": ["web"], "commit_to": "my/Attic"}, "commit_to: 'my/Attic'"),
    ("an empty repository", {"names": ["web"], "commit_to": ""}, "commit_to: ''"),
]


@pytest.mark.parametrize(("options", "message"), cases(REFUSED))
def test_refused_before_any_request(options, message):
    with pytest.raises(InvalidRequest) as raised:
        Request.parse(options)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("options", "needs"),
    [({"names": ["web"]}, False), ({"images": ["app"]}, True), ({"names": ["web"], "commit_to": "attic"}, True)],
)
def test_images_are_read_only_for_what_asks_for_them(options, needs):
    assert Request.parse(options).needs_images is needs


SIGNALS = [
    # situation, the option, what is sent
    ("by name", "SIGINT", "SIGINT"),
    ("by short name, in lower case", "hup", "HUP"),
    ("by number", 15, "15"),
    ("of real time", "SIGRTMIN+3", "SIGRTMIN+3"),
    ("none", None, None),
]


@pytest.mark.parametrize(("value", "sent"), cases(SIGNALS))
def test_signals(value, sent):
    assert Request.parse({"names": ["web"], "kill": True, "kill_signal": value}).kill_signal == sent


def test_any_state_is_every_state():
    assert Request.parse({"states": ["exited", "any"]}).states == STATES


def test_as_many_at_a_time_as_the_docker_cli():
    assert Request.parse({"states": ["any"]}).parallel == 50

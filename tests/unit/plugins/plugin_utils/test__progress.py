# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from ansible import constants
from ansible.errors import AnsibleConnectionFailure
from ansible.utils.display import Display

from ansible_collections.imagewarden.docker.plugins.module_utils._progress import VARIABLE, Note
from ansible_collections.imagewarden.docker.plugins.plugin_utils._progress import pause, told

PAUSES = [
    # situation, seconds, hosts at a time, pause
    ("one host", 15, 1, 15),
    ("a few hosts", 15, 15, 15),
    ("many hosts: a line a second in all", 15, 60, 60),
    ("a day at the most", float("inf"), 1, 24 * 3600),
]


@pytest.mark.parametrize(("seconds", "hosts", "expected"), [row[1:] for row in PAUSES], ids=[row[0] for row in PAUSES])
def test_pause(seconds, hosts, expected) -> None:
    assert pause(seconds, hosts) == expected


class Connection:
    """One with options, on which the state of the last command is left, as on Ansible's own."""

    def __init__(self, transport: str = "ssh") -> None:
        self.transport = transport
        self.become = None
        self._options = {"ssh_args": "-C", "reconnection_retries": 5}

    def get_option(self, name):
        return self._options[name]

    def set_option(self, name, value) -> None:
        self._options[name] = value


class Action:
    """An action plugin whose command for the host finds what a test says."""

    def __init__(self, answers, connection=None, check_mode=False, async_val=0, remote_tmp="~/.ansible/tmp") -> None:
        self.answers = list(answers)
        self._connection = connection or Connection()
        self._task = SimpleNamespace(environment=None, check_mode=check_mode, async_val=async_val)
        self.remote_tmp = remote_tmp
        self.commands = []
        self.read_everything = threading.Event()

    def get_shell_option(self, _name, default):
        return self.remote_tmp or default

    def _low_level_execute_command(self, command):
        self.commands.append((command, self._connection))
        if not self.answers:
            self.read_everything.set()
            return {"rc": 0, "stdout": ""}
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, dict) else {"rc": 0, "stdout": answer}


def note(*values) -> str:
    return Note(*values).dump().decode()


def readers(host: str) -> list[threading.Thread]:
    """The thread of a host that no other test names, while it runs: theirs may not have ended yet."""
    return [thread for thread in threading.enumerate() if thread.name == f"progress of {host}"]


LOST = AnsibleConnectionFailure("no connection that is open")

LINES = [
    # situation, answers one after the other, lines
    ("nothing noted yet", ["", "", note("images", 1, 3)], ["web: 1 of 3 images"]),
    ("nothing new", [note("images", 1, 3), note("images", 1, 3)], ["web: 1 of 3 images"]),
    ("one stage after the other", [note("containers", 1, 2), note("images", 0, 3)], ["web: 1 of 2 containers", "web: 0 of 3 images"]),
    ("a terminal's control codes", ["\x1b[2J", note("images", 1, 3)], ["web: 1 of 3 images"]),
    ("ssh still logs in", [LOST, {"rc": 255, "stdout": ""}, note("images", 1, 3)], ["web: 1 of 3 images"]),
    ("an error of any kind", [KeyError("x"), note("images", 1, 3)], ["web: 1 of 3 images"]),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "lines"), [row[1:] for row in LINES], ids=[row[0] for row in LINES])
def test_what_is_noted_is_shown(answers, lines) -> None:
    action, shown = Action(answers), []
    with told(action, "web", 0.001, shown.append):
        assert action.read_everything.wait(10)
    assert shown == lines


def test_a_connection_that_takes_no_second_command_is_given_up() -> None:
    action = Action([LOST, LOST, LOST, note("images", 1, 3)])
    with told(action, "lost", 0.001, print):
        for thread in readers("lost"):
            thread.join(10)
    assert len(action.commands) == 3


def test_nothing_is_shown_after_the_module_has_returned() -> None:
    """Nor does the task wait for a line that is on its way."""
    action, shown = Action([]), []
    began, may_answer = threading.Event(), threading.Event()

    def slow(_command):
        began.set()
        assert may_answer.wait(10)
        return {"rc": 0, "stdout": note("images", 1, 3)}

    action._low_level_execute_command = slow
    with told(action, "slow", 0.001, shown.append):
        assert began.wait(10)
        [thread] = readers("slow")
    may_answer.set()
    thread.join(10)
    assert not thread.is_alive()
    assert shown == []


def test_the_task_itself_notices_nothing() -> None:
    action = Action([""])
    action._task.environment = [{"LANG": "C"}]
    with told(action, "web", 0.001, print):
        (_own, noted) = action._task.environment
        assert action.read_everything.wait(10)
    assert action._task.environment == [{"LANG": "C"}]
    assert action._connection._options == {"ssh_args": "-C", "reconnection_retries": 5}
    command, connection = action.commands[0]
    assert noted[VARIABLE].startswith("~/.ansible/tmp/imagewarden-progress-")
    assert noted[VARIABLE] in command
    # Without the master of the task's own connection, ssh ends before it reaches a network.
    assert connection._options == {"ssh_args": "-o ProxyCommand=false -C", "reconnection_retries": 0}


def test_the_environment_is_put_back_when_the_module_fails() -> None:
    action = Action([""])

    def fail() -> None:
        with told(action, "web", 0.001, print):
            raise AnsibleConnectionFailure("lost")

    with pytest.raises(AnsibleConnectionFailure):
        fail()
    assert action._task.environment == []


SILENT = [
    # situation, action, seconds
    ("switched off", Action([]), 0),
    ("check mode", Action([], check_mode=True), 0.001),
    ("async", Action([], async_val=60), 0.001),
    ("another connection", Action([], connection=Connection("paramiko")), 0.001),
    ("a path that a shell would change", Action([], remote_tmp="/tmp/$(id)"), 0.001),
]


@pytest.mark.parametrize(("action", "seconds"), [row[1:] for row in SILENT], ids=[row[0] for row in SILENT])
def test_where_it_cannot_work_it_is_not_there(action, seconds) -> None:
    with told(action, "web", seconds, print):
        assert action._task.environment is None
    assert action.commands == []


LOUD = [("-vvv", Display(), "verbosity", 3), ("debugging", constants, "DEFAULT_DEBUG", True)]


@pytest.mark.parametrize(("place", "name", "value"), [row[1:] for row in LOUD], ids=[row[0] for row in LOUD])
def test_where_ansible_prints_every_command_it_is_not_there(place, name, value, monkeypatch) -> None:
    monkeypatch.setattr(place, name, value)
    action = Action([])
    with told(action, "web", 0.001, print):
        assert action._task.environment is None


def test_become_is_copied_too() -> None:
    connection = Connection("local")
    connection.become = Connection("sudo")
    action = Action([""], connection=connection)
    with told(action, "web", 0.001, print):
        assert action.read_everything.wait(10)
    _command, used = action.commands[0]
    assert used.become is not connection.become
    assert used._options == connection._options

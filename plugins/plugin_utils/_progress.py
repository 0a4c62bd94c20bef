# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin_utils file is private to the collection: it can change at any time without notice.

"""Says how far a host is while a module runs on it, by what the module notes there.

Nothing depends on it. The module runs where it would run anyway, and a thread reads beside it, in processes of its own. The
task never waits for that thread, which says nothing any more once the module has returned.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import re
import secrets
import threading
import typing as t

from ansible import constants
from ansible.utils.display import Display

from ansible_collections.imagewarden.docker.plugins.module_utils._progress import VARIABLE, Note

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible.plugins.action import ActionBase

#: Connections that take a second command beside the first. Others might have to log in again for it.
_SIDE_BY_SIDE = ("local", "ssh")
#: Without a connection that is open already, ssh takes this instead of a network, and ends at once.
_NO_SECOND_LOGIN = "-o ProxyCommand=false"
#: What is left to the shell in a path: the home directory and variables.
_PATH_RE = re.compile(r"~?[\w./$+-]+\Z", re.ASCII)
#: Hosts at once above which each says less, so that all of them together print no more than a line a second.
_MANY_HOSTS = 15
_LONGEST = 24 * 3600
#: How often in a row it is read in vain: at first, ssh may still be logging in.
_FAILURES = 3
#: From this verbosity on, Ansible prints each command itself: a line from a thread could come when its process ends.
_VERBOSE = 3


def pause(interval: float, hosts: int) -> float:
    """Seconds between two lines of a host, with so many hosts at a time."""
    return min(interval * max(1.0, hosts / _MANY_HOSTS), _LONGEST)


@contextlib.contextmanager
def told(action: ActionBase, host: str, seconds: float, show: Callable[[str], object]) -> Iterator[None]:
    """Within this, what a module notes is shown each so many seconds, where that can work."""
    reader = _Reader.beside(action) if seconds > 0 and _is_wanted(action) else None
    if reader is None:
        yield
        return
    task = action._task
    own = {VARIABLE: reader.path}
    task.environment = [*(task.environment or ()), own]
    teller = _Teller(reader.read, host, seconds, show)
    try:
        with teller:
            yield
    finally:
        task.environment = [environment for environment in task.environment if environment is not own]


def _is_wanted(action: ActionBase) -> bool:
    """Whether the module removes anything, and somebody watches it."""
    task, display = action._task, Display()
    is_quiet = display.verbosity < _VERBOSE and not constants.DEFAULT_DEBUG
    return is_quiet and not task.check_mode and not task.async_val


class _Reader:
    """Reads a file on a host with the user, the privileges and the connection of a task, and none of its state."""

    def __init__(self, action: ActionBase, path: str) -> None:
        self._action = action
        self.path = path

    @classmethod
    def beside(cls, action: ActionBase) -> _Reader | None:
        """One for a file that does not exist yet, or none for a connection that takes one command at a time."""
        connection = action._connection
        directory = action.get_shell_option("remote_tmp", default="~/.ansible/tmp")
        if connection.transport not in _SIDE_BY_SIDE or not _PATH_RE.match(str(directory)):
            return None
        own = copy.copy(action)
        own._connection = _copied(connection)
        own._connection.become = connection.become and _copied(connection.become)
        if connection.transport == "ssh":
            arguments = own._connection.get_option("ssh_args") or ""
            own._connection.set_option("ssh_args", f"{_NO_SECOND_LOGIN} {arguments}")
            own._connection.set_option("reconnection_retries", 0)
        return cls(own, f"{directory}/imagewarden-progress-{secrets.token_hex(16)}")

    def read(self) -> str | None:
        """What the file holds, which is nothing before the first note; ``None`` if it cannot be read beside the module."""
        try:
            answer = self._action._low_level_execute_command(f"cat {self.path} 2>/dev/null || true")
        except Exception:
            # Whatever a connection raises: a thread must not print it.
            return None
        return answer["stdout"] if answer["rc"] == 0 else None


def _copied(plugin: t.Any) -> t.Any:
    """A plugin of which the original notices nothing."""
    own = copy.copy(plugin)
    for name in ("_options", "_origins"):
        if isinstance(getattr(own, name, None), dict):
            setattr(own, name, dict(getattr(own, name)))
    return own


class _Teller:
    """Reads and shows from a thread, until its block is left."""

    def __init__(
        self, read: Callable[[], str | None], host: str, seconds: float, show: Callable[[str], object]
    ) -> None:
        self._read = read
        self._host = host
        self._seconds = seconds
        self._show = show
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._tell,), name=f"progress of {self._host}", daemon=True).start()

    def __exit__(self, *_exception: object) -> None:
        # With the lock: a process that ends within a line would leave Ansible's queue locked for all others.
        with self._lock:
            self._ended.set()

    def _tell(self) -> None:
        last, failures = None, 0
        while failures < _FAILURES and not self._ended.wait(self._seconds):
            text = self._read()
            failures = failures + 1 if text is None else 0
            note = Note.parse(text or "")
            if note not in (None, last):
                self._say(f"{self._host}: {note}")
                last = note

    def _say(self, line: str) -> None:
        with self._lock:
            if not self._ended.is_set():
                self._show(line)

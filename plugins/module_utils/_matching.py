# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Searching with an operator's regular expression, for a bounded time.

An expression such as C((a+)+$) takes twice as long for each further character of a name that does not match: years, for
most names. Which ones do cannot be read off them in general, so each search has a time limit. Python's engine lets a signal
interrupt a search; the clock is the processor's time of this process, so that a busy host makes no difference.
"""

from __future__ import annotations

import signal
import threading
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

#: Seconds of processor time for one expression and one name. Usual ones take some millionths of it.
SECONDS = 1.0
_REPEATS_OR_BRANCHES = "*+?{|"


class _Expired(Exception):
    """The time is over."""


def search(regex: t.Pattern[str], name: str, option: str = "") -> t.Match[str] | None:
    """What C(regex.search) finds. Raises :class:`InvalidRequest` when it takes too long."""
    # A handler of signals belongs to the main thread, where modules plan.
    if not _may_explode(regex.pattern) or threading.current_thread() is not threading.main_thread():
        return regex.search(name)
    previous = signal.signal(signal.SIGVTALRM, _expire)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            return regex.search(name)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _Expired:
        raise InvalidRequest(
            f"{option}{': ' if option else ''}{regex.pattern!r} takes too long: it was searched for in {name!r} for more than"
            " a second; write it without a repetition of a repetition, as in (a+)+, and with few .* in a row"
        ) from None
    finally:
        signal.signal(signal.SIGVTALRM, previous)


def _may_explode(text: str) -> bool:
    """Whether there is more than one choice to try: with one, a search takes the square of a name's length at the most."""
    return sum(text.count(sign) for sign in _REPEATS_OR_BRANCHES) > 1


def _expire(_signal: int, _frame: object) -> None:
    raise _Expired

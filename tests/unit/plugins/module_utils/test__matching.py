# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import signal
import threading

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils import _matching
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import Wildcard
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._matching import search
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Glob, parse_patterns
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

from .builders import cases

NAME = "registry.example.com/" + "a" * 200 + ":1"

EXPLODING = [
    # situation, regular expression
    ("a repetition of a repetition", "(a+)+$"),
    ("a repetition of alternatives that are the same", "(a|a)*$"),
    ("a repetition of alternatives that overlap", "(a|aa|a{3})+-"),
    ("what may be there, many times", "a?" * 60 + "a" * 60 + "-"),
    ("many stars in a row", "a*" * 12 + "-"),
    ("a counted repetition of a repetition", "(?:a{1,30}){1,30}-"),
]


@pytest.fixture(name="soon")
def fixture_soon(monkeypatch):
    monkeypatch.setattr(_matching, "SECONDS", 0.05)


@pytest.mark.parametrize("text", cases(EXPLODING))
def test_an_expression_that_explodes_is_one_clear_message(soon, text):
    (pattern,) = parse_patterns("keep.patterns", [text], True)
    reference = Reference.parse(NAME)
    for ask in (pattern.matches, pattern.protects):
        with pytest.raises(InvalidRequest, match=r"^keep\.patterns: '.*' takes too long: it was searched for in 'reg"):
            ask(reference)
    with pytest.raises(InvalidRequest, match=r"^keep\.patterns: "):
        pattern.finds("a" * 200 + "_")


def test_nothing_is_left_of_the_limit(soon):
    search(re.compile("(a|b)+c"), "aac")
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL


def test_in_another_thread_there_is_no_limit():
    found = []
    thread = threading.Thread(target=lambda: found.append(search(re.compile("(a|b)+c"), "aac")))
    thread.start()
    thread.join()
    assert found[0].group() == "aac"


GLOBS = [
    # situation, pattern, name, expected
    ("of the reference", Glob.parse("*a" * 100 + "-b"), "a" * 200, False),
    ("of a description", Wildcard.parse("*a" * 100 + "-b"), "a" * 5000, False),
    (
        "of a description, at its end",
        Wildcard.parse("RUN*apt?get*upgrade*"),
        "RUN /bin/sh -c apt-get -y upgrade #\n",
        True,
    ),
    ("of a description, without a star", Wildcard.parse("pulled?"), "pulled", False),
    ("of a description, to the last end", Wildcard.parse("a*b*c"), "a b c b", False),
    ("of a description, to a later end", Wildcard.parse("a*b*b"), "a b c b", True),
]


@pytest.mark.parametrize(("glob", "name", "expected"), cases(GLOBS))
def test_globs_need_no_limit(glob, name, expected):
    assert glob.finds(name) is expected

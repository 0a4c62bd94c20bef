# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.registries import ask_registries
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

from ..builders import cases, digest_reference

PUSHED = digest_reference("r.io/app", "d1")
OTHER = digest_reference("other.io/app", "d1")

SAYS = [
    ("the registry has it", {}, True, "r.io has"),
    ("the registry has it no more", {PUSHED: EngineError(404, "manifest unknown")}, False, "does not show"),
    ("it is not for us", {PUSHED: EngineError(401, "unauthorized")}, False, "does not show"),
    (
        "the registry does not answer",
        {PUSHED: EngineError(500, "no such host")},
        False,
        "the registry r.io does not answer: no such host",
    ),
    (
        "the Engine does not answer in time",
        {PUSHED: EngineUnavailable("timed out")},
        False,
        "does not answer: timed out",
    ),
]


def ask(names, registries):
    """One image's answer."""
    return ask_registries({"a1": [Reference.parse(name) for name in names]}, registries)["a1"]


class Registries:
    """Answers as told, and counts."""

    def __init__(self, answers):
        self._answers = answers
        self._lock = threading.Lock()
        self.asked = []

    def __call__(self, name):
        with self._lock:
            self.asked.append(name)
        if name in self._answers:
            raise self._answers[name]


@pytest.mark.parametrize(("answers", "is_there", "text"), cases(SAYS))
def test_only_a_clear_yes_counts(answers, is_there, text):
    answer = ask([PUSHED], Registries(answers))
    assert (answer.is_there, text in answer.text) == (is_there, True)


def test_one_of_several_registries_is_enough():
    registries = Registries({OTHER: EngineError(404, "unknown")})
    assert ask([OTHER, PUSHED], registries).is_there
    assert registries.asked == [OTHER, PUSHED]


def test_an_image_that_no_registry_can_know_is_asked_for_nowhere():
    registries = Registries({})
    answer = ask([], registries)
    assert (answer.is_there, registries.asked) == (False, [])


def test_a_registry_that_does_not_answer_is_not_asked_for_every_image():
    names = [digest_reference("r.io/app", f"{n:03}") for n in range(200)]
    registries = Registries({name: EngineUnavailable("timed out") for name in names})
    answers = ask_registries({name: [Reference.parse(name)] for name in names}, registries)
    assert len(answers) == 200
    assert not any(answer.is_there for answer in answers.values())
    assert len(registries.asked) < 20

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import at_once, several


def test_results_come_in_the_order_of_the_items():
    second_ended = threading.Event()

    def double(number):
        if number == 1:
            assert second_ended.wait(5)
        if number == 2:
            second_ended.set()
        return 2 * number

    assert several(double, [1, 2, 3]) == [2, 4, 6]
    assert several(double, []) == []


@pytest.mark.parametrize(("items", "workers", "most"), [(20, 4, 4), (3, 8, 3), (5, 1, 1), (1, 8, 1)])
def test_no_more_than_so_many_run_at_once(items, workers, most):
    lock = threading.Lock()
    running, seen = set(), [0]
    all_there = threading.Barrier(most)

    def run(item):
        with lock:
            running.add(item)
            seen[0] = max(seen[0], len(running))
        if item < most:
            all_there.wait(5)
        with lock:
            running.remove(item)

    several(run, range(items), workers)
    assert seen[0] == most


def test_the_first_error_is_raised_and_what_has_not_begun_is_left():
    begun = []

    def run(number):
        begun.append(number)
        if number in (1, 2):
            raise ValueError(number)
        # Long enough that the error is seen before all have begun, on a busy machine too.
        time.sleep(0.005)

    with pytest.raises(ValueError, match="1"):
        several(run, range(1000), workers=2)
    assert {0, 1} <= set(begun)
    assert len(begun) < 1000


def test_functions_are_called_at_once():
    met = threading.Barrier(2)
    assert at_once(lambda: met.wait(5) >= 0, lambda: met.wait(5) >= 0) == [True, True]

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No import goes up or round in a circle: a change on one floor is of no concern to those below it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

COLLECTION = Path(__file__).resolve().parents[3]


def load_rooms():
    """The tool that draws them; tests of a collection cannot import its tests/tools by name everywhere."""
    specification = importlib.util.spec_from_file_location("rooms", COLLECTION / "tests" / "tools" / "rooms.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["rooms"] = module
    specification.loader.exec_module(module)
    return module


rooms = load_rooms()
ARROWS = rooms.arrows()

#: What decides, and what it must not know: reports, effects, and how a module is run.
DECIDERS = ("plan.py", "protect.py", "request.py")
NOT_FOR_DECIDERS = ("report.py", "execute.py", "stage.py")
#: What has effects, or is run by Ansible on its own.
EFFECTS = ("execute.py", "measure.py", "archive.py", "transport.py")


def name_of(path):
    return path.rpartition("/")[2]


def test_there_are_arrows():
    assert len(ARROWS) > 100


def test_every_room_has_a_floor():
    assert {rooms.room_of(path) for path in rooms.files()} <= {room for floor in rooms.FLOORS for room in floor}


def test_no_arrow_goes_up():
    def goes_down(arrow):
        source, target = rooms.room_of(arrow.source), rooms.room_of(arrow.target)
        if source == target or {source, target} <= set(rooms.GROUND):
            return True
        return rooms.floor_of(source) > rooms.floor_of(target)

    assert [arrow for arrow in ARROWS if not goes_down(arrow)] == []


def test_there_is_no_circle():
    waiting = {path: set() for path in rooms.files()}
    for arrow in ARROWS:
        if not arrow.is_for_types:
            waiting[arrow.source].add(arrow.target)
    free = {path for path, targets in waiting.items() if not targets}
    while free:
        waiting = {path: targets - free for path, targets in waiting.items() if path not in free}
        free = {path for path, targets in waiting.items() if not targets}
    assert waiting == {}


def test_what_decides_knows_no_report_and_no_effect():
    wrong = [a for a in ARROWS if name_of(a.source) in DECIDERS and name_of(a.target) in NOT_FOR_DECIDERS]
    assert wrong == []


def test_what_runs_on_the_controller_imports_no_module_and_no_effect():
    on_the_controller = [arrow for arrow in ARROWS if arrow.source.startswith(("filter/", "action/"))]
    wrong = [arrow for arrow in on_the_controller if arrow.target.startswith("modules/")]
    wrong += [arrow for arrow in on_the_controller if name_of(arrow.target) in EFFECTS]
    assert wrong == []


def test_no_module_imports_another():
    wrong = [arrow for arrow in ARROWS if arrow.source.startswith("module") and arrow.target.startswith("modules/")]
    assert wrong == []

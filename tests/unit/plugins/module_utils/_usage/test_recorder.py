# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import Event, InspectedContainer
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    Sighting,
    UsageRecord,
    Watched,
    load,
    save,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.recorder import Recorder, Stopped, main

from ..builders import container, image, image_id

A, B = image_id("a1"), image_id("b1")
START = 1_700_000_000.0
IMAGES = (image("a1", "app:1"), image("b1", "b:1"))


class World:
    """A clock, and an Engine that plays one scene after the other: events, or an error, for each request for events."""

    def __init__(self, *scenes, containers=(), finished=None, images=IMAGES):
        self.now = START
        self.facts = EngineFacts(id="engine")
        self.images = images
        self.lists = 0
        self._scenes = list(scenes)
        self._containers = containers
        self._finished = finished

    def connect(self):
        return self

    def list_images(self):
        self.lists += 1
        return self.images

    def list_containers(self):
        return self._containers

    def find_container(self, name):
        raise EngineError(500, f"broken: {name}")

    def try_to_inspect_container(self, name):
        return None if self._finished is None else InspectedContainer(name, finished=self._finished)

    def try_to_inspect_image(self, name):
        return None

    def events(self, since, until):
        scene = self._scenes.pop(0) if self._scenes else Stopped()
        if isinstance(scene, BaseException):
            raise scene
        yield from scene
        self.now = max(self.now, until)


def used(name, ago, action="die", of="x"):
    return Event("container", action, of, name, START - ago)


@pytest.fixture(name="record")
def fixture_record(tmp_path):
    """Runs a recorder through a world, and returns the record and what was logged."""
    path = str(tmp_path / "usage.json")

    def run(world, known=None):
        said = []
        if known is not None:
            save(path, "engine", known, START - 1000)

        def pause(seconds):
            world.now += seconds

        recorder = Recorder(world.connect, path, said.append, lambda: world.now, pause)
        with pytest.raises(Stopped):
            recorder.run()
        return load(path, "engine")[0], said

    return run


def test_uses_are_written_as_they_happen(record):
    found, said = record(World([], [used("app:1", -3)]))
    assert found.sightings == {A: Sighting(START, START + 3), B: Sighting(START)}
    assert found.watched == Watched(START, START + 5)
    assert said == []


def test_what_was_used_before_the_start_is_read_from_the_replay_and_the_containers(record):
    world = World([used("app:1", 50)], containers=(container("c", "b1", created=START - 90),), finished=START - 40)
    found, _said = record(world)
    assert found.sightings == {A: Sighting(START, START - 50), B: Sighting(START, START - 40)}
    assert found.watched.since == START - 50


def test_a_container_whose_inspection_fails_was_used_at_its_creation(record):
    found, _said = record(World([], containers=(container("c", "b1", created=START - 90),)))
    assert found.sightings[B].last_used == START - 90


def test_time_in_which_nobody_watched_is_noted(record):
    known = UsageRecord({A: Sighting(START - 999, START - 900)}, Watched(START - 999, START - 800))
    found, said = record(World([used("b:1", 50)]), known)
    assert found.watched == Watched(START - 50, START)
    assert said == ["uses can have been missed from 2023-11-14T22:00:00Z to 2023-11-14T22:12:30Z"]
    assert found.sightings[A] == Sighting(START - 999, START - 900)


def test_a_replay_that_reaches_back_leaves_no_gap(record):
    known = UsageRecord({}, Watched(START - 999, START - 60))
    found, said = record(World([used("b:1", 70)]), known)
    assert (found.watched, said) == (Watched(START - 999, START), [])


def test_an_engine_that_is_started_again_was_watched_until_its_end(record):
    lost = EngineUnavailable("it ended")
    world = World([], [used("app:1", -2)], lost, lost, [used("b:1", -9)])
    found, said = record(world)
    assert found.watched.since == START
    assert (found.sightings[A].last_used, found.sightings[B].last_used) == (START + 2, START + 9)
    assert said == ["waiting for the Engine: it ended"]


def test_a_full_replay_after_a_pause_leaves_a_gap(record):
    events = [used("app:1", -30, of=str(number)) for number in range(256)]
    found, said = record(World([], EngineUnavailable("it ended"), events))
    assert found.watched.since == START + 30
    assert said[1].startswith("uses can have been missed from 2023-11-14T22:13:20Z")


def test_what_was_noted_is_not_lost_with_the_engine(record):
    class Ending(list):
        def __iter__(self):
            yield used("app:1", -2)
            raise EngineUnavailable("it ended")

    assert record(World([], Ending()))[0].sightings[A].last_used == START + 2


def test_images_are_listed_again_now_and_then_while_they_change(record):
    tag = Event("image", "tag", A, "app:2", START)
    world = World([], [tag], [tag])
    record(world)
    assert world.lists == 1
    world = World([], *[[tag]] * 125)
    record(world)
    assert world.lists == 2


def test_a_host_on_which_nothing_happens_writes_once_a_minute(record):
    world = World([], *[[]] * 15)
    found, _said = record(world)
    assert found.watched == Watched(START, START + 75)


def test_a_record_that_cannot_be_used_is_logged_once(tmp_path):
    (tmp_path / "usage.json").mkdir()
    world, said = World([], [used("app:1", -1)], [used("app:1", -7)]), []
    with pytest.raises(Stopped):
        Recorder(world.connect, str(tmp_path / "usage.json"), said.append, lambda: world.now).run()
    assert ["cannot be read" in said[0], "cannot be written" in said[1]] == [True, True]


def test_the_program_says_what_it_takes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--socket" in capsys.readouterr().out

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._policy import usage_record
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    Sighting,
    UsageRecord,
    Watched,
    load,
    remember,
    save,
)

from ..builders import cases

ENGINE = "d8b1"
A, B = "sha256:a", "sha256:b"

DAMAGED = [
    ("no JSON", "{"),
    ("nothing", ""),
    ("a list", "[]"),
    ("no version", "{}"),
    ("no engines", '{"version": 1}'),
    ("an engine without images", '{"version": 1, "engines": {"d8b1": {"updated": 1}}}'),
    ("times that are none", '{"version": 1, "engines": {"d8b1": {"updated": 1, "images": {"a": ["x", null]}}}}'),
    ("too few times", '{"version": 1, "engines": {"d8b1": {"updated": 1, "images": {"a": []}}}}'),
    ("images in a list", '{"version": 1, "engines": {"d8b1": {"updated": 1, "images": []}}}'),
    ("a time of the run that is none", '{"version": 1, "engines": {"x": {"updated": "y", "images": {}}}}'),
    (
        "a time without end",
        '{"version": 1, "engines": {"d8b1": {"updated": 1, "images": {"a": [' + "9" * 400 + ", null]}}}}",
    ),
    ("binary", "\x00\x01"),
    ("a watch that is none", '{"version": 1, "engines": {"d8b1": {"updated": 1, "watched": 5, "images": {}}}}'),
    ("a watch without end", '{"version": 1, "engines": {"d8b1": {"updated": 1, "watched": [5], "images": {}}}}'),
]

SEEN = [
    ("a new image", {}, {}, {A: Sighting(100)}),
    ("a new image in use", {}, {A: 90}, {A: Sighting(100, 90)}),
    ("a known image", {A: Sighting(1)}, {}, {A: Sighting(1)}),
    ("a known image in use", {A: Sighting(1)}, {A: 90}, {A: Sighting(1, 90)}),
    ("a later use", {A: Sighting(1, 50)}, {A: 90}, {A: Sighting(1, 90)}),
    ("an earlier use", {A: Sighting(1, 95)}, {A: 90}, {A: Sighting(1, 95)}),
    ("an image that is gone", {A: Sighting(1), B: Sighting(2)}, {B: 90}, {A: Sighting(1)}),
]


JOINED = [
    # situation, what is watched, what was watched before, together
    ("nobody watched before", (5, 9), None, (5, 9)),
    ("one reaches into the other", (5, 9), (2, 6), (2, 9)),
    ("one ends where the other begins", (5, 9), (2, 5), (2, 9)),
    ("one within the other", (5, 6), (2, 9), (2, 9)),
    ("a gap: what is before it is not watched to its end", (5, 9), (2, 4), (5, 9)),
    ("a gap, whoever comes first", (2, 4), (5, 9), (5, 9)),
]


@pytest.fixture(name="path")
def fixture_path(tmp_path):
    return str(tmp_path / "var" / "lib" / "usage.json")


@pytest.mark.parametrize(("known", "used", "expected"), cases(SEEN))
def test_a_look_at_the_images_updates_the_record(known, used, expected):
    assert UsageRecord(known).seen([A], used, 100).sightings == expected


def test_what_was_saved_is_loaded(path):
    record = UsageRecord({A: Sighting(1.5), B: Sighting(2, 3)})
    assert save(path, ENGINE, record, 10) is None
    assert load(path, ENGINE) == (record, None)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert sorted(os.listdir(os.path.dirname(path))) == ["usage.json", "usage.json.lock"]


@pytest.mark.parametrize(("now", "before", "expected"), cases(JOINED))
def test_the_time_in_which_no_use_was_missed(now, before, expected):
    before = before and Watched(*before)
    assert Watched(*now).joined(before) == expected
    record = UsageRecord({}, before)
    assert record.seen([], {}, 10, Watched(*now)).watched == expected
    assert UsageRecord({}, Watched(*now)).merged(record).watched == expected
    assert record.seen([], {}, 10).watched == before
    assert UsageRecord().merged(record).watched == before


def test_what_was_watched_is_saved_and_joined_with_what_others_watched(path):
    save(path, ENGINE, UsageRecord({A: Sighting(1)}, Watched(2, 6)), 10)
    save(path, ENGINE, UsageRecord({A: Sighting(1)}, Watched(5, 9)), 11)
    save(path, ENGINE, UsageRecord({A: Sighting(1)}), 12)
    assert load(path, ENGINE)[0].watched == Watched(2, 9)


def test_a_missing_record_is_a_warning(path):
    record, warning = load(path, ENGINE)
    assert record == UsageRecord()
    assert f"there is no usage record {path} yet" in warning


@pytest.mark.parametrize("content", cases(DAMAGED))
def test_a_damaged_record_is_a_warning_and_is_replaced(tmp_path, content):
    path = tmp_path / "usage.json"
    path.write_text(content)
    record, warning = load(str(path), ENGINE)
    assert (record, "is damaged" in warning) == (UsageRecord(), True)
    assert save(str(path), ENGINE, UsageRecord({A: Sighting(1)}), 10) is None
    assert load(str(path), ENGINE) == (UsageRecord({A: Sighting(1)}), None)


def test_a_record_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "usage.json"
    path.write_text('{"version": 2}')
    record, warning = load(str(path), ENGINE)
    assert (record, "newer version" in warning) == (UsageRecord(), True)
    assert "newer version" in save(str(path), ENGINE, UsageRecord(), 10)
    assert path.read_text() == '{"version": 2}'


def test_a_time_that_is_written_as_a_text_is_a_time(tmp_path):
    path = tmp_path / "usage.json"
    path.write_text('{"version": 1, "engines": {"other": {"updated": "9", "images": {}}}}')
    assert save(str(path), ENGINE, UsageRecord(), 10) is None
    assert sorted(json.loads(path.read_text())["engines"]) == [ENGINE, "other"]


def test_the_name_of_the_file_does_not_matter(tmp_path):
    path = str(tmp_path / "newer" / "usage.json")
    assert save(path, ENGINE, UsageRecord({A: Sighting(1)}), 10) is None
    assert load(path, ENGINE) == (UsageRecord({A: Sighting(1)}), None)


def test_a_record_that_cannot_be_read_or_written_is_a_warning(tmp_path):
    directory = tmp_path / "usage.json"
    directory.mkdir()
    assert "cannot be read" in load(str(directory), ENGINE)[1]
    assert "cannot be written" in save(str(directory), ENGINE, UsageRecord(), 10)
    (tmp_path / "file").touch()
    assert "cannot be written" in save(str(tmp_path / "file" / "usage.json"), ENGINE, UsageRecord(), 10)


def test_a_record_whose_lock_is_held_is_a_warning_within_seconds(path, monkeypatch):
    monkeypatch.setattr(usage_record, "_LOCK", 0.1)
    save(path, ENGINE, UsageRecord({A: Sighting(1)}), 10)
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert save(path, ENGINE, UsageRecord({A: Sighting(2)}), 10) == (
            f"the usage record {path} cannot be written: another process has held its lock for 0.1 seconds"
        )
    assert save(path, ENGINE, UsageRecord({A: Sighting(1)}), 10) is None


def test_check_mode_writes_nothing(path):
    assert remember(path, ENGINE, UsageRecord(), 10, check_mode=True) is None
    assert not os.path.exists(os.path.dirname(path))
    assert remember(path, ENGINE, UsageRecord(), 10, check_mode=False) is None
    assert os.path.exists(path)


def test_each_engine_has_a_record_of_its_own(path):
    save(path, "one", UsageRecord({A: Sighting(1)}), 10)
    save(path, "two", UsageRecord({B: Sighting(2)}), 11)
    assert [load(path, engine)[0].sightings for engine in ("one", "two", "three")] == [
        {A: Sighting(1)},
        {B: Sighting(2)},
        {},
    ]


def test_what_another_run_saw_meanwhile_is_not_lost(path):
    save(path, ENGINE, UsageRecord({A: Sighting(5, 70), B: Sighting(1)}), 10)
    save(path, ENGINE, UsageRecord({A: Sighting(7, 60)}), 11)
    assert load(path, ENGINE)[0].sightings == {A: Sighting(5, 70)}


def test_the_record_does_not_grow_without_bound(path, monkeypatch):
    monkeypatch.setattr(usage_record, "_MOST_ENGINES", 3)
    for number in range(6):
        save(path, f"engine-{number}", UsageRecord({A: Sighting(1)}), 1000 + number)
    with open(path, encoding="utf-8") as file:
        assert sorted(json.load(file)["engines"]) == ["engine-3", "engine-4", "engine-5"]
    save(path, "much-later", UsageRecord(), 1000 + 500 * 86400)
    with open(path, encoding="utf-8") as file:
        assert list(json.load(file)["engines"]) == ["much-later"]


def test_many_runs_at_a_time_do_not_damage_it(path):
    def run(number):
        for round_number in range(5):
            save(path, f"engine-{number}", UsageRecord({A: Sighting(number, round_number)}), 10)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [load(path, f"engine-{n}")[0].sightings for n in range(8)] == [{A: Sighting(n, 4)} for n in range(8)]


def test_a_write_that_fails_leaves_the_old_record_and_no_litter(path, monkeypatch):
    save(path, ENGINE, UsageRecord({A: Sighting(1)}), 10)

    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(usage_record.os, "fsync", fail)
    assert "No space left on device" in save(path, ENGINE, UsageRecord({B: Sighting(2)}), 11)
    assert load(path, ENGINE)[0].sightings == {A: Sighting(1)}
    assert sorted(os.listdir(os.path.dirname(path))) == ["usage.json", "usage.json.lock"]


def test_uses_that_events_show_are_noted_beside_what_is_known():
    known = UsageRecord({A: Sighting(1, 5)})
    assert known.noted({B: 7}, 10, Watched(6, 10)) == UsageRecord(
        {A: Sighting(1, 5), B: Sighting(10, 7)}, Watched(6, 10)
    )

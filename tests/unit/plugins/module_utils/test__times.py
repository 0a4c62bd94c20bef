# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._times import (
    EARLIEST_CREDIBLE,
    Moment,
    format_time,
    is_credible,
    parse_duration,
    parse_engine_time,
)

from .builders import cases

NOW = 1_600_000_000.0

LIMITS = [
    # situation, text, Unix seconds
    ("hours", "168h", NOW - 604800),
    ("days", "7d", NOW - 604800),
    ("weeks", "2w", NOW - 1209600),
    ("several units", "1h30m", NOW - 5400),
    ("all units", "1w1d1h1m1s1ms", NOW - 694861.001),
    ("fraction", "1.5h", NOW - 5400),
    ("no time at all", "0s", NOW),
    ("white space around", " 7d ", NOW - 604800),
    ("UTC", "2020-07-07T00:00:00Z", 1594080000),
    ("offset to the east", "2020-07-07T02:00:00+02:00", 1594080000),
    ("offset to the west", "2020-07-06T22:30:00-0130", 1594080000),
    ("fraction of a second", "2020-07-07T00:00:00.25Z", 1594080000.25),
    ("space for T", "2020-07-07 00:00:00Z", 1594080000),
    ("minutes only", "2020-07-07T00:00Z", 1594080000),
    ("hours only", "2020-07-07T00Z", 1594080000),
    ("date in UTC", "2020-07-07Z", 1594080000),
    ("Unix seconds", "1594080000", 1594080000),
    ("Unix seconds with a fraction", "1594080000.5", 1594080000.5),
]

NO_LIMITS = [
    # situation, text
    ("empty", ""),
    ("number without a unit", "168"),
    ("negative duration", "-7d"),
    ("unknown unit", "7y"),
    ("month that is none", "2020-13-01"),
    ("day that is none", "2020-02-30"),
    ("hour that is none", "2020-07-07T24:00:00Z"),
    ("minute that is none", "2020-07-07T23:60:00Z"),
    ("offset that is none", "2020-07-07T00:00:00+25:00"),
    ("word", "yesterday"),
    ("two dates", "2020-07-07/2020-07-08"),
    ("year zero", "0000-01-01"),
    ("milliseconds for seconds", "1594080000000"),
    ("more digits than a number holds", "9" * 400),
    ("units in upper case", "7D"),
]


@pytest.mark.parametrize(("text", "timestamp"), cases(LIMITS))
def test_a_limit_in_time_is_read(text, timestamp):
    moment = Moment.parse(text)
    assert moment.at(NOW) == pytest.approx(timestamp)
    assert not moment.assumed_local


@pytest.mark.parametrize("text", cases(NO_LIMITS))
def test_what_is_no_limit_in_time_is_refused_with_the_input_quoted(text):
    with pytest.raises(ValueError, match=r"such as|not a valid") as failure:
        Moment.parse(text)
    assert repr(text) in str(failure.value)


@pytest.mark.parametrize("text", ["2020-07-07", "2020-07-07T00:00:00"])
def test_a_timestamp_without_a_zone_is_in_local_time(text, monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    try:
        moment = Moment.parse(text)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert moment.at(NOW) == 1594080000 - 7200
    assert moment.assumed_local


def test_a_duration_alone_is_read():
    assert parse_duration("1h30m") == 5400
    with pytest.raises(ValueError, match="'soon'"):
        parse_duration("soon")


ENGINE_TIMES = [
    # situation, text, Unix seconds
    ("nanoseconds", "2020-07-07T00:00:00.123456789Z", 1594080000.123456789),
    ("offset", "2020-07-07T02:00:00.5+02:00", 1594080000.5),
    ("none", None, None),
    ("empty", "", None),
    ("the zero time", "0001-01-01T00:00:00Z", None),
    ("no time", "soon", None),
    ("impossible", "2020-02-30T00:00:00Z", None),
]


@pytest.mark.parametrize(("text", "timestamp"), cases(ENGINE_TIMES))
def test_a_time_of_the_engine_is_read(text, timestamp):
    assert parse_engine_time(text) == (None if timestamp is None else pytest.approx(timestamp))


CREATED = [
    # situation, Unix seconds, credible
    ("none", None, False),
    ("reproducible, 1970", 0, False),
    ("reproducible, 1980", 315532800, False),
    ("zero time", -62135596800, False),
    ("the first credible second", EARLIEST_CREDIBLE, True),
    ("today", NOW, True),
]


@pytest.mark.parametrize(("created", "credible"), cases(CREATED))
def test_creation_dates_of_reproducible_builds_are_no_age(created, credible):
    assert is_credible(created) is credible


FORMATTED = [
    # situation, Unix seconds, text
    ("none", None, None),
    ("a second", 1594080000, "2020-07-07T00:00:00Z"),
    ("fractions are cut off", 1594080000.9, "2020-07-07T00:00:00Z"),
    ("beyond all years", 1e15, None),
]


@pytest.mark.parametrize(("timestamp", "text"), cases(FORMATTED))
def test_results_show_times_in_utc(timestamp, text):
    assert format_time(timestamp) == text


@given(st.integers(0, 253402300799))
def test_a_formatted_time_is_read_as_the_same_second(timestamp):
    text = format_time(timestamp)
    assert Moment.parse(text).at(NOW) == timestamp
    assert parse_engine_time(text) == timestamp


@given(st.text(max_size=30))
def test_any_text_is_a_limit_or_a_value_error(text):
    try:
        moment = Moment.parse(text)
    except ValueError:
        return
    assert isinstance(moment.at(NOW), float)

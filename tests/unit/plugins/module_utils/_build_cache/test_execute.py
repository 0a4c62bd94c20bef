# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache import execute
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import Cache, plan_prune
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock, Patience
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord, PrunedCache
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import Note, Progress

from ..builders import cases

SERVER_ERROR = EngineError(500, "something broke")
LOST = EngineUnavailable("the connection was closed")
#: Long before the plans of these tests, which are made at 0.
OLD = -10_000.0
BASE = CacheRecord("base", size=100, type="regular", created=OLD)
COPY = CacheRecord("copy", size=20, type="regular", parents=("base",), created=OLD)
SHARED = CacheRecord("shared", size=1000, type="regular", shared=True, created=OLD)


class FakeEngine:
    """Removes as BuildKit does; ``instead`` has what happens to each request: an error before it, or one after it."""

    def __init__(self, *records, instead=()):
        self.records = {record.id: record for record in records}
        self.instead = list(instead)
        self.listings = []
        self.calls = []

    def build_cache(self):
        trouble = self.listings.pop(0) if self.listings else None
        if trouble is not None:
            raise trouble
        return tuple(self.records.values())

    def prune_build_cache(self, ids, all_records):
        self.calls.append((tuple(ids), all_records))
        before, after = self.instead.pop(0) if self.instead else (None, None)
        if before is not None:
            raise before
        gone = []
        for record_id in ids:
            found = self.records.get(record_id)
            children = [other for other in self.records.values() if record_id in other.parents]
            if found is not None and not found.in_use and not children and (all_records or not found.shared):
                gone.append(self.records.pop(record_id))
        if after is not None:
            raise after
        return PrunedCache(tuple(record.id for record in reversed(gone)), sum(record.size for record in gone))

    def change(self, record_id, **fields):
        self.records[record_id] = dataclasses.replace(self.records[record_id], **fields)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.seconds = 0.0

    def sleep(self, seconds):
        self.seconds += seconds

    def patience(self):
        return Patience(Clock(lambda: self.seconds, self.sleep))


def plan(*records, **remove):
    return plan_prune(Cache(records), Request.parse({"remove": remove or {"all": True}}), 0)


def run(made, engine):
    return execute.carry_out(made, engine, False, Time().patience())


def told(outcome):
    return list(outcome.deleted), {key: verdict.reason for key, verdict in outcome.skipped.items()}


def test_a_run_does_what_check_mode_predicts():
    made = plan(BASE, COPY, SHARED)
    predicted = execute.carry_out(made, None, True)
    real = run(made, FakeEngine(BASE, COPY, SHARED))
    assert real == predicted
    assert told(real) == (["copy", "base", "shared"], {})
    # The Engine counts the bytes that an image has too.
    assert (real.space, real.is_exact, real.left.records) == (120, True, ())


def test_records_are_counted_batch_by_batch(tmp_path):
    made = plan(BASE, COPY, SHARED)
    progress = Progress(str(tmp_path / "note"))
    execute.carry_out(made, FakeEngine(BASE, COPY, SHARED), False, Time().patience(), progress)
    note = Note.parse((tmp_path / "note").read_text())
    assert note[:3] == ("records", 3, 3)
    assert note.space > 0


def test_nothing_to_do_sends_nothing():
    assert execute.carry_out(plan(), None, False).deleted == ()


def test_records_go_in_batches_and_all_is_asked_for_only_where_it_must(monkeypatch):
    monkeypatch.setattr(execute, "BATCH", 2)
    engine = FakeEngine(BASE, COPY, SHARED)
    run(plan(BASE, COPY, SHARED), engine)
    assert engine.calls == [(("copy", "base"), False), (("shared",), True)]


STAYING = [
    # situation, what changes after planning, reasons by ID
    (
        "a build uses it",
        lambda engine: engine.change("base", in_use=True),
        {"base": "a build came to use it after planning"},
    ),
    (
        "a child came up",
        lambda engine: engine.records.update(new=CacheRecord("new", parents=("base",))),
        {"base": "its child new came up after planning, or stays"},
    ),
    (
        "an image shares it now",
        lambda engine: engine.change("base", shared=True),
        {"base": "the Engine kept it, probably because a build used it for a moment"},
    ),
    ("somebody removed it", lambda engine: engine.records.pop("base"), {"base": "somebody else had removed it"}),
]


@pytest.mark.parametrize(("change", "reasons"), cases(STAYING))
def test_what_changed_after_planning_is_skipped_with_the_reason(change, reasons):
    engine = FakeEngine(BASE, COPY)
    made = plan(BASE, COPY)
    change(engine)
    outcome = run(made, engine)
    assert told(outcome) == (["copy"], reasons)
    assert (outcome.space, outcome.is_exact, outcome.failure) == (20, True, "")


BUILDS = [
    # situation, the record that is recent, what a build does after planning, reasons by ID
    (
        "a build uses an old record again",
        None,
        lambda engine: engine.change("copy", last_used=1.0),
        {"copy": "a build came to use it after planning", "base": "its child copy came up after planning, or stays"},
    ),
    (
        "a build begins with something else, and may need a recent record next",
        "copy",
        lambda engine: engine.records.update(new=CacheRecord("new", created=1.0, last_used=1.0)),
        {
            "copy": "a build started after planning, and it was used in the last 10 minutes",
            "base": "its child copy came up after planning, or stays",
        },
    ),
    (
        "a build begins, and may need nothing of this",
        None,
        lambda engine: engine.records.update(new=CacheRecord("new", created=1.0, last_used=1.0)),
        {},
    ),
]


@pytest.mark.parametrize(("recent", "change", "reasons"), [row[1:] for row in BUILDS], ids=[row[0] for row in BUILDS])
def test_what_a_build_needs_that_starts_after_planning_is_not_even_asked_to_go(recent, change, reasons):
    records = [dataclasses.replace(found, last_used=-5.0 if found.id == recent else OLD) for found in (BASE, COPY)]
    engine = FakeEngine(*records)
    made = plan(*records)
    change(engine)
    assert told(run(made, engine))[1] == reasons
    assert not {record_id for ids, _all in engine.calls for record_id in ids} & {"copy"} & reasons.keys()


def test_a_listing_that_fails_before_a_removal_is_asked_for_again():
    engine = FakeEngine(BASE, COPY)
    engine.listings = [SERVER_ERROR]
    outcome = run(plan(BASE, COPY), engine)
    assert (told(outcome), outcome.failure, len(engine.calls)) == ((["copy", "base"], {}), "", 1)


UNCLEAR = [
    # situation, what happens to the requests
    ("an error before anything is done, once", [(SERVER_ERROR, None)]),
    ("an error after all is done", [(None, SERVER_ERROR)]),
    ("the answer is lost", [(None, LOST)]),
    ("the request is lost, twice", [(LOST, None), (LOST, None)]),
]


@pytest.mark.parametrize("instead", cases(UNCLEAR))
def test_an_unclear_answer_is_looked_up_and_tried_again(instead):
    outcome = run(plan(BASE, COPY), FakeEngine(BASE, COPY, instead=instead))
    assert told(outcome) == (["copy", "base"], {})
    assert outcome.failure == ""
    assert outcome.space == 120


def test_bytes_that_no_answer_confirmed_are_not_exact():
    outcome = run(plan(BASE, COPY, SHARED), FakeEngine(BASE, COPY, SHARED, instead=[(None, LOST)]))
    assert (outcome.space, outcome.is_exact) == (120, False)


def test_an_error_that_stays_fails_the_task_and_says_what_was_done(monkeypatch):
    monkeypatch.setattr(execute, "BATCH", 1)
    instead = [(None, None), *[(SERVER_ERROR, None)] * 3]
    outcome = run(plan(BASE, COPY), FakeEngine(BASE, COPY, instead=instead))
    assert told(outcome) == (["copy"], {"base": "the Engine answered 500: something broke"})
    assert outcome.failure == "1 of 2 removals failed: the Engine answered 500: something broke"


def test_an_engine_that_is_lost_fails_the_task_and_says_what_it_confirmed(monkeypatch):
    monkeypatch.setattr(execute, "BATCH", 1)
    engine = FakeEngine(BASE, COPY, instead=[(None, None), (LOST, None)])
    engine.listings = [None, None, *[LOST] * 1000]
    outcome = run(plan(BASE, COPY), engine)
    assert told(outcome) == (["copy"], {"base": "whether it was removed is not known: the connection was closed"})
    assert outcome.failure == "the Engine was lost: the connection was closed"
    assert (outcome.space, outcome.is_exact, outcome.left) == (20, False, None)


def test_an_engine_that_does_not_list_what_is_left_fails_the_task():
    engine = FakeEngine(BASE)
    engine.listings = [None, *[SERVER_ERROR] * 3]
    outcome = run(plan(BASE), engine)
    assert told(outcome) == (["base"], {})
    assert outcome.failure == "the Engine was lost: the Engine answered 500: something broke"

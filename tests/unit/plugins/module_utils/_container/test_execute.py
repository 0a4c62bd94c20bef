# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._container.execute import carry_out, execute, predict
from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import Request, plan_containers
from ansible_collections.imagewarden.docker.plugins.module_utils._container.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import (
    InspectedContainer,
    parse_containers,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._times import parse_engine_time

from ..builders import CREATED, container, image, image_id, snapshot

ALL = ["created", "running", "paused", "restarting", "removing", "exited", "dead"]
RUNNING = ("running", "paused", "restarting")
IN_PROGRESS = EngineError(409, "removal of container x is already in progress")


class FakeEngine:
    """Containers by ID, and what happens instead of the Engine's own answer, by verb: an error, or a callback."""

    def __init__(self, *containers, stop_timeout=None, finished_at="0001-01-01T00:00:00Z"):
        self.states = {found.id: found.state for found in containers}
        self.names = {found.id: found.name for found in containers}
        self.stop_timeout = stop_timeout
        self.finished_at = finished_at
        self.instead = {}
        self.calls = []

    def _act(self, verb, container_id, *arguments):
        self.calls.append((verb, *arguments))
        happening = self.instead.get(verb)
        if isinstance(happening, Exception):
            raise happening
        if happening is not None:
            happening(container_id)
        if container_id not in self.states:
            raise EngineError(404, f"No such container: {container_id}")

    def inspect_container(self, container_id):
        self.calls.append(("inspect",))
        happening = self.instead.get("inspect")
        if happening is not None:
            happening(container_id)
        if container_id not in self.states:
            return None
        return InspectedContainer(
            name=self.names[container_id],
            state=self.states[container_id],
            finished=parse_engine_time(self.finished_at),
            stop_timeout=self.stop_timeout,
        )

    def stop_container(self, container_id, seconds, patience):
        self._act("stop", container_id, seconds, patience)
        self.states[container_id] = "exited"

    def commit_container(self, container_id, repository, tag):
        self._act("commit", container_id, repository, tag)
        return image_id("c0")

    def remove_container(self, container_id, force, volumes):
        self._act("remove", container_id, force, volumes)
        if self.states[container_id] in RUNNING and not force:
            raise EngineError(409, "You cannot remove a running container")
        del self.states[container_id]

    def vanish(self, container_id):
        self.states.pop(container_id, None)


ONE = container("one", "a1", "exited")
RUN = container("run", "a1", "running")


def plan(*containers, now=CREATED, finished=None, **options):
    params = {"states": ALL, **options}
    return plan_containers(snapshot(image("a1", "app:1"), *containers), Request.parse(params), now, finished)


def run(engine, made):
    return execute(made, engine, sleep=lambda seconds: None)


def statuses(outcome):
    return {step.step.container.name: (step.status, step.reason) for step in outcome.steps}


CALLS = [
    # situation, container, options, calls after the inspection
    ("stopped already", ONE, {}, [("remove", False, False)]),
    ("with its anonymous volumes", ONE, {"volumes": True}, [("remove", False, True)]),
    ("running, in its own time", RUN, {}, [("stop", None, None), ("remove", False, False)]),
    ("running, in no time", RUN, {"stop_timeout": 0}, [("stop", 0, None), ("remove", False, False)]),
    ("running, to be killed", RUN, {"kill": True}, [("remove", True, False)]),
    ("stopped already, to be killed", ONE, {"kill": True}, [("remove", False, False)]),
    (
        "committed first",
        RUN,
        {"commit_to": "attic"},
        [("commit", "attic/run", "20231114T221320Z"), ("stop", None, None), ("remove", False, False)],
    ),
]


@pytest.mark.parametrize(("found", "options", "calls"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_what_the_engine_is_asked_for(found, options, calls):
    engine = FakeEngine(found)
    outcome = run(engine, plan(found, **options))
    assert engine.calls == [("inspect",), *calls]
    assert not engine.states
    assert [step.status for step in outcome.steps] == ["done"]


@pytest.mark.parametrize(("found", "options", "calls"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_the_prediction_is_the_run(found, options, calls):
    made = plan(found, **options)
    engine = FakeEngine(found)
    predicted, real = (report(carry_out(made, engine, check_mode)) for check_mode in (True, False))
    for committed in predicted["committed"] + real["committed"]:
        committed.pop("image_id")
    assert predicted == real


def test_a_container_may_take_its_own_time():
    engine = FakeEngine(RUN, stop_timeout=300)
    run(engine, plan(RUN))
    assert ("stop", None, 300) in engine.calls


def test_check_mode_asks_for_nothing():
    engine = FakeEngine(ONE, RUN)
    carry_out(plan(ONE, RUN), engine, check_mode=True)
    assert not engine.calls


def becomes(state):
    def change(engine):
        engine.states[RUN.id] = state

    return change


def renamed(engine):
    engine.names[RUN.id] = "other"


def gone(engine):
    del engine.states[RUN.id]


CHANGES = [
    # situation, options, what happens before the run, status, part of the reason, whether it is stopped
    ("it vanished", {}, gone, "gone", "already gone", False),
    ("it was renamed", {}, renamed, "skipped", "it was renamed to other after planning", False),
    ("it exited", {"states": ["running"]}, becomes("exited"), "done", "", False),
    ("it was paused", {"states": ["running"]}, becomes("paused"), "skipped", "was running, and is paused", False),
    ("it was paused, which may go too", {"states": ["running", "paused"]}, becomes("paused"), "done", "", True),
]


@pytest.mark.parametrize(
    ("options", "happens", "status", "reason", "stopped"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_changed_after_planning(options, happens, status, reason, stopped):
    engine = FakeEngine(RUN)
    happens(engine)
    step = run(engine, plan(RUN, **options)).steps[0]
    assert (step.status, step.stopped) == (status, stopped)
    assert reason in step.reason


def test_a_container_that_ran_again_is_not_old_any_more():
    old = container("old", "a1", "exited", created=CREATED - 1000)
    made = plan(old, finished={old.id: CREATED - 500.0}, older_than="60s")
    engine = FakeEngine(old, finished_at="2023-11-14T22:13:00Z")
    assert statuses(run(engine, made)) == {"old": ("skipped", "it ran again after planning")}
    assert old.id in engine.states


def started(engine):
    return lambda container_id: engine.states.__setitem__(container_id, "running")


ANSWERS = [
    # situation, verb, what happens instead, status, part of the reason
    ("gone while it was stopped", "stop", lambda engine: engine.vanish, "done", ""),
    ("gone when it was to be removed", "remove", lambda engine: engine.vanish, "done", ""),
    ("it cannot be stopped", "stop", lambda engine: EngineError(500, "oops"), "failed", "could not be stopped"),
    ("started again", "remove", started, "skipped", "it was started after planning"),
    ("its files cannot be removed", "remove", lambda engine: EngineError(500, "oops"), "failed", "oops"),
    ("it cannot be committed", "commit", lambda engine: EngineError(500, "full"), "failed", "could not be committed"),
    ("gone before the commit", "commit", lambda engine: engine.vanish, "gone", "vanished before"),
]


@pytest.mark.parametrize(
    ("verb", "instead", "status", "reason"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
def test_the_engine_answers_otherwise(verb, instead, status, reason):
    engine = FakeEngine(RUN)
    engine.instead[verb] = instead(engine)
    step = run(engine, plan(RUN, commit_to="attic")).steps[0]
    assert step.status == status
    assert reason in step.reason


def test_what_cannot_be_committed_is_neither_stopped_nor_removed():
    engine = FakeEngine(RUN)
    engine.instead["commit"] = EngineError(500, "no space left on device")
    run(engine, plan(RUN, commit_to="attic"))
    assert [call[0] for call in engine.calls] == ["inspect", "commit"]


def test_a_removal_in_progress_is_waited_for():
    engine = FakeEngine(RUN)
    engine.instead["remove"] = IN_PROGRESS
    turns = iter(range(5))

    def inspect(container_id):
        if next(turns) == 3:
            engine.vanish(container_id)

    engine.instead["inspect"] = inspect
    assert statuses(run(engine, plan(RUN))) == {"run": ("done", "")}


def test_a_removal_in_progress_that_gets_nowhere():
    engine = FakeEngine(ONE)
    engine.instead["remove"] = IN_PROGRESS
    assert statuses(run(engine, plan(ONE))) == {
        "one": ("failed", "its removal was in progress, and had not ended after 60 seconds")
    }


def test_a_removal_in_progress_that_fails():
    engine = FakeEngine(ONE)
    answers = iter([IN_PROGRESS, EngineError(500, "unable to remove filesystem")])

    def remove(container_id):
        engine.states[container_id] = "dead"
        raise next(answers)

    engine.instead["remove"] = remove
    status, reason = statuses(run(engine, plan(ONE)))["one"]
    assert status == "failed"
    assert "unable to remove filesystem" in reason


def test_a_container_that_looks_dead_while_somebody_else_removes_it_can_be_gone():
    engine = FakeEngine(ONE)
    answers = iter([IN_PROGRESS])

    def remove(container_id):
        engine.states[container_id] = "dead"
        for answer in answers:
            raise answer
        engine.vanish(container_id)

    engine.instead["remove"] = remove
    assert statuses(run(engine, plan(ONE))) == {"one": ("done", "")}


def test_an_error_after_the_removal_is_none():
    engine = FakeEngine(ONE)

    def remove(container_id):
        engine.vanish(container_id)
        raise EngineError(500, "could not say so")

    engine.instead["remove"] = remove
    assert statuses(run(engine, plan(ONE))) == {"one": ("done", "")}


def test_one_failure_does_not_stop_the_rest():
    engine = FakeEngine(ONE, RUN)
    engine.instead["stop"] = EngineError(500, "oops")
    outcome = run(engine, plan(ONE, RUN))
    result = report(outcome)
    assert result["removed"] == ["one"]
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["msg"].startswith("1 container could not be removed: run: it could not be stopped")


def test_a_lost_engine_ends_the_run():
    engine = FakeEngine(ONE, RUN)
    engine.instead["remove"] = EngineUnavailable("nothing listens")
    outcome = run(engine, plan(ONE, RUN))
    assert statuses(outcome) == {"one": ("failed", "nothing listens"), "run": ("failed", "not tried: nothing listens")}


def test_what_was_done_before_a_failure_is_told():
    engine = FakeEngine(RUN)
    engine.instead["remove"] = EngineError(500, "device or resource busy")
    result = report(run(engine, plan(RUN, commit_to="attic")))
    assert (result["removed"], result["stopped"], result["changed"]) == ([], ["run"], True)
    assert [committed["image_id"] for committed in result["committed"]] == [image_id("c0")]
    assert result["diff"]["before"] == "container run (72756e000000, running, image )\n"
    assert result["diff"]["after"] == (
        "container run (72756e000000, stopped, image )\nimage attic/run, committed from container run\n"
    )


def test_many_failures_are_counted():
    rows = [container(f"c{number:02}", "a1") for number in range(12)]
    engine = FakeEngine(*rows)
    engine.instead["remove"] = EngineError(500, "oops")
    assert "; and 2 more. The result lists" in report(run(engine, plan(*rows)))["msg"]


def test_the_result():
    kept = container("kept", "a1", "running")
    other = container("other", "a1", "exited")
    host = snapshot(image("a1", "app:1"), ONE, kept, other)
    made = plan_containers(host, Request.parse({"names": ["one", "kept", "gone"]}), CREATED)
    result = report(predict(made))
    assert [(c["name"], c["action"]) for c in result["containers"]] == [("kept", "kept"), ("one", "removed")]
    assert result["absent"] == ["gone"]
    assert result["summary"] == "1 container removed, 2 kept"
    assert "failed" not in result
    everything = report(predict(made), details="all")["containers"]
    assert [(c["name"], c["action"], c["rule"]) for c in everything] == [
        ("kept", "kept", "states"),
        ("one", "removed", "names: one"),
        ("other", "kept", "none"),
    ]


DIFFS = [
    # situation, fields of the listing, line
    ("of a tag", {"Image": "redis:7"}, "container web (aaaaaaaaaaaa, exited, image redis:7)\n"),
    ("of an ID", {"Image": image_id("a1")}, "container web (aaaaaaaaaaaa, exited, image a10000000000)\n"),
]


@pytest.mark.parametrize(("fields", "line"), [row[1:] for row in DIFFS], ids=[row[0] for row in DIFFS])
def test_the_diff(fields, line):
    raw = {"Id": "a" * 64, "Names": ["/web"], "State": "exited", "ImageID": image_id("a1"), **fields}
    result = report(predict(plan(*parse_containers([raw]))))
    assert result["diff"] == {"before": line, "after": ""}


def test_warnings_tell_what_came_between():
    rows = [container(name, "a1", "running") for name in ("ended", "renamed", "vanished")]
    engine = FakeEngine(*rows)
    engine.states[rows[0].id] = "exited"
    engine.names[rows[1].id] = "other"
    del engine.states[rows[2].id]
    outcome = run(engine, plan(*rows))
    assert warnings(outcome) == [
        "container renamed was not removed: it was renamed to other after planning",
        "container vanished was not removed: it was already gone",
        "container ended ended by itself before it was to be stopped",
    ]
    assert report(outcome)["summary"] == "1 container removed, 0 kept, 2 skipped"

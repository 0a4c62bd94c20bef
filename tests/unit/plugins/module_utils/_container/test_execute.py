# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._container.execute import (
    carry_out,
    execute,
    predict,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import plan_containers
from ansible_collections.imagewarden.docker.plugins.module_utils._container.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._container.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import (
    InspectedContainer,
    InspectedImage,
    parse_containers,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import Note, Progress
from ansible_collections.imagewarden.docker.plugins.module_utils._times import parse_engine_time

from ..builders import CREATED, cases, container, image, image_id, snapshot

ALL = ["created", "running", "paused", "restarting", "removing", "exited", "dead"]
RUNNING = ("running", "paused", "restarting")
IN_PROGRESS = EngineError(409, "removal of container x is already in progress")


class FakeEngine:
    """Containers by ID, and what happens instead of the Engine's own answer, by verb: an error, or a callback."""

    most_connections = 1000

    def __init__(self, *containers, stop_timeout=None, finished_at="0001-01-01T00:00:00Z", started=None):
        self.started = started
        self.states = {found.id: found.state for found in containers}
        self.names = {found.id: found.name for found in containers}
        self.stop_timeout = stop_timeout
        self.finished_at = finished_at
        self.images = {}
        self.instead = {}
        self.calls = []

    def _act(self, verb, container_id, *arguments):
        self.calls.append((verb, *arguments))
        self._happen(verb, container_id)
        if container_id not in self.states:
            raise EngineError(404, f"No such container: {container_id}")

    def _happen(self, verb, container_id):
        happening = self.instead.get(verb)
        if isinstance(happening, Exception):
            raise happening
        if happening is not None:
            happening(container_id)

    def inspect_container(self, container_id):
        self.calls.append(("inspect",))
        self._happen("inspect", container_id)
        if container_id not in self.states:
            return None
        return InspectedContainer(
            name=self.names[container_id],
            state=self.states[container_id],
            started=self.started,
            finished=parse_engine_time(self.finished_at),
            stop_timeout=self.stop_timeout,
        )

    def list_containers(self):
        self._happen("list", None)
        return tuple(Container(key, self.names[key], state=state) for key, state in self.states.items())

    def inspect_image(self, name):
        self._happen("image", name)
        return self.images.get(name)

    def stop_container(self, container_id, seconds, patience):
        self._act("stop", container_id, seconds, patience)
        self.states[container_id] = "exited"

    def kill_container(self, container_id, signal):
        self._act("kill", container_id, signal)

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


class FakeTime:
    """Passes only while somebody sleeps. ``at`` are things that happen at a time, in seconds."""

    def __init__(self, at=None):
        self.seconds = 0.0
        self.at = dict(at or {})

    def sleep(self, seconds):
        self.seconds += seconds
        for time in [time for time in self.at if time <= self.seconds]:
            self.at.pop(time)()

    @property
    def clock(self):
        return Clock(lambda: self.seconds, self.sleep)


ONE = container("one", "a1", "exited")
RUN = container("run", "a1", "running")


def plan(*containers, now=CREATED, finished=None, **options):
    # One at a time, so that the calls have an order.
    params = {"states": ALL, "parallel": 1, **options}
    return plan_containers(snapshot(image("a1", "app:1"), *containers), Request.parse(params), now, finished)


def run(engine, made, time=None):
    return execute(made, engine, (time or FakeTime()).clock)


def statuses(outcome):
    return {step.step.container.name: (step.status, step.reason) for step in outcome.steps}


def once(*happenings):
    """One happening a call, and nothing later: an error is raised, a function called."""
    left = iter(happenings)

    def happen(container_id):
        for happening in left:
            if isinstance(happening, Exception):
                raise happening
            if happening is not None:
                happening(container_id)
            return

    return happen


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


@pytest.mark.parametrize(("found", "options", "calls"), cases(CALLS))
def test_what_the_engine_is_asked_for(found, options, calls):
    engine = FakeEngine(found)
    outcome = run(engine, plan(found, **options))
    assert engine.calls == [("inspect",), *calls]
    assert not engine.states
    assert [step.status for step in outcome.steps] == ["done"]


@pytest.mark.parametrize(("found", "options", "calls"), cases(CALLS))
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


def test_containers_are_counted_as_they_end(tmp_path):
    notes = tmp_path / "note"
    seen = []
    engine = FakeEngine(ONE, RUN)
    engine.instead["remove"] = lambda _id: seen.append(str(Note.parse(notes.read_text())))
    execute(plan(ONE, RUN), engine, FakeTime().clock, Progress(str(notes)))
    assert seen == ["0 of 2 containers", "1 of 2 containers"]
    assert Note.parse(notes.read_text()) == Note("containers", 2, 2)


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
    ("it vanished", {}, gone, "gone", "already removed", False),
    ("it was renamed", {}, renamed, "skipped", "it was renamed to other after planning", False),
    ("it exited", {"states": ["running"]}, becomes("exited"), "done", "", False),
    ("it was paused", {"states": ["running"]}, becomes("paused"), "skipped", "was running, and is paused", False),
    ("it was paused, which may go too", {"states": ["running", "paused"]}, becomes("paused"), "done", "", True),
]


@pytest.mark.parametrize(("options", "happens", "status", "reason", "stopped"), cases(CHANGES))
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
    (
        "gone before the commit",
        "commit",
        lambda engine: engine.vanish,
        "gone",
        "it was removed before it could be committed",
    ),
]


@pytest.mark.parametrize(("verb", "instead", "status", "reason"), cases(ANSWERS))
def test_the_engine_answers_otherwise(verb, instead, status, reason):
    engine = FakeEngine(RUN)
    engine.instead[verb] = instead(engine)
    step = run(engine, plan(RUN, commit_to="attic")).steps[0]
    assert step.status == status
    assert reason in step.reason


STILL_RUNNING = [
    # situation, when it was started before and after the answer, status, reason, whether it was stopped
    ("it never stopped", 5.0, 5.0, "failed", "the Engine reported that it was stopped, but it still runs", False),
    ("it was started again", 5.0, 9.0, "skipped", "it was started after planning", True),
    ("nobody knows", None, None, "skipped", "it was started after planning", True),
]


@pytest.mark.parametrize(("before", "after", "status", "reason", "stopped"), cases(STILL_RUNNING))
def test_a_container_that_runs_after_the_engine_confirmed_its_end(before, after, status, reason, stopped):
    engine = FakeEngine(RUN, started=before)

    def remove(container_id):
        engine.states[container_id], engine.started = "running", after

    engine.instead["remove"] = remove
    (step,) = run(engine, plan(RUN)).steps
    assert (step.status, step.stopped) == (status, stopped)
    assert step.reason.startswith(reason)


def test_what_cannot_be_committed_is_neither_stopped_nor_removed():
    engine = FakeEngine(RUN)
    engine.instead["commit"] = EngineError(500, "no space left on device")
    run(engine, plan(RUN, commit_to="attic"))
    assert [call[0] for call in engine.calls if call[0] != "inspect"] == ["commit"]
    assert engine.states == {RUN.id: "running"}


def test_a_removal_in_progress_is_waited_for():
    engine = FakeEngine(RUN)
    engine.instead["remove"] = IN_PROGRESS
    time = FakeTime({300: lambda: engine.vanish(RUN.id)})
    assert statuses(run(engine, plan(RUN), time)) == {"run": ("done", "")}
    assert 300 <= time.seconds < 302


def test_a_removal_in_progress_that_gets_nowhere():
    engine = FakeEngine(ONE)
    engine.instead["remove"] = IN_PROGRESS
    assert statuses(run(engine, plan(ONE))) == {
        "one": ("failed", "its removal was in progress, and had not ended after 600 seconds")
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


LOST = EngineUnavailable("the answer was lost")
NO_SUCH = EngineError(404, "No such container")
BROKEN = EngineError(500, "oops")


def removes_then(error):
    """The Engine does what it was asked, and its answer is an error."""

    def prepare(engine):
        def happen(container_id):
            engine.vanish(container_id)
            raise error

        return happen

    return prepare


def stops_then(error):
    def prepare(engine):
        def happen(container_id):
            engine.states[container_id] = "exited"
            raise error

        return happen

    return prepare


def commits_then(error):
    def prepare(engine):
        def happen(container_id):
            engine.images["attic/run:20231114T221320Z"] = InspectedImage(image_id("c1"))
            raise error

        return happen

    return prepare


UNCLEAR = [
    # situation, verb, what happens at the first request, options, status, part of the reason, whether it was stopped
    ("removed, then lost", "remove", removes_then(LOST), {}, "done", "", True),
    ("removed, then an error", "remove", removes_then(BROKEN), {}, "done", "", True),
    ("removed, then not found", "remove", removes_then(NO_SUCH), {}, "done", "", True),
    ("not removed, but lost", "remove", lambda engine: once(LOST), {}, "done", "", True),
    ("not removed, but not found", "remove", lambda engine: once(NO_SUCH), {}, "failed", "still lists it", True),
    ("not removed, with an error", "remove", lambda engine: once(BROKEN), {}, "failed", "oops", True),
    ("a conflict that is none", "remove", lambda engine: once(EngineError(409, "x")), {}, "failed", "409", True),
    ("stopped, then lost", "stop", stops_then(LOST), {}, "done", "", True),
    ("stopped, then an error", "stop", stops_then(BROKEN), {}, "done", "", True),
    ("stopped, then not found", "stop", stops_then(NO_SUCH), {}, "done", "", True),
    ("not stopped, but lost", "stop", lambda engine: once(LOST), {}, "done", "", True),
    ("not stopped, but not found", "stop", lambda engine: once(NO_SUCH), {}, "failed", "could not be stopped", False),
    ("stopped and removed by the Engine", "stop", removes_then(LOST), {}, "done", "", True),
    ("killed, and lost", "remove", removes_then(LOST), {"kill": True}, "done", "", False),
    ("killed by a signal, and lost", "kill", stops_then(LOST), {"kill": True, "kill_signal": "INT"}, "done", "", False),
    ("an inspection that fails", "inspect", lambda engine: once(BROKEN), {}, "done", "", True),
    ("an inspection that is lost", "inspect", lambda engine: once(LOST), {}, "done", "", True),
    ("a list that fails once", "list", lambda engine: once(BROKEN), {}, "done", "", True),
    ("a list that is lost once", "list", lambda engine: once(LOST), {}, "done", "", True),
]


@pytest.mark.parametrize(
    ("verb", "happens", "options", "status", "reason", "stopped"),
    cases(UNCLEAR),
)
def test_an_unclear_answer_is_looked_up(verb, happens, options, status, reason, stopped):
    engine = FakeEngine(RUN)
    engine.instead[verb] = happens(engine)
    (step,) = run(engine, plan(RUN, **options)).steps
    assert (step.status, step.stopped) == (status, stopped)
    assert reason in step.reason
    assert (RUN.id in engine.states) == (status != "done")


COMMITS = [
    # situation, what happens, ID of the image, status, part of the reason
    ("committed, then lost", commits_then(LOST), image_id("c1"), "done", ""),
    ("committed, then an error", commits_then(BROKEN), image_id("c1"), "done", ""),
    ("committed, then unreadable", commits_then(EngineError(0, "x")), image_id("c1"), "done", ""),
    ("not committed, but lost", lambda engine: LOST, None, "failed", "it is not known whether it was committed"),
    ("not committed, but not found", lambda engine: NO_SUCH, None, "failed", "it could not be committed"),
]


@pytest.mark.parametrize(("happens", "committed", "status", "reason"), cases(COMMITS))
def test_a_commit_with_an_unclear_answer_is_looked_up(happens, committed, status, reason):
    engine = FakeEngine(RUN)
    engine.instead["commit"] = happens(engine)
    (step,) = run(engine, plan(RUN, commit_to="attic")).steps
    assert (step.status, step.image_id, step.committed) == (status, committed, committed is not None)
    assert reason in step.reason
    assert (RUN.id in engine.states) == (status != "done")


def test_a_commit_that_shows_late_is_waited_for():
    engine = FakeEngine(RUN)
    engine.instead["commit"] = once(LOST)
    made = InspectedImage(image_id("c1"))
    time = FakeTime({5: lambda: engine.images.update({"attic/run:20231114T221320Z": made})})
    (step,) = run(engine, plan(RUN, commit_to="attic"), time).steps
    assert (step.status, step.image_id) == ("done", image_id("c1"))


def test_a_removal_that_the_engine_reports_and_does_not_do_is_a_failure():
    engine = FakeEngine(ONE)
    engine.remove_container = lambda container_id, force, volumes: None
    assert statuses(run(engine, plan(ONE))) == {
        "one": ("failed", "the Engine reported that it was removed, but still lists it")
    }


def test_without_a_list_in_the_end_the_answers_count():
    engine = FakeEngine(ONE)
    engine.instead["list"] = BROKEN
    assert statuses(run(engine, plan(ONE))) == {"one": ("done", "")}


def test_a_removal_whose_answer_was_lost_half_way_is_waited_for():
    engine = FakeEngine(ONE)

    def remove(container_id):
        if engine.states.get(container_id) == "exited":
            engine.states[container_id] = "removing"
            raise LOST
        raise IN_PROGRESS

    engine.instead["remove"] = remove
    time = FakeTime({200: lambda: engine.vanish(ONE.id)})
    assert statuses(run(engine, plan(ONE), time)) == {"one": ("done", "")}


def test_a_removal_that_never_answers_is_reported_as_what_it_is():
    engine, time = FakeEngine(ONE), FakeTime()

    def remove(container_id):
        engine.states[container_id] = "removing"
        time.sleep(600)
        raise LOST

    engine.instead["remove"] = remove
    assert statuses(run(engine, plan(ONE), time)) == {
        "one": ("failed", "the answer was lost; its removal is still under way")
    }


def test_a_container_that_cannot_be_inspected_is_removed_all_the_same():
    engine = FakeEngine(ONE)
    engine.instead["inspect"] = EngineError(500, "RWLayer of container one is unexpectedly nil")
    assert statuses(run(engine, plan(ONE))) == {"one": ("done", "")}


def test_a_container_whose_age_decides_and_cannot_be_inspected_any_more_is_kept():
    old = container("old", "a1", "exited", created=CREATED - 1000)
    engine = FakeEngine(old)
    engine.instead["inspect"] = BROKEN
    made = plan(old, finished={old.id: CREATED - 500.0}, older_than="60s")
    (step,) = run(engine, made).steps
    assert step.status == "skipped"
    assert step.reason.startswith("whether it ran again after planning is not known")


RESTARTS = [
    # situation, state after the restart, status
    ("it is as it was", "exited", "done"),
    ("it was started with the Engine", "running", "skipped"),
]


@pytest.mark.parametrize(("state", "status"), cases(RESTARTS))
def test_an_engine_that_is_restarted_is_waited_for(state, status):
    engine = FakeEngine(ONE)
    for verb in ("remove", "inspect", "list"):
        engine.instead[verb] = LOST

    def back():
        engine.instead.clear()
        engine.states[ONE.id] = state

    # It goes away after the first look.
    engine.instead["inspect"] = once(None, *[LOST] * 200)
    outcome = run(engine, plan(ONE, states=["exited"]), FakeTime({40: back}))
    assert outcome.steps[0].status == status


def test_a_lost_engine_ends_the_run_for_all_at_once():
    engine = FakeEngine(ONE, RUN)
    engine.instead["remove"] = LOST
    engine.instead["inspect"] = once(None, *[LOST] * 1000)
    engine.instead["list"] = LOST
    time = FakeTime()
    outcome = run(engine, plan(ONE, RUN), time)
    assert statuses(outcome) == {
        "one": ("failed", "whether it was removed is not known: the answer was lost"),
        "run": ("failed", "not tried: the answer was lost"),
    }
    assert 60 <= time.seconds < 65


def test_an_engine_that_is_lost_after_the_commit_has_committed():
    engine = FakeEngine(RUN)
    engine.instead["stop"] = engine.instead["list"] = LOST
    engine.instead["inspect"] = once(None, *[LOST] * 1000)
    (step,) = run(engine, plan(RUN, commit_to="attic")).steps
    assert (step.status, step.image_id, step.reason) == ("failed", image_id("c0"), "the answer was lost")


def test_a_list_that_always_fails_is_reported():
    engine = FakeEngine(ONE)
    engine.instead["inspect"] = engine.instead["list"] = BROKEN
    assert statuses(run(engine, plan(ONE))) == {"one": ("failed", "not tried: the Engine answered 500: oops")}


SIGNALS = [
    # situation, options, when the signal has an effect, seconds that pass, calls after the signal
    ("it ends in time", {}, 3, (3, 5), [("remove", False, False)]),
    ("it does not end", {}, None, (10, 12), [("remove", True, False)]),
    ("it is given less time", {"stop_timeout": 2}, 3, (2, 3), [("remove", True, False)]),
]


@pytest.mark.parametrize(("options", "ends", "seconds", "calls"), cases(SIGNALS))
def test_a_signal_and_what_follows(options, ends, seconds, calls):
    engine = FakeEngine(RUN)
    time = FakeTime({} if ends is None else {ends: lambda: engine.states.update({RUN.id: "exited"})})
    (step,) = run(engine, plan(RUN, kill=True, kill_signal="INT", **options), time).steps
    least, most = seconds
    assert least <= time.seconds < most
    assert (step.status, step.stopped) == ("done", False)
    assert [call for call in engine.calls if call != ("inspect",)][1:] in (calls, [("remove", True, False)])


def test_a_signal_that_the_engine_refuses():
    engine = FakeEngine(RUN)
    engine.instead["kill"] = EngineError(400, "invalid signal")
    (step,) = run(engine, plan(RUN, kill=True, kill_signal="INT")).steps
    assert step.status == "failed"
    assert step.reason == "the signal INT could not be sent: the Engine answered 400: invalid signal"


def test_several_containers_at_a_time():
    rows = [container(f"c{number}", "a1", "running") for number in range(8)]
    engine = FakeEngine(*rows)
    together = threading.Barrier(8, timeout=20)
    engine.instead["stop"] = lambda container_id: together.wait()
    outcome = run(engine, plan(*rows, parallel=8))
    assert [step.step.container.name for step in outcome.steps] == [row.name for row in rows]
    assert {step.status for step in outcome.steps} == {"done"}


def test_no_more_connections_than_the_transport_takes():
    rows = [container(f"c{number}", "a1") for number in range(6)]
    engine = FakeEngine(*rows)
    engine.most_connections = 2
    threads = set()
    engine.instead["remove"] = lambda container_id: threads.add(threading.get_ident())
    run(engine, plan(*rows, parallel=50))
    assert len(threads) <= 2


def test_one_failure_does_not_stop_the_rest():
    engine = FakeEngine(ONE, RUN)
    engine.instead["stop"] = EngineError(500, "oops")
    outcome = run(engine, plan(ONE, RUN))
    result = report(outcome)
    assert result["removed"] == ["one"]
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["msg"].startswith("1 container could not be removed: run: it could not be stopped")


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
    made = plan_containers(host, Request.parse({"names": ["one", "kept", "gone"], "on_conflict": "skip"}), CREATED)
    result = report(predict(made))
    assert [(c["name"], c["action"]) for c in result["containers"]] == [("kept", "skipped"), ("one", "removed")]
    assert result["absent"] == ["gone"]
    assert result["summary"] == "1 container removed, 1 kept, 1 skipped"
    assert [(c["target"], c["container"]["state"]) for c in result["conflicts"]] == [("kept", "running")]
    assert "failed" not in result
    everything = report(predict(made), details="all")["containers"]
    assert [(c["name"], c["action"], c["rule"]) for c in everything] == [
        ("kept", "skipped", "states"),
        ("one", "removed", "names: one"),
        ("other", "kept", "none"),
    ]


DIFFS = [
    # situation, fields of the listing, line
    ("of a tag", {"Image": "redis:7"}, "container web (aaaaaaaaaaaa, exited, image redis:7)\n"),
    ("of an ID", {"Image": image_id("a1")}, "container web (aaaaaaaaaaaa, exited, image a10000000000)\n"),
]


@pytest.mark.parametrize(("fields", "line"), cases(DIFFS))
def test_the_diff(fields, line):
    raw = {"Id": "a" * 64, "Names": ["/web"], "State": "exited", "ImageID": image_id("a1"), **fields}
    result = report(predict(plan(*parse_containers([raw]))))
    assert result["diff"] == {
        "before_header": "host, containers",
        "after_header": "host, containers: 1 container removed, 0 kept",
        "before": line,
        "after": "",
    }


def test_what_is_named_and_kept_is_in_the_diff_and_a_warning():
    web = container("web", "a1", "running", image="app:1")
    kept = container("kept", "a1", image="app:1", labels={"keep": "yes"})
    made = plan(
        ONE,
        web,
        kept,
        names=["one", "web", "kept"],
        states=["exited"],
        exclude_labels=["keep"],
        on_conflict="skip",
    )
    outcome = predict(made)
    lines = report(outcome)["diff"]
    assert lines["after"] == (
        "container kept (6b6570740000, exited, image app:1)  # kept: its label keep protects it\n"
        "container web (776562000000, running, image app:1)  # skipped: it is running, which states does not include\n"
    )
    assert lines["before"] == lines["after"] + "container one (6f6e65000000, exited, image )\n"
    assert warnings(outcome) == [
        "container web was not removed: it is running, which states does not include; set states: [any] or add running"
        " to states (it is stopped first), or remove it from names",
        "container kept was not removed: its label keep protects it",
    ]


def test_a_refused_task_removes_nothing_and_says_why():
    result = report(predict(plan(ONE, RUN, names=["one", "run"], states=["exited"])))
    assert (result["failed"], result["changed"], result["removed"]) == (True, False, [])
    assert result["msg"].startswith("nothing was removed, because 1 container that names asks for stays: run")
    assert result["diff"]["before"] == result["diff"]["after"]


def test_a_name_that_was_taken_for_the_beginning_of_an_id_is_a_warning():
    assert warnings(predict(plan(ONE, names=["6f"]))) == [
        "names: '6f' is not the name of a container here, but the beginning of the ID of one (6f6e65000000): write the"
        " name, or 12 digits of the ID"
    ]


def test_what_protects_nothing_is_a_warning():
    options = {"excludes": ["db-*", "on*"], "exclude_labels": ["keep"]}
    assert warnings(predict(plan(ONE, **options))) == [
        "excludes: 'db-*' matches no container here, so that it protects nothing",
        "exclude_labels: 'keep' matches no container here, so that it protects nothing",
    ]
    assert not warnings(predict(plan(**options)))


SIZES = [
    # situation, sizes of a stopped and a running container, options, bytes, whether exact, part of the summary
    ("nobody asked", (5, None), {}, None, True, "2 containers removed, 1 stopped, 0 kept"),
    ("known", (5000, None), {"sizes": True, "states": ["exited"]}, 5000, True, "1 container removed, 5 kB reclaimed"),
    ("one runs", (5000, 7000), {"sizes": True}, 12000, False, "1 stopped, about 12 kB reclaimed"),
    ("one is not known", (None, 7000), {"sizes": True}, 7000, False, "about 7 kB reclaimed"),
    ("nothing is removed", (5, 5), {"sizes": True, "states": ["dead"]}, 0, True, "0 containers removed, 2 kept"),
]


@pytest.mark.parametrize(("sizes", "options", "reclaimed", "exact", "summary"), cases(SIZES))
def test_the_space_of_removed_containers(sizes, options, reclaimed, exact, summary):
    rows = container("one", "a1", "exited", size=sizes[0]), container("run", "a1", "running", size=sizes[1])
    result = report(predict(plan(*rows, **{"patterns": ["*"], **options})))
    assert (result["space_reclaimed"], result["space_exact"]) == (reclaimed, exact)
    assert summary in result["summary"]


def test_sizes_that_are_not_known_are_a_warning():
    assert warnings(predict(plan(ONE, sizes=True))) == ["sizes: the Engine does not report the size of 1 container"]


def test_warnings_tell_what_came_between():
    rows = [container(name, "a1", "running") for name in ("ended", "renamed", "vanished")]
    engine = FakeEngine(*rows)
    engine.states[rows[0].id] = "exited"
    engine.names[rows[1].id] = "other"
    del engine.states[rows[2].id]
    outcome = run(engine, plan(*rows))
    assert warnings(outcome) == [
        "container renamed was not removed: it was renamed to other after planning",
        "container vanished was not removed: it was already removed",
        "container ended ended by itself before it was to be stopped",
    ]
    assert report(outcome)["summary"] == "1 container removed, 0 kept, 2 skipped"

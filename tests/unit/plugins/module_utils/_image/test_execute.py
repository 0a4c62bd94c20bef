# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD, GRAPHDRIVER
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import (
    parse_containers,
    parse_images,
    parse_inspected_image,
    parse_removed,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import (
    DONE,
    FAILED,
    GONE,
    REFUSED,
    SKIPPED,
    carry_out,
    execute,
    predict,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import plan_removal
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import report
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import Evidence
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import plan_policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import Note, Progress

from ..builders import STORES, cases, container, image, image_id, snapshot

A, B, C, D = image_id("a1"), image_id("b1"), image_id("c1"), image_id("d1")


def inspected(raw):
    """An inspected image; its digests count here, as on the graphdriver store."""
    return parse_inspected_image(raw, GRAPHDRIVER)


def listed(images):
    return parse_images([{"Id": owner, "RepoTags": names} for owner, names in images.items()], GRAPHDRIVER)


class FakeEngine:
    """Removes as an Engine without containers does, and steps in where a test says so.

    ``script`` maps a request, such as ``remove a:1`` or ``inspect a:1``, to what happens when it comes for the first
    time: an exception is raised, a function is called with the Engine, anything else is the answer. A removal by the ID of an
    image with one name is also found by that name. ``away`` is whether it answers nothing at all.
    """

    most_connections = 8

    def __init__(self, host, script=None):
        self.images = {entry.id: [reference.familiar for reference in entry.references] for entry in host.images}
        self.containers = [{"Id": c.id, "Names": ["/" + c.name], "ImageID": c.image_id} for c in host.containers]
        self.dangling = set()
        self.requests = []
        self.pruned = []
        self.away = False
        self.script = dict(script or {})
        self._lock = threading.RLock()

    def _asked(self, request, answer, alias=""):
        with self._lock:
            return self._answer(request, answer, alias)

    def _answer(self, request, answer, alias):
        self.requests.append(request)
        if self.away:
            raise EngineUnavailable("nobody answers")
        scripted = self.script.pop(request, None)
        if scripted is None:
            scripted = self.script.pop(alias, None)
        if isinstance(scripted, Exception):
            raise scripted
        if callable(scripted):
            scripted = scripted(self)
            if isinstance(scripted, Exception):
                raise scripted
        return answer() if scripted is None else scripted

    def _owner(self, name):
        return next((owner for owner, names in self.images.items() if name == owner or name in names), None)

    def inspect_image(self, name):
        def answer():
            owner = self._owner(name)
            return owner and inspected({"Id": owner, "RepoTags": list(self.images[owner])})

        return self._asked(f"inspect {name}", answer)

    def list_images(self):
        return self._asked("images", lambda: listed(self.images))

    def list_dangling(self):
        return self._asked("dangling", lambda: frozenset(self.dangling))

    def list_containers(self):
        return parse_containers(self._asked("containers", lambda: self.containers))

    def remove_image(self, name, force, prune_parents):
        def answer():
            # A dangling record counts as the same name as any other.
            owner = pinned if pinned in self.dangling else self._owner(name)
            if pinned and owner != pinned:
                raise EngineError(404, f"No such image: {name}@{pinned}")
            going = list(self.images[owner]) if owner in (name, *self.dangling) else [name]
            self.images[owner] = [reference for reference in self.images[owner] if reference not in going]
            lines = [{"Untagged": reference} for reference in going]
            if not self.images[owner]:
                del self.images[owner]
                lines += [{"Deleted": owner}, {"Deleted": f"sha256:layer-of-{owner[7:9]}"}]
            return lines

        self.pruned.append(prune_parents)
        name, _at, pinned = name.partition("@")
        # The containerd store's word for an image without a name.
        name = pinned if name == "moby-dangling" else name
        if pinned and callable(self.script.get(f"inspect {name}")):
            # It is not read before, so that this happens before the removal.
            self.script.pop(f"inspect {name}")(self)
        names = self.images.get(name, ())
        return parse_removed(self._asked(f"remove {name}", answer, f"remove {names[0]}" if len(names) == 1 else ""))


def tag(name, owner):
    """Somebody else gives an image this reference."""

    def act(engine):
        for names in engine.images.values():
            if name in names:
                names.remove(name)
        engine.images.setdefault(owner, []).append(name)

    return act


def untag(name):
    """This reference is removed."""

    def act(engine):
        for names in engine.images.values():
            if name in names:
                names.remove(name)

    return act


def later(act):
    """It happens after the next listing."""

    def plan(engine):
        def first(engine):
            rows = listed(engine.images)
            act(engine)
            return rows

        engine.script["images"] = first

    return plan


def remove(*owners):
    """Somebody else removes these images."""

    def act(engine):
        for owner in owners:
            del engine.images[owner]

    return act


def then(act, outcome):
    """Something happens on the Engine, and the request ends so all the same."""

    def both(engine):
        act(engine)
        return outcome

    return both


def and_again(request, second, first):
    """The request ends so, and the next one like it so."""

    def act(engine):
        engine.script[request] = second
        return first

    return act


def start(name, of, mounts=()):
    """Somebody else starts a container."""
    row = {"Id": name * 8, "Names": ["/" + name], "ImageID": image_id(of)}
    row["Mounts"] = [{"Type": "image", "Name": source} for source in mounts]
    return lambda engine: engine.containers.append(row)


def error(status, text="the Engine's words"):
    return EngineError(status, text, "DELETE /images/a:1")


HOST = (image("a1", "a:1", "a:2"), image("b1", "b:1"), image("c1", "c:1"))


def go_away(engine):
    """Nobody answers any more."""
    engine.away = True


class FakeTime:
    """Passes only while somebody sleeps."""

    def __init__(self):
        self.seconds = 0.0
        self.clock = Clock(lambda: self.seconds, self.sleep)

    def sleep(self, seconds):
        self.seconds += seconds


def run(params, script=None, *parts, **fields):
    parallel = fields.pop("parallel", 1)
    host = snapshot(*(parts or HOST), **fields)
    engine = FakeEngine(host, script)
    plan = plan_removal(host, Request.parse(params), 0.0)
    outcome = execute(plan, engine, parallel=parallel, clock=FakeTime().clock)
    return outcome, engine


RACES = [
    # situation, parameters, script, status of each step, untagged, deleted, words of the reasons, failed
    ("nothing happens", {"names": ["b:1"]}, {}, [DONE], ["b:1"], [B], "", False),
    (
        "tag moved",
        {"names": ["b:1"]},
        {"inspect b:1": tag("b:1", C)},
        [SKIPPED],
        [],
        [],
        "it moved to image c10000000000 after planning",
        False,
    ),
    (
        "tag moved to an image that was not there",
        {"names": ["b:1"]},
        {"inspect b:1": tag("b:1", image_id("f1"))},
        [SKIPPED],
        [],
        [],
        "it moved to image f10000000000",
        False,
    ),
    ("tag gone", {"names": ["b:1"]}, {"inspect b:1": remove(B)}, [GONE], [], [], "it was already removed", False),
    (
        "reference added",
        {"names": ["b:1"]},
        {"inspect b:1": tag("b:2", B)},
        [SKIPPED],
        [],
        [],
        "the image's references changed after planning",
        False,
    ),
    (
        "reference added by ID",
        {"names": [B]},
        {f"inspect {B}": tag("b:2", B)},
        [SKIPPED],
        [],
        [],
        "references changed",
        False,
    ),
    (
        "reference lost",
        {"names": ["a:1"]},
        {"inspect a:1": tag("a:2", B)},
        [SKIPPED],
        [],
        [],
        "references changed",
        False,
    ),
    (
        "gone between check and removal",
        {"names": ["b:1"]},
        {"remove b:1": then(remove(B), error(404))},
        [GONE],
        [],
        [],
        "it was already removed",
        False,
    ),
    (
        "container came between",
        {"names": ["b:1"]},
        {"remove b:1": error(409, "conflict: container x is using it (must force)")},
        [REFUSED],
        [],
        [],
        "container x is using it",
        True,
    ),
    (
        "conflict after the references were gone",
        {"names": [A], "force": True},
        {f"remove {A}": then(untag("a:1"), error(409))},
        [REFUSED],
        ["a:1"],
        [],
        "the Engine's words",
        True,
    ),
    (
        "second name came between check and removal",
        {"names": ["b:1"]},
        {"remove b:1": then(tag("b:2", B), error(409, "image is referenced in multiple repositories"))},
        [SKIPPED],
        [],
        [],
        "the image's references changed after planning",
        False,
    ),
    (
        "name moved between check and removal, of which the Engine says that it is not there",
        {"names": ["a:1"]},
        {"remove a:1": then(tag("a:1", B), error(404))},
        [SKIPPED],
        [],
        [],
        "it moved to image b10000000000 after planning",
        False,
    ),
    (
        "name moved, and the Engine fails",
        {"names": ["a:1"]},
        {"remove a:1": then(tag("a:1", B), error(500))},
        [FAILED],
        [],
        [],
        "the Engine answered 500",
        True,
    ),
    (
        "carried out only after it was looked up, so that the second request finds nothing",
        {"names": ["b:1"]},
        {"remove b:1": and_again("remove b:1", then(remove(B), error(404)), EngineUnavailable("no answer in time"))},
        [DONE],
        ["b:1"],
        [B],
        "it was removed all the same",
        False,
    ),
    (
        "answer cut off among its headers, which looks like an empty one",
        {"names": ["a:1"]},
        {"remove a:1": then(untag("a:1"), [])},
        [DONE],
        ["a:1"],
        [],
        "the Engine's answer names nothing; it was removed all the same",
        False,
    ),
    (
        "error with nothing done",
        {"names": ["b:1"]},
        {"remove b:1": error(500)},
        [FAILED],
        [],
        [],
        "the Engine answered 500: the Engine's words",
        True,
    ),
    (
        "error with all done",
        {"names": ["b:1"]},
        {"remove b:1": then(remove(B), error(500))},
        [DONE],
        ["b:1"],
        [B],
        "the Engine answered 500: the Engine's words; it was removed all the same",
        False,
    ),
    (
        "not found, and listed",
        {"names": ["b:1", "c:1"]},
        {"remove b:1": error(404, "No such image: b:1")},
        [FAILED, DONE],
        ["c:1"],
        [C],
        "the Engine answered 404: No such image: b:1; the Engine still lists it",
        True,
    ),
    (
        "not found by its ID, and listed",
        {"names": [B]},
        {f"remove {B}": error(404, "No such image")},
        [FAILED],
        [],
        [],
        "the Engine still lists it",
        True,
    ),
    (
        "not found by one of its names, which is listed",
        {"names": ["a:1"]},
        {"remove a:1": error(404, "No such image")},
        [FAILED],
        [],
        [],
        "the Engine still lists it",
        True,
    ),
    (
        "one of several names removed between check and removal",
        {"names": ["a:1"]},
        {"remove a:1": then(untag("a:1"), error(404))},
        [GONE],
        [],
        [],
        "it was already removed",
        False,
    ),
    (
        "error half-way",
        {"names": ["a10"], "force": True},
        {f"remove {A}": then(untag("a:1"), error(500))},
        [FAILED],
        ["a:1"],
        [],
        "the Engine answered 500",
        True,
    ),
    (
        "error, and the rest goes on",
        {"names": ["b:1", "c:1"]},
        {"remove b:1": error(500)},
        [FAILED, DONE],
        ["c:1"],
        [C],
        "500",
        True,
    ),
    (
        "error in the check",
        {"names": ["b:1", "c:1"]},
        {"inspect b:1": error(500)},
        [DONE, DONE],
        ["b:1", "c:1"],
        [B, C],
        "the image could not be inspected, and was removed as it was listed: DELETE /images/a:1: the Engine answered 500",
        False,
    ),
    (
        "error in the check, and the listing says that the tag moved",
        {"names": ["b:1"]},
        {"inspect b:1": then(tag("b:1", C), error(500))},
        [SKIPPED],
        [],
        [],
        "it moved to image c10000000000 after planning",
        False,
    ),
    (
        "error in the check, and the listing says that it is gone",
        {"names": [B]},
        {f"inspect {B}": then(remove(B), error(500))},
        [GONE],
        [],
        [],
        "it was already removed",
        False,
    ),
    (
        "connection lost in the check",
        {"names": ["b:1", "c:1"]},
        {"inspect b:1": EngineUnavailable("no answer")},
        [DONE, DONE],
        ["b:1", "c:1"],
        [B, C],
        "the image could not be inspected, and was removed as it was listed: no answer",
        False,
    ),
    (
        "Engine lost in the check",
        {"names": ["b:1", "c:1"]},
        {"inspect b:1": then(go_away, EngineUnavailable("nobody answers"))},
        [FAILED, FAILED],
        [],
        [],
        "not tried: nobody answers",
        True,
    ),
    (
        "no answer to a removal that was done",
        {"names": ["b:1", "c:1"]},
        {"remove b:1": then(remove(B), EngineUnavailable("no answer"))},
        [DONE, DONE],
        ["b:1", "c:1"],
        [B, C],
        "no answer; it was removed all the same",
        False,
    ),
    (
        "no answer to a removal that was done half",
        {"names": [A], "force": True},
        {f"remove {A}": then(untag("a:1"), EngineUnavailable("no answer"))},
        [SKIPPED],
        ["a:1"],
        [],
        "references changed",
        False,
    ),
    (
        "no answer to a removal that was done after the look",
        {"names": ["b:1"]},
        {"remove b:1": then(later(remove(B)), EngineUnavailable("no answer"))},
        [DONE],
        ["b:1"],
        [B],
        "it was already removed; it was removed all the same",
        False,
    ),
    (
        "connection lost in a removal",
        {"names": ["b:1", "c:1"]},
        {"remove b:1": then(go_away, EngineUnavailable("no answer"))},
        [FAILED, FAILED],
        [],
        [],
        "no answer; what was removed is unknown: nobody answers",
        True,
    ),
    (
        "connection lost for a moment",
        {"names": ["b:1", "c:1"]},
        {"remove b:1": EngineUnavailable("no answer"), "images": EngineUnavailable("still none")},
        [DONE, DONE],
        ["b:1", "c:1"],
        [B, C],
        "",
        False,
    ),
    (
        "Engine lost at an error",
        {"names": ["b:1", "c:1"]},
        {"remove b:1": then(go_away, error(500))},
        [FAILED, FAILED],
        [],
        [],
        "it was asked for; what was removed is unknown: nobody answers",
        True,
    ),
    (
        "one tag skipped, the other one too",
        {"names": ["a:1", "a:2"]},
        {"inspect a:1": tag("a:3", A)},
        [SKIPPED, SKIPPED],
        [],
        [],
        "references changed",
        False,
    ),
]


def test_a_name_that_moved_while_the_containers_were_listed_is_not_asked_for():
    outcome, engine = run({"names": ["a:1", "a:2"]}, {"containers": tag("a:1", C)}, store=GRAPHDRIVER)
    assert [step.status for step in outcome.steps] == [SKIPPED, SKIPPED]
    assert outcome.steps[0].reason == "it moved to image c10000000000 after planning"
    assert not [request for request in engine.requests if request.startswith("remove")]


#: The request itself says which image the name must have on the containerd store, so that it is not read there.
OF_A_READ = (
    "reference added",
    "error in the check",
    "connection lost in the check",
    "Engine lost in the check",
)
RACES_BY_STORE = [
    (f"{row[0]}, {store}", store, *row[1:])
    for row in RACES
    for store in STORES
    if store == GRAPHDRIVER or row[0] not in OF_A_READ
]


@pytest.mark.parametrize(
    ("store", "params", "script", "statuses", "untagged", "deleted", "reason", "failed"), cases(RACES_BY_STORE)
)
def test_what_happens_after_planning_is_told_and_never_removed(
    store, params, script, statuses, untagged, deleted, reason, failed
):
    outcome, _engine = run(params, script, store=store)
    assert [step.status for step in outcome.steps] == statuses
    result = report(outcome)
    assert (result["untagged"], result["deleted"]) == (untagged, deleted)
    assert reason in "; ".join(step.reason for step in outcome.steps)
    assert bool(result.get("failed")) is failed
    assert all(not step.as_planned for step in outcome.steps if step.status != DONE)


def test_what_was_skipped_stays_on_the_engine():
    _outcome, engine = run({"names": ["b:1", "c:1"]}, {"inspect b:1": tag("b:1", C)})
    assert f"remove {B}" not in engine.requests
    assert engine.images[B] == []
    assert engine.images[C] == ["c:1", "b:1"]


def test_a_conflict_that_came_up_is_listed_and_only_fails_when_asked_to():
    script = {"remove b:1": error(409, "conflict: unable to delete b:1 (must be forced) - container x uses it")}
    skipping = report(run({"names": ["b:1", "c:1"], "on_conflict": "skip"}, dict(script))[0])
    assert not skipping.get("failed")
    assert skipping["conflicts"] == [
        {
            "target": "b:1",
            "reason": "conflict: unable to delete b:1 (must be forced) - container x uses it",
            "container": None,
            "forceable": True,
            "remedy": "the conflict came up after planning: run the task again",
        }
    ]
    failing = report(run({"names": ["b:1", "c:1"]}, dict(script))[0])
    assert failing["failed"]
    assert failing["conflicts"] == skipping["conflicts"]
    assert failing["deleted"] == [C]


def test_what_the_engine_refuses_for_a_container_that_came_meanwhile_is_no_conflict():
    refusal = error(409, "conflict: unable to delete b:1 (must be forced) - container 1234 uses it")
    outcome, engine = run({"names": ["b:1"]}, {"remove b:1": refusal, "containers": start("late", of="b1")})
    assert [(step.status, step.reason) for step in outcome.steps] == [
        (SKIPPED, "container late started to use the image after planning")
    ]
    assert not report(outcome).get("failed")
    assert engine.images[B] == ["b:1"]


def test_what_the_engine_refuses_stays_a_conflict_when_no_container_can_be_asked_for():
    refusal = error(409, "conflict: unable to delete b:1 (must be forced) - container 1234 uses it")
    outcome, _engine = run({"names": ["b:1"]}, {"remove b:1": refusal, "containers": error(500, "no")})
    assert [step.status for step in outcome.steps] == [REFUSED]


FORCED = [
    # situation, script, containers at the start, statuses
    ("no container", {}, [], [DONE]),
    ("a container that the plan knew", {}, [container("job", of="b1")], [DONE]),
    ("a container that came after planning", {"containers": start("late", of="b1")}, [], [SKIPPED]),
    ("a container of another image", {"containers": start("late", of="c1")}, [], [DONE]),
    ("one that mounts an image", {"containers": start("late", of="c1", mounts=["x:1"])}, [], [SKIPPED]),
]


@pytest.mark.parametrize(("script", "containers", "statuses"), cases(FORCED))
def test_with_force_a_container_that_came_after_planning_still_keeps_the_image(script, containers, statuses):
    outcome, engine = run({"names": ["b:1"], "force": True}, script, *HOST, *containers)
    assert [step.status for step in outcome.steps] == statuses
    if statuses == [SKIPPED]:
        assert outcome.steps[0].reason == "container late started to use the image after planning"
        assert B in engine.images


LATE = {"containers": start("late", of="c1", mounts=["x:1"])}
# What an Engine 28 does not mind by itself: the request, the images, what comes meanwhile, and the statuses.
MOUNTED_SINCE = [
    ("an ID, and a container that mounts an image", [B], HOST, LATE, [SKIPPED]),
    ("an ID, and a container of another image", [B], HOST, {"containers": start("late", of="c1")}, [DONE]),
    ("a digest", [f"d@{D}"], [image("d1", f"d@{D}")], LATE, [SKIPPED]),
    ("a parent that would go along", ["d:1"], [image("d1", "d:1", parent="e1"), image("e1")], LATE, [SKIPPED]),
    ("a name of several", ["a:1"], HOST, LATE, [DONE]),
    ("an image's only name, which is removed by its ID", ["b:1"], HOST, LATE, [SKIPPED]),
]


@pytest.mark.parametrize(("names", "host", "script", "statuses"), cases(MOUNTED_SINCE))
def test_a_container_that_mounts_an_image_since_the_planning_keeps_it(names, host, script, statuses):
    outcome, engine = run({"names": names}, script, *host)
    assert [step.status for step in outcome.steps] == statuses
    if statuses == [SKIPPED]:
        assert outcome.steps[0].reason == "container late started to use the image after planning"
        assert not any(request.startswith("remove") for request in engine.requests)


def test_an_image_that_only_loses_a_name_is_not_looked_for_in_containers():
    _outcome, engine = run({"names": ["a:1"]})
    assert engine.requests == ["inspect a:1", "remove a:1"]


def test_an_image_that_came_into_use_keeps_all_its_names_for_one_reason():
    outcome, engine = run({"names": ["a:1", "a:2"]}, {"containers": start("late", of="a1")})
    assert [step.status for step in outcome.steps] == [SKIPPED, SKIPPED]
    assert engine.images[A] == ["a:1", "a:2"]
    result = report(outcome)
    assert not result.get("failed")
    assert not result["conflicts"]
    (verdict,) = [entry for entry in result["images"] if entry["id"] == A]
    assert verdict["action"] == "skipped"
    assert "container late started to use the image after planning" in verdict["reason"]


STARTED = [
    # what the containers' listing tells right before a name goes, the statuses of a:1 and a:2
    ("nothing new", {}, [DONE, DONE]),
    ("a container of the image", {"containers": start("late", of="a1")}, [SKIPPED, SKIPPED]),
    ("a container of another image", {"containers": start("late", of="c1")}, [DONE, DONE]),
]


@pytest.mark.parametrize(("script", "statuses"), cases(STARTED))
def test_a_policy_leaves_the_names_of_an_image_that_a_container_came_to_use(script, statuses):
    host = snapshot(*HOST)
    plan = plan_policy(host, Policy.parse({"remove": {"patterns": ["a"]}}), Evidence(now=0.0)).plan
    engine = FakeEngine(host, script)
    assert [step.status for step in execute(plan, engine).steps] == statuses
    assert (A in engine.images) == (SKIPPED in statuses)


UNFORESEEN = [
    # situation, the Engine's lines, left on the Engine, untagged, deleted
    ("less than predicted", [{"Untagged": "b:1"}], [A, B, C], ["b:1"], []),
    ("something else", [{"Untagged": "b:9"}], [A, B, C], [], []),
    ("its name before, by another task", [{"Deleted": B}], [A, C], [], [B]),
    ("more than predicted", [{"Untagged": "b:1"}, {"Untagged": "b:9"}, {"Deleted": B}], [A, C], ["b:1", "b:9"], [B]),
    ("a parent more", [{"Untagged": "b:1"}, {"Deleted": B}, {"Deleted": C}], [A], ["b:1"], [B, C]),
    ("reported and kept", [{"Untagged": "b:1"}, {"Deleted": B}, {"Deleted": C}], [A, C], ["b:1"], [B]),
    ("another order", [{"Deleted": B}, {"Untagged": "b:1"}], [A, C], ["b:1"], [B]),
    ("nothing at all", [], [A, B, C], [], []),
]


@pytest.mark.parametrize(("lines", "left", "untagged", "deleted"), cases(UNFORESEEN))
def test_what_the_engine_did_counts_not_what_was_predicted(lines, left, untagged, deleted):
    def leave(engine):
        engine.images = {owner: names for owner, names in engine.images.items() if owner in left}
        for line in lines:
            untag(line.get("Untagged"))(engine)
        return lines

    outcome, _engine = run({"names": ["b:1"]}, {"remove b:1": leave})
    assert (list(outcome.steps[0].untagged), list(outcome.steps[0].deleted)) == (untagged, deleted)


def test_what_cannot_be_looked_up_after_an_unforeseen_answer_is_what_the_engine_said():
    answer = [{"Untagged": "b:1"}, {"Deleted": B}, {"Deleted": C}]
    outcome, _engine = run({"names": ["b:1"]}, {"remove b:1": then(go_away, answer)})
    assert outcome.steps[0].deleted == (B, C)


def test_layers_are_told_from_images():
    outcome, _engine = run({"names": ["b:1"]})
    assert outcome.steps[0].layers == ("sha256:layer-of-b1",)
    assert report(outcome, layers=True)["deleted_layers"] == ["sha256:layer-of-b1"]


def test_digests_that_the_containerd_store_makes_up_are_no_change():
    host = snapshot(image("b1", "b:1"), store=CONTAINERD)
    engine = FakeEngine(host, {"inspect b:1": inspected({"Id": B, "RepoTags": ["b:1"], "RepoDigests": [f"b@{B}"]})})
    outcome = execute(plan_removal(host, Request.parse({"names": ["b:1"]}), 0.0), engine)
    assert [step.status for step in outcome.steps] == [DONE]


COUNTED = [
    # situation, names, force, note at the end
    ("images, and a name on the way", ["a:1", "a:2", "b:1"], {}, Note("images", 2, 2, 60)),
    ("names alone", ["a:1"], {}, Note("references", 1, 1)),
    ("a removal that fails frees nothing", ["b:1"], {"remove b:1": EngineError(500, "broken")}, Note("images", 1, 1)),
]


@pytest.mark.parametrize(("names", "script", "note"), cases(COUNTED))
def test_what_is_done_is_counted(names, script, note, tmp_path):
    host = snapshot(image("a1", "a:1", "a:2", size=20, shared_size=0), image("b1", "b:1", size=40, shared_size=0))
    plan = plan_removal(host, Request.parse({"names": names}), 0.0)
    execute(plan, FakeEngine(host, script), clock=FakeTime().clock, progress=Progress(str(tmp_path / "note")))
    assert Note.parse((tmp_path / "note").read_text()) == note


def test_check_mode_asks_the_engine_nothing():
    host = snapshot(*HOST)
    engine = FakeEngine(host)
    plan = plan_removal(host, Request.parse({"names": ["a:1", "b:1"]}), 0.0)
    assert carry_out(plan, engine, check_mode=True) == predict(plan)
    assert engine.requests == []


@pytest.mark.parametrize("store", STORES)
def test_check_mode_says_what_the_real_run_says(store):
    host = snapshot(*HOST, store=store)
    plan = plan_removal(host, Request.parse({"names": ["a:1", "a:2", "b:1"]}), 0.0)
    predicted = report(carry_out(plan, FakeEngine(host), check_mode=True))
    assert report(carry_out(plan, FakeEngine(host), check_mode=False)) == predicted
    assert predicted["deleted"] == [A, B]


def test_a_refused_plan_sends_nothing():
    outcome, engine = run({"names": ["b:1", "c:1"]}, {}, *HOST, container("web", of="c1"), store=GRAPHDRIVER)
    assert outcome.steps == ()
    assert engine.requests == []
    assert report(outcome)["failed"]


MANY = [image(f"{number:02x}", f"app:{number}") for number in range(0x10, 0x70)]


@pytest.mark.parametrize("parallel", [1, 2, 8, 50])
@pytest.mark.parametrize("store", STORES)
def test_side_by_side_the_result_is_that_of_one_after_the_other(store, parallel):
    script = {"remove app:30": error(500), "inspect app:40": tag("app:40", A), "remove app:50": error(409)}
    params = {"patterns": ["app"], "on_conflict": "skip"}
    one_by_one, _engine = run(params, dict(script), *HOST, *MANY, store=store, parallel=1)
    outcome, engine = run(params, dict(script), *HOST, *MANY, store=store, parallel=parallel)
    assert report(outcome, layers=True) == report(one_by_one, layers=True)
    assert [step.status for step in outcome.steps].count(DONE) == len(MANY) - 3
    assert len(engine.images) == len(HOST) + 3


def test_a_shared_layer_is_reported_where_it_goes_in_the_order_of_the_plan():
    shared, own = "sha256:shared", "sha256:own"
    layers = [("sha256:d0",), ("sha256:d0", "sha256:d1")]
    host = snapshot(*(image(f"a{n}", f"app:{n}", layers=layers[n], size=n + 1, shared_size=0) for n in (0, 1)))
    plan = plan_removal(host, Request.parse({"names": ["app:1", "app:0"]}), 0.0)
    (own,), (shared,) = ([layer for release in step.releases for layer in release.layers] for step in plan.steps)
    engine = FakeEngine(
        host,
        {
            "remove app:0": then(remove(image_id("a0")), [{"Untagged": "app:0"}, {"Deleted": image_id("a0")}]),
            "remove app:1": then(
                remove(image_id("a1")),
                [{"Untagged": "app:1"}, {"Deleted": image_id("a1")}, {"Deleted": own}, {"Deleted": shared}],
            ),
        },
    )
    outcome = execute(plan, engine)
    assert [step.layers for step in outcome.steps] == [(own,), (shared,)]
    assert report(outcome, layers=True)["deleted_layers"] == report(predict(plan), layers=True)["deleted_layers"]


DEVIATIONS = [
    # situation, host, names, script, untagged, deleted
    (
        "reported as planned, and kept, after another step failed",
        HOST,
        ["b:1", "c:1"],
        {"remove b:1": error(500), "remove c:1": then(untag("c:1"), [{"Untagged": "c:1"}, {"Deleted": C}])},
        ["c:1"],
        [],
    ),
    (
        "a parent that went along with a lost answer",
        [image("d1", "d:1", parent="e1"), image("e1")],
        ["d:1"],
        {"remove d:1": then(remove(D, image_id("e1")), EngineUnavailable("no answer"))},
        ["d:1"],
        [D, image_id("e1")],
    ),
    (
        "a parent that went along with a lost answer, and was not to",
        [image("d1", "d:1", parent="e1"), image("d2", "d:2", parent="e1"), image("e1")],
        ["d:1"],
        {"remove d:1": then(remove(D, image_id("e1")), EngineUnavailable("no answer"))},
        ["d:1"],
        [D, image_id("e1")],
    ),
    (
        "the removal of something else that is there no more",
        [image("d1", "d:1"), image("e1", "e:1")],
        ["d:1"],
        {"remove d:1": then(remove(D), [{"Untagged": "x:1"}, {"Deleted": image_id("f1")}])},
        ["d:1"],
        [D],
    ),
    (
        "an image that somebody else removed meanwhile",
        [image("d1", "d:1"), image("e1", "e:1")],
        ["d:1"],
        {"remove d:1": then(remove(D, image_id("e1")), EngineUnavailable("no answer"))},
        ["d:1"],
        [D],
    ),
]


@pytest.mark.parametrize(("host", "names", "script", "untagged", "deleted"), cases(DEVIATIONS))
def test_after_a_deviation_a_fresh_listing_says_what_was_removed(host, names, script, untagged, deleted):
    result = report(run({"names": names}, script, *host)[0])
    assert (result["untagged"], result["deleted"]) == (untagged, deleted)


DENIED = [
    # situation, names, answer, reason
    ("an answer about something else", ["b:1"], [{"Untagged": "x:1"}], "the Engine's answer names something else"),
    (
        "an answer about a layer alone",
        ["b:1"],
        [{"Deleted": "sha256:layer"}],
        "the Engine's answer names something else",
    ),
    ("an answer about nothing", ["b:1"], [], "the Engine's answer names nothing"),
    (
        "a name that is still there, and another one",
        ["b:1"],
        [{"Untagged": "b:1"}, {"Untagged": "x:1"}],
        "the Engine did not do what was predicted; the Engine reported b:1 as untagged, but still lists it",
    ),
]


@pytest.mark.parametrize(("names", "answer", "reason"), cases(DENIED))
def test_what_the_engine_says_it_removed_and_still_lists_is_a_failure(names, answer, reason):
    outcome, engine = run({"names": names}, {"remove b:1": answer}, *HOST)
    (step,) = outcome.steps
    assert (step.status, step.deleted, step.reason) == (FAILED, (), reason)
    assert "b:1" not in step.untagged
    assert engine.images[B] == ["b:1"]


def test_a_parent_that_was_to_be_kept_and_went_along_is_reported_after_a_deviation():
    host = [image("d1", "d:1", parent="e1"), image("e1", "e:1"), image("f1", "f:1")]
    lines = [{"Untagged": "e:1"}, {"Deleted": image_id("e1")}]
    script = {"remove e:1": then(remove(image_id("e1")), lines), "remove f:1": error(500)}
    outcome, _engine = run({"names": ["e:1", "f:1"]}, script, *host, store=CONTAINERD)
    assert outcome.plan.steps[0].effect.survives == {image_id("e1")}
    assert report(outcome)["deleted"] == [image_id("e1")]


def test_a_removal_that_takes_its_time_and_gets_no_answer_is_not_asked_for_again():
    host = snapshot(*HOST)
    time = FakeTime()
    engine = FakeEngine(host, {"remove b:1": lambda engine: time.sleep(600) or EngineUnavailable("timed out")})
    outcome = execute(plan_removal(host, Request.parse({"names": ["b:1", "c:1"]}), 0.0), engine, clock=time.clock)
    assert [(step.status, step.reason) for step in outcome.steps] == [(FAILED, "timed out"), (DONE, "")]
    assert engine.requests.count(f"remove {B}") == 1


def test_a_removal_that_is_never_answered_is_given_up():
    script = {"remove b:1": EngineUnavailable("no answer")}

    class Deaf(FakeEngine):
        def remove_image(self, name, force, prune_parents):
            self.script.update(script)
            return super().remove_image(name, force, prune_parents)

    host = snapshot(*HOST)
    engine = Deaf(host)
    outcome = execute(plan_removal(host, Request.parse({"names": ["b:1"]}), 0.0), engine, clock=FakeTime().clock)
    assert [(step.status, step.reason) for step in outcome.steps] == [(FAILED, "no answer")]
    assert engine.requests.count(f"remove {B}") == 3


def test_one_listing_of_containers_serves_many_names_of_an_image():
    tags = [f"app:{number}" for number in range(100)]
    _outcome, engine = run({"names": tags}, {}, image("a1", *tags))
    assert engine.requests.count("containers") == 1
    assert engine.images == {}


def test_an_image_without_a_name_that_gets_one_right_before_its_removal_stays():
    script = {f"remove {B}": then(tag("b:1", B), error(404))}
    outcome, engine = run({"names": [B]}, script, image("b1"), store=CONTAINERD)
    assert [step.status for step in outcome.steps] == [SKIPPED]
    assert engine.images == {B: ["b:1"]}


ADDRESSES = [
    # situation, store, parameters, what is sent for each step
    ("graph drivers know no pinned name", GRAPHDRIVER, {"names": ["a:1"]}, ["a:1"]),
    ("one of two names", CONTAINERD, {"names": ["a:1"]}, [f"a:1@{A}"]),
    ("the last one too", CONTAINERD, {"names": ["a:1", "a:2"]}, [f"a:1@{A}", f"a:2@{A}"]),
    ("by ID, the image goes with its only name", CONTAINERD, {"names": [B]}, [B]),
    ("a parent, which its ID would not spare", CONTAINERD, {"names": ["e:1"]}, ["e:1"]),
    ("no name", CONTAINERD, {"names": [D]}, [f"moby-dangling@{D}"]),
    ("names by their ID and by force", CONTAINERD, {"names": [A], "force": True}, [A]),
    ("by force a pinned name would delete what is in use", CONTAINERD, {"names": ["a:1"], "force": True}, ["a:1"]),
]


@pytest.mark.parametrize(("store", "params", "sent"), cases(ADDRESSES))
def test_a_removal_is_sent_with_what_must_still_hold(store, params, sent):
    family = (image("e1", "e:1"), image("e2", "e:2", parent="e1"))
    plan = plan_removal(snapshot(*HOST, image("d1"), *family, store=store), Request.parse(params), 0.0)
    assert [step.address for step in plan.steps] == sent


def test_of_an_image_that_got_another_name_the_planned_one_alone_is_removed_where_nothing_is_read():
    outcome, engine = run({"names": ["b:1"]}, {"inspect b:1": tag("b:2", B)}, image("b1", "b:1"), store=CONTAINERD)
    (step,) = outcome.steps
    assert (step.status, step.untagged, step.deleted, step.as_planned) == (DONE, ("b:1",), (), False)
    assert step.reason == "the image got another reference after planning, and stays"
    assert engine.images == {B: ["b:2"]}
    assert "inspect b:1" not in engine.requests


def test_where_nothing_is_read_a_container_that_came_after_planning_keeps_the_name():
    script = {"containers": lambda engine: [*engine.containers, {"Id": "x", "Names": ["/x"], "ImageID": B}]}
    outcome, engine = run({"names": ["b:1"]}, script, image("b1", "b:1"), store=CONTAINERD)
    assert [(step.status, step.reason) for step in outcome.steps] == [
        (SKIPPED, "container x started to use the image after planning")
    ]
    assert engine.images == {B: ["b:1"]}


def moved_and_kept_as_dangling(engine):
    """As a pull does it: the image that the name named is kept by a dangling record."""
    tag("b:1", C)(engine)
    engine.dangling.add(B)
    return frozenset(engine.dangling)


def test_a_name_whose_image_was_kept_by_a_dangling_record_is_read_and_skipped():
    outcome, engine = run({"names": ["b:1"]}, {"dangling": moved_and_kept_as_dangling}, store=CONTAINERD)
    assert [step.status for step in outcome.steps] == [SKIPPED]
    assert "it moved to image c10000000000 after planning" in outcome.steps[0].reason
    assert not [request for request in engine.requests if request.startswith("remove")]


def test_one_listing_of_dangling_records_serves_many_names_and_none_of_them_is_read():
    _outcome, engine = run({"patterns": ["app"]}, {}, *MANY, store=CONTAINERD)
    assert engine.requests.count("dangling") == 1
    assert not [request for request in engine.requests if request.startswith("inspect")]


def not_listed(engine):
    """Every time that it is asked."""
    engine.script["dangling"] = not_listed
    return error(500)


READ_ALL_THE_SAME = [
    # situation, parameters, further images, script, what is read
    ("the Engine does not list dangling records", {"names": ["b:1"]}, (), {"dangling": not_listed}, ["b:1"]),
    ("listing them takes long", {"names": ["b:1"]}, [image(f"{n:02x}") for n in range(0x10, 0x26)], {}, ["b:1"]),
    ("another name stays", {"names": ["a:1"]}, (), {}, ["a:1"]),
    ("the image is asked for by its ID", {"names": [B]}, (), {}, [B]),
]


@pytest.mark.parametrize(("params", "others", "script", "read"), cases(READ_ALL_THE_SAME))
def test_what_is_read_before_its_removal_on_the_containerd_store(params, others, script, read):
    _outcome, engine = run(params, script, *HOST, *others, store=CONTAINERD)
    assert [r.partition(" ")[2] for r in engine.requests if r.startswith("inspect")] == read


def test_an_image_without_a_name_is_not_read_on_the_containerd_store():
    outcome, engine = run({"names": [D]}, {}, image("d1"), store=CONTAINERD)
    assert [step.status for step in outcome.steps] == [DONE]
    assert engine.requests[-1] == f"remove {D}"
    assert not [request for request in engine.requests if request.startswith(("inspect", "dangling"))]


def test_a_request_without_an_answer_is_not_sent_again_before_its_target_was_read():
    def moved_without_an_answer(engine):
        tag("b:1", C)(engine)
        return EngineUnavailable("no answer")

    script = {"remove b:1": moved_without_an_answer}
    outcome, engine = run({"names": ["b:1"]}, script, image("b1", "b:1"), image("c1", "c:1"), store=CONTAINERD)
    assert [step.status for step in outcome.steps] == [SKIPPED]
    assert engine.images[C] == ["c:1", "b:1"]
    assert [request for request in engine.requests if request.startswith(("inspect", "remove"))] == [
        "remove b:1",
        "inspect b:1",
    ]


def test_parents_that_are_not_planned_to_go_stay_by_the_request():
    child = image("c1", "c:1", parent="b1")
    _outcome, engine = run({"names": ["c:1"]}, {}, image("b1", "b:1"), child)
    assert engine.pruned == [False]
    _outcome, engine = run({"names": ["c:1"]}, {}, image("b1"), child)
    assert engine.pruned == [True]


HOLDERS = [
    # situation, its state now, or None where it was removed, status
    ("runs still", "running", DONE),
    ("stopped", "exited", SKIPPED),
    ("removed", None, SKIPPED),
]


@pytest.mark.parametrize(("state", "status"), cases(HOLDERS))
def test_by_force_a_name_goes_only_while_what_kept_its_image_still_does(state, status):
    host = snapshot(image("b1", "b:1"), container("web", of="b1", state="running"))
    engine = FakeEngine(host)
    (row,) = engine.containers
    engine.containers = [{**row, "State": state}] if state else []
    outcome = execute(plan_removal(host, Request.parse({"names": ["b:1"], "force": True}), 0.0), engine)
    assert [step.status for step in outcome.steps] == [status]

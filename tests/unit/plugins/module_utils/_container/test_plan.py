# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._container.execute import predict
from ansible_collections.imagewarden.docker.plugins.module_utils._container.plan import (
    may_be_removed,
    plan_containers,
    undated,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._container.report import report
from ansible_collections.imagewarden.docker.plugins.module_utils._container.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results

from ..builders import CREATED, cases, container, digest_reference, image, image_id, snapshot

NOW = CREATED + 1_000_000
DAY = 86_400
ALL = ["created", "running", "paused", "restarting", "removing", "exited", "dead"]

IMAGES = (
    image("a1", "app:1", "registry.example.com/team/app:1"),
    image("a2", "app:2", parent="a1"),
    image("a3", parent="a2"),
    image("b1", "base:1", digest_reference("base", "d1")),
)
CONTAINERS = (
    container("web", "a1", "running", labels={"stage": "prod", "team": "one"}),
    container("worker", "a2", "exited", labels={"stage": "test", "team": "one"}),
    container("Cron.1", "a3", "created", labels={"stage": "test"}),
    container("db", "b1", "paused"),
    container("db-old", "b1", "dead"),
    container("orphan", "ee", "exited"),
)
HOST = snapshot(*IMAGES, *CONTAINERS)
WEB, WORKER = CONTAINERS[0].id, CONTAINERS[1].id


def plan(host=HOST, now=NOW, finished=None, **params):
    return plan_containers(host, Request.parse(params), now, finished)


def removed(made):
    return [step.container.name for step in made.steps]


SELECTED = [
    # situation, options, names of the removed containers
    ("a name", {"names": ["worker"]}, ["worker"]),
    ("a name as the API writes it", {"names": ["/worker"]}, ["worker"]),
    ("a whole ID", {"names": [WEB], "states": ALL}, ["web"]),
    ("a short ID", {"names": [WEB[:6]], "states": ALL}, ["web"]),
    ("a short ID of two digits, of the only one", {"names": [WORKER[:5]]}, ["worker"]),
    ("the same container twice", {"names": ["worker", "worker"], "patterns": ["work*"]}, ["worker"]),
    ("names are removed in order of name", {"names": ["worker", "db-old", "Cron.1"]}, ["Cron.1", "db-old", "worker"]),
    ("no names", {"names": []}, []),
    ("a glob", {"patterns": ["db*"], "states": ALL}, ["db", "db-old"]),
    ("a glob with a class", {"patterns": ["[a-c]*", "??"], "states": ALL}, ["db"]),
    ("a regular expression", {"patterns": ["^db$", "er$"], "use_regex": True, "states": ALL}, ["db", "worker"]),
    ("excludes", {"patterns": ["*"], "excludes": ["*-old", "work*"]}, ["Cron.1", "orphan"]),
    ("excludes with commas", {"patterns": ["*"], "excludes": ["*-old", " work*"]}, ["Cron.1", "orphan"]),
    ("excludes as the API writes names", {"patterns": ["*"], "excludes": ["/*-old", "/work*"]}, ["Cron.1", "orphan"]),
    ("an expression with the API's slash", {"patterns": ["^/orphan$"], "use_regex": True}, ["orphan"]),
    ("excludes as regular expressions", {"states": ["exited"], "excludes": ["^w"], "use_regex": True}, ["orphan"]),
    ("states alone", {"states": ["exited"]}, ["orphan", "worker"]),
    ("no states", {"states": []}, []),
    ("one label", {"labels": ["stage"]}, ["Cron.1", "worker"]),
    ("all of several labels", {"labels": ["stage=test", "team=one"]}, ["worker"]),
    ("a label with another value", {"labels": ["stage=prod"]}, []),
    ("an image by tag, and its descendants", {"images": ["app:1"], "states": ALL}, ["Cron.1", "web", "worker"]),
    ("an image by its other name", {"images": ["registry.example.com/team/app:1"], "states": ["running"]}, ["web"]),
    ("an image that is a descendant", {"images": ["app:2"], "states": ALL}, ["Cron.1", "worker"]),
    ("an image by long ID", {"images": [image_id("b1")], "states": ALL}, ["db", "db-old"]),
    ("an image by bare long ID", {"images": [image_id("b1")[7:]], "states": ALL}, ["db", "db-old"]),
    ("an image by short ID", {"images": [image_id("a2")[7:19]]}, ["Cron.1", "worker"]),
    ("an image by digest", {"images": [digest_reference("base", "d1")]}, ["db-old"]),
    ("an image by pattern", {"images": ["*:2", "ba?e:*"]}, ["Cron.1", "db-old", "worker"]),
    ("an image that is gone, by its ID", {"images": [image_id("ee")]}, ["orphan"]),
    ("an image that is gone, by its short ID", {"images": ["ee0000"]}, ["orphan"]),
    ("no images", {"images": []}, []),
    ("names narrowed by images", {"names": ["worker", "db-old"], "images": ["base:1"]}, ["db-old"]),
    ("patterns narrowed by labels", {"patterns": ["*"], "labels": ["team"]}, ["worker"]),
]


@pytest.mark.parametrize(("options", "expected"), cases(SELECTED))
def test_removed_containers(options, expected):
    assert removed(plan(**options)) == expected


ABSENT = [
    # situation, options, what is absent
    ("a name", {"names": ["gone", "worker", "gone"]}, ["gone"]),
    ("an ID", {"names": ["0123456789ab"]}, ["0123456789ab"]),
    ("an image", {"images": ["gone:1", "app:1"]}, ["gone:1"]),
    ("a pattern that matches nothing is told nowhere", {"images": ["gone:*"], "patterns": ["gone*"]}, []),
]


@pytest.mark.parametrize(("options", "expected"), cases(ABSENT))
def test_absent(options, expected):
    assert list(plan(**options).selection.absent) == expected


SWARM = container("web.1.x", "a1", "exited", labels={"com.docker.swarm.task.id": "x"})
POD = container("k8s_web", "a1", "exited", labels={"io.kubernetes.pod.name": "web"})
NOMAD = container("nomad", "a1", "exited", labels={"com.hashicorp.nomad.alloc_id": "x"})
ECS = container("ecs", "a1", "exited", labels={"a": "b", "com.amazonaws.ecs.task-arn": "x"})
LEAVING = container("leaving", "a1", "removing")

KEPT = [
    # situation, container, options, action, reason
    ("another state", CONTAINERS[0], {"names": ["web"]}, "skipped", "it is running, which states does not include"),
    ("paused is not running", CONTAINERS[3], {"names": ["db"], "states": ["running"]}, "skipped", "it is paused"),
    ("another state, by pattern", CONTAINERS[0], {"patterns": ["web"]}, "kept", "it is running"),
    ("somebody removes it", LEAVING, {"names": ["leaving"]}, "kept", "it is removing, which states does not include"),
    (
        "a label that excludes",
        CONTAINERS[1],
        {"names": ["worker"], "exclude_labels": ["x", "team=one"]},
        "kept",
        "team=one",
    ),
    ("excluded", CONTAINERS[1], {"names": ["worker"], "excludes": ["w*"]}, "kept", "worker is protected"),
    (
        "a Swarm task",
        SWARM,
        {"patterns": ["*"]},
        "kept",
        "orchestrated by Docker Swarm (label com.docker.swarm.task.id)",
    ),
    ("a pod", POD, {"patterns": ["*"]}, "kept", "orchestrated by Kubernetes (label io.kubernetes.pod.name)"),
    ("a Nomad task", NOMAD, {"names": ["nomad"]}, "kept", "orchestrated by Nomad (label com.hashicorp.nomad.alloc_id)"),
    ("an ECS task", ECS, {"names": ["ecs"]}, "kept", "orchestrated by Amazon ECS (label com.amazonaws.ecs.task-arn)"),
    ("nothing selects it", CONTAINERS[1], {"names": ["web"]}, "kept", "nothing selects it"),
    ("dead, to be committed", CONTAINERS[4], {"names": ["db-old"], "commit_to": "x"}, "skipped", "dead cannot be"),
    ("without its image, to be committed", CONTAINERS[5], {"names": ["orphan"], "commit_to": "x"}, "skipped", "image"),
    ("younger", CONTAINERS[2], {"names": ["Cron.1"], "older_than": "1h"}, "kept", "the Engine does not report its age"),
]


@pytest.mark.parametrize(("found", "options", "action", "reason"), cases(KEPT))
def test_why_a_container_stays(found, options, action, reason):
    made = plan(snapshot(*IMAGES, found), **options)
    verdict = made.verdicts[found.id]
    assert not made.steps
    assert verdict.action == action
    assert reason in verdict.reason


def test_orchestrated_containers_go_when_asked():
    host = snapshot(*IMAGES, SWARM, POD)
    assert removed(plan(host, patterns=["*"], orchestrated=True)) == ["k8s_web", "web.1.x"]


def test_a_container_of_a_lost_image_is_committed_on_the_containerd_store():
    host = snapshot(*IMAGES, CONTAINERS[5], store=CONTAINERD)
    assert removed(plan(host, names=["orphan"], commit_to="x")) == ["orphan"]


AGES = [
    # situation, state, created, finished, older_than, whether it goes
    ("never ran, old", "created", -3 * DAY, None, "2d", True),
    ("never ran, young", "created", -DAY, None, "2d", False),
    ("the same second counts as younger", "created", -2 * DAY, None, "2d", False),
    ("finished long ago", "exited", -9 * DAY, -3 * DAY, "2d", True),
    ("finished lately", "exited", -9 * DAY, -DAY, "2d", False),
    ("finished at the limit", "exited", -9 * DAY, -2 * DAY, "2d", True),
    ("dead, never ran", "dead", -3 * DAY, None, "2d", True),
    ("runs, created long ago", "running", -3 * DAY, None, "2d", True),
    ("runs again, having finished lately", "running", -3 * DAY, -60, "2d", True),
    ("a timestamp", "created", -3 * DAY, None, str(NOW - 2 * DAY), True),
]


@pytest.mark.parametrize(("state", "created", "finished", "older_than", "goes"), cases(AGES))
def test_age(state, created, finished, older_than, goes):
    old = container("old", "a1", state, created=NOW + created)
    times = {old.id: None if finished is None else NOW + finished}
    made = plan(snapshot(*IMAGES, old), finished=times, older_than=older_than, states=ALL)
    assert removed(made) == (["old"] if goes else [])


def test_a_container_whose_finish_is_not_known_is_kept():
    old = container("old", "a1", "exited", created=NOW - 3 * DAY)
    made = plan(snapshot(*IMAGES, old), older_than="2d")
    assert not made.steps
    assert made.verdicts[old.id].reason.startswith("when it finished is not known")


def test_only_containers_whose_finish_decides_are_inspected():
    rows = (
        container("finished", "a1", "exited", created=NOW - 3 * DAY),
        container("young", "a1", "exited", created=NOW - DAY),
        container("runs", "a1", "running", created=NOW - 3 * DAY),
        container("never-ran", "a1", "created", created=NOW - 3 * DAY),
        container("excluded", "a1", "exited", created=NOW - 3 * DAY),
    )
    request = Request.parse({"older_than": "2d", "excludes": ["ex*"]})
    assert undated(snapshot(*IMAGES, *rows), request, NOW) == (rows[0].id,)
    assert undated(snapshot(*IMAGES, *rows), Request.parse({"states": ["exited"]}), NOW) == ()


COMMITS = [
    # situation, names, expected references
    ("a plain name", ["web"], ["attic/web:20231126T120000Z"]),
    ("upper case and signs", ["My__App.-_x."], ["attic/my_app_x:20231126T120000Z"]),
    ("only signs and one letter", ["A-"], ["attic/a:20231126T120000Z"]),
    (
        "two names that become one",
        ["Web", "web"],
        ["attic/web:20231126T120000Z", "attic/web-776562000000:20231126T120000Z"],
    ),
]


@pytest.mark.parametrize(("names", "expected"), cases(COMMITS))
def test_commit_references(names, expected):
    rows = [container(name, "a1") for name in names]
    made = plan(snapshot(*IMAGES, *rows), now=1_701_000_000, states=["exited"], commit_to="attic")
    assert [step.commit.familiar for step in made.steps] == expected


def test_labels_that_make_a_circle_of_parents_end_the_search_for_descendants():
    host = snapshot(
        image("a1", "app:1", parent="a2"), image("a2", parent="a1"), container("one", "a2", "exited"), store=CONTAINERD
    )
    assert removed(plan(host, images=["app:1"])) == ["one"]


def test_a_name_that_is_too_long_to_be_committed_to_is_refused():
    long = container("x" * 150, "a1")
    with pytest.raises(InvalidRequest, match=r"commit_to: .* longer than 255"):
        plan(snapshot(*IMAGES, long), patterns=["x*"], commit_to="r.io/" + "a" * 150)


def test_an_ambiguous_container_id_lists_the_candidates():
    rows = [container("one", "a1"), container("one-more", "a1")]
    with pytest.raises(InvalidRequest, match=r"one \(6f6e65000000\), one-more \(6f6e652d6d6f\)"):
        plan(snapshot(*IMAGES, *rows), names=["6f6e65"])


def test_an_ambiguous_id_of_lost_images_lists_them():
    rows = [container("one", "eee1"), container("two", "eee2")]
    with pytest.raises(InvalidRequest, match="eee100000000, eee200000000"):
        plan(snapshot(*rows), images=["eee"])


def test_a_short_id_that_can_be_a_name_is_reported():
    made = plan(names=["43", "worker", CONTAINERS[5].id[:12]])
    assert made.selection.guessed == (("43", CONTAINERS[2]),)


CONFLICTS = [
    # situation, options, removed, targets of conflicts
    ("a running one beside one that may be removed", {"names": ["web", "worker"]}, [], ["web"]),
    ("they are skipped", {"names": ["web", "worker"], "on_conflict": "skip"}, ["worker"], ["web"]),
    ("by its ID", {"names": [WEB[:12]]}, [], [WEB[:12]]),
    ("only a pattern finds it", {"patterns": ["web"], "names": ["worker"]}, ["worker"], []),
    ("a pattern finds it too", {"names": ["web"], "patterns": ["w*"], "on_conflict": "skip"}, ["worker"], ["web"]),
    ("every state is asked for", {"names": ["web", "worker"], "states": ["any"]}, ["web", "worker"], []),
    ("another rule keeps it", {"names": ["web"], "excludes": ["web"]}, [], []),
    ("another selector leaves it out", {"names": ["web"], "labels": ["stage=test"]}, [], []),
]


@pytest.mark.parametrize(("options", "expected", "targets"), cases(CONFLICTS))
def test_what_is_named_and_stays_because_of_its_state_is_a_conflict(options, expected, targets):
    made = plan(**options)
    assert removed(made) == expected
    assert [conflict.target for conflict in made.conflicts] == targets
    assert bool(made.refusal) == (bool(targets) and options.get("on_conflict") != "skip")


def test_a_refusal_names_every_conflict_and_its_remedy():
    made = plan(names=["web", "db", "worker"])
    assert made.refusal == (
        "nothing was removed, because 2 containers that names asks for stay:"
        " db: container db (646200000000): it is paused, which states does not include; set states: [any] or add paused to"
        " states (it is stopped first), or remove it from names;"
        " web: container web (776562000000): it is running, which states does not include; set states: [any] or add"
        " running to states (it is stopped first), or remove it from names. Or set on_conflict: skip to remove the rest"
    )
    assert made.verdicts[WORKER].reason == "nothing was removed, because the task was refused"


def test_many_conflicts_are_counted():
    rows = [container(f"c{number:02}", "a1", "running") for number in range(12)]
    made = plan(snapshot(*IMAGES, *rows), names=[row.name for row in rows])
    assert "; and 2 more. Or set on_conflict" in made.refusal


def test_the_remedy_of_a_stopped_container_does_not_speak_of_stopping():
    made = plan(names=["worker"], states=["created"])
    assert made.conflicts[0].remedy == "set states: [any] or add exited to states, or remove it from names"


def test_a_name_wins_over_a_short_id():
    named = container("6f6e65", "a1")
    host = snapshot(*IMAGES, named, container("one", "a1"))
    assert removed(plan(host, names=["6f6e65"])) == ["6f6e65"]


LATER = [
    # situation, state when planned, states asked for, state right before, whether it may go
    ("nothing changed", "exited", ["exited"], "exited", True),
    ("started meanwhile", "exited", ["exited"], "running", False),
    ("started meanwhile, and running ones go too", "exited", ["exited", "running"], "running", True),
    ("ended by itself before it was stopped", "running", ["running"], "exited", True),
    ("crashed, and waits for its restart", "running", ["running"], "restarting", False),
    ("unpaused meanwhile", "paused", ["paused"], "running", False),
    ("ran and ended meanwhile", "created", ["created"], "exited", False),
]


@pytest.mark.parametrize(("planned", "states", "later", "expected"), cases(LATER))
def test_whether_a_container_may_still_go(planned, states, later, expected):
    made = plan(snapshot(*IMAGES, container("one", "a1", planned)), states=states)
    assert may_be_removed(later, made.steps[0], made) is expected


@pytest.mark.parametrize("store", [GRAPHDRIVER, CONTAINERD])
def test_a_plan_says_what_must_be_stopped(store):
    made = plan(snapshot(*IMAGES, *CONTAINERS, store=store), states=ALL)
    assert [step.container.name for step in made.steps if step.stop] == ["db", "web"]


@pytest.mark.parametrize("store", [GRAPHDRIVER, CONTAINERD])
def test_a_later_task_of_the_play_sees_what_would_be_committed(store):
    web = container("web", "a1", labels={"stage": "prod"})
    host = snapshot(image("a1", "app:1", size=100, layers=("sha256:l1",)), web, store=store)
    result = report(predict(plan(host, now=1_701_000_000, names=["web"], commit_to="attic")))
    after = after_results(host, [result])
    (made,) = [found for found in after.images if found.parent == image_id("a1")]
    assert [reference.familiar for reference in made.references] == ["attic/web:20231126T120000Z"]
    assert (made.created, made.size, made.labels) == (1_701_000_000, 100, {"stage": "prod"})
    assert made.layers[:1] == ("sha256:l1",)
    assert not after.containers
    assert after_results(after, [result]) == after


def test_what_would_be_committed_was_created_since_any_image_and_before_none():
    compared = {key: frozenset([image_id("b1")]) for key in ("since", "before")}
    host = snapshot(image("a1", "app:1"), image("b1", "b:1"), container("web", "a1"), matched_by_engine=compared)
    after = after_results(host, [report(predict(plan(host, now=1_701_000_000, names=["web"], commit_to="attic")))])
    [made] = {entry.id for entry in after.images} - {entry.id for entry in host.images}
    assert after.matched_by_engine == {"since": {image_id("b1"), made}, "before": {image_id("b1")}}

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import predict
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import Verdict, plan_removal, unselected
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import report
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._rule import NOTHING, Rule
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results

from ..builders import CREATED, STORES, cases, container, digest_reference, image, image_id, snapshot

NOW = CREATED + 1000.0

PULLED = digest_reference("r.io/pulled", "d1")

HOST = (
    image("a1", "app:1", "app:2"),
    image("b1", "base:1"),
    image("c1", "used:1"),
    image("c2", "stopped:1"),
    image("d1", "r.io/pulled:1", PULLED),
    image("e1", "several:1", "r.io/several:1"),
    image("f1", "odd:1", names_unread=("Odd:1",)),
    container("web", of="c1", state="running"),
    container("job", of="c2", state="exited"),
)


def plan(params, *parts, **fields):
    return plan_removal(snapshot(*(parts or HOST), **fields), Request.parse(params), NOW)


def digits(image_ids):
    return [whole.partition(":")[2].rstrip("0") for whole in image_ids]


def effects(made):
    return (
        [reference.familiar for step in made.steps for _owner, reference in step.effect.untagged],
        digits(image_id for step in made.steps for image_id in step.effect.gone),
    )


PLANS = [
    # situation, parameters, untagged, deleted
    ("one of two tags", {"names": ["app:1"]}, ["app:1"], []),
    ("both tags, one after the other", {"names": ["app:1", "app:2"]}, ["app:1", "app:2"], ["a1"]),
    ("the last tag", {"names": ["base:1"]}, ["base:1"], ["b1"]),
    ("a tag, then the ID that only one tag is left of", {"names": ["a10", "app:1"]}, ["app:1", "app:2"], ["a1"]),
    ("an ID and a tag of it that goes first, of one", {"names": ["b10", "base:1"]}, ["base:1"], ["b1"]),
    ("all by a pattern", {"patterns": ["app"]}, ["app:1", "app:2"], ["a1"]),
    ("a pattern but for an exclude", {"patterns": ["app"], "excludes": ["app:2"]}, ["app:1"], []),
    ("a pattern but for all", {"patterns": ["app"], "excludes": ["app"]}, [], []),
    ("an ID of which one reference is excluded", {"names": ["a10"], "excludes": ["app:2"], "force": True}, [], []),
    ("a tag whose digest is excluded", {"names": ["r.io/pulled:1"], "excludes": ["r.io/pulled@*"]}, [], []),
    ("a tag with its digest", {"names": ["r.io/pulled:1"]}, ["r.io/pulled:1", PULLED], ["d1"]),
    ("an ID with force", {"names": ["e10"], "force": True}, None, ["e1"]),
    ("untag only, and a tag is left", {"names": ["app:1"], "untag_only": True}, ["app:1"], []),
    ("untag only, and the last tag", {"names": ["base:1"], "untag_only": True}, [], []),
    ("untag only, and all tags", {"patterns": ["app"], "untag_only": True}, ["app:1"], []),
    ("untag only, and an ID", {"names": ["a10"], "untag_only": True}, [], []),
    ("untag only, and a container on the last tag", {"names": ["used:1"], "untag_only": True}, [], []),
    (
        "untag only, and a container on the last tag with force",
        {"names": ["used:1"], "untag_only": True, "force": True},
        [],
        [],
    ),
    ("an image that cannot be read whole", {"names": ["odd:1"]}, [], []),
    ("names that are not there", {"names": ["none:1"]}, [], []),
]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(("params", "untagged", "deleted"), cases(PLANS))
def test_a_request_has_these_effects(params, untagged, deleted, store):
    made = plan(params, store=store)
    assert made.refusal is None
    if untagged is not None:
        assert effects(made)[0] == untagged
    assert effects(made)[1] == deleted


KEPT = [
    # situation, parameters, image, reason, rule
    ("exclude", {"patterns": ["app"], "excludes": ["app:*"]}, "a1", "app:1 is protected", "excludes: app:*"),
    (
        "exclude of a digest that would go along",
        {"names": ["r.io/pulled:1"], "excludes": ["r.io/pulled@*"]},
        "d1",
        f"{PULLED} is protected",
        "excludes: r.io/pulled@*",
    ),
    (
        "last reference",
        {"names": ["base:1"], "untag_only": True},
        "b1",
        "its last reference is not removed",
        "untag_only",
    ),
    ("name that cannot be read", {"names": ["odd:1"]}, "f1", "it has a name that is not a valid reference", "safety"),
    ("filter", {"names": ["app:1"], "filters": {"label": "x"}}, "a1", "the filter label=x does not match", "filters"),
]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(("params", "kept", "reason", "rule"), cases(KEPT))
def test_an_image_that_stays_has_a_verdict(params, kept, reason, rule, store):
    verdict = plan(params, store=store).verdicts[image_id(kept)]
    assert (verdict.action, verdict.reason, verdict.rule) == ("kept", reason, rule)


def test_an_image_that_nothing_mentions_is_kept_because_nothing_selects_it():
    made = plan({"names": ["app:1"]}, image("a1", "app:1"), image("b1", "base:1"))
    assert unselected(made)[image_id("b1")] == Verdict("kept", "nothing selects it", (NOTHING,))


CLASHES = [
    # situation, parameters, store, words of the message, remedy
    (
        "running container",
        {"names": ["used:1"]},
        GRAPHDRIVER,
        ["used:1: the image is used by a container: web (776562000000, running)"],
        "remove the container first (container_remove, names: web, states: running), or as the last resort set force: true",
    ),
    (
        "running container on containerd",
        {"names": ["used:1"]},
        CONTAINERD,
        ["web (776562000000, running)"],
        "remove the container first (container_remove, names: web, states: running), or as the last resort set force: true",
    ),
    (
        "stopped container",
        {"names": ["stopped:1"]},
        GRAPHDRIVER,
        ["job (6a6f62000000, exited)"],
        "remove the container first (container_remove, names: job), or as the last resort set force: true",
    ),
    (
        "running container by ID",
        {"names": ["c10"]},
        GRAPHDRIVER,
        ["used by a running container: web"],
        "remove the container first (container_remove, names: web, states: running)",
    ),
    (
        "several references by ID",
        {"names": ["e10"]},
        GRAPHDRIVER,
        ["several tags"],
        "name the references instead of the ID (several:1, r.io/several:1), or as the last resort set force: true",
    ),
    (
        "several references by ID on containerd",
        {"names": ["e10"]},
        CONTAINERD,
        ["several tags"],
        "name the references instead of the ID (several:1, r.io/several:1), or as the last resort set force: true",
    ),
]


EXCLUDED = [
    # situation, excludes, whether they are expressions, what of the three references is untagged
    ("a digest that the store makes up", [f"app@{image_id('a1')}"], False, ["other:1"]),
    ("a tag with its digest", [f"app:1@{image_id('a1')}"], False, ["app:2", "other:1"]),
    ("an expression for a digest", ["app@sha256:a1"], True, ["other:1"]),
    ("digits that only the digest has", ["a10"], True, ["app:1", "app:2", "other:1"]),
    ("another repository's digest", [f"base@{image_id('a1')}"], False, ["app:1", "app:2", "other:1"]),
    ("a list written with commas", ["nothing", " app"], False, ["other:1"]),
]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(("excludes", "use_regex", "going"), cases(EXCLUDED))
def test_an_exclude_keeps_what_it_means(excludes, use_regex, going, store):
    shown = (f"app@{image_id('a1')}", "no reference @")
    tagged = image("a1", "app:1", "app:2", "other:1", digests=shown)
    everything = ["."] if use_regex else ["*"]
    made = plan({"patterns": everything, "excludes": excludes, "use_regex": use_regex}, tagged, store=store)
    assert report(predict(made))["untagged"] == going


@pytest.mark.parametrize("store", STORES)
def test_a_digest_stays_with_the_tag_that_an_exclude_keeps(store):
    pulled = image("a1", "app:keep", digest_reference("app", "a1"), "other:1", digest_reference("other", "a1"))
    made = plan({"filters": {"dangling": False}, "excludes": ["app:keep"]}, pulled, store=store)
    gone = report(predict(made))["untagged"]
    assert not [name for name in gone if name.startswith("app")]
    assert "other:1" in gone


def test_a_remedy_names_every_state_that_the_containers_are_in():
    states = {"a": "running", "b": "exited", "c": "paused"}
    users = [container(name, of="a1", state=state) for name, state in states.items()]
    (conflict,) = report(predict(plan({"names": ["app:1"]}, image("a1", "app:1"), *users)))["conflicts"]
    assert "(container_remove, names: a, c, b, states: running, paused, exited)" in conflict["remedy"]


@pytest.mark.parametrize(("params", "store", "said", "remedy"), cases(CLASHES))
def test_a_conflict_refuses_the_task_and_names_the_remedy(params, store, said, remedy):
    made = plan(params, store=store)
    assert made.refusal.startswith("nothing was removed, because the Engine would refuse 1 of the removals: ")
    for words in said:
        assert words in made.refusal
    assert [conflict["remedy"] for conflict in report(predict(made))["conflicts"]] == [remedy]


def test_children_are_a_conflict_that_names_them():
    parts = (image("a1", "base:1"), image("b1", "child:1", parent="a1"))
    made = plan({"names": ["a10"]}, *parts)
    (conflict,) = report(predict(made))["conflicts"]
    assert conflict["reason"] == "the image has dependent child images: b10000000000"
    assert conflict["remedy"] == "remove the child images first (b10000000000)"
    assert conflict["container"] is None
    assert not conflict["forceable"]


def test_an_image_that_a_container_mounts_stays():
    parts = (image("a1", "data:1"), container("web", of="b1", mounted_images=("data:1",)))
    for params in ({"names": ["a10"]}, {"names": ["data:1"]}):
        (conflict,) = report(predict(plan(params, *parts, store=CONTAINERD)))["conflicts"]
        assert conflict["container"]["name"] == "web"
        assert "container_remove, names: web" in conflict["remedy"]


@pytest.mark.parametrize("name", ["app:1", digest_reference("app", "a1")])
def test_what_only_the_engine_can_tell_to_be_mounted_stays_even_under_force(name):
    mounter = container("m", of="b1", mounted_images=("gone:1",))
    parts = (image("a1", name), image("b1", "base:1"), mounter)
    (conflict,) = report(predict(plan({"names": [name], "force": True}, *parts, store=CONTAINERD)))["conflicts"]
    assert (conflict["container"]["name"], conflict["forceable"]) == ("m", False)
    assert "it may be this one" in conflict["reason"]
    assert report(predict(plan({"names": [name], "force": True}, *parts)))["deleted"] == [image_id("a1")]


def test_a_digest_stands_for_the_tags_that_a_forced_removal_left():
    pinned = digest_reference("app", "a1")
    parts = (image("a1", "app:1", pinned), container("c", of="a1", state="created"))
    made = plan({"names": [pinned], "force": True}, *parts, store=CONTAINERD)
    assert effects(made) == ([pinned, "app:1"], ["a1"])


def test_a_refused_task_removes_nothing_and_says_so_of_each_image():
    made = plan({"names": ["app:1", "used:1"]})
    assert made.steps == ()
    assert made.verdicts[image_id("a1")] == Verdict(
        "kept", "nothing was removed, because the task was refused", (Rule("names", "app:1"),)
    )
    assert made.verdicts[image_id("c1")].action == "skipped"


def test_skipped_conflicts_let_the_rest_go():
    made = plan({"names": ["used:1", "app:1"], "on_conflict": "skip"})
    assert made.refusal is None
    assert effects(made) == (["app:1"], [])
    assert [clash.candidate.target for clash in made.clashes] == ["used:1"]


def test_a_message_about_many_conflicts_stays_readable():
    parts = [image(f"a{number:02}", f"app:{number}") for number in range(12)]
    parts += [container(f"web{number}", of=f"a{number:02}") for number in range(12)]
    message = plan({"patterns": ["app"]}, *parts).refusal
    assert "refuse 12 of the removals" in message
    assert message.count("web") == 10
    assert "; and 2 more." in message


@pytest.mark.parametrize("store", STORES)
def test_an_ambiguous_short_id_is_no_plan_at_all(store):
    with pytest.raises(InvalidRequest, match="'ab0' is an ambiguous image ID"):
        plan({"names": ["app:1", "ab0"]}, image("ab01"), image("ab02"), image("a1", "app:1"), store=store)


def test_what_an_earlier_task_removes_cannot_be_compared_with():
    with pytest.raises(
        InvalidRequest, match=r"filters\.before: 'gone:1' names no image here: an earlier task removes it"
    ):
        plan({"filters": {"before": "gone:1"}}, image("a1", "app:1"))


def test_a_step_tells_what_must_hold_right_before_it():
    made = plan({"names": ["app:1", "app:2"]}, image("a1", "app:1", "app:2"), container("x", of="b1"))
    assert [[reference.familiar for reference in step.references] for step in made.steps] == [
        ["app:1", "app:2"],
        ["app:2"],
    ]


def test_on_the_containerd_store_a_digest_stands_for_every_tag_of_its_repository():
    digest = digest_reference("app", "a1")
    made = plan({"names": [digest]}, image("a1", "app:1", "app:2", "b:1"), store=CONTAINERD)
    assert effects(made) == (["app:1", "app:2"], [])
    twice = plan({"names": ["app:1", "app:2", digest]}, image("a1", "app:1", "app:2", "b:1"), store=CONTAINERD)
    assert effects(twice) == (["app:1", "app:2"], [])


# Laws: on any host, whatever is asked for

TAGS = ["a:1", "a:2", "b:1", "r.io/a:1", "r.io/b:1"]


@st.composite
def hosts(draw):
    count = draw(st.integers(1, 5))
    free = draw(st.permutations(TAGS))
    parts = []
    for number in range(count):
        names = [free.pop() for _each in range(draw(st.integers(0, min(2, len(free)))))]
        if draw(st.booleans()):
            names.append(digest_reference(draw(st.sampled_from(["a", "r.io/a"])), f"{number:03}"))
        parent = f"{draw(st.integers(0, number - 1)):03}" if number and draw(st.booleans()) else ""
        parts.append(image(f"{number:03}", *names, parent=parent, created=draw(st.integers(0, 3)) + CREATED))
    for number in range(draw(st.integers(0, 2))):
        of = f"{draw(st.integers(0, count - 1)):03}"
        parts.append(container(f"c{number}", of=of, state=draw(st.sampled_from(["running", "exited", "created"]))))
    return parts


@st.composite
def requests(draw):
    names = st.sampled_from(["a:1", "a:2", "b:1", "r.io/a:1", "000", "001", "002", "x:1"])
    params = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "names": st.lists(names, max_size=3),
                "patterns": st.lists(st.sampled_from(["a", "b:*", "r.io/*", "*:1"]), max_size=2),
                "excludes": st.lists(st.sampled_from(["a:1", "r.io/a", "b"]), max_size=1),
                "filters": st.sampled_from([{"dangling": True}, {"dangling": False}, {"until": "998s"}]),
                "untag_only": st.booleans(),
                "force": st.booleans(),
                "prune_parents": st.booleans(),
                "on_conflict": st.sampled_from(["fail", "skip"]),
            },
        )
    )
    if not params.keys() & {"names", "patterns", "filters"}:
        params["patterns"] = ["a"]
    return params


@given(hosts(), requests(), st.sampled_from(STORES))
def test_a_plan_that_was_carried_out_leaves_nothing_to_plan(parts, params, store):
    host = snapshot(*parts, store=store)
    first = plan_removal(host, Request.parse(params), NOW)
    result = report(predict(first))
    after = after_results(host, [result])
    again = report(predict(plan_removal(after, Request.parse(params), NOW)))
    assert (again["untagged"], again["deleted"]) == ([], [])


@given(hosts(), requests(), st.sampled_from(STORES))
def test_every_image_has_one_verdict_that_agrees_with_the_result(parts, params, store):
    host = snapshot(*parts, store=store)
    result = report(predict(plan_removal(host, Request.parse(params), NOW)), details="all")
    actions = {entry["id"]: entry["action"] for entry in result["images"]}
    assert list(actions) == [image.id for image in host.images]
    assert {image_id for image_id, action in actions.items() if action == "deleted"} == set(result["deleted"])
    names = {reference.familiar: image.id for image in host.images for reference in image.references}
    touched = {names[name] for name in result["untagged"] if name in names} - set(result["deleted"])
    assert touched <= {image_id for image_id, action in actions.items() if action == "untagged"}
    assert result["changed"] == bool(result["untagged"] or result["deleted"])
    assert all(entry["reason"] and entry["rule"] for entry in result["images"])


@given(hosts(), requests(), st.sampled_from(STORES))
def test_what_is_excluded_stays(parts, params, store):
    host = snapshot(*parts, store=store)
    request = Request.parse(params)
    result = report(predict(plan_removal(host, request, NOW)))
    for entry in host.images:
        excluded = [ref for ref in entry.references if any(pattern.protects(ref) for pattern in request.excludes)]
        assert not {reference.familiar for reference in excluded} & set(result["untagged"])
        assert not (excluded and entry.id in result["deleted"])


@given(hosts(), requests(), st.sampled_from(STORES))
def test_without_force_an_image_of_a_container_is_never_deleted(parts, params, store):
    host = snapshot(*parts, store=store)
    result = report(predict(plan_removal(host, Request.parse({**params, "force": False}), NOW)))
    assert not {container.image_id for container in host.containers} & set(result["deleted"])


@given(hosts(), requests(), st.sampled_from(STORES))
def test_untag_only_deletes_nothing(parts, params, store):
    host = snapshot(*parts, store=store)
    result = report(predict(plan_removal(host, Request.parse({**params, "untag_only": True}), NOW)))
    assert result["deleted"] == []
    assert after_results(host, [result]).images
    for before, after in zip(host.images, after_results(host, [result]).images):
        assert bool(before.references) == bool(after.references)

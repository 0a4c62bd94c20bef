# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml

from tests.integration.image_task import all_of, run_task
from tests.integration.module_run import run_module
from tests.lab import archive, state

pytestmark = pytest.mark.engine


@pytest.fixture(name="task")
def fixture_task(fresh_engine):
    """Runs a task on the Engine and returns its result; the checks that every task must pass come with it."""
    return lambda **options: run_task(fresh_engine, **options)


@pytest.fixture(name="client")
def fixture_client(fresh_engine):
    return fresh_engine.client


def plain(client, reference=None, **options):
    """An image that nobody runs."""
    return state.import_image(client, reference, runnable=False, **options)


def pulled(client, registry, name):
    """An image pulled by digest and by nothing else; returns the reference and the ID."""
    reference = f"{registry.address}/{name}"
    plain(client, reference)
    digest_reference = f"{reference.rpartition(':')[0]}@{state.push(client, reference)}"
    client.remove_image(reference)
    return digest_reference, state.pull(client, digest_reference)


def summary_of(entries):
    return {entry["id"]: (entry["action"], entry["reason"]) for entry in entries}


# As docker rmi does: by an ID, a name, a tag, a digest, several at once


def test_names_in_every_form_at_once(task, client, registry):
    by_short_id = plain(client, "short:1")
    by_long_id = plain(client, "long:1")
    by_digits = plain(client, "digits:1")
    latest = plain(client, "centos:latest")
    alpine = plain(client, "redis:alpine")
    plain(client, "redis:7")
    other_host = plain(client, "registry.example.com:5000/team/app:1")
    digest_reference, by_digest = pulled(client, registry, "node:18")
    result = task(
        names=[
            by_short_id[7:19],
            by_long_id,
            by_digits[7:],
            "centos",
            "docker.io/library/redis:alpine",
            "registry.example.com:5000/team/app:1",
            digest_reference,
            "not-there:1",
        ]
    )
    assert result["deleted"] == [by_short_id, by_long_id, by_digits, latest, alpine, other_host, by_digest]
    assert result["untagged"] == [
        "short:1",
        "long:1",
        "digits:1",
        "centos:latest",
        "redis:alpine",
        "registry.example.com:5000/team/app:1",
        digest_reference,
    ]
    assert result["absent"] == ["not-there:1"]
    assert [tag for image in client.images() for tag in image["RepoTags"]] == ["redis:7"]


def test_a_short_id_of_three_digits(task, client):
    image = plain(client, "app:1")
    assert task(name=image[7:10])["deleted"] == [image]


def test_a_name_with_tag_and_digest(task, client, registry):
    reference = f"{registry.address}/both:1"
    plain(client, reference)
    digest = state.push(client, reference)
    image = state.pull(client, reference)
    state.tag(client, image, "other:1")
    result = task(names=[f"{reference}@{digest}"])
    assert result["changed"]
    assert not result["deleted"]
    assert "other:1" in client.inspect_image(image)["RepoTags"]


def test_an_image_that_is_not_there_is_no_error(task):
    result = task(names=["not-there", "nor-this:1"])
    assert result["absent"] == ["not-there", "nor-this:1"]
    assert not result["changed"]
    assert result["summary"].startswith("0 references untagged, 0 images deleted")


def test_several_names_of_one_image_are_one_removal(task, client):
    image = plain(client, "app:1")
    result = task(names=["app:1", "docker.io/library/app:1", "index.docker.io/app:1", image, image[7:19]])
    assert (result["untagged"], result["deleted"]) == (["app:1"], [image])


# One of several tags goes, the last one takes the image


def test_one_of_several_tags_goes_and_the_last_one_takes_the_image(task, client):
    image = plain(client, "app:1")
    state.tag(client, image, "app:2")
    result = task(names=["app:1"])
    assert (result["untagged"], result["deleted"]) == (["app:1"], [])
    assert summary_of(result["images"]) == {image: ("untagged", "it keeps the references app:2")}
    assert result["diff"]["before"].splitlines()[1:] == ["  app:1", "  app:2"]
    assert result["diff"]["after"].splitlines()[1:] == ["  app:2"]
    result = task(names=["app:2"])
    assert (result["untagged"], result["deleted"]) == (["app:2"], [image])
    assert result["diff"]["after"] == ""


def test_all_tags_in_one_task(task, client):
    image = plain(client, "app:1")
    for reference in ("app:2", "registry.example.com/app:1"):
        state.tag(client, image, reference)
    result = task(names=["app:1", "app:2", "registry.example.com/app:1"])
    assert result["untagged"] == ["app:1", "app:2", "registry.example.com/app:1"]
    assert result["deleted"] == [image]


# Layers shared with other images stay


def test_shared_layers_stay(task, client, fresh_engine):
    base, top, other = (archive.token_layer(state.token(), size_bytes=1000) for _each in range(3))
    app = state.load_image(client, "app:1", layers=[base, top])
    state.load_image(client, "other:1", layers=[base, other])
    result = task(names=["app:1"], layers=True)
    assert result["deleted"] == [app]
    if fresh_engine.store == "containerd":
        assert result["deleted_layers"] is None
    else:
        assert len(result["deleted_layers"]) == 1
        assert result["space_exact"]
    assert 0 < result["space_reclaimed"] < 20_000
    last = task(names=["other:1"], layers=True)
    if fresh_engine.store == "graphdriver":
        assert len(last["deleted_layers"]) == 2
        assert last["space_reclaimed"] > result["space_reclaimed"]


# The selections of docker images -q


def test_dangling_images(task, client):
    dangling = [plain(client), plain(client)]
    replaced = plain(client, "app:1")
    plain(client, "app:1")
    left = {image["Id"] for image in client.images(all=True)} & {replaced}
    result = task(filters={"dangling": True})
    assert set(result["deleted"]) == {*dangling, *left}
    assert len(client.images(all=True)) == 1


def test_every_tag_of_a_repository(task, client):
    images = {name: plain(client, name) for name in ("redis:6", "redis:7", "redis-sentinel:7", "bitnami/redis:7")}
    result = task(patterns=["redis"])
    assert set(result["deleted"]) == {images["redis:6"], images["redis:7"]}
    assert set(result["untagged"]) == {"redis:6", "redis:7"}


def test_images_created_before_another_one(task, client):
    old = state.load_image(client, "old:1", created="2020-01-01T00:00:00Z")
    undated = state.load_image(client, "jib:1", created="1970-01-01T00:00:00Z")
    state.load_image(client, "mongo:3.2", created="2021-01-01T00:00:00Z")
    state.load_image(client, "new:1", created="2022-01-01T00:00:00Z")
    result = task(filters={"before": "mongo:3.2"})
    assert set(result["deleted"]) == {old, undated}


def test_images_created_since_another_one(task, client):
    state.load_image(client, "old:1", created="2020-01-01T00:00:00Z")
    state.load_image(client, "mongo:3.2", created="2021-01-01T00:00:00Z")
    new = state.load_image(client, "new:1", created="2022-01-01T00:00:00Z")
    assert task(filters={"since": "mongo:3.2"})["deleted"] == [new]


def test_images_created_within_the_same_second_are_compared_by_the_engine(task, client):
    first = state.load_image(client, "first:1", created="2021-01-01T00:00:00.1Z")
    state.load_image(client, "second:1", created="2021-01-01T00:00:00.2Z")
    state.load_image(client, "third:1", created="2021-01-01T00:00:00.3Z")
    assert task(filters={"before": "second:1"})["deleted"] == [first]


def test_images_older_than_a_time(task, client):
    old = state.load_image(client, ["old:1", "old:2"], created="2020-01-01T00:00:00Z")
    state.load_image(client, "jib:1", created="1970-01-01T00:00:00Z")
    plain(client, "new:1")
    result = task(filters={"until": "168h"}, details="all")
    assert (result["untagged"], result["deleted"]) == (["old:1", "old:2"], [old])
    assert len(result["images"]) == 3


def test_images_with_a_label(task, client):
    built = plain(client, "ci:1", labels={"stage": "build", "team": "a"})
    plain(client, "ci:2", labels={"stage": "test", "team": "a"})
    assert task(filters={"label": ["stage=build", "team"]})["deleted"] == [built]


def test_filters_narrow_names_and_patterns(task, client):
    built = plain(client, "ci:1", labels={"stage": "build"})
    other = plain(client, "ci:2")
    plain(client, "lib:1", labels={"stage": "build"})
    result = task(patterns=["ci:*"], filters={"label": "stage=build"}, details="all")
    assert result["deleted"] == [built]
    assert summary_of(result["images"])[other] == ("kept", "the filter label=stage=build does not match")
    assert not task(names=["ci:2"], filters={"label": "stage=build"})["changed"]


# As docker image ls | grep selects


def test_references_by_a_regular_expression(task, client):
    names = ["postgres:13-beta1", "postgres:13-beta2", "postgres:13", "my/postgres:13-beta1"]
    images = {name: plain(client, name) for name in names}
    result = task(patterns=["^postgres:13-beta"], use_regex=True)
    assert set(result["deleted"]) == {images["postgres:13-beta1"], images["postgres:13-beta2"]}


def test_globs_match_as_the_engines_own_filter_does(fresh_engine, client):
    names = ["a/b:1", "aab:1", "a/b:2", "x.io/a/b:1", "x.io/a:latest", "a-b:1.2", "a:b"]
    for name in names:
        plain(client, name)
    patterns = [
        "a",
        "a/b",
        "a*",
        "*",
        "*/*",
        "a[^x]b",
        "a[/]b",
        "*[/a]*b",
        "*/*/*",
        "a/b:?",
        "a-b:[0-9].*",
        "x.io/a",
        "a?b",
        r"a\/b",
    ]
    if int(fresh_engine.version.partition(".")[0]) >= 29:
        # Engine 29 compares a pattern with docker.io/library/a too. A policy must not select more than it did before.
        patterns.remove("*/*/*")
    for pattern in patterns:
        own = {tag for image in client.images(filters={"reference": pattern}) for tag in image["RepoTags"]}
        arguments = {"docker_host": fresh_engine.docker_host, "patterns": [pattern]}
        assert set(run_module("image_remove", arguments, check=True)["untagged"]) == own, pattern


# A container holds the image

STATES = ["created", "running", "paused", "exited"]


@pytest.mark.parametrize("container_state", STATES)
def test_a_container_that_uses_the_image_is_a_conflict_with_a_remedy(task, client, container_state):
    used = state.import_image(client, "used:1")
    free = plain(client, "free:1")
    container = state.container(client, "used:1", container_state, name="web")
    result = task(names=["free:1", "used:1"])
    assert result["failed"]
    assert not result["changed"]
    assert "nothing was removed" in result["msg"]
    assert f"web ({container[:12]}, {container_state})" in result["msg"]
    (conflict,) = result["conflicts"]
    assert conflict["target"] == "used:1"
    assert conflict["container"] == {"name": "web", "id": container[:12], "state": container_state}
    assert "container_remove, names: web" in conflict["remedy"]
    assert {image["Id"] for image in client.images()} == {used, free}

    result = task(names=["free:1", "used:1"], on_conflict="skip", details="all")
    assert not result["failed"]
    assert result["deleted"] == [free]
    assert [conflict["target"] for conflict in result["conflicts"]] == ["used:1"]
    assert summary_of(result["images"])[used][0] == "skipped"

    client.remove_container(container, force=True)
    assert task(names=["used:1"])["deleted"] == [used]


def test_several_conflicts_are_all_named(task, client):
    for number in range(3):
        state.import_image(client, f"used:{number}")
        state.container(client, f"used:{number}", name=f"web{number}")
    result = task(patterns=["used"])
    assert result["failed"]
    assert {conflict["container"]["name"] for conflict in result["conflicts"]} == {"web0", "web1", "web2"}
    assert all(f"web{number}" in result["msg"] for number in range(3))


def test_a_tag_that_no_container_needs_goes_from_a_used_image(task, client):
    image = state.import_image(client, "used:1")
    state.tag(client, image, "used:2")
    state.container(client, "used:1", "running", name="web")
    result = task(names=["used:2"])
    assert (result["untagged"], result["deleted"]) == (["used:2"], [])


# By ID with several tags or repositories, and force


@pytest.mark.parametrize("second", ["app:2", "other:1"])
def test_an_id_with_several_references_is_a_conflict_until_forced(task, client, second):
    image = plain(client, "app:1")
    state.tag(client, image, second)
    result = task(names=[image[7:19]])
    assert result["failed"]
    (conflict,) = result["conflicts"]
    assert conflict["forceable"]
    assert conflict["container"] is None
    assert f"name the references instead of the ID (app:1, {second})" in conflict["remedy"]
    result = task(names=[image[7:19]], force=True)
    assert (result["untagged"], result["deleted"]) == (["app:1", second], [image])


def test_force_takes_the_image_from_a_stopped_container(task, client, fresh_engine):
    image = state.import_image(client, "used:1")
    state.container(client, "used:1", "exited", name="job")
    result = task(names=["used:1"], force=True)
    assert result["untagged"] == ["used:1"]
    # The containerd store keeps the image without a name.
    assert result["deleted"] == ([image] if fresh_engine.store == "graphdriver" else [])


def test_force_takes_only_the_name_from_a_running_container(task, client):
    image = state.import_image(client, "used:1")
    state.container(client, "used:1", "running", name="web")
    result = task(names=["used:1"], force=True)
    assert (result["untagged"], result["deleted"]) == (["used:1"], [])
    assert client.inspect_image(image)


def test_force_by_id_does_not_take_the_image_from_a_running_container(task, client):
    image = state.import_image(client, "used:1")
    state.container(client, "used:1", "running", name="web")
    result = task(names=[image], force=True)
    assert result["failed"]
    assert not result["conflicts"][0]["forceable"]


def test_child_images_are_a_conflict_by_id_on_the_graphdriver_store(task, client, fresh_engine):
    base = state.import_image(client, "base:1")
    child = state.derive(client, "base:1", "child:1")
    result = task(names=[base])
    if fresh_engine.store == "graphdriver":
        assert result["failed"]
        assert not result["conflicts"][0]["forceable"]
        assert f"remove the child images first ({child[7:19]})" in result["conflicts"][0]["remedy"]


# The other options


def test_excludes_keep_whatever_else_selects_it(task, client):
    names = ["ci/app:pr-1", "ci/app:pr-2", "ci/app:pr-2-audit", "ci/app:main"]
    images = {name: plain(client, name) for name in names}
    result = task(patterns=["ci/*:pr-*"], excludes=["ci/*:pr-*-audit", "docker.io/ci/app:pr-1"], details="all")
    assert result["deleted"] == [images["ci/app:pr-2"]]
    kept = {entry["id"]: entry for entry in result["images"]}[images["ci/app:pr-2-audit"]]
    assert (kept["action"], kept["rule"]) == ("kept", "excludes: ci/*:pr-*-audit")


def test_excludes_keep_an_image_named_by_its_id(task, client):
    image = plain(client, "base:1")
    assert not task(names=[image], excludes=["base"])["changed"]


def test_excludes_as_regular_expressions(task, client):
    keep, drop = plain(client, "app:1-keep"), plain(client, "app:1")
    result = task(patterns=["^app:"], excludes=["-keep$"], use_regex=True)
    assert result["deleted"] == [drop]
    assert client.inspect_image(keep)


def test_untag_only_keeps_the_last_reference(task, client):
    image = plain(client, "app:1")
    for reference in ("app:2", "app:3"):
        state.tag(client, image, reference)
    result = task(patterns=["app"], untag_only=True)
    assert (result["untagged"], result["deleted"]) == (["app:1", "app:2"], [])
    result = task(names=["app:3"], untag_only=True, details="all")
    assert not result["changed"]
    assert summary_of(result["images"]) == {image: ("kept", "its last reference is not removed")}


@pytest.mark.parametrize("prune_parents", [True, False])
def test_untagged_parents_go_or_stay(task, client, prune_parents, fresh_engine):
    dockerfile = "FROM base:1\nLABEL step=one\nLABEL step=two\n"
    base = state.import_image(client, "base:1")
    built = state.build(client, dockerfile, "built:1")
    between = {image["Id"] for image in client.images(all=True)} - {base, built}
    assert between
    result = task(names=["built:1"], prune_parents=prune_parents)
    assert set(result["deleted"]) == {built} | (between if prune_parents else set())
    if prune_parents:
        assert [entry["rule"] for entry in result["images"] if entry["id"] in between] == ["prune_parents"]


def test_details_lists_every_image_and_why_it_stays(task, client):
    gone, kept = plain(client, "gone:1"), plain(client, "kept:1")
    assert [entry["id"] for entry in task(names=["gone:1"])["images"]] == [gone]
    plain(client, "gone:1")
    entries = task(names=["gone:1"], details="all")["images"]
    assert summary_of(entries)[kept] == ("kept", "nothing selects it")
    assert {"id", "references", "action", "reason", "rule", "size", "created", "containers"} <= entries[0].keys()


def twins(client):
    """Two images whose IDs begin with the same three digits."""
    seen = {}
    layer = archive.token_layer(state.token())
    for number in range(10_000):
        image = archive.Image((layer,), labels={"number": str(number)})
        content = image.manifest if state.uses_containerd(client) else image.config
        first = archive.digest(content)[7:10]
        if first in seen:
            state.load(client, [(seen[first], ["twin:1"]), (image, ["twin:2"])])
            return first
        seen[first] = image
    raise AssertionError("no two alike")


def test_an_ambiguous_short_id_is_an_error_that_lists_the_candidates(client, fresh_engine):
    digits = twins(client)
    plain(client, "other:1")
    everything = all_of(client)
    for check in (True, False):
        arguments = {"docker_host": fresh_engine.docker_host, "names": ["other:1", digits]}
        result = run_module("image_remove", arguments, check=check)
        assert result["failed"]
        assert f"'{digits}' is an ambiguous image ID" in result["msg"]
        assert "(twin:1)" in result["msg"]
        assert "(twin:2)" in result["msg"]
    assert all_of(client) == everything


# Chains: check mode applies the results of earlier tasks


def test_a_chain_of_tasks_is_foretold_as_a_chain(client, fresh_engine):
    image = plain(client, "app:1")
    state.tag(client, image, "app:2")
    base = state.import_image(client, "base:1")
    built = state.build(client, "FROM base:1\nLABEL step=one\nLABEL step=two\n", "built:1")
    chain = [
        {"names": ["app:1", "built:1"]},
        {"names": [image[7:19]], "details": "all"},
        {"names": [base]},
    ]

    def run(check):
        results = []
        for step in chain:
            arguments = {"docker_host": fresh_engine.docker_host, "after": list(results), **step}
            results.append(run_module("image_remove", arguments, check=check))
        return results

    everything = all_of(client)
    predicted = run(check=True)
    assert all_of(client) == everything
    assert predicted[1]["deleted"] == [image]
    assert predicted[2]["deleted"] == [base]
    assert built in predicted[0]["deleted"]
    real = run(check=False)
    for before, after in zip(predicted, real, strict=True):
        for key in ("failed", "changed", "untagged", "deleted", "absent", "conflicts", "diff", "images"):
            assert before[key] == after[key]


def test_a_chain_may_begin_with_a_loop(client, fresh_engine):
    image = plain(client, "app:1")
    for reference in ("app:2", "app:3"):
        state.tag(client, image, reference)
    run = {"docker_host": fresh_engine.docker_host}
    rounds = [run_module("image_remove", {**run, "names": [f"app:{number}"]}, check=True) for number in (1, 2)]
    looped = {"changed": True, "results": rounds}
    result = run_module("image_remove", {**run, "names": [image], "after": [looped]}, check=True)
    assert (result["untagged"], result["deleted"]) == (["app:3"], [image])


def test_results_of_skipped_tasks_change_nothing(client, fresh_engine):
    plain(client, "app:1")
    arguments = {
        "docker_host": fresh_engine.docker_host,
        "names": ["app:1"],
        "after": [{"skipped": True, "changed": False}],
    }
    assert run_module("image_remove", arguments, check=True)["untagged"] == ["app:1"]


# Every task of the module's EXAMPLES


def examples():
    from ansible_collections.imagewarden.docker.plugins.modules import image_remove

    return yaml.safe_load(image_remove.EXAMPLES)


def make_state_of_the_examples(client, registry):
    """What the examples are about; returns what stands here for a digest and an ID that cannot be made at will."""
    digest_reference, _image = pulled(client, registry, "node:18")
    by_id = plain(client, "named-by-its-id:1")
    for name in ("centos:latest", "redis:alpine", "app:1", "app:2", "postgres:13-beta1", "postgres:13"):
        plain(client, name)
    for name in ("ci/app:pr-1", "ci/app:pr-1-audit"):
        plain(client, name)
    plain(client)
    state.load_image(client, "old:1", created="2020-01-01T00:00:00Z")
    state.load_image(client, "used:1", created="2020-01-01T00:00:00Z")
    state.container(client, "used:1", name="web")
    state.load_image(client, "mongo:3.2", created="2021-01-01T00:00:00Z")
    kept = plain(client, "registry.example.com/app:candidate")
    state.tag(client, kept, "registry.example.com/app:stable")
    return {"node@": digest_reference, "501d3c9ee6b7": by_id[7:19]}


EXAMPLES_LEAVE = ["ci/app:pr-1-audit", "mongo:3.2", "postgres:13", "registry.example.com/app:stable", "used:1"]


def test_every_example_does_what_it_says(client, registry, task):
    stand_ins = make_state_of_the_examples(client, registry)
    for example in examples():
        options = next(value for key, value in example.items() if key.endswith("image_remove"))
        names = options.get("names")
        if names:
            options["names"] = [
                next((there for begin, there in stand_ins.items() if str(name).startswith(begin)), name)
                for name in names
            ]
        options.pop("after", None)
        result = task(**options)
        assert result["changed"], example["name"]
        assert not result["failed"], example["name"]
    left = sorted(tag for image in client.images() for tag in image["RepoTags"] or [])
    assert left == EXAMPLES_LEAVE

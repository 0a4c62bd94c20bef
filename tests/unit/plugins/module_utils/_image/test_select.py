# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    NOT_DESCRIBED,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Filters, Request
from ansible_collections.imagewarden.docker.plugins.module_utils._image.select import (
    Finder,
    is_dangling,
    newest_first,
    rejection,
    select,
)

from ..builders import CREATED, STORES, cases, digest_reference, image, image_id, snapshot

NOW = CREATED + 1_000_000.0


def shown(removal):
    """A removal as a test table writes it: the reference, or the first digits of the ID."""
    if removal is None or removal.reference is not None:
        return removal and removal.address
    return removal.image_id.partition(":")[2].rstrip("0")


# Finding what a name stands for

NODE = digest_reference("node", "d1")
LIBRARY = (
    image("a1", "redis:latest", "redis:7", "r.io/redis:7"),
    image("b1", "b1b:latest"),
    image("ca", "cafe:latest"),
    image("cafe", "other:1"),
    image("d1", "node:18", NODE),
    image("e1"),
    image("e2"),
    image("f01", "f01:latest"),
)

FOUND = [
    # situation, name, on the graphdriver store, on the containerd store
    ("no tag means latest", "redis", "redis:latest", "redis:latest"),
    ("tag", "redis:7", "redis:7", "redis:7"),
    ("official image spelled out", "docker.io/library/redis:7", "redis:7", "redis:7"),
    ("registry host", "r.io/redis:7", "r.io/redis:7", "r.io/redis:7"),
    ("tag that is not there", "redis:8", None, None),
    ("name that is not there", "mongo", None, None),
    ("what is no name", "No Name", None, None),
    ("digest", NODE, NODE, NODE),
    ("digest in another repository", digest_reference("redis", "d1"), None, None),
    ("tag and digest", NODE.replace("@", ":18@"), NODE, "node:18"),
    ("another tag and digest", NODE.replace("@", ":17@"), NODE, None),
    ("unknown digest", digest_reference("node", "d2"), None, None),
    ("whole ID", image_id("a1"), "a1", "a1"),
    ("whole ID without algorithm", image_id("a1")[7:], "a1", "a1"),
    ("unknown whole ID", image_id("a2"), None, None),
    ("short ID", "a10", "a1", "a1"),
    ("short ID with algorithm", "sha256:a10", "a1", "a1"),
    ("unknown short ID", "a20", None, None),
    ("name that begins its own image's ID counts as an ID", "f01", "f01", "f01"),
    ("name that begins its own image's ID, with a tag", "f01:latest", "f01:latest", "f01:latest"),
    ("name of hex digits with a tag", "cafe:latest", "cafe:latest", "cafe:latest"),
    ("short ID beside a name of hex digits, with algorithm", "sha256:cafe", "cafe", "cafe"),
]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(("name", "on_graphdriver", "on_containerd"), cases(FOUND))
def test_a_name_is_resolved_as_the_engine_does(name, on_graphdriver, on_containerd, store):
    found = Finder(snapshot(*LIBRARY, store=store)).find(name)
    assert shown(found) == (on_graphdriver if store == GRAPHDRIVER else on_containerd)


def test_on_the_containerd_store_a_digest_stands_for_the_tags_of_its_repository():
    library = snapshot(image("d1", "node:18", "r.io/node:18"), store=CONTAINERD)
    assert shown(Finder(library).find(NODE)) == NODE
    assert Finder(library).find(digest_reference("redis", "d1")) is None


def test_a_name_that_begins_another_images_id_is_the_name_on_the_graphdriver_store():
    assert shown(Finder(snapshot(*LIBRARY)).find("cafe")) == "cafe:latest"


def test_a_name_that_begins_another_images_id_is_ambiguous_on_the_containerd_store():
    with pytest.raises(InvalidRequest) as failure:
        Finder(snapshot(*LIBRARY, store=CONTAINERD)).find("cafe")
    assert "'cafe' is ambiguous" in str(failure.value)
    assert "cafe00000000 (other:1)" in str(failure.value)
    assert "Write cafe:latest or more digits" in str(failure.value)


@pytest.mark.parametrize("store", STORES)
def test_an_ambiguous_short_id_lists_its_candidates(store):
    library = snapshot(image("ab10", "app:2", "app:1"), image("ab11"), image("ab2"), store=store)
    with pytest.raises(InvalidRequest) as failure:
        Finder(library).find("ab1")
    assert str(failure.value) == (
        "'ab1' is an ambiguous image ID; it can be ab1000000000 (app:1, app:2), ab1100000000 (untagged)"
    )


# Selecting

APP = image("a1", "app:1", "app:2", "r.io/app:1", created=CREATED - 100)
BASE = image("b1", "base:1", created=CREATED - 300, labels={"keep": "yes"})
PARENT = image("c1", created=CREATED - 200)
CHILD = image("c2", "child:1", parent="c1", created=CREATED - 50)
OLD = image("d1", created=CREATED - 1000, labels={"stage": "build"})
JIB = image("e1", "jib:1", created=0)
PULLED = image("f1", digest_reference("pulled", "f1"), created=CREATED - 10)
UNDATED = image("f2", "undated:1", created=None)
HOST = (APP, BASE, PARENT, CHILD, OLD, JIB, PULLED, UNDATED)
PULLED_DIGEST = digest_reference("pulled", "f1")

SELECTED = [
    # situation, parameters, removals, absent
    ("names in the order given", {"names": ["child:1", "app:1"]}, ["child:1", "app:1"], []),
    ("names that are not there", {"names": ["x:1", "app:1", "y", "x:1"]}, ["app:1"], ["x:1", "y"]),
    ("the same image by one reference twice", {"names": ["app:1", "docker.io/library/app:1"]}, ["app:1"], []),
    ("an ID after the references of its image", {"names": ["a10", "base:1", "app:2"]}, ["base:1", "app:2", "a1"], []),
    ("an ID alone", {"names": ["a10"]}, ["a1"], []),
    ("a name and a pattern that match the same", {"names": ["app:2"], "patterns": ["app"]}, ["app:2", "app:1"], []),
    ("a pattern", {"patterns": ["app:*"]}, ["app:1", "app:2"], []),
    ("a pattern that matches nothing", {"patterns": ["nothing:*"]}, [], []),
    ("patterns, newest image first", {"patterns": ["base", "child"]}, ["child:1", "base:1"], []),
    ("a pattern and digests", {"patterns": ["pulled"]}, [PULLED_DIGEST], []),
    ("a regular expression", {"patterns": ["^(app|jib):"], "use_regex": True}, ["app:1", "app:2", "jib:1"], []),
    ("a label", {"filters": {"label": "keep"}}, ["base:1"], []),
    ("a label with its value", {"filters": {"label": "stage=build"}}, ["d1"], []),
    ("a label with another value", {"filters": {"label": "stage=test"}}, [], []),
    ("labels that must all match", {"filters": {"label": ["keep", "stage"]}}, [], []),
    ("before, as the Engine says", {"filters": {"before": "app:1"}}, ["base:1", "d1"], []),
    ("since, as the Engine says", {"filters": {"since": "app:1"}}, [PULLED_DIGEST, "child:1"], []),
    ("until", {"filters": {"until": str(CREATED - 299)}}, ["base:1", "d1"], []),
    ("until, a second too early", {"filters": {"until": str(CREATED - 300)}}, ["d1"], []),
    ("until, by an age", {"filters": {"until": "1000500s"}}, ["d1"], []),
    (
        "all references of an image that a filter matches",
        {"filters": {"before": "child:1"}},
        ["app:1", "app:2", "r.io/app:1"],
        [],
    ),
    (
        "a filter that narrows names",
        {"names": ["base:1", "app:1", "x"], "filters": {"label": "keep"}},
        ["base:1"],
        ["x"],
    ),
    ("a filter that narrows patterns", {"patterns": ["*:1"], "filters": {"label": "keep"}}, ["base:1"], []),
    ("a filter and no name at all", {"names": [], "filters": {"label": "keep"}}, [], []),
    ("a filter and no pattern at all", {"patterns": [], "filters": {"label": "keep"}}, [], []),
]
MATCHED_BY_ENGINE = {
    "app:1": {"before": [BASE, OLD], "since": [CHILD, PULLED]},
    "child:1": {"before": [APP, PARENT], "since": []},
}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(("params", "removals", "absent"), cases(SELECTED))
def test_a_request_means_these_removals(params, removals, absent, store):
    request = Request.parse(params)
    matched = {
        key: frozenset(image.id for image in MATCHED_BY_ENGINE[names[0]][key])
        for key, names in request.engine_filters.items()
    }
    selection = select(snapshot(*HOST, store=store, matched_by_engine=matched), request, NOW)
    assert [shown(candidate.removal) for candidate in selection.candidates] == removals
    assert list(selection.absent) == absent


DANGLING = [
    # situation, filter, removals on the graphdriver store, on the containerd store
    ("dangling", True, [PULLED_DIGEST, "d1"], ["d1"]),
    ("not dangling", False, ["child:1", "app:1", "app:2", "r.io/app:1", "base:1", "jib:1", "undated:1"], None),
]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(("dangling", "on_graphdriver", "on_containerd"), cases(DANGLING))
def test_dangling_is_what_the_engine_calls_so(dangling, on_graphdriver, on_containerd, store):
    selection = select(snapshot(*HOST, store=store), Request.parse({"filters": {"dangling": dangling}}), NOW)
    if on_containerd is None:
        on_containerd = [PULLED_DIGEST, *on_graphdriver]
    expected = on_graphdriver if store == GRAPHDRIVER else on_containerd
    assert [shown(candidate.removal) for candidate in selection.candidates] == expected


def test_an_image_whose_names_cannot_be_read_is_not_dangling():
    unread = image("a1", names_unread=("Bad:1",))
    assert not is_dangling(unread, snapshot(unread, store=CONTAINERD))


def test_the_parent_of_an_image_is_left_to_the_removal_of_its_child():
    library = snapshot(PARENT, CHILD)
    assert select(library, Request.parse({"filters": {"until": "1s"}}), NOW).candidates[0].target == "child:1"
    assert len(select(library, Request.parse({"filters": {"until": "1s"}}), NOW).candidates) == 1


REJECTED = [
    # situation, filters, image, reason
    ("dangling", {"dangling": True}, APP, "the filter dangling=true does not match"),
    ("not dangling", {"dangling": False}, OLD, "the filter dangling=false does not match"),
    ("label", {"label": ["keep=no"]}, BASE, "the filter label=keep=no does not match"),
    ("unwanted label", {"label!": ["gone", "keep"]}, BASE, "the filter label!=keep does not match"),
    ("no unwanted label", {"label!": "keep=no"}, BASE, None),
    ("before", {"before": "app:1"}, APP, "the filter before=app:1 does not match"),
    ("until", {"until": "7d"}, APP, None),
    ("too young", {"until": "20d"}, APP, "the filter until=20d does not match"),
    ("no age", {"until": "1s"}, JIB, "no creation date that says its age"),
    ("no creation date", {"until": "1s"}, UNDATED, "no creation date that says its age"),
    ("all match", {"dangling": False, "label": "keep", "until": "1s"}, BASE, None),
]


@pytest.mark.parametrize(("filters", "subject", "reason"), cases(REJECTED))
def test_a_filter_that_rejects_says_why(filters, subject, reason):
    rejected = rejection(Filters.parse(filters), subject, snapshot(*HOST), NOW)
    assert rejected is None if reason is None else reason in rejected


def test_what_a_filter_keeps_from_the_named_images_is_told():
    request = Request.parse({"names": ["app:1", "base:1"], "filters": {"label": "keep"}})
    selection = select(snapshot(*HOST), request, NOW)
    assert selection.rejected == ((APP.id, "the filter label=keep does not match"),)


@pytest.mark.parametrize(
    "filters", [{"label": ["a"]}, {"label!": ["b"]}, {"before": "app:1"}, {"until": "20d"}], ids=str
)
def test_what_is_not_known_of_an_image_matches_no_filter(filters):
    subject = dataclasses.replace(OLD, labels={"a": "b"}, is_described=False)
    found = snapshot(*HOST, matched_by_engine={"before": {OLD.id}})
    not_known = f"the filters do not match: {NOT_DESCRIBED}"
    assert rejection(Filters.parse(filters), subject, found, NOW) == not_known
    assert rejection(Filters.parse({"dangling": False}), subject, found, NOW) != not_known


def test_a_candidate_tells_the_words_that_asked_for_it():
    request = Request.parse({"names": ["docker.io/library/base:1"], "patterns": ["app:*"]})
    selection = select(snapshot(*HOST), request, NOW)
    assert [(candidate.target, str(candidate.rule)) for candidate in selection.candidates] == [
        ("docker.io/library/base:1", "names: docker.io/library/base:1"),
        ("app:1", "patterns: app:*"),
        ("app:2", "patterns: app:*"),
    ]


# Laws

IMAGES = st.lists(
    st.builds(
        lambda number, tags, created: image(f"{number:02x}", *tags, created=created),
        st.integers(0, 40),
        st.lists(st.sampled_from(["a:1", "a:2", "b:1", "r.io/a:1"]), unique=True, max_size=3),
        st.none() | st.integers(0, 5),
    ),
    unique_by=lambda image: image.id,
    max_size=6,
)


@given(IMAGES, st.randoms())
def test_the_order_does_not_depend_on_the_listing(images, random):
    shuffled = list(images)
    random.shuffle(shuffled)
    assert newest_first(shuffled) == newest_first(images)


@given(IMAGES, st.lists(st.sampled_from(["a:1", "a:2", "b", "b:1", "000", "010", "r.io/a:1"]), max_size=6))
def test_no_removal_is_asked_for_twice_and_an_id_comes_after_its_references(images, names):
    try:
        candidates = select(snapshot(*images), Request.parse({"names": names, "patterns": ["a"]}), NOW).candidates
    except InvalidRequest:
        return
    removals = [candidate.removal for candidate in candidates]
    assert len(set(removals)) == len(removals)
    by_id = {}
    for removal in removals:
        assert not (by_id.get(removal.image_id) and removal.reference)
        by_id[removal.image_id] = removal.reference is None

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine import engine
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    BuildCache,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import (
    InspectedImage,
    PrunedCache,
    Removed,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    InvalidRequest,
    UnreadableAnswer,
)

from ..builders import cases, image_id

CONTAINERD_STATUS = [["driver-type", "io.containerd.snapshotter.v1"]]


class FakeTransport:
    """Answers by path; an exception is raised. Writes down each request with its query."""

    def __init__(self, answers=None, wanted_version="auto"):
        self.wanted_version = wanted_version
        self.host = "unix:///x"
        self.notices = ("a notice",)
        self.version = None
        self.requests = []
        self.timeouts = {}
        self._answers = {
            "/info": {"Driver": "overlay2"},
            "/images/json": [],
            "/containers/json": [],
            "/system/df": {},
            **(answers or {}),
        }

    def use_version(self, version):
        self.version = version

    def get(self, path, *args, **options):
        return self._request("GET", path, args, options)

    def delete(self, path, *args, **options):
        return self._request("DELETE", path, args, options)

    def post(self, path, *args, **options):
        return self._request("POST", path, args, options)

    def _request(self, method, path, args, options):
        query = options.get("query")
        self.requests.append((method, path.format(*args), dict(query or {})))
        self.timeouts[method, path.format(*args)] = options.get("timeout")
        answer = self._answers[path.format(*args)]
        if callable(answer):
            answer = answer(query or {})
        if isinstance(answer, Exception):
            raise answer
        return answer


def version(newest, oldest):
    return {
        "Version": "x",
        "ApiVersion": newest,
        "MinAPIVersion": oldest,
        "Components": [{"Name": "Engine", "Version": "x"}],
    }


def transport(answers=None, newest="1.51", oldest="1.24", store=GRAPHDRIVER, **options):
    info = {"DriverStatus": CONTAINERD_STATUS if store == CONTAINERD else []}
    return FakeTransport({"/version": version(newest, oldest), "/info": info, **(answers or {})}, **options)


NEGOTIATED = [
    # situation, newest and oldest of the Engine, api_version, spoken
    ("Engine 20.10", "1.41", "1.12", "auto", "1.41"),
    ("Engine 28.5", "1.51", "1.24", "auto", "1.51"),
    ("an Engine newer than the tests", "1.55", "1.40", "auto", "1.51"),
    ("a version asked for", "1.51", "1.24", "1.41", "1.41"),
    ("the oldest asked for", "1.51", "1.24", "1.24", "1.24"),
    ("a version asked for that the tests do not know", "1.55", "1.40", "1.55", "1.55"),
    ("an Engine that tells no oldest version", "1.41", None, "auto", "1.41"),
]


@pytest.mark.parametrize(("newest", "oldest", "wanted", "spoken"), cases(NEGOTIATED))
def test_both_sides_know_the_version_that_is_spoken(newest, oldest, wanted, spoken):
    used = transport(newest=newest, oldest=oldest, wanted_version=wanted)
    assert Engine(used).facts.api_version == spoken
    assert used.version == spoken
    assert [path for _method, path, _query in used.requests] == ["/version", "/info"]


NOT_NEGOTIATED = [
    # situation, answer to GET /version, api_version, words of the message
    (
        "Engine too new",
        version("1.60", "1.52"),
        "auto",
        ["1.52 to 1.60", "up to 1.51", "update the collection", "api_version"],
    ),
    ("asked for one too old", version("1.51", "1.24"), "1.18", ["'1.18'", "1.24 to 1.51"]),
    ("asked for one too new", version("1.41", "1.12"), "1.51", ["'1.51'", "1.12 to 1.41"]),
    (
        "a version that is none",
        {"ApiVersion": "new"},
        "auto",
        ["unix:///x", "not a Docker Engine", "ApiVersion is 'new'"],
    ),
    ("another server's list", [], "auto", ["not a Docker Engine", "the version is []"]),
    ("an empty answer", None, "auto", ["not a Docker Engine"]),
    (
        "Podman",
        {
            "Version": "4.9.3",
            "ApiVersion": "1.41",
            "MinAPIVersion": "1.24",
            "Components": [{"Name": "Podman Engine", "Version": "4.9.3"}, {"Name": "Conmon", "Version": "2.1"}],
        },
        "auto",
        [
            "unix:///x",
            "not a Docker Engine, but Podman Engine 4.9.3, Conmon 2.1 (API 1.41)",
            "Docker Engine 20.10 and newer",
        ],
    ),
    (
        "Podman, whatever version of the API is asked for",
        {"Version": "5.2", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine", "Version": "5.2"}]},
        "1.41",
        ["Podman Engine 5.2"],
    ),
    (
        "Docker 19.03",
        {"Version": "19.03.15", "ApiVersion": "1.40", "Components": [{"Name": "Engine", "Version": "19.03.15"}]},
        "auto",
        ["Docker Engine 19.03.15 (API 1.40) is too old", "Docker Engine 20.10 and newer"],
    ),
    (
        "Docker 1.13, which names no components",
        {"Version": "1.13.1", "ApiVersion": "1.26"},
        "auto",
        ["Docker Engine 1.13.1 (API 1.26) is too old"],
    ),
    (
        "something that names no components",
        {"Version": "1.0", "ApiVersion": "1.45"},
        "auto",
        ["not a Docker Engine, but 1.0 (API 1.45)"],
    ),
    ("something that names nothing", {"ApiVersion": "1.45"}, "auto", ["not a Docker Engine, but unnamed (API 1.45)"]),
    ("an Engine without an API version", {"Components": [{"Name": "Engine"}]}, "auto", ["reports no API version"]),
]


@pytest.mark.parametrize(("answer", "wanted", "said"), cases(NOT_NEGOTIATED))
def test_without_a_common_version_the_message_tells_both_sides(answer, wanted, said):
    with pytest.raises(EngineUnavailable) as failure:
        Engine(FakeTransport({"/version": answer}, wanted))
    for words in said:
        assert words in str(failure.value)


WORKER = "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state."
OUTSIDE = 'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" and try again.'
STARTS = "This node is not a swarm manager. Manager is being prepared or has trouble connecting to the cluster."
LOCKED = "Swarm is encrypted and needs to be unlocked before it can be used."
LEADERLESS = "rpc error: code = Unknown desc = The swarm does not have a leader."
SWARMS = [
    # situation, status, what the Engine says, state of the node, whether it surely knows of no services
    ("a worker", 503, WORKER, "active", True),
    ("outside of a Swarm", 503, OUTSIDE, "inactive", True),
    ("an Engine that does not say its state", 503, OUTSIDE, "", True),
    ("a manager that starts", 503, STARTS, "active", False),
    ("a manager that cannot start", 503, OUTSIDE, "error", False),
    ("a manager that waits", 503, OUTSIDE, "pending", False),
    ("a manager that is locked", 503, LOCKED, "locked", False),
    ("a manager without a leader", 503, LEADERLESS, "active", False),
    ("a manager that fails", 500, LEADERLESS, "active", False),
    ("something in between", 404, "page not found", "active", False),
]


@pytest.mark.parametrize(("status", "says", "state", "is_sure"), cases(SWARMS))
def test_services_are_unknown_unless_the_engine_is_surely_no_manager(status, says, state, is_sure):
    info = {"DriverStatus": [], "Swarm": {"LocalNodeState": state}}
    engine = Engine(transport({"/services": EngineError(status, says), "/info": info}))
    if is_sure:
        assert engine.services() is None
        return
    with pytest.raises(EngineError, match="the Engine answered"):
        engine.services()


def test_an_unknown_engine_is_asked_for_nothing_more():
    used = FakeTransport({"/version": {"ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}]}})
    with pytest.raises(EngineUnavailable):
        Engine(used)
    assert used.requests == [("GET", "/version", {})]


def test_what_is_doubtful_about_the_way_is_known_of_the_engine():
    assert Engine(transport()).notices == ("a notice",)


REQUESTS = [
    # situation, newest version, store, filters, requests besides /version and /info
    (
        "Engine 20.10",
        "1.41",
        GRAPHDRIVER,
        None,
        [("/images/json", {"all": 1}), ("/system/df", {}), ("/containers/json", {"all": 1})],
    ),
    (
        "graphdriver",
        "1.51",
        GRAPHDRIVER,
        None,
        [
            ("/images/json", {"all": 1, "shared-size": 1}),
            ("/system/df", {"type": "build-cache"}),
            ("/containers/json", {"all": 1}),
        ],
    ),
    (
        "filters that the Engine answers",
        "1.51",
        GRAPHDRIVER,
        {"before": ("a",), "since": ("b", "c")},
        [
            ("/images/json", {"all": 1, "shared-size": 1}),
            ("/system/df", {"type": "build-cache"}),
            ("/containers/json", {"all": 1}),
            ("/images/json", {"all": 1, "filters": {"before": ["a"]}}),
            ("/images/json", {"all": 1, "filters": {"since": ["b", "c"]}}),
        ],
    ),
]


@pytest.mark.parametrize(("newest", "store", "filters", "expected"), cases(REQUESTS))
def test_a_snapshot_costs_these_requests(newest, store, filters, expected):
    used = transport(newest=newest, store=store)
    Engine(used).read(filters)
    shown = [
        (path, {**query, "filters": json.loads(query["filters"])} if "filters" in query else query)
        for _method, path, query in used.requests[2:]
    ]
    assert sorted(shown, key=str) == sorted(expected, key=str)
    assert {method for method, _path, _query in used.requests} == {"GET"}


def test_the_containerd_store_is_asked_for_its_dangling_records():
    used = transport(store=CONTAINERD)
    Engine(used).read()
    asked = [json.loads(query["filters"]) for _method, _path, query in used.requests if "filters" in query]
    assert asked == [{"dangling": ["true"]}]


def test_the_parent_of_each_name_is_asked_for_where_images_have_parents():
    rows = [row("a1", RepoTags=["app:1", "app:2", "base:1"], ParentId=image_id("b1")), row("b1", RepoTags=["b:1"])]

    def listed(query):
        filters = json.loads(query.get("filters", "{}"))
        if "dangling" in filters:
            return [row("a1", ParentId=image_id("d1"))]
        return (
            [{**rows[0], "ParentId": image_id("c1") if filters["reference"] == ["app:2"] else ""}] if filters else rows
        )

    sent = transport({"/images/json": listed}, store=CONTAINERD)
    read = {found.id: found for found in Engine(sent).read().images}
    shown = {name.familiar.partition("@")[0]: parent for name, parent in read[image_id("a1")].record_parents.items()}
    assert shown == {"app:1": "", "app:2": image_id("c1"), "base:1": image_id("b1"), "moby-dangling": image_id("d1")}
    assert read[image_id("b1")].record_parents == {}


def row(digits, **fields):
    return {"Id": image_id(digits), "RepoTags": ["<none>:<none>"], "Created": 1, "Size": 10, **fields}


def test_engine_20_tells_shared_sizes_in_its_disk_usage_alone():
    answers = {
        "/images/json": [row("a1", SharedSize=-1), row("b1", SharedSize=-1)],
        "/system/df": {"Images": [row("a1", SharedSize=4)], "BuildCache": None},
    }
    snapshot = Engine(transport(answers, newest="1.41")).read()
    assert [(entry.id, entry.shared_size) for entry in snapshot.images] == [(image_id("a1"), 4), (image_id("b1"), None)]


def test_engine_20_leaves_hidden_parents_out_of_its_shared_sizes():
    answers = {
        "/images/json": [row("a1", Size=7), row("b1", ParentId=image_id("a1")), row("c1", ParentId=image_id("ff"))],
        "/system/df": {"Images": [row("b1", SharedSize=4), row("c1", SharedSize=4)], "BuildCache": None},
    }
    snapshot = Engine(transport(answers, newest="1.41")).read()
    assert [entry.shared_size for entry in snapshot.images] == [None, 7, 4]


@pytest.mark.parametrize(
    "failure", [EngineError(409, "a disk usage operation is already running"), EngineUnavailable("slow")]
)
def test_sizes_are_unknown_when_the_engine_does_not_add_up(failure, monkeypatch):
    monkeypatch.setattr(engine, "_PAUSE", 0)
    snapshot = Engine(transport({"/images/json": [row("a1")], "/system/df": failure}, newest="1.41")).read()
    assert [entry.shared_size for entry in snapshot.images] == [None]
    assert snapshot.build_cache is None


def test_a_listing_is_asked_for_again_when_an_image_goes_under_it(monkeypatch):
    monkeypatch.setattr(engine, "_PAUSE", 0)
    going = [EngineError(404, "content digest sha256:1234: not found")] * 3
    answers = {"/images/json": lambda query: going.pop() if going else [row("a1")]}
    assert [entry.id for entry in Engine(transport(answers)).read().images] == [image_id("a1")]
    answers = {"/images/json": EngineError(404, "content digest sha256:1234: not found")}
    with pytest.raises(EngineError, match="content digest"):
        Engine(transport(answers)).read()


def test_the_engine_is_asked_again_while_it_adds_up_for_somebody_else(monkeypatch):
    monkeypatch.setattr(engine, "_PAUSE", 0)
    busy = [EngineError(409, "a disk usage operation is already running")]
    answers = {"/images/json": [row("a1")], "/system/df": lambda query: busy.pop() if busy else {"BuildCache": []}}
    assert Engine(transport(answers, newest="1.41")).read().build_cache == BuildCache()


def test_what_the_engine_selects_is_in_the_snapshot():
    def listed(query):
        return [row("a1"), row("b1")] if "filters" not in query else [row("b1")]

    snapshot = Engine(transport({"/images/json": listed})).read({"before": ("a",)})
    assert snapshot.matched_by_engine == {"before": {image_id("b1")}}


@pytest.mark.parametrize("status", [400, 404])
def test_a_filter_that_names_no_image_is_told_with_the_engines_words(status):
    def listed(query):
        return EngineError(status, "No such image: x") if "filters" in query else []

    with pytest.raises(InvalidRequest, match=r"filters\.before: 'x' names no image here: No such image: x"):
        Engine(transport({"/images/json": listed})).read({"before": ("x",)})


def test_another_error_of_a_filter_is_the_engines():
    def listed(query):
        return EngineError(500, "broken") if "filters" in query else []

    with pytest.raises(EngineError, match="broken"):
        Engine(transport({"/images/json": listed})).read({"before": ("x",)})


REMOVALS = [
    # situation, force, prune_parents, query
    ("as docker rmi does", False, True, {"force": 0, "noprune": 0}),
    ("with force", True, True, {"force": 1, "noprune": 0}),
    ("parents stay", False, False, {"force": 0, "noprune": 1}),
]


@pytest.mark.parametrize(("force", "prune_parents", "query"), cases(REMOVALS))
def test_a_removal_is_sent_as_asked(force, prune_parents, query):
    used = transport({"/images/app:1": [{"Untagged": "app:1"}]})
    assert Engine(used).remove_image("app:1", force, prune_parents) == Removed(("app:1",))
    assert used.requests[-1] == ("DELETE", "/images/app:1", query)


def test_a_removal_that_answers_nothing_removed_nothing():
    assert Engine(transport({"/images/app:1": None})).remove_image("app:1", False, True) == Removed()


def test_an_image_that_is_not_there_is_none():
    answers = {"/images/app:1/json": EngineError(404, "No such image"), "/images/app:2/json": {"Id": "x"}}
    engine = Engine(transport(answers))
    assert engine.inspect_image("app:1") is None
    assert engine.inspect_image("app:2") == InspectedImage("x")


def test_an_error_of_an_inspection_is_the_engines():
    with pytest.raises(EngineError, match="broken"):
        Engine(transport({"/images/app:1/json": EngineError(500, "broken")})).inspect_image("app:1")


def test_layers_are_read_of_every_image_that_is_still_there():
    answers = {
        "/images/json": [row("a1"), row("b1")],
        f"/images/{image_id('a1')}/json": {"Id": image_id("a1"), "RootFS": {"Layers": ["sha256:d0", "sha256:d1"]}},
        f"/images/{image_id('a1')}/history": [{"Size": 7}, {"Size": 3}],
        f"/images/{image_id('b1')}/json": EngineError(404, "gone"),
        f"/images/{image_id('b1')}/history": EngineError(404, "gone"),
    }
    (entry,) = Engine(transport(answers)).read(layers=True).images
    assert entry.layers == ("sha256:d0", "sha256:d1")
    assert entry.layer_sizes == (3, 7)


def test_the_directories_of_a_container_whose_image_is_gone_are_read():
    listed = [{"Id": "c1", "ImageID": image_id("f1"), "State": "exited"}, {"Id": "c2", "ImageID": image_id("f2")}]
    answers = {
        "/containers/json": listed,
        "/containers/c1/json": {"Id": "c1", "GraphDriver": {"Data": {"LowerDir": "/top:/base"}}},
        "/containers/c2/json": EngineError(404, "gone"),
    }
    containers = Engine(transport(answers)).read(layers=True).containers
    assert [entry.layer_directories for entry in containers] == [("/base", "/top"), ()]


def test_what_dates_an_image_mount_is_read_of_containers_that_have_one():
    mount = {"Type": "image", "Name": "app:1"}
    answers = {
        "/containers/json": [
            {"Id": "c1", "Mounts": [mount]},
            {"Id": "c2", "Mounts": [{**mount, "Name": ""}]},
            {"Id": "c3"},
        ],
        "/containers/c1/json": {"Id": "c1", "Created": "2024-01-01T00:00:01Z"},
        "/containers/c2/json": EngineError(404, "gone"),
        "/images/app:1/json": {"Id": "x", "Metadata": {"LastTagTime": "2024-01-01T00:00:02Z"}},
    }
    containers = Engine(transport(answers)).read().containers
    assert [(entry.moved_mounts, entry.undated_mounts) for entry in containers] == [
        ({"app:1"}, set()),
        (set(), {""}),
        (set(), set()),
    ]


def test_sizes_are_unknown_when_a_listing_with_them_fails():
    def listed(query):
        return EngineError(500, "cannot add up") if "shared-size" in query else [row("a1", SharedSize=-1)]

    used = transport({"/images/json": listed})
    assert [(entry.id, entry.shared_size) for entry in Engine(used).read().images] == [(image_id("a1"), None)]


def test_a_listing_that_fails_without_sizes_is_the_engines_error():
    with pytest.raises(EngineError, match="broken"):
        Engine(transport({"/images/json": EngineError(500, "broken")})).read()


def test_an_image_whose_layers_cannot_be_read_has_none():
    answers = {
        "/images/json": [row("a1")],
        f"/images/{image_id('a1')}/json": EngineError(500, "broken"),
        f"/images/{image_id('a1')}/history": [],
    }
    assert [entry.layers for entry in Engine(transport(answers)).read(layers=True).images] == [None]


@pytest.mark.parametrize("failure", [EngineError(500, "RWLayer of container c1 is unexpectedly nil"), None])
def test_an_inspection_that_fails_is_unknown_where_the_rest_goes_on(failure):
    answers = {"/containers/c1/json": failure or {"Id": "c1", "Name": "/c"}, "/images/i1/json": failure or {"Id": "i1"}}
    engine = Engine(transport(answers))
    if failure is None:
        assert engine.try_to_inspect_container("c1").name == "c"
        assert engine.try_to_inspect_image("i1").id == "i1"
        return
    assert (engine.try_to_inspect_container("c1"), engine.try_to_inspect_image("i1")) == (None, None)
    with pytest.raises(EngineError, match="RWLayer"):
        engine.inspect_container("c1")


DISK_USAGES = [
    # situation, newest version, api_version, kind, query
    ("all, before API 1.42", "1.41", "auto", None, {}),
    ("one kind, before API 1.42", "1.41", "auto", "image", {}),
    ("all", "1.51", "auto", None, {}),
    ("one kind", "1.51", "auto", "build-cache", {"type": "build-cache"}),
    ("all, from API 1.52 on", "1.55", "1.52", None, {"verbose": 1}),
    ("one kind, from API 1.52 on", "1.55", "1.52", "build-cache", {"type": "build-cache", "verbose": 1}),
]


@pytest.mark.parametrize(("newest", "wanted", "kind", "query"), cases(DISK_USAGES))
def test_the_disk_usage_is_asked_for(newest, wanted, kind, query):
    used = transport({"/system/df": {"BuildCache": []}}, newest=newest, wanted_version=wanted)
    Engine(used).disk_usage(kind)
    assert used.requests[-1] == ("GET", "/system/df", query)


NULLS = {"LayersSize": 0, "Images": None, "Containers": None, "Volumes": None, "BuildCache": None}


@pytest.mark.parametrize(
    ("kind", "known"),
    [("image", ["images"]), ("container", ["containers"]), ("volume", ["volumes"]), ("build-cache", ["build_cache"])],
)
def test_of_the_kinds_that_were_not_asked_for_nothing_is_known(kind, known):
    usage = Engine(transport({"/system/df": NULLS})).disk_usage(kind)
    kinds = ("images", "containers", "volumes", "build_cache")
    assert [name for name in kinds if getattr(usage, name) is not None] == known


@pytest.mark.parametrize("failure", [EngineError(403, "forbidden by a proxy"), EngineUnavailable("slow"), []])
def test_a_disk_usage_that_cannot_be_had_is_unknown(failure):
    engine = Engine(transport({"/system/df": failure}))
    assert engine.disk_usage() is None
    with pytest.raises((EngineError, EngineUnavailable)):
        engine.build_cache()


def test_the_records_of_the_build_cache():
    engine = Engine(transport({"/system/df": {"BuildCache": [{"ID": "a"}]}}))
    assert [record.id for record in engine.build_cache()] == ["a"]
    with pytest.raises(EngineError, match="the disk usage lists no build cache"):
        Engine(transport({"/system/df": {}})).build_cache()


def test_exactly_the_named_records_of_the_build_cache_are_pruned():
    used = transport({"/build/prune": {"CachesDeleted": ["b"], "SpaceReclaimed": 5}})
    engine = Engine(used)
    assert engine.prune_build_cache(["a.1", "b"], True) == PrunedCache(("b",), 5)
    _method, _path, query = used.requests[-1]
    assert (query["all"], json.loads(query["filters"])) == (1, {"id": ["^(a\\.1|b)$"]})
    sent = len(used.requests)
    assert engine.prune_build_cache([], True) == PrunedCache()
    assert len(used.requests) == sent


CONTAINER_VERBS = [
    # situation, verb, arguments, answer, request, result, least seconds without an answer
    ("stop in its own time", "stop_container", ("c", None, 20), None, ("POST", "/containers/c/stop", {}), None, 620),
    (
        "stop in the daemon's time",
        "stop_container",
        ("c", None, None),
        None,
        ("POST", "/containers/c/stop", {}),
        None,
        600,
    ),
    ("stop without an end", "stop_container", ("c", None, -1), None, ("POST", "/containers/c/stop", {}), None, 600),
    ("stop at once", "stop_container", ("c", 0, 20), None, ("POST", "/containers/c/stop", {"t": 0}), None, 600),
    (
        "commit",
        "commit_container",
        ("c", "attic/web", "1"),
        {"Id": "sha256:a"},
        ("POST", "/commit", {"container": "c", "repo": "attic/web", "tag": "1"}),
        "sha256:a",
        600,
    ),
    (
        "remove",
        "remove_container",
        ("c", True, False),
        None,
        ("DELETE", "/containers/c", {"force": 1, "v": 0}),
        None,
        600,
    ),
    (
        "remove an image",
        "remove_image",
        ("i", False, True),
        [],
        ("DELETE", "/images/i", {"force": 0, "noprune": 0}),
        Removed(),
        600,
    ),
]


@pytest.mark.parametrize(("verb", "arguments", "answer", "request_sent", "result", "least"), cases(CONTAINER_VERBS))
def test_a_change_is_sent_and_may_take_long(verb, arguments, answer, request_sent, result, least):
    used = transport({request_sent[1]: answer})
    assert getattr(Engine(used), verb)(*arguments) == result
    assert used.requests[-1] == request_sent
    assert used.timeouts[request_sent[:2]] >= least


def test_a_listing_may_take_longer_than_a_connection():
    used = transport()
    Engine(used).read()
    assert used.timeouts["GET", "/images/json"] >= 300
    assert used.timeouts["GET", "/info"] is None


def test_events_are_lines_whatever_the_parts_in_which_they_arrive():
    known = transport()
    known.stream = lambda path, **options: known.streamed.append((path, options)) or iter(known.parts)
    known.streamed = []
    known.parts = [b'{"Type":"image"', b',"Action":"tag"}\n{"Type":', b'"network"}\n\n', b'{"Type":"volume"}']
    found = list(Engine(known).events(1, 2.5))
    assert [event.kind for event in found] == ["image", "network", "volume"]
    assert known.streamed == [
        ("/events", {"query": {"since": "1.000000000", "until": "2.500000000"}, "as_it_comes": True})
    ]
    known.parts = [b"{}\nnonsense\n"]
    with pytest.raises(UnreadableAnswer, match="an event is b'nonsense'"):
        list(Engine(known).events(1, 2))


def test_what_an_engine_replays_is_read_once():
    known = transport()
    asked = []
    known.stream = lambda path, query, as_it_comes: asked.append(query) or iter([b"{}\n"])
    engine = Engine(known)
    assert len(engine.replayed_events(9)) == 1
    assert engine.replayed_events(10) is engine.replayed_events(11)
    assert asked == [{"since": "1.000000000", "until": "9.000000000"}]


def test_a_container_is_found_by_its_whole_id():
    listed = [{"Id": "abcd", "ImageID": image_id("a1")}, {"Id": "abc", "ImageID": image_id("b1")}]
    known = Engine(transport({"/containers/json": listed}))
    assert known.find_container("abc").image_id == image_id("b1")
    assert known.find_container("ab") is None

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError

from ..builders import cases, image_id
from .test_engine import transport

APP = image_id("a1")
CONTAINER = "c1".ljust(64, "0")
LISTED = {
    "/images/json": [{"Id": APP, "RepoTags": ["app:1", "app:2"], "Created": 1}],
    "/containers/json": [{"Id": CONTAINER, "Names": ["/web"], "ImageID": APP, "State": "exited"}],
}

CHANGES = [
    # situation, request, its answer, the change, its line, what became of it
    (
        "an image by its ID",
        f"/images/{APP}",
        [{"Untagged": "app:1"}, {"Deleted": APP}],
        lambda engine: engine.remove_image(APP, False, True),
        f"remove image {APP} (app:1, app:2)",
        f"untagged app:1; deleted {APP}",
    ),
    (
        "an image by its name",
        "/images/app:1",
        [{"Untagged": "app:1"}],
        lambda engine: engine.remove_image("app:1", False, True),
        "remove image app:1",
        "untagged app:1; deleted nothing",
    ),
    (
        "a container",
        f"/containers/{CONTAINER}",
        None,
        lambda engine: engine.remove_container(CONTAINER, False, False),
        f"remove container {CONTAINER} (web)",
        "done",
    ),
    (
        "a container that is stopped",
        f"/containers/{CONTAINER}/stop",
        None,
        lambda engine: engine.stop_container(CONTAINER, 3, None),
        f"stop container {CONTAINER} (web)",
        "done",
    ),
    (
        "a signal",
        f"/containers/{CONTAINER}/kill",
        None,
        lambda engine: engine.kill_container(CONTAINER, "TERM"),
        f"send TERM to container {CONTAINER} (web)",
        "done",
    ),
    (
        "a commit",
        "/commit",
        {"Id": APP},
        lambda engine: engine.commit_container(CONTAINER, "attic/web", "1"),
        f"commit to attic/web:1 container {CONTAINER} (web)",
        APP,
    ),
    (
        "build cache",
        "/build/prune",
        {"CachesDeleted": ["abc"], "SpaceReclaimed": 5},
        lambda engine: engine.prune_build_cache(["abc", "def"], False),
        "remove build cache abc, def",
        "deleted abc",
    ),
]


@pytest.mark.parametrize(("path", "answer", "change", "line", "outcome"), cases(CHANGES))
def test_a_change_is_logged_before_and_after(path, answer, change, line, outcome):
    said = []
    sent = transport({**LISTED, path: answer})
    engine = Engine(sent, said.append)
    engine.read()
    assert said == []
    change(engine)
    assert said == [f"asking to {line} on unix:///x", f"asked to {line} on unix:///x: {outcome}"]


def test_a_change_without_an_answer_is_logged_too():
    said = []
    engine = Engine(transport({"/images/app:1": EngineError(500, "broken")}), said.append)
    with pytest.raises(EngineError):
        engine.remove_image("app:1", False, True)
    assert said == [
        "asking to remove image app:1 on unix:///x",
        "no confirmation to remove image app:1 on unix:///x: the Engine answered 500: broken",
    ]


def test_without_a_log_nothing_is_written():
    assert Engine(transport({"/images/app:1": []})).remove_image("app:1", False, True).deleted == ()

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a proxy answers in the Engine's place: one clear message, and the result says what is so."""

from __future__ import annotations

import pytest

from tests.integration.module_run import run_module
from tests.lab import state

pytestmark = pytest.mark.engine

PAGE = b"<html><body>Bad Gateway</body></html>"
ERROR = {"message": "try again"}
IMAGES = ("image_remove", {"names": ["app:1", "app:2"]})
CONTAINERS = ("container_remove", {"states": ["any"], "stop_timeout": 0})
POLICY = ("image_prune_policy", {"remove": {"all_unused": True}})


FOREIGN = [
    # situation, task, method, path, status, answer, words of the message
    ("a page for everything", IMAGES, "*", ".", 200, PAGE, "does not answer as a Docker Engine does: <html>"),
    ("a sign-in", IMAGES, "*", ".", 401, PAGE, "the Engine answered 401"),
    ("an error for the information", IMAGES, "GET", "/info", 200, ERROR, "there is no Driver in the information"),
    ("an error for the version", IMAGES, "GET", "/version", 200, ERROR, "what answers is not a Docker Engine"),
    ("an error for the images", IMAGES, "GET", "/images/json", 200, ERROR, "the list of images is {'message'"),
    (
        "an error for the containers",
        POLICY,
        "GET",
        "/containers/json",
        200,
        ERROR,
        "the list of containers is {'message'",
    ),
    ("nothing for the containers", POLICY, "GET", "/containers/json", 200, b"", "its answer is empty"),
    ("a redirection of the listing", POLICY, "GET", "/images/json", 307, b"", "the Engine answered 307"),
    ("an error for a removal", IMAGES, "DELETE", "/images/", 200, ERROR, "the list of what was removed is {'message'"),
    ("nothing for a removal", IMAGES, "DELETE", "/images/", 204, b"", "the Engine's answer names nothing"),
    ("something else for a removal", IMAGES, "DELETE", "/images/", 200, [{"Untagged": "x:1"}], "names something else"),
    (
        "a name that stays",
        IMAGES,
        "DELETE",
        "/images/",
        200,
        [{"Untagged": "app:1"}, {"Untagged": "app:2"}],
        "still lists it",
    ),
    ("a redirection of a removal", IMAGES, "DELETE", "/images/", 302, b"", "the Engine answered 302"),
    (
        "an error for a container's removal",
        CONTAINERS,
        "DELETE",
        "/containers/",
        200,
        ERROR,
        "the answer to a change is",
    ),
    ("an error for a stop", CONTAINERS, "POST", "/stop", 200, ERROR, "it could not be stopped"),
    ("a stop that was none", CONTAINERS, "POST", "/stop", 204, b"", "reported that it was stopped, but it still runs"),
    ("a stop that had been", CONTAINERS, "POST", "/stop", 304, b"", "reported that it was stopped, but it still runs"),
]


@pytest.mark.parametrize(
    ("task", "method", "path", "status", "answer", "said"),
    [row[1:] for row in FOREIGN],
    ids=[row[0] for row in FOREIGN],
)
def test_an_answer_that_is_not_the_engines_removes_nothing_and_fails(
    task, method, path, status, answer, said, one_engine, recording_proxy
):
    client = one_engine.client
    base = state.import_image(client, "base:1")
    for name in ("app:1", "app:2"):
        state.import_image(client, name, runnable=False)
    state.container(client, base, "running", name="web")
    proxy = recording_proxy(one_engine)
    proxy.answer(method, path, status, answer, times=None)
    module, options = task
    result = run_module(module, {"docker_host": proxy.docker_host, **options})
    assert result["failed"]
    assert said in result["msg"]
    assert sorted(name for row in client.images() for name in row["RepoTags"]) == ["app:1", "app:2", "base:1"]
    (web,) = client.containers(all=True)
    assert (result.get("untagged", []), result.get("deleted", []), result.get("removed", [])) == ([], [], [])
    # A stop that came through is reported where its removal did not.
    assert (web["State"] == "exited") is ("web" in result.get("stopped", []))

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import (
    Evidence,
    last_used,
    newest_uses,
    seen_in_use,
    used_until_removed,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    Sighting,
    UsageRecord,
    Watched,
)

from ..builders import CREATED, cases, container, image, image_id, snapshot

A = image_id("a1")
NOW = CREATED + 1000.0

USED = [
    ("a running container uses it now", [container("c", of="a1", state="running", created=CREATED)], {}, NOW),
    ("a paused one too", [container("c", of="a1", state="paused", created=CREATED)], {}, NOW),
    ("one that never ran, from its creation", [container("c", of="a1", state="created", created=CREATED)], {}, CREATED),
    ("one that finished", [container("c", of="a1", created=CREATED)], {"c": CREATED + 5.0}, CREATED + 5.0),
    ("one whose finish nobody asked for", [container("c", of="a1", created=CREATED)], {}, CREATED),
    (
        "the newest of several",
        [container("c", of="a1", created=CREATED), container("d", of="a1", created=CREATED + 9)],
        {},
        CREATED + 9,
    ),
    (
        "one that mounts it",
        [container("c", of="c1", state="running", mounted_images=(A,))],
        {},
        NOW,
    ),
    (
        "a newer one that mounts what cannot be told",
        [
            container("c", of="a1", created=CREATED),
            container("d", of="c1", created=CREATED + 9, mounted_images=("gone:1",)),
        ],
        {},
        CREATED,
    ),
]

LAST = [
    ("never seen used: from when it was first seen", CREATED, {}, Sighting(CREATED + 50), CREATED + 50),
    ("never seen used, and of unknown age", 0, {}, Sighting(CREATED + 50), CREATED + 50),
    ("seen used before it was first seen", CREATED, {}, Sighting(CREATED + 50, CREATED + 20), CREATED + 20),
    ("created after its last use", CREATED + 99, {}, Sighting(CREATED + 50, CREATED + 20), CREATED + 99),
    ("tagged after its last use", CREATED, {A: CREATED + 70.0}, Sighting(CREATED + 50, CREATED + 20), CREATED + 70),
]


@pytest.mark.parametrize(("containers", "active", "expected"), cases(USED))
def test_containers_tell_when_an_image_was_used(containers, active, expected):
    host = snapshot(image("a1"), *containers)
    active = {container("c", of="a1").id: time for time in active.values()}
    assert seen_in_use(host, active, NOW)[A] == expected


@pytest.mark.parametrize(("created", "tagged", "sighting", "expected"), cases(LAST))
def test_the_last_use_is_the_newest_that_is_known(created, tagged, sighting, expected):
    host = snapshot(image("a1", created=created))
    assert last_used(host, tagged, UsageRecord({A: sighting})) == {A: expected}


TAGGED = [
    ("the Engine tells", CREATED, {A: CREATED + 5.0}, CREATED + 5.0),
    ("the Engine does not tell", CREATED, {}, CREATED),
    ("tagged before it was created", CREATED, {A: CREATED - 5.0}, CREATED),
    ("of unknown age, and tagged", 0, {A: CREATED + 5.0}, CREATED + 5.0),
    ("of unknown age, and never tagged", None, {}, None),
]


@pytest.mark.parametrize(("created", "tagged", "expected"), cases(TAGGED))
def test_tagging_counts_from_creation_where_the_engine_does_not_tell(created, tagged, expected):
    assert Evidence(NOW, tagged=tagged).tagged_at(image("a1", created=created)) == expected


def test_the_newest_of_several_uses_counts():
    assert newest_uses({"a": 1, "b": 5}, {"a": 3, "c": 2}, {"b": 4}) == {"a": 3, "b": 5, "c": 2}


def test_since_when_uses_are_known():
    assert Evidence(NOW).known_since is None
    assert Evidence(NOW, record=UsageRecord({}, Watched(3, 9))).known_since == 3


def handled(state, action="removed", of=A):
    return [{"containers": [{"state": state, "action": action, "image_id": of}]}]


REMOVED = [
    # situation, results of earlier tasks, when the image was last used
    ("a running container was removed", handled("running"), NOW),
    ("a stopped one was removed", handled("exited"), 2),
    ("a running one was kept", handled("running", "kept"), 2),
    ("one whose image is not known", handled("running", of=None), 2),
    ("tasks without containers", [{"containers": None}, {}, {"containers": ["web"]}], 2),
]


@pytest.mark.parametrize(("earlier", "expected"), cases(REMOVED))
def test_what_earlier_tasks_removed_was_used_until_then(earlier, expected):
    record = used_until_removed(UsageRecord({A: Sighting(1, 2)}), earlier, NOW)
    assert record.sightings == {A: Sighting(1, expected)}

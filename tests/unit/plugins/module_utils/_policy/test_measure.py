# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import (
    DiskUsage,
    Event,
    InspectedImage,
    Total,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    InvalidRequest,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import (
    Measured,
    gather,
    measure,
    read_replay,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    Sighting,
    UsageRecord,
    Watched,
)

from ..builders import CREATED, image, image_id, snapshot

NOW = CREATED + 1000.0


class FakeEngine:
    """Inspects images as it is told: an answer by ID, or an error that is raised."""

    clock = CREATED + 999.0

    def __init__(self, answers, events=()):
        self._answers = answers
        self._events = events
        self.asked = None

    def try_to_inspect_container(self, name):
        raise AssertionError(f"there is no container {name}")

    def replayed_events(self, until):
        self.asked = until
        if isinstance(self._events, Exception):
            raise self._events
        return tuple(self._events)

    def inspect_image(self, name):
        answer = self._answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        return answer


def gathered(params, measured=None, **answers):
    host = snapshot(image("a1", "app:1"), image("b1", "app:2"), image("c1", "app:3"))
    policy = Policy.parse({"use_regex": False, "guard": None, "target": None, "keep": None, **params})
    engine = FakeEngine({image_id(digits): answer for digits, answer in answers.items()})
    return gather(engine, host, policy, measured or Measured(), UsageRecord(), NOW)


def test_an_image_whose_inspection_fails_counts_as_tagged_now():
    evidence = gathered(
        {"remove": {"all_unused": True}, "keep": {"younger_than": "1h", "age_by": "tagged"}},
        a1=EngineError(500, "broken"),
        b1=InspectedImage(image_id("b1"), tagged=CREATED + 1.0),
    )
    assert evidence.tagged == {image_id("a1"): NOW, image_id("b1"): CREATED + 1.0}


def test_a_policy_does_not_decide_by_a_file_system_that_may_be_the_wrong_one():
    disk = FileSystem("/data", 10, 9, 1, 10, 5, 5, "it is there", "it may be any of /data and /other")
    with pytest.raises(InvalidRequest, match=r"target\.disk_path: it is needed, because /data may not be"):
        gathered({"remove": {"all_unused": True}}, Measured(file_system=disk))


class CountingEngine:
    """Reports the bytes of images and of the build cache; ``None`` where it does not say."""

    def __init__(self, facts, images, cache):
        self.facts = facts
        self.asked = []
        self._usage = {"image": DiskUsage(images=images), "build-cache": cache and DiskUsage(build_cache=cache)}

    def disk_usage(self, kind):
        self.asked.append(kind)
        return self._usage[kind]


IMAGES, CACHE = Total(size=1000), Total(size=300)
SIZES = [
    # situation, store, version, what it reports of images and of the build cache, bytes of images
    ("graph drivers count images alone", "graphdriver", "28.5.2", IMAGES, CACHE, 1000),
    ("the containerd store counts images alone", "containerd", "29.6.0", IMAGES, CACHE, 1000),
    ("before, it counts the build cache too", "containerd", "29.5.1", IMAGES, CACHE, 700),
    ("more of the build cache than there is of both", "containerd", "28.5.2", IMAGES, Total(size=2000), 0),
    ("how much of it is build cache is not known", "containerd", "26.1.5", IMAGES, None, None),
    ("nothing is known", "containerd", "28.5.2", None, CACHE, None),
]


@pytest.mark.parametrize(
    ("store", "version", "images", "cache", "expected"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES]
)
def test_a_limit_of_size_is_held_against_the_bytes_of_images_alone(store, version, images, cache, expected):
    engine = CountingEngine(EngineFacts(version=version, store=store), images, cache)
    policy = Policy.parse({"remove": {"all_unused": True}, "target": {"total_size": "1GB"}, "use_regex": False})
    assert measure(engine, policy, "tcp://elsewhere").images_size == expected


BY_USE = {"remove": {"all_unused": True}, "keep": {"younger_than": "1h", "age_by": "used"}}
START = Event("container", "start", "x", "app:1", CREATED + 500.0)


def by_use(engine, record=None):
    policy = Policy.parse({"use_regex": False, "guard": None, "target": None, **BY_USE})
    return gather(
        engine, snapshot(image("a1", "app:1", created=CREATED - 90)), policy, Measured(), record or UsageRecord(), NOW
    )


def test_a_policy_by_use_reads_what_the_engine_replays():
    engine = FakeEngine({}, [START])
    evidence = by_use(
        engine, UsageRecord({image_id("a1"): Sighting(CREATED - 90)}, Watched(CREATED - 90, CREATED + 600))
    )
    assert evidence.used == {image_id("a1"): CREATED + 500.0}
    assert evidence.record.watched == Watched(CREATED - 90, CREATED + 999.0)
    assert evidence.notices == ()
    assert engine.asked == CREATED + 999.0


def test_an_older_record_than_the_oldest_event_leaves_a_gap():
    assert by_use(FakeEngine({}, [START]), UsageRecord({}, Watched(1, CREATED + 400))).known_since == CREATED + 500.0


def test_an_engine_that_does_not_show_its_events_is_a_notice():
    for error in (EngineError(403, "denied"), EngineUnavailable("it ended")):
        evidence = by_use(FakeEngine({}, error))
        assert evidence.known_since == CREATED + 999.0
        assert "the Engine shows no events" in evidence.notices[0]


def test_an_engine_without_a_clock_is_asked_by_this_ones():
    engine = FakeEngine({})
    engine.clock = None
    read_replay(engine, snapshot(), None, NOW)
    assert engine.asked == NOW

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import EngineFacts
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import DiskUsage, InspectedImage, Total
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import Measured, gather, measure
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord

from ..builders import CREATED, image, image_id, snapshot

NOW = CREATED + 1000.0


class FakeEngine:
    """Inspects images as it is told: an answer by ID, or an error that is raised."""

    def __init__(self, answers):
        self._answers = answers

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

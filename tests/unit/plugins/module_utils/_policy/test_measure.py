# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import InspectedImage
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import Measured, gather
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

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import Removal

from ..builders import cases, image_id

ADDRESSES = [
    ("by reference", Removal(image_id("a1"), Reference.parse("docker.io/library/app:1")), "app:1"),
    ("by digest", Removal(image_id("a1"), Reference.parse(f"r.io/app@{image_id('d1')}")), f"r.io/app@{image_id('d1')}"),
    ("by ID", Removal(image_id("a1")), image_id("a1")),
]


@pytest.mark.parametrize(("removal", "expected"), cases(ADDRESSES))
def test_a_removal_is_addressed_explicitly(removal, expected):
    assert removal.address == expected

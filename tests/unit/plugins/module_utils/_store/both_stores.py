# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both stores do alike: rows for the tables of either's tests, and what these share."""

from __future__ import annotations

from ..builders import container, image


def digits(whole):
    """The digits of an image ID that tests give it."""
    return whole.partition(":")[2].rstrip("0")


EXITED, RUNNING = container("c", of="a1"), container("c", of="a1", state="running")

ON_BOTH_STORES = [
    # situation, what is there, target, options, the references and images that go or the conflict
    ("the only tag takes the image", [image("a1", "app:1")], "app:1", {}, (["app:1"], ["a1"])),
    (
        "by name with force, a running container keeps the image",
        [image("a1", "app:1"), RUNNING],
        "app:1",
        {"force": True},
        (["app:1"], []),
    ),
    (
        "by ID with force, a stopped container does not hold",
        [image("a1", "app:1"), EXITED],
        "a1",
        {"force": True},
        (["app:1"], ["a1"]),
    ),
    (
        "by ID with force, a running container refuses",
        [image("a1", "app:1"), RUNNING],
        "a1",
        {"force": True},
        "hard: the image is used by a running container",
    ),
]

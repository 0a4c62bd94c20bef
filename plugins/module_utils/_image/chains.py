# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which steps of a plan must follow one another, and which may go side by side. No I/O.

What an Engine does with an image depends on its references, its containers, its children, and on the parents that it takes
along. So the steps of one image are a chain, and those of images that are linked by a parent which may be removed too.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import Plan, Step


def chains(plan: Plan) -> list[list[Step]]:
    """The steps in chains that do not concern each other, each in the order of the plan; the chains by their first step."""
    leaders = _Leaders()
    touched: set[str] = set()
    for step in plan.steps:
        for image_id in _images_of(step):
            touched.add(image_id)
            leaders.join(image_id, step.candidate.removal.image_id)
    images = {image.id: image for image in plan.snapshot.images}
    for image in images.values():
        for parent in image.all_parents & images.keys():
            # A parent that keeps a name ends what a removal takes along.
            if parent in touched or not images[parent].references:
                leaders.join(image.id, parent)
    found: dict[str, list[Step]] = {}
    for step in plan.steps:
        found.setdefault(leaders.of(step.candidate.removal.image_id), []).append(step)
    return list(found.values())


def _images_of(step: Step) -> set[str]:
    """Every image that a step changes."""
    return {step.candidate.removal.image_id, *step.effect.deleted, *(owner for owner, _ref in step.effect.untagged)}


class _Leaders:
    """Groups of images, each with one of them as its leader."""

    def __init__(self) -> None:
        self._leader: dict[str, str] = {}

    def of(self, image_id: str) -> str:
        """The leader of the group that this image is in."""
        path = [image_id]
        while self._leader.get(path[-1], path[-1]) != path[-1]:
            path.append(self._leader[path[-1]])
        for passed in path[:-1]:
            self._leader[passed] = path[-1]
        return path[-1]

    def join(self, one: str, other: str) -> None:
        """Make one group of two."""
        self._leader[self.of(one)] = self.of(other)

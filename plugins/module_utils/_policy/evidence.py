# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a policy judges by beyond the snapshot: times of tagging and use, registries' answers, sizes. No I/O, no clock."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import RUNNING_STATES
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord
from ansible_collections.imagewarden.docker.plugins.module_utils._store.uses import uses_of
from ansible_collections.imagewarden.docker.plugins.module_utils._times import is_credible

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.registries import Answer
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Everything by image ID. ``answers`` is ``None`` as long as no registry was asked.

    ``images_size`` are the bytes of all images as the Engine counts them, and ``file_system`` is the one that holds them;
    each is ``None`` where it is not known. ``record`` is the usage record with what was seen now; ``notices`` are what could
    not be read for it.
    """

    now: float
    tagged: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    used: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    answers: t.Mapping[str, Answer] | None = None
    images_size: int | None = None
    file_system: FileSystem | None = None
    record: UsageRecord = dataclasses.field(default_factory=UsageRecord)
    notices: tuple[str, ...] = ()

    @property
    def known_since(self) -> float | None:
        """Since when no use was missed; ``None`` where nobody asked."""
        return None if self.record.watched is None else self.record.watched.since

    def tagged_at(self, image: Image) -> float | None:
        """When it was last tagged, where the Engine reports it; otherwise it counts from its creation."""
        return _newest(self.tagged.get(image.id), created_at(image))

    def used_at(self, image: Image) -> float | None:
        """When it was last used."""
        return self.used.get(image.id, self.tagged_at(image))


def weigh(
    snapshot: Snapshot,
    policy: Policy,
    tagged: Mapping[str, float],
    active: Mapping[str, float | None],
    record: UsageRecord,
    now: float,
) -> Evidence:
    """The times that the policy's rules ask for. ``active`` is when containers last started or finished, by container ID."""
    tagged = tagged if policy.needs_tag_times else {}
    active = active if policy.needs_use else {}
    seen = record.seen((image.id for image in snapshot.images), seen_in_use(snapshot, active, now), now)
    used = last_used(snapshot, tagged, seen) if policy.needs_use else {}
    return Evidence(now=now, tagged=tagged, used=used, record=seen)


def created_at(image: Image) -> float | None:
    """When it was created; ``None`` where the date is that of a reproducible build."""
    return float(image.created) if image.created is not None and is_credible(image.created) else None


def seen_in_use(snapshot: Snapshot, active: Mapping[str, float | None], now: float) -> dict[str, float]:
    """When containers last used each image: ``now`` for a running one, else its creation, start or finish.

    To mount an image is to use it. ``active`` holds the newest of start and finish by container ID, as far as it was asked.
    """
    uses = uses_of(snapshot)
    used: dict[str, float] = {}
    for image_id in {**uses.made_from, **uses.mounting}:
        for container in uses.known(image_id):
            time = now if container.is_running else _newest(container.created, active.get(container.id))
            if time is not None:
                used[image_id] = max(time, used.get(image_id, time))
    return used


def used_until_removed(record: UsageRecord, earlier: Iterable[Mapping[str, t.Any]], now: float) -> UsageRecord:
    """The record with the use by running containers that earlier tasks removed: until ``now``, as the Engine's events show it.

    Check mode only predicts that these are removed, so that no event shows it.
    """
    removed = (
        entry
        for result in earlier
        for entry in result.get("containers") or ()
        if isinstance(entry, dict) and entry.get("action") == "removed" and entry.get("state") in RUNNING_STATES
    )
    return record.noted({str(entry["image_id"]): now for entry in removed if entry.get("image_id")}, now)


def newest_uses(*known: Mapping[str, float]) -> dict[str, float]:
    """The newest time of each image in any of these."""
    newest: dict[str, float] = {}
    for times in known:
        for image_id, time in times.items():
            newest[image_id] = max(time, newest.get(image_id, time))
    return newest


def last_used(snapshot: Snapshot, tagged: Mapping[str, float], record: UsageRecord) -> dict[str, float]:
    """When each image was last used: the newest of its creation, its last tagging and what the record knows of its use.

    An image that was never seen used counts from when it was first seen.
    """
    times = {}
    for image in snapshot.images:
        sighting = record.sightings[image.id]
        sign = sighting.first_seen if sighting.last_used is None else sighting.last_used
        times[image.id] = t.cast(float, _newest(created_at(image), tagged.get(image.id), sign))
    return times


def _newest(*times: float | None) -> float | None:
    return max((time for time in times if time is not None), default=None)

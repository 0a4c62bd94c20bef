# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a policy reads of an Engine beyond the snapshot, each only when a rule asks for it. Nothing here changes anything."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import (
    FileSystem,
    read_file_system,
    without_doubt,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.registries import ask_registries
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import several
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import (
    Evidence,
    used_until_removed,
    weigh,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import images_to_verify
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.saved import SavedSnapshot
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import Watched, load
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.use_events import Replay, replay
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind
from ansible_collections.imagewarden.docker.plugins.module_utils._store.space import counted_share

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord


class Place(t.NamedTuple):
    """Where a policy finds what the Engine does not show: ``docker_host`` says whether a file system can be measured from here."""

    docker_host: str
    usage_file: str
    disk_path: str | None = None


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a target is held against; ``None`` for what it does not ask for or what cannot be known."""

    images_size: int | None = None
    file_system: FileSystem | None = None

    def after(self, freed: int, counted: float) -> Measured:
        """The same after this number of bytes was freed, of which the Engine's total of all images counts this share."""
        if not freed:
            return self
        size, disk = self.images_size, self.file_system
        return Measured(
            None if size is None else max(size - math.ceil(freed * counted), 0),
            None if disk is None else disk._replace(used=max(disk.used - freed, 0), free=disk.free + freed),
        )


def gather(
    engine: Engine, snapshot: Snapshot, policy: Policy, measured: Measured, record: UsageRecord, now: float
) -> Evidence:
    """Everything that the policy's rules judge by. Raises :class:`InvalidRequest` where it is doubtful what a disk target measures.

    Times cost one request for each image or container, and registries one for each candidate, and only where a rule
    asks for them.
    """
    tagged = _tag_times(engine, snapshot, now) if policy.needs_tag_times else {}
    active = _active_times(engine, snapshot) if policy.needs_use else {}
    record, trouble = with_replay(engine, snapshot, record, now) if policy.needs_use else (record, None)
    evidence = dataclasses.replace(
        weigh(snapshot, policy, tagged, active, record, now),
        images_size=measured.images_size,
        file_system=without_doubt(measured.file_system),
        notices=() if trouble is None else (trouble,),
    )
    if not policy.needs_registries:
        return evidence
    store = store_kind(engine.facts)
    names = {image.id: store.names_in_registries(image) for image in images_to_verify(snapshot, policy, evidence)}
    return dataclasses.replace(evidence, answers=ask_registries(names, engine.ask_registry))


def with_replay(engine: Engine, snapshot: Snapshot, record: UsageRecord, now: float) -> tuple[UsageRecord, str | None]:
    """The record with what the Engine still replays of uses, for one request; and why, where it does not show its events."""
    replayed, trouble = read_replay(engine, snapshot, record.watched, now)
    return record.noted(replayed.used, now, replayed.watched), trouble


def read_events(engine: Engine, now: float) -> None:
    """Read what the Engine still shows of uses before removals push it out; who asks for it later gets it, or why it failed."""
    with contextlib.suppress(EngineError, EngineUnavailable):
        engine.replayed_events(_until(engine, now))


def _until(engine: Engine, now: float) -> float:
    return now if engine.clock is None else engine.clock


def read_replay(engine: Engine, snapshot: Snapshot, covered: Watched | None, now: float) -> tuple[Replay, str | None]:
    """What the Engine still replays of uses, for one request; nothing, and why, where it does not show its events."""
    until = _until(engine, now)
    try:
        return replay(engine.replayed_events(until), snapshot, until, covered), None
    except (EngineError, EngineUnavailable) as exc:
        trouble = f"uses of removed containers are not known, because the Engine shows no events: {exc}"
        return Replay({}, Watched(until, until)), trouble


def measure(engine: Engine, policy: Policy, docker_host: str) -> Measured:
    """What the policy's target is held against."""
    target = policy.target
    minds_disk = target is not None and target.minds_disk
    return Measured(
        _images_size(engine) if target is not None and target.total_size is not None else None,
        read_file_system(docker_host, engine.facts, target.disk_path) if target is not None and minds_disk else None,
    )


def _images_size(engine: Engine) -> int | None:
    """The bytes of all images, without the build cache that some Engines add to them."""
    usage = engine.disk_usage("image")
    if usage is None or usage.images is None:
        return None
    if not engine.facts.counts_build_cache:
        return usage.images.size
    cached = engine.disk_usage("build-cache")
    if cached is None or cached.build_cache is None:
        return None
    # A record's size has its blobs too, which are not in the total: rather too few bytes of images are counted than too many.
    return max(usage.images.size - cached.build_cache.size, 0)


def save(engine: Engine, earlier: Iterable[Mapping[str, t.Any]], place: Place, now: float) -> SavedSnapshot:
    """Everything that any policy asks for: two requests for each image, and one for each container.

    ``earlier`` are results of tasks that check mode only predicted, after which a policy would run.
    """
    present = engine.read()
    measured = Measured(
        _images_size(engine),
        read_file_system(place.docker_host, engine.facts, place.disk_path),
    ).after(predicted_bytes(present, earlier), counted_share(present))
    record, notice = load(place.usage_file, engine.facts.id)
    layered = engine.with_layers(present)
    listed = {image.id: image.unpacked for image in present.images}
    images = (dataclasses.replace(image, unpacked=listed[image.id]) for image in layered.images)
    snapshot = after_results(dataclasses.replace(layered, images=tuple(images)), earlier)
    record, trouble = with_replay(engine, snapshot, used_until_removed(record, earlier, now), now)
    return SavedSnapshot(
        taken=now,
        snapshot=snapshot,
        tagged=_tag_times(engine, snapshot, now),
        active=_active_times(engine, snapshot),
        images_size=measured.images_size,
        file_system=measured.file_system,
        record=record,
        notice="; ".join(text for text in (notice, trouble) if text) or None,
    )


def _tag_times(engine: Engine, snapshot: Snapshot, now: float) -> dict[str, float]:
    """When images were last tagged, where the Engine shows it. One whose inspection fails counts as tagged now: what is unknown keeps."""

    def tagged(image_id: str) -> float | None:
        try:
            found = engine.inspect_image(image_id)
        except EngineError:
            return now
        return None if found is None else found.tagged

    ids = [image.id for image in snapshot.images]
    return {image_id: time for image_id, time in zip(ids, several(tagged, ids)) if time is not None}


def _active_times(engine: Engine, snapshot: Snapshot) -> dict[str, float | None]:
    """When containers last started or finished; unknown of one whose inspection fails."""
    ids = [container.id for container in snapshot.containers]
    inspected = several(engine.try_to_inspect_container, ids)
    return {key: found.last_active for key, found in zip(ids, inspected) if found is not None}


def predicted_bytes(present: Snapshot, earlier: Iterable[Mapping[str, t.Any]]) -> int:
    """The bytes that earlier tasks would have set free by removals that check mode only predicted."""
    there = {image.id for image in present.images}
    return sum(
        result.get("space_expected", result.get("space_reclaimed")) or 0
        for result in earlier
        if there.intersection(result.get("deleted") or ())
    )

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""C(build_cache_prune) without Ansible: from its options to its result."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.builds import Builds, read_records
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.execute import carry_out
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import (
    Cache,
    own_size,
    plan_prune,
    rivals_of,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.shares import Layers, still_shared
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import read_file_system, without_doubt
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import several
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report
from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import after_results
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Image, Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import CacheRecord
    from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import Rest, Rivals


@dataclasses.dataclass(frozen=True)
class Stage:
    """A pruning of the build cache that was asked for. ``docker_host`` says whether its file system can be measured from here.

    ``rest`` is what images left of a target that they share with the build cache.
    """

    request: Request
    docker_host: str
    details: str
    rest: Rest | None = None

    @classmethod
    def parse(cls, params: Mapping[str, t.Any]) -> Stage:
        """Read all options before any request. Raises :class:`InvalidRequest`."""
        return cls(Request.parse(params), params["docker_host"], params["details"])

    def run(
        self,
        engine: Engine,
        snapshot: Snapshot | None,
        now: float,
        check_mode: bool,
        earlier: Sequence[Mapping[str, t.Any]],
    ) -> Report:
        """Plan and carry out. The records are read anew, for ``snapshot`` has no more than their number and bytes.

        ``earlier`` are results that a prediction builds on: bytes that are freed before this, and images that no longer
        share layers.
        """
        cache, unclear = self._cache(engine, snapshot, now, earlier)
        outcome = carry_out(
            plan_prune(cache, self.request, now, self.rest), engine, check_mode, progress=engine.progress
        )
        if outcome.left is not None and not check_mode:
            outcome = outcome._replace(left=outcome.left._replace(file_system=self._file_system(engine)))
        result = report(outcome, engine.facts, now, self.details)
        texts = warnings(outcome, result)
        if unclear and (self.request.remove.unused or self.request.target is not None):
            texts.append(
                f"the Engine does not report which images share {unclear} of the build cache records: a real run may remove"
                " those of the images that are removed before"
            )
        return Report(result, texts)

    def rivals(
        self, engine: Engine, snapshot: Snapshot, now: float, earlier: Sequence[Mapping[str, t.Any]], order: str
    ) -> tuple[Rivals, frozenset[str]]:
        """What could be removed instead of images, for a target that they share, and the records that images share."""
        cache, _unclear = self._cache(engine, snapshot, now, earlier)
        shared = frozenset(record.id for record in cache.records if record.shared)
        return rivals_of(cache, self.request, now, order), shared

    def _cache(
        self, engine: Engine, snapshot: Snapshot | None, now: float, earlier: Sequence[Mapping[str, t.Any]]
    ) -> tuple[Cache, int]:
        """The cache as the earlier stages leave it, and of how many records it is not clear whether an image would share them."""
        listed, are_running = read_records(engine.build_cache, now)
        records, unclear = _as_left(engine, snapshot, listed, earlier)
        freed = sum(result.get("space_expected", result.get("space_reclaimed")) or 0 for result in earlier)
        # What an image no longer shares is not free before its record is removed.
        held = sum(map(own_size, records)) - sum(map(own_size, listed))
        cache = Cache(records, without_doubt(self._file_system(engine)), Builds.of(engine.facts, are_running))
        return cache.after(max(freed - held, 0)), unclear

    def _file_system(self, engine: Engine) -> FileSystem | None:
        target = self.request.target
        if target is None or not target.minds_disk:
            return None
        return read_file_system(self.docker_host, engine.facts, target.disk_path)


def _as_left(
    engine: Engine,
    snapshot: Snapshot | None,
    records: tuple[CacheRecord, ...],
    earlier: Sequence[Mapping[str, t.Any]],
) -> tuple[tuple[CacheRecord, ...], int]:
    """The records as they would be after the earlier stages, and of how many it is not clear whether an image would share them.

    Only where some images would be deleted, and others stay, their layers are read: two requests an image.
    """
    shared = sum(record.shared for record in records)
    deleted = {image_id for result in earlier for image_id in result.get("deleted") or ()}
    if snapshot is None or not shared or not deleted & {image.id for image in snapshot.images}:
        return records, 0
    after = after_results(snapshot, earlier).images
    known = {image.id for image in snapshot.images}
    # An image that a container would be committed to has all layers of its parent.
    left = {image.id if image.id in known else image.parent for image in after}
    layers = several(lambda image: _layers_of(engine, image), snapshot.images if left else ())
    if any(found is None for found in layers):
        return records, shared
    holds_build_cache = store_kind(engine.facts).holds_build_cache
    verdicts = still_shared(records, [found for found in layers if found is not None], left, holds_build_cache)
    as_left = tuple(
        dataclasses.replace(record, shared=False) if not left or verdicts.get(record.id) is False else record
        for record in records
    )
    return as_left, sum(verdict is None for verdict in verdicts.values()) if left else 0


def _layers_of(engine: Engine, image: Image) -> Layers | None:
    """What records can share of an image; ``None`` when the Engine does not show it."""
    try:
        inspected, steps = engine.inspect_image(image.id), engine.image_history(image.id)
    except EngineError:
        return None
    if inspected is None or steps is None:
        return None
    content = None if image.unpacked is None else max(image.size - image.unpacked, 0)
    return Layers(image.id, inspected.layers, steps, content)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""C(build_cache_prune) without Ansible: from its options to its result."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.execute import carry_out
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.plan import Cache, plan_prune
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import Request
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import read_file_system, without_doubt
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot


@dataclasses.dataclass(frozen=True)
class Stage:
    """A pruning of the build cache that was asked for. ``docker_host`` says whether its file system can be measured from here."""

    request: Request
    docker_host: str
    details: str

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
        freed = sum(result.get("space_reclaimed") or 0 for result in earlier)
        records = engine.build_cache()
        gone = _deleted_images(snapshot, earlier)
        if snapshot is not None and gone and len(gone) == len(snapshot.images):
            records = tuple(dataclasses.replace(record, shared=False) for record in records)
        cache = Cache(records, without_doubt(self._file_system(engine))).after(freed)
        outcome = carry_out(plan_prune(cache, self.request, now), engine, check_mode)
        if outcome.left is not None and not check_mode:
            outcome = outcome._replace(left=outcome.left._replace(file_system=self._file_system(engine)))
        result = report(outcome, engine.facts, now, self.details)
        texts = warnings(outcome, result)
        shared = sum(record.shared for record in records)
        if gone and shared and self.request.remove.unused:
            texts.append(
                f"the Engine does not report which images share {shared} of the build cache records: a real run may remove"
                " those of the images that are removed before"
            )
        return Report(result, texts)

    def _file_system(self, engine: Engine) -> FileSystem | None:
        target = self.request.target
        if target is None or not target.minds_disk:
            return None
        return read_file_system(self.docker_host, engine.facts, target.disk_path)


def _deleted_images(snapshot: Snapshot | None, earlier: Sequence[Mapping[str, t.Any]]) -> frozenset[str]:
    """The images that earlier stages of a chain would have deleted."""
    deleted = frozenset(image_id for result in earlier for image_id in result.get("deleted") or ())
    return frozenset(image.id for image in snapshot.images if image.id in deleted) if snapshot is not None else deleted

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a policy reads of an Engine beyond the snapshot, each only when a rule asks for it. Nothing here changes anything."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import FileSystem, read_file_system
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.registries import ask_registries
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import (
    Evidence,
    last_used,
    seen_in_use,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.plan import images_to_verify
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.engine import UsageEngine
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.usage import Moments, parse_moments

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import Policy
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord

_WORKERS = 8
#: Seconds for one registry to answer.
_REGISTRY_TIMEOUT = 15


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a target is held against; ``None`` for what it does not ask for or what cannot be known."""

    images_size: int | None = None
    file_system: FileSystem | None = None

    def after(self, freed: int) -> Measured:
        """The same when so many bytes are gone."""
        if not freed:
            return self
        size, disk = self.images_size, self.file_system
        return Measured(
            None if size is None else max(size - freed, 0),
            None if disk is None else disk._replace(used=max(disk.used - freed, 0), free=disk.free + freed),
        )


class PolicyEngine(UsageEngine):
    """An Engine that a policy is planned for."""

    def gather(
        self, snapshot: Snapshot, policy: Policy, measured: Measured, record: UsageRecord, now: float
    ) -> Evidence:
        """Everything that the policy's rules judge by.

        Times cost one request for each image or container, and registries one for each candidate, and only where a rule
        asks for them.
        """
        moments = self._read_moments(snapshot, policy)
        tagged = {image_id: time for image_id, time in moments.tagged.items() if time is not None}
        seen = record.seen((image.id for image in snapshot.images), seen_in_use(snapshot, moments.used, now), now)
        evidence = Evidence(
            now=now,
            tagged=tagged,
            used=last_used(snapshot, tagged, seen) if policy.needs_use else {},
            images_size=measured.images_size,
            file_system=measured.file_system,
            record=seen,
        )
        if not policy.needs_registries:
            return evidence
        candidates = images_to_verify(snapshot, policy, evidence)
        return dataclasses.replace(evidence, answers=ask_registries(candidates, self.facts.store, self._ask_registry))

    def measure(self, policy: Policy, docker_host: str) -> Measured:
        """What the policy's target is held against."""
        target = policy.target
        usage = self.read_images_usage() if target is not None and target.total_size is not None else None
        minds_disk = target is not None and target.minds_disk
        return Measured(
            None if usage is None else usage.images.size,
            read_file_system(docker_host, self.facts) if minds_disk else None,
        )

    def measure_after(
        self, policy: Policy, docker_host: str, before: Measured, freed: int, check_mode: bool
    ) -> Measured:
        """What a real run has reached, or what check mode foretells: the bytes that the plan frees at least."""
        return before.after(freed) if check_mode else self.measure(policy, docker_host)

    def _read_moments(self, snapshot: Snapshot, policy: Policy) -> Moments:
        images = [image.id for image in snapshot.images] if policy.needs_tag_times else []
        containers = [container.id for container in snapshot.containers] if policy.needs_use else []
        return parse_moments(
            self._inspect("/images/{0}/json", images), self._inspect("/containers/{0}/json", containers)
        )

    def _inspect(self, path: str, ids: Iterable[str]) -> Mapping[str, Mapping[str, t.Any]]:
        ids = list(ids)
        with concurrent.futures.ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            found = pool.map(lambda key: self._get_or_none(path, key), ids)
            return {key: raw for key, raw in zip(ids, found) if raw is not None}

    def _ask_registry(self, name: str) -> object:
        return self._transport.ask_registry(name, _REGISTRY_TIMEOUT)


def foretold_bytes(present: Snapshot, earlier: Iterable[Mapping[str, t.Any]]) -> int:
    """The bytes that earlier tasks would have set free by removals that check mode only foretold."""
    there = {image.id for image in present.images}
    return sum(
        result.get("space_reclaimed") or 0 for result in earlier if there.intersection(result.get("deleted") or ())
    )

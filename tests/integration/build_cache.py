# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The build cache of an Engine for tests: builds that fill it, and its records, straight from the API."""

from __future__ import annotations

import json
import time
import typing as t

from tests.lab import state

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import APIClient

#: Seconds without a change after which a cache has settled: what a build used is let go of a moment after its end.
_CALM = 0.6
FILES = {"a": b"a" * 30_000, "b": b"b" * 5_000}
COPY = "COPY a /a\n"
RUN = 'RUN ["/bin/busybox", "cp", "/a", "/copied"]\n'
MOUNT = 'RUN --mount=type=cache,target=/mounted ["/bin/busybox", "cp", "/a", "/mounted/a"]\n'


def build(
    client: APIClient, steps: str = COPY + RUN + MOUNT, reference: str | None = "built:1", cache: bool = False
) -> str:
    """Build on C(base:1), which is imported if it is not there, and wait until the cache has settled."""
    if not client.images("base:1"):
        state.import_image(client, "base:1")
    made = state.buildkit(client, f"FROM base:1\n{steps}", reference, files=FILES, cache=cache)
    settled(client)
    return made


def settled(client: APIClient, seconds: float = 30) -> dict[str, dict[str, t.Any]]:
    """The records by ID, as soon as they have not changed for a while."""
    deadline, calm_since = time.monotonic() + seconds, time.monotonic()
    last = listed(client)
    while time.monotonic() < deadline:
        time.sleep(0.1)
        found = listed(client)
        if found != last:
            last, calm_since = found, time.monotonic()
        elif time.monotonic() - calm_since > _CALM:
            return found
    raise AssertionError("the build cache does not settle")


def listed(client: APIClient) -> dict[str, dict[str, t.Any]]:
    """The records by ID, as the Engine lists them."""
    return {record["ID"]: record for record in state.build_cache(client)}


def parents(record: Mapping[str, t.Any]) -> list[str]:
    """The IDs of the records that it builds on."""
    return [name for name in [*(record.get(" Parents") or []), record.get("Parent")] if name]


def prune(client: APIClient, all_records: bool = True, **filters: str) -> dict[str, t.Any]:
    """C(POST /build/prune), as the Docker CLI sends it: C(deleted), a set of IDs, and C(space)."""
    query = {"all": int(all_records), "filters": json.dumps({name: [value] for name, value in filters.items()})}
    response = client._post(client._url("/build/prune"), params=query)
    client._raise_for_status(response)
    answer = response.json()
    return {"deleted": set(answer["CachesDeleted"] or []), "space": answer["SpaceReclaimed"]}

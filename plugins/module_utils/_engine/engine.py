# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The Engine: the verbs that this collection needs, and their one implementation on the Docker SDK for Python."""

from __future__ import annotations

import json
import time
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    EngineFacts,
    Snapshot,
    parse_build_cache,
    parse_containers,
    parse_facts,
    parse_images,
    with_dated_mounts,
    with_folders,
    with_layers,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    InvalidRequest,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Image
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.transport import Transport

#: The newest API version that the tests have run against; a newer Engine is spoken to in this one.
HIGHEST_TESTED_API = (1, 51)
#: The listing tells shared sizes from this version on (``api/docs/CHANGELOG.md``).
_SHARED_SIZE_API = (1, 42)
#: The listing tells what is unpacked on the containerd store from this version on.
_MANIFESTS_API = (1, 47)
#: How often to ask an Engine that is busy, and the pause between, in seconds.
_ATTEMPTS = 10
_PAUSE = 0.5
#: Seconds that an Engine may take to make an archive.
_SAVE_TIMEOUT = 3600


class Engine(t.Protocol):
    """What the executor needs of an Engine."""

    def inspect_image(self, name: str) -> Mapping[str, t.Any] | None:
        """``GET /images/NAME/json``, or ``None`` when it is not there."""

    def remove_image(self, name: str, force: bool, prune_parents: bool) -> list[dict[str, str]]:
        """``DELETE /images/NAME``: the Engine's lines. Raises :class:`EngineError`."""

    def list_images(self) -> list[dict[str, t.Any]]:
        """``GET /images/json`` with ``all``."""

    def list_containers(self) -> list[dict[str, t.Any]]:
        """``GET /containers/json`` with ``all``."""


class DockerEngine:
    """An Engine behind a transport, in an API version that both know."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        version = t.cast("dict[str, t.Any]", transport.get("/version", versioned=False))
        self.api = _negotiate(version, transport.wanted_version)
        transport.use_version(_text(self.api))
        self.facts: EngineFacts = parse_facts(version, self._get("/info"), _text(self.api))

    def inspect_image(self, name: str) -> dict[str, t.Any] | None:
        return t.cast("dict[str, t.Any] | None", self._get_or_none("/images/{0}/json", name))

    def remove_image(self, name: str, force: bool, prune_parents: bool) -> list[dict[str, str]]:
        query = {"force": int(force), "noprune": int(not prune_parents)}
        return t.cast("list[dict[str, str]]", self._transport.delete("/images/{0}", name, query=query) or [])

    def save_images(self, names: Sequence[str]) -> Iterator[bytes]:
        """``GET /images/get``: an archive as C(docker load) takes it, in chunks. Engines make it whole before they send it."""
        return self._transport.stream("/images/get", query={"names": list(names)}, timeout=_SAVE_TIMEOUT)

    def list_images(self) -> list[dict[str, t.Any]]:
        query = {"all": 1}
        if self.api >= _SHARED_SIZE_API:
            query["shared-size"] = 1
        if self.api >= _MANIFESTS_API and self.facts.store == CONTAINERD:
            query["manifests"] = 1
        return t.cast("list[dict[str, t.Any]]", self._get_when_calm("/images/json", query))

    def list_containers(self) -> list[dict[str, t.Any]]:
        return t.cast("list[dict[str, t.Any]]", self._get_when_calm("/containers/json", {"all": 1}))

    def read(
        self, filters: Mapping[str, tuple[str, ...]] | None = None, layers: bool = False, option: str = "filters"
    ) -> Snapshot:
        """Everything that a plan is made from, in a number of requests that does not depend on the number of images.

        ``filters`` are asked of the Engine itself; ``option`` is where a task has them, for messages. Only ``layers`` costs
        two requests an image, and each container with image mounts costs one, and one for each mount.

        Raises :class:`InvalidRequest` for a filter that names no image.
        """
        store = self.facts.store
        listed = self.list_images()
        dangling = self._list_matching({"dangling": ["true"]}) if store == CONTAINERD else []
        disk_usage = self._disk_usage()
        images = parse_images(_with_shared_sizes(listed, disk_usage), dangling, store)
        containers = tuple(map(self._with_dated_mounts, parse_containers(self.list_containers())))
        if layers:
            images = tuple(image for image in map(self._with_layers, images) if image is not None)
            present = {image.id for image in images}
            containers = tuple(c if c.image_id in present else self._with_folders(c) for c in containers)
        return Snapshot(
            engine=self.facts,
            images=images,
            containers=containers,
            matched_by_engine={
                key: frozenset(raw["Id"] for raw in self._list_compared(key, values, option))
                for key, values in (filters or {}).items()
            },
            build_cache=parse_build_cache(disk_usage),
        )

    def _list_matching(self, filters: Mapping[str, list[str]]) -> list[dict[str, t.Any]]:
        query = {"all": 1, "filters": json.dumps(filters)}
        return t.cast("list[dict[str, t.Any]]", self._get_when_calm("/images/json", query))

    def _list_compared(self, key: str, names: tuple[str, ...], option: str) -> list[dict[str, t.Any]]:
        """The images created before or since others, which the Engine alone can compare exactly."""
        try:
            return self._list_matching({key: list(names)})
        except EngineError as exc:
            if exc.status in (400, 404):
                raise InvalidRequest(
                    f"{option}.{key}: {', '.join(names)!r} names no image here: {exc.explanation}"
                ) from exc
            raise

    def _disk_usage(self) -> dict[str, t.Any] | None:
        """What BuildKit holds; older Engines cannot tell that alone, and tell shared sizes nowhere else."""
        return self._add_up({"type": "build-cache"} if self.api >= _SHARED_SIZE_API else {})

    def _add_up(self, query: Mapping[str, t.Any]) -> dict[str, t.Any] | None:
        """``GET /system/df``; ``None`` when the Engine cannot tell, or is too slow: only sizes are unknown then."""
        try:
            return t.cast("dict[str, t.Any]", self._get_when_calm("/system/df", query))
        except (EngineError, EngineUnavailable):
            return None

    def _get_when_calm(self, path: str, query: Mapping[str, t.Any]) -> t.Any:
        """Ask again while something that is listed goes away, or while the Engine does the same for somebody else.

        The containerd store answers 404 when an image goes under it. 20.10 refuses to add its disk usage up twice at a time.
        A filter that names no image is told at once.
        """
        for _attempt in range(_ATTEMPTS - 1):
            try:
                return self._get(path, query=query)
            except EngineError as exc:
                goes_away = exc.status == 404 and "no such image" not in exc.explanation.lower()
                if not goes_away and "already running" not in exc.explanation:
                    raise
            time.sleep(_PAUSE)
        return self._get(path, query=query)

    def _with_layers(self, image: Image) -> Image | None:
        """With its layers; ``None`` when the image went in the meantime."""
        if self.facts.store == CONTAINERD and image.unpacked is not None:
            return image
        raw = self.inspect_image(image.id)
        history = self._get_or_none("/images/{0}/history", image.id)
        return None if raw is None or history is None else with_layers(image, raw, history)

    def _with_dated_mounts(self, container: Container) -> Container:
        if not container.mounted_images:
            return container
        raw = self._get_or_none("/containers/{0}/json", container.id)
        mounted = {source: self.inspect_image(source) if source else None for source in container.mounted_images}
        return with_dated_mounts(container, raw or {}, mounted)

    def _with_folders(self, container: Container) -> Container:
        raw = self._get_or_none("/containers/{0}/json", container.id)
        return container if raw is None else with_folders(container, raw)

    def _get(self, path: str, *args: str, query: Mapping[str, t.Any] | None = None) -> t.Any:
        return self._transport.get(path, *args, query=query)

    def _get_or_none(self, path: str, *args: str) -> t.Any:
        try:
            return self._get(path, *args)
        except EngineError as exc:
            if exc.status == 404:
                return None
            raise


def _negotiate(version: Mapping[str, t.Any], wanted: str) -> tuple[int, int]:
    """The API version to speak: the one asked for, or the newest that the Engine knows and the tests have run against."""
    try:
        newest, oldest = _number(version.get("ApiVersion") or "1.24"), _number(version.get("MinAPIVersion") or "1.12")
    except (AttributeError, ValueError) as exc:
        raise EngineUnavailable(f"what answers at docker_host is no Docker Engine: its version is {version!r}") from exc
    chosen = min(newest, HIGHEST_TESTED_API) if wanted == "auto" else _number(wanted)
    if oldest <= chosen <= newest:
        return chosen
    spoken = f"the Engine {version.get('Version', '')} speaks API versions {_text(oldest)} to {_text(newest)}"
    if wanted == "auto":
        raise EngineUnavailable(
            f"{spoken}, and this collection up to {_text(HIGHEST_TESTED_API)}: update the collection,"
            f" or set api_version to {_text(oldest)} at your own risk"
        )
    raise EngineUnavailable(f"api_version: {wanted!r} is not to be had: {spoken}")


def _number(text: str) -> tuple[int, int]:
    major, _dot, minor = text.partition(".")
    return int(major), int(minor)


def _text(number: tuple[int, int]) -> str:
    return f"{number[0]}.{number[1]}"


def _with_shared_sizes(
    listed: list[dict[str, t.Any]], disk_usage: Mapping[str, t.Any] | None
) -> list[dict[str, t.Any]]:
    """On Engines that tell shared sizes only with the disk usage, the listing with these."""
    used = (disk_usage or {}).get("Images") or []
    shared = {raw["Id"]: raw["SharedSize"] for raw in used if raw.get("SharedSize", -1) >= 0}
    sizes = {raw["Id"]: raw.get("Size") or 0 for raw in listed}
    # The disk usage counts hidden parents out (getLayerRefs), and they hold all of their layers like any other image.
    return [
        {**raw, "SharedSize": max(shared[raw["Id"]], sizes.get(raw.get("ParentId") or "", 0))}
        if raw["Id"] in shared
        else raw
        for raw in listed
    ]

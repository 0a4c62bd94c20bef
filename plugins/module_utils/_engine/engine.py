# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The Engine: the verbs that this collection needs, on the transport. It decides nothing, and reads no field itself."""

from __future__ import annotations

import dataclasses
import json
import re
import time
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine import wire
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.journal import Journal
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.negotiation import (
    negotiate,
    refuse_unknown,
    text_of,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import at_once, several
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    Snapshot,
    dangling_reference,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    InvalidRequest,
    UnreadableAnswer,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._progress import Progress

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
        Container,
        EngineFacts,
        Image,
    )
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.transport import Transport

#: The listing shows shared sizes, and the disk usage can be asked for one kind, from this version on.
_SHARED_SIZE_API = (1, 42)
#: The listing shows what is unpacked on the containerd store from this version on.
_MANIFESTS_API = (1, 47)
#: How many names a filter of a listing has at the most, so that every proxy takes the length of the request.
_NAMES_AT_ONCE = 50
#: The disk usage is counted by the Engine, and lists nothing unless it is asked to, from this version on.
_COUNTING_API = (1, 52)
#: How often to ask an Engine that is busy, and the pause between, in seconds.
_ATTEMPTS = 10
_PAUSE = 0.5
#: Seconds without an answer after which a request is given up that may take much longer than to connect: what an Engine
#: does for it grows with its content, and a request that is given up goes on there unseen.
_LISTING_TIMEOUT = 300
_REMOVAL_TIMEOUT = 600
_SAVE_TIMEOUT = 3600
_COMMIT_TIMEOUT = 3600
#: Before the first event of any Engine, in Unix seconds; it replays nothing unless asked since when.
_EVER = 1.0
#: What an Engine answers that is not a manager of a Swarm, and a manager too that is not ready (daemon/cluster/cluster.go).
_NO_MANAGER, _STARTS = "is not a swarm manager", "Manager is being prepared"
#: Seconds for one registry to answer.
_REGISTRY_TIMEOUT = 15


class Engine:
    """An Engine behind a transport, in an API version that both know. It may be used by several threads at once."""

    def __init__(
        self, transport: Transport, log: Callable[[str], object] | None = None, progress: Progress | None = None
    ) -> None:
        self._transport = transport
        #: Where those who remove note how far they are.
        self.progress = progress or Progress()
        identity = _identity(transport)
        refuse_unknown(identity, transport.host)
        self.api = negotiate(identity, transport.wanted_version)
        transport.use_version(text_of(self.api))
        info = transport.get("/info")
        self.facts: EngineFacts = wire.parse_facts(identity, info, text_of(self.api))
        self._journal = Journal(log, transport.host)
        #: What its clock showed when it was asked; ``None`` where it did not say.
        self.clock = wire.parse_clock(info)
        self._replayed: tuple[wire.Event, ...] | None = None
        #: What an operator should know of how this Engine was found.
        self.notices = transport.notices

    @property
    def most_connections(self) -> int:
        """How many connections it takes at a time."""
        return self._transport.most_connections

    # Reading

    def list_images(self) -> tuple[Image, ...]:
        """``GET /images/json`` with ``all``: every image, intermediate ones too, without shared sizes."""
        return wire.parse_images(self._listing("/images/json", {"all": 1}), self.facts.store)

    def list_dangling(self) -> frozenset[str]:
        """The images that a dangling record keeps, beside their names too: on the containerd store."""
        return self._list_matching({"dangling": ["true"]})

    def list_containers(self) -> tuple[Container, ...]:
        """``GET /containers/json`` with ``all``."""
        return wire.parse_containers(self._listing("/containers/json", {"all": 1}))

    def list_containers_with_sizes(self) -> tuple[Container, ...]:
        """The same with the bytes of their writable layers; without these where the Engine cannot add them up."""
        try:
            return wire.parse_containers(self._listing("/containers/json", {"all": 1, "size": 1}))
        except (EngineError, EngineUnavailable):
            return self.list_containers()

    def find_container(self, container_id: str) -> Container | None:
        """One container as the listing shows it, or ``None`` when it is not there."""
        query = {"all": 1, "filters": json.dumps({"id": [container_id]})}
        found = wire.parse_containers(self._transport.get("/containers/json", query=query))
        return next((container for container in found if container.id == container_id), None)

    def inspect_image(self, name: str) -> wire.InspectedImage | None:
        """``GET /images/NAME/json``, or ``None`` when it is not there."""
        raw = self._get_or_none("/images/{0}/json", name)
        return None if raw is None else wire.parse_inspected_image(raw, self.facts.store)

    def inspect_container(self, container_id: str) -> wire.InspectedContainer | None:
        """``GET /containers/ID/json``, or ``None`` when it is not there."""
        raw = self._get_or_none("/containers/{0}/json", container_id)
        return None if raw is None else wire.parse_inspected_container(raw)

    def try_to_inspect_image(self, name: str) -> wire.InspectedImage | None:
        """The same, and ``None`` where the Engine fails it: what is unknown of one thing does not stop the rest."""
        return _unless_broken(self.inspect_image, name)

    def try_to_inspect_container(self, container_id: str) -> wire.InspectedContainer | None:
        """The same of a container, such as one that lost its read-write layer."""
        return _unless_broken(self.inspect_container, container_id)

    def image_history(self, name: str) -> tuple[wire.ImageStep, ...] | None:
        """``GET /images/NAME/history``: its steps from the base to the top, or ``None`` when it is not there."""
        raw = self._get_or_none("/images/{0}/history", name)
        return None if raw is None else wire.parse_history(raw)

    def disk_usage(self, kind: str | None = None) -> wire.DiskUsage | None:
        """``GET /system/df``; ``None`` when the Engine cannot say, or is too slow: only sizes are unknown then.

        ``kind`` is ``image``, ``container``, ``volume`` or ``build-cache``, and leaves the rest out where the Engine can;
        without it, all four are read.
        """
        try:
            return self._disk_usage(kind)
        except (EngineError, EngineUnavailable):
            return None

    def replayed_events(self, until: float) -> tuple[wire.Event, ...]:
        """What it still shows of the time until then; read once, since each removal pushes an old event out."""
        if self._replayed is None:
            self._replayed = tuple(self.events(_EVER, until))
        return self._replayed

    def events(self, since: float, until: float) -> Iterator[wire.Event]:
        """``GET /events``: what the Engine replays of its last 256 since then, and what happens until then, as it happens.

        The end is in the Engine's own time. An answer that is not cut into lines as it should be raises :class:`EngineError`.
        """
        query = {"since": f"{since:.9f}", "until": f"{until:.9f}"}
        rest = b""
        for chunk in self._transport.stream("/events", query=query, as_it_comes=True):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (wire.parse_event(_decoded(line)) for line in lines if line.strip())
        if rest.strip():
            yield wire.parse_event(_decoded(rest))

    def services(self) -> tuple[wire.Service, ...] | None:
        """``GET /services``; ``None`` where the Engine is not a manager of a Swarm.

        Raises :class:`EngineError` of a manager that cannot say: one that is locked, starts, or has lost the others.
        """
        try:
            return wire.parse_services(self._transport.get("/services"))
        except EngineError as exc:
            is_refused = exc.status == 503 and _NO_MANAGER in exc.explanation and _STARTS not in exc.explanation
            if is_refused and wire.swarm_is_settled(self._transport.get("/info")):
                return None
            raise

    def build_cache(self) -> tuple[wire.CacheRecord, ...]:
        """The records of the build cache. Raises :class:`EngineError` when the Engine does not list them."""
        records = self._disk_usage("build-cache").records
        if records is None:
            raise UnreadableAnswer("the disk usage lists no build cache")
        return records

    def ask_registry(self, name: str) -> None:
        """``GET /distribution/NAME/json``: the Engine asks the registry. Raises unless it has the image."""
        self._transport.ask_registry(name, _REGISTRY_TIMEOUT)

    def save_images(self, names: Sequence[str]) -> Iterator[bytes]:
        """``GET /images/get``: an archive as C(docker load) takes it, in chunks. Engines make it whole before they send it."""
        return self._transport.stream("/images/get", query={"names": list(names)}, timeout=_SAVE_TIMEOUT)

    def read(
        self, filters: Mapping[str, tuple[str, ...]] | None = None, layers: bool = False, option: str = "filters"
    ) -> Snapshot:
        """Everything that a plan is made from, in a number of requests that does not depend on the number of images.

        ``filters`` are asked of the Engine itself; ``option`` is where a task has them, for messages. Only ``layers`` costs
        two requests an image, and each container with image mounts costs one, and one for each mount.

        Raises :class:`InvalidRequest` for a filter that names no image.
        """
        filters = dict(filters or {})
        images, containers, usage, *matched = at_once(
            self._list_with_sizes,
            self.list_containers,
            lambda: self.disk_usage("build-cache"),
            *(lambda key=key: self._list_compared(key, filters[key], option) for key in filters),
        )
        if self.api < _SHARED_SIZE_API and usage is not None:
            images = wire.with_shared_sizes(images, usage.shared)
        self._journal.know(images, containers)
        snapshot = Snapshot(
            engine=self.facts,
            images=images,
            containers=tuple(several(self._with_dated_mounts, containers)),
            matched_by_engine=dict(zip(filters, matched)),
            build_cache=wire.build_cache_of(usage),
        )
        return self.with_layers(snapshot) if layers else snapshot

    def with_layers(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the layers of its images, without those that were removed in the meantime: two requests an image."""
        images = tuple(image for image in several(self._with_layers, snapshot.images) if image is not None)
        present = {image.id for image in images}
        containers = several(lambda c: c if c.image_id in present else self._with_directories(c), snapshot.containers)
        return dataclasses.replace(snapshot, images=images, containers=tuple(containers))

    # Changing. All but images by name are addressed by their whole ID.

    def remove_image(self, name: str, force: bool, prune_parents: bool) -> wire.Removed:
        """``DELETE /images/NAME``: what the Engine says it removed. Raises :class:`EngineError`."""
        query = {"force": int(force), "noprune": int(not prune_parents)}

        def ask() -> wire.Removed:
            return wire.parse_removed(
                self._transport.delete("/images/{0}", name, query=query, timeout=_REMOVAL_TIMEOUT)
            )

        return self._journal.change("remove image", [name], ask, _removed)

    def stop_container(self, container_id: str, seconds: int | None, patience: int | None) -> None:
        """``POST /containers/ID/stop``; ``seconds`` of ``None`` leave the time to the container.

        ``patience`` is how long the container may take by its own configuration. Where neither says it, the daemon's
        ``default-stop-timeout`` counts, which no answer shows; a container without an end is waited for as long.
        """
        known = patience if seconds is None else seconds
        query = {} if seconds is None else {"t": seconds}
        timeout = _REMOVAL_TIMEOUT + max(known or 0, 0)

        def ask() -> None:
            wire.parse_done(self._transport.post("/containers/{0}/stop", container_id, query=query, timeout=timeout))

        self._journal.change("stop container", [container_id], ask, _done)

    def kill_container(self, container_id: str, signal: str) -> None:
        """``POST /containers/ID/kill``: answered when the signal is sent, not when the container has ended."""

        def ask() -> None:
            wire.parse_done(self._transport.post("/containers/{0}/kill", container_id, query={"signal": signal}))

        self._journal.change(f"send {signal} to container", [container_id], ask, _done)

    def commit_container(self, container_id: str, repository: str, tag: str) -> str:
        """``POST /commit``: the ID of the image. The Engine pauses the container, and answers when the layer is written."""
        query = {"container": container_id, "repo": repository, "tag": tag}

        def ask() -> str:
            return wire.parse_committed(self._transport.post("/commit", query=query, timeout=_COMMIT_TIMEOUT))

        return self._journal.change(f"commit to {repository}:{tag} container", [container_id], ask, str)

    def remove_container(self, container_id: str, force: bool, volumes: bool) -> None:
        """``DELETE /containers/ID``."""
        query = {"force": int(force), "v": int(volumes)}

        def ask() -> None:
            wire.parse_done(
                self._transport.delete("/containers/{0}", container_id, query=query, timeout=_REMOVAL_TIMEOUT)
            )

        self._journal.change("remove container", [container_id], ask, _done)

    def prune_build_cache(self, ids: Sequence[str], all_records: bool) -> wire.PrunedCache:
        """``POST /build/prune`` of exactly these records; ``all_records`` reaches internal, frontend and shared ones too.

        The Engine searches the filter in each ID as a regular expression, so that it is anchored.
        """
        if not ids:
            return wire.PrunedCache()
        pattern = f"^({'|'.join(map(re.escape, ids))})$"
        query = {"all": int(all_records), "filters": json.dumps({"id": [pattern]})}

        def ask() -> wire.PrunedCache:
            return wire.parse_pruned_cache(self._transport.post("/build/prune", query=query, timeout=_REMOVAL_TIMEOUT))

        return self._journal.change("remove build cache", ids, ask, _pruned)

    # How

    def _list_with_sizes(self) -> tuple[Image, ...]:
        """Every image with its shared size, and what is unpacked of it; without these where the Engine cannot add them up."""
        query: dict[str, t.Any] = {"all": 1}
        if self.api >= _SHARED_SIZE_API:
            query["shared-size"] = 1
        if self.api >= _MANIFESTS_API and self.facts.store == CONTAINERD:
            query["manifests"] = 1
        listed, dangling = at_once(lambda: self._sized_listing(query), self._list_dangling)
        images = wire.parse_images(listed, self.facts.store, dangling, self._partial_architecture())
        return self._with_record_parents(images, dangling)

    def _partial_architecture(self) -> str | None:
        return self.facts.architecture if self.facts.lists_partial_images else None

    def _sized_listing(self, query: Mapping[str, t.Any]) -> t.Any:
        try:
            return self._listing("/images/json", query)
        except (EngineError, EngineUnavailable):
            if "shared-size" not in query:
                raise
            return self._listing("/images/json", {"all": 1})

    def _list_dangling(self) -> dict[str, str]:
        """The parents that dangling records name, by image ID."""
        return self._list_parents({"dangling": ["true"]}) if self.facts.store == CONTAINERD else {}

    def _with_record_parents(self, images: tuple[Image, ...], dangling: Mapping[str, str]) -> tuple[Image, ...]:
        """The images with what each of their names has for a parent: the listing shows that of the last name only.

        Names are asked for by a filter, one name of each image at a time, and only where images have parents at all: they
        were committed, or built by the classic builder.
        """
        if not any(image.parent for image in images) and not any(dangling.values()):
            return images
        asked = [
            [references[rank] for references in (image.references[:-1] for image in images) if rank < len(references)]
            for rank in range(max(len(image.references) for image in images) - 1)
        ]
        batches = [names[i : i + _NAMES_AT_ONCE] for names in asked for i in range(0, len(names), _NAMES_AT_ONCE)]
        answers = several(lambda names: self._list_parents({"reference": [ref.familiar for ref in names]}), batches)
        listed = {ref: answer for names, answer in zip(batches, answers) for ref in names}
        return tuple(
            wire.with_record_parents(
                image,
                {
                    **{ref: listed[ref].get(image.id, image.parent) for ref in image.references[:-1]},
                    **dict.fromkeys(image.references[-1:], image.parent),
                    **({dangling_reference(image.id): dangling[image.id]} if image.id in dangling else {}),
                },
            )
            for image in images
        )

    def _list_parents(self, filters: Mapping[str, list[str]]) -> dict[str, str]:
        return wire.parse_parents(self._listing("/images/json", {"all": 1, "filters": json.dumps(filters)}))

    def _list_matching(self, filters: Mapping[str, list[str]]) -> frozenset[str]:
        return wire.parse_ids(self._listing("/images/json", {"all": 1, "filters": json.dumps(filters)}))

    def _list_compared(self, key: str, names: tuple[str, ...], option: str) -> frozenset[str]:
        """The images created before or since others, which the Engine alone can compare exactly."""
        try:
            return self._list_matching({key: list(names)})
        except EngineError as exc:
            if exc.status in (400, 404):
                raise InvalidRequest(
                    f"{option}.{key}: {', '.join(names)!r} names no image here: {exc.explanation}"
                ) from exc
            raise

    def _disk_usage(self, kind: str | None) -> wire.DiskUsage:
        query: dict[str, t.Any] = {}
        if kind is not None and self.api >= _SHARED_SIZE_API:
            query["type"] = kind
        if self.api >= _COUNTING_API:
            query["verbose"] = 1
        usage = wire.parse_disk_usage(self._get_when_calm("/system/df", query))
        return usage if "type" not in query else wire.only(query["type"], usage)

    def _listing(self, path: str, query: Mapping[str, t.Any]) -> t.Any:
        return self._get_when_calm(path, query, timeout=_LISTING_TIMEOUT)

    def _get_when_calm(self, path: str, query: Mapping[str, t.Any], timeout: float | None = None) -> t.Any:
        """Ask again while something that is listed goes away, or while the Engine does the same for somebody else.

        The containerd store answers 404 when an image goes under it. 20.10 refuses to add its disk usage up twice at a time.
        A filter that names no image is told at once.
        """
        for _attempt in range(_ATTEMPTS - 1):
            try:
                return self._transport.get(path, query=query, timeout=timeout)
            except EngineError as exc:
                goes_away = exc.status == 404 and "no such image" not in exc.explanation.lower()
                if not goes_away and "already running" not in exc.explanation:
                    raise
            time.sleep(_PAUSE)
        return self._transport.get(path, query=query, timeout=timeout)

    def _with_layers(self, image: Image) -> Image | None:
        """With its layers where the Engine shows them; ``None`` when the image was removed in the meantime."""
        try:
            inspected, steps = self.inspect_image(image.id), self.image_history(image.id)
        except EngineError:
            return image
        return None if inspected is None or steps is None else wire.with_layers(image, inspected, steps)

    def _with_dated_mounts(self, container: Container) -> Container:
        if not container.mounted_images:
            return container
        inspected = self.try_to_inspect_container(container.id)
        mounted = {source: self.try_to_inspect_image(source) if source else None for source in container.mounted_images}
        return wire.with_dated_mounts(container, inspected, mounted)

    def _with_directories(self, container: Container) -> Container:
        inspected = self.try_to_inspect_container(container.id)
        return container if inspected is None else wire.with_directories(container, inspected)

    def _get_or_none(self, path: str, *args: str) -> t.Any:
        try:
            return self._transport.get(path, *args)
        except EngineError as exc:
            if exc.status == 404:
                return None
            raise


def _done(_answer: None) -> str:
    return "done"


def _removed(answer: wire.Removed) -> str:
    return f"untagged {', '.join(answer.untagged) or 'nothing'}; deleted {', '.join(answer.deleted) or 'nothing'}"


def _pruned(answer: wire.PrunedCache) -> str:
    return f"deleted {', '.join(answer.deleted) or 'nothing'}"


def _decoded(line: bytes) -> t.Any:
    try:
        return json.loads(line)
    except ValueError as exc:
        raise UnreadableAnswer(f"an event is {line[:60]!r}") from exc


def _identity(transport: Transport) -> wire.Identity:
    try:
        return wire.parse_identity(transport.get("/version", versioned=False))
    except UnreadableAnswer as exc:
        raise EngineUnavailable(f"{transport.host}: what answers is not a Docker Engine: {exc.detail}") from exc


_Inspected = t.TypeVar("_Inspected")


def _unless_broken(inspect: t.Callable[[str], _Inspected | None], name: str) -> _Inspected | None:
    try:
        return inspect(name)
    except EngineError:
        return None

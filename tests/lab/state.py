# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes states of an Engine, without a public registry: images of every origin, containers in every state.

Every function takes the low-level client of the Engine. An image is returned as its ID, which is the digest of its
configuration on the graphdriver store and of its manifest or index on the containerd store.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import tarfile
import time
import typing as t

from . import archive
from .context_server import serve_once
from .errors import LabError
from .published import published_digest
from .reset import reset

if t.TYPE_CHECKING:
    from .engine import Engine
    from .hosts import Host

__all__ = [
    "build",
    "build_cache",
    "buildkit",
    "commit",
    "container",
    "dead_container",
    "derive",
    "image_id",
    "import_image",
    "load",
    "load_image",
    "load_index",
    "load_signed",
    "platform_images",
    "pull",
    "push",
    "reset",
    "tag",
    "token",
    "uses_containerd",
    "volume",
]

SLEEP = ("/bin/busybox", "sleep", "3600")
TRUE = ("/bin/busybox", "true")
FALSE = ("/bin/busybox", "false")

_numbers = itertools.count(1)


def token() -> str:
    """A word that no other content of any run holds: what is made from it has digests of its own."""
    return f"{os.getpid()}-{next(_numbers)}-{os.urandom(6).hex()}"


# Images


def import_image(
    client: t.Any,
    reference: str | None = None,
    *,
    content: str | None = None,
    size_bytes: int = 0,
    labels: t.Mapping[str, str] | None = None,
    changes: t.Sequence[str] = (),
    runnable: bool = True,
) -> str:
    """Import an image of one layer. The same `content` gives the same layer, and none gives a new one.

    Without `runnable` it is made in half the time, and its containers can be created but not started.
    """
    layer = archive.token_layer(content or token(), size_bytes, runnable)
    quoted = [f'LABEL "{name}"="{value}"' for name, value in (labels or {}).items()]
    repository, tag_name = _split(reference)
    answer = client.import_image_from_data(layer, repository=repository, tag=tag_name, changes=[*quoted, *changes])
    for line in _lines(answer):
        if str(line.get("status", "")).startswith("sha256:"):
            return str(line["status"])
    raise LabError(f"import of {reference}: {answer}")


def commit(
    client: t.Any,
    container_id: str,
    reference: str | None = None,
    *,
    labels: t.Mapping[str, str] | None = None,
    changes: t.Sequence[str] = (),
) -> str:
    """Commit a container: the image that it was made from becomes the parent."""
    quoted = [f'LABEL "{name}"="{value}"' for name, value in (labels or {}).items()]
    repository, tag_name = _split(reference)
    made = client.commit(container_id, repository=repository, tag=tag_name, changes=[*quoted, *changes])
    return str(made["Id"])


def derive(
    client: t.Any,
    parent: str,
    reference: str | None = None,
    *,
    files: t.Mapping[str, bytes] | None = None,
    labels: t.Mapping[str, str] | None = None,
) -> str:
    """A child of an image: a layer with `files` (by default one like no other) on top of the parent's."""
    made = _create(client, parent, None, {"Cmd": list(SLEEP)}, {})
    try:
        client.put_archive(made, "/", archive.layer({token(): b"child"} if files is None else files))
        return commit(client, made, reference, labels=labels)
    finally:
        client.remove_container(made, v=True, force=True)


def build(
    client: t.Any,
    dockerfile: str,
    reference: str | None = None,
    *,
    files: t.Mapping[str, bytes] | None = None,
    labels: t.Mapping[str, str] | None = None,
    cache: bool = False,
) -> str:
    """Build with the classic builder: every instruction leaves an untagged parent. `FROM` a local image or scratch."""
    answer = client.build(
        fileobj=io.BytesIO(_context(dockerfile, files)),
        custom_context=True,
        tag=reference,
        network_mode="none",
        labels=dict(labels or {}),
        nocache=not cache,
        rm=True,
        forcerm=True,
        decode=True,
    )
    return _built(answer, dockerfile)


def buildkit(
    client: t.Any,
    dockerfile: str,
    reference: str | None = None,
    *,
    files: t.Mapping[str, bytes] | None = None,
    cache: bool = False,
) -> str:
    """Build with BuildKit, whose cache then holds the image's layers. `FROM` scratch or a local image.

    With `cache`, steps that an earlier build took are taken from there.
    """
    # Docker 26 with the containerd store cannot read a context that comes with the request: it gets an address.
    with serve_once(_context(dockerfile, files)) as address:
        query = {"version": "2", "remote": address, "networkmode": "none", "nocache": str(int(not cache)), "rm": "1"}
        if reference:
            query["t"] = reference
        response = client._post(client._url("/build"), params=query, stream=True, timeout=300)
        client._raise_for_status(response)
        return _built(client._stream_helper(response, decode=True), dockerfile)


def build_cache(client: t.Any) -> list[dict[str, t.Any]]:
    """The records of BuildKit's cache."""
    from docker.errors import NotFound

    deadline = time.monotonic() + 10
    while True:
        try:
            # Engine 29 leaves an empty list out.
            return list(client.df().get("BuildCache") or [])
        except NotFound:
            # Docker 28 with the containerd store trips over snapshots that go away while it adds up.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def load_image(
    client: t.Any,
    references: str | t.Sequence[str] = (),
    *,
    created: str | None = "2024-01-01T00:00:00Z",
    labels: t.Mapping[str, str] | None = None,
    layers: t.Sequence[bytes] | None = None,
    architecture: str = "amd64",
    size_bytes: int = 0,
    runnable: bool = True,
) -> str:
    """Load an image with any creation date (None: without one), labels and layers. Layers may be shared.

    Layers are made by `archive.layer` and `archive.token_layer`; without any, there is one like no other.
    """
    made = tuple(layers) if layers is not None else (archive.token_layer(token(), size_bytes, runnable),)
    image = archive.Image(made, created=created, labels=dict(labels or {}), architecture=architecture)
    return load(client, [(image, [references] if isinstance(references, str) else references)])[0]


def load(client: t.Any, images: t.Sequence[tuple[archive.Image, t.Sequence[str]]]) -> list[str]:
    """Load several images in one archive; much faster than one by one. Returns their IDs."""
    _load(client, archive.archive(images))
    contents = [image.manifest if uses_containerd(client) else image.config for image, _references in images]
    return [archive.digest(content) for content in contents]


def load_index(
    client: t.Any,
    references: str | t.Sequence[str],
    *,
    architectures: t.Sequence[str] = ("amd64", "arm64"),
    left_out: t.Sequence[str] = (),
    size_bytes: int = 0,
) -> str:
    """Load a multi-platform image without the content for `left_out`. The graphdriver store keeps the first one only."""
    images = platform_images(architectures, size_bytes)
    _load(client, archive.index_archive(images, [references] if isinstance(references, str) else references, left_out))
    return archive.digest(archive.index(images) if uses_containerd(client) else images[0].config)


def load_signed(engine: Engine, reference: str) -> str:
    """Load an image with its signature, as a pull stores both: the signature has no record, and its image refers to it.

    For the containerd store. A loaded signature is a dangling image at first, so the Engine gets containerd's own label.
    """
    image = archive.Image((archive.token_layer(token()),))
    signature = archive.digest(archive.signature(image))
    _load(engine.client, archive.signed_archive(image, [reference]))
    signed = archive.digest(image.manifest)
    label = f"containerd.io/gc.ref.content.referrer.sha256.0={signature}"
    engine.host.run("ctr", "--namespace", "moby", "content", "label", signed, label)
    engine.client.remove_image(signature)
    return signed


def platform_images(architectures: t.Sequence[str], size_bytes: int = 0) -> list[archive.Image]:
    """One image for each architecture, all unlike any other."""
    return [
        archive.Image((archive.token_layer(token(), size_bytes, runnable=True),), architecture=architecture)
        for architecture in architectures
    ]


def tag(client: t.Any, image: str, reference: str) -> None:
    """Give an image another reference; one that has it loses it."""
    repository, tag_name = _split(reference)
    client.tag(image, repository, tag_name)


def push(client: t.Any, reference: str) -> str:
    """Push to the loopback registry; returns the digest by which the registry knows it."""
    repository, tag_name = _split(reference)
    # Engines of the 20.10 line refuse a push that says nothing about authentication.
    lines = client.push(repository, tag_name, stream=True, decode=True, auth_config={"username": "", "password": ""})
    for _line in _checked(lines, f"push of {reference}"):
        pass
    # Docker 26 with the containerd store does not tell the digest.
    return published_digest(reference)


def pull(client: t.Any, reference: str, platform: str | None = None) -> str:
    """Pull by tag or by digest (`repository@sha256:…`) from the loopback registry; returns the image's ID."""
    name, _at, pinned = reference.partition("@")
    repository, tag_name = (name, pinned) if pinned else _split(name)
    lines = client.pull(repository, tag_name, stream=True, decode=True, platform=platform)
    for _line in _checked(lines, f"pull of {reference}"):
        pass
    return image_id(client, reference)


def image_id(client: t.Any, reference: str) -> str:
    """The ID of the image to which a reference points."""
    return str(client.inspect_image(reference)["Id"])


# Containers and volumes


def container(
    client: t.Any,
    image: str,
    state: str = "created",
    *,
    name: str | None = None,
    command: t.Sequence[str] | None = None,
    labels: t.Mapping[str, str] | None = None,
    environment: t.Mapping[str, str] | None = None,
    anonymous_volumes: t.Sequence[str] = (),
    named_volumes: t.Mapping[str, str] | None = None,
    image_mounts: t.Mapping[str, str] | None = None,
    auto_remove: bool = False,
    stop_timeout: int | None = None,
) -> str:
    """A container of `image` in `state`: created, running, paused, exited or restarting. Returns its ID.

    `anonymous_volumes` lists paths, `named_volumes` maps names to paths, `image_mounts` (Docker 28) images to paths.
    The image must be runnable, except for a created container.
    """
    commands: dict[str, tuple[str, ...]] = {"exited": TRUE, "restarting": FALSE}
    config: dict[str, t.Any] = {
        "Cmd": list(command) if command else list(commands.get(state, SLEEP)),
        "Labels": dict(labels or {}),
        "Env": [f"{key}={value}" for key, value in (environment or {}).items()],
        "Volumes": {path: {} for path in anonymous_volumes},
    }
    if stop_timeout is not None:
        config["StopTimeout"] = stop_timeout
    host_config: dict[str, t.Any] = {
        "AutoRemove": auto_remove,
        "Binds": [f"{volume_name}:{path}" for volume_name, path in (named_volumes or {}).items()],
        "Mounts": [
            {"Type": "image", "Source": source, "Target": path} for source, path in (image_mounts or {}).items()
        ],
        "RestartPolicy": {"Name": "always" if state == "restarting" else "no"},
    }
    made = _create(client, image, name, config, host_config)
    _bring_into(client, made, state)
    return made


def dead_container(client: t.Any, host: Host, image: str, *, name: str | None = None) -> str:
    """A container whose removal failed half-way, which leaves it `dead`. `reset` and `bury` can remove it."""
    made = container(client, image, name=name)
    directory = f"{host.data_root}/containers/{made}"
    host.run("sh", "-c", f"mkdir -p {directory}/kept && touch {directory}/kept/file && chattr +i {directory}/kept/file")
    with contextlib.suppress(_api_error()):
        client.remove_container(made, force=True)
    state = client.inspect_container(made)["State"]["Status"]
    if state != "dead":
        raise LabError(f"container {made[:12]} is {state}, not dead")
    return made


def volume(client: t.Any, name: str | None = None) -> str:
    """A volume; returns its name."""
    return str(client.create_volume(name)["Name"])


def uses_containerd(client: t.Any) -> bool:
    """Whether the Engine keeps its images in containerd; asked once for each client."""
    known = getattr(client, "_lab_uses_containerd", None)
    if known is None:
        known = ["driver-type", "io.containerd.snapshotter.v1"] in (client.info().get("DriverStatus") or [])
        client._lab_uses_containerd = known
    return bool(known)


def _create(
    client: t.Any, image: str, name: str | None, config: t.Mapping[str, t.Any], host_config: t.Mapping[str, t.Any]
) -> str:
    body = {**config, "Image": image, "HostConfig": {"NetworkMode": "none", **host_config}}
    return str(client.create_container_from_config(body, name)["Id"])


def _bring_into(client: t.Any, made: str, state: str) -> None:
    if state == "created":
        return
    client.start(made)
    if state == "paused":
        client.pause(made)
    elif state == "exited":
        client.wait(made)
        _wait_until_listed_as(client, made, "exited")
    elif state == "restarting":
        _wait_for_restarts(client, made)
    elif state != "running":
        raise ValueError(f"a container cannot be made {state!r}")


def _wait_until_listed_as(client: t.Any, made: str, state: str) -> None:
    """The Engine answers a wait before its listing tells of the end."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(row["State"] == state for row in client.containers(all=True, filters={"id": made})):
            return
        time.sleep(0.01)
    raise LabError(f"container {made[:12]} is not listed as {state}")


def _wait_for_restarts(client: t.Any, made: str) -> None:
    """The Engine doubles its pause before each restart: after the fifth, the state lasts for seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen = client.inspect_container(made)
        if seen["RestartCount"] >= 5 and seen["State"]["Status"] == "restarting":
            return
        time.sleep(0.02)
    raise LabError(f"container {made[:12]} does not restart")


def _load(client: t.Any, content: bytes) -> None:
    for _line in _checked(client.load_image(content), "load"):
        pass


def _split(reference: str | None) -> tuple[str | None, str | None]:
    """Repository and tag; the colon of a registry's port is none of a tag."""
    if reference is None:
        return None, None
    repository, colon, tag_name = reference.rpartition(":")
    if not colon or "/" in tag_name:
        return reference, "latest"
    return repository, tag_name


def _context(dockerfile: str, files: t.Mapping[str, bytes] | None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in {"Dockerfile": dockerfile.encode(), **(files or {})}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _built(lines: t.Iterable[t.Any], dockerfile: str) -> str:
    built = None
    for line in _checked(lines, f"build of {dockerfile!r}"):
        aux = line.get("aux")
        if isinstance(aux, dict) and "ID" in aux:
            built = str(aux["ID"])
    if built is None:
        raise LabError(f"build of {dockerfile!r}: no image")
    return built


def _checked(lines: t.Iterable[t.Any], what: str) -> t.Iterator[dict[str, t.Any]]:
    """The Engine answers 200 before it knows whether it will succeed: a failure is one of the lines."""
    for line in lines:
        if "error" in line:
            raise LabError(f"{what}: {line['error']}")
        yield line


def _lines(answer: str) -> list[dict[str, t.Any]]:
    return [json.loads(line) for line in answer.splitlines() if line.strip()]


def _api_error() -> type[Exception]:
    from docker.errors import APIError

    return APIError

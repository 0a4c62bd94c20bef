# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images as bytes, made here: layers, configurations, manifests, and the archives that an Engine loads.

Pure: the same arguments give the same bytes, so tests decide which digests are equal.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import shutil
import tarfile
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from . import machine
from .errors import LabError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_EMPTY = b"{}"


@dataclass(frozen=True)
class Image:
    """What an image is made of. `created` is a timestamp as its configuration has it; None leaves it out."""

    layers: tuple[bytes, ...]
    created: str | None = "2024-01-01T00:00:00Z"
    labels: t.Mapping[str, str] = field(default_factory=dict)
    architecture: str = "amd64"
    variant: str = ""
    command: tuple[str, ...] = ("/bin/busybox", "sleep", "3600")
    environment: tuple[str, ...] = ()

    @property
    def config(self) -> bytes:
        """Its configuration; the digest of this is the image's ID on the graphdriver store."""
        config: dict[str, t.Any] = {
            "architecture": self.architecture,
            "os": "linux",
            "config": {"Cmd": list(self.command), "Labels": dict(self.labels), "Env": list(self.environment)},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in self.layers]},
            "history": [{"created_by": "imagewarden lab"} for _layer in self.layers],
        }
        if self.variant:
            config["variant"] = self.variant
        if self.created is not None:
            config["created"] = self.created
        return json.dumps(config).encode()

    @property
    def manifest(self) -> bytes:
        """Its manifest; the digest of this is the image's ID on the containerd store."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(_CONFIG, self.config),
            "layers": [_descriptor(_LAYER, compressed(layer)) for layer in self.layers],
        }
        return json.dumps(manifest).encode()

    @property
    def blobs(self) -> dict[str, bytes]:
        """What its manifest names, and the manifest, by digest."""
        contents = (*(compressed(layer) for layer in self.layers), self.config, self.manifest)
        return {digest(content): content for content in contents}


def layer(files: t.Mapping[str, bytes]) -> bytes:
    """A layer with these files; those below bin/ can be executed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            _add(archive, name, content, 0o755 if name.startswith("bin/") else 0o644)
    return buffer.getvalue()


def token_layer(token: str, size_bytes: int = 0, runnable: bool = False) -> bytes:
    """A layer like no other token's, with `size_bytes` of ballast, and a static busybox if containers shall run."""
    files = {"token": token.encode()}
    if size_bytes:
        # Ballast that cannot be compressed away, and is the same for the same token.
        files["ballast"] = hashlib.shake_128(token.encode()).digest(size_bytes)
    if runnable:
        files["bin/busybox"] = busybox()
    return layer(files)


@functools.lru_cache(maxsize=1)
def busybox() -> bytes:
    """The machine's static busybox, the only program that images of the lab hold."""
    machine.require("busybox")
    for path in filter(None, (shutil.which("busybox"), "/bin/busybox", "/usr/bin/busybox")):
        try:
            content = Path(path).read_bytes()
        except OSError:
            continue
        # A program that asks for a dynamic linker would not start in an empty image.
        if b"/ld-" not in content[:4096]:
            return content
    raise LabError("the busybox of this machine is not static: install the package busybox-static")


def index(images: t.Sequence[Image]) -> bytes:
    """An index of one image for each platform."""
    manifests = [{**_descriptor(MANIFEST, image.manifest), "platform": _platform(image)} for image in images]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()


def archive(images: t.Sequence[tuple[Image, t.Sequence[str]]]) -> bytes:
    """Images and their references, in the layout of a current `docker save`, which old Engines load too."""
    blobs: dict[str, bytes] = {}
    docker_manifest, roots = [], []
    for image, references in images:
        blobs.update(image.blobs)
        docker_manifest.append(_docker_entry(image, references))
        roots += _named(_descriptor(MANIFEST, image.manifest), references)
    return _layout(blobs, roots, docker_manifest)


def index_archive(images: t.Sequence[Image], references: t.Sequence[str], left_out: t.Sequence[str] = ()) -> bytes:
    """A multi-platform image; the content of the architectures in `left_out` is missing.

    The graphdriver store takes the first image alone, as it would if it pulled.
    """
    top = index(images)
    blobs = {digest(top): top}
    for image in images:
        if image.architecture not in left_out:
            blobs.update(image.blobs)
    return _layout(blobs, _named(_descriptor(INDEX, top), references), [_docker_entry(images[0], references)])


def signature(image: Image) -> bytes:
    """The manifest of a signature of that image, as the tools that sign push it beside the image."""
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(_EMPTY), "size": len(_EMPTY)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": _SIGNATURE,
        "config": empty,
        "layers": [{**empty, "mediaType": _SIGNATURE}],
        "subject": _descriptor(MANIFEST, image.manifest),
    }
    return json.dumps(manifest).encode()


def signed_archive(image: Image, references: t.Sequence[str]) -> bytes:
    """An image and the manifest of its signature, as two entries of one archive."""
    signed = signature(image)
    roots = [*_named(_descriptor(MANIFEST, image.manifest), references), _descriptor(MANIFEST, signed)]
    blobs = {**image.blobs, digest(signed): signed, digest(_EMPTY): _EMPTY}
    return _layout(blobs, roots, [_docker_entry(image, references)])


def digest(content: bytes) -> str:
    """The digest by which registries and Engines know this content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@functools.lru_cache(maxsize=256)
def compressed(content: bytes) -> bytes:
    """The content as gzip, without a time in it."""
    return gzip.compress(content, compresslevel=1, mtime=0)


def normalized(reference: str) -> str:
    """The reference with its registry and its tag: docker.io/library/a:latest."""
    first, slash, _rest = reference.partition("/")
    is_registry = bool(slash) and (first == "localhost" or any(sign in first for sign in ".:"))
    if not is_registry:
        reference = f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def _familiar(reference: str) -> str:
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def _docker_entry(image: Image, references: t.Sequence[str]) -> dict[str, t.Any]:
    """An image's entry in manifest.json, which is all that the graphdriver store reads."""
    return {
        "Config": _blob_path(digest(image.config)),
        "RepoTags": [_familiar(reference) for reference in references] or None,
        "Layers": [_blob_path(digest(compressed(part))) for part in image.layers],
    }


def _named(descriptor: dict[str, t.Any], references: t.Sequence[str]) -> list[dict[str, t.Any]]:
    """One entry of an archive's index.json for every reference; without any, one without a name."""
    entries = []
    for reference in references:
        name = normalized(reference)
        annotations = {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        }
        entries.append({**descriptor, "annotations": annotations})
    return entries or [descriptor]


def _layout(blobs: t.Mapping[str, bytes], roots: t.Sequence[object], docker_manifest: t.Sequence[object]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in blobs.items():
            _add(tar, _blob_path(name), content)
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": roots}).encode())
        _add(tar, "manifest.json", json.dumps(docker_manifest).encode())
    return buffer.getvalue()


def _platform(image: Image) -> dict[str, str]:
    platform = {"os": "linux", "architecture": image.architecture}
    return {**platform, "variant": image.variant} if image.variant else platform


def _descriptor(media_type: str, content: bytes) -> dict[str, t.Any]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def _blob_path(name: str) -> str:
    return f"blobs/sha256/{name.partition(':')[2]}"


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))

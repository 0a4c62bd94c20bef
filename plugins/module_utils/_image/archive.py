# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Images saved to files before they go, as C(docker load) takes them: written aside, read back and checked, renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import re
import tarfile
import tempfile
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import (
    EngineError,
    EngineUnavailable,
    InvalidRequest,
    NotArchived,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference, short_id
from ansible_collections.imagewarden.docker.plugins.module_utils._store.kinds import store_kind

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
    from ansible_collections.imagewarden.docker.plugins.module_utils._store.model import StoreModel

_CHUNK = 1024 * 1024
#: Files that are named after the digest of their content, in both layouts of an archive.
_NAMED_BY_DIGEST_RE = re.compile(r"(?:blobs/sha256/)?(?P<digest>[0-9a-f]{64})(?:\.json)?\Z")


class Archive:
    """A directory of archives, one for each image, named after its ID."""

    def __init__(self, directory: str, engine: Engine) -> None:
        self._directory = directory
        self._engine = engine

    @classmethod
    def at(cls, directory: str | None, engine: Engine) -> Archive | None:
        """The archive that the option ``archive_dir`` names. Raises :class:`InvalidRequest` when nothing can be written there."""
        if directory is None:
            return None
        present = directory
        while not os.path.lexists(present) and os.path.dirname(present) != present:
            present = os.path.dirname(present)
        if not os.path.isdir(present):
            raise InvalidRequest(f"archive_dir: {present!r} is not a directory")
        if not os.access(present, os.W_OK | os.X_OK):
            raise InvalidRequest(f"archive_dir: no permission to write to {present!r}")
        return cls(directory, engine)

    def path_of(self, image_id: str) -> str:
        """Where the archive of an image is."""
        return os.path.join(self._directory, f"{image_id.rpartition(':')[2]}.tar")

    def save(self, image_id: str, references: Sequence[Reference]) -> str:
        """Save an image with its tags, and return the path. Raises :class:`NotArchived`."""
        path = self.path_of(image_id)
        tags = [reference for reference in references if reference.tag is not None]
        names = [reference.familiar for reference in tags] or [image_id]
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            with _aside(path) as (file, aside):
                for chunk in self._engine.save_images(names):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                check(aside, image_id, tags, store_kind(self._engine.facts))
                os.replace(aside, path)
            _sync(self._directory)
        except OSError as exc:
            raise NotArchived(_message(image_id, exc.strerror or str(exc))) from exc
        except (EngineError, EngineUnavailable) as exc:
            raise NotArchived(_message(image_id, str(exc))) from exc
        except (tarfile.TarError, ValueError, KeyError, TypeError, IndexError, EOFError) as exc:
            raise NotArchived(_message(image_id, f"what was written is not a complete archive ({exc})")) from exc
        return path


def check(path: str, image_id: str, tags: Iterable[Reference], store: type[StoreModel]) -> None:
    """Read an archive back. Raises ``ValueError`` unless it holds just this image, whole, with just these tags."""
    with tarfile.open(path, "r:") as archive:
        digests = {posixpath.normpath(member.name): _digest(archive, member) for member in archive if member.isfile()}
        links = {
            posixpath.normpath(m.name): posixpath.normpath(posixpath.join(posixpath.dirname(m.name), m.linkname))
            for m in archive
            if m.issym()
        }
        manifests = _json(archive, "manifest.json")
        for name, digest in digests.items():
            named = _NAMED_BY_DIGEST_RE.match(name)
            if named is not None and named.group("digest") != digest:
                raise ValueError(f"{name} does not have the content that its name says")
        for manifest in manifests:
            _check_manifest(archive, manifest, digests, links)
        if store.identifies_by_configuration:
            found = {f"sha256:{digests[posixpath.normpath(manifest['Config'])]}" for manifest in manifests}
        else:
            found = {str(entry["digest"]) for entry in _json(archive, "index.json")["manifests"]}
            # From 29.1 on, what refers to the image is listed beside it, such as its signatures.
            found = {image_id} if image_id in found else found
    if found != {image_id}:
        raise ValueError(f"it holds {', '.join(sorted(map(short_id, found))) or 'nothing'}")
    saved = {Reference.parse(tag) for manifest in manifests for tag in manifest.get("RepoTags") or []}
    if saved != set(tags):
        raise ValueError(f"its tags are {', '.join(sorted(tag.familiar for tag in saved)) or 'none'}")


def _check_manifest(
    archive: tarfile.TarFile, manifest: dict[str, t.Any], digests: dict[str, str], links: dict[str, str]
) -> None:
    """Its configuration and every layer must be there; layers that are not named by a digest are known by the configuration."""
    config = _json(archive, manifest["Config"])
    diff_ids = (config.get("rootfs") or {}).get("diff_ids") or []
    layers = [posixpath.normpath(layer) for layer in manifest.get("Layers") or []]
    if len(layers) != len(diff_ids):
        raise ValueError(f"it has {len(layers)} of {len(diff_ids)} layers")
    for layer, diff_id in zip(layers, diff_ids):
        digest = digests[links.get(layer, layer)]
        if _NAMED_BY_DIGEST_RE.match(layer) is None and f"sha256:{digest}" != diff_id:
            raise ValueError(f"{layer} is not the layer {diff_id}")


def _digest(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = _open(archive, member)
    digest = hashlib.sha256()
    for chunk in iter(lambda: content.read(_CHUNK), b""):
        digest.update(chunk)
    return digest.hexdigest()


def _open(archive: tarfile.TarFile, member: str | tarfile.TarInfo) -> t.IO[bytes]:
    return t.cast("t.IO[bytes]", archive.extractfile(member))


def _json(archive: tarfile.TarFile, name: str) -> t.Any:
    return json.loads(_open(archive, name).read().decode("utf-8"))


@contextlib.contextmanager
def _aside(path: str) -> t.Iterator[tuple[t.IO[bytes], str]]:
    """A file, and its path, in the same directory with the mode 0600, which is gone after the block unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=".imagewarden-", suffix=".part", dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _message(image_id: str, reason: str) -> str:
    return f"the image {short_id(image_id)} could not be saved, and so was not removed: {reason}"

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts images into the loopback registry without an Engine: the only way to a multi-platform image for both stores."""

from __future__ import annotations

import http.client
import typing as t
import urllib.parse

from . import archive
from .errors import LabError
from .registry import Registry

_DOCKER = "application/vnd.docker.distribution.manifest"
_MANIFESTS = f"{archive.MANIFEST}, {archive.INDEX}, {_DOCKER}.v2+json, {_DOCKER}.list.v2+json"


def publish(registry: Registry, name: str, image: archive.Image) -> str:
    """Publish one image as `repository:tag`; returns the digest of its manifest."""
    with _Connection(registry) as connection:
        repository, tag = _split(name)
        connection.blobs(repository, image)
        return connection.manifest(repository, tag, archive.MANIFEST, image.manifest)


def publish_index(registry: Registry, name: str, images: t.Sequence[archive.Image]) -> str:
    """Publish a multi-platform image as `repository:tag`; returns the digest of its index."""
    with _Connection(registry) as connection:
        repository, tag = _split(name)
        for image in images:
            connection.blobs(repository, image)
            connection.manifest(repository, archive.digest(image.manifest), archive.MANIFEST, image.manifest)
        return connection.manifest(repository, tag, archive.INDEX, archive.index(images))


def published_digest(reference: str) -> str:
    """The digest to which `127.0.0.1:PORT/repository:tag` points in the registry."""
    address, _slash, name = reference.partition("/")
    repository, tag = _split(name)
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": _MANIFESTS})
        response = connection.getresponse()
        found = response.getheader("Docker-Content-Digest")
    finally:
        connection.close()
    if found is None:
        raise LabError(f"the registry has no {reference}: {response.status}")
    return found


def forget(registry: Registry, repository: str, digest: str) -> None:
    """Delete a manifest from the registry, so that what Engines hold of it cannot be pulled again."""
    with _Connection(registry) as connection:
        connection.request("DELETE", f"/v2/{repository}/manifests/{digest}", 202)


class _Connection:
    """The registry's HTTP API, as far as publishing needs it."""

    def __init__(self, registry: Registry) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=60)

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.close()

    def blobs(self, repository: str, image: archive.Image) -> None:
        for digest, content in image.blobs.items():
            if content != image.manifest:
                place = self.request("POST", f"/v2/{repository}/blobs/uploads/", 202)
                url = urllib.parse.urlsplit(place)
                query = f"{url.query}&digest={urllib.parse.quote(digest)}"
                self.request("PUT", f"{url.path}?{query}", 201, content, "application/octet-stream")

    def manifest(self, repository: str, name: str, media_type: str, content: bytes) -> str:
        self.request("PUT", f"/v2/{repository}/manifests/{name}", 201, content, media_type)
        return archive.digest(content)

    def request(self, method: str, url: str, status: int, body: bytes = b"", media_type: str = "") -> str:
        """Returns the Location of the answer."""
        self._http.request(method, url, body=body, headers={"Content-Type": media_type} if media_type else {})
        response = self._http.getresponse()
        content = response.read()
        if response.status != status:
            raise LabError(f"registry: {method} {url}: {response.status} {content[:300]!r}")
        return response.getheader("Location", "")


def _split(name: str) -> tuple[str, str]:
    repository, _colon, tag = name.partition(":")
    return repository, tag or "latest"

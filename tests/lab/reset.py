# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Empties an Engine of the lab. Thousands of cases begin with it, so it is quick, and sure that it is the lab's."""

from __future__ import annotations

import functools
import json
import time
import typing as t

from .errors import LabError

_LABEL = "imagewarden.lab="


def reset(client: t.Any, seconds: float = 60) -> None:
    """Remove all containers, images, volumes and build cache. Refuses an Engine that is not the lab's."""
    verify_lab_engine(client)
    deadline = time.monotonic() + seconds
    while True:
        left = _remove_all(client)
        if not left:
            return
        if time.monotonic() > deadline:
            raise LabError(f"the Engine is not empty after {seconds:.0f} s: {'; '.join(left)}")


def verify_lab_engine(client: t.Any) -> None:
    """Only Engines that the lab started carry its label; asked once for each client."""
    if getattr(client, "_lab_engine", False):
        return
    labels = client.info().get("Labels") or []
    if not any(label.startswith(_LABEL) for label in labels):
        raise LabError(f"the Engine at {client.base_url} is not one of the lab's: nothing is removed")
    client._lab_engine = True


def _remove_all(client: t.Any) -> list[str]:
    """One pass; returns what could not be removed, as text."""
    left = _remove_containers(client)
    left += _remove_images(client)
    left += _remove_volumes(client)
    _prune_build_cache(client)
    return left


def _remove_containers(client: t.Any) -> list[str]:
    left = []
    for container in client.containers(all=True):
        problem = _attempt(functools.partial(client.remove_container, container["Id"], v=True, force=True))
        if problem:
            left.append(f"container {container['Id'][:12]} ({container['State']}): {problem}")
    return left


def _remove_images(client: t.Any) -> list[str]:
    """The prune endpoint takes all at once; what it leaves is removed one by one, until two listings are empty."""
    if not _images(client):
        return []
    _attempt(functools.partial(_prune, client, "/images/prune", {"dangling": ["false"]}))
    left = []
    for image in _images(client):
        problem = _attempt(functools.partial(client.remove_image, image, force=True))
        left.append(f"image {image}: {problem or 'removed in this pass'}")
    return left


def _images(client: t.Any) -> list[str]:
    """The containerd store hides records that only the second listing shows."""
    listed = client.images(all=True) + client.images(all=True, filters={"dangling": ["true"]})
    return list(dict.fromkeys(image["Id"] for image in listed))


def _remove_volumes(client: t.Any) -> list[str]:
    left = []
    for volume in client.volumes().get("Volumes") or []:
        problem = _attempt(functools.partial(client.remove_volume, volume["Name"], force=True))
        if problem:
            left.append(f"volume {volume['Name']}: {problem}")
    return left


def _prune_build_cache(client: t.Any) -> None:
    _prune(client, "/build/prune", {}, all="1")


def _prune(client: t.Any, path: str, filters: t.Mapping[str, t.Sequence[str]], **query: str) -> None:
    response = client._post(client._url(path), params={"filters": json.dumps(filters), **query})
    client._raise_for_status(response)


def _attempt(remove: t.Callable[[], object]) -> str | None:
    """Why it could not be removed; what is gone already is no problem, and what is in progress is waited for."""
    from docker.errors import APIError, NotFound

    try:
        remove()
    except NotFound:
        return None
    except APIError as error:
        return str(error.explanation)
    return None

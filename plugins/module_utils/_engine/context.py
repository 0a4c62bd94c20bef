# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.
"""The context of the Docker CLI, which this collection does not follow: read only to say so."""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping


class Context(t.NamedTuple):
    """A context that the CLI would use; ``origin`` is what chose it, and ``host`` its Engine where that is known."""

    name: str
    origin: str
    host: str = ""


def chosen_context(environ: Mapping[str, str]) -> Context | None:
    """The context that C(docker) itself would use here, unless that is its default."""
    directory = environ.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
    name, origin = environ.get("DOCKER_CONTEXT", "").strip(), "DOCKER_CONTEXT"
    if not name:
        origin = os.path.join(directory, "config.json")
        name = str(_json(origin).get("currentContext") or "")
    if name in ("", "default"):
        return None
    return Context(name, origin, _host(directory, name))


def _host(directory: str, name: str) -> str:
    stored = hashlib.sha256(name.encode()).hexdigest()
    endpoints = _json(os.path.join(directory, "contexts", "meta", stored, "meta.json")).get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    return str(docker.get("Host") or "") if isinstance(docker, dict) else ""


def _json(path: str) -> dict[str, t.Any]:
    """The object in a file of the CLI; nothing where it cannot be read, since nothing depends on it."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Which Engine answers, and the API version that is spoken with it. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineUnavailable

if t.TYPE_CHECKING:
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import Identity

#: The newest API version that the tests have run against; a newer Engine is spoken to in this one. From 1.52 on nothing
#: shows that a plan needs and 1.51 lacks, the disk usage has another shape, and from 1.53 on each inspection of an image
#: verifies its signatures, which is dear on a host with thousands.
HIGHEST_TESTED_API = (1, 51)
#: That of Engine 20.10, the oldest whose removals the store models know.
OLDEST_SUPPORTED_API = (1, 41)
#: How a Docker Engine calls itself among its components (``daemon/info.go``, ``moby/version``).
_ENGINE_COMPONENT = "Engine"
_SUPPORTED = "only Docker Engine 20.10 and newer is supported"


def refuse_unknown(identity: Identity, host: str) -> None:
    """Raise :class:`EngineUnavailable` unless a Docker Engine answers that this collection knows.

    Podman answers the same requests and removes by other rules. A version alone does not say it: builds of the Engine's
    source name themselves as they like.
    """
    components = dict(identity.components)
    if identity.newest is None:
        raise EngineUnavailable(f"{host}: what answers is not a Docker Engine: it reports no API version; {_SUPPORTED}")
    spoken = f"API {text_of(identity.newest)}"
    if identity.newest < OLDEST_SUPPORTED_API and (not components or _ENGINE_COMPONENT in components):
        found = f"Docker Engine {identity.version} ({spoken})"
        raise EngineUnavailable(f"{host}: {found} is too old: {_SUPPORTED}")
    if _ENGINE_COMPONENT not in components:
        found = ", ".join(f"{name} {version}".strip() for name, version in identity.components) or identity.version
        raise EngineUnavailable(
            f"{host}: what answers is not a Docker Engine, but {found or 'unnamed'} ({spoken}); {_SUPPORTED}"
        )


def negotiate(identity: Identity, wanted: str) -> tuple[int, int]:
    """The API version to speak: the one asked for, or the newest that the Engine knows and the tests have run against."""
    newest, oldest = identity.newest or OLDEST_SUPPORTED_API, identity.oldest or (1, 12)
    chosen = min(newest, HIGHEST_TESTED_API) if wanted == "auto" else number_of(wanted)
    if oldest <= chosen <= newest:
        return chosen
    spoken = f"the Engine {identity.version} speaks API versions {text_of(oldest)} to {text_of(newest)}"
    if wanted == "auto":
        raise EngineUnavailable(
            f"{spoken}, and this collection up to {text_of(HIGHEST_TESTED_API)}: update the collection,"
            f" or set api_version to {text_of(oldest)} at your own risk"
        )
    raise EngineUnavailable(f"api_version: {wanted!r} is not available: {spoken}")


def number_of(text: str) -> tuple[int, int]:
    """An API version, in order. Raises :class:`ValueError`."""
    major, _dot, minor = text.partition(".")
    return int(major), int(minor)


def text_of(number: tuple[int, int]) -> str:
    """An API version as it is written."""
    return f"{number[0]}.{number[1]}"

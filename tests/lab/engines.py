# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engines of the lab, as data: a new Engine is a new row (and, for a new release, a new suite)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Store = t.Literal["graphdriver", "containerd"]


@dataclass(frozen=True)
class Suite:
    """A Debian release: what its host image is made of."""

    name: str
    packages: tuple[str, ...]
    # A testing release whose mirror lags has an expired release file; its signature is verified all the same.
    stale_release_file_ok: bool = False


@dataclass(frozen=True)
class EngineKind:
    """One Engine: which Debian release it runs on, which image store it uses, which version that must be."""

    name: str
    suite: str
    store: Store
    version: str
    # Whether Debian packages it. A dockerd that it does not package comes from a directory that is named to the lab.
    is_packaged: bool = True

    def expects(self, version: str) -> bool:
        """Whether an Engine that reports this version is the one of this row."""
        return version == self.version or version.startswith(self.version + ".")


_HOST = (
    "docker.io",
    "iptables",
    "ca-certificates",
    "python3",
    "python3-docker",
    "openssh-server",
    "procps",
    "e2fsprogs",
)

# From trixie on, the command line client is a package of its own, and buildx is packaged.
SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("bookworm", _HOST),
        Suite("trixie", (*_HOST, "docker-cli", "docker-buildx")),
        Suite("forky", (*_HOST, "docker-cli", "docker-buildx"), stale_release_file_ok=True),
    )
}

ENGINES: tuple[EngineKind, ...] = (
    EngineKind("e20-graph", "bookworm", "graphdriver", "20.10"),
    EngineKind("e26-graph", "trixie", "graphdriver", "26.1"),
    EngineKind("e26-containerd", "trixie", "containerd", "26.1"),
    EngineKind("e28-graph", "forky", "graphdriver", "28.5"),
    EngineKind("e28-containerd", "forky", "containerd", "28.5"),
    EngineKind("e29-graph", "forky", "graphdriver", "29", is_packaged=False),
    EngineKind("e29-containerd", "forky", "containerd", "29", is_packaged=False),
)

ENGINE_NAMES: tuple[str, ...] = tuple(kind.name for kind in ENGINES)


def engine_kind(name: str) -> EngineKind:
    """The row of that name."""
    for kind in ENGINES:
        if kind.name == name:
            return kind
    raise ValueError(f"no Engine of the lab is called {name!r}; there are {', '.join(ENGINE_NAMES)}")

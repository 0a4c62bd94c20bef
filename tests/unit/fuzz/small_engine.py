# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small Engine of either store that answers from a table, for inputs by the hundred thousand."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine

APP, CHILD, DANGLING, PULLED = ("sha256:" + digit * 64 for digit in "abcd")
WEB, JOB = "e" * 64, "f" * 64
CREATED = 1_700_000_000
_GRAPH, _CONTAINERD = [["Backing Filesystem", "extfs"]], [["driver-type", "io.containerd.snapshotter.v1"]]


def _image(image_id: str, *tags: str, **fields: t.Any) -> dict[str, t.Any]:
    row = {
        "Id": image_id,
        "ParentId": "",
        "RepoTags": list(tags),
        "RepoDigests": [],
        "Created": CREATED,
        "Size": 5_000_000,
        "SharedSize": 1_000_000,
        "Labels": {"stage": "build", "keep": ""},
        "Containers": -1,
    }
    return {**row, **fields}


def _container(container_id: str, name: str, image_id: str, state: str) -> dict[str, t.Any]:
    return {
        "Id": container_id,
        "Names": ["/" + name],
        "Image": "app:1",
        "ImageID": image_id,
        "State": state,
        "Created": CREATED,
        "SizeRw": 10,
        "Labels": {"com.docker.swarm.task": ""},
        "Mounts": [{"Type": "image", "Name": "app:2", "Source": "", "Destination": "/mnt"}],
    }


def answers(is_containerd: bool) -> dict[str, t.Any]:
    """What a sound Engine answers, by path; an inspection is of any thing."""
    images = [
        _image(APP, "app:1", "app:2", "registry.example.com/team/app:1"),
        _image(CHILD, "child:1", ParentId=APP, Manifests=[{"ID": CHILD, "Kind": "image", "Size": {"Total": 5}}]),
        _image(DANGLING, RepoTags=None),
        _image(PULLED, "pulled:1.2.3", RepoDigests=[f"pulled@{PULLED}"]),
    ]
    cache = {
        "ID": "abc",
        "Type": "regular",
        "Description": "mount / from exec /bin/sh -c true",
        "InUse": False,
        "Shared": True,
        "Size": 30_000,
        "CreatedAt": "2026-03-14T09:26:53.5Z",
        "LastUsedAt": None,
        "UsageCount": 1,
        "Parents": ["def"],
    }
    return {
        "/version": {
            "Version": "28.5.2",
            "ApiVersion": "1.51",
            "MinAPIVersion": "1.24",
            "Components": [{"Name": "Engine", "Version": "28.5.2"}],
        },
        "/info": {
            "ID": "engine-1",
            "Name": "web-3",
            "ServerVersion": "28.5.2",
            "Driver": "overlayfs" if is_containerd else "overlay2",
            "DriverStatus": _CONTAINERD if is_containerd else _GRAPH,
            "DockerRootDir": "/nowhere/docker",
            "Architecture": "x86_64",
            "SecurityOptions": ["name=seccomp,profile=builtin"],
        },
        "/images/json": images,
        "/containers/json": [_container(WEB, "web", APP, "running"), _container(JOB, "job", CHILD, "exited")],
        "/system/df": {
            "LayersSize": 15_000_000,
            "Images": images,
            "Containers": [],
            "Volumes": [{"Name": "data", "UsageData": {"Size": 5, "RefCount": 1}}],
            "BuildCache": [cache, {**cache, "ID": "def", "Parents": [], "Type": "internal", "InUse": True}],
        },
        "/events": [
            {"Type": "image", "Action": "tag", "timeNano": 1, "Actor": {"ID": APP, "Attributes": {"name": "app:1"}}},
            {"Type": "container", "Action": "die", "time": 2, "Actor": {"ID": "e", "Attributes": {"image": "app:1"}}},
        ],
        "/services": [{"Spec": {"Name": "s", "TaskTemplate": {"ContainerSpec": {"Image": "app:1"}}}}],
        "image": {
            "Id": APP,
            "RepoTags": ["app:1", "app:2", "registry.example.com/team/app:1"],
            "RepoDigests": [],
            "RootFS": {"Type": "layers", "Layers": [APP, CHILD]},
            "GraphDriver": {"Data": {"UpperDir": "/nowhere/a"}},
            "Metadata": {"LastTagTime": "2026-03-14T09:26:53.589793238Z"},
        },
        "container": {
            "Id": WEB,
            "Name": "/web",
            "Created": "2026-03-14T09:26:53Z",
            "State": {
                "Status": "running",
                "Running": True,
                "StartedAt": "2026-03-14T09:26:53Z",
                "FinishedAt": "0001-01-01T00:00:00Z",
            },
            "Config": {"StopTimeout": 10},
            "HostConfig": {"AutoRemove": False, "Mounts": [{"Type": "image", "Source": "app:2", "Target": "/mnt"}]},
            "GraphDriver": {"Data": {"LowerDir": "/nowhere/a:/nowhere/b"}},
            "Mounts": [{"Type": "image", "Name": "app:2", "Source": "", "Destination": "/mnt"}],
        },
        "history": [{"Id": APP, "Size": 5}, {"Id": "<missing>", "Size": 0}],
        "removed": [{"Untagged": "app:1"}, {"Deleted": APP}],
        "committed": {"Id": APP},
        "pruned": {"CachesDeleted": ["abc"], "SpaceReclaimed": 5},
    }


class Transport:
    """Answers from a table, and counts what would change something."""

    def __init__(self, table: t.Mapping[str, t.Any]) -> None:
        self.host = "unix:///nowhere/docker.sock"
        self.wanted_version = "auto"
        self.notices: tuple[str, ...] = ()
        self.most_connections = 8
        self.writes: list[str] = []
        self._table = table

    def use_version(self, _version: str) -> None:
        """It has no versions."""

    def get(self, path: str, *args: str, **_options: t.Any) -> t.Any:
        """The answer of that path, or of any image or container."""
        named = {"/images/{0}/json": "image", "/containers/{0}/json": "container", "/images/{0}/history": "history"}
        return self._table[named.get(path, path)] if not args or path in named else None

    def stream(self, path: str, *_args: str, **_options: t.Any) -> t.Iterator[bytes]:
        """The answer of that path, a line for each entry."""
        entries = self._table[path]
        for entry in entries if isinstance(entries, list) else [entries]:
            yield json.dumps(entry).encode() + b"\n"

    def ask_registry(self, _name: str, _timeout: float) -> t.Any:
        """It has everything."""
        return {}

    def delete(self, path: str, *_args: str, **_options: t.Any) -> t.Any:
        """What was removed."""
        self.writes.append(path)
        return self._table["removed"]

    def post(self, path: str, *_args: str, **_options: t.Any) -> t.Any:
        """What was done."""
        self.writes.append(path)
        return self._table["committed" if path == "/commit" else "pruned"]


def engine(table: t.Mapping[str, t.Any]) -> tuple[Engine, Transport]:
    """An Engine that answers so."""
    transport = Transport(table)
    return Engine(t.cast("t.Any", transport)), transport

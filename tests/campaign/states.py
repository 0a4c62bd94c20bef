# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random states of an Engine: every origin of an image, names over several repositories, containers in every state."""

from __future__ import annotations

import typing as t

from docker.errors import APIError

from tests.lab import archive, published, state
from tests.lab.errors import LabError

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from tests.lab.engine import Engine
    from tests.lab.registry import Registry

REPOSITORIES = ("app", "base", "team/app", "registry.example.com/team/app", "localhost:5000/app", "cafe")
TAGS = ("1", "2", "latest", "1.10-rc1")
CREATED = ("1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "2020-07-07T00:00:00Z", "2024-02-29T12:00:00Z", None)
LONG_LABEL = "x" * 2000
#: Content that several images share, so that layers have several holders.
SHARED = ("shared-1", "shared-2")


def publish_images(registry: Registry, choose: random.Random) -> dict[str, str]:
    """Put images into the loopback registry for the Engines to pull: a few tags of a few repositories, and indexes.

    The second name for the same content is another repository. Returns digests by `address/repository:tag`.
    """
    digests: dict[str, str] = {}
    shared = archive.Image((archive.token_layer(f"pulled-{choose.random()}"),))
    for repository in ("pull/a", "pull/b"):
        images = [
            shared,
            *(archive.Image((archive.token_layer(f"{repository}-{n}-{choose.random()}"),)) for n in (1, 2)),
        ]
        for number, image in enumerate(images):
            name = f"{repository}:{number}"
            digests[f"{registry.address}/{name}"] = published.publish(registry, name, image)
    for number in (1, 2):
        name = f"pull/multi:{number}"
        platforms = state.platform_images(["amd64", "arm64"])
        digests[f"{registry.address}/{name}"] = published.publish_index(registry, name, platforms)
    return digests


class StateMaker:
    """Adds random things to an Engine. `history` says what was made, for a person to make it again."""

    def __init__(self, engine: Engine, choose: random.Random, digests: Mapping[str, str]) -> None:
        self._client = engine.client
        self._choose = choose
        self._digests = digests
        self._is_containerd = engine.store == "containerd"
        self._mounts_images = engine.mounts_images
        self._containers = 0
        self._images: list[str] = []
        self.history: list[str] = []

    def make(self, number: int) -> None:
        """Make so many things; what an Engine refuses is left out."""
        for _each in range(number):
            weights: dict[Callable[[], str], int] = {
                self._import: 6,
                self._load: 3,
                self._pull: 4,
                self._pull_digest: 3,
            }
            if self._images:
                weights.update(
                    {
                        self._tag: 6,
                        self._move_tag: 2,
                        self._derive: 4,
                        self._build: 3,
                        self._container: 5,
                        self._orphan: 1,
                        self._remove_container: 2,
                    }
                )
                if self._mounts_images:
                    weights[self._mount] = 2
            if self._is_containerd:
                weights[self._load_index] = 2
            action = self._choose.choices(list(weights), list(weights.values()))[0]
            try:
                self.history.append(action())
            except (APIError, LabError) as exc:
                self.history.append(f"{action.__name__}: {str(exc).splitlines()[0][:150]}")

    def _name(self) -> str:
        return f"{self._choose.choice(REPOSITORIES)}:{self._choose.choice(TAGS)}"

    def _image(self) -> str:
        return self._choose.choice(self._images)

    def _new(self, image_id: str) -> str:
        if image_id not in self._images:
            self._images.append(image_id)
        return image_id[7:19]

    def _import(self) -> str:
        name = self._name() if self._choose.random() < 0.8 else None
        content = self._choose.choice([*SHARED, None])
        size = self._choose.choice([0, 1000, 50_000])
        made = state.import_image(self._client, name, content=content, size_bytes=size)
        return f"import {name} as {self._new(made)}"

    def _load(self) -> str:
        names = [self._name() for _each in range(self._choose.randint(0, 2))]
        layers = (
            [archive.token_layer(self._choose.choice(SHARED), runnable=True)] if self._choose.random() < 0.5 else []
        )
        layers += [archive.layer({state.token(): b"x" * self._choose.choice([0, 100, 4000])})]
        labels = (
            {"note": LONG_LABEL} if self._choose.random() < 0.3 else {"stage": self._choose.choice(["build", "run"])}
        )
        created = self._choose.choice(CREATED)
        made = state.load_image(self._client, names, created=created, labels=labels, layers=layers)
        return f"load {names} created {created} as {self._new(made)}"

    def _load_index(self) -> str:
        names = [self._name() for _each in range(self._choose.randint(1, 2))]
        return f"load index {names} as {self._new(state.load_index(self._client, names))}"

    def _pull(self) -> str:
        name = self._choose.choice(sorted(self._digests))
        return f"pull {name} as {self._new(state.pull(self._client, name))}"

    def _pull_digest(self) -> str:
        name = self._choose.choice(sorted(self._digests))
        pinned = f"{name.rpartition(':')[0]}@{self._digests[name]}"
        return f"pull {pinned} as {self._new(state.pull(self._client, pinned))}"

    def _tag(self) -> str:
        image, name = self._image(), self._name()
        state.tag(self._client, image, name)
        return f"tag {image[7:19]} {name}"

    def _move_tag(self) -> str:
        """A pull that finds its tag on another image: what the registry changes under an Engine."""
        name, image = self._choose.choice(sorted(self._digests)), self._image()
        state.tag(self._client, image, name)
        return f"tag {image[7:19]} {name}, then pull it as {self._new(state.pull(self._client, name))}"

    def _derive(self) -> str:
        parent, name = self._image(), self._name() if self._choose.random() < 0.7 else None
        return f"commit of {parent[7:19]} to {name} as {self._new(state.derive(self._client, parent, name))}"

    def _build(self) -> str:
        parent, name = self._image(), self._name() if self._choose.random() < 0.8 else None
        steps = ["LABEL built=yes", f"COPY file /{state.token()}", "ENV a=b"][: self._choose.randint(1, 3)]
        dockerfile = "\n".join([f"FROM {self._from(parent)}", *steps])
        made = state.build(self._client, dockerfile, name, files={"file": b"f" * 300}, cache=True)
        return f"build {name} from {parent[7:19]} in {len(steps)} steps as {self._new(made)}"

    def _from(self, image_id: str) -> str:
        # BuildKit aside, an Engine with the containerd store does not take an ID behind FROM.
        tags = [name for name in self._client.inspect_image(image_id)["RepoTags"] or [] if "@" not in name]
        return tags[0] if tags else image_id

    def _container(self) -> str:
        image, status = self._image(), self._choose.choice(["created", "created", "running", "exited", "paused"])
        name = self._container_name()
        state.container(self._client, image, status, name=name)
        return f"container {name} of {image[7:19]} {status}"

    def _mount(self) -> str:
        """A container that mounts one image and is made from another."""
        image, mounted, name = self._image(), self._image(), self._container_name()
        source = (self._client.inspect_image(mounted)["RepoTags"] or [mounted])[0]
        state.container(self._client, image, "created", name=name, image_mounts={source: "/mnt"})
        return f"container {name} of {image[7:19]} mounts {source}"

    def _orphan(self) -> str:
        """A container whose image is gone."""
        made = state.import_image(self._client, "orphan:1", content=self._choose.choice(SHARED))
        name = self._container_name()
        state.container(self._client, made, name=name)
        self._client.remove_image("orphan:1", force=True)
        return f"container {name} of orphan:1 {made[7:19]}, which was removed by force"

    def _remove_container(self) -> str:
        containers = sorted(self._client.containers(all=True), key=lambda c: c["Names"][0])
        if not containers:
            return "no container to remove"
        chosen = self._choose.choice(containers)
        self._client.remove_container(chosen["Id"], force=True)
        return f"remove container {chosen['Names'][0]}"

    def _container_name(self) -> str:
        self._containers += 1
        return f"c{self._containers}"

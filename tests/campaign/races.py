# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The race campaign: other clients change an Engine as fast as they can while a task removes images from it.

A case is one run of C(image_remove) or C(image_prune_policy). As soon as it sends its first removal, others import, pull, build, tag,
move tags, create containers, mount images, and remove; in half of the short cases, another task does the same removals at the same time.
Afterwards no tag that they gave, no image that they took into use and no image that they made is lost, and the result is true.

With ``--short``, cases have few images, for thousands of them.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import random
import sys
import threading
import traceback
import typing as t

from docker.errors import APIError

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.campaign.harness import Campaign, Case, main, situation
from tests.integration.module_run import run_module
from tests.lab import state
from tests.lab.errors import LabError
from tests.lab.proxy import RecordingProxy

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence, Set

    from tests.lab.engine import Engine

#: In a session: as many cases, images, and cases of 100 with a second task.
LONG, SHORT = (5, 24, 0), (25, 8, 50)
_OTHERS = 3
_KEPT = "base:keep"


class _World:
    """What the others did, as far as it must still hold at the end. Names are never given again once they were removed."""

    def __init__(self, images: Mapping[str, list[str]], published: Sequence[str]) -> None:
        self.published = published
        self.images = {image_id: list(names) for image_id, names in images.items()}
        self.names = [name for names in images.values() for name in names]
        self.lock = threading.Lock()
        self.given: dict[str, str] = {}
        self.used: dict[str, str] = {}
        self.made: set[str] = set()
        self.taken_names: set[str] = set()
        self.taken_images: set[str] = set()
        self.doing = 0


class _Other(threading.Thread):
    """Another client. It begins once the task removes, and ends with it."""

    def __init__(self, engine: Engine, world: _World, seed: str, begin: threading.Event, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self._client = engine.connect()
        self._world = world
        self._choose = random.Random(seed)
        self._begin, self._end = begin, end
        self._number = 0
        self._seed = seed.rpartition("/")[2]
        self.history: list[str] = []

    def run(self) -> None:
        """Do one thing after the other; what the Engine refuses has not happened."""
        self._begin.wait()
        weights: dict[Callable[[], str], int] = {
            self._tag: 6,
            self._move: 5,
            self._import_over: 3,
            self._pull: 2,
            self._build: 2,
            self._contain: 4,
            self._remove: 3,
        }
        if self._engine.mounts_images:
            weights[self._mount] = 2
        while not self._end.is_set():
            action = self._choose.choices(list(weights), list(weights.values()))[0]
            with contextlib.suppress(APIError, LabError):
                self.history.append(action())

    def _new(self) -> str:
        self._number += 1
        return f"{self._seed}-{self._number}"

    def _image(self) -> str:
        return self._choose.choice(sorted(self._world.images))

    def _planned_name(self) -> str:
        return self._choose.choice(self._world.names)

    def _tag(self) -> str:
        image, name = self._image(), f"new:{self._new()}"
        state.tag(self._client, image, name)
        self._world.given[name] = image
        return f"tag {image[7:19]} {name}"

    def _move(self) -> str:
        """To an image of its own, that nothing else names."""
        name, other = self._planned_name(), f"fresh:{self._new()}"
        made = state.import_image(self._client, other, runnable=False)
        self._world.made.add(made)
        self._world.given[other] = made
        return self._give(name, lambda: state.tag(self._client, made, name), f"tag {other} {name}", made)

    def _import_over(self) -> str:
        name = self._planned_name()
        return self._give(name, lambda: state.import_image(self._client, name, runnable=False), f"import {name}")

    def _pull(self) -> str:
        name = self._choose.choice(self._world.published)
        pulled = state.pull(self._client, name)
        self._world.made.add(pulled)
        self._world.given[name] = pulled
        return f"pull {name}"

    def _build(self) -> str:
        parent, name = self._image(), f"built:{self._new()}"
        self._world.given[name] = state.derive(self._client, parent, name)
        return f"build {name} on {parent[7:19]}"

    def _give(self, name: str, act: Callable[[], t.Any], what: str, made: str = "") -> str:
        with self._world.lock:
            if name in self._world.taken_names or name in self._world.given:
                return f"leave {name}"
            self._world.taken_names.add(name)
        made = act() or made
        self._world.made.add(made)
        self._world.given[name] = made
        return what

    def _contain(self) -> str:
        image, name = self._image(), f"c{self._new()}"
        container = state.container(self._client, image, name=name)
        self._world.used[container] = image
        return f"container {name} of {image[7:19]}"

    def _mount(self) -> str:
        source, name = self._planned_name(), f"m{self._new()}"
        container = state.container(self._client, _KEPT, name=name, image_mounts={source: "/mnt"})
        mounted = self._client.inspect_container(container)["Mounts"]
        return f"container {name} mounts {source} {bool(mounted)}"

    def _remove(self) -> str:
        name = self._planned_name()
        with self._world.lock:
            if name in self._world.taken_names or name in self._world.given:
                return f"leave {name}"
            self._world.taken_names.add(name)
        for line in self._client.remove_image(name, noprune=True):
            if "Deleted" in line:
                self._world.taken_images.add(line["Deleted"])
        return f"remove {name}"


class _SecondTask:
    """The same removals once more at the same time, in a process of their own: a module's output is that of its process."""

    def __init__(self, engine: Engine, module: str, arguments: Mapping[str, t.Any]) -> None:
        self._mine, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        options = {"docker_host": engine.docker_host, **arguments}
        self._process = context.Process(target=self._run, args=(theirs, module, options), daemon=True)
        self._process.start()

    @staticmethod
    def _run(begin: t.Any, module: str, options: dict[str, t.Any]) -> None:
        begin.recv()
        try:
            begin.send(run_module(module, options))
        except Exception:
            begin.send({"failed": True, "msg": traceback.format_exc()})

    def begin(self) -> None:
        """Let it run."""
        self._mine.send(None)

    def joined(self, result: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """What both results say, as one."""
        other = self._mine.recv() if self._mine.poll(120) else {"failed": True, "msg": "the second task hangs"}
        self._process.join(60)
        keys = ("deleted", "untagged", "warnings")
        both = {key: [*result.get(key, ()), *other.get(key, ())] for key in keys}
        messages = [one["msg"] for one in (result, other) if one.get("failed")]
        return {**both, "failed": bool(messages), "msg": "; ".join(messages)}


def run_session(
    engines: Sequence[Engine],
    seed: int,
    session: int,
    digests: Mapping[str, str],
    size: tuple[int, int, int] = LONG,
) -> Iterator[Case]:
    """Its cases, each on an Engine that was emptied."""
    (engine,) = engines
    cases, images, _two = size
    for number in range(cases):
        with situation(engine, seed, session, digests, things=(0, 0)) as found:
            choose = random.Random(f"{seed}/{session}/{number}/{engine.name}")
            made = _fill(found.engine, choose, images)
            second = choose.randrange(100) < size[2]
            yield _case(found.engine, choose, (session, number), f"{seed}/{session}/{number}", made, digests, second)


def _fill(engine: Engine, choose: random.Random, number_of_images: int) -> dict[str, list[str]]:
    """Images with no name, one and several, and parents; by ID, with their names."""
    client = engine.client
    state.import_image(client, _KEPT)
    images: dict[str, list[str]] = {}
    for number in range(number_of_images):
        names = [f"app:{number}", f"app:{number}-b", f"team/app:{number}"][: choose.choice([0, 1, 1, 1, 2, 3])]
        parent = choose.choice(sorted(images)) if images and choose.random() < 0.15 else None
        name = names[0] if names else None
        made = state.derive(client, parent, name) if parent else state.import_image(client, name, runnable=False)
        for further in names[1:]:
            state.tag(client, made, further)
        images[made] = names
    return images


def _arguments(choose: random.Random, images: Mapping[str, list[str]]) -> tuple[str, dict[str, t.Any]]:
    options: dict[str, t.Any] = {"parallel": choose.choice([1, 2, 8])}
    if choose.random() < 0.5:
        names = [name for names in images.values() for name in names] + [one for one in images if not images[one]]
        names = choose.sample(names, len(names))
        return "image_remove", {"names": names, "on_conflict": "skip", **options}
    policy = {"remove": {"all_unused": True, "dangling": True}, "keep": {"patterns": ["new", "fresh", "base"]}}
    return "image_prune_policy", {**policy, **options}


def _case(
    engine: Engine,
    choose: random.Random,
    where: tuple[int, int],
    seed: str,
    images: Mapping[str, list[str]],
    digests: Mapping[str, str],
    is_second: bool,
) -> Case:
    module, arguments = _arguments(choose, images)
    arguments = {"timeout": 60, **arguments}
    before = _listed(engine)
    planned = run_module(module, {"docker_host": engine.docker_host, **arguments}, check=True)
    # Before there are threads.
    second = _SecondTask(engine, module, arguments) if is_second else None
    world, begin, end = _World(images, sorted(digests)), threading.Event(), threading.Event()
    others = [_Other(engine, world, f"{seed}/{index}", begin, end) for index in range(_OTHERS)]
    for other in others:
        other.start()
    try:
        with RecordingProxy(engine.socket) as proxy:
            proxy.before("DELETE", "/images/", begin.set, times=None)
            if second is not None:
                second.begin()
            result = run_module(module, {"docker_host": proxy.docker_host, **arguments})
        differences = []
    except Exception:
        result, differences = {}, [f"a traceback: {traceback.format_exc()}"]
    finally:
        begin.set()
        end.set()
        for other in others:
            other.join(60)
    if second is not None:
        result = second.joined(result)
    after = _listed(engine)
    # The containerd store looks for other names of an image, says that it is deleted, and a name can come in between.
    named_since = set(world.given.values()) & set(after) if engine.store == "containerd" else set()
    differences += _differences(before, after, world, planned, result, second is not None, named_since)
    lost, used = list(_lost_tags(after, world, result)), set(world.used.values()) - set(after) - world.taken_images
    # What no request can prevent: see the guide on exactness. The task uses no force, so that the Engine checks for use.
    is_window = engine.store != "containerd"
    differences += [] if is_window else lost
    history = tuple(step for other in others for step in other.history)
    marks = [
        module,
        *(["of two tasks at once"] if second is not None else []),
        *(["that skipped something"] if "skipped" in str(result.get("warnings")) else []),
    ]
    marks += ["requests that removed something"] * len(result.get("untagged", ()))
    marks += ["names lost in the window of graph drivers"] * (len(lost) if is_window else 0)
    marks += ["images named while the Engine said that it deleted them"] * len(
        named_since & set(result.get("deleted", ()))
    )
    marks += ["images lost by the Engine while a container was created"] * len(used)
    return Case(engine.name, *where, arguments, tuple(differences), tuple(marks), history, str(before))


def _listed(engine: Engine) -> dict[str, list[str]]:
    return {
        row["Id"]: [name for name in row["RepoTags"] or [] if "<none>" not in name and "@" not in name]
        for row in engine.client.images(all=True)
    }


def _differences(
    before: Mapping[str, list[str]],
    after: Mapping[str, list[str]],
    world: _World,
    planned: Mapping[str, t.Any],
    result: Mapping[str, t.Any],
    of_two: bool,
    named_since: Set[str],
) -> Iterator[str]:
    owners = _owners(after)
    deleted, untagged = set(result.get("deleted", ())), set(result.get("untagged", ()))
    gone = set(before) - set(after)
    # On the containerd store an image goes with its last name, and no answer says so, when another image gets that, or when
    # two clients remove the last two at once.
    named = {image_id: set(before[image_id]) for image_id in gone if before[image_id]}
    taken = world.taken_images | {
        image_id
        for image_id, names in named.items()
        if names & world.taken_names and names <= world.taken_names | untagged
    }
    if gone - set(planned["deleted"]) - taken:
        yield f"not planned, and deleted: {sorted(gone - set(planned['deleted']) - taken)}"
    if gone - taken - deleted:
        yield f"deleted, and not in the result: {sorted(gone - taken - deleted)}"
    if deleted - gone - named_since:
        yield f"in the result as deleted, and there: {sorted(deleted - gone - named_since)}"
    # Of two tasks that ask for the same image by its ID in the same moment, graph drivers may answer one that it is not
    # there, after they took its name for it, and the other that it was deleted.
    with_their_image = {name for image_id in deleted if of_two for name in before.get(image_id, ())}
    names = {name for names in before.values() for name in names} - with_their_image
    lost = {name for name in names if name not in owners}
    if lost - world.taken_names - untagged:
        yield f"untagged, and not in the result: {sorted(lost - world.taken_names - untagged)}"
    if untagged & set(owners) - world.taken_names:
        yield f"in the result as untagged, and there: {sorted(untagged & set(owners) - world.taken_names)}"
    if deleted & world.taken_images:
        yield f"in the result as deleted, and others did it: {sorted(deleted & world.taken_images)}"
    if result.get("failed"):
        yield f"the task failed: {result.get('msg')}"


def _owners(listed: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: image_id for image_id, names in listed.items() for name in names}


def _lost_tags(after: Mapping[str, list[str]], world: _World, result: Mapping[str, t.Any]) -> Iterator[str]:
    """What others gave a name, and the names that they gave."""
    owners = _owners(after)
    for name, image_id in world.given.items():
        if owners.get(name) != image_id:
            yield f"LOST TAG {name} of {image_id[7:19]}, which is {owners.get(name)}; {_said(result, name, image_id)}"


def _said(result: Mapping[str, t.Any], *things: str) -> str:
    keys = [key for key in ("deleted", "untagged") if set(things) & set(result.get(key, ()))]
    warned = [text for text in result.get("warnings", ()) if any(thing in text for thing in things)]
    return f"the result has it in {keys}, warnings {warned}"


CAMPAIGN = Campaign("races", run_session, LONG[0])
SHORT_CAMPAIGN = Campaign("races", functools.partial(run_session, size=SHORT), SHORT[0])

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN, short=SHORT_CAMPAIGN))

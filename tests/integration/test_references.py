# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, valid and not, as an Engine reads them and as the collection does."""

from __future__ import annotations

import random
import typing as t

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from tests.lab import state

if t.TYPE_CHECKING:
    from tests.lab import Engine

pytestmark = pytest.mark.engine

#: What distinguishes names to an Engine: separators of each kind, in each place, and upper case.
PIECES = [
    "a",
    "b1",
    "0",
    "A",
    ".",
    "_",
    "__",
    "___",
    "-",
    "--",
    "/",
    "/",
    ":",
    ":5000",
    "localhost",
    "docker.io/",
    "index.docker.io/",
]
PIECES += ["library/", "my_registry.local/", "r.example.com/", "R/", "é", " ", "*", "<none>", "@", "a.b", "latest"]
COUNT = 3000
SEED = 39


def random_name(source: random.Random) -> str:
    """Hardly any string of these pieces is a name, but many of the short ones are."""
    return "".join(source.choices(PIECES, k=source.randint(1, 6)))


def read(name: str) -> str | None:
    """How the collection prints a name, or nothing where it refuses it."""
    try:
        return Reference.parse(name).familiar
    except ValueError:
        return None


def test_random_names_are_read_as_the_engine_reads_them(fresh_engine: Engine) -> None:
    from docker.errors import APIError

    image = state.import_image(fresh_engine.client, "base:1", runnable=False)
    source = random.Random(SEED)
    names = dict.fromkeys(random_name(source) for _count in range(COUNT))
    differing, taken = [], 0
    before = tags(fresh_engine, image)
    for name in names:
        try:
            fresh_engine.client.tag(image, name)
        except APIError as exc:
            # Engine 20.10 does not know a host by its upper case alone.
            host = name.partition("/")[0]
            if read(name) is not None and (host.lower() == host or not fresh_engine.name.startswith("e20")):
                differing.append((name, read(name), str(exc)))
            continue
        taken += 1
        after = tags(fresh_engine, image)
        made = after - before
        printed = made.pop() if made else read(name)
        before = after
        if printed != read(name) or printed not in after:
            differing.append((name, read(name), str(printed)))
    assert differing == []
    assert taken > 50


def tags(engine: Engine, image: str) -> set[str]:
    """The tags of the one image, as an Engine lists them."""
    return set(engine.client.inspect_image(image)["RepoTags"])

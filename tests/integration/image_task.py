# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a task of C(image_remove) as an operator would: check mode, check mode again, for real, and for real again."""

from __future__ import annotations

import typing as t

from tests.integration.engine_state import EngineState
from tests.integration.module_run import run_module

if t.TYPE_CHECKING:
    from docker import APIClient

    from tests.lab.engine import Engine

#: What check mode foretells, word for word.
FORETOLD = (
    "failed",
    "changed",
    "untagged",
    "deleted",
    "absent",
    "conflicts",
    "diff",
    "images",
    "summary",
    "space_reclaimed",
    "space_exact",
    "deleted_layers",
    "msg",
)
#: What changes by itself, in listings and inspections.
_RESTLESS = ("Status",)


def run_task(engine: Engine, **options: t.Any) -> dict[str, t.Any]:
    """The result of the real run, after holding it against check mode's, the Engine's own words and a second run."""
    arguments = {"docker_host": engine.docker_host, **options}
    before, everything = EngineState.read(engine.client), all_of(engine.client)
    predicted = run_module("image_remove", arguments, check=True)
    assert run_module("image_remove", arguments, check=True) == predicted
    assert all_of(engine.client) == everything

    result = run_module("image_remove", arguments)
    assert {key: result.get(key) for key in FORETOLD} == {key: predicted.get(key) for key in FORETOLD}
    assert result.get("warnings") == predicted.get("warnings")
    after = EngineState.read(engine.client)
    assert set(before.images) - set(after.images) == set(result.get("deleted", ()))
    said = {name for name in result.get("untagged", ()) if not name.startswith("moby-dangling@")}
    assert before.references - after.references == said
    assert after.containers == before.containers

    everything = all_of(engine.client)
    again = run_module("image_remove", arguments)
    assert not again["changed"]
    assert (again.get("untagged", []), again.get("deleted", [])) == ([], [])
    assert again["failed"] is result["failed"]
    assert all_of(engine.client) == everything
    return result


def all_of(client: APIClient) -> dict[str, t.Any]:
    """Everything that the Engine's API tells of images, containers and volumes."""
    images = client.images(all=True)
    return {
        "images": _by_id(images),
        "dangling": _by_id(client.images(all=True, filters={"dangling": True})),
        "inspected": {image["Id"]: client.inspect_image(image["Id"]) for image in images},
        "containers": _by_id(client.containers(all=True)),
        "volumes": client.volumes()["Volumes"],
    }


def _by_id(rows: t.Iterable[dict[str, t.Any]]) -> dict[str, dict[str, t.Any]]:
    return {row["Id"]: {key: value for key, value in row.items() if key not in _RESTLESS} for row in rows}

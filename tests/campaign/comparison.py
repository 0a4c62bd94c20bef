# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode against the real run, and both against what the Engine then holds."""

from __future__ import annotations

import typing as t

from tests.integration.module_run import run_module
from tests.lab.proxy import RecordingProxy

if t.TYPE_CHECKING:
    from tests.integration.engine_state import EngineState
    from tests.lab.engine import Engine

#: What promise 1 names, and what a task says of the space it sets free.
PROMISED = ("failed", "changed", "untagged", "deleted", "absent", "conflicts", "diff")
SPACE = ("space_reclaimed", "space_exact")


def predict(module: str, engine: Engine, arguments: dict[str, t.Any]) -> tuple[dict[str, t.Any], list[str]]:
    """The result of check mode, and whatever it sent to the Engine but for reading."""
    proxy = RecordingProxy(engine.socket)
    try:
        predicted = run_module(module, {**arguments, "docker_host": proxy.docker_host}, check=True)
        return predicted, [f"check mode sent {method} {path}" for method, path in proxy.writes]
    finally:
        proxy.close()


def compare(predicted: dict[str, t.Any], actual: dict[str, t.Any]) -> t.Iterator[str]:
    """The promised keys of check mode against those of the real run; an error has none but its message."""
    keys = [*PROMISED, *SPACE, "images"]
    if actual.get("space_exact"):
        keys.append("deleted_layers")
    for key in [*keys, "msg"]:
        if predicted.get(key) != actual.get(key):
            yield f"{key}: predicted {predicted.get(key)!r}, got {actual.get(key)!r}"


def compare_with_truth(actual: dict[str, t.Any], before: EngineState, after: EngineState) -> t.Iterator[str]:
    """What the result says is removed against what was removed, and what it frees against what was freed."""
    removed = set(before.images) - set(after.images)
    if removed != set(actual.get("deleted", ())):
        yield f"deleted says {sorted(actual.get('deleted', ()))}, removed are {sorted(removed)}"
    lost = sorted(before.references - after.references)
    said = sorted(name for name in actual.get("untagged", ()) if not name.startswith("moby-dangling@"))
    if lost != said:
        yield f"untagged says {said}, removed are {lost}"
    if before.containers != after.containers:
        yield "a container changed"
    if "images" in actual:
        kept = {image["id"] for image in actual["images"] if image["action"] != "deleted"}
        if kept != set(after.images):
            yield f"images keeps {sorted(kept)}, left is {sorted(after.images)}"
    yield from _compare_bytes(actual, before, after)


def _compare_bytes(actual: dict[str, t.Any], before: EngineState, after: EngineState) -> t.Iterator[str]:
    freed = before.layers_size - after.layers_size
    claimed = actual.get("space_reclaimed", 0)
    # The Engine's own number leaves out layers that only a container holds, as if deleting its image had freed them.
    if before.holds_layers_by_container(set(actual.get("deleted", ()))):
        if claimed > freed:
            yield f"space_reclaimed claims {claimed}, at the most {freed} were freed"
    elif actual.get("space_exact") and claimed != freed and not before.is_containerd:
        yield f"space_reclaimed claims exactly {claimed}, freed were {freed}"
    elif claimed > freed:
        yield f"space_reclaimed claims at least {claimed}, freed were {freed}"

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draws the rooms of plugins/ and the arrows between them, from the imports of the code: `make rooms`.

Without an option it prints a table; with --mermaid, a graph for a page that renders one.
"""

from __future__ import annotations

import ast
import sys
import typing as t
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
PACKAGE = "ansible_collections.imagewarden.docker.plugins"

#: From the ground up: a room knows rooms on lower floors, and none beside it but where a floor says so.
FLOORS = (
    ("shared", "_engine"),
    ("_store",),
    ("_image",),
    ("_policy", "_container", "_build_cache"),
    ("_usage",),
    ("_cleanup",),
    ("plugin_utils",),
    ("modules", "action", "filter"),
)
#: The files beside the rooms and the Engine's room know each other.
GROUND = FLOORS[0]
PURPOSES = {
    "shared": "values and helpers: references, patterns, times, versions, errors, options",
    "_engine": "the Engine as it is: connection, requests, its JSON, a snapshot of it",
    "_store": "what an Engine does on a removal: graph drivers, the containerd image store, bytes",
    "_image": "removing images: request, selection, plan, execution, report",
    "_policy": "retention policies: what a policy keeps and removes, on the plan of images",
    "_container": "removing containers",
    "_build_cache": "removing build cache",
    "_usage": "what images take up, and who uses them",
    "_cleanup": "the chain of a host, and the report on a fleet",
    "plugin_utils": "what the action plugins share and only a controller has",
    "modules": "documentation and wiring",
    "action": "what the controller does before a module runs",
    "filter": "the reports of the role and the playbooks",
}


class Arrow(t.NamedTuple):
    """One file imports another, perhaps for its types alone. Paths are below plugins/."""

    source: str
    target: str
    is_for_types: bool


def room_of(path: str) -> str:
    """The room of a file: its directory, or `shared` for what lies in module_utils itself."""
    parts = path.split("/")
    if parts[0] != "module_utils":
        return parts[0]
    return parts[1] if len(parts) > 2 else "shared"


def floor_of(room: str) -> int:
    """The number of a room's floor."""
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise KeyError(f"{room} has no floor in tests/tools/rooms.py")


def files() -> list[str]:
    """The Python files of plugins/, without the fragments of documentation."""
    found = (path.relative_to(PLUGINS).as_posix() for path in PLUGINS.rglob("*.py"))
    return sorted(path for path in found if not path.startswith("doc_fragments/"))


def arrows() -> list[Arrow]:
    """Every import of one file of plugins/ by another."""
    return [arrow for path in files() for arrow in _arrows_of(path)]


def _arrows_of(path: str) -> t.Iterator[Arrow]:
    tree = ast.parse((PLUGINS / path).read_text(encoding="utf-8"))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            base = str(node.module)[len(PACKAGE) :].strip(".").replace(".", "/")
            for name in node.names:
                inner = f"{base}/{name.name}.py"
                target = inner if (PLUGINS / inner).is_file() else f"{base}.py"
                yield Arrow(path, target, id(node) in for_types)


def known_rooms() -> dict[str, list[str]]:
    """The rooms that are there, from the top down, each with those that it knows."""
    known: dict[str, set[str]] = {room_of(path): set() for path in files()}
    for arrow in arrows():
        known[room_of(arrow.source)].add(room_of(arrow.target))
    order = [room for rooms in FLOORS for room in rooms]
    return {
        room: [other for other in order if other in known[room] and other != room]
        for room in reversed(order)
        if room in known
    }


def table() -> str:
    """A line for each room, an empty line between floors."""
    known = known_rooms()
    lines = []
    for rooms in reversed(FLOORS):
        there = [room for room in rooms if room in known]
        lines += [f"{room:<13} {PURPOSES[room]}\n{'':13} -> {' '.join(known[room]) or 'nothing'}" for room in there]
        lines += [""] if there else []
    return "\n".join(lines).rstrip() + "\n"


def mermaid() -> str:
    """A graph. Nearly every room knows the ground floor, so that its arrows would hide the others."""
    lines = ["graph TD"]
    for room, others in known_rooms().items():
        lines += [f"    {room} --> {other}" for other in others if other not in GROUND and room not in GROUND]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(mermaid() if "--mermaid" in sys.argv[1:] else table())

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inputs that a seed and a number make, and the loop over them.

``IMAGEWARDEN_INPUTS=100000 make fuzz`` tries so many of each kind; ``IMAGEWARDEN_SEED`` chooses others. A failure says which
number replays it with ``IMAGEWARDEN_INPUT``.
"""

from __future__ import annotations

import os
import random
import traceback
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import ImageWardenError

#: Of each kind, in a usual run of the tests; on each further Python, some of them.
_USUAL, _BRIEF = 300, 30
#: Failures that a message has room for.
_SHOWN = 20
#: Values that no field expects.
STRANGE: tuple[t.Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1 << 70,
    1e308,
    -0.5,
    float("inf"),
    float("nan"),
    "",
    " ",
    "x",
    "0",
    "sha256:",
    "\x00",
    "é\u2028",
    "a" * 5000,
    [],
    [None],
    [[]],
    ["x", 1],
    {},
    {"x": None},
    {"": {}},
)


def inputs(kind: str) -> t.Iterator[tuple[int, random.Random]]:
    """The numbers of the inputs to try, each with what makes it."""
    seed, only = os.environ.get("IMAGEWARDEN_SEED", "1"), os.environ.get("IMAGEWARDEN_INPUT")
    usual = _BRIEF if os.environ.get("IMAGEWARDEN_EXAMPLES") == "brief" else _USUAL
    numbers = range(int(os.environ.get("IMAGEWARDEN_INPUTS", usual))) if only is None else [int(only)]
    for number in numbers:
        yield number, random.Random(f"{kind}/{seed}/{number}")


def check_all(kind: str, attempt: t.Callable[[random.Random], t.Any]) -> None:
    """Fails with the first inputs of which an attempt ended in anything but a result or one clear message."""
    found: list[str] = []
    for number, choose in inputs(kind):
        try:
            attempt(choose)
        except ImageWardenError as exc:
            if not str(exc).strip() or "Traceback" in str(exc):
                found.append(f"input {number}: the message is {str(exc)!r}")
        except Exception:
            found.append(f"input {number}: {traceback.format_exc()}")
    assert not found, "\n".join([f"{len(found)} of the kind {kind}, the first of them:", *found[:_SHOWN]])


def mutated(choose: random.Random, answer: t.Any) -> t.Any:
    """A copy of a JSON value in which something is missing, too much, or of another kind."""
    spots = list(_spots(answer))
    copy = _copied(answer)
    for _time in range(choose.choice([1, 1, 2, 3])):
        path = choose.choice(spots)
        if not path:
            copy = choose.choice(STRANGE) if choose.random() < 0.1 else copy
            continue
        _change(choose, copy, path)
    return copy


def _change(choose: random.Random, value: t.Any, path: tuple[t.Any, ...]) -> None:
    try:
        for key in path[:-1]:
            value = value[key]
        if choose.random() < 0.3:
            del value[path[-1]]
        elif choose.random() < 0.1 and isinstance(value, dict):
            value[choose.choice(["Extra", "", "Id", "error"])] = choose.choice(STRANGE)
        elif choose.random() < 0.1 and isinstance(value, list):
            value.append(choose.choice([value[path[-1]], choose.choice(STRANGE)]))
        else:
            value[path[-1]] = choose.choice(STRANGE)
    except (KeyError, IndexError, TypeError):
        # An earlier change took the place away.
        return


def _spots(value: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _spots(inner, (*path, key))


def _copied(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value

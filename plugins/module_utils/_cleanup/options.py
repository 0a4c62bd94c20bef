# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The options of C(cleanup_chain), and what is wrong with those of its stages, which the stages' own modules define."""

from __future__ import annotations

import difflib
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import RESULT
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import ORDERS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: Options of the modules that mean nothing in a chain, which has its results and its Engine from itself.
_NOT_IN_A_CHAIN = ("after", "snapshot", "snapshot_time")

#: The options of a stage, and what reads them.
_Offer = t.Tuple[t.Dict[str, t.Any], "Callable[[Mapping[str, t.Any]], t.Any]"]


# A host's Python compiles every file that it imports, each time anew: those of a stage that nobody asks for are left out.


def _containers() -> _Offer:
    from ansible_collections.imagewarden.docker.plugins.module_utils._container import options, stage

    return options.OPTIONS, stage.Stage.parse


def _images() -> _Offer:
    from ansible_collections.imagewarden.docker.plugins.module_utils._image import options, stage

    return options.OPTIONS, stage.Stage.parse


def _policy() -> _Offer:
    from ansible_collections.imagewarden.docker.plugins.module_utils._policy import options, stage

    return options.OPTIONS, stage.Stage.parse


def _build_cache() -> _Offer:
    from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache import options, stage

    return options.OPTIONS, stage.Stage.parse


#: The stages in the order of the chain: each with the options of its module, and what reads these.
STAGES: dict[str, Callable[[], _Offer]] = {
    "containers": _containers,
    "images": _images,
    "policy": _policy,
    "build_cache": _build_cache,
}

#: The options of a target that images and build cache share.
TARGET: dict[str, t.Any] = {
    "disk_used_above": {"type": "float"},
    "disk_used_below": {"type": "float"},
    "disk_path": {"type": "path"},
    "order": {"type": "str", "choices": list(ORDERS)},
}

OPTIONS: dict[str, t.Any] = {
    **{name: {"type": "dict", "default": {}} for name in STAGES},
    "target": {"type": "dict", "options": TARGET},
    "totals": {"type": "bool", "default": True},
    "details": RESULT["details"],
    "layers": RESULT["layers"],
    "on_error": {"type": "str", "choices": ["continue", "stop"], "default": "continue"},
    "snapshot": {"type": "bool", "default": False},
}


class Checked(t.NamedTuple):
    """The stage that options describe, or what is wrong with them. An empty dictionary has neither."""

    stage: t.Any = None
    errors: tuple[str, ...] = ()


def check(name: str, options: t.Any, common: Mapping[str, t.Any], shown_as: str | None = None) -> Checked:
    """Read the options of a stage as its module does, without an Engine.

    ``common`` are values of the chain that a stage takes over: C(docker_host), and C(details) and C(layers) unless it has
    its own. Every message begins with the option, and ``shown_as`` is what its user calls the stage.
    """
    shown_as = shown_as or name
    if not isinstance(options, dict):
        return Checked(errors=(f"{shown_as}: {options!r} is not a dictionary of options",))
    if not options:
        return Checked()
    spec, parse = STAGES[name]()
    spec = {key: value for key, value in spec.items() if key not in _NOT_IN_A_CHAIN}
    errors = tuple(f"{shown_as}: {error}" for error in misshapen(spec, options))
    if errors:
        return Checked(errors=errors)
    given = {**{key: common[key] for key in ("details", "layers") if key in common and key in spec}, **options}
    try:
        validated = ArgumentSpecValidator(spec).validate(given)
    except (TypeError, ValueError, OverflowError) as exc:
        # Ansible's own check ends so for some values, such as an infinite number of images.
        return Checked(errors=(f"{shown_as}: {options!r} cannot be read: {exc}",))
    if validated.error_messages:
        return Checked(errors=tuple(f"{shown_as}: {message}" for message in validated.error_messages))
    try:
        return Checked(parse({**validated.validated_parameters, "docker_host": common["docker_host"]}))
    except InvalidRequest as exc:
        return Checked(errors=(f"{shown_as}: {exc}",))


def misshapen(spec: Mapping[str, t.Any], options: Mapping[t.Any, t.Any], inside: str = "") -> Iterator[str]:
    """Options that are unknown, and values that are not the dictionary that they have to be."""
    known = {name: option for own, option in spec.items() for name in [own, *option.get("aliases", ())]}
    for key, value in options.items():
        path = f"{inside}{key}"
        if key not in known:
            yield f"{path}: no such option{did_you_mean(str(key), known)}"
        elif known[key].get("type") == "dict" and value is not None:
            if not isinstance(value, dict):
                yield f"{path}: {value!r} is not a dictionary"
            else:
                yield from misshapen(known[key]["options"], value, f"{path}.") if "options" in known[key] else ()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is nearest, or at all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(names)}"

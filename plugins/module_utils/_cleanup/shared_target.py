# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.
"""The target of a chain that images and build cache share: reading it, and handing it to their stages. No I/O."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import TARGET, misshapen
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._limits import DiskUse
from ansible_collections.imagewarden.docker.plugins.module_utils._sharing import LARGEST, LEAST_RECENTLY_USED

if t.TYPE_CHECKING:
    from collections.abc import Mapping

#: The stages that share a target.
POLICY, BUILD_CACHE = "policy", "build_cache"
#: What a policy may still limit by itself.
_OWN = ("images_per_run",)


class SharedTarget(t.NamedTuple):
    """The limits that both stages take over, and the order in which images and build cache are removed."""

    limits: Mapping[str, t.Any]
    order: str

    @classmethod
    def parse(cls, raw: t.Any, shown_as: str = "target") -> SharedTarget | None:
        """Read the option; ``None`` when it says nothing. Raises :class:`InvalidRequest`."""
        if not isinstance(raw, (dict, type(None))):
            raise InvalidRequest(f"{shown_as}: {raw!r} is not a dictionary of options")
        given = {key: value for key, value in (raw or {}).items() if value is not None}
        if not given:
            return None
        errors = list(misshapen(TARGET, given))
        if errors:
            raise InvalidRequest("; ".join(f"{shown_as}.{error}" for error in errors))
        validated = ArgumentSpecValidator(TARGET).validate(given)
        if validated.error_messages:
            raise InvalidRequest("; ".join(f"{shown_as}: {message}" for message in validated.error_messages))
        limits = {key: value for key, value in validated.validated_parameters.items() if value is not None}
        order = str(limits.pop("order", LEAST_RECENTLY_USED))
        if DiskUse.parse(shown_as, limits) is None:
            raise InvalidRequest(f"{shown_as}: nothing to reach: give disk_used_above, disk_used_below or both")
        return cls(limits, order)

    def handed_to(self, stages: Mapping[str, t.Any], shown_as: Mapping[str, str]) -> tuple[dict[str, t.Any], list[str]]:
        """The options of all stages with the target in those that share it, or what is wrong with theirs.

        One of the two alone has the target for itself.
        """
        sharing = [name for name in (POLICY, BUILD_CACHE) if stages.get(name)]
        if not sharing:
            text = f"nothing shares it: give {shown_as[POLICY]}, {shown_as[BUILD_CACHE]} or both"
            return dict(stages), [f"{shown_as['target']}: {text}"]
        handed, errors = dict(stages), []
        for name in sharing:
            own = _target_of(stages[name])
            allowed = _OWN if name == POLICY else ()
            errors += [
                f"{shown_as[name]}: target.{key}: {shown_as['target']} is given, and replaces it"
                for key in own
                if key not in allowed
            ]
            if isinstance(stages[name], dict):
                order = LARGEST if self.order == LARGEST else LEAST_RECENTLY_USED
                handed[name] = {**stages[name], "target": {**own, **self.limits, "order": order}}
        return (dict(stages), errors) if errors else (handed, [])


def _target_of(options: t.Any) -> dict[str, t.Any]:
    """What a stage's own options say of a target, as far as they can be read."""
    own = options.get("target") if isinstance(options, dict) else None
    return {key: value for key, value in own.items() if value is not None} if isinstance(own, dict) else {}

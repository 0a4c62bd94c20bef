# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Reading the values of options: parsed one by one, with the option in every message; and labels. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_Parsed = t.TypeVar("_Parsed")


def parse_all(option: str, parse: Callable[[str], _Parsed], values: Iterable[str]) -> list[_Parsed]:
    """Parse each value of an option; the first that cannot be becomes an :class:`InvalidRequest` that names the option."""
    parsed = []
    for value in values:
        try:
            parsed.append(parse(value))
        except ValueError as exc:
            raise InvalidRequest(f"{option}: {exc}") from exc
    return parsed


def written(option: str, values: Iterable[t.Any]) -> list[str]:
    """The strings of a list of names. A number is refused: YAML has already read ``1.10`` as 1.1 and ``0501`` as 321.

    Raises :class:`InvalidRequest`.
    """
    texts = []
    for value in values:
        if isinstance(value, (bool, int, float)):
            kind = "boolean" if isinstance(value, bool) else "number"
            raise InvalidRequest(f'{option}: {value!r} is, in YAML, a {kind} and not a string: quote it, as in "1.10"')
        if not isinstance(value, str):
            raise InvalidRequest(f"{option}: {value!r} is not a string")
        texts.append(value.strip())
    return texts


def at_least(option: str, value: int, least: int) -> int:
    """A number that is not too small. Raises :class:`InvalidRequest`."""
    if value < least:
        raise InvalidRequest(f"{option}: {value} is less than {least}")
    return value


class LabelMatch(t.NamedTuple):
    """``key`` or ``key=value``."""

    key: str
    value: str | None

    @classmethod
    def parse(cls, text: str) -> LabelMatch:
        """Raises ``ValueError`` where nothing could match: no key, white space around the sign, ``key!=value``, ``key==``."""
        key, equals, value = text.strip().partition("=")
        if not key.strip() or key != key.strip() or value != value.strip():
            raise ValueError(f"{text!r} is not a label: write key or key=value")
        if key.endswith("!") or key.startswith("!"):
            name = key.strip("!")
            raise ValueError(
                f"{text!r} is not a label: to keep what has {name!r}, write it to exclude_labels, or in filters to label!"
            )
        if equals and not value:
            raise ValueError(f"{text!r} has no value: write {key!r} for any value")
        if value.startswith("="):
            raise ValueError(f"{text!r} is not a label: write one equals sign, as in {key}={value.lstrip('=')}")
        return cls(key, value if equals else None)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels hold this key, and this value if one is asked for."""
        return self.key in labels and (self.value is None or labels[self.key] == self.value)

    def __str__(self) -> str:
        return self.key if self.value is None else f"{self.key}={self.value}"

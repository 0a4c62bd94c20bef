# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Whether registries still have images, asked through the Engine. Only an answer that says so counts as a yes."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import several
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, EngineUnavailable

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

#: The Engine's answers that mean that the registry spoke, and does not have the image or does not show it.
_SPOKE = (401, 403, 404)


class Answer(t.NamedTuple):
    """Whether a registry still has an image, and in words who said what."""

    is_there: bool
    text: str


def ask_registries(names: Mapping[str, Sequence[Reference]], ask: Callable[[str], object]) -> dict[str, Answer]:
    """Every image's answer, by ID; ``ask`` takes a reference with a digest and raises when there is no such image.

    ``names`` are those by which registries would know exactly its content. A registry that once did not answer is not asked again.
    """
    silent = _Silent()
    return dict(zip(names, several(lambda known: _answer(known, ask, silent), list(names.values()))))


class _Silent:
    """The registries that did not answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._domains: dict[str, str] = {}

    def add(self, domain: str, text: str) -> None:
        with self._lock:
            self._domains.setdefault(domain, text)

    def get(self, domain: str) -> str | None:
        with self._lock:
            return self._domains.get(domain)


def _answer(names: Sequence[Reference], ask: Callable[[str], object], silent: _Silent) -> Answer:
    if not names:
        return Answer(False, "no registry knows it: it has no digest of one")
    texts = []
    for name in names:
        text = silent.get(name.domain)
        if text is None:
            text = _ask(name, ask, silent)
            if text is None:
                return Answer(True, f"{name.domain} has {name.familiar}")
        texts.append(text)
    return Answer(False, "; ".join(dict.fromkeys(texts)))


def _ask(name: Reference, ask: Callable[[str], object], silent: _Silent) -> str | None:
    """``None`` when the registry has it, else why that is not known."""
    try:
        ask(name.familiar)
    except EngineError as exc:
        if exc.status in _SPOKE:
            return f"{name.domain} does not show {name.familiar}: {exc.explanation}"
        silent.add(name.domain, f"the registry {name.domain} does not answer: {exc.explanation}")
    except EngineUnavailable as exc:
        silent.add(name.domain, f"the registry {name.domain} does not answer: {exc}")
    else:
        return None
    return silent.get(name.domain)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What can go wrong: every error that a module turns into one clear failure message."""

from __future__ import annotations


class ImageWardenError(Exception):
    """Base of every error that a module turns into one clear failure message."""


class InvalidRequest(ImageWardenError):
    """An option that cannot be understood. Raised before any removal; the message quotes the input."""


class LibraryMissing(ImageWardenError):
    """A library is not installed on the managed host. ``trace`` is the traceback of its import.

    ``packages`` are the names of the distributions' package, and of the one on Python's index.
    """

    def __init__(self, message: str, trace: str | None, library: str, packages: str) -> None:
        super().__init__(message)
        self.trace = trace
        self.library = library
        self.packages = packages


class SdkMissing(LibraryMissing):
    """The Docker SDK for Python."""

    def __init__(self, message: str, trace: str | None = None) -> None:
        packages = "the distribution's package python3-docker, or docker from the Python package index"
        super().__init__(message, trace, "docker", packages)


class EngineUnavailable(ImageWardenError):
    """The Engine cannot be reached, or speaks no API version that both sides know."""


class EngineError(ImageWardenError):
    """The Engine answered a request with an error status.

    ``status`` is the HTTP status code, ``explanation`` the Engine's own words.
    """

    def __init__(self, status: int, explanation: str, request: str = "") -> None:
        super().__init__(f"{request + ': ' if request else ''}the Engine answered {status}: {explanation}")
        self.status = status
        self.explanation = explanation

    @property
    def may_be_forced(self) -> bool:
        """Of a conflict, whether the Engine says that ``force`` would help: C((must force)) or C((must be forced))."""
        return self.status == 409 and "(must " in self.explanation


class UnreadableAnswer(EngineError):
    """An answer of the Engine has no such field as it should have; ``detail`` names it. It has no status."""

    def __init__(self, detail: str) -> None:
        super().__init__(0, f"the Engine's answer cannot be understood: {detail}")
        self.detail = detail

    def __str__(self) -> str:
        return self.explanation


class NotArchived(ImageWardenError):
    """An image could not be saved, and so must not be removed."""

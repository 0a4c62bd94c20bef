# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Reads the Compose files of C(keep.compose_files) on the managed host, and those that they include or extend."""

from __future__ import annotations

import os
import posixpath
import stat
import typing as t
from collections import deque

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest, LibraryMissing
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose import (
    YAML_IMPORT_ERROR,
    Composed,
    ComposeFile,
    Context,
    Mention,
    is_remote,
    mentions_of,
    project_names,
    unknown_file,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose_variables import (
    ANYTHING,
    interpolate,
    read_environment,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose import Include

_OPTION = "keep.compose_files"
#: Beyond any Compose file that people write, and read within seconds.
_LARGEST = 1_000_000
_MOST_FILES = 2_000
_MOST_MENTIONS = 200_000

_DEFAULTS = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_OVERRIDES = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
)


def read_compose_files(paths: Sequence[str]) -> Composed:
    """What the files name. Raises :class:`InvalidRequest` for one that cannot be read: an image that it names could be removed."""
    if not paths:
        return Composed()
    if YAML_IMPORT_ERROR is not None:
        raise LibraryMissing(
            f"{_OPTION}: PyYAML is missing",
            YAML_IMPORT_ERROR,
            library="PyYAML",
            packages="the distribution's package python3-yaml, or PyYAML from the Python package index",
        )
    reader = _Reader()
    for path in paths:
        reader.read_project(path)
    reader.finish(paths)
    return Composed(tuple(dict.fromkeys(reader.mentions)), tuple(dict.fromkeys(reader.warnings)))


class _Reader:
    """One walk through all files. Mutable."""

    def __init__(self) -> None:
        self.mentions: list[Mention] = []
        self.warnings: list[str] = []
        self._files: dict[str, ComposeFile] = {}
        self._environments: dict[str, dict[str, str]] = {}
        #: The files of each project's directory, and the names that these give it.
        self._projects: dict[str, list[tuple[str, ComposeFile]]] = {}
        self._waiting: deque[tuple[str, ComposeFile, Context, str]] = deque()
        self._passed: set[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = set()

    def read_project(self, path: str) -> None:
        """Read a file that was listed; what it names is found by :meth:`finish`, when all names of its project are known."""
        self._projects.setdefault(posixpath.dirname(path), []).append((path, self._file(path, "")))

    def finish(self, listed: Sequence[str]) -> None:
        """Find what the projects name."""
        for directory, files in self._projects.items():
            environment = posixpath.join(directory, ".env")
            values = self._environment(environment, {}, is_needed=False)
            names = [interpolate(name, values).text for _path, file in files for name in file.names]
            names += [values["COMPOSE_PROJECT_NAME"]] if values.get("COMPOSE_PROJECT_NAME") else []
            if any(ANYTHING in name for name in names):
                self._warn(
                    f"{files[0][0]!r}: the name of the project depends on a variable whose value is not known:"
                    " every image that may be built for one of its services is kept"
                )
            context = Context(values, project_names(names, directory), (environment,))
            self._waiting.extend((path, file, context, directory) for path, file in files)
            while self._waiting:
                self._take(*self._waiting.popleft())
            self._warn_of_others(directory, values, listed)

    def _take(self, path: str, file: ComposeFile, context: Context, root: str) -> None:
        """Find what a file names, and put the files that it includes and extends in the queue."""
        key = (path, root, context.projects, context.environments)
        if key in self._passed:
            return
        if len(self._passed) >= _MOST_FILES:
            raise InvalidRequest(
                f"{_OPTION}: more than {_MOST_FILES} files are to be read, with those that they include"
            )
        self._passed.add(key)
        for mention, warning in mentions_of(path, file, context):
            self.mentions += [] if mention is None else [mention]
            self._warn(warning)
        if len(self.mentions) > _MOST_MENTIONS:
            raise InvalidRequest(f"{_OPTION}: the files name more than {_MOST_MENTIONS} images")
        directory = posixpath.dirname(path)
        for text in file.extended:
            other = self._resolved(path, directory, "extends", text, context.values)
            if other is not None:
                self._waiting.append((other, self._file(other, path), context, root))
        for include in file.includes:
            self._include(path, directory, include, context)

    def _include(self, path: str, directory: str, include: Include, context: Context) -> None:
        others = [self._resolved(path, directory, "include", text, context.values) for text in include.paths]
        found = [other for other in others if other is not None]
        if not found:
            return
        root = posixpath.dirname(found[0])
        if include.directory is not None:
            named = self._resolved(path, directory, "include.project_directory", include.directory, context.values)
            if named is None:
                return
            root = named
        values: Mapping[str, str] = context.values
        environments = [posixpath.join(root, ".env")]
        if include.environments is not None:
            read = [
                self._resolved(path, directory, "include.env_file", text, context.values)
                for text in include.environments
            ]
            environments = [environment for environment in read if environment is not None]
        for environment in environments:
            values = self._environment(environment, values, is_needed=include.environments is not None)
        sources = tuple(dict.fromkeys([*context.environments, *environments]))
        for other in found:
            file = self._file(other, path)
            names = [*context.projects, *(interpolate(name, values).text for name in file.names)]
            self._waiting.append((other, file, Context(values, project_names(names, root), sources), root))

    def _resolved(self, path: str, directory: str, place: str, text: str, values: Mapping[str, str]) -> str | None:
        """The path that a file names; ``None`` where it cannot be known, so that everything is kept."""
        name = interpolate(text, values).text
        if ANYTHING in name or is_remote(name):
            mention, warning = unknown_file(path, place, text)
            self.mentions.append(mention)
            self._warn(warning)
            return None
        return posixpath.normpath(posixpath.join(directory, posixpath.expanduser(name)))

    def _file(self, path: str, named_by: str) -> ComposeFile:
        if path not in self._files:
            try:
                self._files[path] = ComposeFile.parse(_content(path))
            except (OSError, ValueError) as exc:
                raise _unreadable(path, named_by, exc) from exc
        return self._files[path]

    def _environment(self, path: str, around: Mapping[str, str], is_needed: bool) -> dict[str, str]:
        if not is_needed and not os.path.lexists(path):
            return dict(around)
        try:
            return read_environment(_content(path).decode("utf-8"), around)
        except (OSError, ValueError) as exc:
            raise _unreadable(path, "", exc) from exc

    def _warn_of_others(self, directory: str, values: Mapping[str, str], listed: Iterable[str]) -> None:
        """Files that Compose reads by itself with one that is listed, and that are not: what only they name is not kept."""
        known = {posixpath.normpath(path) for path in listed}
        others = []
        if any(posixpath.basename(path) in _DEFAULTS for path, _file in self._projects[directory]):
            others = [
                path for path in (posixpath.join(directory, name) for name in _OVERRIDES) if os.path.lexists(path)
            ]
        separator = values.get("COMPOSE_PATH_SEPARATOR") or ":"
        for name in (values.get("COMPOSE_FILE") or "").split(separator):
            if name and ANYTHING not in name:
                others.append(posixpath.normpath(posixpath.join(directory, name)))
        for path in others:
            if path not in known:
                self._warn(
                    f"{path!r} belongs to a project of the list and is not listed itself: what only it names is not kept"
                )

    def _warn(self, warning: str | None) -> None:
        if warning is not None:
            self.warnings.append(f"{_OPTION}: {warning}")


def _content(path: str) -> bytes:
    """The bytes of a file. Raises ``OSError``, and ``ValueError`` for what is no regular file, or too large."""
    # A pipe would wait for someone who writes into it.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is not a file")
    with open(path, "rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes")
    return content


def _unreadable(path: str, named_by: str, exc: Exception) -> InvalidRequest:
    if isinstance(exc, UnicodeDecodeError):
        reason = "it is not UTF-8"
    elif isinstance(exc, OSError):
        reason = exc.strerror or str(exc)
        if isinstance(exc, FileNotFoundError) and any(character in path for character in "*?["):
            reason += "; patterns are not expanded, but ansible.builtin.find can list the files"
    else:
        reason = str(exc)
    by = f", which {named_by!r} names," if named_by else ""
    return InvalidRequest(f"{_OPTION}: {path!r}{by} cannot be read: {reason}")

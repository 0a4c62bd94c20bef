# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""What a Compose file names: the images of its services, and the files that it includes. No I/O."""

from __future__ import annotations

import posixpath
import re
import traceback
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose_variables import (
    ANYTHING,
    Resolved,
    interpolate,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.request import NamedImage
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import is_image_id

try:
    import yaml
except ImportError:
    YAML_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    YAML_IMPORT_ERROR = None

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

#: So many keys may come from merges (C(<<)), which a file of a few lines can multiply without end.
_MOST_MERGED = 100_000
_MERGE, _NULL = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:null"
#: What Compose fetches from elsewhere: an artifact of a registry, a repository of git.
_REMOTE_RE = re.compile(r"[a-z+]+://|git@|github\.com/")


class Service(t.NamedTuple):
    """A service, with the images that it names, as they are written. Compose may build one of its own without C(image)."""

    name: str
    images: tuple[str, ...]
    may_be_built: bool


class Include(t.NamedTuple):
    """Files that a file includes as a project in itself."""

    paths: tuple[str, ...]
    directory: str | None = None
    environments: tuple[str, ...] | None = None


class ComposeFile(t.NamedTuple):
    """What matters of a file; every string is as it is written."""

    names: tuple[str, ...]
    services: tuple[Service, ...]
    includes: tuple[Include, ...]
    extended: tuple[str, ...]

    @classmethod
    def parse(cls, text: bytes) -> ComposeFile:
        """Read a file. Raises ``ValueError``, which quotes no value: environments hold passwords."""
        try:
            return cls._of(_documents(text))
        except RecursionError as exc:
            raise ValueError("it is nested too deeply") from exc

    @classmethod
    def _of(cls, documents: Iterable[yaml.Node]) -> ComposeFile:
        walk = _Walk()
        names: list[str] = []
        services: list[Service] = []
        includes: list[Include] = []
        extended: list[str] = []
        is_project = False
        for node in documents:
            top = walk.mapping(node, "the file")
            is_project = is_project or not {"services", "include"}.isdisjoint(top)
            names += walk.strings(top.get("name"), "name")
            for element in walk.elements(top.get("include"), "include"):
                includes.append(_include(walk, element))
            for name, service in walk.mapping(top.get("services"), "services").items():
                found, files = _service(walk, name, service)
                services.append(found)
                extended += files
        if not is_project:
            raise ValueError("it has no services")
        return cls(tuple(names), tuple(services), tuple(includes), tuple(extended))


def _documents(text: bytes) -> Iterator[yaml.Node]:
    """The nodes of each document. Nothing is constructed, whatever tags say, and an alias is the node that it refers to."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            while loader.check_node():
                yield t.cast("yaml.Node", loader.get_node())
        finally:
            loader.dispose()
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 1}"
        raise ValueError(
            f"it is not YAML{where}: {getattr(exc, 'problem', None) or 'it contains strange characters'}"
        ) from exc


class _Walk:
    """Reads nodes as plain values. Merges are carried out as far as something asks for them, and each mapping's only once."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, yaml.Node]] = {}
        self._active: set[int] = set()
        self._merged = 0

    def mapping(self, node: yaml.Node | None, place: str) -> dict[str, yaml.Node]:
        """The values of a mapping by their keys; of nothing, none."""
        if node is None or _is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"{place} is not a mapping")
        if id(node) not in self._known:
            if id(node) in self._active:
                raise ValueError(f"{place} merges itself")
            self._active.add(id(node))
            self._known[id(node)] = self._pairs(node, place)
            self._active.discard(id(node))
        return self._known[id(node)]

    def _pairs(self, node: yaml.MappingNode, place: str) -> dict[str, yaml.Node]:
        own: dict[str, yaml.Node] = {}
        merged: dict[int, yaml.Node] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                merged.update((id(source), source) for source in self.elements(value, place))
            elif isinstance(key, yaml.ScalarNode):
                if key.value in own:
                    raise ValueError(f"{place} has the key {key.value!r} twice")
                own[key.value] = value
        for source in merged.values():
            pairs = self.mapping(source, place)
            self._merged += len(pairs)
            if self._merged > _MOST_MERGED:
                raise ValueError(f"it merges more than {_MOST_MERGED} keys")
            for name, value in pairs.items():
                own.setdefault(name, value)
        return own

    def elements(self, node: yaml.Node | None, _place: str) -> list[yaml.Node]:
        """The elements of a list; of anything else, that alone."""
        if node is None or _is_null(node):
            return []
        return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]

    def strings(self, node: yaml.Node | None, place: str) -> list[str]:
        """The strings of a list, or a single one, without empty ones."""
        found = []
        for element in self.elements(node, place):
            if not isinstance(element, yaml.ScalarNode):
                raise ValueError(f"{place} is not a string")
            if element.value.strip() and not _is_null(element):
                found.append(element.value.strip())
        return found


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == _NULL)


def _service(walk: _Walk, name: str, node: yaml.Node) -> tuple[Service, list[str]]:
    """A service, and the files that it extends services of."""
    place = f"services.{name}"
    options = walk.mapping(node, place)
    images = walk.strings(options.get("image"), f"{place}.image")
    extended = _files_extended(walk, options.get("extends"), f"{place}.extends")
    found = [*images, *_built(walk, options.get("build"), f"{place}.build")]
    for volume in walk.elements(options.get("volumes"), place):
        if isinstance(volume, yaml.MappingNode):
            mount = walk.mapping(volume, f"{place}.volumes")
            if walk.strings(mount.get("type"), f"{place}.volumes.type") == ["image"]:
                found += walk.strings(mount.get("source"), f"{place}.volumes.source")
    # Without C(build) too: that may be in a file that it extends, or in one that is merged with this one.
    return Service(name, tuple(found), not images), extended


def _built(walk: _Walk, node: yaml.Node | None, place: str) -> list[str]:
    """The names that a build gives an image besides its own."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return walk.strings(walk.mapping(node, place).get("tags"), f"{place}.tags")


def _files_extended(walk: _Walk, node: yaml.Node | None, place: str) -> list[str]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return walk.strings(walk.mapping(node, place).get("file"), f"{place}.file")


def _include(walk: _Walk, node: yaml.Node) -> Include:
    if not isinstance(node, yaml.MappingNode):
        return Include(tuple(walk.strings(node, "include")))
    options = walk.mapping(node, "include")
    directory = walk.strings(options.get("project_directory"), "include.project_directory")
    environments = walk.strings(options.get("env_file"), "include.env_file")
    return Include(
        tuple(walk.strings(options.get("path"), "include.path")),
        directory[0] if directory else None,
        tuple(environments) if environments else None,
    )


class Likeness(t.NamedTuple):
    """What a string can name of which parts are not known: the parts that are, in order."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Likeness:
        """Of a resolved string. Before a digest, a name may have any tag."""
        name, at, _digest = text.partition("@")
        if at:
            path, slash, last = name.rpartition("/")
            name = path + slash + last.partition(":")[0] + ANYTHING
        return cls(tuple(name.split(ANYTHING)))

    @property
    def is_anything(self) -> bool:
        """Whether every image may be meant."""
        return not any(self.parts)

    def matches(self, reference: Reference) -> bool:
        """Whether this reference may be meant, in any of its spellings."""
        return any(map(self.fits, spellings(reference)))

    def fits(self, text: str) -> bool:
        """Whether a string has these parts, in linear time."""
        first, last = self.parts[0], self.parts[-1]
        position, end = len(first), len(text) - len(last)
        if end < position or not text.startswith(first) or not text.endswith(last):
            return False
        for part in self.parts[1:-1]:
            position = text.find(part, position, end)
            if position < 0:
                return False
            position += len(part)
        return True


def spellings(reference: Reference) -> list[str]:
    """How a Compose file can write a reference."""
    names = [reference.familiar_name]
    if reference.domain == "docker.io":
        names.append(reference.path)
        names += [f"{domain}/{name}" for domain in ("docker.io", "index.docker.io") for name in names]
    suffixes = [reference.suffix]
    if reference.digest is not None and reference.tag is None:
        # A value that is not known may be a tag with this digest.
        suffixes.append(f":{reference.suffix}")
    elif reference.suffix == ":latest":
        suffixes.append("")
    return [name + suffix for name in names for suffix in suffixes]


class Mention(t.NamedTuple):
    """An image that a file names: exactly, or, where variables are not known, in part."""

    file: str
    why: str
    named: NamedImage | None = None
    likeness: Likeness | None = None


class Composed(t.NamedTuple):
    """What all files name, and what an operator should know of it."""

    mentions: tuple[Mention, ...] = ()
    warnings: tuple[str, ...] = ()


class Context(t.NamedTuple):
    """What a file's strings are read with: variables, and the names that the project can have."""

    values: Mapping[str, str]
    projects: tuple[str, ...]
    #: The files that the variables are from.
    environments: tuple[str, ...] = ()


def is_remote(text: str) -> bool:
    """Whether Compose fetches this file from elsewhere."""
    return _REMOTE_RE.match(text) is not None


def project_names(texts: Iterable[str], directory: str) -> tuple[str, ...]:
    """The names that Compose can give a project: those that are set, and that of its directory.

    Which of them counts depends on options and on the environment. Older releases leave out hyphens and underscores.
    """
    found: dict[str, None] = {}
    for text in (*texts, posixpath.basename(directory)):
        name = re.sub(f"[^-_a-z0-9{ANYTHING}]", "", text.lower()).lstrip("_-")
        for spelled in (name, re.sub("[-_]", "", name)):
            if spelled:
                found[spelled] = None
    return tuple(found)


def unknown_file(path: str, place: str, text: str) -> tuple[Mention, str]:
    """Of a file that cannot be found: it may name every image."""
    why = f"{place} names {text!r}, which cannot be read here and may name any image"
    return Mention(path, why, likeness=Likeness.of(ANYTHING)), f"{path!r}: {why}: every image is kept"


def mentions_of(path: str, file: ComposeFile, context: Context) -> Iterator[tuple[Mention | None, str | None]]:
    """What a file names, each with a warning if there is something to say of it."""
    for service in file.services:
        place = f"services.{service.name}"
        for text in service.images:
            yield _mention(path, place, text, interpolate(text, context.values))
        if not service.may_be_built:
            continue
        for project in context.projects:
            for separator in "-_":
                name = f"{project}{separator}{service.name}".lower()
                built = f"Compose builds the service {service.name} under this name"
                if ANYTHING in name:
                    yield Mention(path, built, likeness=Likeness.of(name)), None
                    continue
                try:
                    yield Mention(path, built, NamedImage.parse(name, optional=True)), None
                except ValueError:
                    # Nothing can be built under it.
                    continue


def _mention(path: str, place: str, text: str, resolved: Resolved) -> tuple[Mention | None, str | None]:
    name = resolved.text.strip()
    if ANYTHING not in name:
        try:
            named = NamedImage.parse(name, optional=True)
        except ValueError as exc:
            # A variable can hold a password by mistake, so its value is not shown.
            why = f"with its variables, {text!r} is not a valid image reference" if name != text else str(exc)
            return None, f"{path!r}: {place} names no image that can exist: {why}"
        return Mention(path, f"{place} names it", named), None
    likeness = Likeness.of(name)
    if resolved.unknown:
        names = ", ".join(resolved.unknown)
        cause = (
            f"the value of {names} is not known"
            if len(resolved.unknown) == 1
            else f"the values of {names} are not known"
        )
    else:
        cause = "its variables cannot be read"
    why = f"{place} may name it: {text!r}, where {cause}"
    kept = "every image is kept" if likeness.is_anything else "every image that it may name is kept"
    digest = name.partition("@")[2]
    by_digest = NamedImage.parse(digest, optional=True) if is_image_id(digest) else None
    return Mention(path, why, by_digest, likeness), f"{path!r}: {place}: in {text!r}, {cause}: {kept}"

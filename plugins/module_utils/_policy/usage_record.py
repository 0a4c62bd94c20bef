# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The usage record: what earlier runs saw of images and their use, in one small file on the managed host.

An Engine forgets when an image was last used as soon as its last container is removed. Each real run, and the service of
the role C(usage_recorder), notes for every image when it was first seen and when it was last seen used, and in which time no
use was missed. The file holds nothing about images that were removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import tempfile
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import CLOCK

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_FORMAT = 1
#: A record of an Engine that no run has seen for so long is dropped (seconds).
_FORGET_ENGINE_AFTER = 400 * 86400
_MOST_ENGINES = 64
#: Seconds to wait for whoever else writes the record, which takes much less than one.
_LOCK = 20.0


class Sighting(t.NamedTuple):
    """When an image was first seen, and when it was last seen used, in Unix seconds."""

    first_seen: float
    last_used: float | None = None


class Watched(t.NamedTuple):
    """The time in which no use was missed, in Unix seconds."""

    since: float
    until: float

    def joined(self, other: Watched | None) -> Watched:
        """Both where one reaches into the other; otherwise the later one, because there is a gap."""
        if other is None:
            return self
        if self.since <= other.until and other.since <= self.until:
            return Watched(min(self.since, other.since), max(self.until, other.until))
        return max(self, other)


@dataclasses.dataclass(frozen=True)
class UsageRecord:
    """What is known of an Engine's images, by ID. ``watched`` is ``None`` as long as nobody watched."""

    sightings: t.Mapping[str, Sighting] = dataclasses.field(default_factory=dict)
    watched: Watched | None = None

    def seen(
        self, image_ids: Iterable[str], used: Mapping[str, float], now: float, watched: Watched | None = None
    ) -> UsageRecord:
        """The record after a look at these images, and at when some of them were used. Images that were removed are dropped.

        ``watched`` is the time in which this look missed no use.
        """
        sightings = {}
        for image_id in image_ids:
            known = self.sightings.get(image_id, Sighting(now))
            times = [time for time in (known.last_used, used.get(image_id)) if time is not None]
            sightings[image_id] = Sighting(known.first_seen, max(times, default=None))
        return UsageRecord(sightings, self.watched if watched is None else watched.joined(self.watched))

    def noted(self, used: Mapping[str, float], now: float, watched: Watched | None = None) -> UsageRecord:
        """The record with these uses, of images that it knows and others."""
        noted = self.seen(used, used, now, watched)
        return UsageRecord({**self.sightings, **noted.sightings}, noted.watched)

    def merged(self, other: UsageRecord) -> UsageRecord:
        """This record's images, with what another run knows of them."""
        sightings = dict(self.sightings)
        for image_id in sightings.keys() & other.sightings.keys():
            first, second = sightings[image_id], other.sightings[image_id]
            times = [time for time in (first.last_used, second.last_used) if time is not None]
            sightings[image_id] = Sighting(min(first.first_seen, second.first_seen), max(times, default=None))
        return UsageRecord(sightings, other.watched if self.watched is None else self.watched.joined(other.watched))


def load(path: str, engine_id: str) -> tuple[UsageRecord, str | None]:
    """The record of an Engine, and a warning when it cannot be used."""
    content, warning, _is_newer = _read(path)
    return _record(content, engine_id), warning


def read_if_there(path: str, engine_id: str) -> tuple[UsageRecord, str | None]:
    """The same for a reader who does without a record when there is none."""
    return load(path, engine_id) if os.path.exists(path) else (UsageRecord(), None)


def save(path: str, engine_id: str, record: UsageRecord, now: float) -> str | None:
    """Write the record of an Engine, together with what other runs wrote meanwhile; returns a warning when it cannot be."""
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o755, exist_ok=True)
        with _locked(path):
            content, warning, is_newer = _read(path)
            if is_newer:
                return warning
            _write(path, _updated(content, engine_id, record, now))
    except OSError as exc:
        return f"the usage record {path} cannot be written: {exc.strerror or exc}"
    return None


def remember(path: str, engine_id: str, record: UsageRecord, now: float, check_mode: bool) -> str | None:
    """:func:`save` after a real run; check mode writes nothing."""
    return None if check_mode else save(path, engine_id, record, now)


def _read(path: str) -> tuple[dict[str, t.Any], str | None, bool]:
    """What the file holds, a warning when it cannot be used, and whether that is because of a newer format."""
    try:
        with open(path, encoding="utf-8") as file:
            content: dict[str, t.Any] = json.load(file)
        version = content["version"]
        if version == _FORMAT:
            for engine in content["engines"].values():
                _sightings(engine["images"])
                _watched(engine.get("watched"))
                engine["updated"] = float(engine["updated"])
            return content, None, False
    except FileNotFoundError:
        return {}, f"there is no usage record {path} yet: an image counts as used from when it was first seen", False
    except OSError as exc:
        return {}, f"the usage record {path} cannot be read: {exc.strerror or exc}", False
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError):
        return {}, f"the usage record {path} is damaged: every image counts as first seen now", False
    return (
        {},
        f"the usage record {path} has the format {version!r} of a newer version of this collection, and is not used",
        True,
    )


def _record(content: Mapping[str, t.Any], engine_id: str) -> UsageRecord:
    engine = content.get("engines", {}).get(engine_id)
    return (
        UsageRecord() if engine is None else UsageRecord(_sightings(engine["images"]), _watched(engine.get("watched")))
    )


def _watched(raw: t.Any) -> Watched | None:
    return None if raw is None else Watched(float(raw[0]), float(raw[1]))


def _sightings(raw: Mapping[str, t.Any]) -> dict[str, Sighting]:
    return {
        str(image_id): Sighting(float(times[0]), None if times[1] is None else float(times[1]))
        for image_id, times in raw.items()
    }


def _updated(content: Mapping[str, t.Any], engine_id: str, record: UsageRecord, now: float) -> dict[str, t.Any]:
    others = {
        key: engine
        for key, engine in content.get("engines", {}).items()
        if key != engine_id and now - engine["updated"] < _FORGET_ENGINE_AFTER
    }
    newest = sorted(others, key=lambda key: (-others[key]["updated"], key))[: _MOST_ENGINES - 1]
    merged = record.merged(_record(content, engine_id))
    images = {image_id: list(sighting) for image_id, sighting in sorted(merged.sightings.items())}
    return {
        "version": _FORMAT,
        "engines": {
            **{key: others[key] for key in newest},
            engine_id: {"updated": now, "watched": merged.watched, "images": images},
        },
    }


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Nobody else writes the record inside the block. The lock is a file of its own, since the record is replaced."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Raises ``OSError`` when somebody does not let go of it: the removals are done by now, and their result is not held up."""
    for _turn in CLOCK.turns(_LOCK):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    raise OSError(errno.EWOULDBLOCK, f"another process has held its lock for {_LOCK:g} seconds")


def _write(path: str, content: Mapping[str, t.Any]) -> None:
    """Written aside and renamed: a reader sees the old record or the new one, whatever happens."""
    descriptor, aside = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise

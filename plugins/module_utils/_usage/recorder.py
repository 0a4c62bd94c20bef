# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""The service that notes each use of an image as it happens: it follows the Engine's events, and writes the usage record.

The role C(usage_recorder) installs it as one file, together with the files of this collection that it is made of. It needs
Python and the Engine's socket, and nothing else.
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
import time
import typing as t

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.address import Address
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.connection import Connection
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.engine import Engine
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Snapshot
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.transport import connect_locally
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, ImageWardenError
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.evidence import newest_uses, seen_in_use
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import (
    UsageRecord,
    Watched,
    read_if_there,
    save,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.use_events import REPLAYED, replay
from ansible_collections.imagewarden.docker.plugins.module_utils._times import format_time
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.watch import Watch

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container
    from ansible_collections.imagewarden.docker.plugins.module_utils._engine.wire import InspectedImage

#: How often the record is written while images are used, and while none is, in seconds.
_PERIOD = 5.0
_IDLE_PERIOD = 60.0
#: How often images are listed while they change, which takes an Engine with thousands of them seconds.
_LISTING_PERIOD = 600.0
#: How long to wait for an Engine that does not answer, in seconds.
_PAUSE = 1.0
#: Before the first event of any Engine, in Unix seconds.
_EVER = 1.0


class Stopped(BaseException):
    """Somebody asked the service to end."""


@dataclasses.dataclass
class Recorder:
    """Follows one Engine until it is stopped. ``connect`` finds the Engine anew after it was lost."""

    connect: Callable[[], Engine]
    path: str
    log: Callable[[str], object]
    clock: Callable[[], float] = time.time
    pause: Callable[[float], object] = time.sleep
    period: float = _PERIOD
    _record: UsageRecord | None = None
    _engine_id: str = ""
    _saved: float = 0.0
    _listed: float = 0.0
    _trouble: str | None = None

    def run(self) -> None:
        """Follow the Engine; what is known is written when this ends, too."""
        while True:
            try:
                self._follow(self.connect())
            except ImageWardenError as exc:
                self._say(f"waiting for the Engine: {exc}")
                self.pause(_PAUSE)

    def _follow(self, engine: Engine) -> None:
        watch, until = self._begin(engine)
        self._say(None)
        try:
            while True:
                since, until = until, max(self.clock(), until) + self.period
                for event in engine.events(since, until):
                    watch.note(event, _Finder(engine))
                self._list_again_if_due(engine, watch)
                if watch.has_news or until - self._saved >= _IDLE_PERIOD:
                    self._write(engine, watch, min(until, self.clock()))
        except (Stopped, ImageWardenError):
            # An Engine that is started again has forgotten what it did.
            self._write(engine, watch, self.clock())
            raise

    def _begin(self, engine: Engine) -> tuple[Watch, float]:
        """Read what there is, and what the Engine replays; say in which time uses can have been missed."""
        now = self.clock()
        images, containers = engine.list_images(), engine.list_containers()
        snapshot = Snapshot(engine=engine.facts, images=images, containers=containers)
        events = list(engine.events(_EVER, now))
        if self._record is None or self._engine_id != engine.facts.id:
            self._record, trouble = read_if_there(self.path, engine.facts.id)
            self._engine_id = engine.facts.id
            if trouble:
                self.log(trouble)
            is_restart = False
        else:
            is_restart = len(events) < REPLAYED
        before = self._record.watched
        replayed = replay(events, snapshot, now, before)
        watched = replayed.watched
        if is_restart and before is not None:
            # Everything since the Engine was started, and before that it was watched until it ended.
            watched = Watched(min(watched.since, before.until), now)
        if before is not None and watched.since > before.until:
            self.log(f"uses can have been missed from {format_time(before.until)} to {format_time(watched.since)}")
        active = {found.id: _last_active(engine, found.id) for found in containers}
        used = newest_uses(seen_in_use(snapshot, active, now), replayed.used)
        self._record = self._record.seen((image.id for image in images), used, now, watched)
        self._listed = now
        watch = Watch(images, containers)
        self._write(engine, watch, now)
        return watch, now

    def _list_again_if_due(self, engine: Engine, watch: Watch) -> None:
        now = self.clock()
        if watch.is_stale and now - self._listed >= _LISTING_PERIOD:
            watch.list_again(engine.list_images())
            self._listed = now

    def _write(self, engine: Engine, watch: Watch, now: float) -> None:
        """Write what was noted, with nothing about images that were removed."""
        record = self._record or UsageRecord()
        since = now if record.watched is None else record.watched.since
        self._record = record.seen(watch.image_ids, watch.take_uses(now), now, Watched(since, now))
        trouble = save(self.path, engine.facts.id, self._record, now)
        self._saved = now
        if trouble:
            self._say(trouble)

    def _say(self, trouble: str | None) -> None:
        """Each trouble once, and not again every second."""
        if trouble is not None and trouble != self._trouble:
            self.log(trouble)
        self._trouble = trouble


class _Finder:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def container(self, container_id: str) -> Container | None:
        """One that is gone, or that the Engine cannot list, is not known."""
        try:
            return self._engine.find_container(container_id)
        except EngineError:
            return None

    def image(self, name: str) -> InspectedImage | None:
        """The same of an image."""
        return self._engine.try_to_inspect_image(name)


def _last_active(engine: Engine, container_id: str) -> float | None:
    found = engine.try_to_inspect_container(container_id)
    return None if found is None else found.last_active


def main(arguments: Sequence[str] | None = None) -> int:
    """Follow the Engine of a socket until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="usage_recorder", description="Notes when the images of a Docker Engine are used."
    )
    parser.add_argument("--socket", default="/var/run/docker.sock", help="the Engine's socket (default: %(default)s)")
    parser.add_argument(
        "--usage-file",
        default="/var/lib/imagewarden/usage.json",
        help="the usage record of the policies (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    connection = Connection(Address("unix", f"unix://{options.socket}"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        Recorder(lambda: Engine(connect_locally(connection)), options.usage_file, _log).run()
    except Stopped:
        return 0
    return 1


def _stop(_number: int, _frame: t.Any) -> None:
    raise Stopped


def _log(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The usage campaign: short containers of many images in random order, while the Engine and the recorder are restarted.

    python -m tests.campaign.usage --containers 2000 --images 50 --restarts 4 --seed 1

It has an Engine of its own. Afterwards the order of last use in the record must be the order in which the containers ended,
which only the campaign itself knows, and no image may lack a use. It prints what the recorder took of the machine.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from docker import APIClient

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord, load
from tests.lab import state
from tests.lab.lab import Lab
from tests.lab.private_engine import PrivateEngine
from tests.unit.roles.test_usage_recorder import program

_TICKS = os.sysconf("SC_CLK_TCK")


class Outcome(t.NamedTuple):
    """What differs from the truth, and what the recorder took: processor seconds, its largest memory in kB, seconds in all."""

    differences: tuple[str, ...]
    processor: float
    memory: int
    seconds: float
    watched_from_the_start: bool


class RecorderProcess:
    """The program as the role installs it, which is started, stopped and killed."""

    def __init__(self, engine: PrivateEngine, directory: Path) -> None:
        self._path = directory / "usage_recorder.py"
        self._path.write_text(program(), encoding="utf-8")
        self.usage_file = directory / "usage.json"
        self._socket = engine.socket
        self._log = directory / "recorder.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.processor = 0.0
        self.memory = 0

    def start(self) -> None:
        """Start it."""
        arguments = ["--socket", str(self._socket), "--usage-file", str(self.usage_file)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-I", str(self._path), *arguments], stderr=log)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, after a look at what it took."""
        assert self._process is not None
        self.look()
        self._process.send_signal(number)
        self._process.wait(30)

    def end(self) -> None:
        """Leave nothing running, whatever happened."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)

    def look(self) -> None:
        """Add up what this process took so far."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        self.processor += (int(fields[11]) + int(fields[12])) / _TICKS
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        self.memory = max(self.memory, int(peak.split()[1]))


def run(engine: PrivateEngine, directory: Path, containers: int, images: int, restarts: int, seed: int) -> Outcome:
    """One campaign on a started, empty Engine."""
    recorder = RecorderProcess(engine, directory)
    try:
        return _run(engine, recorder, containers, images, restarts, random.Random(seed))
    finally:
        recorder.end()


def _run(
    engine: PrivateEngine,
    recorder: RecorderProcess,
    containers: int,
    images: int,
    restarts: int,
    choose: random.Random,
) -> Outcome:
    client = _client(engine)
    ids = [state.import_image(client, f"job{number}:1") for number in range(images)]
    begun = time.time()
    recorder.start()
    _wait_until(recorder.usage_file.exists)
    ended: dict[str, float] = {}
    interruptions = _interruptions(choose, containers, restarts)
    for number in range(containers):
        what = interruptions.get(number)
        if what == "engine":
            engine.stop()
            engine.start()
            client = _client(engine)
        elif what is not None:
            recorder.stop(signal.SIGTERM if what == "stop" else signal.SIGKILL)
            recorder.start()
        which = choose.randrange(images)
        _run_job(client, choose.choice([f"job{which}:1", ids[which], ids[which][7:19]]))
        ended[ids[which]] = time.time()
    seconds = time.time() - begun
    time.sleep(6)
    recorder.stop()
    record, _warning = load(str(recorder.usage_file), client.info()["ID"])
    watched = record.watched is not None and record.watched.since <= begun + 5
    return Outcome(_differences(record, ended, ids), recorder.processor, recorder.memory, seconds, watched)


def _interruptions(choose: random.Random, containers: int, restarts: int) -> dict[int, str]:
    """After how many containers what is restarted: each in turn."""
    numbers = choose.sample(range(1, containers), restarts)
    return {number: ("engine", "stop", "kill")[turn % 3] for turn, number in enumerate(numbers)}


def _run_job(client: APIClient, image: str) -> None:
    """What C(docker run --rm) does."""
    made = client.create_container(
        image, list(state.TRUE), host_config=client.create_host_config(auto_remove=True, network_mode="none")
    )["Id"]
    client.start(made)
    _wait_until(lambda: not client.containers(all=True, quiet=True, filters={"id": made}))


def _differences(record: UsageRecord, ended: dict[str, float], ids: list[str]) -> tuple[str, ...]:
    used = {image_id: sighting.last_used for image_id, sighting in record.sightings.items() if sighting.last_used}
    found = sorted(used, key=lambda image_id: (used[image_id], image_id))
    expected = sorted(ended, key=lambda image_id: ended[image_id])
    texts = []
    if set(record.sightings) != set(ids):
        texts.append(f"the record has {len(record.sightings)} images, and the Engine {len(ids)}")
    if found != expected:
        missing = sorted(set(expected) - set(found))
        wrong = sum(1 for left, right in zip(found, expected, strict=False) if left != right)
        texts.append(f"{wrong} images are at another place in the order of last use, and {len(missing)} lack a use")
    return tuple(texts)


def _client(engine: PrivateEngine) -> APIClient:
    return APIClient(base_url=engine.docker_host, version="auto", timeout=120)


def _wait_until(holds: t.Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen within a minute")
        time.sleep(0.01)


def main() -> int:
    """Run one campaign, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("containers", 2000), ("images", 50), ("restarts", 6), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    lab = Lab().directory
    lab.prepare()
    engine = PrivateEngine(lab.root / "usage", lab)
    engine.purge()
    engine.start()
    try:
        outcome = run(engine, engine.directory, options.containers, options.images, options.restarts, options.seed)
    finally:
        engine.purge()
    print(
        f"{options.containers} containers of {options.images} images in {outcome.seconds:.0f} s,"
        f" {options.restarts} restarts, seed {options.seed}: the recorder took {outcome.processor:.2f} s of processor time"
        f" and {outcome.memory / 1024:.1f} MiB of memory; watched without a gap: {outcome.watched_from_the_start}"
    )
    for text in outcome.differences:
        print(f"WRONG: {text}")
    return 1 if outcome.differences else 0


if __name__ == "__main__":
    sys.exit(main())

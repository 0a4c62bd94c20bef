# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far `space_expected` is off: random removals on the containerd store, held against what was really freed.

    python -m tests.campaign.space --seed 1 --count 100 --engines e28-containerd

Images share bases, and their layers compress differently. What was freed is the difference of the Engine's own total of
images, once it has settled; before 28.2, which count snapshots only, the blobs on the disk are added.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import sys
import time
import typing as t
from dataclasses import dataclass

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.integration.engine_state import layers_size
from tests.integration.module_run import run_module
from tests.lab import archive, state
from tests.lab.lab import Lab

if t.TYPE_CHECKING:
    from tests.lab.engine import Engine

_BLOBS = "/var/lib/containerd/io.containerd.content.v1.content/blobs"


@dataclass(frozen=True)
class Removal:
    """One task: what it was to free, and what it freed."""

    engine: str
    names: tuple[str, ...]
    layers: bool
    expected: int
    certain: int
    freed: int

    @property
    def error(self) -> float:
        """How far the estimate is off, as a part of what was freed, or of 100 kB where that is less."""
        return abs(self.expected - self.freed) / max(self.freed, 100_000)


def run(engine: Engine, choose: random.Random) -> t.Iterator[Removal]:
    """One session: fill the Engine, and remove from it until nothing is left."""
    with engine.exclusive():
        engine.reset()
        names = _fill(engine, choose)
        choose.shuffle(names)
        while names:
            taken = tuple(names.pop() for _each in range(min(choose.choice((1, 1, 1, 2, 3)), len(names))))
            layers = choose.random() < 0.7
            before = _used(engine)
            arguments = {"docker_host": engine.docker_host, "names": list(taken), "layers": layers}
            result = run_module("image_remove", {**arguments, "on_conflict": "skip"})
            freed = before - _used(engine)
            if result["deleted"]:
                yield Removal(engine.name, taken, layers, result["space_expected"], result["space_reclaimed"], freed)
        engine.reset()


def _fill(engine: Engine, choose: random.Random) -> list[str]:
    client = engine.client
    names = []
    for number in range(choose.randint(1, 3)):
        base = [_layer(choose) for _each in range(choose.randint(1, 3))]
        if choose.random() < 0.6:
            names.append(f"base:{number}")
            state.load_image(client, names[-1], layers=base)
        for app in range(choose.randint(1, 4)):
            names.append(f"app{number}:{app}")
            state.load_image(client, names[-1], layers=[*base, *(_layer(choose) for _e in range(choose.randint(1, 2)))])
            if choose.random() < 0.4:
                names.append(f"child{number}:{app}")
                state.derive(client, names[-2], names[-1], files={"data": _content(choose)})
    names.append("imported:1")
    state.import_image(client, names[-1], size_bytes=choose.randrange(1, 4) * 1_000_000)
    return names


def _layer(choose: random.Random) -> bytes:
    return archive.layer({f"file{choose.random()}": _content(choose)})


def _content(choose: random.Random) -> bytes:
    """Some megabytes of which a random part can be compressed away, as in programs."""
    size, noise = choose.randrange(500_000, 4_000_000), choose.uniform(0.2, 0.8)
    words = hashlib.shake_128(str(choose.random()).encode()).digest(int(size * noise))
    return words + b"imagewarden " * ((size - len(words)) // 12)


def _used(engine: Engine) -> int:
    used = layers_size(engine.connect(api_version="1.44"), True)
    if engine.version.startswith("26."):
        used += int(engine.host.run("du", "-sb", _BLOBS).split()[0])
    return used


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.space")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=50, help="the least number of removals on each Engine")
    parser.add_argument("--engines", default="e26-containerd,e28-containerd")
    options = parser.parse_args()
    untrue = 0
    for name in options.engines.split(","):
        engine, removals, session, started = Lab().engine(name), list[Removal](), 0, time.monotonic()
        while len(removals) < options.count:
            removals += run(engine, random.Random(f"{options.seed}/{session}"))
            session += 1
        print(f"{name}, seed {options.seed}, {time.monotonic() - started:.0f} s: {_score(removals)}", flush=True)
        untrue += sum(removal.certain > removal.freed for removal in removals)
    return 1 if untrue else 0


def _score(removals: t.Sequence[Removal]) -> str:
    lines = []
    for layers in (True, False):
        of = sorted((removal for removal in removals if removal.layers is layers), key=lambda removal: removal.error)
        if of:
            worst = of[-1]
            lines.append(
                f"  {len(of)} removals with layers={layers}: median error"
                f" {statistics.median(removal.error for removal in of):.2%}, 90 % below {of[len(of) * 9 // 10].error:.2%},"
                f" worst {worst.error:.1%} ({', '.join(worst.names)}: expected {worst.expected}, freed {worst.freed})"
            )
    untrue = [removal for removal in removals if removal.certain > removal.freed]
    lines.append(
        f"  {len(untrue)} of {len(removals)} freed less than was certain{': ' if untrue else ''}{untrue or ''}"
    )
    return "\n".join([f"{len(removals)} removals", *lines])


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many builds fail beside nonstop pruning of the build cache, by the module or by the Engine itself.

    python -m tests.campaign.builds --by module --count 100 --engines e26-containerd,e28-containerd

The builds follow each other with pauses of up to `--pause` seconds, and use each other's cache. Their images have names of
their own: with the containerd store, an Engine sometimes fails a build that takes the name of another image, without any pruning.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import threading
import time
import typing as t

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.campaign.build_cache import MODULE, STEPS
from tests.integration import build_cache
from tests.integration.module_run import run_module
from tests.lab import state
from tests.lab.lab import Lab

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.engine import Engine


def _by_module(engine: Engine) -> Callable[[], int]:
    arguments = {"docker_host": engine.docker_host, "remove": {"all": True}}

    def prune() -> int:
        result = run_module(MODULE, arguments)
        if result["failed"]:
            raise AssertionError(result["msg"])
        return len(result["deleted"])

    return prune


def _by_engine(engine: Engine) -> Callable[[], int]:
    client = engine.connect()
    return lambda: len(build_cache.prune(client)["deleted"])


def _by_nobody(_engine: Engine) -> Callable[[], int]:
    def prune() -> int:
        time.sleep(1)
        return 0

    return prune


PRUNERS = {"module": _by_module, "engine": _by_engine, "nobody": _by_nobody}


def run(engine: Engine, by: str, builds: int, pause: float, choose: random.Random) -> dict[str, t.Any]:
    """Build, and prune meanwhile: the builds that succeeded, prunes, the records that they removed, and failures by their text."""
    done, prune = threading.Event(), PRUNERS[by](engine)
    found: dict[str, t.Any] = {"succeeded": 0, "prunes": 0, "records": 0, "failures": collections.Counter()}

    def prune_nonstop() -> None:
        while not done.is_set():
            try:
                found["records"] += prune()
                found["prunes"] += 1
            except Exception as exc:
                found["failures"][f"prune: {str(exc)[-200:]}"] += 1

    state.import_image(engine.client, "base:1")
    pruner = threading.Thread(target=prune_nonstop)
    pruner.start()
    for number in range(builds):
        steps = "".join(choose.choices(STEPS, k=choose.randint(1, 5)))
        dockerfile, cached = f"FROM base:1\n{steps}", choose.random() < 0.8
        try:
            state.buildkit(engine.client, dockerfile, f"built:{number}", files=build_cache.FILES, cache=cached)
            found["succeeded"] += 1
        except Exception as exc:
            found["failures"][f"build: {str(exc)[-200:]}"] += 1
        time.sleep(choose.uniform(0, pause))
    done.set()
    pruner.join()
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.builds")
    parser.add_argument("--by", choices=PRUNERS, default="module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100, help="the number of builds on each Engine")
    parser.add_argument("--pause", type=float, default=4.0, help="the longest pause between two builds, in seconds")
    parser.add_argument("--engines", default="e26-containerd,e28-containerd")
    options = parser.parse_args()
    failed = 0
    for name in options.engines.split(","):
        engine = Lab().engine(name)
        with engine.exclusive():
            engine.reset()
            found = run(engine, options.by, options.count, options.pause, random.Random(options.seed))
            engine.reset()
        failed += options.count - found["succeeded"]
        print(
            f"{name}, pruned by {options.by}: {found['succeeded']} of {options.count} builds succeeded beside"
            f" {found['prunes']} prunes of {found['records']} records",
            *(f"  {number} x {text}" for text, number in found["failures"].items()),
            sep="\n",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

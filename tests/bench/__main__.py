# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that is measured, as pairs in one run, as a table with the facts of the machine: python -m tests.bench.

python -m tests.bench --quick                                   # small sizes, one round
python -m tests.bench --only images --images 1000 --engines e28-containerd
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

from tests.bench import works
from tests.bench.contest import Contest, Failed, Row, run
from tests.bench.installation import Ansible, find_ansible
from tests.lab.lab import Lab

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.engine import Engine

_WORKS = ("images", "tags", "stubborn", "fleet", "planner")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of small sizes, to see that it works")
    parser.add_argument("--rounds", type=int, help="how often each is measured (5)")
    parser.add_argument("--only", type=_words, default=_WORKS, help=f"some of {','.join(_WORKS)}")
    parser.add_argument("--engines", type=_words, default=["e28-graph", "e28-containerd"], help="of the lab")
    parser.add_argument("--images", type=_numbers, help="numbers of images (10,100,1000,2000)")
    parser.add_argument("--tags", type=int, help="number of tags (100)")
    parser.add_argument("--containers", type=int, help="number of containers that ignore SIGTERM (16)")
    parser.add_argument("--hosts", type=_numbers, help="numbers of hosts (1,10,20,50)")
    parser.add_argument("--forks", type=_numbers, help="numbers of forks (10)")
    parser.add_argument("--references", type=_numbers, help="references to plan (1000,10000,100000)")
    options = parser.parse_args()
    full = {
        "rounds": 5,
        "images": [10, 100, 1000, 2000],
        "tags": 100,
        "containers": 16,
        "hosts": [1, 10, 20, 50],
        "forks": [10],
        "references": [1000, 10_000, 100_000],
    }
    quick = {
        "rounds": 1,
        "images": [10],
        "tags": 10,
        "containers": 2,
        "hosts": [2],
        "forks": [2],
        "references": [1000],
    }
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    unknown = set(options.only) - set(_WORKS)
    if unknown:
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(_WORKS)}")
    return options


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _contests(options: argparse.Namespace, lab: Lab, ansible: Ansible, directory: Path) -> Iterator[Contest]:
    if "planner" in options.only:
        yield from map(works.planner, options.references)
    for name in options.engines:
        engine = lab.engine(name)
        with engine.exclusive():
            for contest in _of_an_engine(options, engine, ansible, directory):
                # Whatever an earlier one left, such as one that failed.
                engine.reset()
                yield contest
            engine.reset()
    if "fleet" in options.only:
        with contextlib.ExitStack() as stack:
            for host in lab.running():
                stack.enter_context(lab.engine(host.kind.name).exclusive())
            for forks in options.forks:
                yield from (works.fleet(lab, ansible, directory, hosts, forks) for hosts in options.hosts)


def _of_an_engine(options: argparse.Namespace, engine: Engine, ansible: Ansible, directory: Path) -> Iterator[Contest]:
    if "images" in options.only:
        yield from (works.images(engine, ansible, directory, count) for count in options.images)
    if "tags" in options.only:
        yield works.tags(engine, ansible, directory, options.tags)
    if "stubborn" in options.only:
        yield works.stubborn(engine, ansible, directory, options.containers)


def _facts(how: str, lab: Lab, names: Sequence[str]) -> list[str]:
    memory = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    docker = subprocess.run(
        [shutil.which("docker") or "docker", "--version"], capture_output=True, text=True, check=True
    )
    return [
        f"{os.cpu_count()} processors, {int(memory.group(1)) // 1024**2 if memory else '?'} GB, {platform.platform()}",
        f"load average {os.getloadavg()[0]:.1f} of the last minute, {os.getloadavg()[2]:.1f} of the last fifteen",
        f"{docker.stdout.strip()}; Engines {', '.join(f'{name} {lab.engine(name).version}' for name in names)}",
        f"Python {platform.python_version()}; {how}",
    ]


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| work | size | by | seconds | ratio | processor seconds | largest process, MB |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        median = row.median
        yield (
            f"| {row.work} | {row.size} | {row.name} | {median.seconds:.2f} | {ratio}"
            f" | {median.processor:.2f} | {median.megabytes:.0f} |"
        )


def main() -> int:
    options = _options()
    lab = Lab()
    lab.up(options.engines)
    ansible, how = find_ansible()
    rows: list[Row] = []
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="imagewarden-bench-") as name:
        for contest in _contests(options, lab, ansible, Path(name)):
            try:
                rows += run(contest, options.rounds, lambda line: print(line, file=sys.stderr, flush=True))
            except Failed as exc:
                failures.append(str(exc))
    print("\n".join([*_facts(how, lab, options.engines), f"medians of {options.rounds} rounds", "", *_table(rows)]))
    print("".join(f"FAILED: {failure}\n" for failure in failures), end="")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

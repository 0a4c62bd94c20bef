# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the tables of the page on promises from tests/promises.yml, and counts the tests: `make promises`.

pytest collects the tests, so that each row of a table counts. The page has the counts rounded down, which hold when tests are
added; exact ones, by promise and by file, are printed.
"""

from __future__ import annotations

import ast
import collections
import os
import re
import subprocess
import sys
import textwrap
import typing as t
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = CHECKOUT / "tests" / "promises.yml"
PAGE = CHECKOUT / "docs" / "docsite" / "rst" / "guide_promises.rst"
BEGIN = ".. What follows is written by make promises.\n"
END = ".. The end of what make promises writes.\n"

#: The Engines that every machine can start: with others, the same tests would count once more.
ENGINES = "e20-graph,e26-graph,e26-containerd,e28-graph,e28-containerd"
SUITES = {"unit": ("tests/unit", "tests/sdk"), "engine": ("tests/integration", "tests/lab")}
#: What a count looks like on the page, for a comparison without it.
COUNT = re.compile(r"at least [\d,]+")
WIDTH = 140


def load() -> dict[str, t.Any]:
    """The promises, what was measured, and the cases."""
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))


def named_tests(data: dict[str, t.Any]) -> list[str]:
    """Every test that the page names, as FILE::FUNCTION."""
    return sorted({test for row in (*data["promises"], *data["cases"]) for test in row["tests"]})


def functions_of(path: Path) -> set[str]:
    """The functions of a file of tests, without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def is_there(test: str) -> bool:
    """Whether there is such a test."""
    file, _separator, function = test.partition("::")
    path = CHECKOUT / file
    return path.is_file() and function.startswith("test_") and function in functions_of(path)


def collect() -> collections.Counter[str]:
    """How many times each test runs, by FILE::FUNCTION."""
    counts: collections.Counter[str] = collections.Counter()
    for directories in SUITES.values():
        command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *directories]
        environment = {**os.environ, "IMAGEWARDEN_LAB_ENGINES": ENGINES}
        collected = subprocess.run(
            command, cwd=CHECKOUT, env=environment, check=False, stdout=subprocess.PIPE, text=True
        )
        if collected.returncode:
            # A file that cannot be imported would count as none.
            sys.exit(f"{' '.join(command)} failed:\n{collected.stdout[-4000:]}")
        counts.update(line.partition("[")[0] for line in collected.stdout.splitlines() if "::" in line)
    return counts


def kind_of(test: str) -> str:
    """Whether a test runs without an Engine or on Engines: unit, engine."""
    return next(kind for kind, directories in SUITES.items() if test.startswith(directories))


def total(counts: t.Mapping[str, int], kind: str, tests: t.Iterable[str]) -> int:
    """How many times those tests of one kind run."""
    return sum(counts[test] for test in tests if kind_of(test) == kind)


def at_least(number: int) -> str:
    """A number that is still true when a few tests are added."""
    step = 1 if number < 20 else 10 if number < 1000 else 100
    return f"at least {number // step * step:,}"


def written(data: dict[str, t.Any], counts: t.Mapping[str, int]) -> str:
    """The part of the page that the command writes."""
    return "\n".join([_promises(data, counts), _measured(data), _cases(data)])


def without_counts(text: str) -> str:
    """The same text whatever the counts are."""
    return COUNT.sub("at least N", text)


def replaced(page: str, part: str) -> str:
    """The page with another such part."""
    before, rest = page.split(BEGIN)
    _old, after = rest.split(END)
    return f"{before}{BEGIN}\n{part}\n{END}{after}"


def _promises(data: dict[str, t.Any], counts: t.Mapping[str, int]) -> str:
    unit, engine = (at_least(total(counts, kind, counts)) for kind in ("unit", "engine"))
    parts = [
        _heading("The promises"),
        _paragraph(
            f"There are {unit} unit tests and {engine} tests on real Engines; each row of a table of tests, and each of five"
            " Engines, counts as one. These are the tests that hold each promise most directly."
        ),
    ]
    for number, promise in enumerate(data["promises"], start=1):
        unit, engine = (at_least(total(counts, kind, promise["tests"])) for kind in ("unit", "engine"))
        rows = [
            f"* Without an Engine, {unit} cases: {_tests(promise['tests'], 'unit')}",
            f"* On Engines, {engine} cases: {_tests(promise['tests'], 'engine')}",
        ]
        if promise["campaigns"]:
            rows.append("* Campaigns: " + ", ".join(f"``{name}``" for name in promise["campaigns"]))
        parts += [_heading(f"{number}. {promise['title']}", "~"), _paragraph(promise["says"])]
        parts.append("\n".join(_wrapped(row, "", "  ") for row in rows) + "\n")
    return "\n".join(parts)


def _measured(data: dict[str, t.Any]) -> str:
    intro = (
        "A campaign makes random states on real Engines from a seed, and compares what was predicted with what happened. The"
        " same command at the same commit makes the same cases. These are runs of 28 and 29 November 2026, with those that"
        " found something. Where no commit is given, the code was still being worked on during the run."
    )
    rows = [
        (
            f"``python -m tests.campaign.{row['campaign']} {row['options'].partition(' --engines ')[0]}``",
            ", ".join(f"``{name}``" for name in row["options"].partition("--engines ")[2].split(",")),
            row["commit"] or "not noted",
            row["result"],
        )
        for row in data["measured"]
    ]
    # The only option that swarm has is the Engines.
    rows = [(command.partition(" --engines")[0].rstrip("`") + "``", *others) for command, *others in rows]
    table = _table(("Command, before ``--engines``", "Engines", "Commit", "Result"), (32, 26, 10, 32), rows)
    return "\n".join([_heading("What campaigns found"), _paragraph(intro), table])


def _cases(data: dict[str, t.Any]) -> str:
    intro = (
        "People reported these cases in public, of several tools, or their retention rules ask for them. Each is small here,"
        " and stands with others of its kind in the table of a test."
    )
    rows = [
        (str(number), case["met"], case["here"], ", ".join(f"``{test.rpartition('/')[2]}``" for test in case["tests"]))
        for number, case in enumerate(data["cases"], start=1)
    ]
    table = _table(("", "What people met", "What happens here", "Tests"), (4, 28, 28, 40), rows)
    return "\n".join([_heading("Cases from the field"), _paragraph(intro), table])


def _short(test: str) -> str:
    return test.partition("::")[2]


def _tests(tests: t.Iterable[str], kind: str) -> str:
    """Tests of one kind, behind their files."""
    by_file: dict[str, list[str]] = {}
    for test in tests:
        if kind_of(test) == kind:
            by_file.setdefault(test.partition("::")[0], []).append(f"``{_short(test)}``")
    return "; ".join(f"``{file}``: {', '.join(names)}" for file, names in by_file.items())


def _heading(title: str, line: str = "-") -> str:
    return f"{title}\n{line * len(title)}\n"


def _paragraph(text: str) -> str:
    return _wrapped(text) + "\n"


def _wrapped(text: str, first: str = "", later: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def _table(heads: t.Sequence[str], widths: t.Sequence[int], rows: t.Iterable[t.Sequence[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for row in (heads, *rows):
        for number, cell in enumerate(row):
            lines.append(_wrapped(cell, "     - " if number else "   * - ", "       ").rstrip() or "   * -")
    return "\n".join(lines) + "\n"


def main() -> None:
    data = load()
    missing = [test for test in named_tests(data) if not is_there(test)]
    if missing:
        sys.exit("tests/promises.yml names tests that do not exist:\n" + "\n".join(missing))
    counts = collect()
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), written(data, counts)), encoding="utf-8")
    by_file: collections.Counter[str] = collections.Counter()
    for test, number in counts.items():
        by_file[test.partition("::")[0]] += number
    for file, number in sorted(by_file.items()):
        print(f"{number:6} {file}")
    for promise in data["promises"]:
        numbers = (total(counts, kind, promise["tests"]) for kind in SUITES)
        print("{:6} unit {:6} on Engines  {}".format(*numbers, promise["title"]))
    print("{:6} unit {:6} on Engines  in all".format(*(total(counts, kind, counts) for kind in SUITES)))


if __name__ == "__main__":
    main()

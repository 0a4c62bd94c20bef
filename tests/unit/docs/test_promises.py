# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the page on promises names exists, and its tables are those of tests/promises.yml but for the counts."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

COLLECTION = Path(__file__).resolve().parents[3]


def load_promises():
    """The tool that writes them; tests of a collection cannot import its tests/tools by name everywhere."""
    specification = importlib.util.spec_from_file_location("promises", COLLECTION / "tests" / "tools" / "promises.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["promises"] = module
    specification.loader.exec_module(module)
    return module


promises = load_promises()
DATA = promises.load()
PAGE = promises.PAGE.read_text(encoding="utf-8")


def source(path):
    return (COLLECTION / "tests" / path).read_text(encoding="utf-8")


def words(text):
    """The text without its line breaks, which depend on how many digits a count has."""
    return promises.without_counts(" ".join(text.split()))


def test_every_test_that_the_page_names_exists():
    assert [test for test in promises.named_tests(DATA) if not promises.is_there(test)] == []


@pytest.mark.parametrize(
    "test",
    ["tests/unit/docs/test_promises.py::test_nothing", "tests/unit/docs/test_none.py::test_x", "tests/unit/docs"],
)
def test_a_test_that_does_not_exist_is_noticed(test):
    assert not promises.is_there(test)


@pytest.mark.parametrize("row", DATA["measured"], ids=lambda row: f"{row['campaign']} {row['options'].split()[1]}")
def test_every_command_of_a_campaign_can_be_given(row):
    campaign = source(f"campaign/{row['campaign']}.py")
    known = set(re.findall(r'"(--[a-z]+)"', campaign))
    if "main(CAMPAIGN" in campaign:
        known |= set(re.findall(r'"(--[a-z]+)"', source("campaign/harness.py")))
        known |= {f"--{variant}" for variant in re.findall(r"main\(CAMPAIGN, ([a-z]+)=", campaign)}
    assert set(re.findall(r"--[a-z]+", row["options"])) <= known
    engines = row["options"].partition("--engines ")[2].split(",")
    assert set(engines) <= set(re.findall(r'EngineKind\("([^"]+)"', source("lab/engines.py")))


def test_every_campaign_of_a_promise_was_measured():
    named = {name for promise in DATA["promises"] for name in promise["campaigns"]}
    assert named == {row["campaign"] for row in DATA["measured"]}


def test_every_promise_and_every_case_has_a_test():
    assert (len(DATA["promises"]), len(DATA["cases"])) == (6, 42)
    assert all(row["tests"] for row in (*DATA["promises"], *DATA["cases"]))
    # Both kinds, for each promise.
    kinds = [{promises.kind_of(test) for test in promise["tests"]} for promise in DATA["promises"]]
    assert kinds == [{"unit", "engine"}] * 6


def test_the_page_is_what_make_promises_writes_but_for_the_counts():
    nothing = dict.fromkeys(promises.named_tests(DATA), 0)
    assert words(promises.replaced(PAGE, promises.written(DATA, nothing))) == words(PAGE)


COUNTS = [(0, "at least 0"), (19, "at least 19"), (47, "at least 40"), (999, "at least 990"), (2864, "at least 2,800")]


@pytest.mark.parametrize(("number", "expected"), COUNTS)
def test_a_count_is_rounded_down(number, expected):
    assert promises.at_least(number) == expected

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever an Engine answers, and whatever a task says, ends in a result or in one clear message, and removes nothing unplanned."""

from __future__ import annotations

import random
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.imagewarden.docker.plugins.module_utils import _matching
from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache import options as build_cache_options
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache import stage as build_cache_stage
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.request import Wildcard
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup import chain as chain_stage
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup import options as chain_options
from ansible_collections.imagewarden.docker.plugins.module_utils._container import options as container_options
from ansible_collections.imagewarden.docker.plugins.module_utils._container import stage as container_stage
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.patience import Clock
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.several import several
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import EngineError, InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._image import options as image_options
from ansible_collections.imagewarden.docker.plugins.module_utils._image import stage as image_stage
from ansible_collections.imagewarden.docker.plugins.module_utils._options import LabelMatch
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Glob, parse_patterns
from ansible_collections.imagewarden.docker.plugins.module_utils._policy import options as policy_options
from ansible_collections.imagewarden.docker.plugins.module_utils._policy import stage as policy_stage
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import Size
from ansible_collections.imagewarden.docker.plugins.module_utils._times import Moment, parse_engine_time
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.read import read_moments, read_usage
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.usage import usage_report
from ansible_collections.imagewarden.docker.plugins.module_utils._versions import parse_version

from .harness import STRANGE, check_all, mutated
from .small_engine import APP, answers, engine

NOW = 1_800_000_000.0
TABLES = (answers(False), answers(True))

STAGES: dict[str, tuple[dict[str, t.Any], t.Callable[[t.Any], t.Any]]] = {
    "image_remove": (image_options.OPTIONS, image_stage.Stage.parse),
    "image_prune_policy": (policy_options.OPTIONS, policy_stage.Stage.parse),
    "container_remove": (container_options.OPTIONS, container_stage.Stage.parse),
    "build_cache_prune": (build_cache_options.OPTIONS, build_cache_stage.Stage.parse),
    "cleanup_chain": (chain_options.OPTIONS, chain_stage.Chain.parse),
}

#: Tasks that read whatever there is to read.
TASKS: list[tuple[str, dict[str, t.Any]]] = [
    ("image_remove", {"patterns": ["**"], "details": "all", "on_conflict": "skip"}),
    (
        "image_remove",
        {"names": ["app:1", APP, "child"], "filters": {"label": ["stage"]}, "force": True, "on_conflict": "skip"},
    ),
    ("image_remove", {"filters": {"dangling": True, "until": "24h"}, "layers": True, "on_conflict": "skip"}),
    (
        "image_prune_policy",
        {
            "remove": {"all_unused": True, "dangling": True},
            "keep": {
                "newest": 1,
                "newest_by": "version",
                "younger_than": "1h",
                "age_by": "used",
                "unrecoverable": "verify",
            },
            "target": {"total_size": "1MB", "order": "least_recently_used"},
            "usage_file": "/nowhere/usage.json",
            "details": "all",
        },
    ),
    (
        "image_prune_policy",
        {
            "remove": {"labels": ["stage"], "patterns": ["**"]},
            "keep": {"newest": 1, "newest_by": "tagged", "labels": ["x"], "unrecoverable": "unpushed"},
            "guard": {"max_percent": 100, "min_per_repository": 1},
            "usage_file": "/nowhere/usage.json",
        },
    ),
    ("container_remove", {"states": ["any"], "older_than": "1h", "commit_to": "attic", "on_conflict": "skip"}),
    ("container_remove", {"images": ["app:1"], "labels": ["x"], "on_conflict": "skip"}),
    ("build_cache_prune", {"remove": {"all": True}, "keep": {"younger_than": "1h"}, "target": {"total_size": "1kB"}}),
    (
        "cleanup_chain",
        {
            "containers": {"states": ["any"]},
            "images": {"patterns": ["app"], "on_conflict": "skip"},
            "policy": {"remove": {"dangling": True}, "usage_file": "/nowhere/usage.json"},
            "build_cache": {"remove": {"unused": True}},
        },
    ),
]


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch):
    """Threads for each input would take most of the time, and pauses the rest."""
    monkeypatch.setattr(several, "__defaults__", (1,))
    monkeypatch.setattr(Clock, "sleep", lambda _clock, _seconds: None)


def check(exc: Exception, beginning: str = "") -> None:
    """Whether an error has words, and these first."""
    assert str(exc)
    assert str(exc).startswith(beginning)


def parsed(module: str, options: dict[str, t.Any]) -> t.Any:
    """The stage, as a module gets it; ``None`` where Ansible itself refuses the options."""
    spec, parse = STAGES[module]
    try:
        validated = ArgumentSpecValidator(merge(CONNECTION, spec)).validate(options)
    except (TypeError, ValueError, OverflowError):
        # Its own check ends so for some values, such as a number where a dictionary with options is expected.
        return None
    if validated.error_messages:
        return None
    stage = parse(validated.validated_parameters)
    return stage.ready() if module in ("image_prune_policy", "cleanup_chain") else stage


def predicted(module: str, stage: t.Any, asked: t.Any) -> t.Any:
    """Check mode's report."""
    arguments = (NOW, True) if module == "cleanup_chain" else (None, NOW, True, ())
    return stage.run(asked, *arguments)


def test_a_sound_engine_has_something_to_remove_in_every_task():
    for table in TABLES:
        for module, options in TASKS:
            asked, transport = engine(table)
            report = predicted(module, parsed(module, dict(options)), asked)
            assert not report.result.get("failed"), report.result
            assert transport.writes == []


def test_an_answer_with_missing_extra_and_wrong_fields_is_a_result_or_one_message():
    stages = [(module, parsed(module, dict(options))) for module, options in TASKS]

    def attempt(choose: random.Random) -> None:
        table = dict(choose.choice(TABLES))
        for path in choose.sample(sorted(table), choose.choice([1, 1, 2, 4])):
            table[path] = mutated(choose, table[path])
        module, stage = choose.choice(stages)
        asked, transport = engine(table)
        report = predicted(module, stage, asked)
        assert transport.writes == []
        assert not report.result.get("failed") or report.result["msg"]
        snapshot, disk_usage = read_usage(asked, True)
        usage_report(snapshot, disk_usage, read_moments(asked, snapshot, None, NOW)[0], None, UsageRecord(), NOW)

    check_all("answers", attempt)


def test_an_answer_to_a_change_is_read_or_one_message():
    def attempt(choose: random.Random) -> None:
        table = {**TABLES[0], **{key: mutated(choose, TABLES[0][key]) for key in ("removed", "committed", "pruned")}}
        asked, _transport = engine(table)
        for change in (
            lambda: asked.remove_image(APP, False, True),
            lambda: asked.commit_container("e" * 64, "attic", "1"),
            lambda: asked.prune_build_cache(["abc"], True),
        ):
            try:
                change()
            except EngineError as exc:
                check(exc, "the Engine's answer cannot be understood")

    check_all("changes", attempt)


WORDS = (
    *(
        "app:1",
        "app",
        "*",
        "**",
        "a[b",
        "sha256:abc",
        APP,
        "^v",
        "(a+)+$",
        ":",
        "<none>",
        "keep",
        "keep=1",
        "a!",
        "7d",
        "0s",
    ),
    *(
        "2026-03-14",
        "20GB",
        "80%",
        "-1",
        "1.10",
        "any",
        "exited",
        "created",
        "never",
        "verify",
        "dangling",
        "fail",
        "skip",
    ),
    *(
        "used",
        "tagged",
        "version",
        "oldest",
        "largest",
        "/nowhere/x",
        "TERM",
        "docker.io/library/a:1",
        "a@b",
        "yes",
        "no",
    ),
)


def _value(choose: random.Random, spec: t.Mapping[str, t.Any], depth: int = 0) -> t.Any:
    """What somebody may write for an option: mostly of its kind."""
    if choose.random() < 0.08:
        return choose.choice(STRANGE)
    kind = spec.get("type", "str")
    if kind == "bool":
        return choose.choice([True, False, "yes", "maybe"])
    if kind == "int":
        return choose.choice([0, 1, 8, -1, "3", "three", 1 << 70])
    if kind == "list":
        inner = {key: value for key, value in spec.items() if key != "type"}
        return [
            _value(choose, {**inner, "type": spec.get("elements", "str")}, depth)
            for _one in range(choose.randint(0, 3))
        ]
    if kind == "dict" and depth < 3:
        options = spec.get("options")
        if options:
            chosen = choose.sample(sorted(options), choose.randint(0, min(4, len(options))))
            return {key: _value(choose, options[key], depth + 1) for key in chosen}
        keys = (
            "dangling",
            "label",
            "label!",
            "before",
            "since",
            "until",
            "reference",
            "names",
            "states",
            "remove",
            "keep",
            "patterns",
            "image",
            "count",
            "x",
        )
        return {
            key: choose.choice([*WORDS, True, 1, [choose.choice(WORDS)]])
            for key in choose.sample(keys, choose.randint(0, 3))
        }
    if "choices" in spec and choose.random() < 0.8:
        return choose.choice(list(spec["choices"]))
    return choose.choice(WORDS) if choose.random() < 0.9 else _text(choose)


def test_options_are_taken_or_refused_with_one_message(monkeypatch):
    monkeypatch.setattr(_matching, "SECONDS", 0.05)

    def attempt(choose: random.Random) -> None:
        module = choose.choice(sorted(STAGES))
        spec = STAGES[module][0]
        names = choose.sample(sorted(spec), choose.randint(1, min(5, len(spec))))
        options = {name: _value(choose, spec[name]) for name in names}
        if module == "cleanup_chain":
            of = {
                "containers": "container_remove",
                "images": "image_remove",
                "policy": "image_prune_policy",
                "build_cache": "build_cache_prune",
            }
            for stage in choose.sample(sorted(of), choose.randint(1, 4)):
                inner = STAGES[of[stage]][0]
                options[stage] = {key: _value(choose, inner[key]) for key in choose.sample(sorted(inner), 3)}
        stage = parsed(module, options)
        if stage is not None:
            asked, transport = engine(choose.choice(TABLES))
            report = predicted(module, stage, asked)
            assert transport.writes == []
            assert not report.result.get("failed") or report.result["msg"]

    check_all("options", attempt)


SYLLABLES = (
    *(
        "a",
        "app",
        "Z",
        "0",
        "1",
        "10",
        "_",
        "__",
        "-",
        ".",
        "..",
        "/",
        "//",
        ":",
        "::",
        "@",
        "sha256",
        "sha512",
        " ",
        "\n",
    ),
    *(
        "é",
        "\x00",
        "f" * 64,
        "a" * 200,
        "docker.io",
        "library",
        "localhost",
        "registry.example.com",
        "[::1]",
        "5000",
        "<none>",
    ),
)
SIGNS = (
    "*",
    "**",
    "?",
    "+",
    "{1,3}",
    "{",
    "}",
    "(",
    ")",
    "(?:",
    "(?=",
    "(?P<n>",
    "(?P=n)",
    "|",
    "[",
    "]",
    "[^",
    "a-z",
    "\\",
    "\\d",
    "\\1",
    "^",
    "$",
    ",",
)


def _text(choose: random.Random, *more: str) -> str:
    return "".join(choose.choice((*SYLLABLES, *more)) for _part in range(choose.randint(0, 9)))


def test_a_reference_is_one_or_refused():
    def attempt(choose: random.Random) -> None:
        text = _text(choose)
        try:
            reference = Reference.parse(text)
        except ValueError as exc:
            check(exc)
            return
        assert Reference.parse(reference.familiar).full == reference.full
        assert Reference.parse(reference.full).familiar == reference.familiar

    check_all("references", attempt)


NAMES = [
    Reference.parse(text)
    for text in ("app:1", "registry.example.com/team/app:1.2.3-rc.1", "a" * 200 + ":" + "a" * 100, f"node@{APP}")
]


@pytest.mark.parametrize("use_regex", [False, True], ids=["globs", "regular expressions"])
def test_a_pattern_is_one_or_refused_and_ends_in_time(use_regex, monkeypatch):
    monkeypatch.setattr(_matching, "SECONDS", 0.02)

    def attempt(choose: random.Random) -> None:
        text = _text(choose, *SIGNS, *SIGNS)
        try:
            (pattern,) = parse_patterns("patterns", [text], use_regex)
        except InvalidRequest as exc:
            check(exc, "patterns: ")
            return
        for reference in NAMES:
            pattern.matches(reference)
            pattern.protects(reference)

    check_all("regular expressions" if use_regex else "globs", attempt)


@pytest.mark.parametrize(
    "parse",
    [Size.parse, Moment.parse, LabelMatch.parse, Wildcard.parse, Glob.parse, parse_engine_time, parse_version],
    ids=["sizes", "moments", "labels", "descriptions", "container patterns", "times of the Engine", "versions"],
)
def test_a_quantity_is_one_or_refused(parse):
    def attempt(choose: random.Random) -> None:
        words = (
            "1",
            "7",
            "d",
            "h",
            "m",
            "w",
            "GB",
            "%",
            "-",
            "T",
            "Z",
            ":",
            "2026-03-14",
            "09:26:53",
            ".5",
            "=",
            "!",
            "e9",
            "9" * 400,
            "٣",
        )
        text = _text(choose, *words, *words)
        try:
            parse(text)
        except ValueError as exc:
            check(exc)

    check_all(f"quantities {parse.__qualname__}", attempt)

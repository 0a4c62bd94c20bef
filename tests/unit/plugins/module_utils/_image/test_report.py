# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD, GRAPHDRIVER
from ansible_collections.imagewarden.docker.plugins.module_utils._image.execute import (
    DONE,
    FAILED,
    GONE,
    REFUSED,
    SKIPPED,
    Outcome,
    StepOutcome,
    predict,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._image.plan import plan_removal
from ansible_collections.imagewarden.docker.plugins.module_utils._image.report import report, warnings
from ansible_collections.imagewarden.docker.plugins.module_utils._image.request import Request

from ..builders import STORES, cases, container, digest_reference, image, image_id, snapshot

HOST = (
    image("a1", "app:1", "app:2", size=1_000_000),
    image("b1", "base:1", size=2_000_000),
    image("c1", "used:1", size=3_000_000),
    image("d1", created=0, size=500),
    container("web", of="c1", state="running"),
)


def predicted(params, *parts, **fields):
    details = {name: params.pop(name) for name in ("details", "layers") if name in params}
    plan = plan_removal(snapshot(*(parts or HOST), **fields), Request.parse(params), 0.0)
    return report(predict(plan), **details)


def observed(params, *steps):
    """An outcome whose steps ended so: each is a status and further fields."""
    plan = plan_removal(snapshot(*HOST), Request.parse(params), 0.0)
    assert len(plan.steps) == len(steps)
    return Outcome(
        plan,
        tuple(
            StepOutcome(step, status, **{"as_planned": False, **fields})
            for step, (status, fields) in zip(plan.steps, steps)
        ),
    )


@pytest.mark.parametrize("store", STORES)
def test_a_result_has_every_key_and_is_json(store):
    result = predicted({"names": ["app:1", "base:1", "none:1"], "layers": True}, store=store)
    assert set(result) == {
        "changed",
        "untagged",
        "deleted",
        "deleted_layers",
        "unmatched",
        "absent",
        "conflicts",
        "images",
        "space_reclaimed",
        "space_exact",
        "space_expected",
        "engine",
        "summary",
        "diff",
    }
    assert json.loads(json.dumps(result)) == result
    assert result["changed"]
    assert result["untagged"] == ["app:1", "base:1"]
    assert result["deleted"] == [image_id("b1")]
    assert result["absent"] == ["none:1"]
    assert result["engine"] == {
        "version": "28.5.2",
        "api_version": "1.51",
        "store": store,
        "driver": "overlay2",
        "host": "host",
    }


def test_layers_are_only_told_when_asked_for_and_null_where_the_store_does_not_tell():
    assert "deleted_layers" not in predicted({"names": ["base:1"]})
    assert predicted({"names": ["base:1"], "layers": True}, store=GRAPHDRIVER)["deleted_layers"] == []
    assert predicted({"names": ["base:1"], "layers": True}, store=CONTAINERD)["deleted_layers"] is None


def test_nothing_to_do_is_no_change():
    result = predicted({"names": ["none:1"]})
    assert not result["changed"]
    assert "failed" not in result
    assert result["images"] == []
    assert result["diff"]["before"] == result["diff"]["after"]
    assert result["summary"].startswith("0 references untagged, 0 images deleted, ")
    assert result["summary"].endswith("4 kept")


def test_the_summary_counts():
    summary = predicted({"names": ["app:1", "base:1", "used:1"], "on_conflict": "skip"})["summary"]
    assert summary.startswith("2 references untagged, 1 image deleted, ")
    assert summary.endswith("reclaimed, 1 kept, 1 skipped")


def test_the_diff_shows_what_changes_and_nothing_else():
    assert predicted({"names": ["app:1", "base:1"]})["diff"] == {
        "before_header": "host, images",
        "after_header": "host, images: 2 references untagged, 1 image deleted",
        "before": (
            "image a10000000000 (1 MB, created 2023-11-14)\n"
            "  app:1\n"
            "  app:2\n"
            "image b10000000000 (2 MB, created 2023-11-14)\n"
            "  base:1\n"
        ),
        "after": "image a10000000000 (1 MB, created 2023-11-14)\n  app:2\n",
    }


def test_the_diff_shows_an_image_without_names_and_without_an_age():
    assert predicted({"names": ["d10"]})["diff"] == {
        "before_header": "host, images",
        "after_header": "host, images: 0 references untagged, 1 image deleted",
        "before": "<untagged> d10000000000 (500 B)\n",
        "after": "",
    }


def test_the_diff_shows_an_image_that_loses_its_last_name_and_stays():
    diff = predicted({"names": ["used:1"], "force": True})["diff"]
    assert diff["before"].endswith("  used:1\n")
    assert diff["after"] == "<untagged> c10000000000 (3 MB, created 2023-11-14)\n"


def test_the_diff_is_in_the_order_of_names_with_numbers_as_numbers_and_untagged_images_last():
    parts = [image("e1", "app:1.10"), image("e2", "app:1.9"), image("e3"), image("e4", "10:1"), image("e5", "9:1")]
    diff = predicted({"filters": {"label!": "keep"}}, *parts)["diff"]
    lines = [line.strip() for line in diff["before"].splitlines() if not line.startswith("image ")]
    assert lines[:4] == ["9:1", "10:1", "app:1.9", "app:1.10"]
    assert lines[4].startswith("<untagged> e30000000000 ")


def test_the_diff_shows_what_is_skipped_as_a_line_that_does_not_change():
    diff = predicted({"patterns": ["base", "used"], "on_conflict": "skip"})["diff"]
    assert diff["after"] == (
        "image c10000000000 (3 MB, created 2023-11-14) skipped: "
        "the image is used by a container: web (776562000000, running)\n  used:1\n"
    )
    assert diff["after"] in diff["before"]
    assert diff["after_header"].endswith(", 1 image deleted, 1 skipped")


UNMATCHED = [
    # situation, parameters, what matched nothing
    ("all match", {"patterns": ["app"], "excludes": ["app:2"]}, []),
    ("a pattern", {"patterns": ["app", "apq:*"]}, ["patterns: apq:*"]),
    ("two that match the same", {"patterns": ["app", "app:1"]}, []),
    ("an exclude", {"patterns": ["app"], "excludes": ["apq"]}, ["excludes: apq"]),
    ("two excludes that keep the same", {"patterns": ["base"], "excludes": ["app", "app:1"]}, []),
    ("an expression", {"patterns": ["^apq:"], "use_regex": True}, ["patterns: ^apq:"]),
]


@pytest.mark.parametrize(("params", "unmatched"), cases(UNMATCHED))
def test_a_pattern_that_matches_nothing_is_in_the_result_and_a_warning(params, unmatched):
    plan = plan_removal(snapshot(*HOST), Request.parse(params), 0.0)
    outcome = predict(plan)
    assert report(outcome)["unmatched"] == unmatched
    assert warnings(outcome) == [f"{pattern} matches nothing on this host" for pattern in unmatched]


def test_what_was_asked_for_and_skipped_is_one_warning():
    outcome = predict(
        plan_removal(snapshot(*HOST), Request.parse({"patterns": ["base", "used"], "on_conflict": "skip"}), 0.0)
    )
    assert warnings(outcome) == [
        "1 of 2 removals was skipped: used:1 (the image is used by a container: web (776562000000, running))"
    ]
    many = [part for n in range(12) for part in (image(f"a{n:02}", f"app:{n}"), container(f"c{n:02}", of=f"a{n:02}"))]
    (warning,) = warnings(
        predict(plan_removal(snapshot(*many), Request.parse({"patterns": ["app"], "on_conflict": "skip"}), 0.0))
    )
    assert warning.startswith("12 of 12 removals were skipped: app:")
    assert warning.endswith("; and 2 more")


def test_many_conflicts_leave_the_remedies_to_the_result():
    many = [part for n in range(4) for part in (image(f"a{n:02}", f"app:{n}"), container(f"c{n:02}", of=f"a{n:02}"))]
    message = predicted({"patterns": ["app"]}, *many)["msg"]
    assert "remove the container first" not in message
    assert message.endswith("See conflicts for the remedy of each, or set on_conflict: skip to remove the rest")


def test_images_tell_what_happens_to_each_and_why():
    images = predicted({"patterns": ["*:*"], "on_conflict": "skip", "excludes": ["app:2"], "details": "all"})["images"]
    assert [(entry["id"][7:9], entry["action"], entry["reason"], entry["rule"]) for entry in images] == [
        ("a1", "untagged", "it keeps the references app:2 (app:2 is protected)", "patterns: *:*"),
        ("b1", "deleted", "its last reference was removed", "patterns: *:*"),
        ("c1", "skipped", "the image is used by a container: web (776562000000, running)", "patterns: *:*"),
        ("d1", "kept", "nothing selects it", "none"),
    ]
    assert images[2]["containers"] == [{"name": "web", "id": "776562000000", "state": "running"}]
    assert images[0]["references"] == ["app:1", "app:2"]
    assert images[0]["size"] == 1_000_000
    assert images[0]["created"] == "2023-11-14T22:13:20Z"
    assert images[3]["created"] is None


def test_images_that_stay_are_only_listed_when_asked_for():
    assert [entry["id"][7:9] for entry in predicted({"names": ["base:1"]})["images"]] == ["b1"]


OTHER_REASONS = [
    # situation, parameters, parts, image, action, reason, rule
    ("by its ID", {"names": ["b10"]}, HOST, "b1", "deleted", "it was removed by its ID", "names: b10"),
    (
        "parent",
        {"names": ["child:1"]},
        (image("a1"), image("b1", "child:1", parent="a1")),
        "a1",
        "deleted",
        "it was an untagged parent of b10000000000 that nothing else needs",
        "prune_parents",
    ),
    (
        "forced off a running container",
        {"names": ["used:1"], "force": True},
        HOST,
        "c1",
        "untagged",
        "it stays without a name, because a container or a child image needs it",
        "names: used:1",
    ),
    (
        "parent of another image",
        {"names": ["base:1"]},
        (image("a1", "base:1"), image("b1", "child:1", parent="a1")),
        "a1",
        "untagged",
        "it stays without a name, because a container or a child image needs it",
        "names: base:1",
    ),
]


@pytest.mark.parametrize(
    ("params", "parts", "digits", "action", "reason", "rule"),
    cases(OTHER_REASONS),
)
def test_the_reason_says_how_an_image_went_or_why_it_stayed(params, parts, digits, action, reason, rule):
    (entry,) = [entry for entry in predicted(params, *parts)["images"] if entry["id"] == image_id(digits)]
    assert (entry["action"], entry["reason"], entry["rule"]) == (action, reason, rule)


def test_a_refused_task_fails_with_the_conflicts_and_the_candidates():
    result = predicted({"names": ["base:1", "used:1"], "details": "all"})
    assert result["failed"]
    assert result["msg"] == (
        "nothing was removed, because the Engine would refuse 1 of the removals:"
        " used:1: the image is used by a container: web (776562000000, running)"
        " (remove the container first (container_remove, names: web, states: running), or as the last resort set force: true)."
        " Set on_conflict: skip to remove the rest"
    )
    assert not result["changed"]
    assert result["diff"]["before"] == result["diff"]["after"]
    assert result["conflicts"] == [
        {
            "target": "used:1",
            "reason": "the image is used by a container: web (776562000000, running)",
            "container": {"name": "web", "id": "776562000000", "state": "running"},
            "forceable": True,
            "remedy": "remove the container first (container_remove, names: web, states: running),"
            " or as the last resort set force: true",
        }
    ]
    assert [(entry["action"], entry["reason"]) for entry in result["images"][1:3]] == [
        ("kept", "nothing was removed, because the task was refused"),
        ("skipped", "the image is used by a container: web (776562000000, running)"),
    ]


ENDS = [
    # situation, how the removal of base:1 ended, fields, verdict, absent, failed, warnings
    (
        "done",
        DONE,
        {"untagged": ("base:1",), "deleted": (image_id("b1"),), "as_planned": True},
        "deleted",
        [],
        False,
        [],
    ),
    ("gone", GONE, {"reason": "it was already gone"}, "skipped", ["base:1"], False, []),
    (
        "skipped",
        SKIPPED,
        {"reason": "it moved"},
        "skipped",
        [],
        False,
        ["1 of 1 removal was skipped: base:1 (it moved)"],
    ),
    ("refused", REFUSED, {"reason": "conflict: (must be forced)"}, "skipped", [], True, []),
    ("failed", FAILED, {"reason": "no answer"}, "skipped", [], True, []),
    (
        "failed after all was done",
        FAILED,
        {"reason": "no answer", "untagged": ("base:1",), "deleted": (image_id("b1"),)},
        "deleted",
        [],
        True,
        [],
    ),
    (
        "done otherwise",
        DONE,
        {"reason": "not as predicted", "untagged": ("base:1",)},
        "untagged",
        [],
        False,
        ["base:1: not as predicted; the result shows what was observed"],
    ),
]


@pytest.mark.parametrize(
    ("status", "fields", "verdict", "absent", "failed", "warned"),
    cases(ENDS),
)
def test_a_result_tells_how_a_removal_ended(status, fields, verdict, absent, failed, warned):
    outcome = observed({"names": ["base:1"]}, (status, fields))
    result = report(outcome, details="all")
    assert result["images"][1]["action"] == verdict
    assert result["absent"] == absent
    assert result.get("failed", False) is failed
    assert warnings(outcome) == warned
    assert result["untagged"] == list(fields.get("untagged", ()))
    if failed:
        assert result["msg"] == f"1 removal failed: base:1: {fields['reason']}. The result lists what was removed"


def test_what_happened_to_an_image_outweighs_what_did_not():
    outcome = observed(
        {"names": ["app:1", "app:2"]},
        (DONE, {"untagged": ("app:1",), "as_planned": True}),
        (SKIPPED, {"reason": "its references changed"}),
    )
    (entry,) = report(outcome)["images"]
    assert (entry["action"], entry["reason"]) == ("untagged", "it keeps the references app:2")


def test_a_message_about_many_failures_stays_readable():
    parts = [image(f"a{number:02}", f"app:{number}") for number in range(12)]
    plan = plan_removal(snapshot(*parts), Request.parse({"patterns": ["app"]}), 0.0)
    outcome = Outcome(
        plan, tuple(StepOutcome(step, FAILED, reason="no answer", as_planned=False) for step in plan.steps)
    )
    message = report(outcome)["msg"]
    assert message.startswith("12 removals failed: ")
    assert message.count("no answer") == 10
    assert "; and 2 more." in message


def test_space_is_a_lower_bound_where_the_store_does_not_tell():
    result = predicted({"names": ["base:1"]})
    assert not result["space_exact"]
    assert ", about " in result["summary"]


def test_a_digest_reference_is_a_line_of_the_diff():
    digest = digest_reference("node", "d1")
    assert predicted({"names": [digest]}, image("d1", "node:18", digest))["diff"]["before"].endswith(
        f"  node:18\n  {digest}\n"
    )

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.metrics import (
    METRICS,
    fleet_metrics,
    host_metrics,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    UNREACHABLE,
    failed_summary,
    fleet_report,
    host_summary,
)

DASHBOARD = Path(__file__).resolve().parents[5] / "playbooks" / "files" / "grafana-dashboard.json"
HOSTILE = 'a"b\\c\nd{e="f"} 1'
WHEN = "2026-11-28T12:00:00Z"
SECONDS = 1795867200
ENGINE = {"version": "28.5.1", "api_version": "1.51", "store": "containerd", "driver": "overlayfs", "host": "web"}
TOTALS = {
    "images": {"count": 5, "active": 1, "size": 5000, "reclaimable": 4000},
    "containers": None,
    "build_cache": {"count": 2, "active": 0, "size": 300, "reclaimable": 200},
}
MEASURED = {"totals": TOTALS, "file_system": {"total": 1000, "used": 250}, "images": 5, "containers": 1}


def image(number, action):
    return {"id": f"sha256:{number}", "references": [], "action": action, "size": number}


def chain(**values):
    images = [image(1, "deleted"), image(2, "skipped"), image(3, "kept")]
    stages = {
        "images": {"images": [image(1, "untagged"), image(4, "untagged")], "untagged": ["a:1", "b:1"]},
        "policy": {
            "images": images,
            "deleted": ["sha256:1"],
            "space_reclaimed": 10,
            "space_expected": 15,
            "space_exact": False,
        },
        "build_cache": None,
    }
    stages["images"].update(space_reclaimed=0, space_exact=True)
    found = {"docker_host": "unix:///one.sock", "engine": ENGINE, "before": MEASURED, "stages": stages}
    return {**found, **values}


def read(text):
    """Each sample as (name, labels, value), read by the client library of Prometheus."""
    parser = pytest.importorskip("prometheus_client.parser")
    families = list(parser.text_string_to_metric_families(text))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation == METRICS[family.name] for family in families)
    assert len({family.name for family in families}) == len(families)
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def values(text, name, *labels):
    return {tuple(found[label] for label in labels): value for other, found, value in read(text) if other == name}


def test_the_metrics_of_a_host() -> None:
    text = host_metrics(HOSTILE, host_summary([chain()], True), WHEN)
    assert values(text, "imagewarden_last_run_timestamp_seconds", "host") == {(HOSTILE,): SECONDS}
    assert values(text, "imagewarden_last_success_timestamp_seconds", "host") == {(HOSTILE,): SECONDS}
    assert values(text, "imagewarden_last_run_check_mode", "host") == {(HOSTILE,): 1}
    assert values(text, "imagewarden_used_bytes", "docker_host", "kind") == {
        ("unix:///one.sock", "images"): 5000,
        ("unix:///one.sock", "build_cache"): 300,
    }
    assert values(text, "imagewarden_reclaimable_bytes", "kind") == {("images",): 4000, ("build_cache",): 200}
    assert values(text, "imagewarden_objects", "kind") == {("images",): 5, ("build_cache",): 2}
    assert values(text, "imagewarden_file_system_used_bytes", "host") == {(HOSTILE,): 250}
    assert values(text, "imagewarden_last_run_freed_bytes", "host") == {(HOSTILE,): 15}
    assert values(text, "imagewarden_engine_info", "version", "store") == {("28.5.1", "containerd"): 1}
    assert values(text, "imagewarden_last_run_removed", "kind") == {
        ("containers",): 0,
        ("references",): 2,
        ("images",): 1,
        ("build_cache",): 0,
    }


VERDICTS = [
    # situation, chain, images by verdict
    ("of two stages the later one counts", chain(), {"deleted": 1, "untagged": 1, "skipped": 1, "kept": 2}),
    ("how many there are is not known", chain(before=None), {"deleted": 1, "untagged": 1, "skipped": 1}),
    ("no stage ran", chain(stages={}), {"deleted": 0, "untagged": 0, "skipped": 0, "kept": 5}),
]


@pytest.mark.parametrize(("found", "expected"), [row[1:] for row in VERDICTS], ids=[row[0] for row in VERDICTS])
def test_images_by_verdict(found, expected) -> None:
    text = host_metrics("web", host_summary([found], True), WHEN)
    assert values(text, "imagewarden_images", "verdict") == {(key,): value for key, value in expected.items()}


def test_after_a_run_what_was_measured_then_counts() -> None:
    after = {
        **MEASURED,
        "totals": {"images": {"count": 1, "active": 1, "size": 7, "reclaimable": 0}},
        "file_system": None,
    }
    text = host_metrics("web", host_summary([chain(after=after)], False), WHEN)
    assert values(text, "imagewarden_used_bytes", "kind") == {("images",): 7}
    assert values(text, "imagewarden_file_system_size_bytes", "host") == {}


def test_an_engine_that_does_not_answer() -> None:
    lost = {"docker_host": None, "failed": True, "msg": "there is no Engine"}
    text = host_metrics("web", host_summary([lost], False), WHEN)
    assert values(text, "imagewarden_last_run_failed", "host") == {("web",): 1}
    assert values(text, "imagewarden_engine_info", "host") == {}


def fleet(earlier="", generated=WHEN, **summaries):
    return fleet_metrics(fleet_report(summaries, generated, "cleanup", False), earlier)


def test_the_metrics_of_a_fleet() -> None:
    down = failed_summary("connection refused", False, UNREACHABLE)
    text = fleet(web=host_summary([chain()], False), down=down, later=None)
    assert values(text, "imagewarden_hosts", "status") == {
        ("changed",): 0,
        ("ok",): 1,
        ("failed",): 0,
        ("unreachable",): 1,
        ("not_run",): 1,
    }
    assert values(text, "imagewarden_last_run_failed", "host") == {("web",): 0, ("down",): 1}
    assert values(text, "imagewarden_last_failure_timestamp_seconds", "host") == {("down",): SECONDS}


def test_a_fleet_remembers_when_a_host_failed_and_succeeded_last() -> None:
    broken, fine = failed_summary("no Engine", False), host_summary([], False)
    first = fleet(**{HOSTILE: broken, "gone": broken, "later": fine})
    second = fleet(first, "2026-11-29T12:00:00Z", **{HOSTILE: fine, "later": None})
    assert values(second, "imagewarden_last_failure_timestamp_seconds", "host") == {(HOSTILE,): SECONDS}
    assert values(second, "imagewarden_last_success_timestamp_seconds", "host") == {
        (HOSTILE,): SECONDS + 86400,
        ("later",): SECONDS,
    }
    assert (
        fleet(fleet(first, **{HOSTILE: fine}) + "\nnot a metric", **{HOSTILE: fine}).count(
            "last_failure_timestamp_seconds{"
        )
        == 1
    )


def test_names_keep_to_the_conventions() -> None:
    for name, text in METRICS.items():
        assert re.fullmatch(r"imagewarden(_[a-z]+)+", name)
        assert ("bytes" in name) == name.endswith("_bytes")
        assert ("timestamp" in name) == name.endswith("_timestamp_seconds")
        assert not name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert text.endswith(".")


def cells(place):
    """What a panel takes of the dashboard's grid."""
    rows = range(place["y"], place["y"] + place["h"])
    return [(column, row) for column in range(place["x"], place["x"] + place["w"]) for row in rows]


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    used = {name for expression in asked for name in re.findall(r"imagewarden_[a-z_]+", expression)}
    assert used
    assert used <= set(METRICS)
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [cell for panel in panels for cell in cells(panel["gridPos"])]
    assert len(set(taken)) == len(taken)
    assert all(0 <= column < 24 for column, _row in taken)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import stat

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.files import ReportDirectory, utc_now
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    failed_summary,
    fleet_report,
    host_report,
    host_summary,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

REPORT = fleet_report({"web-1": failed_summary("no Engine", False)}, "2026-11-28T12:00:00Z", "cleanup", False)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_directory_is_created_below_the_working_directory(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ReportDirectory.create("a/b").path == str(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == []


def test_a_directory_below_a_file_is_an_error_that_names_it(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequest, match=r"image_cleanup_report_dir: cannot write to .*/file/x: Not a directory"):
        ReportDirectory.create(str(tmp_path / "file" / "x"))


def test_the_reports_of_a_fleet_and_of_a_host(tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path))
    directory.write_host("team/web-1", {"host": "team/web-1"})
    directory.write_fleet(REPORT)
    assert names(tmp_path) == [
        "images.csv",
        "metrics.prom",
        "report.csv",
        "report.html",
        "report.json",
        "report.md",
        "team_web-1.json",
    ]
    assert json.loads((tmp_path / "report.json").read_text()) == REPORT
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def test_the_files_of_other_hosts_are_named_and_nothing_else(tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path))
    for host in ("old-1", "team/old-2", "web-1"):
        directory.write_host(host, host_report(host_summary((), False), host, utc_now()))
    directory.write_fleet(REPORT)
    directory.write_snapshot("old-3", 1, {"schema": "imagewarden.docker/snapshot"})
    (tmp_path / "others.json").write_text("{}")
    (tmp_path / "directory.json").mkdir()
    assert directory.of_other_hosts(["web-1"]) == ["old-1.json", "team_old-2.json"]


def test_the_report_of_another_day_is_removed_and_those_of_hosts_stay(tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path))
    directory.forget_the_fleet()
    directory.write_host("web-1", {})
    directory.write_fleet(REPORT)
    directory.forget_the_fleet()
    assert names(tmp_path) == ["metrics.prom", "report.previous.json", "web-1.json"]


def previous_in(page):
    return json.loads(re.search(r'id="previous">(.*?)</script>', page.read_text())[1])


def test_the_page_has_the_figures_of_the_run_before(tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path))
    directory.write_fleet(REPORT)
    assert previous_in(tmp_path / "report.html") is None
    directory.forget_the_fleet()
    # A run that ends before its report, such as one with a mistake in a variable, is not the run before.
    directory.forget_the_fleet()
    stage = {"policy": {"changed": False, "images": []}}
    later = {"web-1": host_summary([{"docker_host": "tcp://one", "stages": stage}], False)}
    for generated in ("2026-11-29T12:00:00Z", "2026-11-29T12:05:00Z"):
        # After each batch of hosts.
        directory.write_fleet(fleet_report(later, generated, "cleanup", False))
        assert previous_in(tmp_path / "report.html") == REPORT
    directory.forget_the_fleet()
    kept = json.loads((tmp_path / "report.previous.json").read_text())
    assert kept["generated"] == "2026-11-29T12:05:00Z"
    assert "stages" not in kept["hosts"][0]["engines"][0]


UNREADABLE = [
    ("half a file", '{"schema": '),
    ("another schema", '{"schema": "other", "schema_version": 1, "hosts": []}'),
    ("a list", "[]"),
    ("no hosts", json.dumps({**REPORT, "hosts": 3})),
    ("hosts that are none", json.dumps({**REPORT, "hosts": ["web-1"]})),
    ("a number that is none", json.dumps({**REPORT, "total": float("nan")})),
    ("a nest", "[" * 100_000),
    ("no text", "\udcff"),
]


@pytest.mark.parametrize("text", [row[1] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_a_report_that_cannot_be_read_is_not_compared(text, tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path))
    (tmp_path / "report.json").write_text(text, errors="surrogateescape")
    directory.forget_the_fleet()
    assert names(tmp_path) == []


def test_a_report_has_a_line_for_each_entry_of_a_list_and_says_what_json_says(tmp_path) -> None:
    images = [{"id": "sha256:1", "references": ["é:1"], "action": "kept", "size": 1, "containers": []}]
    images.append({**images[0], "id": "\udc80"})
    chain = {"docker_host": None, "stages": {"policy": {"changed": True, "images": images, "conflicts": []}}}
    report = fleet_report({"web-1": host_summary([chain], False)}, "2026-11-28T12:00:00Z", "cleanup", False)
    ReportDirectory.create(str(tmp_path)).write_fleet(report)
    text = (tmp_path / "report.json").read_text()
    assert json.loads(text) == report
    assert [line.strip() for line in text.splitlines() if "sha256:1" in line] == [
        json.dumps(images[0], ensure_ascii=False) + ","
    ]
    assert max(map(len, text.splitlines())) < 200


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path))
    (tmp_path / "web-1.json" / "full").mkdir(parents=True)
    with pytest.raises(InvalidRequest, match=r"image_cleanup_report_dir: cannot write .*/web-1\.json: "):
        directory.write_host("web-1", {})
    assert names(tmp_path) == ["web-1.json"]


def test_the_snapshot_of_each_engine_has_a_file(tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path), "image_cleanup_snapshot_dir")
    directory.write_snapshot("team/web-1", 1, {"number": 1})
    directory.write_snapshot("team/web-1", 2, {"number": 2})
    assert names(tmp_path) == ["team_web-1.json", "team_web-1@2.json"]
    assert json.loads((tmp_path / "team_web-1@2.json").read_text()) == {"number": 2}


def test_a_mistake_names_its_variable(tmp_path) -> None:
    (tmp_path / "web-1.json").mkdir()
    with pytest.raises(InvalidRequest, match=r"^image_cleanup_snapshot_dir: cannot write .*/web-1\.json: "):
        ReportDirectory.create(str(tmp_path), "image_cleanup_snapshot_dir").write_snapshot("web-1", 1, {})


def test_a_value_that_is_no_json_leaves_nothing_behind(tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path))
    with pytest.raises(TypeError):
        directory.write_host("web-1", {"host": object()})
    assert names(tmp_path) == []


def test_the_time_is_that_of_the_world() -> None:
    assert len(utc_now()) == len("2026-11-28T12:00:00Z")
    assert utc_now().endswith("Z")

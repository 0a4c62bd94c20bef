# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import stat

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.files import ReportDirectory, utc_now
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import failed_summary, fleet_report
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
        "metrics.prom",
        "report.csv",
        "report.html",
        "report.json",
        "report.md",
        "team_web-1.json",
    ]
    assert json.loads((tmp_path / "report.json").read_text()) == REPORT
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def test_the_report_of_another_day_is_removed_and_those_of_hosts_stay(tmp_path) -> None:
    directory = ReportDirectory.create(str(tmp_path))
    directory.forget_the_fleet()
    directory.write_host("web-1", {})
    directory.write_fleet(REPORT)
    directory.forget_the_fleet()
    assert names(tmp_path) == ["metrics.prom", "web-1.json"]


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

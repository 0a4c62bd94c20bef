# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.imagewarden.docker.plugins.action import cleanup_report
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import failed_summary, host_summary

from .actions import PLAY, action

RUN = {"play": PLAY._uuid, "batch": "a", "hosts": 2}
IMAGE = {"id": f"sha256:{'a' * 64}", "references": ["registry.example.com/" + "team/" * 30 + "app:1"]}
POLICY = {"changed": True, "deleted": [IMAGE["id"]], "images": [{**IMAGE, "action": "deleted", "size": 5_000_000}]}
CHANGED = {**host_summary([{"stages": {"policy": POLICY}}], True), "run": RUN}
FAILED = {**failed_summary("there is no Engine, " * 20, True), "run": RUN}


@pytest.fixture(name="printed")
def fixture_printed(monkeypatch):
    lines = []
    monkeypatch.setattr(cleanup_report.display, "display", lambda text, color=None: lines.extend(text.splitlines()))
    return lines


def report(facts, in_play=None, groups=None, **asked):
    hosts = list(facts)
    variables = {
        "inventory_hostname": hosts[0],
        "ansible_play_hosts": hosts if in_play is None else in_play,
        "ansible_play_hosts_all": hosts,
        "groups": groups or {},
        "hostvars": {host: {"image_cleanup_summary": fact} if fact else {} for host, fact in facts.items()},
    }
    arguments = {"mode": "audit", "max_fail_percentage": 100, "report_dir": "", **asked}
    return action(cleanup_report, arguments).run(task_vars=variables)


def test_the_table_has_100_columns_and_the_hosts_are_in_their_order(printed) -> None:
    found = report({"b" * 60: CHANGED, "a": FAILED})
    assert "failed" not in found
    assert max(map(len, printed)) <= 100
    assert printed == ["", *found["lines"]]
    assert [line[:1] for line in found["lines"][1:4]] == ["b", "a", "t"]
    assert found["lines"][-1].startswith("2 hosts (1 changed, 1 failed): would delete 1 image")


HOSTS = [
    # situation, the fact of a second host, whether the play still has it, its status
    ("a host of a later batch", None, True, "not_run"),
    ("a host that was lost before the role", None, False, "failed"),
    ("a fact of an earlier play", {**CHANGED, "run": {**RUN, "play": "another"}}, True, "not_run"),
    ("a fact of this play", CHANGED, True, "changed"),
]


@pytest.mark.parametrize(("fact", "is_in_play", "status"), [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS])
def test_the_status_of_a_host(fact, is_in_play, status, printed, tmp_path) -> None:
    report({"a": CHANGED, "b": fact}, ["a", "b"] if is_in_play else ["a"], report_dir=str(tmp_path))
    hosts = json.loads((tmp_path / "report.json").read_text())["hosts"]
    assert [(host["host"], host["status"]) for host in hosts] == [("a", "changed"), ("b", status)]
    assert "run" not in hosts[0]
    assert printed[-2:] == [f"report: {tmp_path}/report.json", f"page: {tmp_path}/report.html"]


def test_files_of_hosts_that_left_the_inventory_are_named(printed, tmp_path) -> None:
    for number in range(5):
        (tmp_path / f"old-{number}.json").write_text('{"schema": "imagewarden.docker/host-report"}')
    report({"a": CHANGED}, report_dir=str(tmp_path), groups={"all": ["a", "old-1"]})
    assert "of hosts that are not in the inventory: old-0.json, old-2.json, old-3.json and 1 more" in printed
    assert (tmp_path / "old-0.json").exists()


def test_too_many_hosts_of_a_batch_failed(printed) -> None:
    found = report({"a": FAILED, "b": CHANGED}, max_fail_percentage=49)
    assert found["failed"]
    assert found["msg"] == ("image_cleanup_max_fail_percentage: 1 of 2 hosts of a batch failed, and the limit is 49 %")
    assert "failed" not in report({"a": FAILED, "b": CHANGED}, max_fail_percentage=50)


FAIL_ON = [
    # situation, facts, what is asked otherwise, message
    ("a change", {"a": CHANGED, "b": FAILED}, {}, "image_cleanup_fail_on: 1 of 2 hosts would change"),
    (
        "a change in a real run",
        {"a": {**CHANGED, "check_mode": False}},
        {"mode": "cleanup"},
        "image_cleanup_fail_on: 1 of 1 hosts changed",
    ),
    ("no change", {"a": FAILED}, {}, None),
    ("a change that was not asked about", {"a": CHANGED}, {"fail_on": "failures"}, None),
    ("a batch before the last", {"a": CHANGED, "b": None}, {}, None),
]


@pytest.mark.parametrize(("facts", "asked", "message"), [row[1:] for row in FAIL_ON], ids=[row[0] for row in FAIL_ON])
def test_a_change_makes_the_play_fail_where_that_is_asked_for(facts, asked, message, printed) -> None:
    found = report(facts, **{"fail_on": "changes", **asked})
    assert (found.get("failed", False), found.get("msg")) == (message is not None, message)


def test_failures_of_an_earlier_batch_count_no_more(printed) -> None:
    earlier = {**FAILED, "run": {**RUN, "batch": "z"}}
    assert "failed" not in report({"a": CHANGED, "b": earlier}, max_fail_percentage=0)
    assert "failed" not in report({"a": None, "b": FAILED}, max_fail_percentage=0)


def test_a_report_that_cannot_be_written_fails_after_the_table(printed, tmp_path) -> None:
    (tmp_path / "file").touch()
    found = report({"a": CHANGED}, report_dir=str(tmp_path / "file"))
    assert found["failed"]
    assert printed[-1] == found["msg"]
    assert found["msg"].startswith("image_cleanup_report_dir: cannot write to ")


def test_a_callback_for_programs_gets_no_table(printed, monkeypatch) -> None:
    monkeypatch.setattr(cleanup_report.constants, "DEFAULT_STDOUT_CALLBACK", "ansible.posix.json", raising=False)
    assert report({"a": CHANGED})["lines"]
    assert printed == []

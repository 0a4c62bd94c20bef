# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.page import (
    comma_separated,
    images_comma_separated,
    kept_by_list,
    markdown,
    shortened,
    table,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    HOST_SCHEMA,
    SCHEMA,
    UNREACHABLE,
    failed_summary,
    fleet_report,
    host_report,
    host_summary,
    with_failure,
)

from ..builders import cases

CONTAINERS = {
    "changed": True,
    "removed": ["web", "old"],
    "stopped": ["web"],
    "containers": [{"name": "web", "action": "removed"}, {"name": "db", "action": "skipped"}],
    "diff": {"before": "x", "after": ""},
}
POLICY = {
    "changed": True,
    "untagged": ["a:1"],
    "deleted": ["sha256:a", "sha256:b"],
    "conflicts": [],
    "images": [
        {"id": "sha256:aaaaaaaaaaaaaaaa", "references": ["a:1"], "action": "deleted", "size": 2_000_000},
        {"id": "sha256:bbbbbbbbbbbbbbbb", "references": [], "action": "deleted", "size": 5_000_000},
    ],
    "space_reclaimed": 7_000_000,
    "space_exact": True,
}
IDLE = {"changed": False, "untagged": [], "deleted": [], "images": []}
REFUSED = {"changed": False, "failed": True, "msg": "the guard\nrefuses"}
BEFORE = {"totals": None, "file_system": None, "images": 3, "containers": 2}
LOST = {"unreachable": True, "msg": "Task failed: connection refused"}


def chain(host="unix:///one.sock", **stages):
    failed = [f"{name}: {stage['msg']}" for name, stage in stages.items() if stage.get("failed")]
    found = {"docker_host": host, "before": BEFORE, "stages": stages}
    return {**found, "failed": True, "msg": "; ".join(failed)} if failed else found


HOSTS = [
    # situation, chains, check mode, status, one line
    ("no Engine", [], False, "ok", "no stage ran"),
    ("no stage", [chain()], False, "ok", "no stage ran"),
    ("nothing to do", [chain(policy=IDLE)], False, "ok", "nothing to do"),
    (
        "a cleanup",
        [chain(containers=CONTAINERS, policy=POLICY)],
        False,
        "changed",
        "2 containers removed, 1 reference untagged, 2 images deleted, 7 MB reclaimed, 1 skipped",
    ),
    (
        "an audit of two Engines",
        [chain(policy=POLICY), chain("tcp://two", policy=POLICY)],
        True,
        "changed",
        "would untag 2 references, delete 4 images, free 14 MB",
    ),
    (
        "a stage that failed",
        [chain(containers=CONTAINERS, policy=REFUSED)],
        False,
        "failed",
        "FAILED: policy: the guard refuses (besides: 2 containers removed, 1 skipped)",
    ),
    (
        "one Engine of two that failed",
        [chain(policy=IDLE), chain("tcp://two", policy=REFUSED)],
        False,
        "failed",
        "FAILED: tcp://two: policy: the guard refuses",
    ),
    (
        "an Engine that names itself in its message",
        [chain(), {"docker_host": "tcp://two", "failed": True, "msg": "there is no Engine at tcp://two"}],
        False,
        "failed",
        "FAILED: there is no Engine at tcp://two",
    ),
    ("a host that cannot be reached", [LOST], False, "unreachable", "UNREACHABLE: connection refused"),
]


@pytest.mark.parametrize(("chains", "check_mode", "status", "line"), cases(HOSTS))
def test_a_host(chains, check_mode, status, line) -> None:
    summary = host_summary(chains, check_mode)
    assert (summary["status"], summary["summary"]) == (status, line)
    assert summary["failed"] is (status in ("failed", "unreachable"))
    assert summary["check_mode"] is check_mode


FAILED_AT = [
    # situation, chain, stage
    ("nothing failed", chain(policy=IDLE), None),
    ("a stage", chain(containers=CONTAINERS, policy=REFUSED), "policy"),
    ("the Engine does not answer", {"failed": True, "msg": "no"}, "before"),
    ("the measurement after the stages", {**chain(policy=POLICY), "failed": True, "msg": "after: no"}, "after"),
]


@pytest.mark.parametrize(("found", "stage"), cases(FAILED_AT))
def test_the_stage_that_failed(found, stage) -> None:
    assert host_summary([found], False)["engines"][0]["failed_stage"] == stage


def test_a_stage_of_the_report_holds_what_a_reader_wants() -> None:
    (engine,) = host_summary([chain(containers=CONTAINERS)], False)["engines"]
    assert engine["stages"]["policy"] is None
    assert "diff" not in engine["stages"]["containers"]
    assert engine["stages"]["containers"]["removed"] == ["web", "old"]
    assert engine["before"] == BEFORE


def test_a_failure_after_the_chains_keeps_what_was_done() -> None:
    failed = with_failure(host_summary([chain(containers=CONTAINERS)], False), "the disk is full")
    assert failed["status"] == "failed"
    assert failed["summary"] == "FAILED: the disk is full (besides: 2 containers removed, 1 skipped)"
    lost = with_failure(host_summary([LOST], False), "the disk is full")
    assert (lost["status"], lost["message"]) == ("unreachable", "connection refused; the disk is full")


def test_the_file_of_a_host_says_of_which_run_it_is() -> None:
    written = host_report({**host_summary([], False), "run": {"play": "1"}}, "web-1", "2026-03-14T09:26:53Z")
    assert list(written)[:4] == ["schema", "schema_version", "generated", "host"]
    assert (written["schema"], written["generated"]) == (HOST_SCHEMA, "2026-03-14T09:26:53Z")
    assert "run" not in written


def report(mode="cleanup"):
    check_mode = mode == "audit"
    summaries = {
        "web-1": {**host_summary([chain(containers=CONTAINERS, policy=POLICY)], check_mode), "run": {"play": "1"}},
        "=web-2": failed_summary("no | pipe", check_mode),
        "web-3": failed_summary("connection refused", check_mode, UNREACHABLE),
        "web-4": None,
    }
    return fleet_report(summaries, "2026-03-14T09:26:53Z", mode, check_mode)


def test_a_fleet() -> None:
    made = report()
    assert list(made) == ["schema", "schema_version", "generated", "mode", "total", "hosts"]
    assert made["schema"] == SCHEMA
    assert [made["total"][key] for key in ("hosts", "changed", "ok", "failed", "unreachable", "not_run")] == [
        *(4, 1, 0, 1, 1, 1)
    ]
    assert made["total"]["summary"] == (
        "4 hosts (1 changed, 1 failed, 1 unreachable, 1 not run): 2 containers removed, 1 reference untagged,"
        " 2 images deleted, 7 MB reclaimed, 1 skipped"
    )
    assert all("run" not in host for host in made["hosts"])
    assert fleet_report({}, "", "audit", True)["total"]["summary"] == "0 hosts (none)"


def test_the_table_has_failures_last_but_the_total() -> None:
    lines = table(report())
    assert lines[0].split() == ["host", "status", "containers", "references", "images", "cache", "skipped", "space"]
    assert lines[1].split() == ["web-1", "changed", "2", "1", "2", "-", "1", "7", "MB"]
    assert lines[4].split() == ["web-4", "not", "run", "-", "-", "-", "-", "-", "-"]
    assert lines[-6:-2] == ["", "FAILED =web-2: no | pipe", "UNREACHABLE web-3: connection refused", ""]
    assert " ".join(lines[-2:]) == report()["total"]["summary"]
    assert not any(line.startswith("The largest") for line in lines)


def test_an_audit_names_the_largest_images() -> None:
    lines = table(report("audit"))
    first = lines.index("The largest images that would be deleted:")
    assert lines[first + 1 : first + 4] == [
        "  web-1",
        "        5 MB  <untagged> bbbbbbbbbbbb",
        "        2 MB  a:1",
    ]


def test_a_large_fleet_with_long_names_stays_within_100_columns() -> None:
    images = [{**POLICY["images"][0], "references": ["registry.example.com/" + "x" * 99 + f":{n}"]} for n in range(7)]
    summary = host_summary([chain(policy={**POLICY, "images": images})], True)
    summaries = {f"{'a-very-long-name-of-a-host' * 2}-{number}": summary for number in range(25)}
    summaries["broken"] = failed_summary("x" * 900, True)
    lines = table(fleet_report(summaries, "", "audit", True))
    assert max(map(len, lines)) <= 100
    assert "    and 2 more" in lines
    assert "and 5 more hosts: report.json names the images of all" in lines


def test_the_page_for_a_ticket_escapes_what_marks_text_up() -> None:
    page = markdown(report())
    assert "| =web-2 | failed | - | - | - | - | - | - | FAILED: no \\| pipe |" in page
    assert page.startswith("# Docker image cleanup, 2026-03-14T09:26:53Z\n")


def test_the_sheet_holds_no_formula() -> None:
    rows = list(csv.DictReader(comma_separated(report()).splitlines()))
    assert [row["host"] for row in rows] == ["web-1", "'=web-2", "web-3", "web-4"]
    assert rows[0]["images_deleted"] == "2"


def kept(*pairs):
    listed = [{"target": target, "reason": reason} for target, reason in pairs]
    return host_summary([chain(policy={**IDLE, "kept_by_list": listed})], True)


def test_what_a_list_keeps_is_counted_over_the_hosts() -> None:
    one, other = ("app:1", "used on db-1"), ("=cmd|x", "used on db-2")
    hosts = {"web-1": kept(one), "web-2": kept(other, one), "web-3": kept()}
    hosts["web-3"]["keep_used_on"] = {"hosts": 2, "unknown": [{"host": "db_3", "reason": "refused"}]}
    found = fleet_report(hosts, "", "audit", True)
    assert kept_by_list(found) == [
        {"target": "app:1", "reason": "used on db-1", "hosts": 2},
        {"target": "=cmd|x", "reason": "used on db-2", "hosts": 1},
    ]
    page = markdown(found)
    assert "\n## Kept by keep.images\n" in page
    assert "| app:1 | used on db-1 | 2 |\n| =cmd\\|x | used on db-2 | 1 |\n" in page
    assert page.endswith("It is not known what is used on db\\_3 (refused).\n")
    assert [row["kept_by_list"] for row in csv.DictReader(comma_separated(found).splitlines())] == ["1", "2", "0"]


def test_a_long_list_of_what_is_kept_is_cut_for_a_ticket() -> None:
    found = fleet_report({"web-1": kept(*((f"app:{number}", "pinned") for number in range(52)))}, "", "audit", True)
    assert "and 2 more: report.json has all" in markdown(found)


def test_the_sheet_of_images_has_a_row_for_each() -> None:
    image = {
        "id": "sha256:a",
        "references": ["=a:1", "b:2"],
        "action": "kept",
        "reason": "@used",
        "rule": ["keep", "newest"],
        "size": 5,
        "created": None,
        "last_used": "2026-03-14T09:26:53Z",
        "containers": [{"name": "web", "state": "running"}, {"name": "db", "state": "exited"}],
    }
    hosts = {"-web": host_summary([chain(images={**IDLE, "images": [image]}, policy=POLICY), chain("tcp://two")], True)}
    rows = list(csv.DictReader(images_comma_separated(fleet_report(hosts, "", "audit", True)).splitlines()))
    assert [(row["host"], row["stage"], row["id"]) for row in rows] == [
        ("'-web", "images", "sha256:a"),
        ("'-web", "policy", "sha256:aaaaaaaaaaaaaaaa"),
        ("'-web", "policy", "sha256:bbbbbbbbbbbbbbbb"),
    ]
    first = rows[0]
    assert (first["references"], first["reason"], first["rule"]) == ("'=a:1, b:2", "'@used", "keep, newest")
    assert (first["size"], first["created"], first["last_used"]) == ("5", "", "2026-03-14T09:26:53Z")
    assert first["containers"] == "web (running), db (exited)"
    assert (rows[2]["references"], rows[2]["containers"]) == ("", "")


def test_a_message_for_the_terminal_is_cut() -> None:
    assert shortened("x" * 400) == "x" * 299 + "…"
    assert shortened("short") == "short"


def test_a_large_fleet_has_a_short_table() -> None:
    summaries = {
        f"web-{number}": host_summary([chain(policy={**POLICY, "space_reclaimed": number})], True)
        for number in range(60)
    }
    summaries.update({f"db-{number}": failed_summary("down", True) for number in range(51)})
    lines = table(fleet_report(summaries, "2026-11-28T12:00:00Z", "cleanup", True))
    assert [line.split()[0] for line in lines[1:51]] == [f"web-{number}" for number in range(10, 60)]
    assert lines[51] == "and 61 more hosts, none of which frees more"
    assert lines[52].startswith("total")
    assert sum(1 for line in lines if line.startswith("FAILED db-")) == 50
    assert "and 1 more host that failed" in lines


MEASURED = [
    # situation, what was measured on each Engine, and whether it changed; what is known of the host
    ("no Engine", [], None),
    ("nothing changed", [(None, False)], None),
    ("one of two changed", [(500, True), (None, False)], 500),
    ("both changed", [(500, True), (-20, True)], 480),
    ("one does not show it", [(500, True), (None, True)], None),
]


@pytest.mark.parametrize(("engines", "expected"), cases(MEASURED))
def test_what_was_really_freed_is_told_where_every_engine_shows_it(engines, expected):
    chains = [{**chain(policy=POLICY if changed else IDLE), "space_measured": size} for size, changed in engines]
    summary = host_summary(chains, False)
    assert summary["space_measured"] == expected
    assert [engine["space_measured"] for engine in summary["engines"]] == [size for size, _changed in engines]

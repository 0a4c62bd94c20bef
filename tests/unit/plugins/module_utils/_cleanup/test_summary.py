# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    SCHEMA,
    SCHEMA_VERSION,
    failed_summary,
    fleet_lines,
    fleet_report,
    host_summary,
)

ENGINE = {"version": "28.5.2", "api_version": "1.51", "store": "graphdriver", "driver": "overlay2", "host": "ci-1"}
TOTALS = {"images": {"count": 3, "active": 1, "size": 3000, "reclaimable": 2000}}
BEFORE = {
    "check_mode": False,
    "engine": ENGINE,
    "images": [{}, {}, {}],
    "totals": TOTALS,
    "file_system": None,
    "notices": ["devicemapper"],
    "invocation": {"module_args": {"docker_host": "unix:///default.sock"}},
}
AFTER = {**BEFORE, "images": [{}]}
CONTAINERS = {
    "changed": True,
    "removed": ["web", "old"],
    "stopped": ["web"],
    "committed": [{}],
    "absent": [],
    "containers": [{"name": "web", "action": "removed"}, {"name": "db", "action": "skipped"}],
    "summary": "2 containers removed",
    "engine": ENGINE,
    "diff": {"before": "x", "after": ""},
}
UNTAG = {"changed": True, "untagged": ["app:1"], "deleted": [], "conflicts": [], "images": [], "space_exact": True}
POLICY = {
    "changed": True,
    "untagged": [],
    "deleted": ["a", "b"],
    "conflicts": [{}],
    "images": [{"action": "skipped"}, {"action": "deleted"}],
    "space_reclaimed": 2_000_000,
    "space_exact": False,
}
SKIPPED = {"changed": False, "skipped": True, "skip_reason": "Conditional result was False"}
NOTHING = {"changed": False, "removed": [], "containers": []}
REFUSED = {"failed": True, "msg": "the guard\nrefuses", "changed": False}
NO_ENGINE = {"failed": True, "msg": "there is no Engine"}
DOWN = {"unreachable": True, "changed": False, "msg": "connection refused"}


def engine(**results):
    return {"docker_host": None, "before": BEFORE, **results}


CHAIN = engine(containers=CONTAINERS, untag=UNTAG, policy=POLICY, after=AFTER)
CHECKED = engine(before={**BEFORE, "check_mode": True}, containers=CONTAINERS, untag=SKIPPED, policy={})
LINE = "2 containers removed, 1 container committed, 1 reference untagged, 2 images deleted, at least 2 MB reclaimed, 2 skipped"

HOSTS = [
    # situation, Engines, status, one line
    ("the whole chain", [CHAIN], "changed", LINE),
    ("nothing to do", [engine(containers=NOTHING, untag=SKIPPED)], "ok", "nothing to do"),
    ("no stage at all", [engine()], "ok", "nothing to do"),
    ("no Engine at all", [], "ok", "nothing to do"),
    (
        "check mode",
        [CHECKED],
        "changed",
        "would be: 2 containers removed, 1 container committed, 1 skipped",
    ),
    ("check mode, nothing to do", [engine(before={**BEFORE, "check_mode": True})], "ok", "nothing to do"),
    ("no Engine answers", [{"before": NO_ENGINE, "containers": {}}], "failed", "FAILED: there is no Engine"),
    ("unreachable", [{"before": DOWN}], "unreachable", "UNREACHABLE: connection refused"),
    (
        "a stage fails",
        [engine(containers={"changed": True, "removed": ["one"]}, policy=REFUSED)],
        "failed",
        "FAILED: policy: the guard refuses (before that: 1 container removed)",
    ),
    (
        "a stage fails in check mode",
        [
            engine(
                before={**BEFORE, "check_mode": True}, containers={"changed": True, "removed": ["one"]}, policy=REFUSED
            )
        ],
        "failed",
        "FAILED: policy: the guard refuses (before that would be: 1 container removed)",
    ),
    (
        "one of two Engines fails",
        [engine(untag=UNTAG), {"docker_host": "unix:///two.sock", "before": NO_ENGINE}],
        "failed",
        "FAILED: unix:///two.sock: there is no Engine (before that: 1 reference untagged)",
    ),
    ("a failure without a message", [{"before": {"failed": True}}], "failed", "FAILED: no reason was given"),
]


@pytest.mark.parametrize(("engines", "status", "line"), [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS])
def test_a_host(engines, status, line):
    summary = host_summary(engines)
    assert (summary["status"], summary["summary"]) == (status, line)
    assert summary["failed"] is (status in ("failed", "unreachable"))


def test_the_numbers_of_several_engines_add_up():
    summary = host_summary([CHAIN, CHAIN])
    assert summary["images_deleted"] == 4
    assert summary["space_reclaimed"] == 4_000_000
    assert summary["conflicts"] == 2
    assert summary["space_exact"] is False


def test_an_engine():
    (told,) = host_summary([CHAIN])["engines"]
    assert told["engine"] == ENGINE
    assert told["docker_host"] == "unix:///default.sock"
    assert told["notices"] == ["devicemapper"]
    assert told["before"] == {"totals": TOTALS, "file_system": None, "images": 3}
    assert told["after"]["images"] == 1
    assert told["stages"]["containers"]["removed"] == ["web", "old"]
    assert told["stages"]["containers"]["changed"] is True
    assert "diff" not in told["stages"]["containers"]


def test_a_stage_that_did_not_run_is_null():
    (told,) = host_summary([CHECKED])["engines"]
    assert (told["stages"]["untag"], told["stages"]["policy"], told["after"]) == (None, None, None)
    assert told["check_mode"] is True


def test_a_stage_that_failed_is_named():
    (told,) = host_summary([engine(containers=CONTAINERS, policy=REFUSED)])["engines"]
    assert (told["failed_stage"], told["message"]) == ("policy", "the guard refuses")
    assert told["stages"]["policy"]["failed"] is True


FLEET = {
    "ci-1": host_summary([CHAIN]),
    "ci-02": host_summary([engine()]),
    "late": {},
    "lost": None,
    "odd": failed_summary("Validation of\narguments failed"),
}


def report(mode="cleanup"):
    return fleet_report(FLEET, {"lost": "the connection was lost"}, "2026-03-14T09:26:53Z", mode)


def test_the_report_of_a_fleet():
    made = report()
    assert (made["schema"], made["schema_version"]) == (SCHEMA, SCHEMA_VERSION)
    assert (made["generated"], made["mode"]) == ("2026-03-14T09:26:53Z", "cleanup")
    assert {host["host"]: host["status"] for host in made["hosts"]} == {
        "ci-1": "changed",
        "ci-02": "ok",
        "late": "not_run",
        "lost": "unreachable",
        "odd": "failed",
    }
    statuses = ("changed", "ok", "failed", "unreachable", "not_run")
    assert [made["total"][status] for status in statuses] == [1] * 5
    assert made["total"]["images_deleted"] == 2


def test_the_lines_of_a_fleet():
    assert fleet_lines(report()) == [
        f"ci-1   {LINE}",
        "ci-02  nothing to do",
        "late   not run",
        "lost   UNREACHABLE: the connection was lost",
        "odd    FAILED: Validation of arguments failed",
        f"total  5 hosts (1 changed, 1 ok, 1 failed, 1 unreachable, 1 not run), {LINE}",
    ]


def test_the_total_of_a_foretold_cleanup_does_not_sound_done():
    made = fleet_report({"ci-1": host_summary([CHECKED])}, {}, "now", "audit")
    assert made["total"]["summary"].startswith("1 host (1 changed), would be: 2 containers removed")


def test_an_empty_fleet():
    assert fleet_lines(fleet_report({}, {}, "now", "cleanup")) == ["total  0 hosts (none)"]


def test_an_audit_is_all_check_mode():
    assert all(host["check_mode"] for host in report("audit")["hosts"])
    assert not any(host["check_mode"] for host in report()["hosts"])


def test_a_total_of_one_host():
    made = fleet_report({"ci-1": host_summary([engine()])}, {}, "now", "cleanup")
    assert made["total"]["summary"] == "1 host (1 ok)"

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError

from ansible_collections.imagewarden.docker.plugins.action import cleanup_begin

from .actions import action

ASKED = {
    "target": "web",
    "hosts": ["web-1", "web-2"],
    "serial": "100%",
    "max_fail_percentage": 100,
    "throttle": 0,
    "fail_on": "failures",
    "report_dir": "",
}


@pytest.fixture(autouse=True)
def _command_line(monkeypatch):
    monkeypatch.setattr(cleanup_begin.context, "CLIARGS", {"args": ("imagewarden.docker.audit",)})


def begin(asked=(), everywhere=(), of_one=(), tags=("always",), keep=(None, None), **variables):
    hostvars = {"web-1": dict.fromkeys([*everywhere, *of_one]), "web-2": dict.fromkeys(everywhere)}
    for host, pattern in zip(hostvars, keep):
        hostvars[host].update({} if pattern is None else {"image_cleanup_keep_used_on": pattern})
    groups = {"all": ["web-1", "web-2", "db-1"], "web": ["web-1", "web-2"]}
    variables = {**variables, **hostvars["web-1"], "hostvars": hostvars, "groups": groups}
    return action(cleanup_begin, {**ASKED, **dict(asked)}, tags=tags).run(task_vars=variables)


def test_nothing_wrong() -> None:
    found = begin(ansible_run_tags=["policy"], ansible_skip_tags=["images"], everywhere=["image_cleanup_policy"])
    assert (found.get("failed"), found["msg"]) == (None, "2 hosts")
    assert begin({"hosts": ["web-1"]})["msg"] == "1 host"


MISTAKES = [
    # situation, what is asked otherwise, variables, message
    (
        "another reason to fail",
        {"fail_on": "change"},
        {},
        "image_cleanup_fail_on: 'change' is neither failures nor changes",
    ),
    ("no host", {"hosts": []}, {}, "target: 'web' matches no host of the inventory"),
    (
        "no host within the limit",
        {"hosts": []},
        {"ansible_limit": "db"},
        "--limit db: no host of target web",
    ),
    (
        "a misspelt variable",
        {},
        {"everywhere": ["image_cleanup_polcy"]},
        "image_cleanup_polcy: no such variable; did you mean image_cleanup_policy?",
    ),
    ("a misspelt tag", {}, {"ansible_run_tags": ["polcy"]}, "--tags: polcy: no such stage; did you mean policy?"),
    (
        "a misspelt tag to skip",
        {},
        {"ansible_skip_tags": ["image"]},
        "--skip-tags: image: no such stage; did you mean images?",
    ),
    ("a batch of no size", {"serial": 0}, {}, "image_cleanup_serial: 0 is neither a number of hosts nor a percentage"),
    (
        "two mistakes",
        {"hosts": [], "throttle": -1},
        {},
        "image_cleanup_throttle: -1 is not a whole number of 0 or more; target: 'web' matches no host of the inventory",
    ),
]


@pytest.mark.parametrize(
    ("asked", "variables", "message"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_mistakes(asked, variables, message) -> None:
    found = begin(asked, **variables)
    assert (found["failed"], found["msg"]) == (True, message)


READ = [
    # situation, the pattern of each host, tags, hosts that are read
    ("none", (None, ""), [], []),
    ("one for all", ("web", "web"), [], ["web-1", "web-2"]),
    ("one for each", ("db-1", "web-1"), [], ["db-1", "web-1"]),
    ("no policy", ("web", "web"), ["containers"], []),
]


@pytest.mark.parametrize(("keep", "run_tags", "expected"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_hosts_that_are_read_first(keep, run_tags, expected) -> None:
    assert begin(keep=keep, ansible_run_tags=run_tags)["read"] == expected


def test_a_pattern_without_hosts_is_a_mistake_of_all() -> None:
    found = begin(keep=("wbe", 3))
    assert found["msg"] == (
        "image_cleanup_keep_used_on: 3 is not a pattern of hosts;"
        " image_cleanup_keep_used_on: 'wbe' matches no host of the inventory"
    )


def test_a_pattern_that_cannot_be_templated_names_its_host() -> None:
    class Broken(dict):
        def get(self, _name):
            raise AnsibleError("undefined")

    variables = {"hostvars": {"web-1": Broken()}, "groups": {}}
    found = action(cleanup_begin, {**ASKED, "hosts": ["web-1"]}).run(task_vars=variables)
    assert found["msg"] == "image_cleanup_keep_used_on: web-1: undefined"


def test_a_variable_of_one_host_is_left_to_the_role() -> None:
    assert begin(of_one=["image_cleanup_polcy"])["msg"] == "2 hosts"


TAGS = [
    # situation, what the command line names, tags of the task
    ("tags of other plays", "site.yml", ["always"]),
    ("a tag that an import gave the playbook", "imagewarden.docker.audit", ["always", "web"]),
]


@pytest.mark.parametrize(("named", "tags"), [row[1:] for row in TAGS], ids=[row[0] for row in TAGS])
def test_tags_that_are_no_mistake(named, tags, monkeypatch) -> None:
    monkeypatch.setattr(cleanup_begin.context, "CLIARGS", {"args": (named,)})
    assert begin(ansible_run_tags=["web"], tags=tags)["msg"] == "2 hosts"


def test_a_playbook_is_named_by_its_path_too(monkeypatch) -> None:
    monkeypatch.setattr(cleanup_begin.context, "CLIARGS", {"args": ("/collections/playbooks/audit.yml",)})
    assert begin(ansible_run_tags=["web"])["failed"]


def test_any_mistake_removes_the_report_of_another_day(tmp_path) -> None:
    (tmp_path / "report.json").touch()
    assert begin({"hosts": [], "report_dir": str(tmp_path)})["failed"]
    assert not list(tmp_path.iterdir())


def test_a_report_directory_that_cannot_be_written_to(tmp_path) -> None:
    (tmp_path / "file").touch()
    found = begin({"report_dir": str(tmp_path / "file")})
    assert found["msg"].startswith(f"image_cleanup_report_dir: cannot write to {tmp_path}/file: ")

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
from unittest.mock import MagicMock

import pytest
from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.imagewarden.docker.plugins.action import cleanup_host, cleanup_report
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.elsewhere import Union, Use, User
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import STAGES

from .actions import PLAY, action

VARIABLES = {
    "inventory_hostname": "web-1",
    "ansible_play_batch": ["web-2", "web-1"],
    "image_cleanup_containers": {"names": ["old"]},
    "image_cleanup_policy": {"remove": {"dangling": True}},
    "image_cleanup_docker": {"docker_host": "tcp://one"},
    "image_cleanup_totals": True,
    "image_cleanup_on_error": "continue",
}
DONE = {
    "stages": {"containers": {"changed": True, "removed": ["old"]}},
    "diff": [{"before": "x"}],
    "warnings": ["look"],
}


@pytest.fixture(name="module")
def fixture_module(monkeypatch):
    """In place of the start of a module on the host."""
    module = MagicMock(side_effect=lambda *_arguments, **_options: dict(DONE))
    monkeypatch.setattr(cleanup_host.ActionModule, "_execute_module", module)
    return module


def started(module):
    """The arguments of each start."""
    assert {call.args[0] for call in module.call_args_list} <= {"imagewarden.docker.cleanup_chain"}
    return [call.args[1] for call in module.call_args_list]


def clean(defaults=(), **variables):
    return action(cleanup_host, dict(defaults), tags=["always", *STAGES]).run(task_vars={**VARIABLES, **variables})


def test_the_chain_of_an_engine(module) -> None:
    found = clean({"timeout": 5})
    assert started(module) == [
        {
            "docker_host": "tcp://one",
            "timeout": 5,
            "containers": VARIABLES["image_cleanup_containers"],
            "images": {},
            "policy": VARIABLES["image_cleanup_policy"],
            "build_cache": {},
            "totals": True,
            "on_error": "continue",
        }
    ]
    assert found["changed"]
    assert found["summary"]["summary"] == "1 container removed"
    assert found["summary"]["run"] == {"play": PLAY._uuid, "batch": "web-1", "hosts": 2}
    assert (found["diff"], found["warnings"]) == (DONE["diff"], ["look"])
    statistics = found["ansible_stats"]["data"]["image_cleanup_summary"]["web-1"]
    assert statistics["containers_removed"] == 1
    assert "engines" not in statistics


def test_a_line_for_people_ends_each_host(module, monkeypatch) -> None:
    lines = []
    monkeypatch.setattr(cleanup_report.display, "display", lambda text, color: lines.append((text, color)))
    clean()
    module.side_effect = AnsibleConnectionFailure("connection refused " * 20)
    clean()
    assert lines[0] == ("web-1: 1 container removed", constants.COLOR_CHANGED)
    assert lines[1] == ("web-1: UNREACHABLE", constants.COLOR_UNREACHABLE)


PROGRESS = [
    # situation, callback, hosts in the batch, variables, seconds between two lines
    ("a terminal", "ansible.builtin.default", 2, {}, 15),
    ("a variable", "default", 2, {"image_cleanup_progress": "3"}, 3),
    ("more forks than hosts", "default", 20, {}, 20),
    ("more hosts than forks", "default", 200, {}, 30),
    ("a program", "ansible.posix.json", 2, {}, 0),
    ("AWX", "awx_display", 2, {}, 0),
]


@pytest.mark.parametrize(
    ("callback", "hosts", "variables", "seconds"), [row[1:] for row in PROGRESS], ids=[row[0] for row in PROGRESS]
)
def test_how_often_a_host_says_how_far_it_is(callback, hosts, variables, seconds, module, monkeypatch) -> None:
    asked = []

    def told(_action, host, seconds, _show):
        asked.append((host, seconds))
        return contextlib.nullcontext()

    monkeypatch.setattr(cleanup_host, "told", told)
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", callback)
    monkeypatch.setattr(cleanup_host.context, "CLIARGS", {"forks": 30})
    clean(**{"ansible_play_batch": ["web"] * hosts, **variables})
    assert asked == [("web-1", seconds)]


def test_every_engine_has_a_chain(module) -> None:
    found = clean(image_cleanup_docker=[{"docker_host": "tcp://one"}, {"docker_host": "tcp://two"}])
    assert [arguments["docker_host"] for arguments in started(module)] == ["tcp://one", "tcp://two"]
    assert found["summary"]["containers_removed"] == 2


def test_a_target_is_for_the_stages_that_share_it(module) -> None:
    target = {"disk_used_below": 80}
    clean(image_cleanup_target=target)
    clean(image_cleanup_target=target, ansible_run_tags=["containers"])
    assert [arguments.get("target") for arguments in started(module)] == [target, None]


def test_each_of_several_engines_has_a_line(module, monkeypatch) -> None:
    lines = []
    monkeypatch.setattr(cleanup_report.display, "display", lambda text, color: lines.append(text))
    module.side_effect = [dict(DONE), {"failed": True, "msg": "tcp://two: nothing listens"}]
    clean(image_cleanup_docker=[{"docker_host": "tcp://one"}, {}])
    assert lines == [
        "web-1: FAILED (besides: 1 container removed)",
        "  tcp://one: 1 container removed",
        "  the default Engine: FAILED: tcp://two: nothing listens",
    ]


def test_tags_choose_stages(module) -> None:
    clean(ansible_run_tags=["policy"])
    assert set(started(module)[0]) & set(STAGES) == {"policy"}


MISTAKES = [
    # situation, variables, message
    (
        "a misspelt variable",
        {"image_cleanup_polcy": {}},
        "image_cleanup_polcy: no such variable; did you mean image_cleanup_policy?",
    ),
    (
        "a misspelt option of a stage",
        {"image_cleanup_policy": {"remov": {}}},
        "image_cleanup_policy: remov: no such option; did you mean remove?",
    ),
    (
        "a relative directory for metrics",
        {"image_cleanup_textfile_dir": "metrics"},
        "image_cleanup_textfile_dir: 'metrics' is not an absolute path",
    ),
    ("no Engine", {"image_cleanup_docker": []}, "image_cleanup_docker: an empty list names no Engine"),
]


@pytest.mark.parametrize(("variables", "message"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_starts_nothing(variables, message, module, tmp_path) -> None:
    found = clean(**variables, image_cleanup_report_dir=str(tmp_path))
    assert started(module) == []
    # Another task of the role fails: the summary has to be a fact first.
    assert "failed" not in found
    assert (found["summary"]["status"], found["message"]) == ("failed", message)
    assert json.loads((tmp_path / "web-1.json").read_text())["message"] == message


LOST = [
    # situation, what the start raises, status
    ("a host that cannot be reached", AnsibleConnectionFailure("connection refused"), "unreachable"),
    ("a host without Python", AnsibleError("no python"), "failed"),
]


@pytest.mark.parametrize(("answer", "status"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_a_start_that_fails_is_in_the_summary(answer, status, module) -> None:
    module.side_effect = answer
    summary = clean()["summary"]
    assert (summary["status"], summary["failed"]) == (status, True)
    assert str(answer) in summary["message"]


def test_the_snapshot_of_each_engine_is_written(module, tmp_path) -> None:
    module.side_effect = [
        {**DONE, "snapshot": {"host": 1}},
        {**DONE, "snapshot": None},
        {**DONE, "snapshot": {"host": 3}},
    ]
    clean(image_cleanup_docker=[{}, {}, {}], image_cleanup_snapshot_dir=str(tmp_path))
    assert [arguments["snapshot"] for arguments in started(module)] == [True, True, True]
    found = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert found == {"web-1.json": {"host": 1}, "web-1@3.json": {"host": 3}}


def test_a_snapshot_that_could_not_be_written_fails_and_what_was_done_stays(module, tmp_path) -> None:
    module.side_effect = [{**DONE, "snapshot": {"host": 1}}]
    (tmp_path / "web-1.json" / "full").mkdir(parents=True)
    summary = clean(image_cleanup_snapshot_dir=str(tmp_path))["summary"]
    assert (summary["status"], summary["containers_removed"]) == ("failed", 1)
    assert "image_cleanup_snapshot_dir: cannot write " in summary["message"]


def test_a_report_directory_that_cannot_be_written_to_starts_nothing(module, tmp_path) -> None:
    (tmp_path / "file").touch()
    found = clean(image_cleanup_report_dir=str(tmp_path / "file"))
    assert started(module) == []
    assert found["message"].startswith("image_cleanup_report_dir: cannot write to ")


def test_a_report_that_could_not_be_written_fails_and_what_was_done_stays(module, tmp_path) -> None:
    (tmp_path / "web-1.json" / "full").mkdir(parents=True)
    summary = clean(image_cleanup_report_dir=str(tmp_path))["summary"]
    assert (summary["status"], summary["containers_removed"]) == ("failed", 1)
    assert "image_cleanup_report_dir: cannot write " in summary["message"]


HOSTS = {"groups": {"all": ["web-1", "web-2", "web-3"], "web": ["web-1", "web-2"]}}
APP = Use(images=((User("web-2", 0), ("app:1",)),))
REFUSED = Use(unknown="refused", is_unreachable=True)


def union(**uses):
    return {
        "image_cleanup__union": {"union": Union.of({name.replace("_", "-"): use for name, use in uses.items()}).dump()}
    }


def keep(module, left, pattern="web", hostvars=(), **variables):
    """The summary, and what the chain is asked to keep."""
    hostvars = {"web-1": {}, "web-2": {}, "web-3": {}, **dict(hostvars)}
    found = clean(**HOSTS, **left, hostvars=hostvars, image_cleanup_keep_used_on=pattern, **variables)
    starts = [arguments["policy"].get("keep") for arguments in started(module) if "policy" in arguments]
    return found, starts


def test_what_other_hosts_use_is_kept(module) -> None:
    found, starts = keep(module, union(web_1=Use(), web_2=APP))
    assert starts == [{"images": [{"image": ["app:1"], "reason": "used on web-2", "optional": True}]}]
    assert found["summary"]["keep_used_on"] == {"hosts": 2, "unknown": []}
    assert found["warnings"] == ["look"]


def test_what_another_play_read_is_found(module) -> None:
    _found, starts = keep(module, union(web_1=Use()), hostvars={"web-2": union(web_2=APP)})
    assert [entry["image"] for entry in starts[0]["images"]] == [["app:1"]]


NOT_KNOWN = [
    # situation, what was read, variables, status, how the message begins
    (
        "another host",
        union(web_1=Use(), web_2=REFUSED),
        {},
        "failed",
        "image_cleanup_keep_used_on: what is used on web-2 (refused) is not known, so nothing was removed; ",
    ),
    ("the host itself", union(web_1=REFUSED, web_2=APP), {}, "unreachable", "refused"),
    ("the Engine of the host itself", union(web_1=Use(unknown="no Engine"), web_2=APP), {}, "failed", "no Engine"),
    (
        "nothing was read",
        {},
        {},
        "failed",
        "image_cleanup_keep_used_on: what is used on web-1 (it was not read), web-2 (it was not read) is not known",
    ),
    (
        "a host outside of the limit",
        union(web_1=Use()),
        {"ansible_limit": "web-1"},
        "failed",
        "image_cleanup_keep_used_on: what is used on web-2 (--limit leaves it out, or it was lost) is not known",
    ),
    (
        "a pattern without hosts",
        {},
        {"pattern": "wbe"},
        "failed",
        "image_cleanup_keep_used_on: 'wbe' matches no host of the inventory",
    ),
]


@pytest.mark.parametrize(
    ("left", "variables", "status", "message"), [row[1:] for row in NOT_KNOWN], ids=[row[0] for row in NOT_KNOWN]
)
def test_a_host_is_left_alone_when_use_is_not_known(left, variables, status, message, module) -> None:
    found, _starts = keep(module, left, **variables)
    assert started(module) == []
    assert (found["summary"]["status"], found["summary"]["failed"]) == (status, True)
    assert found["message"].startswith(message)


def test_a_host_goes_on_with_what_is_known_if_asked_to(module) -> None:
    found, starts = keep(module, union(web_1=REFUSED, web_2=APP), image_cleanup_if_unknown="continue")
    assert [entry["image"] for entry in starts[0]["images"]] == [["app:1"]]
    assert found["summary"]["keep_used_on"]["unknown"] == [{"host": "web-1", "reason": "refused"}]
    assert found["warnings"][-1].startswith(
        "web-1: image_cleanup_keep_used_on: what is used on web-1 (refused) is not "
    )


NOT_DEPENDENT = [
    ("no policy", {"image_cleanup_policy": {}}),
    ("a policy that the tags leave out", {"ansible_run_tags": ["containers"]}),
    ("no pattern", {"pattern": ""}),
]


@pytest.mark.parametrize("variables", [row[1] for row in NOT_DEPENDENT], ids=[row[0] for row in NOT_DEPENDENT])
def test_a_host_that_keeps_nothing_for_others_depends_on_none(variables, module) -> None:
    found, _starts = keep(module, {}, **variables)
    assert len(started(module)) == 1
    assert "keep_used_on" not in found["summary"]


COPIED = [
    # situation, check mode, what the copy returns, the message of the host
    ("metrics are written", False, {"changed": True}, ""),
    (
        "they cannot be written",
        False,
        {"failed": True, "msg": "no such directory"},
        "image_cleanup_textfile_dir: cannot write /metrics/imagewarden.prom: no such directory",
    ),
    ("check mode writes nothing", True, None, ""),
]


@pytest.mark.parametrize(
    ("check_mode", "answer", "message"), [row[1:] for row in COPIED], ids=[row[0] for row in COPIED]
)
def test_the_metrics_of_a_host_are_copied_to_it(check_mode, answer, message, module, monkeypatch) -> None:
    plugin, copy = action(cleanup_host, {}, check_mode, ["always", *STAGES]), MagicMock()
    monkeypatch.setattr(plugin._shared_loader_obj.action_loader, "get", copy)
    copy.return_value.run.return_value = answer
    summary = plugin.run(task_vars={**VARIABLES, "image_cleanup_textfile_dir": "/metrics"})["summary"]
    assert (summary["message"], summary["containers_removed"]) == (message, 1)
    assert copy.called is (answer is not None)
    if answer is not None:
        arguments = copy.call_args.kwargs["task"].args
        assert (arguments["dest"], arguments["mode"]) == ("/metrics/imagewarden.prom", "0644")
        assert 'imagewarden_last_run_failed{host="web-1"} 0\n' in arguments["content"]


def test_a_host_that_was_lost_while_its_metrics_were_copied(module, monkeypatch) -> None:
    plugin, copy = action(cleanup_host, {}, False, ["always", *STAGES]), MagicMock()
    monkeypatch.setattr(plugin._shared_loader_obj.action_loader, "get", copy)
    copy.return_value.run.side_effect = AnsibleConnectionFailure("refused")
    summary = plugin.run(task_vars={**VARIABLES, "image_cleanup_textfile_dir": "/metrics"})["summary"]
    assert summary["message"] == "image_cleanup_textfile_dir: cannot write /metrics/imagewarden.prom: refused"

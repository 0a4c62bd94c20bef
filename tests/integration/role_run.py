# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the role and the playbooks as an operator does: C(ansible-playbook) in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import jsonschema

import conftest

#: What the guide says that `report.json` keeps to.
SCHEMA = Path(__file__).resolve().parents[2] / "playbooks" / "report.schema.json"

#: Every host is this machine, and finds its Engine by its variables.
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}

_FORETELL_AND_RUN = [
    {
        "hosts": "all",
        "gather_facts": False,
        "check_mode": True,
        "vars": {
            "image_cleanup_docker": "{{ foretold_through }}",
            "image_cleanup_report_dir": "{{ reports }}/foretold",
        },
        "tasks": [
            {
                "block": [{"ansible.builtin.include_role": {"name": "imagewarden.docker.image_cleanup"}}],
                "rescue": [{"ansible.builtin.meta": "noop"}],
            }
        ],
    },
    {
        "hosts": "all",
        "gather_facts": False,
        "vars": {"image_cleanup_report_dir": "{{ reports }}/real"},
        "tasks": [
            {
                "block": [{"ansible.builtin.include_role": {"name": "imagewarden.docker.image_cleanup"}}],
                "rescue": [{"ansible.builtin.meta": "noop"}],
            }
        ],
    },
]


class PlaybookRun(t.NamedTuple):
    """What a run printed, how it ended, and the reports it wrote, by file name without its end."""

    code: int
    output: str
    reports: dict[str, dict[str, t.Any]]

    @property
    def table(self) -> list[str]:
        """What the playbooks print at the end: from the titles to the result of the task."""
        lines = self.output.splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("host ") and "status" in line)
        return [line for line in lines[first : _recap(lines)] if not line.startswith("ok: ")]

    @property
    def last_lines(self) -> str:
        return "\n".join(self.output.splitlines()[-60:])


def run_playbook(
    playbook: str, hosts: dict[str, dict[str, t.Any]], directory: Path, *arguments: str, **variables: t.Any
) -> PlaybookRun:
    """Run a playbook of the collection, or a file, over hosts with these variables."""
    inventory = directory / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": LOCAL}}))
    reports = directory / "reports"
    extra = json.dumps({"image_cleanup_report_dir": str(reports), **variables})
    return _run(directory, reports, playbook, "-i", str(inventory), "-e", extra, *arguments)


def foretell_and_run(
    hosts: dict[str, dict[str, t.Any]], directory: Path
) -> tuple[dict[str, dict[str, t.Any]], dict[str, dict[str, t.Any]]]:
    """The summaries of the role in check mode and for real, by host. Saves the second start of a process."""
    playbook = directory / "foretell-and-run.json"
    playbook.write_text(json.dumps(_FORETELL_AND_RUN))
    inventory = directory / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**LOCAL, "reports": str(directory)}}}))
    run = _run(directory, directory / "real", str(playbook), "-i", str(inventory))
    foretold = _reports(directory / "foretold")
    if set(foretold) != set(hosts) or set(run.reports) != set(hosts):
        raise AssertionError(f"a host has no report:\n{run.output}")
    return foretold, run.reports


def _run(directory: Path, reports: Path, *arguments: str) -> PlaybookRun:
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(conftest.COLLECTIONS),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "ANSIBLE_FORKS": "10",
        "ANSIBLE_LOCAL_TEMP": str(directory / "local"),
        "ANSIBLE_REMOTE_TMP": str(directory / "remote"),
    }
    environment.pop("DOCKER_HOST", None)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *arguments]
    ended = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    output = ended.stdout + ended.stderr
    # What is deprecated in this ansible-core is an error in a later one.
    if "DEPRECATION WARNING" in output:
        raise AssertionError(output)
    return PlaybookRun(ended.returncode, output, _reports(reports))


def _recap(lines: list[str]) -> int:
    return next(number for number, line in enumerate(lines) if line.startswith("PLAY RECAP"))


def _reports(directory: Path) -> dict[str, dict[str, t.Any]]:
    found = {path.stem: json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))}
    if "report" in found:
        jsonschema.validate(found["report"], json.loads(SCHEMA.read_text()))
    return found


#: What must be the same of each stage in check mode and in the real run.
PROMISED = (
    "changed",
    "failed",
    "message",
    "removed",
    "stopped",
    "committed",
    "untagged",
    "deleted",
    "absent",
    "conflicts",
    "containers",
    "images",
)


def stage_differences(foretold: dict[str, t.Any], real: dict[str, t.Any]) -> list[str]:
    """Where check mode and the real run of the role differ, stage by stage and Engine by Engine."""
    found = []
    for number, (before, after) in enumerate(zip(foretold["engines"], real["engines"], strict=True)):
        for stage in ("containers", "images", "policy", "build_cache"):
            told, done = _stage(before, stage), _stage(after, stage)
            found += [
                f"Engine {number}, {stage}: {key}: foretold {told.get(key)!r}, was {done.get(key)!r}"
                for key in PROMISED
                if told.get(key) != done.get(key)
            ]
    return found


def _stage(engine: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    """A stage without what no prediction can know: the time of a commit, and the ID that comes of it."""
    made_up = {
        row["reference"]: row["image_id"] or _made_up_id(row["reference"])
        for row in (engine["stages"]["containers"] or {}).get("committed", [])
    }
    text = json.dumps(engine["stages"][name] or {}, sort_keys=True)
    for reference, image_id in made_up.items():
        text = text.replace(image_id, f"ID of {reference}").replace(image_id[7:19], f"short ID of {reference}")
    if made_up:
        # Children are told by their IDs, in order.
        listed = r"(?<=child images: )[^\"]+|(?<=child images first \()[^)]+"
        text = re.sub(listed, lambda found: ", ".join(sorted(found.group().split(", "))), text)
    text = text.replace('"image_id": null', '"image_id": "?"')
    text = re.sub(r"\b20\d{6}T\d{6}Z\b", "TIME", text)
    stage = json.loads(text)
    for row in stage.get("committed", []):
        row.update(image_id="?", created="?")
    for row in stage.get("images", []):
        if any("TIME" in name for name in row["references"]):
            # Its layer is not made before the commit, nor is the image.
            row.update(size=0, created="?")
    if made_up:
        # They are listed and removed newest first, then by ID: both come of the commit.
        for key in ("untagged", "deleted", "images"):
            stage[key] = sorted(stage.get(key, []), key=json.dumps)
    return stage


def _made_up_id(reference: str) -> str:
    from ansible_collections.imagewarden.docker.plugins.module_utils._store.after import committed_id

    return committed_id(reference)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user installs: the collection's archive, in a container with ansible-core and nothing of this checkout."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from docker import APIClient

from tests.integration.ansible_run import CHECKOUT, ansible_environment
from tests.integration.engine_state import EngineState
from tests.lab import state
from tests.lab.engines import SUITES
from tests.lab.host_images import host_image

pytestmark = pytest.mark.engine

SUITE = "trixie"
PYTHON = "3.13"
CORE = "2.21.5"

PLAYBOOK = [
    {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "module_defaults": {"group/imagewarden.docker.docker": {"docker_host": "unix:///run/engine/docker.sock"}},
        # The role's default policy keeps what is younger than an hour.
        "vars": {"image_cleanup_policy": {"remove": {"dangling": True}}},
        "tasks": [
            {"imagewarden.docker.image_remove": {"names": ["app:1"]}},
            {"ansible.builtin.include_role": {"name": "imagewarden.docker.image_cleanup"}},
        ],
    }
]

CONTAINERFILE = """\
FROM {base}
COPY site /opt/ansible
COPY {archive} /tmp/
ENV PYTHONPATH=/opt/ansible PATH=/opt/ansible/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
RUN ansible-galaxy collection install --offline /tmp/{archive}
"""


def run(*command: str | Path, **options: t.Any) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert finished.returncode == 0, f"{command}:\n{finished.stdout}{finished.stderr}"
    return finished.stdout


@pytest.fixture(name="image", scope="module")
def fixture_image(lab, tmp_path_factory):
    """An image of Debian with its Docker SDK, ansible-core, and the installed archive."""
    context = tmp_path_factory.mktemp("container")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    build = (galaxy, "collection", "build", "--output-path", context)
    run(*build, cwd=CHECKOUT, env=ansible_environment())
    [archive] = context.glob("imagewarden-docker-*.tar.gz")
    wheels = [f"--platform=manylinux_2_{glibc}_{platform.machine()}" for glibc in (17, 28, 34)]
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--target", context / "site", "--only-binary=:all:")
    # What it requires is a question to the Python of the container.
    run(*pip, "--ignore-requires-python", f"--python-version={PYTHON}", *wheels, f"ansible-core=={CORE}")
    # pip's scripts call the interpreter that it ran on.
    for script in (context / "site" / "bin").iterdir():
        script.write_text("#!/usr/bin/python3\n" + script.read_text().partition("\n")[2])
    outer = APIClient(lab.outer.docker_host, timeout=600)
    base = host_image(outer, SUITES[SUITE])
    (context / "Dockerfile").write_text(CONTAINERFILE.format(base=base, archive=archive.name))
    options = {"tag": "imagewarden-lab/installed:test", "network_mode": "none", "rm": True, "forcerm": True}
    steps = list(outer.build(path=str(context), decode=True, **options))
    assert not any("error" in step for step in steps), steps
    yield outer, options["tag"]
    outer.remove_image(options["tag"], force=True)


def test_the_archive_runs_from_a_plain_container(image, one_engine, tmp_path):
    outer, tag = image
    (tmp_path / "playbook.yml").write_text(yaml.safe_dump(PLAYBOOK))
    state.tag(one_engine.client, state.import_image(one_engine.client, "app:1"), "app:2")
    dangling = state.import_image(one_engine.client)
    before = EngineState.read(one_engine.client)

    binds = [f"{one_engine.socket}:/run/engine/docker.sock", f"{tmp_path}:/playbook:ro"]
    results = []
    for options in (["--check"], [], []):
        command = ["ansible-playbook", "-i", "localhost,", *options, "/playbook/playbook.yml"]
        configuration = outer.create_host_config(binds=binds, network_mode="none")
        environment = {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}
        container = outer.create_container(tag, command, environment=environment, host_config=configuration)
        try:
            outer.start(container)
            code = outer.wait(container)["StatusCode"]
            output = outer.logs(container).decode()
        finally:
            outer.remove_container(container, force=True)
        assert code == 0, output
        results.append(output)
        if options:
            assert list(before.differences(EngineState.read(one_engine.client), "check mode")) == []
    assert [re.findall(r"changed=(\d+)", output) for output in results] == [["2"], ["2"], ["0"]]
    after = EngineState.read(one_engine.client)
    assert before.references - after.references == {"app:1"}
    assert set(before.images) - set(after.images) == {dangling}

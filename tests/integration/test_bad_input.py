# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator gets wrong, through a real C(ansible): one clear message with the remedy, nothing removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.integration.ansible_run import run_ansible
from tests.integration.image_task import all_of
from tests.integration.module_run import run_module
from tests.lab import archive, state
from tests.lab.fixtures import emptied_engine
from tests.lab.proxy import RecordingProxy

pytestmark = pytest.mark.engine

#: What a Python needs to speak to an Engine.
SDK_PACKAGES = ("docker", "requests", "urllib3", "idna", "certifi", "charset_normalizer", "packaging")
#: Pairs that cannot work: the SDK's adapter for sockets is refused by these releases of requests.
BROKEN_PAIRS = {"6.1.3": "2.32.3", **({"5.0.3": "2.32.3"} if sys.version_info < (3, 12) else {})}
NOBODY = 65534


@pytest.fixture(scope="module", name="one_engine")
def fixture_one_engine(lab):
    """One Engine for all: a task that is wrong leaves it as it is."""
    with emptied_engine(lab) as engine:
        state.import_image(engine.client, "app:1", runnable=False)
        yield engine


@pytest.fixture(name="fails")
def fixture_fails(one_engine):
    """Runs a task and returns its message: it must fail so, in check mode too, and leave the Engine alone."""

    def run(arguments, **options):
        arguments = {"docker_host": one_engine.docker_host, **arguments}
        before = all_of(one_engine.client)
        ended = run_ansible("image_remove", arguments, **options)
        assert ended.code != 0
        assert not ended.result.get("changed")
        assert "Traceback" not in ended.output
        assert "exception" not in ended.result
        message = ended.result["msg"]
        assert "\n" not in message
        if not options:
            assert run_module("image_remove", arguments, check=True)["failed"]
        assert all_of(one_engine.client) == before
        return message

    return run


WRONG_OPTIONS = [
    # situation, options, words of the message
    (
        "unparsable reference",
        {"names": ["app:1", "App:1"]},
        ["names: 'App:1' is not a valid image reference", "lower case"],
    ),
    (
        "unparsable pattern",
        {"names": ["app:1"], "patterns": ["app:[1"]},
        ["patterns: 'app:[1' is not a valid pattern", "not complete"],
    ),
    (
        "unparsable regular expression",
        {"patterns": ["app:(1"], "use_regex": True},
        ["patterns: 'app:(1' is not a valid regular expression"],
    ),
    ("unparsable exclude", {"names": ["app:1"], "excludes": ["app:[1"]}, ["excludes: 'app:[1' is not a valid pattern"]),
    ("empty exclude", {"names": ["app:1"], "excludes": [""]}, ["excludes: an empty pattern"]),
    (
        "unknown filter",
        {"filters": {"danglin": True}},
        ["filters: unknown filter 'danglin'", "known are dangling, label, label!, before, since, until"],
    ),
    (
        "filter that is no time",
        {"filters": {"until": "last week"}},
        ["filters.until: 'last week'", "168h", "2020-07-07T00:00:00Z"],
    ),
    (
        "filter that names no image",
        {"filters": {"before": "nothing:1"}},
        ["filters.before: 'nothing:1' names no image here"],
    ),
    ("nothing selected", {"excludes": ["app"]}, ["give at least one of names, patterns and filters"]),
    ("unknown option", {"names": ["app:1"], "forced": True}, ["forced", "Supported parameters include"]),
    (
        "a tag as an option",
        {"names": ["app"], "tag": "1.4"},
        ["tag", "A tag is written behind its name, in names: name:tag"],
    ),
    (
        "wrong scheme",
        {"names": ["app:1"], "docker_host": "/var/run/docker.sock"},
        ["docker_host: '/var/run/docker.sock' is not a URL", "unix:///var/run/docker.sock"],
    ),
    (
        "unknown scheme",
        {"names": ["app:1"], "docker_host": "udp://192.0.2.1:2375"},
        ["docker_host: 'udp://192.0.2.1:2375'"],
    ),
    (
        "no Engine there",
        {"names": ["app:1"], "docker_host": "unix:///nowhere/docker.sock"},
        ["there is no Engine at unix:///nowhere/docker.sock", "is it running"],
    ),
    (
        "nothing listens",
        {"names": ["app:1"], "docker_host": "tcp://127.0.0.1:1"},
        ["nothing listens at tcp://127.0.0.1:1", "is the Engine running"],
    ),
    (
        "no API version",
        {"names": ["app:1"], "api_version": "newest"},
        ["api_version: 'newest' is neither auto nor a version such as 1.41"],
    ),
    (
        "API version that the Engine does not speak",
        {"names": ["app:1"], "api_version": "1.99"},
        ["api_version: '1.99'", "speaks API versions"],
    ),
    (
        "certificate that is not there",
        {"names": ["app:1"], "docker_host": "tcp://127.0.0.1:1", "validate_certs": True, "ca_path": "/nowhere/ca.pem"},
        ["ca_path: there is no file '/nowhere/ca.pem' on the managed host"],
    ),
]


@pytest.mark.parametrize(("options", "said"), [row[1:] for row in WRONG_OPTIONS], ids=[row[0] for row in WRONG_OPTIONS])
def test_a_mistake_is_one_clear_message(fails, options, said):
    message = fails(options)
    for words in said:
        assert words in message


def test_an_ambiguous_short_id_lists_its_candidates(fails, one_engine):
    seen = {}
    for number in range(10_000):
        image = archive.Image((archive.token_layer("twins"),), labels={"number": str(number)})
        content = image.manifest if one_engine.store == "containerd" else image.config
        digits = archive.digest(content)[7:10]
        if digits in seen:
            break
        seen[digits] = image
    state.load(one_engine.client, [(seen[digits], ["twin:1"]), (image, ["twin:2"])])
    message = fails({"names": ["app:1", digits]})
    assert message.startswith(f"'{digits}' is an ambiguous image ID; it can be {digits}")
    assert "(twin:1)" in message
    assert "(twin:2)" in message


def test_an_engine_that_does_not_answer_in_time(fails, one_engine):
    held = threading.Event()
    with RecordingProxy(one_engine.socket) as proxy:
        proxy.before("GET", "/version", lambda: held.wait(10), times=None)
        message = fails({"names": ["app:1"], "docker_host": proxy.docker_host, "timeout": 1})
        held.set()
    assert (
        message == f"{proxy.docker_host} did not answer within 1 second: raise timeout, or see why the Engine is slow"
    )


def test_a_server_that_is_no_engine(fails, one_engine):
    with RecordingProxy(one_engine.socket) as proxy:
        proxy.answer("GET", "/version", 200, b"<html>It works!</html>")
        message = fails({"names": ["app:1"], "docker_host": proxy.docker_host})
    assert message == f"{proxy.docker_host} does not answer as a Docker Engine does: <html>It works!</html>"


# The managed host's Python


@pytest.fixture(scope="module", name="folder")
def fixture_folder():
    """A folder that every user can read."""
    made = Path(tempfile.mkdtemp(prefix="imagewarden-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


BASE = Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def interpreter(folder, *packages, prefix="", base=BASE):
    """A Python that finds nothing but its standard library and these folders."""
    path = folder / "python3"
    search = os.pathsep.join(map(str, packages))
    path.write_text(f'#!/bin/sh\nPYTHONPATH={search} exec {prefix} {base} -s -S "$@"\n')
    path.chmod(0o755)
    return path


def test_a_python_without_the_sdk(fails, folder, tmp_path):
    message = fails({"names": ["app:1"]}, python=interpreter(tmp_path))
    assert "Failed to import the required Python library (docker)" in message
    assert "python3-docker" in message


def test_an_sdk_that_is_too_old(fails, tmp_path):
    packages = tmp_path / "packages"
    copy_sdk(packages)
    version = packages / "docker" / "version.py"
    version.write_text('version = "4.4.4"\n__version__ = version\nversion_info = (4, 4, 4)\n')
    init = packages / "docker" / "__init__.py"
    init.write_text(init.read_text() + '\n__version__ = "4.4.4"\n')
    # Looked at before anything is sent; a local socket is used without the SDK.
    arguments = {"names": ["app:1"], "docker_host": "tcp://127.0.0.1:1"}
    message = fails(arguments, python=interpreter(tmp_path, packages))
    assert "the Docker SDK for Python is 4.4.4, and 5.0.3 or newer is needed" in message
    assert "python3-docker" in message


@pytest.mark.parametrize("sdk", BROKEN_PAIRS)
def test_a_local_socket_needs_no_sdk_that_works_with_its_requests(one_engine, tmp_path, sdk):
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tmp_path / "packages")]
    requests = BROKEN_PAIRS[sdk]
    subprocess.run([*install, f"docker=={sdk}", f"requests=={requests}", "websocket-client==1.8.0"], check=True)
    arguments = {"docker_host": one_engine.docker_host, "names": ["app:1"]}
    ended = run_ansible("image_remove", arguments, check=True, python=interpreter(tmp_path, tmp_path / "packages"))
    assert ended.code == 0
    assert ended.result["untagged"] == ["app:1"]


def copy_sdk(target):
    """The SDK of this environment, where nobody else's permissions matter."""
    import docker

    source = Path(docker.__file__).parents[1]
    for package in SDK_PACKAGES:
        if (source / package).exists():
            shutil.copytree(source / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))


def test_a_user_who_may_not_use_the_socket(fails, folder, one_engine):
    copy_sdk(folder / "packages")
    drop = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups env HOME={folder} TMPDIR=/tmp"
    for base in (BASE, "/usr/bin/python3"):
        python = interpreter(folder, folder / "packages", prefix=drop, base=base)
        if not subprocess.run([python, "-c", "import docker"], stderr=subprocess.DEVNULL, check=False).returncode:
            break
    else:
        pytest.skip("nobody cannot run a Python here")
    with RecordingProxy(one_engine.socket) as proxy:
        # The folder can be entered, as /run can; the socket is its owner's.
        proxy.socket.parent.chmod(0o755)
        proxy.socket.chmod(0o660)
        message = fails({"names": ["app:1"], "docker_host": proxy.docker_host}, python=python)
    assert message == (
        f"no permission to connect to {proxy.docker_host}: run the task with become: true,"
        " or put the user into the group that owns the socket (docker)"
    )

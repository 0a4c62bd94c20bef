# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways to an Engine: a socket, TCP, TLS with and without verification, and what the environment says."""

from __future__ import annotations

import os
import shutil
import socket
import threading

import pytest
from docker import APIClient

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION
from ansible_collections.imagewarden.docker.plugins.module_utils._engine import connection
from tests.integration.module_run import run_module
from tests.lab import state
from tests.lab.directory import LabDirectory
from tests.lab.tls_engine import make_certificates

pytestmark = pytest.mark.engine

VARIABLES = (
    "DOCKER_HOST",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_TLS_HOSTNAME",
    "DOCKER_CERT_PATH",
    "DOCKER_API_VERSION",
    "DOCKER_TIMEOUT",
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def remove(reference="app:1", **options):
    return run_module("image_remove", {"names": [reference], **options})


# TLS


@pytest.fixture(name="secured")
def fixture_secured(tls_engine):
    """The Engine that speaks only TLS, with an image; its socket is the lab's own way in."""
    client = APIClient(base_url=f"unix://{LabDirectory.from_environment().tls}/docker.sock", version="auto")
    state.reset(client)
    state.import_image(client, "app:1", runnable=False)
    return tls_engine


@pytest.fixture(scope="module", name="strangers")
def fixture_strangers(tmp_path_factory):
    """Certificates of an authority that the Engine does not know."""
    folder = tmp_path_factory.mktemp("strangers")
    make_certificates(folder)
    return folder


def verified(engine):
    return {
        "docker_host": engine.docker_host,
        "validate_certs": True,
        "tls_hostname": engine.hostname,
        "ca_path": str(engine.ca),
        "client_cert": str(engine.cert),
        "client_key": str(engine.key),
    }


@pytest.mark.parametrize("scheme", ["tcp", "https"])
def test_tls_with_verification_and_a_client_certificate(secured, scheme):
    options = {**verified(secured), "docker_host": secured.docker_host.replace("tcp", scheme)}
    assert remove(**options)["untagged"] == ["app:1"]


def test_tls_without_verification(secured):
    options = {**verified(secured), "validate_certs": False, "tls": True, "ca_path": None, "tls_hostname": None}
    assert remove(**options)["untagged"] == ["app:1"]


def test_verification_takes_precedence_over_tls(secured):
    assert remove(**verified(secured), tls=True)["untagged"] == ["app:1"]
    refused = remove(**{**verified(secured), "tls": True, "tls_hostname": "other.lab.test"})
    assert "no trusted connection" in refused["msg"]


def test_the_aliases_of_other_collections(secured):
    options = {
        "docker_url": secured.docker_host,
        "tls_verify": True,
        "tls_hostname": secured.hostname,
        "tls_ca_cert": str(secured.ca),
        "tls_client_cert": str(secured.cert),
        "tls_client_key": str(secured.key),
        "docker_api_version": "1.41",
    }
    result = remove(**options)
    assert result["untagged"] == ["app:1"]
    assert result["engine"]["api_version"] == "1.41"


def test_everything_from_the_environment(secured, monkeypatch, tmp_path):
    for name, path in (("ca.pem", secured.ca), ("cert.pem", secured.cert), ("key.pem", secured.key)):
        (tmp_path / name).symlink_to(path)
    monkeypatch.setenv("DOCKER_HOST", secured.docker_host)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_TLS_HOSTNAME", secured.hostname)
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_API_VERSION", "1.41")
    result = remove()
    assert result["untagged"] == ["app:1"]
    assert result["engine"]["api_version"] == "1.41"


def test_tls_without_verification_from_the_environment(secured, monkeypatch, tmp_path):
    for name, path in (("ca.pem", secured.ca), ("cert.pem", secured.cert), ("key.pem", secured.key)):
        (tmp_path / name).symlink_to(path)
    monkeypatch.setenv("DOCKER_HOST", secured.docker_host)
    monkeypatch.setenv("DOCKER_TLS", "true")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    assert remove()["untagged"] == ["app:1"]


UNTRUSTED = [
    # situation, changed options (a name stands for a stranger's file), words of the message
    (
        "an authority that did not sign",
        {"ca_path": "ca.pem"},
        ["no trusted connection", "ca_path", "certificate verify failed"],
    ),
    ("a name that is not in the certificate", {"tls_hostname": None}, ["no trusted connection", "tls_hostname"]),
    ("no client certificate", {"client_cert": None, "client_key": None}, ["client_cert"]),
    (
        "a client that the Engine does not know",
        {"client_cert": "client.pem", "client_key": "client.key"},
        ["client_cert"],
    ),
    ("a certificate without its key", {"client_key": None}, ["client_cert and client_key go together"]),
    ("a key without its certificate", {"client_cert": None}, ["client_cert and client_key go together"]),
    ("a file that is not there", {"client_key": "none.key"}, ["client_key: there is no file"]),
    ("a key of another certificate", {"client_key": "client.key"}, ["client_key"]),
    ("a file that is no certificate", {"ca_path": "client.key"}, ["ca_path"]),
    ("no TLS at all", {"validate_certs": False}, ["ca_path", "would not be used", "no TLS", "validate_certs"]),
    (
        "no TLS, and nothing that asks for it",
        {"validate_certs": False, **dict.fromkeys(("ca_path", "client_cert", "client_key", "tls_hostname"))},
        ["speaks only TLS", "validate_certs"],
    ),
]


@pytest.mark.parametrize(("changes", "said"), [row[1:] for row in UNTRUSTED], ids=[row[0] for row in UNTRUSTED])
def test_a_connection_that_is_not_trusted_is_one_clear_message(secured, strangers, changes, said):
    files = ("ca_path", "client_cert", "client_key")
    changes = {name: str(strangers / value) if name in files and value else value for name, value in changes.items()}
    result = remove(**{**verified(secured), **changes})
    assert result["failed"]
    assert not result["changed"]
    for words in said:
        assert words in result["msg"]
    assert "Traceback" not in str(result)
    assert len(result["msg"]) < 400
    assert remove(**verified(secured))["untagged"] == ["app:1"]


@pytest.mark.parametrize("changes", [{}, {"client_key": "client.key"}], ids=["accepted", "refused"])
def test_a_private_key_is_in_no_result(secured, strangers, changes):
    changes = {name: str(strangers / value) for name, value in changes.items()}
    result = remove(**{**verified(secured), **changes})
    assert result["failed"] is bool(changes)
    for key in (secured.key, strangers / "client.key"):
        assert key.read_text().splitlines()[1] not in str(result)
    assert "PRIVATE KEY" not in str(result)


# TCP and the socket


@pytest.fixture(name="filled")
def fixture_filled(one_engine):
    state.import_image(one_engine.client, "app:1", runnable=False)
    return one_engine


@pytest.fixture(name="port")
def fixture_port(filled):
    """A TCP port before the Engine's socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, str(filled.socket)), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener, upstream):
    while True:
        try:
            client, _address = listener.accept()
        except OSError:
            return
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(upstream)
        for source, target in ((client, engine), (engine, client)):
            threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source, target):
    try:
        while block := source.recv(65536):
            target.sendall(block)
    except OSError:
        pass
    target.close()


@pytest.mark.parametrize("scheme", ["tcp", "http"])
def test_plain_tcp(port, scheme):
    assert remove(docker_host=f"{scheme}://127.0.0.1:{port}")["untagged"] == ["app:1"]


def test_the_host_from_the_environment(filled, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", filled.docker_host)
    assert remove()["untagged"] == ["app:1"]


def test_an_option_takes_precedence_over_the_environment(filled, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setenv("DOCKER_API_VERSION", "9.99")
    result = remove(docker_host=filled.docker_host, api_version="auto")
    assert result["untagged"] == ["app:1"]


FORMS = [
    # situation, how the address of the Engine is written
    ("one slash", "unix:{socket}"),
    ("as the SDK writes it", "http+unix://{socket}"),
    ("a host and a port", "127.0.0.1:{port}"),
    ("a port alone", "tcp://:{port}"),
]


@pytest.mark.parametrize("form", [row[1] for row in FORMS], ids=[row[0] for row in FORMS])
def test_every_form_that_the_sdk_takes(filled, port, form):
    assert remove(docker_host=form.format(socket=filled.socket, port=port))["untagged"] == ["app:1"]


def test_variables_that_are_set_to_nothing_are_unset(filled, monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert remove(docker_host=filled.docker_host)["untagged"] == ["app:1"]
    # The default, as for the Docker CLI; whatever answers there is asked in check mode only.
    result = run_module("image_remove", {"names": ["imagewarden-absent:1"]}, check=True)
    assert "docker_host: ''" not in str(result)
    assert "boolean" not in str(result)


@pytest.fixture(name="default_engine")
def fixture_default_engine(filled, monkeypatch):
    """The Engine, where nobody names one."""
    monkeypatch.setitem(CONNECTION["docker_host"], "default", filled.docker_host)
    monkeypatch.setattr(connection, "DEFAULT_DOCKER_HOST", CONNECTION["docker_host"]["default"])
    return filled


@pytest.mark.parametrize("check", [True, False], ids=["check mode", "real run"])
def test_a_context_that_is_not_followed_is_a_warning_that_names_the_engine(default_engine, check, monkeypatch):
    monkeypatch.setenv("DOCKER_CONTEXT", "rootless")
    monkeypatch.setenv("DOCKER_CONFIG", "/nowhere")
    result = run_module("image_remove", {"names": ["app:1"]}, check=check)
    assert result["untagged"] == ["app:1"]
    (warning,) = result["warnings"]
    assert "the context 'rootless' of the Docker CLI (from DOCKER_CONTEXT) is not followed" in str(warning)
    assert default_engine.docker_host in str(warning)
    assert result["engine"]["host"] in str(warning)


def test_a_context_of_the_docker_cli_is_never_followed(filled, monkeypatch, tmp_path):
    (tmp_path / "config.json").write_text('{"currentContext": "elsewhere"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    result = remove(docker_host=filled.docker_host)
    assert result["untagged"] == ["app:1"]
    assert "warnings" not in result


@pytest.mark.parametrize("version", ["1.41", "auto"])
def test_the_version_of_the_api(filled, version):
    result = remove(docker_host=filled.docker_host, api_version=version)
    assert result["untagged"] == ["app:1"]
    assert version in ("auto", result["engine"]["api_version"])


def test_ssh_by_the_client_of_the_machine(fresh_engine, lab, monkeypatch, tmp_path):
    """The one named C(ssh) on the path: here it knows the lab's hosts and keys."""
    client = tmp_path / "ssh"
    client.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {lab.directory.ssh / "config"} "$@"\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    state.import_image(fresh_engine.client, "app:1", runnable=False)
    result = remove(docker_host=f"ssh://root@{fresh_engine.name}:{fresh_engine.host.ssh_port}", use_ssh_client=True)
    assert result["untagged"] == ["app:1"]
    assert result["engine"]["version"] == fresh_engine.client.version()["Version"]


# Whatever is not a Docker Engine that the models know

STRANGERS = [
    # situation, answer to GET /version, words of the message
    (
        "Podman",
        {
            "Version": "4.9.3",
            "ApiVersion": "1.41",
            "MinAPIVersion": "1.24",
            "Components": [{"Name": "Podman Engine", "Version": "4.9.3"}],
        },
        ["not a Docker Engine, but Podman Engine 4.9.3", "Docker Engine 20.10 and newer"],
    ),
    (
        "Docker 18.09",
        {
            "Version": "18.09.9",
            "ApiVersion": "1.39",
            "MinAPIVersion": "1.12",
            "Components": [{"Name": "Engine", "Version": "18.09.9"}],
        },
        ["Docker Engine 18.09.9 (API 1.39) is too old", "20.10"],
    ),
    ("Docker 1.13", {"Version": "1.13.1", "ApiVersion": "1.26"}, ["Docker Engine 1.13.1 (API 1.26) is too old"]),
]
TASKS = [
    ("image_remove", {"names": ["app:1"]}),
    ("image_prune_policy", {"remove": {"all_unused": True}}),
    ("container_remove", {"states": ["exited"]}),
    ("image_usage_info", {}),
]


@pytest.mark.parametrize("check", [True, False], ids=["check mode", "real run"])
@pytest.mark.parametrize(("module", "options"), TASKS, ids=[row[0] for row in TASKS])
@pytest.mark.parametrize(("answer", "said"), [row[1:] for row in STRANGERS], ids=[row[0] for row in STRANGERS])
def test_a_stranger_is_refused_before_anything(answer, said, module, options, check, fresh_engine, recording_proxy):
    proxy = recording_proxy(fresh_engine)
    proxy.answer("GET", "/version", 200, answer, times=None)
    result = run_module(module, {"docker_host": proxy.docker_host, **options}, check=check)
    assert result["failed"]
    for words in (proxy.docker_host, *said):
        assert words in result["msg"]
    assert [path for _method, path in proxy.requests] == ["/version"]

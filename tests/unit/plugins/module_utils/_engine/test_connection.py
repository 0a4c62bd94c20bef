# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine import connection
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.address import DEFAULT_DOCKER_HOST
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.connection import Connection, Tls
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.context import Context
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

from ..builders import cases

TCP = "tcp://192.0.2.23:2376"
DEFAULTS = {
    "docker_host": TCP,
    "tls": False,
    "validate_certs": False,
    "ca_path": None,
    "client_cert": None,
    "client_key": None,
    "tls_hostname": None,
    "api_version": "auto",
    "timeout": 5,
    "use_ssh_client": False,
    "debug": True,
}


@pytest.fixture(name="directory")
def fixture_directory(tmp_path):
    """Files as options and C(DOCKER_CERT_PATH) name them."""
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    return tmp_path


def parse(params, directory, environ=None):
    """C(FOLDER) in a value stands for the directory of certificates."""

    def filled(values):
        return {
            key: value.replace("FOLDER", str(directory)) if isinstance(value, str) and "FOLDER" in value else value
            for key, value in values.items()
        }

    return Connection.parse({**DEFAULTS, **filled(params)}, {"DOCKER_CONFIG": "/nowhere", **filled(environ or {})})


CA = {"ca_path": "FOLDER/ca.pem"}
PAIR = {"client_cert": "FOLDER/cert.pem", "client_key": "FOLDER/key.pem"}
IN_FOLDER = {"DOCKER_CERT_PATH": "FOLDER"}

SECURED = [
    # situation, options, environment, verified, whether there is an authority, a client's certificate, a name
    ("verified", {"validate_certs": True}, {}, True, False, False, None),
    ("trusted", {"tls": True}, {}, False, False, False, None),
    ("verified over trusted", {"tls": True, "validate_certs": True}, {}, True, False, False, None),
    ("all of it", {"validate_certs": True, "tls_hostname": "e", **CA, **PAIR}, {}, True, True, True, "e"),
    ("all of the environment", {"validate_certs": True}, IN_FOLDER, True, True, True, None),
    ("trusted, with the environment's certificates", {"tls": True}, IN_FOLDER, False, False, True, None),
    ("one file of the environment", {"validate_certs": True, **CA}, IN_FOLDER, True, True, True, None),
    (
        "half a pair of the environment",
        {"tls": True, "client_cert": "FOLDER/cert.pem"},
        IN_FOLDER,
        False,
        False,
        True,
        None,
    ),
    ("https", {"validate_certs": True, "docker_host": "https://e:1", **CA}, {}, True, True, False, None),
    ("without a scheme", {"validate_certs": True, "docker_host": "e:2376", **CA}, {}, True, True, False, None),
]


@pytest.mark.parametrize(("params", "environ", "verify", "authority", "client", "hostname"), cases(SECURED))
def test_a_connection_is_secured(params, environ, verify, authority, client, hostname, directory):
    tls = parse(params, directory, environ).tls
    assert (tls.verify, bool(tls.ca_path), bool(tls.client_cert), tls.hostname) == (verify, authority, client, hostname)


PLAIN = [
    # situation, options, environment
    ("a socket", {"docker_host": "unix:///run/docker.sock"}, {}),
    (
        "a socket, whatever the environment says of other addresses",
        {"docker_host": "unix:/run/docker.sock", "tls": True, "validate_certs": True, "tls_hostname": "e"},
        {**IN_FOLDER, "DOCKER_TLS": "1", "DOCKER_TLS_VERIFY": "1", "DOCKER_TLS_HOSTNAME": "e"},
    ),
    ("SSH, and certificates in the environment", {"docker_host": "ssh://user@host"}, IN_FOLDER),
    ("TCP", {}, {}),
    ("TCP, and an empty directory in the environment", {}, {"DOCKER_CERT_PATH": "/nowhere"}),
    ("TCP, and an environment that is set to nothing", {}, {"DOCKER_CERT_PATH": "", "DOCKER_TLS_HOSTNAME": ""}),
    ("options that are empty", {"ca_path": "", "client_cert": "", "client_key": "", "tls_hostname": ""}, {}),
]


@pytest.mark.parametrize(("params", "environ"), cases(PLAIN))
def test_a_connection_without_tls(params, environ, directory):
    assert parse(params, directory, environ).tls is None


REFUSED = [
    # situation, options, environment, how the message begins, words of it
    ("no address", {"docker_host": ""}, {}, "docker_host: ''", ["unix:///"]),
    ("no time at all", {"timeout": 0}, {}, "timeout: 0", []),
    ("less than no time", {"timeout": -1}, {}, "timeout: -1", []),
    ("more time than a socket takes", {"timeout": 10**12}, {}, "timeout: 1000000000000 seconds are more than", []),
    ("a version that is none", {"api_version": "latest"}, {}, "api_version: 'latest'", ["1.41"]),
    (
        "a certificate without its key",
        {"tls": True, "client_cert": "FOLDER/cert.pem"},
        {},
        "client_key:",
        ["go together"],
    ),
    (
        "a key without its certificate",
        {"tls": True, "client_key": "FOLDER/key.pem"},
        {},
        "client_cert:",
        ["go together"],
    ),
    ("half a pair without TLS", {"client_cert": "FOLDER/cert.pem"}, {}, "client_key:", ["go together"]),
    (
        "half a pair for a socket",
        {"docker_host": "unix:///x", "client_key": "FOLDER/key.pem"},
        {},
        "client_cert:",
        ["go together"],
    ),
    (
        "a file that is not there",
        {"validate_certs": True, "ca_path": "/nowhere/ca.pem"},
        {},
        "ca_path: there is no file",
        [],
    ),
    (
        "a directory of the environment without an authority",
        {"tls": True},
        {"DOCKER_CERT_PATH": "/nowhere"},
        "ca_path: there is no file '/nowhere/ca.pem'",
        [],
    ),
    ("an authority, and no TLS", CA, {}, "ca_path: it would not be used", ["no TLS", "validate_certs"]),
    ("a client's certificate, and no TLS", PAIR, {}, "client_cert: it would not be used", ["validate_certs"]),
    ("a name, and no TLS", {"tls_hostname": "e"}, {}, "tls_hostname: it would not be used", ["validate_certs"]),
    ("certificates of the environment, and no TLS", {}, IN_FOLDER, "DOCKER_CERT_PATH: it would not be used", []),
    (
        "a name of the environment, and no TLS",
        {"tls_hostname": "e"},
        {"DOCKER_TLS_HOSTNAME": "e"},
        "DOCKER_TLS_HOSTNAME: it would not be used",
        [],
    ),
    ("certificates, and no scheme", {"docker_host": "e:2376", **PAIR}, {}, "client_cert: it would not be used", []),
    (
        "certificates, and plain HTTP",
        {"docker_host": "http://e:1", **PAIR},
        {},
        "client_cert: it would not be used",
        [],
    ),
    (
        "certificates, and HTTPS alone",
        {"docker_host": "https://e:1", **PAIR},
        {},
        "client_cert: it would not be used",
        [],
    ),
    (
        "TLS, and plain HTTP",
        {"docker_host": "http://e:1", "tls": True},
        {},
        "tls: http:// is never encrypted",
        ["tcp://"],
    ),
    (
        "verified TLS of the environment, and plain HTTP",
        {"docker_host": "http://e:1", "validate_certs": True},
        {"DOCKER_TLS_VERIFY": "1"},
        "validate_certs: http:// is never encrypted",
        [],
    ),
    (
        "TLS, and a socket",
        {"docker_host": "unix:///x", "tls": True},
        {},
        "tls: it would not be used",
        ["unix:// has no TLS"],
    ),
    ("certificates, and a socket", {"docker_host": "unix:/x", **CA}, {}, "ca_path: it would not be used", ["unix://"]),
    (
        "TLS, and SSH",
        {"docker_host": "ssh://h", "validate_certs": True},
        {},
        "validate_certs: it would not",
        ["ssh://"],
    ),
]


@pytest.mark.parametrize(("params", "environ", "beginning", "said"), cases(REFUSED))
def test_what_would_not_be_used_is_an_error(params, environ, beginning, said, directory):
    with pytest.raises(InvalidRequest) as failure:
        parse(params, directory, environ)
    assert str(failure.value).startswith(beginning)
    for words in said:
        assert words in str(failure.value)


def test_half_a_pair_in_the_environment_is_an_error(directory):
    (directory / "key.pem").unlink()
    with pytest.raises(InvalidRequest, match="client_cert and client_key go together"):
        parse({"tls": True}, directory, IN_FOLDER)


def test_what_proves_an_engine_that_is_trusted_anyway_is_a_notice(directory):
    (authority, name) = parse({"tls": True, "tls_hostname": "e", **CA}, directory).notices
    assert authority.startswith("ca_path is not used: tls alone does not verify")
    assert name.startswith("tls_hostname is not used")
    assert parse({"tls": True, "tls_hostname": "e"}, directory, {**IN_FOLDER, "DOCKER_TLS_HOSTNAME": "e"}).notices == ()


@pytest.mark.parametrize(
    ("host", "warned"),
    [(DEFAULT_DOCKER_HOST, True), ("unix:///var/run/" + "docker.sock", False), (TCP, False)],
    ids=["nobody set it", "the default was set", "another was set"],
)
def test_a_context_that_is_not_followed_is_a_notice_where_nobody_set_the_address(host, warned, directory):
    environ = {"DOCKER_CONTEXT": "rootless"}
    notices = parse({"docker_host": "".join(list(host)) if not warned else host}, directory, environ).notices
    assert bool(notices) is warned
    if warned:
        assert notices[0].startswith("the context 'rootless' of the Docker CLI (from DOCKER_CONTEXT) is not followed")
        assert DEFAULT_DOCKER_HOST in notices[0]


def test_a_context_that_leads_to_the_same_engine_is_no_notice(directory, monkeypatch):
    monkeypatch.setattr(
        connection, "chosen_context", lambda environ: Context("mine", "DOCKER_CONTEXT", DEFAULT_DOCKER_HOST)
    )
    assert parse({"docker_host": DEFAULT_DOCKER_HOST}, directory).notices == ()
    monkeypatch.setattr(connection, "chosen_context", lambda environ: Context("mine", "DOCKER_CONTEXT", TCP))
    assert f"which leads to {TCP}, is not followed" in parse({"docker_host": DEFAULT_DOCKER_HOST}, directory).notices[0]


def test_options_without_a_meaning_for_the_address_are_carried(directory):
    assert parse({"use_ssh_client": True, "docker_host": "unix:///x"}, directory).use_ssh_client
    assert parse({"docker_host": "tcp://e:1", "tls": True}, directory).tls == Tls(verify=False)

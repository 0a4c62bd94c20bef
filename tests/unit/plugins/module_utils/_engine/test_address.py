# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.address import Address

TAKEN = [
    # docker_host, scheme, plain form
    ("unix:///var/run/docker.sock", "unix", "unix:///var/run/docker.sock"),
    ("unix:/run/user/1000/docker.sock", "unix", "unix:///run/user/1000/docker.sock"),
    ("unix://run/Docker.sock", "unix", "unix:///run/Docker.sock"),
    ("unix://", "unix", "unix:///var/run/docker.sock"),
    ("http+unix:///run/docker.sock", "unix", "unix:///run/docker.sock"),
    ("http+unix://%2Frun%2Fdocker.sock", "unix", "unix:///run/docker.sock"),
    (" unix:///run/docker.sock ", "unix", "unix:///run/docker.sock"),
    ("127.0.0.1:2375", "tcp", "tcp://127.0.0.1:2375"),
    ("engine.example.com:2376", "tcp", "tcp://engine.example.com:2376"),
    (":2375", "tcp", "tcp://127.0.0.1:2375"),
    ("tcp://:2375", "tcp", "tcp://127.0.0.1:2375"),
    ("TCP://192.0.2.23:2376", "tcp", "tcp://192.0.2.23:2376"),
    ("tcp://[::1]:2375", "tcp", "tcp://[::1]:2375"),
    ("tcp://192.0.2.23:2376/engine/", "tcp", "tcp://192.0.2.23:2376/engine"),
    ("http://127.0.0.1:2375", "http", "http://127.0.0.1:2375"),
    ("https://engine:2376", "https", "https://engine:2376"),
    ("ssh://user@host", "ssh", "ssh://user@host"),
    ("ssh://user@host:2222/", "ssh", "ssh://user@host:2222"),
]


@pytest.mark.parametrize(("text", "scheme", "url"), TAKEN, ids=[row[0] for row in TAKEN])
def test_what_the_sdk_takes_is_taken(text, scheme, url):
    address = Address.parse(text)
    assert (address.scheme, address.url) == (scheme, url)
    assert (address.is_local, address.takes_tls) == (scheme == "unix", scheme not in ("unix", "ssh"))


REFUSED = [
    # docker_host, words of the message
    ("", ["''", "unix:///"]),
    (" ", ["' '"]),
    ("/var/run/docker.sock", ["'/var/run/docker.sock'", "unix:///"]),
    ("ftp://host", ["'ftp://host'", "tcp://", "ssh://"]),
    ("tcp://", ["'tcp://'"]),
    ("tcp:127.0.0.1:2375", ["'tcp:127.0.0.1:2375'"]),
    ("tcp://engine", ["'tcp://engine' has no port", "2376", "tcp://engine:2376"]),
    ("tcp://engine:0", ["has no port"]),
    ("engine", ["'engine' has no port"]),
    ("tcp://engine:many", ["'tcp://engine:many'"]),
    ("tcp://engine:99999", ["'tcp://engine:99999'"]),
    ("tcp://[::1:2375", ["'tcp://[::1:2375'"]),
    ("tcp://engine:2375?x=1", ["'tcp://engine:2375?x=1'"]),
    ("tcp://engine :2375", ["'tcp://engine :2375'"]),
    ("unix:", ["'unix:' is not the path of a socket"]),
    ("unix:///run/docker.sock?x", ["is not the path of a socket"]),
    ("npipe:////./pipe/docker_engine", ["npipe:// does not lead to an Engine on Linux", "unix:///"]),
    ("fd://", ["fd:// does not lead"]),
    ("ssh://host/path", ["'ssh://host/path'", "ssh://user@host"]),
    ("ssh://", ["'ssh://'"]),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[row[0] for row in REFUSED])
def test_the_rest_is_refused_with_a_hint(text, said):
    with pytest.raises(ValueError, match=r"is not|has no port|leads? to") as failure:
        Address.parse(text)
    for words in said:
        assert words in str(failure.value)


@pytest.mark.parametrize("text", ["tcp://user:hunter2@engine:2375", "ssh://user:hunter2@host", "https://u:hunter2@e:1"])
def test_a_password_is_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match="a password in the URL is not supported") as failure:
        Address.parse(text)
    assert "hunter2" not in str(failure.value)

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.containerd_root import Daemon, running_daemons

from ..builders import cases

SOCKET = "/run/containerd/containerd.sock"


def process(proc, number, *arguments, mounts="mnt:[1]"):
    directory = proc / str(number)
    (directory / "ns").mkdir(parents=True)
    (directory / "cmdline").write_text("\0".join(arguments) + "\0")
    os.symlink(mounts, directory / "ns" / "mnt")


@pytest.fixture(name="proc")
def fixture_proc(tmp_path):
    directory = tmp_path / "proc"
    (directory / "self" / "ns").mkdir(parents=True)
    os.symlink("mnt:[1]", directory / "self" / "ns" / "mnt")
    (directory / "meminfo").touch()
    return directory


MOVED = 'version = 2\nroot = "/data/containerd"\n[grpc]\n  uid = 0\n  address = "/run/other.sock"\n[plugins]\n  root = "/x"\n'
CONFIGS = [
    # situation, configuration, further arguments, address and root
    ("an empty configuration", "", [], (SOCKET, "/var/lib/containerd")),
    ("a root and an address", MOVED, [], ("/run/other.sock", "/data/containerd")),
    ("a root of a table is not containerd's", "[plugins.x]\nroot = '/x'\n", [], (SOCKET, "/var/lib/containerd")),
    ("arguments over the configuration", MOVED, ["--root=/r", "--address", "/a.sock"], ("/a.sock", "/r")),
    ("an argument without its value", "", ["--root"], (SOCKET, "/var/lib/containerd")),
    ("a root that is imported", 'imports = ["conf.d/*.toml"]\n', [], (SOCKET, "/imported")),
    ("an import over the root", 'root = "/x"\nimports = ["conf.d/*.toml", "config.toml"]\n', [], (SOCKET, "/imported")),
]


@pytest.mark.parametrize(("config", "arguments", "expected"), cases(CONFIGS))
def test_what_a_daemon_says_of_itself(config, arguments, expected, proc, tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "root.toml").write_text("root = '/imported'\n[grpc]\nroot = '/x'\n")
    (tmp_path / "config.toml").write_text(config)
    process(proc, 7, "/usr/bin/containerd", "--config", str(tmp_path / "config.toml"), *arguments)
    assert running_daemons(str(proc)) == [Daemon(*expected)]


def test_only_daemons_of_the_same_mounts_count(proc):
    process(proc, 7, "/usr/bin/containerd", "-c", "/nowhere", "--root", "/one")
    process(proc, 8, "/usr/bin/containerd", "-c", "/nowhere", "--root", "/other", mounts="mnt:[2]")
    process(proc, 9, "/usr/bin/containerd-shim-runc-v2", "--root", "/shim")
    process(proc, 10, "")
    (proc / "11").mkdir()
    assert running_daemons(str(proc)) == [Daemon(SOCKET, "/one")]


def test_where_no_process_is_seen_there_is_none(tmp_path):
    assert running_daemons(str(tmp_path / "gone")) == []

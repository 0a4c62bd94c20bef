# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine import disk
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.containerd_root import DEFAULT_ROOT, Daemon
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import (
    FileSystem,
    find_containerd_root,
    read_file_system,
    without_doubt,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import CONTAINERD, EngineFacts
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest

from ..builders import cases


@pytest.fixture
def host_name():
    return os.uname().nodename


LOCAL = [
    # situation, URL, name of the Engine's host (None: this one), whether its file system is told
    ("a socket of this host", "unix:///var/run/docker.sock", None, True),
    ("a socket of an Engine elsewhere", "unix:///var/run/docker.sock", "other", False),
    ("the same, written otherwise", "unix:/var/run/docker.sock", None, True),
    ("an address without a port", "tcp://engine", None, False),
    ("TCP", "tcp://127.0.0.1:2375", None, False),
    ("SSH", "ssh://root@localhost", None, False),
]


@pytest.mark.parametrize(("url", "host", "seen"), cases(LOCAL))
def test_whether_the_file_system_is_seen(url, host, seen, host_name, tmp_path):
    engine = EngineFacts(host=host_name if host is None else host, data_root=str(tmp_path))
    found = read_file_system(url, engine)
    assert (found is not None) is seen
    if found is not None:
        assert (found.path, found.doubt) == (str(tmp_path), "")
        assert "DockerRootDir" in found.reason
        assert 0 < found.used + found.free <= found.total
        assert 0 <= found.percent <= 100


def test_a_data_root_that_is_not_there(host_name, tmp_path):
    engine = EngineFacts(host=host_name, data_root=str(tmp_path / "gone"))
    assert read_file_system("unix:///x", engine) is None


def test_a_path_that_a_task_names_is_measured_wherever_the_engine_is(tmp_path):
    found = read_file_system("tcp://192.0.2.23:2376", EngineFacts(host="elsewhere"), str(tmp_path))
    assert (found.path, found.reason, found.doubt) == (str(tmp_path), "disk_path names it", "")
    assert read_file_system("unix:///x", EngineFacts(), str(tmp_path / "gone")) is None


SOCKET = "/run/containerd/containerd.sock"
MANAGED = "/var/run/docker/containerd/containerd.sock"
OWN = "/data/containerd/daemon"
THERE = {DEFAULT_ROOT: None}

ROOTS = [
    # situation, address that the Engine shows, daemons, roots with snapshots (None) or an error, path, words of the doubt
    ("the daemon that the Engine names", SOCKET, [Daemon(SOCKET, "/moved")], {}, "/moved", None),
    (
        "that daemon, and the root of an earlier time",
        SOCKET,
        [Daemon(SOCKET, "/moved")],
        {DEFAULT_ROOT: None, OWN: None},
        "/moved",
        None,
    ),
    ("the same address, written otherwise", "unix:///var" + SOCKET, [Daemon(SOCKET, "/moved")], {}, "/moved", None),
    (
        "the daemon that the Engine started, beside another",
        MANAGED,
        [Daemon(SOCKET, DEFAULT_ROOT), Daemon(MANAGED, OWN)],
        {DEFAULT_ROOT: None, OWN: None},
        OWN,
        None,
    ),
    ("no daemon is seen, and one root has snapshots", SOCKET, [], THERE, DEFAULT_ROOT, None),
    ("no daemon is seen, and the Engine's own root has them", "", [], {OWN: None}, OWN, None),
    (
        "no daemon is seen, and two roots have them",
        "",
        [],
        {DEFAULT_ROOT: None, OWN: None},
        DEFAULT_ROOT,
        f"it may be any of {DEFAULT_ROOT} and {OWN}",
    ),
    ("no root has them", "", [], {}, "/data", f"no snapshots of overlayfs are in {DEFAULT_ROOT} or {OWN}"),
    ("no permission", "", [], {OWN: errno.EACCES}, OWN, f"no permission to look at {OWN}"),
    (
        "one has them, and there is no permission for the other",
        "",
        [],
        {DEFAULT_ROOT: None, OWN: errno.EACCES},
        DEFAULT_ROOT,
        "it may be any of",
    ),
    (
        "an Engine that shows no address, and one daemon with its snapshots",
        "",
        [Daemon(SOCKET, "/moved"), Daemon(MANAGED, OWN)],
        {"/moved": None},
        "/moved",
        None,
    ),
    ("the daemon at another address than the Engine's", MANAGED, [Daemon(SOCKET, "/moved")], THERE, DEFAULT_ROOT, None),
]


@pytest.mark.parametrize(("address", "daemons", "looks", "path", "doubt"), cases(ROOTS))
def test_where_the_containerd_store_keeps_images(address, daemons, looks, path, doubt, monkeypatch):
    def stat(name):
        root = name.replace("/io.containerd.snapshotter.v1.overlayfs", "")
        if root == name or looks.get(root, errno.ENOENT) is not None:
            raise OSError(looks.get(root) or errno.ENOENT, "no")

    monkeypatch.setattr(disk.os, "stat", stat)
    monkeypatch.setattr(disk.os.path, "isdir", lambda name: False)
    engine = EngineFacts(store=CONTAINERD, driver="overlayfs", data_root="/data", containerd_address=address)
    place = find_containerd_root(engine, daemons)
    assert place.path == path
    assert (doubt or "") in place.doubt
    assert bool(place.doubt) is (doubt is not None)
    assert place.reason
    assert not doubt or "disk_path" in place.doubt


def test_several_roots_of_one_file_system_are_no_doubt(tmp_path, monkeypatch):
    own = tmp_path / "containerd" / "daemon"
    for root in (own, tmp_path / "usual"):
        (root / "io.containerd.snapshotter.v1.overlayfs").mkdir(parents=True)
    monkeypatch.setattr(disk, "DEFAULT_ROOT", str(tmp_path / "usual"))
    engine = EngineFacts(store=CONTAINERD, driver="overlayfs", data_root=str(tmp_path))
    assert find_containerd_root(engine, []).doubt == ""


def test_the_containerd_store_is_measured(tmp_path, host_name, monkeypatch):
    monkeypatch.setattr(disk, "running_daemons", lambda: [Daemon(SOCKET, str(tmp_path))])
    engine = EngineFacts(host=host_name, data_root="/data", store=CONTAINERD, containerd_address=SOCKET)
    found = read_file_system("unix:///x", engine)
    assert (found.path, found.reason, found.doubt) == (str(tmp_path), f"the root of the containerd at {SOCKET}", "")


def test_nothing_is_decided_by_a_file_system_that_may_be_the_wrong_one():
    sure = FileSystem("/data", 10, 5, 5, 10, 5, 5, "the data root")
    assert without_doubt(None) is None
    assert without_doubt(sure) is sure
    with pytest.raises(
        InvalidRequest, match=r"target\.disk_path: it is needed, because /data may not be .*: it may be any"
    ):
        without_doubt(sure._replace(doubt="it may be any"))

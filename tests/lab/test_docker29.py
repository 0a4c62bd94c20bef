# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import docker29
from tests.lab.directory import LabDirectory
from tests.lab.errors import LabError

ROWS = {"e29-graph", "e29-containerd"}


@pytest.fixture
def binaries(tmp_path: Path) -> Path:
    directory = tmp_path / "docker"
    directory.mkdir()
    (directory / "dockerd").touch(mode=0o755)
    return directory


def test_without_a_directory_the_rows_are_skipped_and_one_line_says_so(tmp_path: Path) -> None:
    lab = LabDirectory(tmp_path / "lab")
    assert not ROWS & set(docker29.available(lab, {}))
    assert docker29.missing(lab, {}).startswith("skipped: e29-graph, e29-containerd: IMAGEWARDEN_LAB_DOCKER29 ")
    assert "\n" not in docker29.missing(lab, {})


def test_the_environment_names_the_directory(tmp_path: Path, binaries: Path) -> None:
    lab, environment = LabDirectory(tmp_path / "lab"), {docker29.VARIABLE: str(binaries)}
    assert set(docker29.available(lab, environment)) >= ROWS
    assert docker29.missing(lab, environment) == ""


def test_the_directory_of_the_option_is_remembered(tmp_path: Path, binaries: Path) -> None:
    lab = LabDirectory(tmp_path / "lab")
    docker29.remember(lab, str(binaries))
    assert docker29.dockerd(lab, {}) == binaries / "dockerd"


def test_a_directory_without_a_dockerd_is_an_error_that_quotes_it(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=f"'{tmp_path}', and there is no program dockerd in it"):
        docker29.dockerd(LabDirectory(tmp_path / "lab"), {docker29.VARIABLE: str(tmp_path)})

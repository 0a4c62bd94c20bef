# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loopback registry: every Engine of the lab reaches it on 127.0.0.1, where plain HTTP is allowed."""

from __future__ import annotations

import http.client
import shutil
import time
from pathlib import Path

from . import machine, processes, residue
from .errors import LabError
from .ports import free_port

_CONFIGURATION = """\
version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: {data}
  delete:
    enabled: true
http:
  addr: 127.0.0.1:{port}
"""


class Registry:
    """A docker-registry process and its storage."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._pidfile = self.directory / "registry.pid"
        self._data = self.directory / "data"

    @property
    def address(self) -> str:
        """What an image reference begins with: `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int((self.directory / "port").read_text())

    def is_running(self) -> bool:
        """Whether its process runs and answers."""
        return processes.running(self._pidfile, self.directory) is not None and self._answers()

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.is_running():
            return
        machine.require("docker-registry")
        self.stop()
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.directory / "port").write_text(str(free_port()))
        configuration = self.directory / "config.yml"
        configuration.write_text(_CONFIGURATION.format(data=self._data, port=self.port))
        log = self.directory / "registry.log"
        pid = processes.launch([machine.program("docker-registry"), "serve", str(configuration)], log)
        self._pidfile.write_text(str(pid))
        self._wait(pid, log)

    def stop(self) -> None:
        """Stop it; what was pushed stays."""
        processes.terminate(processes.all_of(self.directory), patience=5)
        self._pidfile.unlink(missing_ok=True)

    def purge(self) -> None:
        """Stop it and remove its storage."""
        self.stop()
        residue.remove_tree(self.directory)

    def wipe(self) -> None:
        """Forget all that was pushed. It keeps nothing in memory, so it need not stop."""
        for path in self._data.glob("docker/registry/v2/*"):
            shutil.rmtree(path, ignore_errors=True)

    def _wait(self, pid: int, log: Path) -> None:
        deadline = time.monotonic() + 20
        while not self._answers():
            if not processes.is_alive(pid) or time.monotonic() > deadline:
                raise LabError(f"the registry did not start: {log.read_text(errors='replace')[-400:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

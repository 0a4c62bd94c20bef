# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium that opens pages as a person does: it hears what they say and ask for, presses keys, takes pictures.

It is spoken to over two pipes, in the DevTools protocol, so that it needs no driver and no port.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from tests.lab import machine

_PATIENCE_SECONDS = 60
#: Descriptors that the browser reads and writes; these two are copied there by bash.
_START = 'exec "$@" 3<&{reads} 4>&{writes}'
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"),
    *("--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--hide-scrollbars"),
)
_KEYS = {"Tab": 9, "Enter": 13, " ": 32}


class Browser:
    """The browser, and the one page that it shows."""

    def __init__(self, process: subprocess.Popen[bytes], reads: int, writes: int) -> None:
        self._process = process
        self._reads, self._writes = reads, writes
        self._buffer = b""
        self._last = 0
        self._session: str | None = None
        self.events: list[dict[str, t.Any]] = []

    @classmethod
    @contextlib.contextmanager
    def started(cls) -> t.Iterator[Browser]:
        """Start one, with a profile of its own. Raises :class:`LabError` where there is none and none can be installed."""
        machine.require("chromium")
        to_browser, from_browser = _pipe(), _pipe()
        with tempfile.TemporaryDirectory(prefix="imagewarden-browser-", ignore_cleanup_errors=True) as profile:
            start = _START.format(reads=to_browser[0], writes=from_browser[1])
            command = [machine.program("chromium"), *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
            process = subprocess.Popen(
                ["bash", "-c", start, "bash", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(to_browser[0], from_browser[1]),
                env={**os.environ, "HOME": profile},
            )
            os.close(to_browser[0])
            os.close(from_browser[1])
            browser = cls(process, from_browser[0], to_browser[1])
            try:
                browser._attach()
                yield browser
            finally:
                process.terminate()
                process.wait()
                os.close(from_browser[0])
                os.close(to_browser[1])

    def send(self, method: str, **parameters: t.Any) -> dict[str, t.Any]:
        """Ask for something, and wait for the answer; what happens meanwhile is kept in ``events``."""
        self._last += 1
        message: dict[str, t.Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            self.events.append(answer)

    def open(self, path: Path) -> None:
        """Show a page, and wait until it has loaded."""
        self.events.clear()
        self.send("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> t.Any:
        """The value of a script on the page, or of the promise that it returns."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a script returns true."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not self.run(condition):
            if time.monotonic() > end:
                raise AssertionError(f"this did not become true: {condition}")
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press and release a key."""
        code = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": _KEYS[key]}
        text = {"Enter": {"text": "\r"}, " ": {"text": " "}}.get(key, {})
        self.send("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **code)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.send("Input.insertText", text=text)

    def look_as(self, *, dark: bool = False, printed: bool = False, width: int = 1280, height: int = 900) -> None:
        """The medium, the preferred colours and the size of the window."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media="print" if printed else "screen", features=[scheme])
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def picture(self, path: Path) -> None:
        """What the window shows, as a PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def paper(self, path: Path) -> None:
        """The page as it is printed, as a PDF."""
        self.send("Emulation.clearDeviceMetricsOverride")
        self.send("Emulation.setEmulatedMedia", media="print")
        path.write_bytes(
            base64.b64decode(self.send("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
        )

    def requests(self) -> list[str]:
        """The addresses that the page asked for, its own among them."""
        found = (event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent")
        return [event["request"]["url"] for event in found]

    def messages(self) -> list[str]:
        """Everything that the console would show, and exceptions."""
        methods = (
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Page.javascriptDialogOpening",
        )
        return [json.dumps(event["params"]) for event in self.events if event["method"] in methods]

    def _attach(self) -> None:
        (target,) = [found for found in self.send("Target.getTargets")["targetInfos"] if found["type"] == "page"]
        attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _read(self) -> dict[str, t.Any]:
        while b"\0" not in self._buffer:
            readable, _writable, _failed = select.select([self._reads], [], [], _PATIENCE_SECONDS)
            block = os.read(self._reads, 1 << 20) if readable else b""
            if not block:
                raise AssertionError("the browser does not answer")
            self._buffer += block
        message, _end, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))


def _pipe() -> tuple[int, int]:
    """A pipe beside the descriptors that the browser is given."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]

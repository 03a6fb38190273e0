"""Debian's Firefox, driven by its own Marionette: a socket, messages of JSON after their length.

No driver is needed beside it. The protocol is that of WebDriver's commands:
https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's name of an element's reference
PREFERENCES = {
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class Firefox:
    """A browser of its own, with one tab."""

    def __init__(self, folder: Path, port: int) -> None:
        assert FIREFOX is not None
        told = {**PREFERENCES, "marionette.port": port}
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in told.items()]
        (folder / "user.js").write_text("".join(lines))
        self.process = subprocess.Popen(
            [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "MOZ_HEADLESS": "1"},
        )
        self._socket = self._connect(port)
        self._count = 0
        self._read()  # what it says of itself
        self.call("WebDriver:NewSession", {"strictFileInteractability": False})
        self.call("WebDriver:SetTimeouts", {"script": 240_000, "pageLoad": 240_000})

    def _connect(self, port: int) -> socket.socket:
        begun = time.monotonic()
        while True:
            assert self.process.poll() is None and time.monotonic() - begun < 120
            try:
                found = socket.create_connection(("127.0.0.1", port), timeout=300)
                found.settimeout(300)
                return found
            except OSError:
                time.sleep(0.2)

    def _read(self) -> Any:
        head = b""
        while not head.endswith(b":"):
            byte = self._socket.recv(1)
            assert byte, "Firefox has gone"
            head += byte
        size, body = int(head[:-1]), b""
        while len(body) < size:
            body += self._socket.recv(size - len(body))
        return json.loads(body)

    def call(self, command: str, asked: dict[str, Any] | None = None) -> Any:
        """A command of WebDriver's, and its value."""
        self._count += 1
        message = json.dumps([0, self._count, command, asked or {}]).encode()
        self._socket.sendall(f"{len(message)}:".encode() + message)
        _, number, error, found = self._read()
        assert number == self._count
        assert error is None, error
        return found["value"] if isinstance(found, dict) and set(found) == {"value"} else found

    def goto(self, url: str) -> None:
        self.call("WebDriver:Navigate", {"url": url})

    def evaluate(self, expression: str) -> Any:
        """What an expression of the page's JavaScript comes to."""
        asked = {"script": f"return {expression}", "args": [], "sandbox": None}
        return self.call("WebDriver:ExecuteScript", asked)

    def wait_for(self, expression: str, seconds: float = 240) -> None:
        """Waits until an expression comes to something true."""
        begun = time.monotonic()
        while not self.evaluate(expression):
            assert time.monotonic() - begun < seconds, expression
            time.sleep(0.1)

    def find(self, css: str) -> str:
        asked = {"using": "css selector", "value": css}
        return str(self.call("WebDriver:FindElement", asked)[ELEMENT])

    def click(self, css: str) -> None:
        self.call("WebDriver:ElementClick", {"id": self.find(css)})

    def give(self, css: str, path: Path) -> None:
        """Chooses a file in a field for one."""
        self.call("WebDriver:ElementSendKeys", {"id": self.find(css), "text": str(path)})

    def close(self) -> None:
        self._socket.close()
        self.process.terminate()
        self.process.wait(30)

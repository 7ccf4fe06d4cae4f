"""Chromium through chromedriver's HTTP interface: as much of it as the tests of the page need."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Browser:
    """A headless page of a given width; a context manager."""

    def __init__(self, width: int, height: int = 800, dark: bool = False) -> None:
        port = _free_port()
        self.base = f"http://127.0.0.1:{port}"
        assert DRIVER
        assert CHROMIUM
        self.process = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL)
        self._wait()
        options = {
            "binary": CHROMIUM,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1}},
        }
        logs = {"browser": "ALL", "performance": "ALL"}
        match = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs}
        answer = self._post("/session", {"capabilities": {"alwaysMatch": match}})
        self.base += f"/session/{answer['sessionId']}"
        if dark:
            media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
            self.cdp("Emulation.setEmulatedMedia", media)

    def _wait(self) -> None:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{self.base}/status", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self.base + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def cdp(self, command: str, parameters: dict[str, Any]) -> Any:
        return self._post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path: Path) -> None:
        self._post("/url", {"url": path.resolve().as_uri()})

    def run(self, script: str) -> Any:
        return self._post("/execute/sync", {"script": script, "args": []})

    def log(self, kind: str) -> list[dict[str, Any]]:
        return self._post("/se/log", {"type": kind})

    def screenshot(self, path: Path, height: int | None = None) -> None:
        parameters: dict[str, Any] = {"captureBeyondViewport": True}
        if height:
            width = self.run("return document.documentElement.clientWidth")
            parameters["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        path.write_bytes(base64.b64decode(self.cdp("Page.captureScreenshot", parameters)["data"]))

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(self.base, method="DELETE"), timeout=20).close()
        finally:
            self.process.terminate()
            self.process.wait(timeout=20)

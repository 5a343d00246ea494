"""A host page on an origin of its own that shows a micro frontend, for browser tests."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Frame, Page, sync_playwright
from werkzeug.serving import make_server

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

HOST_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Host</title></head><body>
<script>
  window.received = [];
  window.addEventListener("message", (event) => {
    const frame = document.querySelector("iframe");
    if (event.source === frame.contentWindow) {
      window.received.push({data: event.data, origin: event.origin});
    }
  });
</script>
<iframe title="Micro frontend" width="700" height="100" allow="fullscreen"
  sandbox="allow-forms allow-downloads allow-scripts allow-same-origin"></iframe>
</body></html>"""


@contextmanager
def run_server(app: Flask) -> Iterator[str]:
    """Serve an app on a free port of the loopback interface; gives its root URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_running_browsers: list[Browser] = []


@contextmanager
def run_browser() -> Iterator[Browser]:
    """Headless Chromium; skips on a user's machine without it, fails in CI.

    A thread can drive only one Playwright at a time, so whoever asks while a browser is
    running gets the same one.
    """
    if _running_browsers:
        yield _running_browsers[-1]
        return
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium found (set CHROMIUM to its path)")
        pytest.skip("no chromium found (set CHROMIUM to its path)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGS, timeout=60_000
        )
        _running_browsers.append(browser)
        try:
            yield browser
        finally:
            _running_browsers.remove(browser)
            browser.close()


def create_host_app() -> Flask:
    """An app with nothing but the host page."""
    app = Flask("host")
    app.add_url_rule("/", "host", lambda: HOST_PAGE)
    app.add_url_rule(
        "/host.css", "css", lambda: (".qhana-form {}", {"Content-Type": "text/css"})
    )
    return app


class Host:
    """The host's side of the protocol: opens a micro frontend, records and sends."""

    def __init__(self, page: Page, host_url: str, frontend_url: str) -> None:
        """Remember where host page and micro frontends are served."""
        self.page = page
        self.url = host_url
        self.frontend_url = frontend_url
        self.frame: Frame = page.main_frame
        self.script_errors: list[str] = []
        page.on("pageerror", self._note_error)

    def _note_error(self, error: object) -> None:
        self.script_errors.append(str(error))

    def close(self) -> None:
        """Stop listening; the page is used by the next test."""
        self.page.remove_listener("pageerror", self._note_error)

    def open(self, path: str, wait_for: Any = "ui-loaded") -> Frame:
        """Show a micro frontend and wait until it has said something."""
        self.page.goto(self.url)
        self.page.evaluate(
            "url => document.querySelector('iframe').src = url", self.frontend_url + path
        )
        if wait_for is not None:
            self.wait_for(wait_for)
        self.frame = self.page.frames[-1]
        self.frame.wait_for_load_state()
        return self.frame

    @property
    def messages(self) -> list[Any]:
        """All messages that the micro frontend has sent since the last ``clear``."""
        return [entry["data"] for entry in self.page.evaluate("window.received")]

    def clear(self) -> None:
        """Forget the messages."""
        self.page.evaluate("window.received = []")

    def of_type(self, type_: str) -> list[Any]:
        """The messages of one type (or the strings equal to it)."""
        return [
            message
            for message in self.messages
            if message == type_
            or (isinstance(message, dict) and message.get("type") == type_)
        ]

    def wait_for(self, type_: str, count: int = 1) -> Any:
        """Wait for messages of a type and return the last one."""
        self.page.wait_for_function(
            "([type, count]) => received.filter("
            "m => m.data === type || m.data?.type === type).length >= count",
            arg=[type_, count],
            timeout=5000,
        )
        return self.of_type(type_)[-1]

    def send(self, message: Any) -> None:
        """Send a message to the micro frontend and let it react."""
        self.page.evaluate(
            "m => document.querySelector('iframe').contentWindow.postMessage(m, '*')",
            message,
        )
        self.settle()

    def settle(self) -> None:
        """Let messages that are under way arrive, in both directions."""
        if self.frame != self.page.main_frame:
            self.frame.evaluate("() => new Promise(r => setTimeout(r, 20))")
        self.page.evaluate("() => new Promise(r => setTimeout(r, 20))")

    def resize_frame(self, height: int) -> None:
        """Give the iframe another height, as a host does on ``ui-resize``."""
        self.page.evaluate(
            "height => document.querySelector('iframe').height = height", height
        )
        self.settle()

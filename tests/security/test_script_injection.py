# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Scripts of attackers in everything that a browser shows, in headless Chromium.

A script that runs reports the origin it runs in to a beacon, and sets a cookie. None may
run in the origin of the API; scripts in results may run in a sandbox, which has none.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from celery.contrib.testing.worker import start_worker
from flask import Flask
from playwright.sync_api import Browser, Page

from byte_server import ByteServer
from frontend.host import create_host_app, run_browser, run_server
from qhana_plugin_runner import create_app
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskState
from qhana_plugin_runner.db.models.virtual_plugins import VirtualPlugin
from qhana_plugin_runner.storage import STORE

HERE = Path(__file__).parent
PLUGINS = HERE.parents[1] / "plugins"
EVIL = "/plugins/evil-texts@v1-0-0"


@dataclass
class World:
    """The API, the beacon that scripts report to, and a page of the browser."""

    app: Flask
    url: str
    beacon: ByteServer
    page: Page
    host_url: str

    def start(self) -> None:
        """Forget the test before, whose page may still be on its way to somewhere."""
        before, self.page = self.page, self.page.context.new_page()
        before.close()
        self.page.on("dialog", lambda dialog: dialog.dismiss())
        self.page.context.clear_cookies()
        self.beacon.requests.clear()

    def script(self) -> str:
        """Return a script that reports where it runs, without quotes."""
        return report_to(self.beacon)

    def payload(self) -> str:
        """Return HTML that runs the script in one way or another."""
        return payload(self.script())

    def visit(self, path: str) -> None:
        """Open a page of the API, press what can be pressed, wait for scripts."""
        self.page.goto(self.url + path, wait_until="load")
        self.settle()

    def settle(self) -> None:
        """Give scripts and images time to run."""
        self.page.wait_for_timeout(250)

    def origins(self) -> set[str]:
        """Return the origins in which scripts have run."""
        queries = [urlsplit(path).query for path, _ in self.beacon.requests]
        return {parse_qs(query).get("origin", [""])[0] for query in queries}

    def assert_nothing_ran(self) -> None:
        """Fail if a script has run in the origin of the API."""
        assert self.url not in self.origins()
        assert "pwned" not in {
            cookie.get("name") for cookie in self.page.context.cookies(self.url)
        }

    def store(self, content: str | bytes, media_type: str, name: str) -> str:
        """Store a result; returns the path of its URL."""
        with self.app.app_context():
            task = ProcessingTask(task_name="evil")
            task.save(commit=True)
            data = content.encode() if isinstance(content, str) else content
            STORE.persist_task_result(task.id, data, name, "x", media_type)
            ProcessingTask.close(task.id, TaskState.SUCCEEDED, self.payload())
            DB.session.commit()
            client = self.app.test_client()
            answer = client.get(f"/tasks/{task.id}/")
            parts = urlsplit(answer.get_json()["outputs"][0]["href"])
        return f"{parts.path}?{parts.query}"


def report_to(beacon: ByteServer) -> str:
    """Return a script that reports the origin it runs in; it has no quotes."""
    return (
        f"new Image().src=`{beacon.url}/ran?origin=`+encodeURIComponent(self.origin);"
        "document.cookie=`pwned=1`"
    )


def payload(script: str) -> str:
    """Return HTML that runs a script in one way or another."""
    return (
        f"</script></style></textarea></title><script>{script}</script>"
        f'<img src=x onerror="{script}"><svg onload="{script}"></svg>'
        f'<iframe srcdoc="<script>{script}</script>"></iframe>'
        f'<a href="javascript:{script}" id=pwn>x</a><details open ontoggle="{script}">'
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with run_browser() as browser:
        yield browser


def _create_app(folder: Path, debug: bool) -> Flask:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder))
        patch.setenv("FLASK_DEBUG", "1" if debug else "0")
        app = create_app(
            {
                "SECRET_KEY": "a key of the tests that is long enough",
                "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'evil.db'}",
                "FILE_STORE_ROOT_PATH": str(folder / "files"),
                "PLUGIN_FOLDERS": [str(PLUGINS), str(HERE / "evil_plugins")],
                "CELERY": {
                    "broker_url": "memory://",
                    "broker_transport_options": {"polling_interval": 0.05},
                    "result_backend": "cache+memory://",
                },
            },
            silent_log=True,
        )
    with app.app_context():
        create_db_function(app)
    return app


@pytest.fixture(scope="module")
def served(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[bool], World]]:
    """Serve the API in production or in debug mode."""
    worlds: dict[bool, World] = {}
    with ByteServer() as beacon, pytest.MonkeyPatch.context() as patch:
        beacon.serve("/ran", b"")
        script = report_to(beacon)
        patch.setenv("EVIL_PAYLOAD", payload(script))
        folder = tmp_path_factory.mktemp("evil")
        apps = {}
        for debug in (False, True):
            (folder / str(debug)).mkdir()
            apps[debug] = _create_app(folder / str(debug), debug)
        _write_virtual_plugin(apps[False], payload(script))
        with (
            run_server(apps[False]) as url,
            run_server(apps[True]) as debug_url,
            run_server(create_host_app()) as host_url,
            apps[False].app_context(),
            start_worker(CELERY, pool="threads", perform_ping_check=False),
        ):
            context = browser.new_context(accept_downloads=False)
            page = context.new_page()
            host = host_url.replace("127.0.0.1", "localhost")
            for debug, address in ((False, url), (True, debug_url)):
                worlds[debug] = World(apps[debug], address, beacon, page, host)
            yield lambda debug: worlds[debug]
            context.close()


def _write_virtual_plugin(app: Flask, text: str) -> None:
    with app.app_context():
        VirtualPlugin(
            parent_id="evil-texts",
            name="virtual",
            version="1",
            description=text,
            tags=text,
            href=f"javascript:{text}",
        ).save(commit=True)


@pytest.fixture
def world(served: Callable[[bool], World]) -> Iterator[World]:
    """The API in production mode; nothing may have run in its origin after the test."""
    world = served(False)
    world.start()
    yield world
    world.assert_nothing_ran()


@pytest.fixture
def debug_world(served: Callable[[bool], World]) -> Iterator[World]:
    """The same in debug mode."""
    world = served(True)
    world.start()
    yield world
    world.assert_nothing_ran()


def test_the_beacon_sees_scripts_that_run(served: Callable[[bool], World]) -> None:
    """A page of the plugin itself may have scripts: so the other tests mean something."""
    world = served(False)
    world.visit(f"{EVIL}/own-script/")
    assert world.url in world.origins()


# What is stored as a result: media type, file name, content with SCRIPT and HTML in it.
XHTML = "http://www.w3.org/1999/xhtml"
RESULTS: dict[str, tuple[str, str, str]] = {
    "html": ("text/html", "a.html", "<!doctype html>HTML"),
    "html-charset": ("text/html; charset=utf-7", "a.html", "<!doctype html>HTML"),
    "html-capitals": ("TEXT/HTML", "a.html", "HTML"),
    "html-in-text": ("text/plain", "a.html", "<!doctype html>HTML"),
    "html-in-json": ("application/json", "a.html", "HTML"),
    "html-in-csv": ("text/csv", "a.html", "HTML"),
    "html-in-image": ("image/png", "a.html", "HTML"),
    "html-in-pdf": ("application/pdf", "a.pdf", "HTML"),
    "html-unknown": ("x/unknown", "a.html", "<!doctype html>HTML"),
    "html-of-a-binary": ("application/octet-stream", "a.html", "<!doctype html>HTML"),
    "xhtml": (
        "application/xhtml+xml",
        "a.xhtml",
        f'<html xmlns="{XHTML}"><script>SCRIPT</script></html>',
    ),
    "xml": (
        "application/xml",
        "a.xml",
        f'<a><x:script xmlns:x="{XHTML}">SCRIPT</x:script></a>',
    ),
    "xml-text": ("text/xml", "a.xml", f'<s xmlns="{XHTML}"><script>SCRIPT</script></s>'),
    "xml-suffix": (
        "application/rss+xml",
        "a.rss",
        f'<s xmlns="{XHTML}"><script>SCRIPT</script></s>',
    ),
    "xml-style-sheet": (
        "text/xml",
        "a.xml",
        '<?xml-stylesheet type="text/xsl" href="data:text/xml,<a/>"?><a/>',
    ),
    "svg": (
        "image/svg+xml",
        "a.svg",
        '<svg xmlns="http://www.w3.org/2000/svg" onload="SCRIPT">'
        "<script>SCRIPT</script></svg>",
    ),
    "script": ("text/javascript", "a.js", "SCRIPT"),
    "mixed-replace": (
        "multipart/x-mixed-replace; boundary=b",
        "a.html",
        "--b\r\nContent-Type: text/html\r\n\r\nHTML\r\n--b--",
    ),
    "mime-html": ("message/rfc822", "a.mhtml", "Content-Type: text/html\r\n\r\nHTML"),
    "pdf": (
        "application/pdf",
        "a.pdf",
        "%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(SCRIPT)>>>>endobj",
    ),
    "name": ("text/html", '"><script>x</script>.html', "HTML"),
}


@pytest.mark.parametrize("framed", [False, True], ids=["opened", "framed"])
@pytest.mark.parametrize("kind", RESULTS)
def test_a_script_in_a_result(world: World, kind: str, framed: bool) -> None:
    media_type, name, template = RESULTS[kind]
    content = template.replace("SCRIPT", world.script()).replace("HTML", world.payload())
    path = world.store(content, media_type, name)
    if framed:
        world.page.goto(world.host_url)
        world.page.evaluate(
            "url => document.querySelector('iframe').src = url", world.url + path
        )
    else:
        world.page.goto("about:blank")
        # Downloads abort the navigation.
        world.page.evaluate("url => { window.location = url }", world.url + path)
    world.settle()


def test_a_result_that_is_a_page_still_works_in_its_sandbox(world: World) -> None:
    world.visit(world.store(f"<!doctype html>{world.payload()}", "text/html", "a.html"))
    assert world.origins() == {"null"}


# Paths of pages that show what the address says; PAYLOAD is a payload, encoded.
PAGES = {
    "index-with-texts-of-plugins": "/",
    "micro-frontend-texts": f"{EVIL}/ui/",
    "form-filled-in": f"{EVIL}/ui/?text=PAYLOAD&choice=PAYLOAD&data=PAYLOAD",
    "form-of-a-bundled-plugin": "/plugins/hello-world@v1-0-0/ui/?inputStr=%22%3EPAYLOAD",
    "form-with-template": "/plugins/hello-world@v1-0-0/ui/?inputStr={{7*7}}PAYLOAD",
    "form-with-script-url": "/plugins/pca@v1-0-0/ui/?entitiesUrl=javascript:PAYLOAD",
    "unknown-page": "/PAYLOAD/",
    "unknown-plugin": "/plugins/PAYLOAD/",
    "unknown-task": "/tasks/PAYLOAD/",
    "unknown-file": "/files/1/?file-id=PAYLOAD",
    "bad-query": "/tasks/?state=PAYLOAD&since=PAYLOAD",
    "bad-plot": "/plugins/cluster-scatter-visualization@v1-0-0/plot/?entitiesUrl=PAYLOAD",
    "licences": "/licenses/?x=PAYLOAD",
    "licence-of-a-package": "/licenses/PAYLOAD/",
    "login": "/login/?next=javascript:PAYLOAD",
    "login-elsewhere": "/login/?next=//PAYLOAD",
    "documentation": "/redoc/?x=PAYLOAD#PAYLOAD",
    "documentation-rapidoc": "/rapidoc/?spec-url=data:text/html,PAYLOAD",
    "documentation-swagger": "/swagger-ui/?url=data:text/html,PAYLOAD&configUrl=PAYLOAD",
}


@pytest.mark.parametrize("kind", PAGES)
def test_a_script_in_what_a_page_shows(world: World, kind: str) -> None:
    world.visit(PAGES[kind].replace("PAYLOAD", quote(world.payload(), safe="")))
    world.page.mouse.click(200, 200)
    _press_everything(world)


def _press_everything(world: World) -> None:
    """Click on links that are scripts (there should be none)."""
    scripts = "[href^='javascript:' i], [action^='javascript:' i], [src^='javascript:' i]"
    assert world.page.locator(scripts).count() == 0
    world.settle()


def test_a_script_in_the_answer_to_a_form(world: World) -> None:
    """A page elsewhere sends a browser here with a form full of payloads."""
    value = html.escape(world.payload(), quote=True)
    for path in (f"{EVIL}/ui/", "/plugins/hello-world@v1-0-0/process/", "/tasks/1/"):
        world.page.goto("about:blank")
        world.page.set_content(
            f'<form method=post action="{world.url}{path}">'
            f'<input name=text value="{value}"><input name=x value="{value}"></form>'
        )
        world.page.evaluate("document.forms[0].submit()")
        world.settle()


def test_a_script_in_the_log_of_a_task(world: World) -> None:
    world.store("x", "text/plain", "x.txt")
    with world.app.app_context():
        (task_id,) = DB.session.execute(DB.select(DB.func.max(ProcessingTask.id))).one()
    world.visit(f"/tasks/{task_id}/")
    assert "onerror" in world.page.content()


VIEWERS = {
    "table": "/plugins/csv-visualization@v1-0-0/ui/?data=DATA",
    "plot": "/plugins/cluster-scatter-visualization@v1-0-0/ui/"
    "?entitiesUrl=DATA&clustersUrl=DATA",
}


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("media_type", ["text/csv", "application/json"])
def test_a_script_in_shown_data(world: World, viewer: str, media_type: str) -> None:
    evil = world.payload()
    if media_type == "text/csv":
        cell = evil.replace('"', '""')
        content = f'ID,x,y,label,"{cell}"\n"{cell}",1,2,"{cell}","{cell}"\nb,2,3,c,d\n'
    else:
        quoted = evil.replace("\\", "\\\\").replace('"', '\\"')
        content = f'[{{"ID": "{quoted}", "x": 1, "y": 2, "label": "{quoted}"}}]'
    data = quote(f"data:{media_type},{quote(content)}", safe="")
    world.visit(VIEWERS[viewer].replace("DATA", data))
    world.page.wait_for_timeout(1500)
    world.page.mouse.move(300, 300)
    world.settle()


def messages(evil: str) -> list[Any]:
    """Return messages of a host that means no good."""
    script_url = f"javascript:{evil}"
    page_url = f"data:text/html,{evil}"
    return [
        {"type": "load-css", "urls": [script_url, page_url, f'"><{evil}', 7, None]},
        {"type": "data-url-response", "inputKey": "data", "href": script_url},
        {"type": "data-url-response", "inputKey": "form", "href": evil},
        {"type": "data-url-response", "inputKey": "__proto__", "href": evil},
        {"type": "plugin-url-response", "inputKey": "data", "pluginUrl": page_url},
        {
            "type": "autofill-response",
            "value": f'{{"text": "{quote(evil)}", "__proto__": {{"innerHTML": "x"}}}}',
            "encoding": "application/json",
        },
        {
            "type": "autofill-response",
            "value": f"text={quote(evil)}&constructor=1",
            "encoding": "application/x-www-form-urlencoded",
        },
        {"type": "implementations-response", "implementations": [{"name": evil}]},
        {"type": "plugin-context", "experimentId": evil, "location": evil},
        {"type": "ui-resize", "height": evil},
        {"type": evil},
        evil,
        None,
        [evil],
    ]


def test_a_script_in_messages_of_a_host(world: World) -> None:
    world.page.goto(world.host_url)
    frame_url = f"{world.url}{EVIL}/ui/"
    world.page.evaluate("url => document.querySelector('iframe').src = url", frame_url)
    world.page.wait_for_timeout(500)
    for message in messages(world.payload()):
        world.page.evaluate(
            "m => document.querySelector('iframe').contentWindow.postMessage(m, '*')",
            message,
        )
    world.settle()
    world.page.frames[-1].click("text=validate")
    world.settle()


@pytest.mark.parametrize(
    "target",
    ["javascript:PAYLOAD", "data:text/html,PAYLOAD", "JaVaScRiPt:PAYLOAD", "//x/PAYLOAD"]
    + [f"{EVIL}/ui/?text=PAYLOAD", "vbscript:PAYLOAD", "blob:PAYLOAD", "about:blank"],
)
def test_a_script_in_the_debugger(debug_world: World, target: str) -> None:
    url = quote(target.replace("PAYLOAD", debug_world.payload()), safe="")
    debug_world.visit(f"/debug/frontend-debugger?url={url}")
    debug_world.visit(f"/debug/routes?x={url}")


def test_a_script_in_messages_to_the_debugger(debug_world: World) -> None:
    """The page that is debugged may be of another origin, and say anything."""
    evil = debug_world.payload()
    inside = "<script>for (const m of MESSAGES) parent.postMessage(m, '*')</script>"
    all_ = repr([m for m in messages(evil) if m]).replace("None", "null")
    debug_world.beacon.serve(
        "/framed",
        inside.replace("MESSAGES", all_.replace("</", "<\\/")).encode(),
        Content_Type="text/html",
    )
    url = quote(f"{debug_world.beacon.url}/framed", safe="")
    debug_world.visit(f"/debug/frontend-debugger?url={url}")
    debug_world.page.wait_for_timeout(500)

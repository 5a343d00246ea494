# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The demo: the main job over HTTP, with a server and a worker of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask, jsonify, redirect, url_for
from playwright.sync_api import Browser

from frontend.host import run_browser, run_server

pytest.importorskip("sklearn")
pytest.importorskip("plotly")

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs" / "examples" / "main_job.py"
FLOWERS = 150
# What would lead the demo's server away from an installation of its own.
OTHER_SETTINGS = ("BROKER_URL", "RESULT_BACKEND", "SQLALCHEMY_DATABASE_URI", "CI")


@dataclass
class DemoRun:
    """What a run of the demo left behind."""

    status: int
    output: str
    errors: str
    folder: Path


def run_demo(folder: Path, *arguments: str, timeout: float = 60) -> DemoRun:
    """Run the script as its users do."""
    env = {k: v for k, v in os.environ.items() if k not in OTHER_SETTINGS}
    env["QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER"] = str(folder / "instance")
    output = folder / "results"
    command = [sys.executable, str(SCRIPT), *arguments, "--output", str(output)]
    done = subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, timeout=timeout
    )
    return DemoRun(done.returncode, done.stdout, done.stderr, output)


def unused_url() -> str:
    """A URL where nothing answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://localhost:{probe.getsockname()[1]}/"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """The demo, with a server of its own."""
    folder = tmp_path_factory.mktemp("demo")
    run = run_demo(folder, unused_url(), "--start", timeout=240)
    log = run.folder / "server.log"
    report = log.read_text() if log.is_file() else ""
    assert run.status == 0, f"{run.output}\n{run.errors}\n{report[-5000:]}"
    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    with run_browser() as browser_:
        yield browser_


def test_clusters_agree_with_the_species(demo: DemoRun):
    match = re.search(r"^Adjusted Rand index .*: ([0-9.]+)$", demo.output, re.MULTILINE)
    assert match is not None, demo.output
    assert float(match[1]) > 0.5


def test_prints_the_result_urls(demo: DemoRun):
    for data_type in ("entity/list", "entity/vector", "entity/label", "custom/plot"):
        pattern = rf"^ +{data_type} +http://localhost:\d+/files/\d+/\?file-id=\S+$"
        assert re.search(pattern, demo.output, re.MULTILINE), demo.output


def test_shows_the_end_of_every_task(demo: DemoRun):
    bars = re.findall(r"^(\S+) +\[#{24}] 100% +[0-9.]+ s  SUCCESS$", demo.output, re.M)
    assert bars == [
        "file-upload",
        "pca",
        "classical-k-means",
        "cluster-scatter-visualization",
    ]
    assert demo.errors == ""


def test_stops_its_server(demo: DemoRun):
    match = re.search(r"worker at http://localhost:(\d+)/", demo.output)
    assert match is not None, demo.output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(match[1]))) != 0


@pytest.mark.parametrize(
    "plugin", ["pca", "classical-k-means", "cluster-scatter-visualization"]
)
def test_plot_opens_with_all_points_drawn(demo: DemoRun, browser: Browser, plugin: str):
    file = demo.folder / f"{plugin}.html"
    context = browser.new_context()
    page = context.new_page()
    problems: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector(".point")
    points = page.locator(".scatterlayer .point")
    assert points.count() == FLOWERS
    frame = page.locator(".main-svg").first.bounding_box()
    assert frame is not None
    for box in (points.first.bounding_box(), points.last.bounding_box()):
        assert box is not None
        assert frame["x"] <= box["x"] <= frame["x"] + frame["width"]
        assert frame["y"] <= box["y"] <= frame["y"] + frame["height"]
    context.close()
    assert problems == []
    assert requests == [file.as_uri()]


def test_missing_server_is_one_line(tmp_path: Path):
    url = unused_url()
    run = run_demo(tmp_path, url)
    assert run.status == 1
    assert run.errors.count("\n") == 1
    assert run.errors.startswith(f"Error: No server answers at {url}")


def failing_server() -> Flask:
    """A runner whose only plugin fails."""
    app = Flask("failing")
    app.add_url_rule("/", "root", lambda: jsonify(title="QHAna plugin runner api."))

    @app.get("/plugins/")
    def plugins() -> object:
        root = url_for("plugin", _external=True)
        return jsonify(plugins=[{"name": "file-upload", "apiRoot": root}])

    @app.get("/plugins/file-upload/")
    def plugin() -> object:
        return jsonify(entryPoint={"href": "./process/"})

    @app.post("/plugins/file-upload/process/")
    def process() -> object:
        return redirect(url_for("task"), 303)

    @app.get("/tasks/1/")
    def task() -> object:
        log = "Traceback …\n  in somewhere\nTableError: Row 3, column 'a': no number\n"
        return jsonify(status="FAILURE", log=log, outputs=[])

    return app


def test_failed_task_shows_the_last_line_of_its_log(tmp_path: Path):
    with run_server(failing_server()) as url:
        run = run_demo(tmp_path, "--url", url)
    assert run.status == 1
    assert run.errors == (
        "Error: file-upload ended in FAILURE: TableError: Row 3, column 'a': no number\n"
    )


def test_missing_plugin_is_named(tmp_path: Path):
    app = Flask("empty")
    app.add_url_rule("/plugins/", "plugins", lambda: jsonify(plugins=[]))
    with run_server(app) as url:
        run = run_demo(tmp_path, url)
    assert run.status == 1
    assert run.errors == "Error: The server has no plugin 'file-upload', only: none.\n"

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A whole runner inside one test: server, worker, database and a client of its API.

The tests of plugins need no broker, no database server and no started process::

    with running_plugins(Path(__file__).parent) as runner:
        task = runner.run("hello-world", {"inputStr": "hello"})
        assert runner.output(task, "out.txt").text == "hello"
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
from celery.contrib.testing.worker import start_worker
from flask import Flask
from werkzeug.serving import make_server

from . import create_app
from .celery import CELERY
from .db.cli import create_db_function


class RunnerClient:
    """A client of the HTTP API of a runner.

    Args:
        url: where the runner answers.
        patience: how many seconds a task may take.
    """

    def __init__(self, url: str, patience: float = 60.0) -> None:
        self.url = url
        self.patience = patience
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        """GET a path or URL."""
        return self.http.get(urljoin(self.url, path), timeout=30, **kwargs)

    def post(self, path: str, data: Any = None, **kwargs: Any) -> requests.Response:
        """POST a form to a path or URL and follow the redirect."""
        return self.http.post(urljoin(self.url, path), data=data, timeout=30, **kwargs)

    def metadata(self, plugin: str) -> dict[str, Any]:
        """Return the metadata of a plugin.

        Args:
            plugin: its name (the newest version) or its identifier.
        """
        return self.get(f"/plugins/{plugin}/").json()

    def run(self, plugin: str, data: Any = None, **kwargs: Any) -> dict[str, Any]:
        """Submit the form of a plugin and wait until its task has ended.

        Args:
            plugin: name or identifier.
            data: the form fields.
            **kwargs: of :meth:`requests.Session.post`, for example ``files``.

        Returns:
            The document of the task.

        Raises:
            AssertionError: if the form is refused.
        """
        root = self.get(f"/plugins/{plugin}/")
        href = urljoin(root.url, root.json()["entryPoint"]["href"])
        answer = self.post(href, data, **kwargs)
        assert answer.status_code == 200, answer.text
        assert [hop.status_code for hop in answer.history] == [303], answer.url
        return self.wait(answer.url)

    def wait(self, task_url: str, steps: int = 0) -> dict[str, Any]:
        """Poll a task until it has ended or has that many steps.

        Raises:
            AssertionError: if it takes longer than the client's patience.
        """
        deadline = time.monotonic() + self.patience
        while True:
            task: dict[str, Any] = self.get(task_url).json()
            if task["status"] != "PENDING":
                return task
            if steps and len(task.get("steps", ())) >= steps:
                return task
            assert time.monotonic() < deadline, f"{task_url} did not end: {task}"
            time.sleep(0.05)

    def output(self, task: Mapping[str, Any], name: str) -> requests.Response:
        """Download the output of a task that has the name.

        Raises:
            AssertionError: if the task did not succeed or has no such output.
        """
        assert task["status"] == "SUCCESS", task["log"]
        found = {out.get("name"): out["href"] for out in task["outputs"]}
        assert name in found, f"The task has the outputs {sorted(map(str, found))}."
        return self.get(found[name])


@contextmanager
def running_plugins(*folders: Path | str, **settings: Any) -> Iterator[RunnerClient]:
    """Run a server and a worker with the plugins of some folders.

    Args:
        *folders: plugin folders, or folders that are a plugin package themselves.
        **settings: further settings of the runner.

    Yields:
        A client.
    """
    with tempfile.TemporaryDirectory(prefix="qhana-test-") as folder:
        app = plugin_app(Path(folder), *folders, **settings)
        with (
            app.app_context(),
            start_worker(CELERY, pool="threads", perform_ping_check=False),
            serve(app) as url,
        ):
            yield RunnerClient(url)


def plugin_app(folder: Path, *plugins: Path | str, **settings: Any) -> Flask:
    """Build an app for tests, with an empty database.

    Args:
        folder: gets the database and the result files.
        *plugins: plugin folders.
        **settings: further settings of the runner.
    """
    app = create_app(
        {
            "TESTING": True,
            "SECRET_KEY": "a key for tests that is long enough",  # nosec B105 # no secret
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'test.db'}",
            "FILE_STORE_ROOT_PATH": str(folder / "files"),
            "DEFAULT_FILE_STORE": "local_filesystem",
            "PLUGIN_FOLDERS": [str(plugin_folder) for plugin_folder in plugins],
            "CELERY": {
                "broker_url": "memory://",
                "broker_transport_options": {"polling_interval": 0.05},
                "result_backend": "cache+memory://",
                "task_default_queue": "plugins",
            },
            "OPENAPI_VERSION": "3.0.2",
            "OPENAPI_JSON_PATH": "api-spec.json",
            "OPENAPI_URL_PREFIX": "",
            **settings,
        },
        silent_log=True,
    )
    with app.app_context():
        create_db_function(app)
    return app


@contextmanager
def serve(app: Flask) -> Iterator[str]:
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

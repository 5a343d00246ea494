# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An application with the bundled plugins and a worker, and a client of its HTTP API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
from celery.contrib.testing.worker import start_worker
from flask import Flask

from qhana_plugin_runner import create_app
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.cli import create_db_function

PLUGINS = Path(__file__).resolve().parent.parent / "plugins"


class Client:
    """A client of the runner's HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        """GET a path or URL."""
        return self.http.get(urljoin(self.url, path), timeout=30, **kwargs)

    def post(self, path: str, data: Any = None, **kwargs: Any) -> requests.Response:
        """POST a form to a path or URL and follow the redirect."""
        return self.http.post(urljoin(self.url, path), data=data, timeout=30, **kwargs)

    def wait(self, task_url: str, steps: int = 0) -> dict[str, Any]:
        """Poll a task until it has ended or has that many steps."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            task = self.get(task_url).json()
            if task["status"] != "PENDING":
                return task
            if steps and len(task.get("steps", ())) >= steps:
                return task
            time.sleep(0.05)
        raise AssertionError(f"{task_url} did not end: {task}")

    def run(self, plugin: str, data: Any = None, **kwargs: Any) -> dict[str, Any]:
        """Run a plugin to its end; returns the task."""
        answer = self.post(f"/plugins/{plugin}/process/", data, **kwargs)
        assert answer.status_code == 200, answer.text
        assert [hop.status_code for hop in answer.history] == [303]
        return self.wait(answer.url)

    def upload(
        self,
        content: str | bytes,
        name: str = "data.csv",
        content_type: str = "text/csv",
        data_type: str = "entity/list",
    ) -> str:
        """Upload a file; returns its URL."""
        task = self.run(
            "file-upload@v1-0-0",
            {"dataType": data_type, "contentType": content_type},
            files={"file": (name, content)},
        )
        assert task["status"] == "SUCCESS", task["log"]
        return task["outputs"][0]["href"]

    def output(self, task: dict[str, Any], name: str) -> requests.Response:
        """Download the output of a task that has the name."""
        assert task["status"] == "SUCCESS", task["log"]
        (href,) = [out["href"] for out in task["outputs"] if out.get("name") == name]
        return self.get(href)


@contextmanager
def running_app(folder: Path) -> Iterator[Flask]:
    """An app with the bundled plugins, a database and a worker of its own."""
    app = create_app(
        {
            "TESTING": True,
            "SECRET_KEY": "test",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'test.db'}",
            "FILE_STORE_ROOT_PATH": str(folder / "files"),
            "DEFAULT_FILE_STORE": "local_filesystem",
            "PLUGIN_FOLDERS": [str(PLUGINS)],
            "CELERY": {
                "broker_url": "memory://",
                "broker_transport_options": {"polling_interval": 0.05},
                "result_backend": "cache+memory://",
                "task_default_queue": "plugins",
            },
            "OPENAPI_VERSION": "3.0.2",
            "OPENAPI_JSON_PATH": "api-spec.json",
            "OPENAPI_URL_PREFIX": "",
        },
        silent_log=True,
    )
    with app.app_context():
        create_db_function(app)
        with start_worker(CELERY, pool="threads", perform_ping_check=False):
            yield app

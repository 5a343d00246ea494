# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What clients of a runner do: post forms, follow redirects, poll tasks, read outputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import requests

from runner_process import Runner

CLOSED_STEP = {"stepId", "href", "uiHref", "cleared"}
CLOSED_PROGRESS = {"value", "start", "target", "unit"}


class EcosystemClient:
    """A client of a running runner that checks each task document it gets."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.http = runner.http

    def url(self, path: str) -> str:
        """Return the absolute URL of a path."""
        return urljoin(self.runner.url, path)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET a path or URL."""
        return self.http.get(self.url(path), timeout=30, **options)

    def start(self, plugin: str, data: Any = None, **options: Any) -> str:
        """Start a plugin; returns the URL of the task."""
        return self.post_form(self.url(f"/plugins/{plugin}/process/"), data, **options)

    def post_form(self, url: str, data: Any = None, **options: Any) -> str:
        """Send a form that starts or continues a task; returns the URL of the task."""
        answer = self.http.post(url, data=data, timeout=30, **options)
        assert answer.status_code == 200, answer.text
        assert [hop.status_code for hop in answer.history] == [303]
        return answer.url

    def task(self, url: str) -> dict[str, Any]:
        """Return a task; its closed records must be closed."""
        document = self.get(url).json()
        for step in document.get("steps", ()):
            assert set(step) == CLOSED_STEP
            assert isinstance(step["cleared"], bool)
        if "progress" in document:
            assert set(document["progress"]) == CLOSED_PROGRESS
        assert isinstance(document["log"], str)
        return document

    def wait(
        self, url: str, until: Callable[[dict[str, Any]], Any] | None = None
    ) -> dict[str, Any]:
        """Poll a task until the condition holds, by default until it has ended."""
        condition = until or (lambda document: document["status"] != "PENDING")
        deadline = time.monotonic() + 40
        while True:
            document = self.task(url)
            if condition(document):
                return document
            if time.monotonic() > deadline:
                names = list(self.runner.processes)
                logs = "\n".join(self.runner.log(name)[-4000:] for name in names)
                raise AssertionError(f"{url} stays {document}\n{logs}")
            time.sleep(0.05)

    def wait_step(self, url: str, count: int) -> dict[str, Any]:
        """Wait until a task has that many steps and the last one is open."""
        return self.wait(
            url,
            lambda task: len(task.get("steps", ())) == count
            and not task["steps"][-1]["cleared"],
        )

    def run(self, plugin: str, data: Any = None, **options: Any) -> dict[str, Any]:
        """Run a plugin to its end; returns the task."""
        return self.wait(self.start(plugin, data, **options))

    def upload(
        self, content: str | bytes, name: str, content_type: str, data_type: str
    ) -> str:
        """Upload a file; returns the URL under which tasks can read it."""
        task = self.run(
            "classic-file-upload@v0-1-0",
            {"dataType": data_type, "contentType": content_type},
            files={"file": (name, content)},
        )
        assert task["status"] == "SUCCESS", task["log"]
        return task["outputs"][0]["href"]

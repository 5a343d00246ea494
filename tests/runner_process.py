# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A server and workers as processes of their own, the way operators run them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from qhana_plugin_runner.api.task_ids import TaskIds

ROOT = Path(__file__).resolve().parent.parent
LAB_PLUGINS = ROOT / "tests" / "lab_plugins"


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Runner:
    """A runner under test.

    Attributes:
        folder: holds the instance folder and the logs.
        environment: settings in addition to (or instead of) the defaults.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.http = requests.Session()
        self.http.trust_env = False
        (self.folder / "instance").mkdir(exist_ok=True)

    @property
    def _environment(self) -> dict[str, str]:
        names = ("BROKER_URL", "RESULT_BACKEND", "SQLALCHEMY_DATABASE_URI", "FLASK_DEBUG")
        inherited = {k: v for k, v in os.environ.items() if k not in names}
        return {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": str(self.folder / "instance"),
            "PLUGIN_FOLDERS": str(LAB_PLUGINS),
            "DEFAULT_LOG_LEVEL": "INFO",
            "CELERY_QUEUE": f"test-{self.port}",
            **self.environment,
        }

    def flask(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run a flask command to its end."""
        command = [sys.executable, "-m", "flask", "--app", "qhana_plugin_runner"]
        return subprocess.run(
            [*command, *arguments],
            env=self._environment,
            cwd=self.folder,
            check=check,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def log(self, name: str) -> str:
        """Return what a process has written."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self._environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def start_server(self, workers: int = 1) -> None:
        """Start the server and wait until it answers."""
        self._start(
            "server",
            "gunicorn",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--workers",
            str(workers),
            "--threads",
            "4",
            "--logger-class",
            "qhana_plugin_runner.gunicorn_logging.RunnerLogger",
            "qhana_plugin_runner:create_app()",
        )
        self.wait_for(lambda: self._answers(), "server", 60)

    def _answers(self) -> bool:
        try:
            return self.http.get(self.url, timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def start_worker(
        self,
        name: str = "worker",
        concurrency: int = 2,
        pool: str = "prefork",
        queues: str = "",
    ) -> None:
        """Start a worker and wait until it takes tasks (from these queues or all)."""
        before = self.log(name).count(" ready.") if name in self.processes else 0
        self._start(
            name,
            "celery",
            "--app",
            "qhana_plugin_runner.celery_worker:CELERY",
            "worker",
            f"--pool={pool}",
            f"--concurrency={concurrency}",
            "--loglevel=INFO",
            f"--hostname={name}-{self.port}@%h",
            *(["--queues", queues] if queues else []),
        )
        self.wait_for(lambda: self.log(name).count(" ready.") > before, name, 60)

    def wait_for(self, condition: Any, name: str, seconds: float) -> None:
        """Wait until the condition holds; fails with the log of the named process."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is not ready:\n{self.log(name)[-4000:]}")
            time.sleep(0.05)

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> None:
        """Send a signal to a process and all of its children, wait for its end."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal_number)
        process.wait(timeout=60)

    def stop(self, name: str, signal_number: int = signal.SIGTERM) -> int:
        """Ask a process to end; returns its exit status."""
        process = self.processes.pop(name)
        process.send_signal(signal_number)
        return process.wait(timeout=60)

    def close(self) -> None:
        """End everything."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def submit(self, *operations: dict[str, Any]) -> str:
        """Start an experiment; returns the URL of its task."""
        answer = self.http.post(
            urljoin(self.url, "/plugins/laboratory@v1-0-0/process/"),
            data={"operations": json.dumps(operations)},
            timeout=30,
            allow_redirects=False,
        )
        assert answer.status_code == 303, answer.text
        return urljoin(self.url, answer.headers["Location"])

    @property
    def _task_ids(self) -> TaskIds:
        key = (self.folder / "instance" / "secret_key").read_text(encoding="ascii")
        opaque = self.environment.get("TASK_IDS") != "plain"
        return TaskIds(key.strip(), opaque)

    def task_url(self, row_id: int) -> str:
        """Return the URL of a task, by default with a number that nobody can guess."""
        return f"{self.url}tasks/{self._task_ids.to_text(row_id)}/"

    def row_id(self, url: str) -> int:
        """Return the id of the row of the task with a URL."""
        return self._task_ids.from_text(url.rstrip("/").rsplit("/", 1)[1]).row_id

    def task(self, url: str) -> dict[str, Any]:
        """Return the document of a task."""
        answer = self.http.get(url, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_task(self, url: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until a task has ended; returns its document."""
        deadline = time.monotonic() + seconds
        while True:
            task = self.task(url)
            if task["status"] != "PENDING":
                return task
            if time.monotonic() > deadline:
                logs = "\n".join(self.log(name)[-3000:] for name in self.processes)
                raise AssertionError(f"{url} did not end: {task}\n{logs}")
            time.sleep(0.05)

    def wait_state(self, url: str, state: str, seconds: float = 20) -> dict[str, Any]:
        """Wait until a task has the state; returns its document."""
        deadline = time.monotonic() + seconds
        while (task := self.task(url))["state"] != state:
            assert time.monotonic() < deadline, f"{url} is not {state}: {task}"
            time.sleep(0.05)
        return task


@contextmanager
def runner(folder: Path, **environment: str) -> Iterator[Runner]:
    """Yield a runner with an up-to-date database; nothing is started."""
    instance = Runner(folder, environment)
    try:
        instance.flask("db", "upgrade")
        yield instance
    finally:
        instance.close()

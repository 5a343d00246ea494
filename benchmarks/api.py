# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Requests per second of the API, beside an empty Flask view with the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sa

from benchmarks.load import Load, connect, fetch, get_request, post_request, run_load
from benchmarks.report import Row, row_of_rounds
from benchmarks.system import HELLO_WORLD, Settings, System, free_port, system

CONNECTIONS = 8
# The programs of others on the machine come and go within seconds: both sides take turns
# more often. The server closes a connection that is idle for two seconds.
SLICE_SECONDS = 0.25
FILES = STEPS = 5

# Path, file name at the limit, floor.
PATHS = (
    ("plugins/", "list.json", 0.7),
    (HELLO_WORLD, "metadata.json", 0.7),
    (f"{HELLO_WORLD}ui/", "ui.html", None),
    ("tasks/<id>/", "task.json", 0.35),
    ("api-spec.json", "spec.json", 0.7),
)


@dataclass
class _Side:
    """What the loads of one round on one server found."""

    runner: System
    process: str
    url: str
    answers: int = 0
    seconds: float = 0

    def __post_init__(self) -> None:
        self._sockets = self.runner.connections(self.process, self.url, CONNECTIONS)
        self._run()
        self._cpu_before = self.runner.cpu_seconds(self.process)

    def load(self) -> None:
        """Send requests for a moment."""
        load = self._run()
        self.answers += len(load.times)
        self.seconds += load.seconds

    def _run(self) -> Load:
        request = [get_request(self.url)]
        return run_load(self.url, request, self._sockets, seconds=SLICE_SECONDS)

    def end(self) -> _Round:
        """Return the result of the round."""
        for sock in self._sockets:
            sock.close()
        cpu = self.runner.cpu_seconds(self.process) - self._cpu_before
        return _Round(self.answers / self.seconds, cpu / self.answers)


class _Round(NamedTuple):
    rate: float
    cpu_seconds: float


def run(settings: Settings) -> list[Row]:
    """Measure every path and return a row for each."""
    rows = []
    with system(settings) as runner:
        runner.start_server()
        task = _write_task(runner)
        urls = {
            path: runner.url + path.replace("tasks/<id>/", task) for path, *_ in PATHS
        }
        folder = runner.folder / "bodies"
        folder.mkdir()
        for path, name, _ in PATHS:
            (folder / name).write_bytes(_body(urls[path]))
        port = _start_limit(runner, folder)
        for path, name, floor in PATHS:
            limit_url = f"http://127.0.0.1:{port}/{name}"
            pairs = [
                _round(runner, limit_url, urls[path]) for _ in range(settings.rounds)
            ]
            rows.append(_row(path, pairs, floor))
    return rows


def _row(path: str, pairs: list[tuple[_Round, _Round]], floor: float | None) -> Row:
    cpu = [limit.cpu_seconds / value.cpu_seconds for limit, value in pairs]
    return row_of_rounds(
        f"GET /{path.replace(HELLO_WORLD, 'plugins/<id>/')}",
        "requests/s",
        [value.rate for _, value in pairs],
        [limit.rate for limit, _ in pairs],
        floor=floor,
        note=f"of CPU time {sorted(cpu)[len(cpu) // 2]:.2f}",
    )


def _start_limit(runner: System, folder: Path) -> int:
    port = free_port()
    app = f"benchmarks.empty_app:create_app({str(folder)!r})"
    runner.start_gunicorn("limit", port, app, runner.settings.server_processes)
    return port


def _body(url: str) -> bytes:
    with connect(url) as sock:
        answer = fetch(sock, get_request(url))
    if answer.status != 200:
        raise ValueError(f"{url} answers {answer.status}: {answer.body[:500]!r}")
    return answer.body


def _round(runner: System, limit_url: str, url: str) -> tuple[_Round, _Round]:
    limit, value = _Side(runner, "limit", limit_url), _Side(runner, "server", url)
    for _ in range(max(1, round(runner.settings.seconds / SLICE_SECONDS))):
        limit.load()
        value.load()
    return limit.end(), value.end()


def _write_task(runner: System) -> str:
    """Return the path of a task that has ended, with five files and five steps."""
    form = post_request(f"{runner.url}{HELLO_WORLD}process/", "inputStr=x")
    with connect(runner.url) as sock:
        location = fetch(sock, form).header("Location")
    engine = sa.create_engine(runner.database_url)
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for table, values in _task_rows(runner.url):
            statement = sa.insert(tables.tables[table]).values(values)
            connection.execute(statement)
        task = tables.tables["ProcessingTask"]
        ended = {"state": "succeeded", "task_status": "SUCCESS", "attempts": STEPS}
        connection.execute(sa.update(task).values(finished_at=sa.func.now(), **ended))
        log = "\n".join(f"Step {number} is done." for number in range(20))
        connection.execute(sa.update(task).values(progress_value=100, task_log=log))
    engine.dispose()
    return urlsplit(location).path.lstrip("/")


def _task_rows(url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield tables and rows of what belongs to the first task."""
    for number in range(STEPS):
        href = f"{url}plugins/benchmark@v1/1/step-{number}"
        urls = {"href": f"{href}-process/", "ui_href": f"{href}-ui/"}
        step = {"id": 1, "step_id": f"step-{number}", "number": number, "cleared": True}
        yield "Step", {**step, **urls}
    for number in range(FILES):
        place = {
            "storage_provider": "local_filesystem",
            "file_name": f"out-{number}.txt",
            "file_storage_data": f"task_1/out/out-{number}.txt",
        }
        kind = {"file_type": "custom/benchmark", "mimetype": "text/plain"}
        tag = {"security_tag": f"{number:043}", "created_at": sa.func.now()}
        yield "TaskFile", {"task_id": 1, **place, **kind, **tag}

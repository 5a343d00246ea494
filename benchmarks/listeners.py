# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How many clients can listen to tasks at once, what they cost, and what they notice.

The server runs as ``invoke start-gunicorn`` runs it, with two processes, but with as many
threads and listeners for each process as there are clients: which process takes a
connection is chance.
"""

from __future__ import annotations

import re
import resource
import selectors
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timezone
from urllib.parse import urlsplit

import sqlalchemy as sa

from benchmarks.load import connect, fetch, get_request, post_request
from benchmarks.report import Row
from benchmarks.system import HELLO_WORLD, Settings, System, system

NUMBER = 2000
TASKS = 20
NOTICE_SECONDS = 60
IDLE_SECONDS = 5

_EVENT = b"\ndata: "
_END = re.compile(rb'"status": ?"SUCCESS"')


@dataclass
class _Listener:
    """One client.

    Attributes:
        task: which of the tasks it listens to.
        heard: it has had an event; what it received before that is kept.
        ended_at: when it learnt that its task has ended, in seconds since the epoch.
    """

    sock: socket.socket
    task: int
    received: bytes = b""
    heard: bool = False
    ended_at: float | None = None

    def feed(self, data: bytes) -> None:
        """Take what the server has sent."""
        self.received += data
        if not self.heard and b"HTTP/1.1 200" in self.received:
            self.heard = _EVENT in self.received
        if self.ended_at is None and _END.search(self.received):
            self.ended_at = time.time()
        self.received = self.received[-20_000:]


def run(settings: Settings) -> list[Row]:
    """Measure the listeners of tasks that wait, then run the tasks."""
    number = max(20, int(NUMBER * settings.scale))
    _allow_files(2 * number + 500)
    with system(settings, {"TASK_EVENTS_MAX_LISTENERS": str(number)}) as runner:
        _start_server(runner, number + 16)
        tasks = [_submit(runner) for _ in range(TASKS)]
        memory = runner.memory_bytes("server")
        with selectors.DefaultSelector() as selector:
            listeners = _connect(runner, tasks, number, selector)
            _listen(selector, lambda: all(one.heard for one in listeners))
            memory = runner.memory_bytes("server") - memory
            busy = _idle_cpu(runner)
            others = statistics.median(_status_seconds(runner, tasks[0]))
            runner.start_worker()
            _listen(selector, lambda: all(one.ended_at for one in listeners))
        delays = _delays(runner, listeners)
    for listener in listeners:
        listener.sock.close()
    heard = sum(listener.heard for listener in listeners)
    note = f"{memory / number / 2**10:.0f} KiB and {busy / number * 100:.3f} % of a core "
    note += f"each while nothing happens; GET /tasks/<id>/ {others * 1000:.0f} ms"
    rows = [_row("listeners that hear", "listeners", heard, number, 1.0, note)]
    name = f"of {number} notice the end"
    rows.append(_row(name, "listeners", len(delays), number, 1.0))
    if len(delays) > 1:
        late = statistics.quantiles(delays, n=100, method="inclusive")[98]
        rows.append(_row("notice it after, p99 (the watch: 1 s)", "s", late, 1))
    return rows


def _row(
    name: str,
    unit: str,
    value: float,
    limit: float,
    floor: float | None = None,
    note: str = "",
) -> Row:
    return Row(name, unit, value, limit, value / limit, floor, note=note)


def _allow_files(number: int) -> None:
    """Let this process, and what it starts, open as many files as it needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number and hard != resource.RLIM_INFINITY:
        number = min(number, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))


def _start_server(runner: System, threads: int) -> None:
    app = "qhana_plugin_runner:create_app()"
    processes = runner.settings.server_processes
    kind = ("--config", "python:tooling.gunicorn_config")
    runner.start_gunicorn("server", runner.port, app, processes, threads, kind)


def _submit(runner: System) -> str:
    """Submit a task that nobody takes up yet; returns the path of its URL."""
    form = post_request(f"{runner.url}{HELLO_WORLD}process/", "inputStr=x")
    with connect(runner.url) as sock:
        return urlsplit(fetch(sock, form).header("Location")).path.lstrip("/")


def _connect(
    runner: System, tasks: list[str], number: int, selector: selectors.BaseSelector
) -> list[_Listener]:
    listeners = []
    for index in range(number):
        task = index % len(tasks)
        listener = _Listener(connect(runner.url), task)
        listener.sock.sendall(get_request(f"{runner.url}{tasks[task]}events/"))
        selector.register(listener.sock, selectors.EVENT_READ, listener)
        listeners.append(listener)
        _receive(selector, 0)
    return listeners


def _listen(selector: selectors.BaseSelector, is_done: Callable[[], bool]) -> None:
    """Receive until everybody has heard it, or for as long as that may take."""
    end = time.monotonic() + NOTICE_SECONDS
    while selector.get_map() and not is_done() and time.monotonic() < end:
        _receive(selector, 0.5)


def _receive(selector: selectors.BaseSelector, seconds: float) -> None:
    for key, _ in selector.select(seconds):
        try:
            data = key.data.sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        key.data.feed(data)
        if not data:
            selector.unregister(key.fileobj)


def _idle_cpu(runner: System) -> float:
    """Return how many cores the server uses while nothing happens."""
    before = runner.cpu_seconds("server")
    time.sleep(IDLE_SECONDS)
    return (runner.cpu_seconds("server") - before) / IDLE_SECONDS


def _status_seconds(runner: System, task: str) -> list[float]:
    times = []
    with connect(runner.url) as sock:
        for _ in range(50):
            start = time.perf_counter()
            fetch(sock, get_request(runner.url + task))
            times.append(time.perf_counter() - start)
    return times


def _delays(runner: System, listeners: list[_Listener]) -> list[float]:
    """Return the seconds from the end of each listener's task until it knew."""
    engine = sa.create_engine(runner.database_url)
    table = sa.Table("ProcessingTask", sa.MetaData(), autoload_with=engine)
    query = sa.select(table.c.finished_at).order_by(table.c.id)
    with engine.connect() as connection:
        # SQLite gives times without a zone, in UTC.
        ends = [
            (end if end.tzinfo else end.replace(tzinfo=timezone.utc)).timestamp()
            for end in connection.scalars(query)
        ]
    engine.dispose()
    return [one.ended_at - ends[one.task] for one in listeners if one.ended_at]

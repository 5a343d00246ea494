# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks per second, and the time of one task, beside Celery alone."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable

import sqlalchemy as sa

from benchmarks import raw_celery
from benchmarks.load import connect, fetch, get_request, post_request, run_load
from benchmarks.report import Row, row_of_rounds
from benchmarks.system import HELLO_WORLD, Settings, System, system

CLIENTS = 8
NUMBER = 1000
SINGLE = 100


def run(settings: Settings) -> list[Row]:
    """Measure 1,000 tasks that 8 clients submit at once."""
    number = max(20, int(NUMBER * settings.scale))
    values, limits, cpu = [], [], []
    with system(settings) as runner:
        runner.start_server()
        with raw_celery.raw_worker(runner) as raw:
            runner.start_worker()
            raw_celery.chains_per_second(raw, 20)
            tasks_per_second(runner, 20)
            for _ in range(settings.rounds):
                before = runner.cpu_seconds("raw")
                limits.append(raw_celery.chains_per_second(raw, number))
                raw_cpu = runner.cpu_seconds("raw") - before
                before = _cpu(runner)
                values.append(tasks_per_second(runner, number))
                cpu.append((_cpu(runner) - before) / number)
                limit_cpu = raw_cpu / number
    note = f"CPU of a task {statistics.median(cpu) * 1000:.1f} ms, of a chain "
    note += f"{limit_cpu * 1000:.1f} ms (without its sender)"
    floor = 0.45 if settings.broker else 0.25
    name = f"{number} tasks, {CLIENTS} clients"
    return [row_of_rounds(name, "tasks/s", values, limits, floor=floor, note=note)]


def _cpu(runner: System) -> float:
    return runner.cpu_seconds("server") + runner.cpu_seconds("worker")


def tasks_per_second(runner: System, number: int, clients: int = CLIENTS) -> float:
    """Return how many tasks end well in a second, from the first submission on."""
    request = post_request(f"{runner.url}{HELLO_WORLD}process/", "inputStr=x")
    count = _counter(runner)
    before = count()
    sockets = runner.connections("server", runner.url, clients)
    start = time.perf_counter()
    run_load(runner.url, [request] * number, sockets, status=303)
    while count() - before < number:
        if time.perf_counter() - start > 600:
            raise TimeoutError(f"{number} tasks did not end within ten minutes.")
        time.sleep(0.02)
    seconds = time.perf_counter() - start
    for sock in sockets:
        sock.close()
    return number / seconds


def _counter(runner: System) -> Callable[[], int]:
    """Return a function that counts the tasks that ended well."""
    engine = sa.create_engine(runner.database_url, isolation_level="AUTOCOMMIT")
    query = sa.text(
        "SELECT count(*) FROM \"ProcessingTask\" WHERE task_status = 'SUCCESS'"
    )

    def count() -> int:
        with engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    return count


def run_latency(settings: Settings) -> list[Row]:
    """Measure one task after the other on an idle system."""
    number = max(10, int(SINGLE * settings.scale))
    values, limits = [], []
    with system(settings) as runner:
        runner.start_server()
        with raw_celery.raw_worker(runner) as raw:
            runner.start_worker()
            with connect(runner.url) as sock:
                for _ in range(10):
                    raw_celery.round_trip(raw)
                    task_seconds(runner, sock)
                for _ in range(number):
                    limits.append(raw_celery.round_trip(raw))
                    values.append(task_seconds(runner, sock))
    rows = []
    for percent, floor in ((50, 3.0), (99, None)):
        value, limit = _percentile(values, percent), _percentile(limits, percent)
        ratio = value / limit
        name = f"one task, p{percent} of {number}"
        rows.append(
            Row(name, "ms", value * 1000, limit * 1000, ratio, floor, at_most=True)
        )
    return rows


def task_seconds(runner: System, sock: socket.socket) -> float:
    """Return the seconds from submitting a task until its document says SUCCESS.

    The client asks again as soon as it has an answer: a pause would be its latency, not
    that of the runner. Its connection is open already, as that of Celery to the broker.
    """
    request = post_request(f"{runner.url}{HELLO_WORLD}process/", "inputStr=x")
    start = time.perf_counter()
    location = fetch(sock, request).header("Location")
    task = get_request(runner.url.rstrip("/") + location)
    while b'"status":"SUCCESS"' not in (document := fetch(sock, task).body):
        if b'"status":"PENDING"' not in document:
            raise ValueError(f"The task failed: {document!r}")
    return time.perf_counter() - start


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]

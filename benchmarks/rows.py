# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a status and a submission cost when there are many tasks already.

One runner has an empty database, which is the limit, others have many tasks that have
ended, each with a file. They are asked in turn, by one client. No worker runs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from typing import NamedTuple

import sqlalchemy as sa

from benchmarks.load import connect, fetch, get_request, post_request
from benchmarks.report import Row, row_of_rounds
from benchmarks.system import HELLO_WORLD, Settings, System, system

LEVELS = (10_000, 1_000_000)
FLOOR = 1.3
DIFFERENT_TASKS = 500

# So that the server is not busy with the new rows when the clock runs.
_SETTLE = {"postgresql": ("VACUUM ANALYZE", "CHECKPOINT"), "sqlite": ("ANALYZE",)}


def run(settings: Settings) -> list[Row]:
    """Measure both requests with each number of rows."""
    numbers = [0, *(max(100, int(level * settings.scale)) for level in LEVELS)]
    with ExitStack() as stack:
        clients = []
        for number in numbers:
            runner = stack.enter_context(system(settings, {"TASK_IDS": "plain"}))
            runner.start_server()
            _write_tasks(runner, number)
            clients.append(
                _Client(runner.url, _status(runner, number), _submission(runner))
            )
        found = {
            kind: _rounds(settings, clients, kind) for kind in ("status", "submission")
        }
    return [
        row_of_rounds(
            f"{kind} with {number:,} tasks",
            "ms",
            times[index],
            times[0],
            floor=FLOOR,
            at_most=True,
        )
        for kind, times in found.items()
        for index, number in enumerate(numbers)
        if index
    ]


class _Client(NamedTuple):
    """The URL of one runner, and what it is asked in turn."""

    url: str
    status: list[bytes]
    submission: list[bytes]


def _status(runner: System, number: int) -> list[bytes]:
    step = max(1, number // DIFFERENT_TASKS)
    return [
        get_request(f"{runner.url}tasks/{id_}/") for id_ in range(1, number + 2, step)
    ]


def _submission(runner: System) -> list[bytes]:
    return [post_request(f"{runner.url}{HELLO_WORLD}process/", "inputStr=x")]


def _rounds(
    settings: Settings, clients: Sequence[_Client], kind: str
) -> list[list[float]]:
    """Return the median times of each client in milliseconds, one for each round."""
    found: list[list[float]] = [[] for _ in clients]
    _take_turns(clients, kind, settings.seconds)
    for _ in range(settings.rounds):
        for client, times in enumerate(_take_turns(clients, kind, settings.seconds)):
            found[client].append(statistics.median(times) * 1000)
    return found


def _take_turns(
    clients: Sequence[_Client], kind: str, seconds: float
) -> list[list[float]]:
    """Ask one after the other: other work on the machine slows all of them alike.

    Returns:
        For each client the seconds of its answers.

    Raises:
        ValueError: if an answer has an unexpected status.
    """
    expected = {"status": 200, "submission": 303}[kind]
    times: list[list[float]] = [[] for _ in clients]
    with ExitStack() as stack:
        socks = [stack.enter_context(connect(client.url)) for client in clients]
        end = time.perf_counter() + seconds
        for turn in count():
            if turn and time.perf_counter() > end:
                break
            for client, sock, found in zip(clients, socks, times, strict=True):
                requests = getattr(client, kind)
                start = time.perf_counter()
                answer = fetch(sock, requests[turn % len(requests)])
                found.append(time.perf_counter() - start)
                if answer.status != expected:
                    raise ValueError(f"{answer.status}: {answer.body[:300]!r}")
    return times


def _write_tasks(runner: System, number: int) -> None:
    """Write one task that has ended, and as many copies of it, in one statement."""
    form = post_request(f"{runner.url}{HELLO_WORLD}process/", "inputStr=x")
    with connect(runner.url) as sock:
        fetch(sock, form)
    engine = sa.create_engine(runner.database_url, isolation_level="AUTOCOMMIT")
    tables = sa.MetaData()
    tables.reflect(engine)
    task, file = tables.tables["ProcessingTask"], tables.tables["TaskFile"]
    ended = {"state": "succeeded", "task_status": "SUCCESS", "message": None}
    with engine.connect() as connection:
        connection.execute(sa.update(task).values(finished_at=sa.func.now(), **ended))
        connection.execute(sa.insert(file).values(_file()))
        _copy(connection, task, number)
        _copy(connection, file, number)
        for statement in _SETTLE[engine.dialect.name]:
            connection.execute(sa.text(statement))
    engine.dispose()


def _file() -> dict[str, object]:
    return {
        "task_id": 1,
        "security_tag": "0" * 43,
        "storage_provider": "local_filesystem",
        "file_name": "out.txt",
        "file_storage_data": "task_1/out/out.txt",
        "file_type": "custom/benchmark",
        "mimetype": "text/plain",
        "created_at": sa.func.now(),
    }


def _copy(connection: sa.Connection, table: sa.Table, number: int) -> None:
    """Copy the first row; ``task_id`` counts on, so that each task has a file."""
    if number == 0:
        return
    turn = sa.select(sa.literal(2).label("n")).cte("turn", recursive=True)
    turn = turn.union_all(sa.select(turn.c.n + 1).where(turn.c.n <= number))
    columns = [column for column in table.c if column.name != "id"]
    values = [turn.c.n if column.name == "task_id" else column for column in columns]
    rows = sa.select(*values).select_from(table.join(turn, sa.true()))
    names = [column.name for column in columns]
    insert = sa.insert(table).from_select(names, rows.where(table.c.id == 1))
    connection.execute(insert)

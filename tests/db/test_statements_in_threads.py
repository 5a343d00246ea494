# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Threads leave whole statements to the client library; nothing else is different.

The main thread of a process, where signals arrive, does not: see the tests of single
statements.
"""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from flask import Flask

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.answer_watch import (
    LOOK_SECONDS,
    AnswerWatch,
    WatchedSocket,
)
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.db.single_statements import SingleStatement
from services import POSTGRESQL, fresh_database

Result = TypeVar("Result")

PID = SingleStatement(sa.select(sa.func.pg_backend_pid()))
SLEEP = SingleStatement(
    sa.select(sa.cast(sa.func.pg_sleep(sa.bindparam("s", type_=sa.Double())), sa.Text()))
)
ECHO = SingleStatement(sa.select(sa.bindparam("text", type_=sa.Text()).label("x")))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with fresh_database("postgresql", tmp_path) as uri:
        app = build_app(tmp_path, uri)
        with app.app_context():
            yield app
            DB.session.remove()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.fixture
def limit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds after which a server is given up."""
    with DB.engine.connect() as connection:
        kind = type(connection.connection.dbapi_connection)
    monkeypatch.setattr(kind, "answer_seconds", 0.3)
    return 0.3


def within(app: Flask, function: Callable[..., Result], *arguments: Any) -> Result:
    with app.app_context():
        return function(*arguments)


def pid() -> int:
    return PID.rows()[0][0]


def terminate(pid_: int) -> None:
    other = sa.create_engine(POSTGRESQL)
    with other.connect() as connection:
        connection.execute(sa.text(f"SELECT pg_terminate_backend({pid_}, 5000)"))
    other.dispose()


@pytest.mark.parametrize("size", [0, 1, 70_000, 20_000_000])
def test_long_values_are_sent_and_read(
    app: Flask, threads: ThreadPoolExecutor, size: int
):
    text = "ä" * size
    assert threads.submit(within, app, ECHO.rows, {"text": text}).result() == [(text,)]


def test_each_thread_gets_its_own_answer(app: Flask, threads: ThreadPoolExecutor):
    def echo(text: str) -> Any:
        return within(app, ECHO.rows, {"text": text})

    texts = [str(number) * 100 for number in range(400)]
    assert list(threads.map(echo, texts)) == [[(text,)] for text in texts]


def test_a_write_is_committed_and_counted(app: Flask, threads: ThreadPoolExecutor):
    ProcessingTask(task_name="x", task_log="").save(commit=True)
    DB.session.remove()
    changes = sa.update(ProcessingTask).where(ProcessingTask.task_name == "x")
    write = SingleStatement(changes.values(task_log=sa.bindparam("log")))
    assert threads.submit(within, app, write.write, {"log": "Grüße"}).result() == 1
    assert DB.session.scalar(sa.select(ProcessingTask.task_log)) == "Grüße"


def test_a_refused_statement_leaves_the_connection_as_it_was(
    app: Flask, threads: ThreadPoolExecutor
):
    missing = SingleStatement(sa.select(sa.table("missing", sa.column("id")).c.id))
    before = threads.submit(within, app, pid).result()
    with pytest.raises(sa.exc.ProgrammingError) as caught:
        threads.submit(within, app, missing.rows).result()
    assert not caught.value.connection_invalidated
    assert threads.submit(within, app, pid).result() == before


def test_statements_that_somebody_has_discarded_are_prepared_again(
    app: Flask, threads: ThreadPoolExecutor
):
    before = threads.submit(within, app, pid).result()
    with DB.engine.connect() as connection:
        connection.execute(sa.text("DEALLOCATE ALL"))
        connection.rollback()
    assert threads.submit(within, app, pid).result() == before


def test_nothing_is_prepared_behind_a_pooler_of_connections(
    tmp_path: Path, threads: ThreadPoolExecutor
):
    options = {"connect_args": {"prepare_threshold": None}}
    count = sa.select(sa.func.count()).select_from(sa.table("pg_prepared_statements"))
    prepared = SingleStatement(count)
    with fresh_database("postgresql", tmp_path) as uri:
        app = build_app(tmp_path, uri, SQLALCHEMY_ENGINE_OPTIONS=options)
        for _ in range(2):
            assert threads.submit(within, app, prepared.rows).result() == [(0,)]
        within(app, DB.session.remove)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_reading_with_a_lost_connection_is_tried_again(
    app: Flask, threads: ThreadPoolExecutor, elsewhere: bool
):
    def read() -> int:
        return threads.submit(within, app, pid).result() if elsewhere else pid()

    before = read()
    terminate(before)
    assert read() != before
    assert DB.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_reading_is_not_tried_for_ever(app: Flask, threads: ThreadPoolExecutor):
    suicide = sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid()))
    with pytest.raises(sa.exc.OperationalError):
        threads.submit(within, app, SingleStatement(suicide).rows).result()
    assert threads.submit(within, app, pid).result()


def test_a_write_is_not_sent_on_a_lost_connection(
    app: Flask, threads: ThreadPoolExecutor
):
    ProcessingTask(task_name="x", task_log="").save(commit=True)
    DB.session.remove()
    more = ProcessingTask.task_log + "x"
    write = SingleStatement(sa.update(ProcessingTask).values(task_log=more))
    terminate(threads.submit(within, app, pid).result())
    assert threads.submit(within, app, write.write, {}).result() == 1
    assert DB.session.scalar(sa.select(ProcessingTask.task_log)) == "x"


def test_a_server_that_does_not_answer_is_given_up_once(
    app: Flask, threads: ThreadPoolExecutor, limit: float
):
    before = threads.submit(within, app, pid).result()
    start = time.monotonic()
    with pytest.raises(sa.exc.OperationalError, match="stopped answering") as caught:
        threads.submit(within, app, SLEEP.rows, {"s": 20}).result()
    assert limit <= time.monotonic() - start < limit + LOOK_SECONDS + 1
    assert caught.value.connection_invalidated
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT CAST(pg_%'"
    with DB.engine.connect() as connection:
        mine = sa.text(f"{sleeping} AND datname = current_database()")
        assert connection.scalar(mine) == 1
    assert threads.submit(within, app, pid).result() != before


def test_others_go_on_while_a_server_is_waited_for(
    app: Flask, threads: ThreadPoolExecutor, limit: float
):
    silent = threads.submit(within, app, SLEEP.rows, {"s": 20})
    answers = 0
    while not silent.done():
        assert threads.submit(within, app, ECHO.rows, {"text": "x"}).result() == [("x",)]
        answers += 1
    assert answers > 10
    with pytest.raises(sa.exc.OperationalError, match="stopped answering"):
        silent.result()


def test_an_answer_within_the_limit_is_waited_for(
    app: Flask, threads: ThreadPoolExecutor, limit: float
):
    before = threads.submit(within, app, pid).result()
    assert threads.submit(within, app, SLEEP.rows, {"s": limit / 2}).result() == [("",)]
    assert threads.submit(within, app, pid).result() == before


def test_a_child_process_watches_for_itself(
    app: Flask, threads: ThreadPoolExecutor, limit: float
):
    threads.submit(within, app, pid).result()
    child = os.fork()
    if not child:
        try:
            with ThreadPoolExecutor(1) as own:
                own.submit(within, app, SLEEP.rows, {"s": 20}).result()
        except sa.exc.OperationalError as err:
            os._exit(0 if "stopped answering" in str(err) else 2)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_late_call_is_ended_as_soon_as_there_is_a_file_number_to_spare():
    one, other = socket.socketpair()
    watch = AnswerWatch()
    used: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (one.fileno() + 20, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                used.append(os.dup(one.fileno()))
        call = watch.begin(WatchedSocket(one.fileno()), 0)
        time.sleep(3 * LOOK_SECONDS)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in used:
            os.close(number)
    other.settimeout(10)
    assert other.recv(1) == b""
    assert not watch.end(call)
    one.close()
    other.close()


def test_a_watch_whose_thread_has_died_starts_another(monkeypatch: pytest.MonkeyPatch):
    watch = AnswerWatch()
    one, other = socket.socketpair()
    below = WatchedSocket(one.fileno())

    def fail(_now: float) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _arguments: None)
        patch.setattr(watch, "_break_late_calls", fail)
        watch.end(watch.begin(below, 60))
        time.sleep(3 * LOOK_SECONDS)
    call = watch.begin(below, 0)
    other.settimeout(10)
    assert other.recv(1) == b""
    assert not watch.end(call)
    one.close()
    other.close()


def test_the_next_socket_of_the_same_number_is_left_alone():
    one, other = socket.socketpair()
    number = one.fileno()
    watched = WatchedSocket(number)
    one.close()
    other.close()
    watched.shut_down()  # there is none
    one, other = socket.socketpair()
    assert number in (one.fileno(), other.fileno())
    watched.shut_down()
    one.sendall(b"x")
    assert other.recv(1) == b"x"
    WatchedSocket(one.fileno()).shut_down()
    assert other.recv(1) == b""
    one.close()
    other.close()


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_reading_is_tried_again_only_if_the_loss_is_told_at_once(
    app: Flask, threads: ThreadPoolExecutor, seconds: float
):
    tried: list[float] = []

    class Lost(SingleStatement):
        def _exchange(self, engine: sa.Engine, parameters: Any) -> Any:
            exchange = super()._exchange(engine, parameters)
            execute = exchange._execute

            def slowly(**options: Any) -> Any:
                tried.append(time.monotonic())
                try:
                    return execute(**options)
                finally:
                    time.sleep(seconds)

            exchange._execute = slowly  # type: ignore[method-assign]
            return exchange

    terminate(threads.submit(within, app, pid).result())
    read = threads.submit(within, app, Lost(PID.statement).rows)
    if seconds:
        with pytest.raises(sa.exc.OperationalError):
            read.result()
    else:
        assert read.result()
    assert len(tried) == (1 if seconds else 2)

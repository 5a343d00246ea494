# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Threads that need a second connection do not wait for each other."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.db.pool import NestingPool
from qhana_plugin_runner.publishing import start_keeping
from qhana_plugin_runner.stored_message import StoredMessage
from services import fresh_database

THREADS = 40
LIMIT = 15  # connections of one pool: SQLAlchemy's default of 5 and 10 more


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    with fresh_database(request.param, tmp_path) as uri:
        app = build_app(tmp_path, uri)
        yield app
        with app.app_context():
            DB.session.remove()
            DB.engine.dispose()


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[sa.Engine]:
    """An engine with two connections, which waits for a tenth of a second."""
    engine = sa.create_engine(
        f"sqlite:///{tmp_path / 'pool.db'}",
        poolclass=NestingPool,
        pool_size=1,
        max_overflow=1,
        pool_timeout=0.1,
    )
    yield engine
    engine.dispose()


def in_another_thread(action: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(action).result(timeout=10)


@pytest.mark.timeout(25)  # the pool would wait for 30 seconds
def test_many_requests_that_have_read_may_send_messages_at_once(app: Flask):
    with app.app_context():
        task = ProcessingTask(task_name="x")
        task.save(commit=True)
        task_id = task.id
        DB.session.remove()
    have_read = threading.Barrier(LIMIT)

    def go_on_with_task(number: int) -> None:
        with app.app_context():
            assert ProcessingTask.get_by_id(task_id) is not None
            if number < LIMIT:
                have_read.wait(timeout=20)
            message = StoredMessage.of_call(("name",), {"kwargs": {"db_id": task_id}})
            start_keeping({task_id}, message)()

    with ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(go_on_with_task, range(THREADS)))


def test_the_first_connection_of_a_thread_counts(pool: sa.Engine):
    with pool.connect(), pool.connect(), pool.connect(), pytest.raises(PoolTimeoutError):
        in_another_thread(pool.connect)


def test_what_a_thread_gives_back_is_there_for_others(pool: sa.Engine):
    with pool.connect():
        with pool.connect(), pool.connect():
            pass
        in_another_thread(lambda: pool.connect().close())
    assert pool.pool.checkedout() == 0


def test_another_thread_may_give_a_connection_back(pool: sa.Engine):
    for _ in range(5):
        connection = pool.connect()
        in_another_thread(connection.close)
    with pool.connect(), pool.connect(), pytest.raises(PoolTimeoutError):
        in_another_thread(pool.connect)


def test_a_connection_that_cannot_be_made_takes_no_place(
    pool: sa.Engine, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_arguments: object, **_options: object) -> object:
        raise pool.dialect.loaded_dbapi.OperationalError("refused")

    with pool.connect(), pool.connect():
        with monkeypatch.context() as patch:
            patch.setattr(pool.dialect, "connect", refuse)
            for _ in range(3):
                with pytest.raises(sa.exc.OperationalError, match="refused"):
                    pool.connect()
        assert pool.pool.checkedout() == 2
    with pool.connect(), pool.connect(), pytest.raises(PoolTimeoutError):
        in_another_thread(pool.connect)


class CollectingDict(dict[Any, int]):
    """Lets the collector of garbage run where it might run at any time."""

    def __contains__(self, key: object) -> bool:
        gc.collect()
        return super().__contains__(key)

    def __setitem__(self, key: Any, value: int) -> None:
        gc.collect()
        super().__setitem__(key, value)


@pytest.mark.parametrize("kind", ["_owners", "_held"])
def test_a_forgotten_connection_may_come_back_while_another_is_taken(
    pool: sa.Engine, kind: str
):
    nesting: Any = pool.pool
    taken: list[int] = []

    def take() -> None:
        forgotten: list[Any] = [pool.raw_connection()]
        forgotten.append(forgotten)
        setattr(nesting, kind, CollectingDict(getattr(nesting, kind)))
        del forgotten
        with pool.connect() as connection:
            taken.append(connection.scalar(sa.text("SELECT 1")) or 0)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert taken == [1]
    assert nesting.checkedout() == 0
    assert not nesting._held

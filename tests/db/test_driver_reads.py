# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reading through the driver says the same as SQLAlchemy, and fails in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.driver_reads import DriverRead
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.db.models.virtual_plugins import VirtualPlugin
from services import POSTGRESQL, fresh_database

STATEMENT = sa.select(
    ProcessingTask.id,
    ProcessingTask.task_log,
    ProcessingTask.started_at,
    ProcessingTask.finished_at,
    ProcessingTask.progress_value,
).where(ProcessingTask.id >= sa.bindparam("first"), ProcessingTask.task_name != "a%s %")


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    yield from _app(request.param, tmp_path_factory.mktemp("reads"))


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    yield from _app("postgresql", tmp_path_factory.mktemp("postgresql"))


def _app(kind: str, folder: Path) -> Iterator[Flask]:
    with fresh_database(kind, folder) as uri:
        app = build_app(folder, uri)
        with app.app_context():
            ProcessingTask(task_name="x", task_log="Grüße 100 %\n😀").save(commit=True)
            task = ProcessingTask(task_name="y", task_log="", progress_value=1.5)
            task.save(commit=True)
            DB.session.remove()
            yield app
            DB.session.remove()


def pid(postgresql: Flask) -> int:
    return DriverRead(sa.select(sa.func.pg_backend_pid())).rows()[0][0]


def terminate(name: str | None) -> None:
    other = sa.create_engine(POSTGRESQL)
    statement = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    with other.connect() as connection:
        where = sa.text(f"{statement} WHERE datname = :name")
        connection.execute(where, {"name": name})
    other.dispose()


@pytest.mark.parametrize("first", [0, 2, 100])
def test_the_rows_are_those_of_sqlalchemy(app: Flask, first: int):
    with DB.engine.connect() as connection:
        expected = connection.execute(STATEMENT, {"first": first}).all()
    assert DriverRead(STATEMENT).rows({"first": first}) == [
        tuple(row) for row in expected
    ]


def test_the_rows_are_those_of_now(app: Flask):
    read = DriverRead(sa.select(VirtualPlugin.name))
    before = read.rows()
    plugin = VirtualPlugin("parent", "new", "v1", "", "", "http://localhost/")
    plugin.save(commit=True)
    assert read.rows() == [*before, ("new",)]
    DB.session.delete(plugin)
    DB.session.commit()
    assert read.rows() == before


def test_listeners_see_the_statement(app: Flask):
    read, seen = DriverRead(sa.select(VirtualPlugin.name)), []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    read.rows()
    sa.event.listen(DB.engine, "before_cursor_execute", note)
    try:
        read.rows()
    finally:
        sa.event.remove(DB.engine, "before_cursor_execute", note)
    assert len(seen) == 1


def test_a_missing_table_is_the_error_of_sqlalchemy(app: Flask):
    missing = sa.table("missing", sa.column("id", sa.Integer()))
    with pytest.raises(sa.exc.DBAPIError):
        DriverRead(sa.select(missing.c.id)).rows()
    DB.session.rollback()
    assert DriverRead(STATEMENT).rows({"first": 2})


def test_no_transaction_stays_open(postgresql: Flask):
    DriverRead(STATEMENT).rows({"first": 0})
    with DB.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' "
        mine = f"{query} AND datname = current_database()"
        assert connection.scalar(sa.text(mine)) == 0


def test_the_next_user_of_the_connection_has_transactions(postgresql: Flask):
    before = pid(postgresql)
    with DB.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_backend_pid()")) == before
        connection.execute(sa.update(ProcessingTask).values(task_log="changed"))
        connection.rollback()
    assert ("changed",) not in DriverRead(sa.select(ProcessingTask.task_log)).rows()


def test_a_terminated_connection_is_replaced(postgresql: Flask):
    before = pid(postgresql)
    terminate(DB.engine.url.database)
    assert pid(postgresql) != before


def test_a_connection_that_breaks_meanwhile_is_the_error_of_sqlalchemy(postgresql: Flask):
    suicide = sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid()))
    with pytest.raises(sa.exc.OperationalError):
        DriverRead(suicide).rows()
    assert pid(postgresql)


def test_a_server_that_cannot_be_reached_is_the_error_of_sqlalchemy(
    postgresql: Flask, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise DB.engine.dialect.loaded_dbapi.OperationalError("refused")

    DB.session.remove()
    DB.engine.dispose()
    monkeypatch.setattr(DB.engine.dialect.loaded_dbapi.Connection, "connect", refuse)
    with pytest.raises(sa.exc.OperationalError, match="refused"):
        DriverRead(STATEMENT).rows({"first": 0})

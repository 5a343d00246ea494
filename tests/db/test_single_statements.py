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
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.db.models.virtual_plugins import VirtualPlugin
from qhana_plugin_runner.db.single_statements import SingleStatement
from services import POSTGRESQL, fresh_database

STATEMENT = sa.select(
    ProcessingTask.id,
    ProcessingTask.task_log,
    ProcessingTask.started_at,
    ProcessingTask.finished_at,
    ProcessingTask.progress_value,
).where(ProcessingTask.id >= sa.bindparam("first"), ProcessingTask.task_name != "a%s %")

PREPARED = SingleStatement(
    sa.select(sa.func.count()).select_from(sa.table("pg_prepared_statements"))
)


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
    return SingleStatement(sa.select(sa.func.pg_backend_pid())).rows()[0][0]


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
    assert SingleStatement(STATEMENT).rows({"first": first}) == [
        tuple(row) for row in expected
    ]


def test_the_rows_are_those_of_now(app: Flask):
    read = SingleStatement(sa.select(VirtualPlugin.name))
    before = read.rows()
    plugin = VirtualPlugin("parent", "new", "v1", "", "", "http://localhost/")
    plugin.save(commit=True)
    assert read.rows() == [*before, ("new",)]
    DB.session.delete(plugin)
    DB.session.commit()
    assert read.rows() == before


def test_listeners_see_the_statement(app: Flask):
    read, seen = SingleStatement(sa.select(VirtualPlugin.name)), []

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
        SingleStatement(sa.select(missing.c.id)).rows()
    DB.session.rollback()
    assert SingleStatement(STATEMENT).rows({"first": 2})


def test_no_transaction_stays_open(postgresql: Flask):
    SingleStatement(STATEMENT).rows({"first": 0})
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
    assert ("changed",) not in SingleStatement(sa.select(ProcessingTask.task_log)).rows()


def test_a_terminated_connection_is_replaced(postgresql: Flask):
    before = pid(postgresql)
    terminate(DB.engine.url.database)
    assert pid(postgresql) != before


def test_a_connection_that_breaks_meanwhile_is_the_error_of_sqlalchemy(postgresql: Flask):
    suicide = sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid()))
    with pytest.raises(sa.exc.OperationalError):
        SingleStatement(suicide).rows()
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
        SingleStatement(STATEMENT).rows({"first": 0})


def test_a_table_that_has_changed_is_read_anew(postgresql: Flask):
    read = SingleStatement(sa.select(sa.text("*")).select_from(sa.table("changing")))
    with DB.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE changing AS SELECT 1 AS a"))
    assert read.rows() == [(1,)]
    with DB.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE changing ADD COLUMN b text DEFAULT 'x'"))
    assert read.rows() == [(1, "x")]


def test_statements_that_somebody_has_discarded_are_prepared_again(postgresql: Flask):
    read = SingleStatement(STATEMENT)
    rows = read.rows({"first": 0})
    before = pid(postgresql)
    with DB.engine.connect() as connection:
        connection.execute(sa.text("DEALLOCATE ALL"))
        connection.rollback()
    assert read.rows({"first": 0}) == rows
    assert pid(postgresql) == before


def test_nothing_is_prepared_behind_a_pooler_of_connections(tmp_path: Path):
    options = {"connect_args": {"prepare_threshold": None}}
    with fresh_database("postgresql", tmp_path) as uri:
        app = build_app(tmp_path, uri, SQLALCHEMY_ENGINE_OPTIONS=options)
        with app.app_context():
            assert [PREPARED.rows(), PREPARED.rows()] == [[(0,)], [(0,)]]
            DB.session.remove()


def test_a_statement_is_prepared_once(postgresql: Flask):
    DB.session.remove()
    DB.engine.dispose()
    assert [PREPARED.rows(), PREPARED.rows()] == [[(1,)], [(1,)]]


def test_a_write_is_committed_and_says_how_many_rows_it_changed(app: Flask):
    write = SingleStatement(
        sa.update(ProcessingTask)
        .where(ProcessingTask.task_name == sa.bindparam("name"))
        .values(task_log=sa.bindparam("log"))
    )
    DB.session.remove()
    assert write.write({"name": "x", "log": "Grüße 100 %\n😀"}) == 1
    assert write.write({"name": "nobody", "log": ""}) == 0
    DB.session.rollback()
    read = sa.select(ProcessingTask.task_log).filter_by(task_name="x")
    assert DB.session.scalar(read) == "Grüße 100 %\n😀"
    DB.session.remove()


def test_a_refused_statement_leaves_the_connection_as_it_was(postgresql: Flask):
    first = DB.session.scalar(sa.select(ProcessingTask.id))
    DB.session.remove()
    before = pid(postgresql)
    insert = SingleStatement(sa.insert(ProcessingTask).values(id=first, task_name="z"))
    with pytest.raises(sa.exc.IntegrityError) as caught:
        insert.write({})
    assert not caught.value.connection_invalidated
    assert pid(postgresql) == before


def test_a_server_that_does_not_answer_is_given_up(
    postgresql: Flask, monkeypatch: pytest.MonkeyPatch
):
    before = pid(postgresql)
    with DB.engine.connect() as connection:
        kind = type(connection.connection.dbapi_connection)
    monkeypatch.setattr(kind, "answer_seconds", 0.2)
    with pytest.raises(sa.exc.OperationalError, match="stopped answering"):
        SingleStatement(sa.select(sa.cast(sa.func.pg_sleep(5), sa.Text()))).rows()
    monkeypatch.undo()
    assert pid(postgresql) != before


@pytest.mark.parametrize("size", [1, 70_000, 20_000_000])
def test_long_values_are_sent_and_read(postgresql: Flask, size: int):
    echo = SingleStatement(sa.select(sa.bindparam("text", type_=sa.Text()).label("x")))
    text = "ä" * size
    assert echo.rows({"text": text}) == [(text,)]


@pytest.mark.parametrize("value", [None, 0, -(2**31), 1.5, "", "'$1'", "ü%s"])
def test_values_are_the_same_with_and_without_sqlalchemy(postgresql: Flask, value: Any):
    kind = {float: sa.Double(), int: sa.Integer()}.get(type(value), sa.Text())
    echo = SingleStatement(sa.select(sa.bindparam("value", type_=kind).label("x")))
    assert echo.rows({"value": value}) == [(value,)]


def test_a_write_can_be_started_and_waited_for_later(app: Flask):
    task = ProcessingTask(task_name="started")
    task.save(commit=True)
    id_ = task.id
    DB.session.remove()
    change = sa.update(ProcessingTask).where(ProcessingTask.id == sa.bindparam("task_id"))
    statement = SingleStatement(change.values(task_log=sa.bindparam("new_log")))
    waits = [
        statement.start_write({"task_id": number, "new_log": "done"})
        for number in (id_, id_ + 1000)
    ]
    assert [wait()[1] for wait in waits] == [1, 0]
    log = sa.select(ProcessingTask.task_log).where(ProcessingTask.id == id_)
    assert DB.session.scalar(log) == "done"
    DB.session.remove()


def test_a_started_write_takes_a_connection_until_it_is_waited_for(postgresql: Flask):
    pool: Any = DB.engine.pool
    before = pool.checkedout()
    wait = SingleStatement(sa.select(sa.func.pg_sleep(0.2))).start_write({})
    assert pool.checkedout() == before + 1
    wait()
    assert pool.checkedout() == before


def test_a_started_write_that_fails_says_so_when_it_is_waited_for(postgresql: Flask):
    first = DB.session.scalar(sa.select(ProcessingTask.id))
    DB.session.remove()
    insert = SingleStatement(sa.insert(ProcessingTask).values(id=first, task_name="z"))
    wait = insert.start_write({})
    with pytest.raises(sa.exc.IntegrityError):
        wait()
    assert DB.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_constants_are_part_of_the_text(postgresql: Flask):
    constants = {"text": "it's 100 %", "number": -3, "truth": True, "nothing": None}
    literals = [sa.literal(value).label(name) for name, value in constants.items()]
    parameter = sa.bindparam("given", type_=sa.Text())
    statement = SingleStatement(sa.select(*literals, parameter))
    assert statement.rows({"given": "given"}) == [(*constants.values(), "given")]
    types = sa.text(
        "SELECT array_length(parameter_types, 1) FROM pg_prepared_statements "
        "WHERE statement LIKE '%AS nothing%' AND statement NOT LIKE '%parameter_types%'"
    )
    assert SingleStatement(types).rows() == [(1,)]

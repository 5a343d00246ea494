# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A task that is loaded by itself is the one that the session would have loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models import task_shortcuts
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.db.single_loads import load_row
from services import fresh_database

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text("aä😀"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner),
    max_leaves=5,
)
TIMES = st.datetimes(
    datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc)
)
VALUES = st.fixed_dictionaries(
    {
        "parameters": st.text("aä😀'%\n"),
        "data": JSON,
        "started_at": TIMES,
        "finished_at": st.none() | TIMES,
        "progress_value": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "task_log": st.text("aä😀'%\n"),
        "multi_step": st.booleans(),
    }
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("loads")
    with fresh_database("postgresql", folder) as uri:
        yield build_app(folder, uri)


@pytest.fixture
def task_id(app: Flask) -> Iterator[int]:
    with app.app_context():
        id_ = stored(data={"list": [1]}, parameters="secret")
        yield id_
        DB.session.remove()


def stored(**values: Any) -> int:
    """Return the id of a new task, which no session knows any more."""
    task = ProcessingTask(task_name="x", **values)
    task.save(commit=True)
    id_ = task.id
    DB.session.remove()
    return id_


def columns(task: ProcessingTask) -> dict[str, Any]:
    names = [attribute.key for attribute in sa.inspect(ProcessingTask).column_attrs]
    return {name: getattr(task, name) for name in names}


def in_transaction() -> bool:
    return DB.session().get_transaction() is not None


def loaded(task_id: int) -> ProcessingTask:
    """Return a task that was not loaded by the session."""
    assert not in_transaction()
    task = load_row(ProcessingTask, task_id)
    assert task is not None
    return task


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES)
def test_every_column_has_the_value_that_the_session_reads(
    app: Flask, values: dict[str, Any]
):
    with app.app_context():
        id_ = stored(**values)
        found = columns(loaded(id_))
        DB.session.remove()
        expected = DB.session.get(ProcessingTask, id_)
        assert expected is not None
        assert found == columns(expected)
        assert [type(value) for value in found.values()] == [
            type(value) for value in columns(expected).values()
        ]


def test_no_transaction_begins_in_the_database(task_id: int):
    loaded(task_id)
    others = sa.text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    with DB.engine.connect() as connection:
        assert connection.scalar(others) == 0


def test_a_task_that_is_not_there_is_none(task_id: int):
    assert load_row(ProcessingTask, task_id + 1000) is None


def test_it_is_loaded_once(task_id: int):
    task = loaded(task_id)
    assert ProcessingTask.get_by_id(task_id) is task
    assert DB.session.get(ProcessingTask, task_id) is task


def test_changes_are_saved(task_id: int):
    task = loaded(task_id)
    task.data["list"].append({"deep": 2})
    task.task_status = "SUCCESS"
    task.save(commit=True)
    DB.session.remove()
    again = loaded(task_id)
    assert again.data == {"list": [1, {"deep": 2}]}
    assert again.task_status == "SUCCESS"
    assert again.parameters == "secret"


def test_what_nobody_changed_is_not_written(task_id: int):
    loaded(task_id)
    assert not DB.session.dirty
    other = sa.update(ProcessingTask).values(task_log="by somebody else")
    with DB.engine.begin() as connection:
        connection.execute(other)
    DB.session.commit()
    assert loaded_after_commit(task_id).task_log == "by somebody else"


def loaded_after_commit(task_id: int) -> ProcessingTask:
    """Return the task as the session has it after a commit, which made it forget."""
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    return task


def test_a_rollback_makes_it_forget_changes(task_id: int):
    task = loaded(task_id)
    task.task_status = "FAILURE"
    DB.session.rollback()
    assert task.task_status is None


def test_related_rows_are_loaded_when_they_are_asked_for(task_id: int):
    task = loaded(task_id)
    task.add_next_step("http://x/", "http://x/ui/", "first", commit=True)
    DB.session.remove()
    assert [step.step_id for step in loaded(task_id).steps] == ["first"]


def test_the_kept_message_is_loaded_when_it_is_asked_for(task_id: int):
    assert loaded(task_id).message is None


def test_a_transaction_that_has_begun_loads_it(task_id: int):
    with DB.session.begin():
        task = ProcessingTask.get_by_id(task_id)
        assert task is not None
        task.task_log = "in one transaction"
    assert loaded_after_commit(task_id).task_log == "in one transaction"


def test_a_row_is_not_stored_without_changes_that_wait(task_id: int):
    count = sa.select(sa.func.count()).select_from(ProcessingTask)
    before = DB.session.scalar(count)
    DB.session.remove()
    loaded(task_id).task_name = "x" * 501  # more than the column takes
    with pytest.raises(sa.exc.DataError):
        ProcessingTask(task_name="y").save(commit=True)
    DB.session.rollback()
    assert DB.session.scalar(count) == before


def test_a_row_is_stored_alone_after_another_was_loaded(task_id: int):
    loaded(task_id)
    other = ProcessingTask(task_name="y")
    other.save(commit=True)
    assert other.id != task_id
    DB.session.remove()
    assert loaded(other.id).task_name == "y"


def take_up(task_id: int) -> None:
    """Let a worker take a task up, which returns the row."""
    take = task_shortcuts.start_taking_up(task_id, f"run-{task_id}", None, False)
    assert take()


@pytest.fixture
def statements(task_id: int) -> Iterator[Callable[[], int]]:
    """How many statements the database has got from prepared ones."""
    count = sa.text(
        "SELECT sum(generic_plans + custom_plans) FROM pg_prepared_statements"
    )
    loaded(task_id)
    DB.session.remove()

    def executed() -> int:
        with DB.engine.connect() as connection:
            return int(connection.scalar(count) or 0)

    yield executed


def test_a_task_that_was_just_taken_up_is_not_read_again(
    task_id: int, statements: Callable[[], int]
):
    take_up(task_id)
    before = statements()
    DB.session.remove()
    take_up_again = task_shortcuts.start_taking_up(task_id, "another run", None, False)
    assert take_up_again()
    task = loaded(task_id)
    assert statements() == before + 1
    assert (task.state, task.run_id, task.attempts) == ("running", "another run", 2)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES.filter(lambda values: values["finished_at"] is None))
def test_a_task_that_was_just_taken_up_is_the_one_in_the_database(
    app: Flask, values: dict[str, Any]
):
    with app.app_context():
        id_ = stored(**values)
        take_up(id_)
        found = columns(loaded(id_))
        DB.session.remove()
        expected = DB.session.get(ProcessingTask, id_)
        assert expected is not None
        assert found == columns(expected)


def change_with_session(task_id: int) -> None:
    change = sa.update(ProcessingTask).where(ProcessingTask.id == task_id)
    DB.session.execute(change.values(task_log="changed"))
    DB.session.commit()


def change_with_connection(task_id: int) -> None:
    change = sa.update(ProcessingTask).where(ProcessingTask.id == task_id)
    with DB.engine.begin() as connection:
        connection.execute(change.values(task_log="changed"))


def change_elsewhere(task_id: int) -> None:
    engine = sa.create_engine(DB.engine.url)
    change = sa.update(ProcessingTask).where(ProcessingTask.id == task_id)
    with engine.begin() as connection:
        connection.execute(change.values(task_log="changed"))
    engine.dispose()
    time.sleep(0.002)


@pytest.mark.parametrize(
    "change", [change_with_session, change_with_connection, change_elsewhere]
)
def test_a_task_that_was_changed_meanwhile_is_read_again(
    task_id: int, change: Callable[[int], None]
):
    take_up(task_id)
    change(task_id)
    assert loaded(task_id).task_log == "changed"


def test_another_task_is_not_the_one_that_was_taken_up(task_id: int):
    other = stored(task_log="other")
    take_up(task_id)
    assert loaded(other).task_log == "other"

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A row that is stored alone is the same row, and on the disk before anybody is told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from managed_app import build_app
from qhana_plugin_runner.db import DB, single_inserts
from qhana_plugin_runner.db.models import task_shortcuts
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE
from services import fresh_database


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("inserts")
    with fresh_database("postgresql", folder) as uri:
        app = build_app(folder, uri)

        @app.route("/save/<what>")
        def save(what: str) -> str:
            new_task()
            if what == "sent":
                task_shortcuts.start_keeping([new_task().id], "{}", utc_now())()
            return ""

        yield app


@pytest.fixture()
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app
        DB.session.remove()


@pytest.fixture()
def statements(app: Flask) -> Iterator[list[str]]:
    """What was executed."""
    executed: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        executed.append(statement)

    with app.app_context():
        engine = DB.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    yield executed
    sa.event.remove(engine, "before_cursor_execute", note)


def new_task(**values: object) -> ProcessingTask:
    task = ProcessingTask(task_name="test", **values)
    task.save(commit=True)
    return task


def columns(task: ProcessingTask) -> dict[str, object]:
    names = [column.key for column in sa.inspect(ProcessingTask).column_attrs]
    different = ("id", "started_at")
    return {name: getattr(task, name) for name in names if name not in different}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"parameters": "ü\x00", "data": {"a": [1, None]}, "progress_value": 3.5},
        {"data": None},
    ],
)
def test_the_row_is_what_the_session_would_have_stored(
    context: Flask, values: dict[str, object]
):
    short = new_task(**values)
    long = ProcessingTask(task_name="test", **values)
    DB.session.add(long)
    DB.session.commit()
    assert columns(short) == columns(long)
    kinds = DB.session.execute(
        sa.text(
            'SELECT data::text, parameters IS NULL FROM "ProcessingTask" '
            "WHERE id IN (:a, :b)"
        ),
        {"a": short.id, "b": long.id},
    ).all()
    assert kinds[0] == kinds[1]


def test_a_stored_row_belongs_to_the_session(context: Flask):
    task = new_task(data={"count": 1})
    assert DB.session.get(ProcessingTask, task.id) is task
    task.data["count"] = 2
    task.task_log = "more"
    task.save(commit=True)
    DB.session.expire_all()
    assert (task.data, task.task_log) == ({"count": 2}, "more")


def test_storing_a_task_is_one_statement(context: Flask, statements: list[str]):
    new_task()
    assert len(statements) == 1


def test_with_uncommitted_changes_the_session_stores_both(context: Flask):
    DB.session.add(other := ProcessingTask(task_name="other"))
    DB.session.flush()
    task = new_task()
    DB.session.rollback()
    found = DB.session.scalars(sa.select(ProcessingTask.task_name)).all()
    assert "other" in found
    assert other.id < task.id


def test_a_task_that_is_made_with_steps_has_them(context: Flask):
    task = ProcessingTask(task_name="test")
    task.add_next_step("href", "ui", "step")
    task.save(commit=True)
    DB.session.expire_all()
    assert [step.step_id for step in task.steps] == ["step"]


def test_a_file_of_a_task_is_found_from_both_sides(context: Flask):
    task = new_task()
    assert task.outputs == []
    file_ = STORE.persist_task_result(task.id, b"x", "x.txt", "custom/x", "text/plain")
    assert file_.task is task
    assert task.outputs == [file_]
    assert DB.session.get(TaskFile, file_.id) is file_


def test_outside_requests_and_tasks_a_commit_waits_for_the_disk(
    context: Flask, statements: list[str]
):
    new_task()
    assert "synchronous_commit" not in _executed(statements)


def test_a_request_is_answered_when_everything_is_on_the_disk(
    app: Flask, statements: list[str]
):
    app.test_client().get("/save/only")
    assert "set_config" in statements[0]
    assert "pg_logical_emit_message" in statements[-1]


def test_a_message_that_is_kept_brings_its_row_to_the_disk(
    app: Flask, statements: list[str]
):
    app.test_client().get("/save/sent")
    assert "pg_logical_emit_message" not in _executed(statements)
    assert statements[-1].startswith("UPDATE")


def test_a_row_of_a_task_reaches_the_disk_with_its_outcome(
    context: Flask, statements: list[str]
):
    task = new_task()
    single_inserts.outcome_follows()
    STORE.persist_task_result(task.id, b"x", "x.txt", "custom/x", "text/plain")
    assert "set_config" in _executed(statements)
    statements.clear()
    assert task_shortcuts.succeed(task.id, None)
    assert "set_config" not in _executed(statements)


def _executed(statements: list[str]) -> str:
    return "\n".join(statements)


def test_what_fails_after_the_row_is_stored_costs_no_file(
    context: Flask, monkeypatch: pytest.MonkeyPatch
):
    def fail() -> None:
        raise TimeoutError("a listener of a plugin")

    task_id = new_task().id
    DB.session.remove()
    with monkeypatch.context() as patch, pytest.raises(TimeoutError):
        patch.setattr(DB.session, "commit", fail)
        STORE.persist_task_result(task_id, io.BytesIO(b"x"), "a.txt", "x/y", "text/plain")
    DB.session.remove()
    (file,) = DB.session.scalars(sa.select(TaskFile).where(TaskFile.task_id == task_id))
    with STORE.open(file) as content:
        assert content.read() == b"x"

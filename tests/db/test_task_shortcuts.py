# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The short ways through the life of a task end where the long ones do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models import task_shortcuts
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskState
from services import fresh_database


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("shortcuts")
    with fresh_database(request.param, folder) as uri:
        app = build_app(folder, uri, TASK_LOG_MAX_BYTES=1000)
        with app.app_context():
            yield app
            DB.session.remove()


def new_task(**values: object) -> ProcessingTask:
    task = ProcessingTask(task_name="test", **values)
    task.save(commit=True)
    return task


def take_up(id_: int, run_id: str, worker_id: str | None, keep: bool) -> bool:
    return task_shortcuts.start_taking_up(id_, run_id, worker_id, keep)()


def seen(task: ProcessingTask) -> tuple[str, str, str, float | None]:
    DB.session.refresh(task)
    return task.state, task.status, task.task_log, task.progress_value


@pytest.mark.parametrize("log", [None, "", "ends ü\x00", "two\nlines"])
@pytest.mark.parametrize("before", ["", "starts"])
@pytest.mark.parametrize("progress", [None, 0, 50])
def test_success(app: Flask, log: str | None, before: str, progress: float | None):
    short = new_task(task_log=before, progress_value=progress)
    long = new_task(task_log=before, progress_value=progress)
    assert ProcessingTask.close(long.id, TaskState.SUCCEEDED, log)
    DB.session.commit()
    assert task_shortcuts.succeed(short.id, log)
    assert seen(short) == seen(long)
    assert short.finished_at is not None


@pytest.mark.parametrize("state", [TaskState.CANCELLED, TaskState.FAILED, TaskState.LOST])
def test_a_task_that_has_ended_stays_as_it_is(app: Flask, state: TaskState):
    task = new_task()
    ProcessingTask.close(task.id, state, "why")
    DB.session.commit()
    before = seen(task)
    assert not task_shortcuts.succeed(task.id, "late")
    assert not take_up(task.id, f"late-{task.id}", None, False)
    task_shortcuts.start_keeping([task.id], "{}", utc_now())()
    assert seen(task) == before
    assert task.message is None


def test_a_task_with_steps_takes_the_long_way(app: Flask):
    task = new_task()
    task.add_next_step("href", "ui", "step", commit=True)
    assert not task_shortcuts.succeed(task.id, None)


def test_a_log_that_gets_too_long_takes_the_long_way(app: Flask):
    task = new_task(task_log="x" * 990)
    assert not task_shortcuts.succeed(task.id, "ü" * 5)
    assert task_shortcuts.succeed(task.id, "ü" * 4)
    assert not task_shortcuts.succeed(new_task().id, "x" * 2000)


def test_a_message_is_kept_until_it_is_taken_up(app: Flask):
    task, other = new_task(), new_task()
    due = utc_now()
    task_shortcuts.start_keeping([task.id], "kept", due)()
    DB.session.refresh(task)
    assert (task.message, task.queued_at) == ("kept", due)
    assert take_up(task.id, f"run-{task.id}", "worker", False)
    DB.session.refresh(task)
    assert (task.message, task.queued_at, task.attempts) == (None, None, 1)
    assert (task.state, task.worker_id, task.run_id) == (
        "running",
        "worker",
        f"run-{task.id}",
    )
    DB.session.refresh(other)
    assert (other.message, other.attempts) == (None, 0)


def test_the_message_of_an_idempotent_task_stays(app: Flask):
    task = new_task()
    task_shortcuts.start_keeping([task.id], "kept", utc_now())()
    assert take_up(task.id, f"run-{task.id}", None, True)
    DB.session.refresh(task)
    assert task.message == "kept"


def test_a_message_is_taken_up_once(app: Flask):
    task = new_task()
    assert take_up(task.id, f"run-{task.id}", "first", False)
    assert not take_up(task.id, f"run-{task.id}", "second", False)
    DB.session.refresh(task)
    assert (task.worker_id, task.attempts) == ("first", 1)


@pytest.mark.parametrize("keep", [True, False])
def test_a_message_is_taken_up_once_while_somebody_listens_to_statements(
    app: Flask, keep: bool
):
    def listen(*_args: object) -> None:
        """As tracing does."""

    task = new_task()
    event.listen(DB.engine, "before_cursor_execute", listen)
    try:
        assert take_up(task.id, f"run-{task.id}", "first", keep)
        assert not take_up(task.id, f"run-{task.id}", "second", keep)
    finally:
        event.remove(DB.engine, "before_cursor_execute", listen)
    DB.session.refresh(task)
    assert (task.worker_id, task.attempts) == ("first", 1)


def test_a_saved_task_knows_its_id_without_a_statement(app: Flask):
    task = new_task()
    assert "id" in task.__dict__
    assert "state" not in task.__dict__
    DB.session.refresh(task)
    assert task.state == "queued"

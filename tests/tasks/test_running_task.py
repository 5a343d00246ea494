# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the body of a task may ask and tell while it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from qhana_plugin_runner import running_task
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskState
from qhana_plugin_runner.running_task import is_cancelled, set_progress
from qhana_plugin_runner.signals import TASK_DETAILS_CHANGED

MakeTask = Callable[..., ProcessingTask]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the statements that are executed meanwhile."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    sa.event.listen(DB.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(DB.engine, "before_cursor_execute", note)


def shown_progress(task_id: int) -> tuple[Any, ...]:
    columns = (
        ProcessingTask.progress_value,
        ProcessingTask.progress_start,
        ProcessingTask.progress_target,
        ProcessingTask.progress_unit,
    )
    with DB.engine.connect() as connection:
        query = sa.select(*columns).where(ProcessingTask.id == task_id)
        return tuple(connection.execute(query).one())


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_task, "INTERVAL_SECONDS", 0)


def test_an_open_task_is_not_cancelled(make_task: MakeTask) -> None:
    assert not is_cancelled(make_task().id)


@pytest.mark.parametrize(
    ("state", "useless"),
    [
        (TaskState.CANCELLED, True),
        (TaskState.LOST, True),
        (TaskState.FAILED, False),
        (TaskState.SUCCEEDED, False),
    ],
)
def test_a_task_that_was_ended_from_outside_is_cancelled(
    make_task: MakeTask, state: TaskState, useless: bool
) -> None:
    task_id = make_task().id
    ProcessingTask.close(task_id, state)
    DB.session.commit()
    assert is_cancelled(task_id) is useless


def test_a_deleted_task_is_cancelled(app: Flask) -> None:
    assert is_cancelled(2_000_000_000)


def test_the_database_is_asked_once_a_second_at_most(make_task: MakeTask) -> None:
    task_id = make_task().id
    with statements() as executed:
        assert not any(is_cancelled(task_id) for _ in range(100))
    assert len(executed) == 1


def test_a_cancel_is_seen_inside_an_open_transaction(
    make_task: MakeTask, no_pause: None
) -> None:
    task = make_task()
    task_id = task.id
    task.parameters = "not committed"
    assert not is_cancelled(task_id)
    with DB.engine.begin() as connection:
        connection.execute(
            sa.update(ProcessingTask)
            .where(ProcessingTask.id == task_id)
            .values(state=TaskState.CANCELLED.value)
        )
    assert is_cancelled(task_id)
    assert task.parameters == "not committed"


def test_progress_is_committed_without_the_rest_of_the_session(
    make_task: MakeTask,
) -> None:
    task = make_task()
    task_id = task.id
    task.parameters = "not committed"
    with statements() as executed:
        set_progress(task_id, 3, 1, 7, "rounds")
    assert len([text for text in executed if text.startswith("UPDATE")]) == 1
    assert shown_progress(task_id) == (3, 1, 7, "rounds")
    DB.session.rollback()
    assert task.parameters == ""


def test_progress_of_a_session_with_flushed_changes_waits_for_their_commit(
    make_task: MakeTask,
) -> None:
    task = make_task()
    task_id = task.id
    task.parameters = "flushed"
    DB.session.flush()
    set_progress(task_id, 50)
    assert shown_progress(task_id)[0] is None
    DB.session.commit()
    assert shown_progress(task_id) == (50, 0, 100, "%")


def test_a_task_that_has_ended_keeps_its_progress(make_task: MakeTask) -> None:
    task = make_task()
    ProcessingTask.close(task.id, TaskState.CANCELLED)
    DB.session.commit()
    set_progress(task.id, 50)
    assert shown_progress(task.id)[0] is None


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_progress_that_is_no_finite_number_is_left_out(
    make_task: MakeTask, number: float, caplog: pytest.LogCaptureFixture
) -> None:
    task = make_task()
    with caplog.at_level(logging.WARNING):
        set_progress(task.id, number)
    assert shown_progress(task.id)[0] is None
    assert "must be finite numbers" in caplog.text


def test_subscribers_are_told_once_a_second_at_most(
    app: Flask, make_task: MakeTask
) -> None:
    told: list[int] = []

    def note(_app: Flask, task_id: int, **_kwargs: Any) -> None:
        told.append(task_id)

    task_id = make_task().id
    with TASK_DETAILS_CHANGED.connected_to(note, app):
        for value in range(10):
            set_progress(task_id, value)
    assert told == [task_id]
    assert shown_progress(task_id)[0] == 9

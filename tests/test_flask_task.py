# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A message is taken up while the surroundings of its task are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.app.task import Context
from flask import Flask

from managed_app import build_app
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.flask_task import TaskRun
from qhana_plugin_runner.tasks import save_task_result
from services import fresh_database


class Broken(Exception):
    """Raised before the body of a task begins."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("runs")
    with fresh_database(request.param, folder) as uri:
        app = build_app(folder, uri)
        with app.app_context():
            yield app
            DB.session.remove()


@pytest.fixture
def task(app: Flask) -> ProcessingTask:
    task = ProcessingTask(task_name="x")
    task.save(commit=True)
    return task


def run_of(task_id: int, body: Any) -> TaskRun:
    """Return the run of a message whose outcome is that of the task."""
    celery_task = CELERY.tasks["qhana-plugin-runner.add-step"].__class__()
    celery_task.name, celery_task.run = "body", body
    chain = [dict(save_task_result.s(db_id=task_id))]
    request = Context(id=f"message-{task_id}", chain=chain, errbacks=[], retries=0)
    return TaskRun(celery_task, request, CELERY)


def state(task_id: int) -> tuple[str, int]:
    DB.session.remove()
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    return task.state, task.attempts


def test_the_body_runs_after_the_message_was_taken_up(task: ProcessingTask) -> None:
    seen: list[str] = []

    def body() -> None:
        found = ProcessingTask.get_by_id(task_id)
        assert found is not None
        seen.append(found.state)

    task_id = task.id
    run = run_of(task_id, body)
    with run.taking_up():
        run.run((), {})
    assert seen == ["running"]
    assert state(task_id) == ("succeeded", 1)


def test_what_goes_wrong_in_between_leaves_no_connection_behind(
    app: Flask, task: ProcessingTask
) -> None:
    task_id = task.id
    DB.session.remove()
    run = run_of(task_id, lambda: None)
    with pytest.raises(Broken), run.taking_up():
        raise Broken
    DB.session.remove()
    pool: Any = DB.engine.pool
    assert getattr(pool, "checkedout", lambda: 0)() == 0
    assert state(task_id) == ("running", 1)


def test_a_message_without_a_task_takes_nothing_up(app: Flask) -> None:
    run = TaskRun(run_of(1, lambda: "done")._task, Context(id="z"), CELERY)
    with run.taking_up():
        assert run.run((), {}) == "done"

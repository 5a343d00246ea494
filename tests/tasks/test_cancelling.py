# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ending a task from outside, as far as it needs no worker."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from managed_app import build_app
from qhana_plugin_runner.cancelling import cancel_task
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskState
from qhana_plugin_runner.signals import TASK_STATUS_CHANGED

MakeTask = Callable[..., ProcessingTask]


@pytest.mark.parametrize("state", ["queued", "running", "waiting"])
def test_an_open_task_is_cancelled(
    client: FlaskClient, make_task: MakeTask, state: str
) -> None:
    task = make_task(state=state, task_log="before")
    answer = client.post(f"/tasks/{task.id}/cancel/")
    assert answer.status_code == 200
    document = answer.json
    assert (document["status"], document["state"]) == ("FAILURE", "cancelled")
    assert document["log"] == "before\nThe task was cancelled."
    assert document["finishedAt"]
    assert client.get(f"/tasks/{task.id}/").json == document


def test_whoever_watches_the_task_is_told(app: Flask, make_task: MakeTask) -> None:
    told: list[int] = []

    def note(_app: Flask, task_id: int, **_kwargs: Any) -> None:
        told.append(task_id)

    task_id = make_task().id
    with TASK_STATUS_CHANGED.connected_to(note, app):
        assert cancel_task(task_id)
        assert not cancel_task(task_id)
    assert told == [task_id]


@pytest.mark.parametrize(
    "state", [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.LOST, TaskState.CANCELLED]
)
def test_a_task_that_has_ended_cannot_be_cancelled(
    client: FlaskClient, make_task: MakeTask, state: TaskState
) -> None:
    task_id = make_task().id
    ProcessingTask.close(task_id, state)
    DB.session.commit()
    before = client.get(f"/tasks/{task_id}/").json
    answer = client.post(f"/tasks/{task_id}/cancel/")
    assert answer.status_code == 409
    assert answer.json == {
        "code": 409,
        "status": "Conflict",
        "message": f"The task has already ended: {state.value}.",
    }
    assert client.get(f"/tasks/{task_id}/").json == before


@pytest.mark.parametrize("task_id", ["999999", "99999999999"])
def test_an_unknown_task_cannot_be_cancelled(client: FlaskClient, task_id: str) -> None:
    answer = client.post(f"/tasks/{task_id}/cancel/")
    assert (answer.status_code, answer.json["message"]) == (404, "Task not found.")


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("port", ["hanging_port", "closed_port"])
@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_cancel_does_not_need_the_broker(
    tmp_path: Path,
    port: str,
    scheme: str,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address = f"{scheme}://127.0.0.1:{request.getfixturevalue(port)}//"
    database = f"sqlite:///{tmp_path}/test.db"
    app = build_app(tmp_path, database, CELERY={"broker_url": address})
    with app.app_context():
        task = ProcessingTask(task_name="lab@v1.task")
        task.save(commit=True)
        assert ProcessingTask.take_up(task.id, "a-message:0", "a-worker")
        DB.session.commit()
        start = time.monotonic()
        with caplog.at_level(logging.WARNING):
            assert cancel_task(task.id)
        assert time.monotonic() - start < 4
        assert task.state == "cancelled"
        assert f"worker of task {task.id} works on" in caplog.text
        DB.session.remove()
        DB.engine.dispose()

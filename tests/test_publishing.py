# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""When task messages leave, what travels with them, and what a row keeps of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from qhana_plugin_runner import create_app
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.stored_message import StoredMessage
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from runner_process import LAB_PLUGINS, free_port


def build(folder: Path, monkeypatch: pytest.MonkeyPatch, **celery: Any) -> Flask:
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder))
    app = create_app(
        {
            "TESTING": True,
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/test.db",
            "PLUGIN_FOLDERS": [str(LAB_PLUGINS)],
            "CELERY": {"task_default_queue": "publishing", **celery},
        }
    )
    with app.app_context():
        create_db_function(app)
    return app


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    app = build(tmp_path, monkeypatch)
    yield app
    with app.app_context():
        DB.engine.dispose()


def queued(app: Flask) -> list[str]:
    """Return the files of the messages in the queue of the embedded broker."""
    folder = Path(app.instance_path, "celery", "broker", "queues", "_publishing")
    return sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []


def chain_for(task: ProcessingTask) -> Any:
    experiment = CELERY.tasks["laboratory@v1-0-0.experiment"]
    work = experiment.s(db_id=task.id) | save_task_result.s(db_id=task.id)
    work.link_error(save_task_error.s(db_id=task.id))
    return work


def new_task() -> ProcessingTask:
    task = ProcessingTask(task_name="t", parameters="[]")
    task.save(commit=True)
    return task


def test_a_message_leaves_at_once_when_nothing_is_uncommitted(app: Flask) -> None:
    with app.test_request_context():
        chain_for(new_task()).apply_async()
        assert len(queued(app)) == 1


def test_a_message_waits_for_the_commit_of_its_request(app: Flask) -> None:
    with app.test_request_context():
        task = new_task()
        task.data = {"late": True}
        chain_for(task).apply_async()
        assert queued(app) == []
        task.save(commit=True)
        assert len(queued(app)) == 1


def test_flushed_changes_count_as_uncommitted(app: Flask) -> None:
    with app.test_request_context():
        task = ProcessingTask(task_name="t")
        task.save()
        DB.session.flush()
        chain_for(task).apply_async()
        assert queued(app) == []
        DB.session.commit()
        assert len(queued(app)) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_the_end_of_a_savepoint_is_no_commit(app: Flask, fails: bool) -> None:
    with app.test_request_context():
        task = ProcessingTask(task_name="t")
        task.save()
        DB.session.flush()
        chain_for(task).apply_async()
        with suppress(ZeroDivisionError), DB.session.begin_nested():
            if fails:
                raise ZeroDivisionError
        assert queued(app) == []
        chain_for(task).apply_async()
        assert queued(app) == []
        DB.session.commit()
        assert len(queued(app)) == 2


def test_a_request_that_never_commits_sends_at_its_end(app: Flask) -> None:
    @app.route("/forgetful")
    def forgetful() -> str:
        task = new_task()
        task.data = {"never": "committed"}
        chain_for(task).apply_async()
        assert queued(app) == []
        return "ok"

    assert app.test_client().get("/forgetful").status_code == 200
    assert len(queued(app)) == 1


def test_waiting_for_a_result_sends_the_message_first(app: Flask) -> None:
    with app.test_request_context():
        task = new_task()
        task.data = {"uncommitted": True}
        result = CELERY.tasks["laboratory@v1-0-0.experiment"].apply_async(
            kwargs={"db_id": task.id}
        )
        assert queued(app) == []
        with pytest.raises(Exception, match="timed out"):
            result.get(timeout=0.1)
        assert len(queued(app)) == 1


def test_the_row_keeps_the_message_until_it_is_taken_up(app: Flask) -> None:
    with app.test_request_context(base_url="http://runner.example/prefix/"):
        task = new_task()
        chain_for(task).apply_async()
        assert task.message is not None
        message = StoredMessage.from_json(task.message)
        assert message.name == "laboratory@v1-0-0.experiment"
        assert message.kwargs == {"db_id": task.id}
        assert message.options["headers"]["qhana_url_root"] == (
            "http://runner.example/prefix/"
        )
        assert ProcessingTask.take_up(task.id, "x:0", "worker")
        DB.session.commit()
        assert task.message is None


def test_a_message_with_a_countdown_is_due_later(app: Flask) -> None:
    with app.test_request_context():
        task = new_task()
        chain_for(task).apply_async(countdown=60)
        DB.session.refresh(task)
        assert task.queued_at is not None
        assert task.queued_at > utc_now() + timedelta(seconds=50)


def test_a_message_of_no_task_is_not_kept(app: Flask) -> None:
    with app.test_request_context():
        task = new_task()
        CELERY.tasks["laboratory@v1-0-0.experiment"].apply_async(kwargs={"db_id": 99})
        assert task.message is None
        assert len(queued(app)) == 1


def test_without_a_broker_a_held_message_fails_its_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = build(tmp_path, monkeypatch, broker_url=f"redis://127.0.0.1:{free_port()}")

    @app.route("/late-commit")
    def late_commit() -> str:
        task = new_task()
        task.data = {"late": True}
        chain_for(task).apply_async()
        task.save(commit=True)
        return "ok"

    answer = app.test_client().get("/late-commit")
    assert (answer.status_code, answer.json["code"]) == (503, 503)
    with app.app_context():
        task = ProcessingTask.get_by_id(1)
        assert task is not None
        assert (task.status, task.state, task.data) == (
            "FAILURE",
            "failed",
            {"late": True},
        )

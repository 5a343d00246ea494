# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Deleting tasks, on request and when they are old, on each kind of database."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from managed_app import build_app
from qhana_plugin_runner import retention
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.task_parts import TaskUpdateSubscription
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskLink, TaskState
from qhana_plugin_runner.db.models.webhook_deliveries import WebhookDelivery
from qhana_plugin_runner.errors import TaskInUseError
from qhana_plugin_runner.retention import RetentionRules, clean_up, delete_task
from qhana_plugin_runner.storage import STORE
from services import fresh_database

TABLES = ("ProcessingTask", "TaskFile", "Step", "TaskLink", "TaskUpdateSubscription")
TABLES += ("TaskRun", "WebhookDelivery")
DAY = timedelta(days=1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def database_app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("retention")
    with fresh_database(request.param, folder) as uri:
        app = build_app(folder, uri)
        yield app
        with app.app_context():
            DB.engine.dispose()


@pytest.fixture
def app(database_app: Flask) -> Iterator[Flask]:
    with database_app.app_context():
        yield database_app
        DB.session.rollback()
        for table in reversed(TABLES):
            DB.session.execute(sa.text(f"DELETE FROM {quoted(table)}"))
        DB.session.commit()
        DB.session.remove()
        shutil.rmtree(root(database_app), ignore_errors=True)


def quoted(table: str) -> str:
    return DB.engine.dialect.identifier_preparer.quote(table)


def counts() -> dict[str, int]:
    return {
        table: DB.session.scalar(sa.text(f"SELECT count(*) FROM {quoted(table)}"))
        for table in TABLES
    }


def root(app: Flask) -> Path:
    return Path(app.config["FILE_STORE_ROOT_PATH"])


def files_below(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )


def make_task(
    state: TaskState = TaskState.QUEUED, days: float = 0, **values: Any
) -> ProcessingTask:
    """Save a task that was submitted, and ended if it has, that many days ago."""
    task = ProcessingTask(task_name="lab@v1.task")
    task.save(commit=True)
    final = state.value in ("succeeded", "failed", "cancelled", "lost")
    if final:
        ProcessingTask.close(task.id, state)
    else:
        values["state"] = state.value
    moment = utc_now() - days * DAY
    values.setdefault("started_at", moment)
    if final:
        values.setdefault("finished_at", moment)
    statement = sa.update(ProcessingTask).where(ProcessingTask.id == task.id)
    DB.session.execute(statement.values(values))
    DB.session.commit()
    return task


def equip(task: ProcessingTask) -> None:
    """Give the task one row of every kind, and two files."""
    STORE.persist_task_result(task.id, b"result", "a.txt", "text", "text/plain")
    STORE.persist_task_temp_file(task.id, b"temporary", "b.txt")
    task.add_next_step(href="/a", ui_href="/b", step_id="c")
    TaskLink(task, type="x", href="http://localhost/").save()
    webhook = {"webhook_href": "http://localhost/w", "task_href": "http://localhost/t"}
    TaskUpdateSubscription(task, **webhook).save()
    DB.session.commit()
    assert ProcessingTask.take_up(task.id, f"message-{task.id}:0", "worker")
    DB.session.add(
        WebhookDelivery(
            delivery_key=f"key-{task.id}", task_id=task.id, event="status", **webhook
        )
    )
    DB.session.commit()


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "running"])
def test_a_deleted_task_leaves_nothing_behind(app: Flask, ended: bool) -> None:
    equip(make_task())
    before = counts()
    files = files_below(root(app))
    task = make_task()
    task_id = task.id
    equip(task)
    if ended:
        ProcessingTask.close(task.id, TaskState.SUCCEEDED, "done")
        DB.session.commit()
    client: FlaskClient = app.test_client()
    answer = client.delete(f"/tasks/{task_id}/")
    assert (answer.status_code, answer.data) == (204, b"")
    assert counts() == before
    assert files_below(root(app)) == files
    for method in ("GET", "DELETE"):
        again = client.open(f"/tasks/{task_id}/", method=method)
        assert (again.status_code, again.json["message"]) == (404, "Task not found.")


def test_an_id_that_no_row_can_have_is_not_found(app: Flask) -> None:
    assert app.test_client().delete("/tasks/99999999999/").status_code == 404


def test_a_file_that_cannot_be_deleted_is_logged(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    task = make_task()
    file = STORE.persist_task_result(task.id, b"x", "a.txt", "text", "text/plain")
    file.storage_provider = "gone"
    DB.session.commit()
    assert delete_task(task.id)
    assert "The file 'a.txt'" in caplog.text
    assert counts()["TaskFile"] == 0


def test_a_reference_goes_and_what_it_refers_to_stays(app: Flask) -> None:
    task, other = make_task(), make_task()
    file = STORE.persist_task_result(task.id, b"x", "a.txt", "text", "text/plain")
    with app.test_request_context():
        url = STORE.get_task_file_url(file)
    refer(other, url)
    assert delete_task(other.id)
    assert files_below(root(app)) == [f"task_{task.id}/out/a.txt"]
    assert counts()["TaskFile"] == 1


def refer(task: ProcessingTask, url: str) -> None:
    STORE.persist_task_result(
        task.id, url, "r", "text", "text/plain", storage_provider="url_file_store"
    )


@pytest.fixture
def plugin_table(app: Flask) -> Iterator[sa.Table]:
    """A table of a plugin whose rows refer to tasks."""
    table = sa.Table(
        "retention_test",
        sa.MetaData(),
        sa.Column("task_id", sa.ForeignKey(ProcessingTask.__table__.c.id)),
    )
    table.create(DB.engine)
    yield table
    DB.session.rollback()
    table.drop(DB.engine)


def test_a_task_that_a_plugin_refers_to_is_kept_with_its_files(
    app: Flask, plugin_table: sa.Table
) -> None:
    task, free = make_task(TaskState.FAILED, 5), make_task(TaskState.FAILED, 5)
    STORE.persist_task_result(task.id, b"x", "a.txt", "text", "text/plain")
    DB.session.execute(plugin_table.insert().values(task_id=task.id))
    DB.session.commit()
    task_id, free_id = task.id, free.id
    with pytest.raises(TaskInUseError):
        delete_task(task_id)
    assert app.test_client().delete(f"/tasks/{task_id}/").status_code == 409
    report = clean_up(rules=RetentionRules(failed=1))
    assert (report.in_use, report.deleted) == ([task_id], [free_id])
    assert files_below(root(app)) == [f"task_{task_id}/out/a.txt"]


def test_nothing_is_old_unless_a_setting_says_so(app: Flask) -> None:
    assert not RetentionRules.from_settings()
    make_task(TaskState.SUCCEEDED, 10_000)
    make_task(TaskState.WAITING, 10_000)
    report = clean_up()
    assert (report.deleted, report.cancelled, report.in_use) == ([], [], [])


@pytest.mark.parametrize(
    ("settings", "rules"),
    [
        ({"TASK_RETENTION_DAYS": 30}, RetentionRules(30, 30, None)),
        (
            {"TASK_RETENTION_DAYS": 30, "TASK_FAILED_RETENTION_DAYS": 0},
            RetentionRules(30, 0, None),
        ),
        ({"TASK_FAILED_RETENTION_DAYS": 9}, RetentionRules(None, 9, None)),
        ({"TASK_ABANDONED_DAYS": 1.5}, RetentionRules(None, None, 1.5)),
    ],
)
def test_settings_say_what_is_old(
    app: Flask,
    settings: dict[str, Any],
    rules: RetentionRules,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key, value in settings.items():
        monkeypatch.setitem(app.config, key, value)
    assert RetentionRules.from_settings() == rules
    assert rules


def some_tasks() -> dict[str, int]:
    return {
        "succeeded": make_task(TaskState.SUCCEEDED, 31).id,
        "young": make_task(TaskState.SUCCEEDED, 29).id,
        "just ended": make_task(TaskState.SUCCEEDED, 31, finished_at=utc_now()).id,
        "failed": make_task(TaskState.FAILED, 8).id,
        "cancelled": make_task(TaskState.CANCELLED, 8).id,
        "lost": make_task(TaskState.LOST, 8).id,
        "failed lately": make_task(TaskState.FAILED, 6).id,
        "running": make_task(TaskState.RUNNING, 100).id,
        "queued": make_task(TaskState.QUEUED, 4).id,
        "waiting": make_task(TaskState.WAITING, 4).id,
        "submitted lately": make_task(TaskState.QUEUED, 2).id,
        "sent lately": make_task(TaskState.QUEUED, 4, queued_at=utc_now()).id,
        "waits since lately": make_task(TaskState.WAITING, 4, running_since=utc_now()).id,
    }


RULES = RetentionRules(finished=30, failed=7, abandoned=3)


def test_old_tasks_are_deleted_and_abandoned_ones_cancelled(app: Flask) -> None:
    ids = some_tasks()
    expected = clean_up(rules=RULES, dry_run=True)
    assert counts()["ProcessingTask"] == len(ids)
    report = clean_up(rules=RULES)
    assert report == expected
    old = [ids[name] for name in ("succeeded", "failed", "cancelled", "lost")]
    assert report.deleted == old
    assert report.cancelled == [ids["queued"], ids["waiting"]]
    left = set(DB.session.scalars(sa.select(ProcessingTask.id)))
    assert left == set(ids.values()) - set(old)
    waiting = DB.session.get(ProcessingTask, ids["waiting"])
    assert waiting.state == "cancelled"
    assert waiting.task_log == (
        "The task was cancelled because nothing has happened for 3 days."
    )
    again = clean_up(rules=RULES)
    assert (again.deleted, again.cancelled) == ([], [])


def test_ages_count_from_the_given_time(app: Flask) -> None:
    task_id = make_task(TaskState.SUCCEEDED).id
    assert clean_up(utc_now() + 29 * DAY, rules=RULES).deleted == []
    assert clean_up(utc_now() + 31 * DAY, rules=RULES).deleted == [task_id]


def test_a_clean_up_may_be_bounded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    ids = [make_task(TaskState.SUCCEEDED, 31).id for _ in range(7)]
    assert clean_up(rules=RULES, most=5).deleted == ids[:5]
    assert clean_up(rules=RULES, most=5).deleted == ids[5:]


def test_results_that_other_tasks_refer_to_are_kept(app: Flask) -> None:
    old, referring = make_task(TaskState.SUCCEEDED, 31), make_task(TaskState.SUCCEEDED)
    file = STORE.persist_task_result(old.id, b"x", "a.txt", "text", "text/plain")
    with app.test_request_context():
        refer(referring, STORE.get_task_file_url(file))
    refer(referring, "http://[broken/?file-id=x")
    old_id = old.id
    report = clean_up(rules=RULES)
    assert (report.deleted, report.in_use) == ([], [old_id])
    delete_task(referring.id)
    assert clean_up(rules=RULES).deleted == [old_id]
    assert files_below(root(app)) == []


def age(path: Path, days: float) -> None:
    moment = datetime.now().timestamp() - days * 86_400
    os.utime(path, (moment, moment))


def test_files_without_a_task_are_swept(app: Flask) -> None:
    task = make_task()
    STORE.persist_task_result(task.id, b"x", "a.txt", "text", "text/plain")
    orphan, fresh, unknown, incoming = (
        root(app) / name for name in ("task_999998", "task_999999", "task_x", ".incoming")
    )
    for folder in (orphan, fresh, unknown, incoming):
        (folder / "out").mkdir(parents=True, exist_ok=True)
        (folder / "out" / "a.txt").write_text("x")
    (incoming / "half").write_text("x")
    for path in (orphan, orphan / "out", unknown, unknown / "out", incoming / "half"):
        age(path, 2)
    for path in (root(app) / f"task_{task.id}", root(app) / f"task_{task.id}" / "out"):
        age(path, 2)
    report = clean_up()
    assert report.swept == 2
    assert files_below(root(app)) == sorted(
        [
            ".incoming/out/a.txt",
            f"task_{task.id}/out/a.txt",
            "task_999999/out/a.txt",
            "task_x/out/a.txt",
        ]
    )


def test_a_worker_cleans_up_every_hour_if_a_setting_says_what_is_old(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    CELERY.finalize()
    entry = CELERY.conf.beat_schedule[retention.CLEAN_UP]
    assert (entry["task"], entry["schedule"]) == (retention.CLEAN_UP, 3600)
    make_task(TaskState.SUCCEEDED, 31)
    CELERY.tasks[entry["task"]]()
    assert counts()["ProcessingTask"] == 1
    monkeypatch.setitem(app.config, "TASK_RETENTION_DAYS", 30)
    with caplog.at_level(logging.INFO, "qhana_plugin_runner.retention"):
        CELERY.tasks[entry["task"]]()
    assert counts()["ProcessingTask"] == 0
    assert "Clean-up: 1 tasks deleted" in caplog.text

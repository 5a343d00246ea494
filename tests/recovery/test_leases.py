# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Leases of workers: who is taken for dead, and what looking for it costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from celery import signals
from flask import Flask

from qhana_plugin_runner import create_app, recovery
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.leases import WorkerLease
from qhana_plugin_runner.db.models.task_record import read_task
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.storage.handle import FileStoreRegistry


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(tmp_path))
    app = create_app(
        {"TESTING": True, "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/test.db"}
    )
    with app.app_context():
        create_db_function(app)
        yield app
        DB.session.remove()
        DB.engine.dispose()


def running_task(worker: str) -> ProcessingTask:
    task = ProcessingTask(task_name="t")
    task.save(commit=True)
    ProcessingTask.take_up(task.id, f"message-{worker}:0:0", worker)
    DB.session.commit()
    return task


def state(task: ProcessingTask) -> str:
    DB.session.rollback()
    DB.session.refresh(task)
    return task.state


def test_the_task_of_a_living_worker_goes_on(app: Flask) -> None:
    recovery.renew_lease("alive", "worker", 30)
    task = running_task("alive")
    assert recovery.close_lost_tasks() == 0
    record = read_task(task.id)
    assert record is not None
    assert not recovery.close_if_lost(record)
    assert state(task) == "running"


@pytest.mark.parametrize("known", [True, False])
def test_the_task_of_a_dead_or_unknown_worker_is_lost(app: Flask, known: bool) -> None:
    if known:
        recovery.renew_lease("dead", "worker", -1)
    task = running_task("dead")
    assert recovery.close_lost_tasks() == 1
    assert state(task) == "lost"
    assert recovery.close_lost_tasks() == 0


def test_a_reader_sees_at_once_that_a_task_is_lost(app: Flask) -> None:
    task = running_task("dead")
    document = app.test_client().get(f"/tasks/{task.id}/").json
    assert (document["status"], document["state"]) == ("FAILURE", "lost")
    assert "vanished" in document["log"]


def test_a_renewed_lease_lasts_longer(app: Flask) -> None:
    recovery.renew_lease("worker", "name", 1)
    recovery.renew_lease("worker", "name", 100)
    lease = DB.session.get(WorkerLease, "worker")
    assert lease is not None
    assert lease.expires_at > utc_now() + timedelta(seconds=90)


def test_old_leases_are_forgotten(app: Flask) -> None:
    recovery.renew_lease("old", "name", -2 * 86400)
    recovery.close_lost_tasks()
    assert DB.session.get(WorkerLease, "old") is None


def test_a_worker_shows_its_heartbeat_each_time_it_renews_its_lease(
    app: Flask, tmp_path: Path
) -> None:
    heartbeat = tmp_path / "heartbeat"
    app.config["WORKER_HEARTBEAT_FILE"] = str(heartbeat)
    keeper: recovery.LeaseKeeper = app.extensions["qhana-lease"]
    keeper.start("beating@test")
    try:
        assert heartbeat.exists()
        heartbeat.unlink()
        keeper._renew("beating@test")
        assert heartbeat.exists()
    finally:
        keeper.stop()
        CELERY.worker_id = None


def test_a_worker_sweeps_the_stores_after_it_has_forked_its_pool(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[float] = []
    monkeypatch.setattr(
        FileStoreRegistry, "sweep_temporary_files", lambda _s, age: swept.append(age)
    )
    try:
        signals.worker_init.send(sender=None)
        assert not swept  # what it connects to would be in the memory of the pool, too
        signals.worker_ready.send(sender=None)
        assert swept
    finally:
        app.extensions["qhana-lease"].stop()
        CELERY.worker_id = None


def test_an_idle_worker_hardly_asks_the_database(app: Flask) -> None:
    keeper: recovery.LeaseKeeper = app.extensions["qhana-lease"]
    keeper.start("idle@test")
    try:
        statements: list[str] = []
        sa.event.listen(
            DB.engine,
            "before_cursor_execute",
            lambda _c, _cur, statement, *_rest: statements.append(statement),
        )
        keeper._renew("idle@test")
        asked = len(statements)
    finally:
        keeper.stop()
        CELERY.worker_id = None
    # It does so three times in a lease of 30 seconds: that is half a statement a second.
    assert 1 <= asked <= 5, statements

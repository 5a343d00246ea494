# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What clients see of a task is read at once, and says the same as its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.leases import WorkerLease
from qhana_plugin_runner.db.models.task_record import (
    FileRecord,
    LinkRecord,
    StepRecord,
    TaskRecord,
    read_task,
)
from qhana_plugin_runner.db.models.tasks import (
    ProcessingTask,
    TaskFile,
    TaskLink,
    TaskState,
)
from services import fresh_database


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("records")
    with fresh_database(request.param, folder) as uri:
        app = build_app(folder, uri)
        with app.app_context():
            yield app
            DB.session.remove()


def new_task(files: int = 0, steps: int = 0, links: int = 0) -> ProcessingTask:
    task = ProcessingTask(task_name="test", task_log="Grüße 😀\n")
    task.save(commit=True)
    for number in range(steps):
        task.clear_previous_step()
        task.add_next_step(f"h{number}", f"u{number}", f"step-{number}")
    for number in range(links):
        TaskLink(task, f"type-{number}", "x" * 3000).save()
    for number in range(files):
        file = (f"tag-{number}", "local_filesystem", f"ä-{number}", f"data-{number}")
        TaskFile(task, *file, file_type=None if number else "custom/x").save()
    DB.session.commit()
    return task


def record_of_rows(task: ProcessingTask) -> TaskRecord:
    others = {"links", "steps", "outputs", "lease_ends_at"}
    names = TaskRecord.__dataclass_fields__.keys() - others
    lease = DB.session.get(WorkerLease, task.worker_id) if task.worker_id else None
    is_running = task.state == TaskState.RUNNING.value
    files = ([getattr(file, key) for key in FileRecord._fields] for file in task.outputs)
    return TaskRecord(
        **{name: getattr(task, name) for name in names},
        lease_ends_at=lease.expires_at if is_running and lease is not None else None,
        links=[LinkRecord(link.type, link.href) for link in task.links],
        steps=[StepRecord(s.step_id, s.href, s.ui_href, s.cleared) for s in task.steps],
        outputs=[FileRecord(*file) for file in files],
    )


@pytest.mark.parametrize("parts", [0, 1, 12])
def test_the_record_says_what_the_rows_say(app: Flask, parts: int):
    task = new_task(parts, parts, parts)
    assert read_task(task.id) == record_of_rows(task)


def test_a_task_that_was_worked_on(app: Flask):
    task = new_task(1)
    task.progress_value, task.progress_unit = 0.25, "rows"
    task.save(commit=True)
    assert ProcessingTask.take_up(task.id, f"run-{task.id}", None)
    DB.session.commit()
    record = read_task(task.id)
    assert record == record_of_rows(task)
    assert record.status == "PENDING"


@pytest.mark.parametrize("is_over", [False, True])
def test_the_lease_of_the_worker_is_known_while_the_task_runs(app: Flask, is_over: bool):
    task, lease_id = new_task(), f"lease-{is_over}"
    now = utc_now()
    DB.session.add(WorkerLease(lease_id, "worker", now, now))
    assert ProcessingTask.take_up(task.id, f"run-of-{lease_id}", lease_id)
    if is_over:
        task.finished_at = now
    DB.session.commit()
    record = read_task(task.id)
    assert record == record_of_rows(task)
    assert (record.lease_ends_at is None) == is_over


def test_each_task_has_its_own_parts(app: Flask):
    first, second = new_task(1, 1, 1), new_task(2, 2, 2)
    assert read_task(first.id) == record_of_rows(first)
    assert read_task(second.id) == record_of_rows(second)


@pytest.mark.parametrize("id_", [0, -1, 2**31 - 1, 2**31, 2**63, 10**40])
def test_there_is_no_such_task(app: Flask, id_: int):
    assert read_task(id_) is None


def test_one_statement_is_enough(app: Flask):
    task_id = new_task(3, 3, 3).id
    DB.session.remove()
    statements: list[str] = []

    def note(
        _connection: object, _cursor: object, statement: str, *_rest: object
    ) -> None:
        statements.append(statement)

    sa.event.listen(DB.engine, "before_cursor_execute", note)
    try:
        read_task(task_id)
    finally:
        sa.event.remove(DB.engine, "before_cursor_execute", note)
    assert len(statements) == 1

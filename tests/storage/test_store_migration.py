# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``flask store check`` and ``flask store migrate``."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy.orm.attributes import set_committed_value

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE, FileStore, LocalFileStore, ObjectStore
from qhana_plugin_runner.store_cli import STORE_CLI
from qhana_plugin_runner.store_migration import migrate

pytestmark = pytest.mark.usefixtures("task")

LOCAL, OBJECTS = "local_filesystem", "object_store"


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(STORE_CLI, list(arguments))


def persist(task: ProcessingTask, content: Any = b"content", name: str = "a") -> TaskFile:
    return STORE.persist_task_result(task.id, content, name, "custom", "text/plain")


def where(file_id: int) -> str:
    DB.session.expire_all()
    row = TaskFile.get_by_id(file_id)
    assert row is not None
    return row.storage_provider


def content(file_id: int) -> bytes:
    row = TaskFile.get_by_id(file_id)
    assert row is not None
    with STORE.open(row) as opened:
        return opened.read()


def files_on_disk() -> list[str]:
    store = STORE[LOCAL]
    assert isinstance(store, LocalFileStore)
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


def objects() -> list[str]:
    store = STORE[OBJECTS]
    assert isinstance(store, ObjectStore)
    fs, root = store.client._locate("")
    return sorted(key.rpartition("/")[2] for key in fs.find(root))


@pytest.mark.parametrize("object_settings", ["memory", "s3"], indirect=True)
def test_files_move_there_and_back(app: Flask, task: ProcessingTask) -> None:
    ids = [persist(task, f"text {number}", "a.txt").id for number in range(3)]
    temporary = STORE.persist_task_temp_file(task.id, b"t" * 9_000_000, "t.bin").id

    result = run(app, "migrate", LOCAL, OBJECTS)
    assert result.exit_code == 0, result.output
    assert "4 files (9000018 bytes) moved, 0 failed" in result.output
    assert {where(id_) for id_ in (*ids, temporary)} == {OBJECTS}
    assert [content(id_) for id_ in ids] == [b"text 0", b"text 1", b"text 2"]
    assert files_on_disk() == []

    assert run(app, "migrate", OBJECTS, LOCAL).exit_code == 0
    assert [content(id_) for id_ in ids] == [b"text 0", b"text 1", b"text 2"]
    assert files_on_disk() == ["a (2).txt", "a (3).txt", "a.txt", "t.bin"]
    assert objects() == []


def test_dry_run_only_counts(app: Flask, task: ProcessingTask) -> None:
    file_id = persist(task).id
    result = run(app, "migrate", LOCAL, OBJECTS, "--dry-run")
    assert "1 files would be moved" in result.output
    assert (where(file_id), objects()) == (LOCAL, [])


def test_only_the_files_of_one_task_move(app: Flask, task: ProcessingTask) -> None:
    other = ProcessingTask(task_name="other")
    other.save(commit=True)
    stays, moves = persist(task).id, persist(other).id
    assert run(app, "migrate", LOCAL, OBJECTS, "--task", str(other.id)).exit_code == 0
    assert (where(stays), where(moves)) == (LOCAL, OBJECTS)


def test_interrupted_migration_is_continued(app: Flask, task: ProcessingTask) -> None:
    ids = [persist(task, name=str(number)).id for number in range(5)]
    steps = migrate(LOCAL, OBJECTS)
    for _ in range(2):
        next(steps)
    steps.close()
    assert [where(id_) for id_ in ids] == [OBJECTS] * 2 + [LOCAL] * 3
    assert "3 files" in run(app, "migrate", LOCAL, OBJECTS).output
    assert {where(id_) for id_ in ids} == {OBJECTS}


def test_file_that_is_missing_is_named_and_the_others_move(
    app: Flask, task: ProcessingTask
) -> None:
    missing, present = persist(task, name="gone.txt"), persist(task, name="here.txt")
    STORE[LOCAL].delete_file(missing.file_storage_data)
    ids = missing.id, present.id
    result = run(app, "migrate", LOCAL, OBJECTS)
    assert result.exit_code == 1
    assert "gone.txt" in result.output
    assert [where(id_) for id_ in ids] == [LOCAL, OBJECTS]


def test_copy_with_other_bytes_is_deleted_and_the_original_stays(
    app: Flask, task: ProcessingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = persist(task).id

    def store_other(self: ObjectStore, task_file: TaskFile, file_: Any) -> str:
        return FileStore.store_copy(self, task_file, file_.read()[1:])

    monkeypatch.setattr(ObjectStore, "store_copy", store_other)
    result = run(app, "migrate", LOCAL, OBJECTS)
    assert (result.exit_code, "other bytes" in result.output) == (1, True)
    assert (where(file_id), content(file_id), objects()) == (LOCAL, b"content", [])


def test_file_that_is_deleted_meanwhile_leaves_no_copy(
    app: Flask, task: ProcessingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = persist(task)

    def delete_row(self: ObjectStore, task_file: TaskFile, file_: Any) -> str:
        stored = FileStore.store_copy(self, task_file, file_)
        DB.session.delete(task_file)
        DB.session.commit()
        return stored

    monkeypatch.setattr(ObjectStore, "store_copy", delete_row)
    assert row.id
    assert run(app, "migrate", LOCAL, OBJECTS).exit_code == 0
    assert objects() == []


def test_reader_with_an_old_row_finds_the_file(app: Flask, task: ProcessingTask) -> None:
    row = persist(task)
    row_id, old = row.id, (row.storage_provider, row.file_storage_data)
    assert run(app, "migrate", LOCAL, OBJECTS).exit_code == 0
    DB.session.expire_all()
    reader = TaskFile.get_by_id(row_id)
    assert reader is not None
    for name, value in zip(("storage_provider", "file_storage_data"), old, strict=True):
        set_committed_value(reader, name, value)
    with STORE.open(reader) as opened:
        assert opened.read() == b"content"


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (LOCAL, LOCAL, "in that store already"),
        (LOCAL, "url_file_store", "keeps no bytes"),
        ("url_file_store", LOCAL, "keeps no bytes"),
        (LOCAL, "nowhere", "no file store 'nowhere'"),
    ],
)
def test_migration_that_makes_no_sense_is_refused(
    app: Flask, task: ProcessingTask, source: str, target: str, reason: str
) -> None:
    result = run(app, "migrate", source, target)
    assert (result.exit_code, reason in result.output) == (1, True)


@pytest.mark.parametrize("object_settings", ["memory", "s3"], indirect=True)
def test_check_tries_every_store(app: Flask) -> None:
    result = run(app, "check", "--size", "10")
    assert f"{LOCAL} (default): ok, write " in result.output
    assert f"{OBJECTS}: ok, write " in result.output
    assert "url_file_store: keeps references only" in result.output
    assert (files_on_disk(), objects()) == ([], [])


def test_check_fails_with_the_reason(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalFileStore, "persist_file", refuse)
    result = run(app, "check")
    assert result.exit_code == 1
    assert f"{LOCAL} (default): FAILED, [Errno 28] No space left" in result.output


def test_check_fails_if_the_default_store_is_not_there(
    app: Flask, task: ProcessingTask
) -> None:
    del STORE.state.stores[LOCAL]
    STORE.state.failures[LOCAL] = "broken"
    result = run(app, "check")
    assert result.exit_code == 1
    assert f"{LOCAL} (default): not available, broken" in result.output

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What every file store must do; new stores are added to ``STORES``."""

from __future__ import annotations

import pytest
from flask import Flask

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE, FileStore

# Name of the store, and for the object store where its objects are.
WITH_CONTENT = [
    pytest.param("local_filesystem", "memory", id="local"),
    pytest.param("memory-like-a-plugin", "memory", id="plugin"),
    pytest.param("object_store", "memory", id="object-memory"),
    pytest.param("object_store", "s3", id="object-s3"),
]
STORES = [*WITH_CONTENT, pytest.param("url_file_store", "memory", id="url")]
URL = "https://files.example/result.csv"


@pytest.fixture
def store(store_name: str, app: Flask) -> FileStore:
    return STORE[store_name]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test for each store, those of ``TestContent`` if it keeps bytes."""
    stores = WITH_CONTENT if metafunc.cls is TestContent else STORES
    metafunc.parametrize(
        ("store_name", "object_settings"), stores, indirect=["object_settings"]
    )


def test_store_knows_its_name_and_app(
    store: FileStore, store_name: str, app: Flask
) -> None:
    assert store.name == store_name
    assert store.app is app


def test_result_has_a_committed_row(store: FileStore, task: ProcessingTask) -> None:
    stored = store.persist_task_result(task.id, URL, "a.csv", "entity/list", "text/csv")
    id_, task_id = stored.id, task.id
    DB.session.rollback()
    DB.session.expire_all()
    row = TaskFile.get_by_id(id_)
    assert row is not None
    assert (row.task_id, row.storage_provider) == (task_id, store.name)
    assert (row.file_name, row.file_type, row.mimetype) == (
        *("a.csv", "entity/list"),
        "text/csv",
    )
    assert TaskFile.get_task_result_files(task_id) == [row]


def test_commit_includes_other_changes(store: FileStore, task: ProcessingTask) -> None:
    task.parameters = "changed"
    store.persist_task_result(task.id, URL, "a.csv", "entity/list", "text/csv")
    DB.session.rollback()
    assert task.parameters == "changed"


def test_without_commit_the_row_can_be_rolled_back(
    store: FileStore, task: ProcessingTask
) -> None:
    store.persist_task_result(task.id, URL, "a.csv", "custom", "text/csv", commit=False)
    DB.session.rollback()
    assert TaskFile.get_task_result_files(task.id) == []


def test_temporary_file_is_not_a_result(store: FileStore, task: ProcessingTask) -> None:
    stored = store.persist_task_temp_file(task.id, URL, "a.bin")
    assert (stored.file_type, stored.mimetype) == (
        "temp-file",
        "application/octet-stream",
    )
    assert TaskFile.get_task_result_files(task.id) == []


def test_security_tags_are_long_and_differ(
    store: FileStore, task: ProcessingTask
) -> None:
    tags = {store.persist_task_temp_file(task.id, URL, "a").security_tag for _ in "abc"}
    assert len(tags) == 3
    assert all(len(tag) == 43 for tag in tags)


def test_unknown_task_is_a_key_error(store: FileStore) -> None:
    with pytest.raises(KeyError, match="no task 4711"):
        store.persist_task_result(4711, URL, "a.csv", "custom", "text/csv")


@pytest.mark.parametrize("name", ["../a", "a/../../b", "..", "a\\..\\b", "/etc/passwd"])
def test_name_that_leaves_the_folder_is_refused(
    store: FileStore, task: ProcessingTask, name: str
) -> None:
    with pytest.raises(ValueError, match="file name"):
        store.persist_task_result(task.id, URL, name, "custom", "text/csv")
    assert TaskFile.get_task_result_files(task.id) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\r\nSet-Cookie: b.csv", "a_Set-Cookie: b.csv"),
        ("nul\x00.csv", "nul_.csv"),
        ("\udcff.csv", "_.csv"),
        ("\u202egpj.exe", "_gpj.exe"),
        ("", "unnamed.csv"),
        (".", "unnamed.csv"),
        ("Zürich 東京 🎉.csv", "Zürich 東京 🎉.csv"),
        ("n" * 500, "n" * 500),
    ],
)
def test_name_is_cleaned(
    store: FileStore, task: ProcessingTask, name: str, shown: str
) -> None:
    stored = store.persist_task_result(task.id, URL, name, "custom", "text/csv")
    assert stored.file_name == shown


@pytest.mark.parametrize(
    ("name", "file_type", "mimetype"),
    [
        ("n" * 501, "custom", "text/csv"),
        ("a", "t" * 256, "text/csv"),
        ("a", "custom\x00", "text/csv"),
        ("a", "custom", "text/" + "x" * 251),
        ("a", "custom", "no-slash"),
        ("a", "custom", "text/html\r\nX-Evil: 1"),
    ],
)
def test_what_the_database_cannot_hold_is_refused(
    store: FileStore, task: ProcessingTask, name: str, file_type: str, mimetype: str
) -> None:
    with pytest.raises(ValueError, match=r"at\s+most"):
        store.persist_task_result(task.id, URL, name, file_type, mimetype)
    assert TaskFile.get_task_result_files(task.id) == []


def test_media_type_keeps_its_parameters(store: FileStore, task: ProcessingTask) -> None:
    stored = store.persist_task_result(
        task.id, URL, "a.csv", "custom", 'text/csv; charset="utf-8"'
    )
    assert stored.mimetype == 'text/csv; charset="utf-8"'


def test_handle_forwards_to_the_store_of_the_file(
    store: FileStore, task: ProcessingTask
) -> None:
    stored = STORE.persist_task_result(
        task.id, URL, "a.csv", "custom", "text/csv", storage_provider=store.name
    )
    assert stored.storage_provider == store.name
    assert STORE.get_task_file_url(stored) == store.get_task_file_url(stored)
    assert STORE.get_task_file_url(stored).startswith("http")


class TestContent:
    """Stores that keep bytes (not references)."""

    def test_content_can_be_opened(self, store: FileStore, task: ProcessingTask) -> None:
        stored = store.persist_task_result(task.id, "ä\r\n", "a", "custom", "text/plain")
        with STORE.open(stored) as file_:
            assert file_.read() == b"\xc3\xa4\r\n"

    def test_results_with_one_name_both_survive(
        self, store: FileStore, task: ProcessingTask
    ) -> None:
        contents = [b"first", b"second", b"third"]
        files = [
            store.persist_task_result(task.id, content, "a.txt", "custom", "text/plain")
            for content in contents
        ]
        assert [file_.file_name for file_ in files] == ["a.txt"] * 3
        for file_, content in zip(files, contents, strict=True):
            with store.open(file_) as opened:
                assert opened.read() == content

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``STORE`` finds the stores of the current app and reports those that failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.task_record import read_task
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.errors import ConfigurationError
from qhana_plugin_runner.storage import (
    STORE,
    FileStore,
    FileStoreInterface,
    FileStoreRegistry,
    LocalFileStore,
)

MakeApp = Callable[..., Flask]


@pytest.fixture
def broken_store() -> Iterator[type[FileStore]]:
    class BrokenStore(FileStore, name="broken"):
        def init_app(self, app: Flask) -> None:
            raise KeyError("MINIO_CLIENT")

    yield BrokenStore
    del FileStore.classes["broken"]


def test_handle_is_a_store_itself() -> None:
    assert isinstance(STORE, FileStoreRegistry)
    assert isinstance(STORE, FileStoreInterface)


def test_default_store(app: Flask) -> None:
    assert STORE.state.default == "local_filesystem"
    assert isinstance(STORE["local_filesystem"], LocalFileStore)
    assert "local_filesystem" in STORE
    assert "minio" not in STORE


def test_default_store_is_a_setting(tmp_path: Path, make_app: MakeApp) -> None:
    app = make_app(tmp_path / "i", DEFAULT_FILE_STORE="memory-like-a-plugin")
    with app.app_context():
        DB.create_all()
        task = ProcessingTask(task_name="test")
        task.save(commit=True)
        stored = STORE.persist_task_result(task.id, b"x", "a", "custom", "text/plain")
        assert stored.storage_provider == "memory-like-a-plugin"


def test_unknown_store_is_a_key_error_with_the_known_ones(task: ProcessingTask) -> None:
    with pytest.raises(KeyError, match="no file store 'minio'.*local_filesystem"):
        STORE.persist_task_result(
            task.id, b"x", "a", "custom", "text/plain", storage_provider="minio"
        )


def test_unknown_default_store_is_reported_but_does_not_stop_the_start(
    tmp_path: Path, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(tmp_path / "i", DEFAULT_FILE_STORE="minio")
    assert "no file store 'minio'" in caplog.text
    with app.app_context():
        assert "minio" in (STORE.check() or "")
        with pytest.raises(KeyError, match="DEFAULT_FILE_STORE"):
            STORE.persist_file(b"x", "a")


def test_broken_store_is_dropped_with_its_reason(
    tmp_path: Path,
    make_app: MakeApp,
    broken_store: type[FileStore],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        app = make_app(tmp_path / "i")
    assert "broken is not available: KeyError: 'MINIO_CLIENT'" in caplog.text
    with app.app_context():
        assert STORE.state.failures["broken"] == "KeyError: 'MINIO_CLIENT'"
        assert STORE.check() is None
        with pytest.raises(KeyError, match="not available: KeyError: 'MINIO_CLIENT'"):
            STORE["broken"]


def test_apps_have_their_own_stores(tmp_path: Path, make_app: MakeApp) -> None:
    first, second = make_app(tmp_path / "a"), make_app(tmp_path / "b")
    for app in (first, second, first):
        with app.app_context():
            store = STORE["local_filesystem"]
            assert isinstance(store, LocalFileStore)
            assert store.app is app
            assert store.root == Path(app.instance_path) / "files"


def test_store_classes_that_claim_one_name_are_reported(
    broken_store: type[FileStore], caplog: pytest.LogCaptureFixture
) -> None:
    class Other(FileStore, name="broken"):
        pass

    assert FileStore.classes["broken"] is Other
    assert "BrokenStore" in caplog.text
    assert "the last wins" in caplog.text


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_store_name_must_fit_the_database(name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 64"):
        type("Bad", (FileStore,), {}, name=name)


def test_store_without_deletion_is_a_collected_problem(task: ProcessingTask) -> None:
    stored = STORE.persist_task_result(
        *(task.id, b"x", "a.txt", "custom", "text/plain"),
        storage_provider="memory-like-a-plugin",
    )
    assert STORE.delete_task_files([stored]) == [
        f"The file 'a.txt' ({stored.id}) was not deleted: The store "
        "memory-like-a-plugin cannot delete files."
    ]


def test_base_class_offers_what_plugins_call(app: Flask) -> None:
    class Minimal(FileStore):
        calls: list[Any] = []

    store = Minimal(app)
    assert store.app is app
    assert store._get_file_identifier(Path("task_1/out/a")) == "task_1/out/a"
    assert store.prepare_path("a/./b.csv") == Path("a/b.csv")
    with pytest.raises(ValueError, match=r"\.\."):
        store.prepare_path("../b.csv")


def test_a_store_of_a_plugin_gets_the_row_for_its_url(
    tmp_path: Path, make_app: MakeApp
) -> None:
    class TaggedStore(LocalFileStore, name="tagged"):
        def get_task_file_url(self, task_file: TaskFile, external: bool = True) -> str:
            assert task_file.task is not None
            return f"https://files.example/{task_file.task.task_name}"

    try:
        app = make_app(tmp_path / "i", DEFAULT_FILE_STORE="tagged")
        with app.app_context():
            DB.create_all()
            task = ProcessingTask(task_name="test")
            task.save(commit=True)
            STORE.persist_task_result(task.id, b"x", "a", "custom", "text/plain")
            record = read_task(task.id)
            assert record is not None
            url = STORE.record_urls()(record.outputs[0])
            assert url == "https://files.example/test"
    finally:
        del FileStore.classes["tagged"]

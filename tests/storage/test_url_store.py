# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The store of references keeps URLs as they are."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask

from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.storage import STORE

URL = "https://files.example/a%20b.csv?tag=x#part"


def persist(task: ProcessingTask, file_: Any) -> Any:
    return STORE.persist_task_result(
        task.id, file_, "a.csv", "custom", "text/csv", storage_provider="url_file_store"
    )


def test_url_is_stored_and_given_as_it_is(task: ProcessingTask) -> None:
    stored = persist(task, URL)
    assert stored.file_storage_data == URL
    assert STORE.get_task_file_url(stored) == URL
    assert STORE.get_task_file_url(stored, external=False) == URL
    assert STORE.get_file_url(URL, storage_provider="url_file_store") == URL


def test_one_url_can_be_stored_twice(task: ProcessingTask) -> None:
    assert [persist(task, URL).file_storage_data for _ in "ab"] == [URL, URL]


@pytest.mark.parametrize(
    "content", [b"https://a.example/", io.StringIO(URL), "", "no url", "http://a\r\nb"]
)
def test_what_is_no_url_is_a_value_error(task: ProcessingTask, content: Any) -> None:
    with pytest.raises(ValueError, match="absolute URL"):
        persist(task, content)


def test_deleting_leaves_the_file_of_others_alone(
    app: Flask, task: ProcessingTask
) -> None:
    assert STORE.delete_task_files([persist(task, URL)]) == []

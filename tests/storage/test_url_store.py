# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The store of references keeps URLs as they are."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
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


class _FileServer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/a.csv":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.end_headers()
        self.wfile.write(b"ID,x\r\n" * 100_000)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def file_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _FileServer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_opening_fetches_the_url(task: ProcessingTask, file_server: str) -> None:
    with STORE.open(persist(task, f"{file_server}/a.csv")) as file_:
        assert file_.read(4) == b"ID,x"
        assert len(file_.read()) == 599_996


def test_opening_what_is_gone_is_an_error(task: ProcessingTask, file_server: str) -> None:
    with (
        pytest.raises(requests.HTTPError),
        STORE.open(persist(task, f"{file_server}/gone.csv")),
    ):
        pass


def test_opening_obeys_the_fetch_policy(
    app: Flask, task: ProcessingTask, file_server: str
) -> None:
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    stored = persist(task, f"{file_server}/a.csv")
    with pytest.raises(ValueError, match="private network"), STORE.open(stored):
        pass


def test_local_file_can_be_opened_by_its_internal_url(task: ProcessingTask) -> None:
    local = STORE.persist_task_result(task.id, "x", "ä #1.csv", "custom", "text/csv")
    url = STORE.get_task_file_url(local, external=False)
    with STORE.open(persist(task, url)) as file_:
        assert file_.read() == b"x"

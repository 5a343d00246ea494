# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``GET /files/<id>/?file-id=<tag>`` for files in an object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE
from runner_process import free_port
from s3_server import S3Server, s3_server

CONTENT = b"0123456789" * 30

MakeApp = Callable[..., Flask]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def app(make_app: MakeApp, s3: S3Server) -> Iterator[Flask]:
    app = make_app(**s3.settings())
    with app.app_context():
        yield app


@pytest.fixture
def file_(task: ProcessingTask) -> TaskFile:
    return STORE.persist_task_result(
        task.id, CONTENT, "a <b>.html", "custom", "text/html"
    )


def url(file: TaskFile) -> str:
    return f"/files/{file.id}/?file-id={file.security_tag}"


def test_object_is_sent_like_a_local_file(
    client: FlaskClient, file_: TaskFile, task: ProcessingTask, make_app: MakeApp
) -> None:
    answer = client.get(url(file_))
    assert (answer.status_code, answer.data) == (200, CONTENT)
    with make_app().app_context() as context:
        local_task = ProcessingTask(task_name="t")
        local_task.save(commit=True)
        local = STORE.persist_task_result(
            local_task.id, CONTENT, "a <b>.html", "custom", "text/html"
        )
        local_answer = context.app.test_client().get(url(local))
    varying = {"Date", "ETag", "Last-Modified", "X-Request-ID"}
    assert {key: value for key, value in answer.headers if key not in varying} == {
        key: value for key, value in local_answer.headers if key not in varying
    }
    assert varying <= set(answer.headers.keys()) | {"Date"}


def test_head_has_the_length_and_no_body(client: FlaskClient, file_: TaskFile) -> None:
    answer = client.head(url(file_))
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == "300"


@pytest.mark.parametrize(
    ("range_", "content_range", "content"),
    [
        ("bytes=100-109", "bytes 100-109/300", CONTENT[100:110]),
        ("bytes=-5", "bytes 295-299/300", CONTENT[-5:]),
        ("bytes=295-", "bytes 295-299/300", CONTENT[295:]),
    ],
)
def test_range_is_partial_content(
    client: FlaskClient, file_: TaskFile, range_: str, content_range: str, content: bytes
) -> None:
    answer = client.get(url(file_), headers={"Range": range_})
    assert (answer.status_code, answer.data) == (206, content)
    assert answer.headers["Content-Range"] == content_range


def test_object_that_did_not_change_is_not_sent_again(
    client: FlaskClient, file_: TaskFile
) -> None:
    etag = client.get(url(file_)).headers["ETag"]
    answer = client.get(url(file_), headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")


def test_object_needs_its_tag(client: FlaskClient, file_: TaskFile) -> None:
    assert client.get(f"/files/{file_.id}/?file-id=no").status_code == 404


def test_object_that_is_gone_is_not_found(client: FlaskClient, file_: TaskFile) -> None:
    STORE["object_store"].delete_file(file_.file_storage_data)
    answer = client.get(url(file_))
    assert (answer.status_code, answer.json["message"]) == (404, "File not found.")


def test_store_that_is_down_is_503(make_app: MakeApp) -> None:
    app = make_app(
        OBJECT_STORE_URL="s3://bucket/folder",
        OBJECT_STORE_OPTIONS={
            **{"endpoint_url": f"http://127.0.0.1:{free_port()}"},
            **{"key": "k", "secret": "s"},
        },
    )
    with app.app_context():
        task = ProcessingTask(task_name="t")
        task.save(commit=True)
        row = TaskFile(task, "tag", "object_store", "a", "task_1/out/a", "t", "text/csv")
        row.save(commit=True)
        answer = app.test_client().get(url(row))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "object store" in answer.json["message"]


class TestPresigned:
    """Clients are sent to the object store."""

    @pytest.fixture
    def app(self, make_app: MakeApp, s3: S3Server) -> Iterator[Flask]:
        app = make_app(**s3.settings(), OBJECT_STORE_DOWNLOAD="presigned")
        with app.app_context():
            yield app

    def test_plain_get_ends_with_the_content(
        self, client: FlaskClient, file_: TaskFile
    ) -> None:
        answer = client.get(url(file_))
        assert answer.status_code == 302
        assert answer.headers["Cache-Control"] == "no-store"
        with requests.Session() as session:
            session.trust_env = False
            got = session.get(
                answer.headers["Location"], headers={"Range": "bytes=0-9"}, timeout=10
            )
        assert (got.status_code, got.content) == (206, CONTENT[:10])
        assert got.headers["Content-Type"] == "text/html; charset=utf-8"
        assert got.headers["Content-Disposition"].startswith("inline; filename=")

    def test_url_is_valid_for_two_hours_at_least(
        self, client: FlaskClient, file_: TaskFile
    ) -> None:
        location = client.get(url(file_)).headers["Location"]
        (seconds,) = (
            int(part.partition("=")[2])
            for part in location.split("&")
            if part.startswith(("X-Amz-Expires=", "Expires="))
        )
        assert seconds >= 7200

    def test_head_is_answered_by_the_runner(
        self, client: FlaskClient, file_: TaskFile
    ) -> None:
        answer = client.head(url(file_))
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, "300")

    def test_tag_is_checked_first(self, client: FlaskClient, file_: TaskFile) -> None:
        assert client.get(f"/files/{file_.id}/?file-id=no").status_code == 404

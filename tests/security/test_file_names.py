# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""File names and media types made to do harm, from browsers and from plugins.

Whatever the name: nothing is written or read outside of the store, no header is forged,
and the file can be downloaded with its true bytes (or the name is refused).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskState
from qhana_plugin_runner.errors import InvalidFileContentError, InvalidFileNameError
from qhana_plugin_runner.storage import STORE

PLUGINS = Path(__file__).parents[2] / "plugins"
CONTENT = b"the true content"

NAMES = [
    "/etc/passwd",
    "../../../evil.txt",
    "..",
    ".",
    "",
    " ",
    "a/../../evil.txt",
    "....//....//evil.txt",
    "%2e%2e%2fevil.txt",
    "..%c0%afevil.txt",
    "C:\\Windows\\evil.dll",
    "C:evil.txt",
    "\\\\host\\share\\evil.txt",
    "..\\..\\evil.txt",
    "file:///etc/passwd",
    "a\r\nSet-Cookie: evil=1\r\n\r\n<script>",
    'a"; filename="evil.html',
    "a;b=c,d.txt",
    "evil.txt\x00.png",
    "con",
    "NUL.txt",
    "lpt1.csv",
    "trailing.",
    "trailing ",
    ".htaccess",
    ".bashrc",
    "-rf",
    "$(touch evil).txt",
    "`touch evil`.txt",
    "gnp.\u202eexe",
    "\ufeffmark.txt",
    "ａｂｃ／．．／evil.txt",
    "a\u2028b.txt",
    "emoji \U0001f600.txt",
    "e\u0301.txt",
    "n" * 300 + ".txt",
    "ä" * 200 + ".txt",
    "n" * 600,
    "a/b/c/d.txt",
    "x.txt:stream",
    "<img src=x onerror=alert(1)>.txt",
]
MEDIA_TYPES = [
    "text/html\r\nX-Evil: 1",
    "text/html\nX-Evil: 1",
    "no-slash",
    "/",
    "text/",
    "/html",
    "text/html/more",
    "text html",
    "text/ht ml",
    "téxt/plain",
    "text/plain; charset=\x00",
    "text/plain; name=\u202e",
    "t" * 300 + "/plain",
    "multipart/form-data; boundary=\r\n",
    "text/plain, text/html",
    "*/*",
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("names")
    uri = f"sqlite:///{folder / 'names.db'}"
    app = build_app(folder, uri, PLUGIN_FOLDERS=[str(PLUGINS)])
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def task(app: Flask) -> Iterator[ProcessingTask]:
    task = ProcessingTask(task_name="names")
    task.save(commit=True)
    yield task
    DB.session.rollback()


@pytest.fixture(autouse=True)
def _nothing_leaves_the_store(app: Flask) -> Iterator[None]:
    """Nothing outside of the store is new after a test, whatever it did.

    The runner itself goes on writing messages (``celery``), counters (``metrics``) and
    its database.
    """
    root = Path(app.config["FILE_STORE_ROOT_PATH"])

    def others() -> set[Path]:
        around = root.parent.parent
        return {
            path
            for path in around.rglob("*")
            if not path.is_relative_to(root)
            and ".db" not in path.name
            and not {"celery", "metrics"} & set(path.relative_to(around).parts)
        }

    before = others()
    yield
    assert others() <= before
    for path in root.rglob("*"):
        assert not path.is_symlink()


def assert_clean_download(client: FlaskClient, href: str) -> TestResponse:
    """Download a file and look at its headers as a browser does."""
    parts = urlsplit(href)
    answer = client.get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 200
    assert answer.data == CONTENT
    (disposition,) = answer.headers.getlist("Content-Disposition")
    assert disposition.isascii()
    assert re.fullmatch(
        r"inline; filename=([\w.-]+|\"[^\"\\]*\"; filename\*=UTF-8''[\w.~%!#$&+^`|-]*)",
        disposition,
        re.ASCII,
    )
    assert "Set-Cookie" not in answer.headers
    assert "X-Evil" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for name, value in answer.headers:
        assert (name + value).isprintable()
    return answer


def hrefs_of(client: FlaskClient, task: ProcessingTask) -> list[str]:
    """Finish a task and return the URLs of its outputs."""
    assert ProcessingTask.close(task.id, TaskState.SUCCEEDED, "done")
    DB.session.commit()
    outputs = client.get(f"/tasks/{task.id}/").get_json()["outputs"]
    return [output["href"] for output in outputs]


@pytest.mark.parametrize("name", NAMES)
def test_a_result_of_any_name_is_stored_safely_or_refused(
    client: FlaskClient, task: ProcessingTask, name: str
) -> None:
    try:
        STORE.persist_task_result(task.id, CONTENT, name, "text", "text/plain")
    except InvalidFileNameError as error:
        assert str(error)
        return
    (href,) = hrefs_of(client, task)
    assert_clean_download(client, href)


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_of_any_name_is_stored_safely_or_refused(
    client: FlaskClient, name: str
) -> None:
    boundary = "b0undary"
    quoted = name.replace('"', "%22")
    body = b"\r\n".join(
        [
            f"--{boundary}".encode(),
            f'Content-Disposition: form-data; name="file"; filename="{quoted}"'.encode(),
            b"Content-Type: text/plain",
            b"",
            CONTENT,
            f"--{boundary}".encode(),
            b'Content-Disposition: form-data; name="dataType"',
            b"",
            b"text",
            f"--{boundary}--".encode(),
            b"",
        ]
    )
    answer = client.post(
        "/plugins/file-upload@v1-0-0/process/",
        data=body,
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    assert answer.status_code in (303, 400, 422)
    if answer.status_code == 303:
        task = client.get(answer.headers["Location"]).get_json()
        assert task["status"] == "SUCCESS", task["log"]
        assert_clean_download(client, task["outputs"][0]["href"])


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_result_of_any_media_type_is_served_safely_or_refused(
    client: FlaskClient, task: ProcessingTask, media_type: str
) -> None:
    try:
        STORE.persist_task_result(task.id, CONTENT, "a.txt", "text", media_type)
    except InvalidFileContentError as error:
        assert str(error)
        return
    (href,) = hrefs_of(client, task)
    answer = assert_clean_download(client, href)
    assert answer.headers["Content-Type"].count("charset") <= 1


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_an_upload_of_any_media_type_is_refused_or_harmless(
    client: FlaskClient, media_type: str
) -> None:
    answer = client.post(
        "/plugins/file-upload@v1-0-0/process/",
        data={
            "dataType": "text",
            "contentType": media_type,
            "file": (BytesIO(CONTENT), "a.txt", "text/plain"),
        },
    )
    assert answer.status_code in (303, 422)
    if answer.status_code == 303:
        task = client.get(answer.headers["Location"]).get_json()
        assert_clean_download(client, task["outputs"][0]["href"])


@pytest.mark.parametrize(
    "data_type", ["a\x00b", "x" * 300, "a\r\nX-Evil: 1", "\u202e", "é" * 200, ""]
)
def test_a_data_type_forges_no_header(
    client: FlaskClient, task: ProcessingTask, data_type: str
) -> None:
    try:
        STORE.persist_task_result(task.id, CONTENT, "a.txt", data_type, "text/plain")
    except InvalidFileContentError as error:
        assert str(error)
        return
    for href in hrefs_of(client, task):
        assert_clean_download(client, href)


def test_files_of_one_name_do_not_overwrite_each_other(
    client: FlaskClient, task: ProcessingTask
) -> None:
    for content in (b"first", b"second", b"third"):
        STORE.persist_task_result(task.id, content, "same.txt", "text", "text/plain")
    hrefs = [href.partition("localhost")[2] for href in hrefs_of(client, task)]
    contents = [client.get(href).data for href in hrefs]
    assert contents == [b"first", b"second", b"third"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../outside.txt", "files/../../x", "link/passwd"]
)
def test_a_row_that_points_elsewhere_serves_nothing(
    app: Flask, client: FlaskClient, task: ProcessingTask, path: str
) -> None:
    """Rows of older versions, or of somebody who can write into the database."""
    root = Path(app.config["FILE_STORE_ROOT_PATH"])
    stored = STORE.persist_task_result(task.id, CONTENT, "a.txt", "text", "text/plain")
    stored.file_storage_data = path
    DB.session.commit()
    url = f"/files/{stored.id}/?file-id={stored.security_tag}"
    link = root / "link"
    link.symlink_to("/etc")
    try:
        answer = client.get(url)
    finally:
        link.unlink()
    assert answer.status_code == 404
    assert b"root:" not in answer.data


@pytest.mark.parametrize("tag", ["", "wrong", "é", "\x00", "a" * 5000, "%00", "' OR 1=1"])
def test_no_tag_opens_a_file_but_its_own(
    client: FlaskClient, task: ProcessingTask, tag: str
) -> None:
    stored = STORE.persist_task_result(task.id, CONTENT, "a.txt", "text", "text/plain")
    answers = [
        client.get(f"/files/{id_}/", query_string={"file-id": tag})
        for id_ in (stored.id, 2**31 - 1)
    ]
    assert {answer.status_code for answer in answers} <= {404, 414, 422}
    assert answers[0].data == answers[1].data

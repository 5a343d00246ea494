# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``GET /files/<id>/?file-id=<tag>``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.http import parse_options_header

from qhana_plugin_runner.api.byte_ranges import understood_range
from qhana_plugin_runner.api.files_api import content_disposition
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE

CONTENT = b"0123456789" * 30

StoreFile = Callable[..., TaskFile]


def url(file: TaskFile) -> str:
    return f"/files/{file.id}/?file-id={file.security_tag}"


def test_file_as_it_was_stored(client: FlaskClient, store_file: StoreFile):
    answer = client.get(url(store_file()))
    assert answer.status_code == 200
    assert answer.data == CONTENT
    headers = answer.headers
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Disposition"] == "inline; filename=out.txt"
    assert headers["Content-Length"] == "300"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Data-Type"] == "entity/list"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert parsedate_to_datetime(headers["Last-Modified"]).tzinfo is not None
    assert headers["ETag"].startswith('"')


def test_head_has_the_headers_and_no_body(client: FlaskClient, store_file: StoreFile):
    file = store_file()
    got, head = client.get(url(file)), client.head(url(file))
    assert head.status_code == 200
    assert head.data == b""
    varying = {"Date", "X-Request-ID"}
    assert {k: v for k, v in head.headers if k not in varying} == {
        k: v for k, v in got.headers if k not in varying
    }


@pytest.mark.parametrize(
    ("range_", "content_range", "content"),
    [
        ("bytes=100-109", "bytes 100-109/300", CONTENT[100:110]),
        ("bytes=0-0", "bytes 0-0/300", b"0"),
        ("bytes=295-", "bytes 295-299/300", CONTENT[295:]),
        ("bytes=-5", "bytes 295-299/300", CONTENT[-5:]),
        ("bytes=290-1000", "bytes 290-299/300", CONTENT[290:]),
        ("bytes=-1000", "bytes 0-299/300", CONTENT),
    ],
)
def test_range_is_partial_content(
    client: FlaskClient,
    store_file: StoreFile,
    range_: str,
    content_range: str,
    content: bytes,
):
    answer = client.get(url(store_file()), headers={"Range": range_})
    assert answer.status_code == 206
    assert answer.data == content
    assert answer.headers["Content-Range"] == content_range
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("range_", ["bytes=300-", "bytes=300-400", "bytes=5000-"])
def test_range_behind_the_end_is_refused(
    client: FlaskClient, store_file: StoreFile, range_: str
):
    answer = client.get(url(store_file()), headers={"Range": range_})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */300"
    assert answer.json == {"code": 416, "status": "Requested Range Not Satisfiable"}


@pytest.mark.parametrize(
    "range_", ["lines=1-2", "bytes=", "x", "bytes=a-b", "bytes=5-2", "bytes=0-1,5-6", ""]
)
def test_range_that_is_not_understood_is_ignored(
    client: FlaskClient, store_file: StoreFile, range_: str
):
    answer = client.get(url(store_file()), headers={"Range": range_})
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.headers["Accept-Ranges"] == "bytes"


@given(st.text(st.characters(codec="ascii"), max_size=20), st.integers(0, 100))
def test_any_range_is_understood_or_ignored(text: str, size: int):
    for header in (text, f"bytes={text}"):
        understood = understood_range(header, size)
        assert understood is None or understood.startswith("bytes=")


def test_range_of_an_empty_file_is_the_file(client: FlaskClient, store_file: StoreFile):
    answer = client.get(url(store_file(b"")), headers={"Range": "bytes=0-"})
    assert (answer.status_code, answer.data) == (200, b"")


def test_range_of_another_version_gives_the_whole_file(
    client: FlaskClient, store_file: StoreFile
):
    headers = {"Range": "bytes=1-2", "If-Range": '"another"'}
    answer = client.get(url(store_file()), headers=headers)
    assert (answer.status_code, answer.data) == (200, CONTENT)


def test_known_etag_is_not_modified(client: FlaskClient, store_file: StoreFile):
    file = store_file()
    etag = client.get(url(file)).headers["ETag"]
    answer = client.get(url(file), headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == etag


def test_other_etag_gives_the_file(client: FlaskClient, store_file: StoreFile):
    answer = client.get(url(store_file()), headers={"If-None-Match": '"other"'})
    assert answer.status_code == 200


def test_file_of_that_date_is_not_modified(client: FlaskClient, store_file: StoreFile):
    file = store_file()
    date = client.get(url(file)).headers["Last-Modified"]
    answer = client.get(url(file), headers={"If-Modified-Since": date})
    assert answer.status_code == 304


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("out.txt", "out.txt"),
        ("Größe über alles.csv", "Größe über alles.csv"),
        ("数据 🌍.json", "数据 🌍.json"),
        ('quote " and \\ .txt', None),
        ("a;b=c,d.txt", "a;b=c,d.txt"),
        ("50%.txt", "50%.txt"),
        ("line\r\nX-Evil: 1.txt", None),
        ("tab\t.txt", None),
        ("\u202egnp.exe", None),
    ],
)
def test_names_survive_and_inject_nothing(
    client: FlaskClient, store_file: StoreFile, name: str, shown: str | None
):
    answer = client.get(url(store_file(name=name)))
    assert answer.status_code == 200
    assert "X-Evil" not in answer.headers
    kind, parameters = parse_options_header(answer.headers["Content-Disposition"])
    assert kind == "inline"
    if shown is not None:
        assert parameters["filename"] == shown


def test_line_breaks_of_an_old_row_are_cleaned(
    client: FlaskClient, store_file: StoreFile
):
    file = store_file()
    file.file_name = "a\r\nX-Evil: 1\x00\x85\u2028.txt"
    file.file_type = "x\r\nX-Evil: 1"
    file.mimetype = "text/html\r\nX-Evil: 1"
    DB.session.commit()
    answer = client.get(url(file))
    assert answer.status_code == 200
    assert "X-Evil" not in answer.headers
    assert answer.headers["Content-Type"] == "application/octet-stream"


@given(st.text(max_size=300))
def test_any_name_is_a_valid_header(name: str):
    header = content_disposition(name)
    header.encode("latin-1")
    Headers([("Content-Disposition", header)])
    assert header.isprintable()
    kind, parameters = parse_options_header(header)
    assert kind == "inline"
    if name.isprintable() and name.strip() == name != "" and '"' not in name:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            return
        assert parameters["filename"] == name


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv; charset=latin-1", "text/csv; charset=latin-1"),
        ("text/html", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/X-lines+json", "application/X-lines+json"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_content_type_is_the_stored_one(
    client: FlaskClient, store_file: StoreFile, stored: str, sent: str
):
    answer = client.get(url(store_file(content_type=stored)))
    assert answer.headers["Content-Type"] == sent


@pytest.mark.parametrize("stored", ["no-slash", "", "text/", "/html", "a b/c", "text/ü"])
def test_content_type_that_is_none_becomes_bytes(
    client: FlaskClient, store_file: StoreFile, stored: str
):
    file = store_file(name="without-suffix")
    file.mimetype = stored
    DB.session.commit()
    answer = client.get(url(file))
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_missing_content_type_is_guessed_from_the_name(
    client: FlaskClient, store_file: StoreFile
):
    file = store_file(name="x.json")
    file.mimetype = None
    DB.session.commit()
    assert client.get(url(file)).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "type_", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "a/b"]
)
def test_active_content_is_no_part_of_this_origin(
    client: FlaskClient, store_file: StoreFile, type_: str
):
    answer = client.get(url(store_file(b"<script>1</script>", content_type=type_)))
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert "allow-scripts" in policy  # plots contain their scripts
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_url_with_the_tag_is_not_sent_to_others(
    client: FlaskClient, store_file: StoreFile
):
    assert client.get(url(store_file())).headers["Referrer-Policy"] == "no-referrer"


def test_wrong_tag_is_not_found(client: FlaskClient, store_file: StoreFile):
    file = store_file()
    answer = client.get(f"/files/{file.id}/?file-id={file.security_tag}x")
    assert answer.status_code == 404
    assert answer.json == {
        "code": 404,
        "message": "File not found.",
        "status": "Not Found",
    }


@pytest.mark.parametrize("tag", ["", "%FF", "ü", "a" * 5000, "%0d%0a"])
def test_strange_tag_is_not_found(client: FlaskClient, store_file: StoreFile, tag: str):
    answer = client.get(f"/files/{store_file().id}/?file-id={tag}")
    assert answer.status_code == 404


def test_tag_of_another_file_is_not_found(client: FlaskClient, store_file: StoreFile):
    first, second = store_file(), store_file()
    answer = client.get(f"/files/{first.id}/?file-id={second.security_tag}")
    assert answer.status_code == 404


def test_missing_tag_is_invalid(client: FlaskClient, store_file: StoreFile):
    answer = client.get(f"/files/{store_file().id}/")
    assert answer.status_code == 422
    missing = ["Missing data for required field."]
    assert answer.json == {
        "code": 422,
        "errors": {"query": {"file-id": missing}},
        "status": "Unprocessable Entity",
    }


def test_other_query_parameters_are_ignored(client: FlaskClient, store_file: StoreFile):
    assert client.get(f"{url(store_file())}&download=1").status_code == 200


@pytest.mark.parametrize(
    "id_",
    [
        "0",
        "999999",
        "2147483648",
        "9223372036854775808",
        "9" * 400,
        "1" * 5000,
        "-1",
        "abc",
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_unknown_ids_are_not_found(client: FlaskClient, id_: str):
    assert client.get(f"/files/{id_}/?file-id=x").status_code == 404


def test_temporary_file_is_served_with_a_warning(
    client: FlaskClient, task: ProcessingTask, caplog: pytest.LogCaptureFixture
):
    file = STORE.persist_task_temp_file(task.id, b"temp", "temp.bin")
    with caplog.at_level(logging.WARNING):
        answer = client.get(url(file))
    assert answer.data == b"temp"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_file_of_another_store_is_not_found(client: FlaskClient, task: ProcessingTask):
    file = STORE.persist_task_result(
        task.id,
        "http://elsewhere/data.csv",
        "data.csv",
        "entity/list",
        "text/csv",
        storage_provider="url_file_store",
    )
    assert client.get(url(file)).status_code == 404


def test_file_without_bytes_is_not_found(client: FlaskClient, store_file: StoreFile):
    file = store_file()
    Path(file.file_storage_data).unlink()
    assert client.get(url(file)).status_code == 404


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "", "."])
def test_row_that_points_outside_is_not_found(
    client: FlaskClient, store_file: StoreFile, path: str
):
    file = store_file()
    file.file_storage_data = path
    DB.session.commit()
    assert client.get(url(file)).status_code == 404

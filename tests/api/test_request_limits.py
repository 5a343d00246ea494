# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How long requests may be and how often work may be started."""

from __future__ import annotations

import io
import json
import logging
import uuid
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.conftest import LAB_PLUGINS, MakeApp
from qhana_plugin_runner.api.rate_counter import SubmissionRate
from qhana_plugin_runner.config.parsers import rates
from services import require

LAB = "/plugins/api-lab@v1-2-0"
MULTIPART = "multipart/form-data; boundary=b"
REDIS = "redis://localhost:6379/0"
URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def small_client(make_app: MakeApp) -> FlaskClient:
    """A client of an app that takes 300,000 bytes, 100,000 of them in memory."""
    app = make_app(
        PLUGIN_FOLDERS=[str(LAB_PLUGINS)],
        MAX_CONTENT_LENGTH=300_000,
        MAX_FORM_MEMORY_SIZE=100_000,
    )
    return app.test_client()


def upload(size: int) -> bytes:
    head = (
        b"--b\r\nContent-Disposition: form-data; name=inputStr\r\n\r\nx\r\n--b\r\n"
        b"Content-Disposition: form-data; name=someFile; filename=a.bin\r\n"
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    tail = b"\r\n--b--\r\n"
    return head + b"x" * (size - len(head) - len(tail)) + tail


def send(
    client: FlaskClient, path: str, body: bytes, type_: str, declared: bool
) -> TestResponse:
    if declared:
        return client.post(path, data=body, content_type=type_)
    return client.post(
        path,
        input_stream=io.BytesIO(body),
        content_type=type_,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("path", "type_", "body", "status"),
    [
        (f"{LAB}/upload/", MULTIPART, upload(290_000), 200),
        (f"{LAB}/upload/", MULTIPART, upload(310_000), 413),
        (f"{LAB}/process/", URLENCODED, b"inputStr=" + b"x" * 80_000, 200),
        (f"{LAB}/process/", URLENCODED, b"inputStr=" + b"x" * 110_000, 413),
        ("/tasks/1/", "application/json", b'{"command": "subscribe"}', 422),
        ("/tasks/1/", "application/json", b'["' + b"x" * 110_000 + b'"]', 413),
        ("/tasks/1/", "application/x+json", b"[" * 110_000, 413),
        ("/tasks/1/", "application/json", b"x" * 310_000, 413),
    ],
)
def test_bodies_have_a_longest_length(
    small_client: FlaskClient,
    path: str,
    type_: str,
    body: bytes,
    status: int,
    declared: bool,
) -> None:
    answer = send(small_client, path, body, type_, declared)
    assert answer.status_code == status
    if status == 413:
        assert answer.json["status"] == "Request Entity Too Large"


def test_a_long_body_is_refused_before_it_is_read(small_client: FlaskClient) -> None:
    class Unread(io.RawIOBase):
        def readinto(self, buffer: Any) -> int:
            raise AssertionError("the body is read")

    for path in (f"{LAB}/upload/", f"{LAB}/process/", "/not-there/"):
        environ = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(10**12)}
        answer = small_client.post(
            path, content_type=MULTIPART, environ_overrides=environ
        )
        assert answer.status_code == 413


def test_two_gigabytes_are_taken_by_default(app: Flask, client: FlaskClient) -> None:
    assert app.config["MAX_CONTENT_LENGTH"] == 2 * 1024**3
    answer = client.post("/tasks/1/", content_length=2 * 1024**3 + 1)
    assert answer.status_code == 413


@pytest.mark.parametrize("body", ["[" * 100_000, "[" * 100_000 + "]" * 100_000])
def test_json_has_a_deepest_depth(client: FlaskClient, body: str) -> None:
    answer = client.post("/tasks/1/", data=body, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("number", ["1" * 5000, "-" + "9" * 100_000, "1e999999"])
def test_huge_numbers_are_no_server_errors(client: FlaskClient, number: str) -> None:
    body = f'{{"command": "subscribe", "webhookHref": {number}}}'
    answer = client.post("/tasks/1/", data=body, content_type="application/json")
    assert answer.status_code in (400, 422)


def test_queries_have_a_longest_length(client: FlaskClient) -> None:
    assert client.get("/plugins/", query_string="x" * 65_536).status_code == 200
    answer = client.get("/plugins/", query_string="x" * 65_537)
    assert (answer.status_code, answer.json["code"]) == (414, 414)


# --- the rate of submissions -----------------------------------------------------------


@pytest.fixture
def limited_client(make_app: MakeApp) -> FlaskClient:
    app = make_app(PLUGIN_FOLDERS=[str(LAB_PLUGINS)], SUBMISSION_RATE="2/hour")
    return app.test_client()


def submit(client: FlaskClient, address: str = "10.0.0.1") -> TestResponse:
    return client.post(
        f"{LAB}/strict-form/", data={}, environ_base={"REMOTE_ADDR": address}
    )


def test_too_many_submissions_are_refused(limited_client: FlaskClient) -> None:
    assert [submit(limited_client).status_code == 429 for _ in range(3)] == [0, 0, 1]
    answer = submit(limited_client)
    seconds = int(answer.headers["Retry-After"])
    assert 0 < seconds <= 3600
    assert answer.json == {
        "code": 429,
        "status": "Too Many Requests",
        "message": f"Too many requests. Try again in {seconds} seconds.",
    }


def test_each_client_has_a_rate_of_its_own(limited_client: FlaskClient) -> None:
    for address in ("10.0.0.1", "10.0.0.2", "::ffff:10.0.0.3", "2001:db8:0:1::1", ""):
        statuses = [submit(limited_client, address).status_code for _ in range(3)]
        assert [status == 429 for status in statuses] == [False, False, True]
    assert submit(limited_client, "2001:db8:0:1::2").status_code == 429
    assert submit(limited_client, "2001:db8:0:2::1").status_code != 429


def test_only_what_starts_work_is_counted(limited_client: FlaskClient) -> None:
    for _ in range(5):
        assert limited_client.get(f"{LAB}/").status_code == 200
        assert limited_client.get("/tasks/1/").status_code == 404
        assert limited_client.post(f"{LAB}/ui/", data={}).status_code == 200
        assert limited_client.options(f"{LAB}/strict-form/").status_code == 200
    command = {"command": "subscribe", "webhookHref": "http://w/"}
    statuses = [limited_client.post("/tasks/1/", json=command) for _ in range(3)]
    assert [answer.status_code for answer in statuses] == [404, 404, 429]


def test_without_a_rate_there_is_none(client: FlaskClient) -> None:
    assert {submit(client).status_code for _ in range(50)} & {429} == set()


def test_server_processes_count_together_in_redis() -> None:
    require("redis", REDIS)
    rate = "2/hour;100/day"
    client = uuid.uuid4().hex
    processes = [SubmissionRate(rate, REDIS) for _ in range(2)]
    waits = [process.seconds_to_wait(client) for process in (*processes, *processes)]
    assert [wait > 0 for wait in waits] == [False, False, True, True]
    with redis.from_url(REDIS) as connection:
        keys = list(connection.scan_iter(f"qhana-submission-rate*{client}*"))
        connection.delete(*keys)
    assert keys


def test_work_goes_on_while_redis_is_away(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rate = SubmissionRate("1/hour", "redis://:secret@localhost:1/0")
        assert [rate.seconds_to_wait("a") for _ in range(2)] == [0, 0]
    assert "is not limited" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("value", ["often", 5, "10/fortnight", "-1/minute"])
def test_what_is_no_rate_is_a_configuration_error(value: Any) -> None:
    with pytest.raises(ValueError):
        rates(value)


def test_a_rate_is_kept_as_it_is_written() -> None:
    assert rates("10/second; 1000 per hour") == "10/second; 1000 per hour"
    assert json.dumps(rates("600/minute"))

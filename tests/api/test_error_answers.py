# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Errors have one shape for programs, and a page for browsers."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from api.probe_app import PROBE as ROOT
from api.probe_app import create_probe_app
from qhana_plugin_runner.db import DB

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app with the probe plugin; errors are answers, not exceptions."""
    app = create_probe_app(tmp_path_factory.mktemp("probe"))
    with app.app_context():
        yield app


def fail(client: FlaskClient, how: str, **kwargs: Any) -> Any:
    """Call the view that fails in the named way."""
    return client.get(f"{ROOT}/fail/", query_string={"with": how}, **kwargs)


@pytest.mark.parametrize(
    ("how", "body"),
    [
        ("abort", {"code": 404, "status": "Not Found", "message": "No such thing."}),
        ("positional", {"code": 404, "status": "Not Found"}),
        ("flask-abort", {"code": 409, "status": "Conflict"}),
        ("own", {"code": 404, "status": "Not Found", "message": "There is no task 7."}),
        ("internal", {"code": 500, "status": "Internal Server Error"}),
        ("own-internal", {"code": 500, "status": "Internal Server Error"}),
    ],
)
def test_errors_of_views_have_the_common_shape(
    client: FlaskClient, how: str, body: dict[str, Any]
) -> None:
    answer = fail(client, how)
    assert answer.status_code == body["code"]
    assert answer.mimetype == "application/json"
    assert answer.json == body


@pytest.mark.parametrize(
    ("method", "path", "code", "status"),
    [
        ("GET", "/nothing-here", 404, "Not Found"),
        ("PUT", "/tasks/1/", 405, "Method Not Allowed"),
        ("POST", "/plugins/", 405, "Method Not Allowed"),
        ("GET", f"{ROOT}/fail/", 400, "Bad Request"),
    ],
)
def test_errors_of_the_framework_have_no_message(
    client: FlaskClient, method: str, path: str, code: int, status: str
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == code
    assert answer.json == {"code": code, "status": status}


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    allowed = client.put("/tasks/1/").headers["Allow"].split(", ")
    assert {"GET", "HEAD", "OPTIONS", "POST"} <= set(allowed)


def test_a_response_that_was_aborted_with_is_sent_as_it_is(client: FlaskClient) -> None:
    answer = fail(client, "response")
    assert (answer.status_code, answer.text) == (418, "made by hand")


def test_an_internal_error_is_logged_with_its_traceback(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = fail(client, "internal")
    assert "secret" not in answer.text
    assert "RuntimeError: a secret" in caplog.text


@pytest.mark.parametrize("how", ["broker", "database", "lost"])
def test_a_service_that_is_away_is_503_with_a_time_to_come_back(
    client: FlaskClient, how: str
) -> None:
    answer = fail(client, how)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json["message"]
    assert "no_such_table" not in answer.text


def test_the_database_session_is_usable_after_an_error(client: FlaskClient) -> None:
    fail(client, "database")
    assert DB.session.scalar(sa.text("select 1")) == 1


def test_a_database_that_refuses_data_is_an_internal_error(client: FlaskClient) -> None:
    assert fail(client, "refused").json == {
        "code": 500,
        "status": "Internal Server Error",
    }


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/json", "application/json, text/plain, */*", "", "image/png"],
)
def test_programs_get_json(client: FlaskClient, accept: str) -> None:
    answer = client.get("/nothing-here", headers={"Accept": accept})
    assert answer.mimetype == "application/json"


def test_browsers_get_a_page_with_the_same_facts(client: FlaskClient) -> None:
    answer = fail(client, "abort", headers={"Accept": BROWSER})
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "No such thing." in answer.text
    assert "Accept" in answer.vary


def test_the_page_names_the_fields_with_errors(client: FlaskClient) -> None:
    answer = client.post(f"{ROOT}/process/", data={}, headers={"Accept": BROWSER})
    assert answer.status_code == 422
    assert "inputStr: Missing data for required field." in answer.text


@pytest.mark.parametrize("path", ["/plugins", "/tasks/3", f"{ROOT}/ui", "/redoc"])
def test_a_missing_slash_is_redirected_with_308(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 308
    assert answer.headers["Location"].endswith(f"{path}/")


@pytest.mark.parametrize(
    "number",
    ["9223372036854775808", "2147483648", "9" * 400, "9" * 5000, "abc", "-1", "1.5", "١"],
)
@pytest.mark.parametrize("path", ["/tasks/{}/", "/files/{}/?file-id=x"])
def test_numbers_that_cannot_be_ids_are_not_found(
    client: FlaskClient, path: str, number: str
) -> None:
    answer = client.get(path.format(number))
    assert answer.status_code == 404
    assert answer.get_json()["status"] == "Not Found"


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000, "١"])
def test_plugins_get_no_numbers_in_other_digits_or_of_any_length(
    client: FlaskClient, number: str
) -> None:
    path = f"{ROOT}/{number}/json/"
    assert client.post(path, json={}).status_code == 404


def test_validation_errors_are_422_by_location_and_key(client: FlaskClient) -> None:
    answer = client.post(f"{ROOT}/process/", data={"color": "pink"})
    assert answer.status_code == 422
    assert json.loads(answer.text) == {
        "code": 422,
        "status": "Unprocessable Entity",
        "errors": {
            "form": {
                "inputStr": ["Missing data for required field."],
                "color": ["Not a valid choice."],
            }
        },
    }

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the runner leaves out of a request is there as soon as a plugin uses it."""

from __future__ import annotations

import pytest
from flask import session
from flask.testing import FlaskClient

from qhana_plugin_runner.web_app import RunnerFlask


@pytest.fixture
def client() -> FlaskClient:
    app = RunnerFlask("test")
    app.secret_key = "a key of the tests that is long enough"
    app.add_url_rule("/", "nothing", lambda: "nothing")
    app.add_url_rule("/read", "read", lambda: session.get("name", "nobody"))
    app.add_url_rule("/write/<name>", "write", write)
    app.add_url_rule("/clear", "clear", clear)
    return app.test_client()


def write(name: str) -> str:
    session["name"] = name
    return name


def clear() -> str:
    session.clear()
    return ""


def test_a_request_without_session_gets_no_cookie(client: FlaskClient):
    headers = client.get("/").headers
    assert "Set-Cookie" not in headers
    assert "Vary" not in headers


def test_a_session_is_kept_from_request_to_request(client: FlaskClient):
    client.get("/write/Ada")
    answer = client.get("/read")
    assert answer.text == "Ada"
    assert answer.headers["Vary"] == "Cookie"


def test_a_session_can_be_cleared(client: FlaskClient):
    client.get("/write/Ada")
    client.get("/clear")
    assert client.get("/read").text == "nobody"


def test_a_forged_session_is_an_empty_one(client: FlaskClient):
    client.set_cookie("session", "eyJuYW1lIjoiRXZlIn0.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert client.get("/read").text == "nobody"


def test_async_views_are_still_noticed(client: FlaskClient):
    async def view() -> str:
        return "async"

    assert client.application.ensure_sync(write) is write
    with pytest.raises(RuntimeError, match="async"):
        client.application.ensure_sync(view)

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""When the hooks of the runner's parts run, beside those of Flask and of plugins."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask, Request, Response, after_this_request, session

from qhana_plugin_runner.util.request_hooks import request_hooks
from qhana_plugin_runner.web_app import RunnerFlask


@pytest.fixture(params=[RunnerFlask, Flask])
def app(request: pytest.FixtureRequest) -> Flask:
    """An app that calls the hooks itself, and one that knows nothing of them."""
    app = request.param("test")
    app.secret_key = "a key of the tests that is long enough"
    app.add_url_rule("/<int:number>/", "number", lambda number: str(number))
    app.add_url_rule("/", "root", lambda: "view")
    return app


@pytest.fixture
def calls(app: Flask) -> list[str]:
    """What runs, in order: two parts of the runner, then a plugin."""
    calls: list[str] = []
    hooks = request_hooks(app)
    for name in ("first", "second"):
        hooks.before(lambda _app, _request, name=name: calls.append(f"before {name}"))
        hooks.after(lambda _app, _request, _r, name=name: calls.append(f"after {name}"))
        hooks.at_end(lambda _request, name=name: calls.append(f"end {name}"))
    app.before_request(lambda: calls.append("before plugin"))
    app.after_request(lambda response: calls.append("after plugin") or response)
    app.teardown_request(lambda _error: calls.append("end plugin"))
    return calls


def test_hooks_surround_those_of_plugins(app: Flask, calls: list[str]):
    assert app.test_client().get("/").text == "view"
    before, after, end = calls[:3], calls[3:6], calls[6:]
    assert before == ["before first", "before second", "before plugin"]
    assert after == ["after plugin", "after second", "after first"]
    assert end == ["end plugin", "end first", "end second"]


def test_hooks_run_without_those_of_plugins(app: Flask):
    calls: list[Any] = []
    hooks = request_hooks(app)
    hooks.before(lambda app, request: calls.append((app, request.path)))
    hooks.after(lambda _app, request, response: calls.append(response.status_code))
    hooks.at_end(lambda request: calls.append(request.path))
    app.test_client().get("/")
    assert calls == [(app, "/"), 200, "/"]


def test_an_answer_of_a_hook_is_the_answer(app: Flask, calls: list[str]):
    request_hooks(app).before(lambda _app, _request: ("refused", 403))
    answer = app.test_client().get("/")
    assert (answer.text, answer.status_code) == ("refused", 403)
    assert "before plugin" not in calls
    assert "after first" in calls


def test_a_hook_may_replace_the_answer(app: Flask):
    seen: list[str] = []
    hooks = request_hooks(app)
    hooks.after(lambda _app, _request, response: seen.append(response.get_data(True)))
    hooks.after(lambda _app, _request, _response: Response("another"))
    assert app.test_client().get("/").text == "another"
    assert seen == ["another"]


def test_a_replaced_answer_keeps_the_session(app: Flask):
    def write() -> str:
        session["name"] = "x"
        return "first"

    app.add_url_rule("/write", "write", write)
    request_hooks(app).after(lambda _app, _request, _response: Response("another"))
    answer = app.test_client().get("/write")
    assert answer.text == "another"
    assert "session=" in answer.headers["Set-Cookie"]


def test_arguments_of_urls_can_be_unwrapped(app: Flask):
    def unwrap(request: Request, values: Any) -> None:
        values["number"] += 1

    request_hooks(app).unwrap(unwrap)
    assert app.test_client().get("/7/").text == "8"
    assert app.test_client().get("/").text == "view"


def test_the_end_is_noticed_also_after_an_error(app: Flask):
    ends: list[str] = []
    request_hooks(app).at_end(lambda request: ends.append(request.path))
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)

    def fail(_error: BaseException | None) -> None:
        raise ValueError("a plugin's hook")

    assert app.test_client().get("/broken").status_code == 500
    app = type(app)("another")
    request_hooks(app).at_end(lambda request: ends.append(request.path))
    app.teardown_request(fail)
    with pytest.raises(ValueError, match="hook"):
        app.test_client().get("/missing")
    assert ends[0] == "/broken"


def test_hooks_of_blueprints_and_single_requests_still_run(app: Flask):
    calls: list[str] = []
    blueprint = Blueprint("plugin", __name__)

    @blueprint.route("/plugin")
    def view() -> str:
        after_this_request(lambda response: calls.append("single") or response)
        session["name"] = "x"
        return ""

    blueprint.before_request(lambda: calls.append("before"))
    blueprint.after_request(lambda response: calls.append("after") or response)
    blueprint.teardown_request(lambda _error: calls.append("end"))
    app.register_blueprint(blueprint)
    request_hooks(app).after(lambda _app, _request, _response: calls.append("runner"))
    answer = app.test_client().get("/plugin")
    assert calls == ["before", "single", "after", "runner", "end"]
    assert "session=" in answer.headers["Set-Cookie"]

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the runner leaves out of a request is there as soon as a plugin uses it."""

from __future__ import annotations

import gc
import weakref

import pytest
from flask import Response, after_this_request, request, session, url_for
from flask.testing import FlaskClient
from werkzeug.routing import BuildError
from werkzeug.test import EnvironBuilder

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


def test_urls_of_endpoints_are_those_of_the_request():
    app = RunnerFlask("test")
    app.add_url_rule("/here/", "here", lambda: url_for("here"))
    client = app.test_client()
    assert [client.get("/here/").text for _ in range(2)] == ["/here/"] * 2
    assert client.get("/here/", base_url="http://a/prefix").text == "/prefix/here/"
    assert client.get("/here/").text == "/here/"


def test_urls_with_values_are_built_each_time():
    app = RunnerFlask("test")
    view = lambda: url_for("here", page=request.args["page"])  # noqa: E731
    app.add_url_rule("/here/", "here", view)
    client = app.test_client()
    for page in "12":
        assert client.get(f"/here/?page={page}").text == f"/here/?page={page}"


def test_an_unknown_endpoint_has_no_url():
    app = RunnerFlask("test")
    with app.test_request_context(), pytest.raises(BuildError):
        app.url_for("nowhere")


@pytest.mark.parametrize(
    "path", ["/a/", "//a/", "/a//b", "/ä?x=%ff&ü=1", "/a%2Fb/?lang=de", "/?", "/%ff/"]
)
@pytest.mark.parametrize("base", ["http://LocalHost:80/", "https://h:8/pre%20fix"])
def test_the_adapter_of_a_request_is_that_of_werkzeug(path: str, base: str):
    app = RunnerFlask("test")
    environ = EnvironBuilder(base_url=base, path="/").get_environ()
    environ["PATH_INFO"], _, environ["QUERY_STRING"] = (
        path.encode().decode("latin1").partition("?")
    )
    mine = app.create_url_adapter(app.request_class(environ))
    theirs = app.url_map.bind_to_environ(environ)
    assert mine is not None
    for name in ("server_name", "subdomain", "url_scheme", "default_method"):
        assert getattr(mine, name) == getattr(theirs, name)
    assert mine.script_name == theirs.script_name
    assert mine.query_args == theirs.query_args
    assert mine.path_info.lstrip("/") == theirs.path_info.lstrip("/")


def test_functions_that_requests_make_are_not_kept():
    app = RunnerFlask("functions")
    kept = []

    @app.get("/")
    def view() -> str:
        def after(response: Response) -> Response:
            return response

        kept.append(weakref.ref(after))
        after_this_request(after)
        return ""

    for _ in range(3):
        app.test_client().get("/")
    gc.collect()
    assert [reference() for reference in kept] == [None, None, None]


def test_urls_with_a_host_are_those_of_the_request():
    app = RunnerFlask("test")
    app.add_url_rule("/here/", "here", lambda: url_for("here", _external=True))
    client = app.test_client()
    for base in ("http://a", "http://b:8080/prefix", "https://a"):
        for _ in range(2):
            assert client.get("/here/", base_url=base).text == f"{base}/here/"


def test_the_url_of_an_endpoint_with_several_rules_is_that_for_the_method():
    app = RunnerFlask("test")
    view = lambda: url_for("both")  # noqa: E731
    for method in ("GET", "POST"):
        app.add_url_rule(f"/{method.lower()}/", "both", view, methods=[method])
    client = app.test_client()
    for _ in range(2):
        assert client.get("/get/").text == "/get/"
        assert client.post("/post/").text == "/post/"


def test_what_a_handler_of_build_errors_says_is_not_kept():
    app = RunnerFlask("test")
    answers = iter(["first", "second"])
    app.url_build_error_handlers.append(lambda _error, _endpoint, _values: next(answers))
    app.add_url_rule("/", "root", lambda: url_for("missing"))
    client = app.test_client()
    assert [client.get("/").text for _ in range(2)] == ["first", "second"]


def test_a_url_without_arguments_is_built_once(monkeypatch: pytest.MonkeyPatch):
    app = RunnerFlask("test")
    app.add_url_rule("/", "root", lambda: url_for("root"))
    client = app.test_client()
    client.get("/")
    monkeypatch.setattr("werkzeug.routing.MapAdapter.build", None)
    assert client.get("/").text == "/"

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Where tokens are required, every route wants one, but for the documented ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import IntegerConverter

from qhana_plugin_runner.api.public_endpoints import PUBLIC_ENDPOINTS
from qhana_plugin_runner.plugin_loader import get_load_report
from security.secured_app import HELLO, ROOT, bearer, secured_app

#: What the documentation says is public, written down once more on purpose.
PUBLIC = {
    ("GET", "static"),
    ("GET", "api-root.RootView"),
    ("GET", "login.show"),
    ("POST", "login.log_in"),
    ("POST", "login.log_out"),
    ("GET", "health-api.LiveView"),
    ("GET", "health-api.ReadyView"),
    ("GET", "health-aliases.health-live"),
    ("GET", "health-aliases.health-ready"),
    ("GET", "health-aliases.healthz"),
    ("GET", "health-aliases.readyz"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = secured_app(tmp_path_factory.mktemp("walk"))
    with app.app_context():
        yield app


def walk(app: Flask) -> set[tuple[str, str]]:
    """Ask every route with every method; returns those that do not want a token."""
    client, open_routes, asked = app.test_client(), set(), 0
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        values = {
            name: 1 if isinstance(converter, IntegerConverter) else "PLACE"
            for name, converter in rule._converters.items()
        }
        url = adapter.build(rule.endpoint, values).replace("PLACE", "1")
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = client.open(url, method=method)
            asked += 1
            if answer.status_code != 401:
                open_routes.add((method, rule.endpoint))
                continue
            assert answer.get_json().keys() == {"code", "status", "message"}
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert asked > 30
    return open_routes


def test_only_the_documented_routes_answer_without_a_token(app: Flask) -> None:
    assert walk(app) == PUBLIC


def test_a_setting_opens_the_metadata_of_plugins_and_nothing_else(tmp_path: Path) -> None:
    app = secured_app(tmp_path, AUTHENTICATION_PUBLIC_METADATA=True)
    with app.app_context():
        roots = {("GET", f"{name}.PluginsView") for name in get_load_report().plugins}
        lists = {("GET", "plugins-api.PluginsView"), ("GET", "plugins-api.PluginView")}
        assert walk(app) - PUBLIC == roots | lists


def test_the_routes_of_debug_mode_want_a_token_as_well(tmp_path: Path) -> None:
    app = secured_app(tmp_path, debug=True)
    assert "debug-routes.index" in app.view_functions
    with app.app_context():
        assert walk(app) == PUBLIC


def test_every_public_entry_is_documented() -> None:
    text = (ROOT / "docs" / "security.rst").read_text(encoding="utf-8")
    for endpoint in PUBLIC_ENDPOINTS:
        assert f"``{endpoint}``" in text, endpoint


@pytest.mark.parametrize("path", ["/unknown/", f"{HELLO}/unknown/", "/plugins/x/y/"])
def test_whether_a_route_exists_is_not_told(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 401


def test_a_path_without_its_slash_leads_to_the_one_with_it(client: FlaskClient) -> None:
    answer = client.get("/login")
    assert (answer.status_code, answer.location) == (308, "http://localhost/login/")


def test_preflights_need_no_token(client: FlaskClient) -> None:
    headers = {"Origin": "http://a.example", "Access-Control-Request-Method": "POST"}
    answer = client.options(f"{HELLO}/process/", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "http://a.example"


def test_a_token_opens_everything_that_is_there(app: Flask, client: FlaskClient) -> None:
    headers = bearer(app, "alice")
    for path in ("/plugins/", f"{HELLO}/", f"{HELLO}/ui/", "/api-spec.json", "/tasks/"):
        assert client.get(path, headers=headers).status_code == 200, path


def test_the_root_tells_programs_its_title_and_sends_browsers_to_the_login(
    client: FlaskClient,
) -> None:
    assert client.get("/").get_json() == {"title": "QHAna plugin runner api."}
    page = client.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.location) == (303, "/login/?next=/")


@pytest.mark.parametrize("header", ["Basic YTpi", "Token x", "bearer", ""])
def test_other_schemes_are_no_token(client: FlaskClient, header: str) -> None:
    answer = client.get("/plugins/", headers={"Authorization": header})
    assert answer.status_code == 401

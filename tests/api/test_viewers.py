# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The viewers of the OpenAPI document work without internet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Request

from api.probe_app import create_probe_app
from frontend.host import run_browser, run_server
from qhana_plugin_runner.api import viewers

PATHS = {"redoc": "/redoc/", "rapidoc": "/rapidoc/", "swagger_ui": "/swagger-ui/"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app with the probe plugin."""
    app = create_probe_app(tmp_path_factory.mktemp("probe"))
    with app.app_context():
        yield app


@pytest.fixture(scope="module")
def server(app: Flask) -> Iterator[str]:
    """Where the app is served."""
    with run_server(app) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    with run_browser() as browser_:
        yield browser_


@pytest.mark.parametrize("name", PATHS)
def test_a_viewer_shows_the_document_from_this_server_alone(
    browser: Browser, server: str, name: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    foreign: list[str] = []
    failures: list[str] = []
    refused: list[str] = []

    def note(request: Request) -> None:
        # What the page's own policy blocks never leaves the browser.
        is_own = request.url.startswith((server, "data:", "blob:"))
        if not is_own and request.failure != "csp":
            foreign.append(f"{request.url} {request.failure}")

    page.on("requestfinished", note)
    page.on("requestfailed", note)
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda message: refused.append(message.text))
    try:
        page.goto(f"{server}{PATHS[name]}")
        page.get_by_text("QHAna plugin runner api.").first.wait_for(timeout=60_000)
        page.get_by_text("tasks-api").first.wait_for(timeout=60_000)
    finally:
        context.close()
    assert foreign == []
    assert failures == []
    assert [text for text in refused if "script-src" in text] == []


@pytest.mark.parametrize("name", PATHS)
def test_the_page_has_no_inline_script(client: FlaskClient, name: str) -> None:
    answer = client.get(PATHS[name])
    assert answer.mimetype == "text/html"
    assert "<script>" not in answer.text
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert "https://" not in answer.text


@pytest.mark.parametrize("viewer", viewers.VIEWERS, ids=lambda viewer: viewer.name)
def test_files_may_be_kept_as_long_as_their_version_is_the_same(
    client: FlaskClient, viewer: viewers.Viewer
) -> None:
    page = client.get(PATHS[viewer.name]).text
    for file in viewer.files.values():
        url = f"{PATHS[viewer.name]}assets/{file}"
        assert f"{url}?v={viewer.version}" in page
        answer = client.get(url)
        assert answer.status_code == 200
        assert answer.cache_control.immutable
        assert (answer.cache_control.max_age or 0) > 30 * 24 * 3600
        answer.close()


@pytest.mark.parametrize(
    "file", ["../__init__.py", "images/redoc.svg", "js/x.js", "%2e%2e/__init__.py"]
)
def test_other_files_of_the_package_are_not_served(
    client: FlaskClient, file: str
) -> None:
    assert client.get(f"/redoc/assets/{file}").status_code == 404


def test_without_the_package_the_page_says_what_to_install(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers.Viewer, "asset_folder", lambda self: None)
    page = client.get("/redoc/")
    assert page.status_code == 200
    assert "pip install flask-openapi3-redoc" in page.text
    assert "/api-spec.json" in page.text
    assert client.get("/redoc/assets/js/redoc.standalone.js").status_code == 404


def test_an_unknown_package_is_not_installed() -> None:
    viewer = viewers.Viewer("x", "X", "no_such_package_at_all", "", {"script": "x.js"})
    assert viewer.asset_folder() is None
    assert viewer.version == ""


def test_configured_scripts_are_used_and_allowed(tmp_path: Path) -> None:
    app = create_probe_app(
        tmp_path,
        OPENAPI_REDOC_URL="https://cdn.example.org/redoc.js",
        OPENAPI_SWAGGER_UI_URL="https://cdn.example.org/swagger/",
        OPENAPI_RAPIDOC_CONFIG={"theme": "dark"},
    )
    client = app.test_client()
    redoc = client.get("/redoc/")
    assert 'src="https://cdn.example.org/redoc.js"' in redoc.text
    policy = redoc.headers["Content-Security-Policy"]
    assert "script-src 'self' https://cdn.example.org;" in policy
    swagger = client.get("/swagger-ui/").text
    assert "https://cdn.example.org/swagger/swagger-ui-bundle.js" in swagger
    assert "https://cdn.example.org/swagger/swagger-ui.css" in swagger
    assert 'theme="dark"' in client.get("/rapidoc/").text


def test_paths_can_be_moved_and_viewers_left_out(tmp_path: Path) -> None:
    app = create_probe_app(
        tmp_path,
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_REDOC_PATH="/docs",
        OPENAPI_RAPIDOC_PATH="",
    )
    client = app.test_client()
    assert "/api/api-spec.json" in client.get("/api/docs/").text
    assert client.get("/api/rapidoc/").status_code == 404


def test_the_endpoint_names_are_those_that_pages_link_to(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints >= {
        "api-docs.openapi_json",
        "api-docs.openapi_redoc",
        "api-docs.openapi_rapidoc",
        "api-docs.openapi_swagger_ui",
    }

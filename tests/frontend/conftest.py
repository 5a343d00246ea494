"""A small app with the runner's templates, and what the frontend tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from frontend.demo_app import create_demo_app
from frontend.host import Host, create_host_app, run_browser, run_server
from frontend.page_app import create_page_app
from qhana_plugin_runner import APP_NAME, babel
from qhana_plugin_runner.frontend import forms, markdown


@pytest.fixture()
def frontend_app() -> Flask:
    """An app that can render forms and nothing else."""
    app = Flask(APP_NAME)
    for part in (babel, forms, markdown):
        part.init_app(app)
    return app


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless browser for all tests."""
    with run_browser() as browser_:
        yield browser_


@pytest.fixture(scope="session")
def demo_app() -> Flask:
    """An app with micro frontends of all kinds."""
    return create_demo_app()


@pytest.fixture(scope="session")
def demo_url(demo_app: Flask) -> Iterator[str]:
    """Where the micro frontends are served."""
    with run_server(demo_app) as url:
        yield url


@pytest.fixture(scope="session")
def host_url() -> Iterator[str]:
    """Where the host page is served: another site than the micro frontends."""
    with run_server(create_host_app()) as url:
        yield url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def page_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An app in debug mode with the runner's own pages, good and broken plugins."""
    return create_page_app(tmp_path_factory.mktemp("pages") / "plugins")


@pytest.fixture(scope="session")
def pages_url(page_app: Flask) -> Iterator[str]:
    """Where the runner's own pages are served."""
    with run_server(page_app) as url:
        yield url


@pytest.fixture(scope="session")
def page(browser: Browser) -> Iterator[Page]:
    """One page for all tests; every test starts with a navigation."""
    context = browser.new_context(locale="en-GB", viewport={"width": 900, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture()
def host(page: Page, host_url: str, demo_url: str, demo_app: Flask) -> Iterator[Host]:
    """A host that shows the demo app's micro frontends; script errors fail the test."""
    demo_app.config["POSTED"].clear()
    host_ = Host(page, host_url, demo_url)
    yield host_
    host_.close()
    assert host_.script_errors == []

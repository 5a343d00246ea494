# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The bundled plugins in a real application, with a real server and a real worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser

from frontend.host import Host, create_host_app, run_browser, run_server
from plugin_app import Client, running_app


@pytest.fixture(scope="module")
def runner_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app; its application context is open."""
    with running_app(tmp_path_factory.mktemp("runner")) as app:
        yield app


@pytest.fixture(scope="module")
def runner_url(runner_app: Flask) -> Iterator[str]:
    """Where the app answers."""
    with run_server(runner_app) as url:
        yield url


@pytest.fixture()
def runner(runner_url: str) -> Client:
    """A client of the app."""
    return Client(runner_url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless browser for all tests."""
    with run_browser() as browser_:
        yield browser_


@pytest.fixture()
def host(browser: Browser, runner_url: str) -> Iterator[Host]:
    """A host page on another site; script errors of the micro frontend fail the test."""
    context = browser.new_context(locale="en-GB", viewport={"width": 900, "height": 900})
    with run_server(create_host_app()) as url:
        host_ = Host(
            context.new_page(), url.replace("127.0.0.1", "localhost"), runner_url
        )
        yield host_
        context.close()
    assert host_.script_errors == []

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""URLs that are put together are those that Flask builds."""

from __future__ import annotations

import pytest
from flask import Flask, request, url_for

from qhana_plugin_runner.util.url_prefixes import numbered_url, url_root

BASES = [
    "http://localhost/",
    "http://localhost:80/",
    "https://example.org:8080/some/prefix/",
    "http://EXAMPLE.org/",
    "http://xn--bcher-kva.example/",
]


@pytest.fixture
def app() -> Flask:
    app = Flask("test")
    app.add_url_rule("/files/<int:number>/", "file", lambda number: "")
    return app


@pytest.mark.parametrize("base", BASES)
def test_the_url_of_a_request_is_that_of_flask(app: Flask, base: str):
    with app.test_request_context(base_url=base):
        for number in (0, 7, 123):  # built, then put together
            expected = url_for("file", number=number, _external=True)
            assert numbered_url("file", "number", str(number)) == expected
        assert url_root() == request.url_root


def test_hosts_do_not_get_the_urls_of_others(app: Flask):
    urls = []
    for base in BASES[:3] * 2:
        with app.test_request_context(base_url=base):
            urls.append(numbered_url("file", "number", "1"))
    assert len(set(urls)) == 2
    assert urls[:3] == urls[3:]


def test_many_hosts_do_not_fill_the_memory(app: Flask):
    for host in range(1000):
        with app.test_request_context(base_url=f"http://host-{host}/"):
            assert numbered_url("file", "number", "1") == f"http://host-{host}/files/1/"
    assert len(app.extensions["qhana-url-prefixes"]) <= 256


def test_a_worker_builds_urls_for_the_configured_host(app: Flask):
    app.config.update(SERVER_NAME="runner.example", PREFERRED_URL_SCHEME="https")
    with app.app_context():
        url = numbered_url("file", "number", "5")
    assert url == "https://runner.example/files/5/"

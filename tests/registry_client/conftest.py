# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A small plugin registry on a loopback port that notes every request."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from qhana_plugin_runner import registry_client


class FakeRegistry(ThreadingHTTPServer):
    """Serves an API of linked documents as the QHAna plugin registry does.

    Attributes:
        requests: method and path with query of every request.
        bodies: the body of every request.
        plugins: the plugins by id.
        failures: statuses to answer with before anything else, first come first served.
        hang: set while the registry answers at all.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.plugins = {"1": "hello-world", "2": "data-creator"}
        self.failures: list[int] = []
        self.answering = threading.Event()
        self.answering.set()

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def root(self) -> str:
        return f"{self.host}/api/"

    def link(self, path: str, resource_type: str, *rel: str) -> dict[str, Any]:
        return {"href": self.host + path, "rel": [*rel], "resourceType": resource_type}

    def document(self, method: str, path: str, query: dict[str, str]) -> Any:
        plugins_post = self.link("/api/plugins/", "plugin", "create", "post")
        if (method, path) == ("GET", "/api/"):
            return {
                "data": {"self": self.link("/api/", "api", "api")},
                "links": [
                    self.link("/api/", "api", "self", "api"),
                    self.link("/api/more/", "api", "api", "nav"),
                    plugins_post,
                    self.link("/api/plugins/", "plugin", "collection", "nav"),
                ],
                "keyedLinks": [
                    {**self.link("/api/plugins/{id}/", "plugin"), "key": ["id"]}
                ],
            }
        if (method, path) == ("GET", "/api/more/"):
            return {
                "data": {"self": self.link("/api/more/", "api", "api")},
                "links": [
                    self.link("/api/", "api", "up", "api"),
                    self.link("/api/env/MAPS/", "env", "env-var"),
                ],
            }
        if (method, path) == ("GET", "/api/env/MAPS/"):
            return {"data": {"self": self.link(path, "env", "env-var"), "value": "on"}}
        if (method, path) == ("GET", "/api/plugins/"):
            found = {
                id_: name
                for id_, name in self.plugins.items()
                if query.get("name", name) == name
            }
            items = [self.link(f"/api/plugins/{id_}/", "plugin") for id_ in found]
            return {
                "data": {
                    "self": self.link("/api/plugins/", "plugin", "collection", "page"),
                    "collectionSize": len(found),
                    "items": items,
                },
                "links": [plugins_post],
                "embedded": [self.plugin(id_) for id_ in found],
            }
        if method == "GET" and path.strip("/").rpartition("/")[2] in self.plugins:
            return self.plugin(path.strip("/").rpartition("/")[2])
        if (method, path) == ("POST", "/api/plugins/"):
            return None
        if method == "PUT":
            return {"data": {"self": self.link(path, "changed"), "changed": query}}
        return 404

    def plugin(self, id_: str) -> dict[str, Any]:
        path = f"/api/plugins/{id_}/"
        return {
            "data": {
                "self": self.link(path, "plugin"),
                "name": self.plugins[id_],
                "entryPoint": {"href": f"http://runner.example/{id_}/process/"},
            },
            "links": [
                self.link(path, "plugin", "update", "put"),
                self.link(path, "plugin", "delete"),
            ],
        }


class _Handler(BaseHTTPRequestHandler):
    server: FakeRegistry

    def _answer(self) -> None:
        server = self.server
        server.requests.append(f"{self.command} {self.path}")
        server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        server.answering.wait(20)
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        answer = server.document(self.command, parts.path, query)
        if server.failures:
            answer = server.failures.pop(0)
        if isinstance(answer, int):
            self.send_error(answer)
            return
        self.send_response(200 if answer else 204)
        if answer:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        if answer:
            self.wfile.write(json.dumps(answer).encode())

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.answering.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def app(registry: FakeRegistry) -> Iterator[Flask]:
    """An app that knows the registry; its context is open."""
    app = Flask("registry-test")
    app.config["PLUGIN_REGISTRY_URL"] = registry.root
    registry_client.init_app(app)
    with app.app_context():
        yield app


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Other tests may have changed the level for all."""
    caplog.set_level(logging.WARNING)

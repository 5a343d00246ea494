# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The runner calls itself with a token for minutes, and sends it to nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from flask import Flask

from qhana_plugin_runner import service_token
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.db.models.webhook_deliveries import WebhookDelivery
from qhana_plugin_runner.identity import Identity, acting_for, set_request_identity
from qhana_plugin_runner.plugin_utils.interop import call_plugin_endpoint
from qhana_plugin_runner.requests import open_url
from qhana_plugin_runner.service_token import auth_for, create_service_token, webhook_auth
from qhana_plugin_runner.webhook_delivery import _make_calls, due_calls
from qhana_plugin_runner.webhooks import notify_subscribers, subscribe
from security.secured_app import bearer, secured_app

ROOT = "http://runner.example:5005"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = secured_app(tmp_path_factory.mktemp("service"))
    with app.app_context():
        yield app


class Listener:
    """A web server that notes who asks; paths that begin with ``/to/`` redirect."""

    def __init__(self) -> None:
        self.heard: list[str | None] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.heard.append(self.headers.get("Authorization"))
                is_redirect = self.path.startswith("/to/")
                self.send_response(307 if is_redirect else 200)
                if is_redirect:
                    self.send_header("Location", self.path.removeprefix("/to/"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *_args: Any) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def listeners() -> Iterator[tuple[Listener, Listener]]:
    pair = (Listener(), Listener())
    for listener in pair:
        threading.Thread(target=listener.server.serve_forever, daemon=True).start()
    yield pair
    for listener in pair:
        listener.server.shutdown()
        listener.server.server_close()


URLS = {
    f"{ROOT}/": True,
    f"{ROOT}/plugins/x@v1/process/?a=b": True,
    f"{ROOT}/tasks/1/": True,
    "HTTP://RUNNER.example:5005/plugins/": True,
    "https://runner.example:5005/": False,
    "http://runner.example/": False,
    "http://runner.example:80/": False,
    "http://runner.example:50055/": False,
    "http://other.example:5005/": False,
    "http://runner.example.evil.example:5005/": False,
    "http://runner.example:5005@evil.example/": False,
    "http://evil.example:5005#@runner.example:5005/": False,
    "http://evil.example\\@runner.example:5005/": False,
    "http://user:pw@runner.example:5005/": False,
    f"{ROOT}/plugins/../../x": False,
    f"{ROOT}/plugins/%2e%2e/x": False,
    f"{ROOT}/\n": False,
    f"//{ROOT}/": False,
    "file:///etc/passwd": False,
    "data:,x": False,
    "http://[": False,
    "http://runner.example:port/": False,
    "": False,
}


@pytest.mark.parametrize(("url", "is_own"), URLS.items())
def test_only_own_urls_get_a_token(app: Flask, url: str, is_own: bool) -> None:
    with app.test_request_context(base_url=ROOT):
        set_request_identity(Identity("alice"))
        assert (auth_for(url) is not None) == is_own
    assert (webhook_auth(url, f"{ROOT}/tasks/17/", "alice") is not None) == is_own


def test_a_runner_below_a_path_does_not_trust_its_neighbours(app: Flask) -> None:
    with app.test_request_context(base_url=f"{ROOT}/runner/"):
        set_request_identity(Identity("alice"))
        assert auth_for(f"{ROOT}/runner/plugins/") is not None
        assert auth_for(f"{ROOT}/other/") is None
    task = f"{ROOT}/runner/tasks/1/"
    assert webhook_auth(f"{ROOT}/runner/plugins/", task, "alice") is not None
    assert webhook_auth(f"{ROOT}/other/", task, "alice") is None


def test_whoever_acts_for_nobody_gets_no_token(app: Flask) -> None:
    with app.test_request_context(base_url=ROOT):
        assert auth_for(f"{ROOT}/plugins/") is None
    assert webhook_auth(f"{ROOT}/plugins/", f"{ROOT}/tasks/1/", None) is None


def test_without_a_request_nobody_knows_the_own_url(app: Flask) -> None:
    with acting_for("alice"):
        assert auth_for(f"{ROOT}/plugins/") is None


def test_no_token_is_sent_where_none_is_required(tmp_path: Path) -> None:
    app = secured_app(tmp_path, AUTHENTICATION="optional")
    with app.test_request_context(base_url=ROOT):
        set_request_identity(Identity("alice"))
        assert auth_for(f"{ROOT}/plugins/") is None
        assert webhook_auth(f"{ROOT}/plugins/", f"{ROOT}/tasks/1/", "alice") is None


def test_the_token_acts_for_somebody_for_minutes_and_is_no_admin(app: Flask) -> None:
    token = create_service_token("alice")
    claims = pyjwt.decode(
        token, service_token.internal_key(), algorithms=[service_token.ALGORITHM]
    )
    assert claims["sub"] == "alice" and "admin" not in claims
    assert 60 < claims["exp"] - time.time() <= 300
    headers = {"Authorization": f"Bearer {token}"}
    answer = app.test_client().get("/tasks/", headers=headers)
    assert answer.status_code == 200


def test_fetches_of_own_urls_carry_it_and_others_do_not(
    app: Flask, listeners: tuple[Listener, Listener]
) -> None:
    own, other = listeners
    with app.test_request_context(base_url=own.url):
        set_request_identity(Identity("alice"))
        open_url(f"{own.url}/plugins/").close()
        call_plugin_endpoint(f"{own.url}/plugins/", {"a": "b"})
        open_url(f"{other.url}/plugins/").close()
        call_plugin_endpoint(f"{other.url}/plugins/", None)
    assert [str(heard).startswith("Bearer ") for heard in own.heard] == [True, True]
    assert other.heard == [None, None]


def test_redirects_to_another_origin_lose_it(
    app: Flask, listeners: tuple[Listener, Listener]
) -> None:
    own, other = listeners
    with app.test_request_context(base_url=own.url):
        set_request_identity(Identity("alice"))
        open_url(f"{own.url}/to/{other.url}/x").close()
        call_plugin_endpoint(f"{own.url}/to/{other.url}/x", None)
        open_url(f"{own.url}/to/{own.url}/x").close()
        open_url(f"{other.url}/to/{own.url}/x").close()
    assert other.heard == [None, None, None]
    assert [bool(heard) for heard in own.heard] == [True, True, True, True, False]


def test_a_header_of_the_plugin_is_left_alone(
    app: Flask, listeners: tuple[Listener, Listener]
) -> None:
    own, _other = listeners
    with app.test_request_context(base_url=own.url):
        set_request_identity(Identity("alice"))
        open_url(f"{own.url}/x", headers={"Authorization": "Bearer mine"}).close()
        open_url(f"{own.url}/x", auth=("a", "b")).close()
    assert own.heard == ["Bearer mine", "Basic YTpi"]


def test_webhook_calls_act_for_who_subscribed(
    app: Flask, listeners: tuple[Listener, Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = listeners
    task = ProcessingTask(task_name="webhooks")
    task.save(commit=True)
    monkeypatch.setattr("qhana_plugin_runner.webhooks.deliver_soon", lambda: None)
    for subscriber, hook in (
        ("alice", f"{own.url}/alice"),
        (None, f"{own.url}/nobody"),
        ("alice", f"{other.url}/alice"),
    ):
        with acting_for(subscriber):
            subscribe(task, hook, f"{own.url}/tasks/1/", "status")
    notify_subscribers(task.id, "status")
    calls = due_calls()
    assert [call.subscriber for call in calls] == ["alice", None, "alice"]
    assert _make_calls(calls)
    assert [str(heard).startswith("Bearer ") for heard in own.heard] == [True, False]
    assert other.heard == [None]
    assert DB.session.query(WebhookDelivery).count() == 0


def test_a_token_of_the_service_cannot_be_made_with_the_secret_key(app: Flask) -> None:
    claims = {"sub": "alice", "type": "access", "jti": "1"}
    key = app.config["SECRET_KEY"]
    forged = pyjwt.encode(claims, key, headers={"kid": service_token.INTERNAL_KEY_ID})
    headers = {"Authorization": f"Bearer {forged}"}
    assert app.test_client().get("/plugins/", headers=headers).status_code == 401
    assert app.test_client().get("/plugins/", headers=bearer(app, "a")).status_code == 200

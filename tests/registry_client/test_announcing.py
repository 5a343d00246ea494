# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The registry hears of virtual plugins, and its failures stay with the runner."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask

from qhana_plugin_runner import celery, registry_client
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.registry_client.announce import announce_later
from qhana_plugin_runner.signals import VIRTUAL_PLUGIN_CREATED, VIRTUAL_PLUGIN_REMOVED

URL = "http://runner.example/plugins/virtual@v1/"
POST = "POST /api/plugins/?url=http%3A%2F%2Frunner.example%2Fplugins%2Fvirtual%40v1%2F"


@pytest.fixture
def queue(app: Flask, tmp_path: Any) -> Any:
    """A broker in memory; gives the number of waiting messages."""
    app.instance_path = str(tmp_path)
    app.config["CELERY"] = {
        "broker_url": "memory://",
        "result_backend": "cache+memory://",
        "task_default_queue": f"announce-{time.monotonic_ns()}",
    }
    celery.init_app(app)

    def waiting() -> int:
        with CELERY.connection_for_read() as connection:
            name = app.config["CELERY"]["task_default_queue"]
            return connection.SimpleQueue(name).qsize()

    return waiting


@pytest.mark.parametrize("signal", [VIRTUAL_PLUGIN_CREATED, VIRTUAL_PLUGIN_REMOVED])
def test_registry_is_told_at_once(app: Flask, registry: Any, signal: Any) -> None:
    signal.send(app, plugin_url=URL)
    assert registry.requests[-1] == POST


def test_signal_of_another_app_is_not_announced(app: Flask, registry: Any) -> None:
    other = Flask("other")
    other.config["PLUGIN_REGISTRY_URL"] = registry.root
    VIRTUAL_PLUGIN_CREATED.send(other, plugin_url=URL)
    assert registry.requests == []


def test_apps_of_one_process_announce_once(app: Flask, registry: Any) -> None:
    registry_client.init_app(Flask("second"))
    registry_client.init_app(app)
    VIRTUAL_PLUGIN_CREATED.send(app, plugin_url=URL)
    assert registry.requests.count(POST) == 1


def test_without_registry_nothing_happens(app: Flask, queue: Any) -> None:
    app.config["PLUGIN_REGISTRY_URL"] = None
    VIRTUAL_PLUGIN_CREATED.send(app, plugin_url=URL)
    assert queue() == 0


def test_dead_registry_is_asked_again_later(app: Flask, queue: Any) -> None:
    app.config["PLUGIN_REGISTRY_URL"] = "http://127.0.0.1:9/api/"
    VIRTUAL_PLUGIN_CREATED.send(app, plugin_url=URL)
    assert queue() == 1


def test_hanging_registry_delays_only_the_first_sender(
    app: Flask, registry: Any, queue: Any
) -> None:
    registry.answering.clear()
    start = time.monotonic()
    for _ in range(5):
        VIRTUAL_PLUGIN_CREATED.send(app, plugin_url=URL)
    assert time.monotonic() - start < 2.5
    assert queue() == 5


def test_refusal_is_logged_and_not_repeated(
    app: Flask, registry: Any, queue: Any, caplog: pytest.LogCaptureFixture
) -> None:
    registry.failures += [404, 404]
    VIRTUAL_PLUGIN_CREATED.send(app, plugin_url=URL)
    assert "was not told about" in caplog.text
    assert queue() == 0


def test_no_failure_reaches_the_sender(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no broker")

    app.config["PLUGIN_REGISTRY_URL"] = "http://127.0.0.1:9/api/"
    monkeypatch.setattr(announce_later, "apply_async", refuse)
    VIRTUAL_PLUGIN_CREATED.send(app, plugin_url=URL)
    assert "was not told about" in caplog.text
    assert "no broker" in caplog.text


def test_task_announces(app: Flask, registry: Any) -> None:
    announce_later.run(plugin_url=URL)
    assert registry.requests[-1] == POST


def test_task_tries_again_while_the_registry_is_away(
    app: Flask, registry: Any, queue: Any
) -> None:
    registry.failures += [503, 503]
    announce_later.apply(kwargs={"plugin_url": URL})
    assert registry.requests.count(POST) == 1
    assert registry.requests.count("GET /api/") == 3


def test_task_gives_up_at_last(
    app: Flask, registry: Any, queue: Any, caplog: pytest.LogCaptureFixture
) -> None:
    registry.failures += [503] * 50
    result = announce_later.apply(kwargs={"plugin_url": URL})
    assert result.successful()
    assert registry.requests == ["GET /api/"] * 9
    assert "was not told about" in caplog.text


def test_registry_that_takes_no_plugins_is_logged(
    app: Flask, registry: Any, caplog: pytest.LogCaptureFixture
) -> None:
    registry.document = lambda *args: {"data": {"self": registry.link("/api/", "api")}}
    VIRTUAL_PLUGIN_CREATED.send(app, plugin_url=URL)
    assert "takes no plugin URLs" in caplog.text

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Webhooks: who is called when, how often, and what happens if nobody answers."""

from __future__ import annotations

import hashlib
import hmac
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from qhana_plugin_runner import create_app, webhook_delivery, webhooks
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.tasks import (
    ProcessingTask,
    TaskState,
    TaskUpdateSubscription,
)
from qhana_plugin_runner.db.models.webhook_deliveries import WebhookDelivery
from qhana_plugin_runner.signals import TASK_DETAILS_CHANGED, TASK_STATUS_CHANGED
from qhana_plugin_runner.tasks import close_task
from qhana_plugin_runner.url_adapters import Client, working_for
from runner_process import Runner, free_port, runner
from services import fresh_database
from webhooks.receiver import Receiver, wait_until

TASK_HREF = "http://runner.example/tasks/1/"


def build(folder: Path, uri: str, patch: pytest.MonkeyPatch, **config: Any) -> Flask:
    patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder))
    app = create_app(
        {
            "TESTING": True,
            "SECRET_KEY": "secret",
            "SQLALCHEMY_DATABASE_URI": uri,
            "CELERY": {"broker_url": "memory://"},
            **config,
        }
    )
    with app.app_context():
        create_db_function(app)
    return app


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    app = build(
        tmp_path,
        f"sqlite:///{tmp_path}/test.db",
        monkeypatch,
        WEBHOOK_RETRY_SECONDS=30,
        WEBHOOK_MAX_SUBSCRIPTIONS=3,
    )
    with app.app_context():
        yield app
        wait_until(lambda: DB.session.rollback() is None)
        DB.session.remove()
        DB.engine.dispose()


@pytest.fixture
def task(app: Flask) -> ProcessingTask:
    task = ProcessingTask(task_name="t")
    task.save(commit=True)
    return task


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def open_deliveries() -> int:
    DB.session.rollback()
    count = DB.session.scalar(sa.select(sa.func.count()).select_from(WebhookDelivery))
    DB.session.rollback()
    return count or 0


def test_a_call_is_an_empty_post_with_source_and_event(
    app: Flask, task: ProcessingTask, receiver: Receiver
) -> None:
    webhooks.subscribe(task, receiver.url, TASK_HREF, "status")
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    wait_until(lambda: receiver.calls)
    (call,) = receiver.calls
    assert call["body"] == b""
    assert call["query"] == {"keep": "me", "source": TASK_HREF, "event": "status"}
    wait_until(lambda: open_deliveries() == 0)


@pytest.mark.parametrize("configured", [None, "of the receivers"])
def test_a_call_is_signed(
    app: Flask, task: ProcessingTask, receiver: Receiver, configured: str | None
) -> None:
    app.config["WEBHOOK_SECRET"] = configured
    derived = hmac.new(b"secret", b"qhana webhooks", hashlib.sha256).hexdigest()
    webhooks.subscribe(task, receiver.url, TASK_HREF, "status")
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    wait_until(lambda: receiver.calls and open_deliveries() == 0)
    headers = receiver.calls[0]["headers"]
    timestamp = headers["X-QHAna-Timestamp"]
    assert abs(time.time() - int(timestamp)) < 60
    signed = (headers["X-QHAna-Delivery"], timestamp, receiver.url, TASK_HREF, "status")
    expected = hmac.new(
        (configured or derived).encode(), "\n".join(signed).encode(), hashlib.sha256
    ).hexdigest()
    assert headers["X-QHAna-Signature"] == f"sha256={expected}"


@pytest.mark.parametrize(
    ("address", "url", "status"),
    [
        ("127.0.0.1", "http://10.0.0.1/", 200),
        ("127.0.0.1", "http://169.254.169.254/", 422),
        ("8.8.8.8", "http://10.0.0.1/", 422),
        ("8.8.8.8", "http://localhost:6379/", 422),
        ("8.8.8.8", "http://2130706433/", 422),
        ("8.8.8.8", "http://[::1]:5672/", 422),
        ("8.8.8.8", "http://9.9.9.9/", 200),
        ("8.8.8.8", "http://some.name/", 200),
        ("127.0.0.1", "http://some.name:99999/", 422),
    ],
)
def test_a_webhook_may_be_where_its_subscriber_may_be(
    app: Flask, task: ProcessingTask, address: str, url: str, status: int
) -> None:
    answer = app.test_client().post(
        f"/tasks/{task.id}/",
        json={"command": "subscribe", "webhookHref": url},
        environ_base={"REMOTE_ADDR": address},
    )
    assert answer.status_code == status
    assert answer.is_json


def test_what_a_name_means_is_checked_when_it_is_called(
    app: Flask,
    task: ProcessingTask,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {"inside.example": "127.0.0.1"}
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest: real(names.get(host, host), *rest)
    )
    url = receiver.url.replace("127.0.0.1", "inside.example")
    for client in (Client(is_local=False), Client()):
        with working_for(client):
            webhooks.subscribe(task, url, TASK_HREF, "status")
        TASK_STATUS_CHANGED.send(app, task_id=task.id)
        wait_until(lambda: open_deliveries() == 0)
        webhooks.unsubscribe(task, url, "status")
    assert len(receiver.calls) == 1
    assert "must not be called" in caplog.text


def test_the_end_of_a_task_is_told_before_its_details(
    app: Flask, task: ProcessingTask, receiver: Receiver
) -> None:
    webhooks.subscribe(task, receiver.url, TASK_HREF)
    assert close_task(task.id, TaskState.FAILED, "no luck")
    wait_until(lambda: len(receiver.calls) == 2)
    assert receiver.events == ["status", "details"]


def test_only_the_wanted_events_are_told(
    app: Flask, task: ProcessingTask, receiver: Receiver
) -> None:
    webhooks.subscribe(task, receiver.url, TASK_HREF, "details")
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    TASK_DETAILS_CHANGED.send(app, task_id=task.id)
    wait_until(lambda: receiver.calls and open_deliveries() == 0)
    assert receiver.events == ["details"]


def test_a_server_error_is_tried_again(
    app: Flask, task: ProcessingTask, receiver: Receiver
) -> None:
    receiver.statuses = [500, 503]
    webhooks.subscribe(task, receiver.url, TASK_HREF, "status")
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    wait_until(lambda: len(receiver.calls) == 3 and open_deliveries() == 0)
    keys = {call["headers"]["X-QHAna-Delivery"] for call in receiver.calls}
    assert len(keys) == 1


def test_a_client_error_is_an_answer(
    app: Flask, task: ProcessingTask, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    webhooks.subscribe(task, receiver.url, TASK_HREF, "status")
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    wait_until(lambda: receiver.calls and open_deliveries() == 0)
    assert len(receiver.calls) == 1


def test_a_receiver_that_starts_late_is_told(app: Flask, task: ProcessingTask) -> None:
    port = free_port()
    webhooks.subscribe(task, f"http://127.0.0.1:{port}/", TASK_HREF, "status")
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    wait_until(
        lambda: DB.session.rollback() is None
        and DB.session.scalar(sa.select(WebhookDelivery.last_error)) is not None
    )
    with Receiver(port) as late:
        wait_until(lambda: late.calls)
        wait_until(lambda: open_deliveries() == 0)


def test_a_hanging_receiver_delays_nobody_else(
    app: Flask, task: ProcessingTask, receiver: Receiver
) -> None:
    with Receiver() as hanging:
        hanging.hang = 3.0
        webhooks.subscribe(task, hanging.url, TASK_HREF)
        webhooks.subscribe(task, receiver.url, TASK_HREF)
        start = time.monotonic()
        for _ in range(3):
            TASK_STATUS_CHANGED.send(app, task_id=task.id)
        wait_until(lambda: len(receiver.calls) == 3, 2.5)
        assert time.monotonic() - start < 2.5
        DB.session.execute(sa.delete(WebhookDelivery))
        DB.session.commit()


def test_a_receiver_that_never_answers_is_given_up_with_an_error(
    app: Flask, task: ProcessingTask, caplog: pytest.LogCaptureFixture
) -> None:
    app.config["WEBHOOK_RETRY_SECONDS"] = 0
    url = f"http://127.0.0.1:{free_port()}/"
    webhooks.subscribe(task, url, TASK_HREF, "status")
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    wait_until(lambda: any(r.levelno == logging.ERROR for r in caplog.records))
    wait_until(lambda: open_deliveries() == 0)
    assert f"The webhook {url} was not told of the event status" in caplog.text


def test_what_a_dead_process_left_is_delivered_by_the_sweep(
    app: Flask, task: ProcessingTask, receiver: Receiver
) -> None:
    WebhookDelivery("key", task.id, receiver.url, TASK_HREF, "status").save(commit=True)
    webhook_delivery.sweep()
    wait_until(lambda: receiver.events == ["status"])


def test_calls_of_uncommitted_changes_are_made_after_the_commit(
    app: Flask, task: ProcessingTask, receiver: Receiver
) -> None:
    webhooks.subscribe(task, receiver.url, TASK_HREF, "status")
    task.data = {"uncommitted": True}
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    assert receiver.calls == []
    DB.session.commit()
    webhook_delivery.sweep()
    wait_until(lambda: receiver.events == ["status"])


def test_an_event_without_subscribers_starts_nothing(
    app: Flask, task: ProcessingTask
) -> None:
    TASK_STATUS_CHANGED.send(app, task_id=task.id)
    assert open_deliveries() == 0


def test_a_task_has_a_limited_number_of_subscriptions(app: Flask) -> None:
    task = ProcessingTask(task_name="t")
    task.save(commit=True)
    client = app.test_client()
    body = {"command": "subscribe"}
    statuses = [
        client.post(
            f"/tasks/{task.id}/", json={**body, "webhookHref": f"http://h{number}/"}
        ).status_code
        for number in (0, 1, 2, 2, 3)
    ]
    assert statuses == [200, 200, 200, 200, 429]


@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
def test_equal_subscriptions_at_once_become_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    with fresh_database(database, tmp_path) as uri:
        app = build(tmp_path, uri, monkeypatch)
        with app.app_context():
            task = ProcessingTask(task_name="t")
            task.save(commit=True)
            task_id = task.id
        barrier = threading.Barrier(12)

        def subscribe() -> None:
            with app.app_context():
                own = ProcessingTask.get_by_id(task_id)
                assert own is not None
                barrier.wait()
                webhooks.subscribe(own, "http://w/", TASK_HREF, "status")

        threads = [threading.Thread(target=subscribe) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with app.app_context():
            rows = DB.session.scalars(sa.select(TaskUpdateSubscription.id)).all()
            DB.session.remove()
            DB.engine.dispose()
        assert len(rows) == 1


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Runner]:
    with runner(tmp_path, TASK_LEASE_SECONDS="3") as instance:
        instance.start_server()
        instance.start_worker()
        yield instance


def test_subscribers_are_told_when_a_task_loses_its_worker(
    processes: Runner, receiver: Receiver
) -> None:
    url = processes.submit({"op": "sleep", "seconds": 60})
    processes.wait_state(url, "running")
    answer = processes.http.post(
        url, json={"command": "subscribe", "webhookHref": receiver.url}, timeout=10
    )
    assert answer.status_code == 200
    processes.kill("worker")
    processes.start_worker()
    wait_until(lambda: len(receiver.calls) >= 2, 20)
    assert receiver.events[:2] == ["status", "details"]
    assert receiver.calls[0]["query"]["source"] == url

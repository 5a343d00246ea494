# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``POST /tasks/<id>/``: who is told when a task changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import (
    ProcessingTask,
    TaskState,
    TaskUpdateSubscription,
)

HOOK = "http://localhost:9090/webhooks/17"
OTHER_HOOK = "http://localhost:9090/webhooks/18"
BASE = "http://runner.example:5005"

Send = Callable[..., TestResponse]


@pytest.fixture
def send(client: FlaskClient, task: ProcessingTask) -> Send:
    """Send a command to the task; the keywords are the keys of the body."""

    def send_(command: Any, webhookHref: Any = HOOK, **more: Any) -> TestResponse:
        body = {"command": command, "webhookHref": webhookHref, **more}
        return client.post(f"/tasks/{task.id}/", json=body, base_url=BASE)

    return send_


def rows(task: ProcessingTask) -> list[tuple[str, str, str | None]]:
    model = TaskUpdateSubscription
    columns = model.webhook_href, model.task_href, model.event_type
    query = sa.select(*columns).where(model.task_id == task.id).order_by(model.id)
    return [tuple(row) for row in DB.session.execute(query)]


@pytest.mark.parametrize("event", ["status", "steps", "details", "anything", None])
def test_subscribing_to_one_event(task: ProcessingTask, send: Send, event: str | None):
    assert send("subscribe", event=event).status_code == 200
    assert rows(task) == [(HOOK, f"{BASE}/tasks/{task.id}/", event)]


def test_subscribing_without_event_means_all_events(task: ProcessingTask, send: Send):
    assert send("subscribe").status_code == 200
    assert rows(task) == [(HOOK, f"{BASE}/tasks/{task.id}/", None)]


def test_source_is_the_url_of_the_subscribing_request(
    client: FlaskClient, task: ProcessingTask
):
    body = {"command": "subscribe", "webhookHref": HOOK}
    client.post(f"/tasks/{task.id}/", json=body, base_url="https://other:8443/")
    assert rows(task)[0][1] == f"https://other:8443/tasks/{task.id}/"


def test_answer_is_the_task_document(
    client: FlaskClient, task: ProcessingTask, send: Send
):
    document = client.get(f"/tasks/{task.id}/", base_url=BASE).json
    assert send("subscribe").json == document
    assert send("unsubscribe").json == document


@pytest.mark.parametrize("event", ["status", None])
def test_subscribing_twice_changes_nothing(
    task: ProcessingTask, send: Send, event: str | None
):
    for _ in range(3):
        assert send("subscribe", event=event).status_code == 200
    assert len(rows(task)) == 1


def test_different_events_and_webhooks_are_different_subscriptions(
    task: ProcessingTask, send: Send
):
    for webhook in (HOOK, OTHER_HOOK):
        for event in ("status", "steps", None):
            send("subscribe", webhook, event=event)
    assert len(rows(task)) == 6


@pytest.mark.parametrize("event", ["status", "steps", None])
def test_unsubscribing_removes_that_row_only(
    task: ProcessingTask, send: Send, event: str | None
):
    for webhook in (HOOK, OTHER_HOOK):
        for subscribed in ("status", "steps", None):
            send("subscribe", webhook, event=subscribed)
    assert send("unsubscribe", event=event).status_code == 200
    source = f"{BASE}/tasks/{task.id}/"
    left = [row for row in rows(task) if row[0] == HOOK]
    assert (HOOK, source, event) not in left
    assert len(left) == 2
    assert len(rows(task)) == 5


def test_unsubscribing_without_event_removes_the_row_of_all_events(
    task: ProcessingTask, send: Send
):
    send("subscribe")
    send("subscribe", event="status")
    send("unsubscribe")
    assert [event for _, _, event in rows(task)] == ["status"]


@pytest.mark.parametrize("event", ["status", None])
def test_unsubscribing_nothing_is_no_error(
    task: ProcessingTask, send: Send, event: str | None
):
    assert send("unsubscribe", event=event).status_code == 200
    assert rows(task) == []


def test_subscribing_to_a_finished_task_is_allowed(task: ProcessingTask, send: Send):
    ProcessingTask.close(task.id, TaskState.SUCCEEDED)
    DB.session.commit()
    answer = send("subscribe")
    assert answer.status_code == 200
    assert answer.json["status"] == "SUCCESS"


@pytest.mark.parametrize(
    "href",
    [
        "http://backend:9090/webhooks/17",
        "http://localhost/",
        "https://127.0.0.1/hook?secret=1",
        "http://[::1]:9090/hook",
        "http://example.com/" + "a" * 480,
    ],
)
def test_webhooks_of_all_hosts_are_accepted(send: Send, href: str):
    assert send("subscribe", href).status_code == 200


@pytest.mark.parametrize(
    "href",
    [
        "",
        "/webhooks/17",
        "ftp://localhost/hook",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,x",
        "http://",
        "http://local host/",
        "http://example.com/" + "a" * 600,
        "http://example.com/\x00",
        "http://example.com/\ud800",
        None,
        17,
        ["http://localhost/"],
        {"href": "http://localhost/"},
    ],
)
def test_other_webhooks_are_refused(task: ProcessingTask, send: Send, href: Any):
    answer = send("subscribe", href)
    assert answer.status_code == 422
    assert list(answer.json["errors"]["json"]) == ["webhookHref"]
    assert rows(task) == []


@pytest.mark.parametrize("event", [17, ["status"], "x" * 10_000, "a\x00b", "\ud800"])
def test_event_must_be_a_short_text(task: ProcessingTask, send: Send, event: Any):
    answer = send("subscribe", event=event)
    assert answer.status_code == 422
    assert list(answer.json["errors"]["json"]) == ["event"]
    assert rows(task) == []


@pytest.mark.parametrize("command", ["", "cancel", "Subscribe", "subscribe "])
def test_unknown_commands_are_refused(send: Send, command: str):
    answer = send(command)
    assert answer.status_code == 422
    messages = answer.json["errors"]["json"]["command"]
    assert messages == ["Must be one of: subscribe, unsubscribe."]


def test_command_null_is_a_bad_request(send: Send):
    answer = send(None)
    assert answer.status_code == 400
    assert answer.json == {
        "code": 400,
        "message": "Command 'None' is not supported!",
        "status": "Bad Request",
    }


@pytest.mark.parametrize("command", [1, True, ["subscribe"], {}])
def test_command_must_be_a_text(send: Send, command: Any):
    answer = send(command)
    assert answer.status_code == 422
    assert list(answer.json["errors"]["json"]) == ["command"]


def test_unknown_keys_are_refused(send: Send):
    answer = send("subscribe", webhook_href=HOOK)
    assert answer.status_code == 422
    assert answer.json["errors"] == {"json": {"webhook_href": ["Unknown field."]}}


def test_missing_keys_are_named(client: FlaskClient, task: ProcessingTask):
    answer = client.post(f"/tasks/{task.id}/", json={})
    assert answer.status_code == 422
    missing = ["Missing data for required field."]
    assert answer.json == {
        "code": 422,
        "status": "Unprocessable Entity",
        "errors": {"json": {"command": missing, "webhookHref": missing}},
    }


def test_subscribing_to_an_unknown_task(client: FlaskClient):
    body = {"command": "subscribe", "webhookHref": HOOK}
    answer = client.post("/tasks/999999/", json=body)
    assert answer.status_code == 404
    assert answer.json["message"] == "Task not found."

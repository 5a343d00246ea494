# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Live updates of tasks, over a real server with a thread for each listener."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from flask import Flask
from werkzeug.serving import make_server

from managed_app import build_app
from qhana_plugin_runner import task_watch
from qhana_plugin_runner.api import task_events_api
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskLink, TaskState
from qhana_plugin_runner.retention import delete_task
from qhana_plugin_runner.task_watch import current_watch
from services import fresh_database

INTERVAL = 0.05
HEARTBEAT = 0.3


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_watch, "INTERVAL_SECONDS", INTERVAL)
    monkeypatch.setattr(task_events_api, "HEARTBEAT_SECONDS", HEARTBEAT)


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def events_app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("events")
    with fresh_database(request.param, folder) as uri:
        app = build_app(folder, uri, TASK_EVENTS_MAX_LISTENERS=5)
        yield app
        with app.app_context():
            DB.engine.dispose()


@pytest.fixture(scope="module")
def server(events_app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, events_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def app(events_app: Flask) -> Iterator[Flask]:
    with events_app.app_context():
        yield events_app
        DB.session.rollback()
        wait_until(lambda: current_watch().listeners == 0)


@pytest.fixture
def task(app: Flask) -> ProcessingTask:
    task = ProcessingTask(task_name="lab@v1.task")
    task.save(commit=True)
    return task


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


class Events:
    """The events that one client receives."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self._lines = response.iter_lines(chunk_size=1)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        event: dict[str, Any] = {}
        for line in self._lines:
            key, _, value = line.decode().partition(": ")
            if key == "data":
                event["data"] = json.loads(value)
            elif key == "" and value:
                yield {"comment": value}
            elif key:
                event[key] = value
            elif event:
                yield event
                event = {}

    def next(self) -> dict[str, Any]:
        """The next event that is no comment."""
        for event in self:
            if "event" in event:
                return event
        raise AssertionError("the stream has ended")


@contextmanager
def listen(server: str, task: ProcessingTask, **headers: str) -> Iterator[Events]:
    url = f"{server}/tasks/{task.id}/events"
    with requests.get(url, stream=True, timeout=10, headers=headers) as response:
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield Events(response)


def document(server: str, task: ProcessingTask) -> dict[str, Any]:
    return requests.get(f"{server}/tasks/{task.id}/", timeout=10).json()


def test_the_task_comes_at_once(server: str, task: ProcessingTask) -> None:
    with listen(server, task) as events:
        event = events.next()
    assert event["event"] == "status"
    assert event["data"] == document(server, task)


def test_each_kind_of_change_is_an_event_with_the_task(
    server: str, task: ProcessingTask
) -> None:
    with listen(server, task) as events:
        events.next()
        task.add_task_log_entry("a line", commit=True)
        event = events.next()
        assert (event["event"], event["data"]["log"]) == ("details", "a line")

        task.progress_value = 7
        task.save(commit=True)
        event = events.next()
        assert (event["event"], event["data"]["progress"]["value"]) == ("details", 7)

        TaskLink(task, type="x", href="http://localhost/x").save(commit=True)
        event = events.next()
        assert event["event"] == "details"
        assert {"type": "x", "href": "http://localhost/x"} in event["data"]["links"]

        task.add_next_step(href="/a", ui_href="/b", step_id="choose", commit=True)
        assert events.next()["data"]["state"] == "waiting"  # status
        event = events.next()
        assert event["event"] == "steps"
        assert event["data"]["steps"][0]["stepId"] == "choose"

        task.steps[0].cleared = True
        task.save(commit=True)
        event = events.next()
        assert event["event"] == "steps"
        assert event["data"]["steps"][0]["cleared"] is True


def test_the_stream_ends_with_the_task(server: str, task: ProcessingTask) -> None:
    with listen(server, task) as events:
        events.next()
        ProcessingTask.close(task.id, TaskState.FAILED, "the reason")
        DB.session.commit()
        rest = [event for event in events if "event" in event]
    assert [event["event"] for event in rest] == ["status", "details"]
    assert rest[-1]["data"] == document(server, task)
    assert rest[-1]["data"]["state"] == "failed"


def test_a_client_that_comes_back_after_the_end_is_told_not_to(
    server: str, task: ProcessingTask
) -> None:
    ProcessingTask.close(task.id, TaskState.SUCCEEDED)
    DB.session.commit()
    with listen(server, task) as events:
        (event,) = list(events)[-1:]
    url = f"{server}/tasks/{task.id}/events"
    again = requests.get(url, headers={"Last-Event-ID": event["id"]}, timeout=5)
    assert (again.status_code, again.content) == (204, b"")
    with listen(server, task, **{"Last-Event-ID": "older"}) as events:
        assert events.next()["data"]["state"] == "succeeded"


def test_the_stream_ends_when_the_task_is_deleted(
    server: str, task: ProcessingTask
) -> None:
    with listen(server, task) as events:
        events.next()
        delete_task(task.id)
        for event in events:  # that it was cancelled may be seen or not
            assert event.get("event") != "steps"


def test_an_unknown_task_has_no_events(server: str, app: Flask) -> None:
    answer = requests.get(f"{server}/tasks/999999/events", timeout=5)
    assert (answer.status_code, answer.json()["message"]) == (404, "Task not found.")


def test_silence_is_broken_now_and_then(server: str, task: ProcessingTask) -> None:
    with listen(server, task) as events:
        events.next()
        start = time.monotonic()
        assert next(iter(events)) == {"comment": "still there"}
        assert time.monotonic() - start < 10 * HEARTBEAT


def test_there_are_no_more_listeners_than_allowed(
    server: str, task: ProcessingTask
) -> None:
    url = f"{server}/tasks/{task.id}/events"
    with ExitStack() as stack:
        clients = [stack.enter_context(listen(server, task)) for _ in range(5)]
        for client in clients:
            client.next()
        answer = requests.get(url, timeout=5)
        assert answer.status_code == 503
        assert answer.json()["status"] == "Service Unavailable"
        assert "Ask for the task now and then instead" in answer.json()["message"]
    # The clients have gone away, which is noticed when something is sent.
    wait_until(lambda: current_watch().listeners == 0)
    with listen(server, task) as events:
        events.next()


def test_asking_for_the_head_occupies_no_slot(server: str, task: ProcessingTask) -> None:
    for _ in range(10):
        answer = requests.head(f"{server}/tasks/{task.id}/events/", timeout=5)
        assert answer.status_code == 200


def test_a_server_without_threads_refuses_listeners(
    app: Flask, task: ProcessingTask
) -> None:
    answer = app.test_client().get(f"/tasks/{task.id}/events/")
    assert answer.status_code == 503
    assert current_watch().listeners == 0


@contextmanager
def statements() -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    sa.event.listen(DB.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(DB.engine, "before_cursor_execute", note)


def test_one_statement_looks_after_all_tasks(
    server: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_watch, "INTERVAL_SECONDS", 0.2)
    monkeypatch.setattr(task_watch, "_LOOKS_FOR_DEAD_WORKERS", 10_000)
    tasks = [ProcessingTask(task_name=f"lab@v1.{number}") for number in range(5)]
    for task in tasks:
        task.save()
    DB.session.commit()
    with ExitStack() as stack:
        clients = [stack.enter_context(listen(server, task)) for task in tasks]
        for client in clients:
            client.next()
        with statements() as executed:
            time.sleep(1)
    assert 3 <= len(executed) <= 6


def test_one_change_is_read_once_for_all_listeners(
    server: str, task: ProcessingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_watch, "_LOOKS_FOR_DEAD_WORKERS", 10_000)
    task_id = task.id
    with ExitStack() as stack:
        clients = [stack.enter_context(listen(server, task)) for _ in range(5)]
        for client in clients:
            client.next()
        with statements() as executed:
            with DB.engine.begin() as connection:
                change = sa.update(ProcessingTask).where(ProcessingTask.id == task_id)
                connection.execute(change.values(progress_value=3))
            for client in clients:
                assert client.next()["data"]["progress"]["value"] == 3
    reads = [text for text in executed if "security_tag" in text or "href" in text]
    documents = [text for text in reads if "progress_value" in text]
    assert len(documents) == 1


def test_without_listeners_there_is_no_thread_and_no_statement(
    server: str, task: ProcessingTask
) -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate()]

    with listen(server, task) as events:
        events.next()
        wait_until(lambda: "qhana-task-watch" in threads())
    wait_until(lambda: "qhana-task-watch" not in threads())
    with statements() as executed:
        time.sleep(10 * INTERVAL)
    assert executed == []


def test_the_watch_survives_a_database_that_is_away(
    server: str, task: ProcessingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[int] = []
    read = task_watch.read_snapshots

    def fail(task_ids: Any) -> Any:
        failures.append(1)
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    with listen(server, task) as events:
        events.next()
        with monkeypatch.context() as patch:
            patch.setattr(task_watch, "read_snapshots", fail)
            wait_until(lambda: len(failures) > 2)
        assert task_watch.read_snapshots is read
        task.add_task_log_entry("back", commit=True)
        assert events.next()["data"]["log"] == "back"

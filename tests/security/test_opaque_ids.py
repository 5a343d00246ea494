# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The numbers in task URLs cannot be guessed, and lead back to the row all the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask, current_app, url_for
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from managed_app import build_app
from qhana_plugin_runner import create_app
from qhana_plugin_runner.api.task_ids import TaskIds
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.webhooks import subscribe

KEY = "a key of the tests that is long enough"
ROW_IDS = st.integers(0, 2**31 - 1)
UNKNOWN_TASK = {"code": 404, "status": "Not Found", "message": "Task not found."}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app with opaque ids; its context is open."""
    folder = tmp_path_factory.mktemp("opaque")
    app = build_app(
        folder, f"sqlite:///{folder / 'test.db'}", TASK_IDS="opaque", SECRET_KEY=KEY
    )
    with app.app_context():
        yield app


@pytest.fixture
def task(app: Flask) -> ProcessingTask:
    task = ProcessingTask(task_name="opaque")
    task.save(commit=True)
    return task


def path_of(task: ProcessingTask) -> str:
    """Return the path of a task as any plugin would build it."""
    with current_app.test_request_context():
        return url_for("tasks-api.TaskView", task_id=str(task.id))


@given(ROW_IDS, st.text(min_size=1, max_size=40))
def test_every_number_leads_back_to_its_row(row_id: int, secret: str) -> None:
    ids = TaskIds(secret, opaque=True)
    text = ids.to_text(row_id)
    assert text.isascii() and text.isdigit() and len(text) <= 39
    assert ids.from_text(text) == (row_id, True)


@given(st.sets(ROW_IDS, min_size=2, max_size=50))
def test_no_two_rows_have_one_number(row_ids: set[int]) -> None:
    ids = TaskIds(KEY, opaque=True)
    assert len({ids.to_text(row_id) for row_id in row_ids}) == len(row_ids)


@given(st.integers(0, 10**39 - 1))
def test_a_guessed_number_is_no_task(number: int) -> None:
    assert not TaskIds(KEY, opaque=True).from_text(str(number)).is_capability


@given(ROW_IDS, st.integers(-50, 50).filter(bool))
def test_the_neighbours_of_a_number_are_no_tasks(row_id: int, distance: int) -> None:
    ids = TaskIds(KEY, opaque=True)
    neighbour = abs(int(ids.to_text(row_id)) + distance)
    assert not ids.from_text(str(neighbour)).is_capability


@given(ROW_IDS)
def test_a_number_of_another_key_is_no_task(row_id: int) -> None:
    text = TaskIds("another key", opaque=True).to_text(row_id)
    assert not TaskIds(KEY, opaque=True).from_text(text).is_capability


def test_the_url_of_a_task_is_digits_only_and_works(
    client: FlaskClient, task: ProcessingTask
) -> None:
    path = path_of(task)
    number = path.removeprefix("/tasks/").removesuffix("/")
    assert number.isdigit() and number != str(task.id)
    document = client.get(path).get_json()
    assert document["status"] == "PENDING"


def test_all_links_of_a_task_can_be_followed(
    client: FlaskClient, task: ProcessingTask
) -> None:
    links = client.get(path_of(task)).get_json()["links"]
    assert {link["type"] for link in links} == {"subscribe", "events"}
    for link in links:
        path = urlsplit(link["href"]).path
        assert path.startswith(path_of(task))
        assert client.head(path).status_code in (200, 503)  # no thread for events here


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_row_id_is_as_unknown_as_any_other_number(
    client: FlaskClient, task: ProcessingTask, method: str
) -> None:
    body = {"command": "subscribe", "event": None, "webhookHref": "http://h.example/"}
    real = client.open(f"/tasks/{task.id}/", method=method, json=body)
    unknown = client.open("/tasks/123456789/", method=method, json=body)
    assert (real.status_code, unknown.status_code) == (404, 404)
    assert real.get_json() == unknown.get_json() == UNKNOWN_TASK
    assert ProcessingTask.get_by_id(task.id) is not None


@pytest.mark.parametrize("rest", ["cancel/", "events/"])
def test_the_other_routes_of_a_task_need_its_number_as_well(
    client: FlaskClient, task: ProcessingTask, rest: str
) -> None:
    method = "POST" if rest == "cancel/" else "GET"
    answer = client.open(f"/tasks/{task.id}/{rest}", method=method)
    assert answer.get_json() == UNKNOWN_TASK
    if rest == "cancel/":
        assert client.post(f"{path_of(task)}cancel/").get_json()["state"] == "cancelled"


@pytest.mark.parametrize("number", ["0", "1" * 39, "9" * 39, "0" * 39, str(2**64)])
def test_numbers_at_the_edges_are_unknown_tasks(client: FlaskClient, number: str) -> None:
    assert client.get(f"/tasks/{number}/").get_json() == UNKNOWN_TASK


@pytest.mark.parametrize("text", ["1" * 40, "-1", "1.0", "0x1", "\u0661", "1e3"])
def test_what_is_no_number_has_no_route(client: FlaskClient, text: str) -> None:
    assert client.get(f"/tasks/{text}/").status_code == 404


def test_webhooks_are_told_the_url_that_the_subscriber_used(
    client: FlaskClient, task: ProcessingTask
) -> None:
    body = {"command": "subscribe", "event": None, "webhookHref": "http://h.example/"}
    assert client.post(path_of(task), json=body).status_code == 200
    (subscription,) = task.subscriptions
    assert urlsplit(subscription.task_href).path == path_of(task)


def test_subscribing_twice_through_one_url_is_one_subscription(
    app: Flask, task: ProcessingTask
) -> None:
    for _ in range(2):
        subscribe(task, "http://h.example/", "http://localhost/t")
    assert len(task.subscriptions) == 1


def test_a_deleted_task_is_gone(client: FlaskClient, task: ProcessingTask) -> None:
    path = path_of(task)
    assert client.delete(path).status_code == 204
    assert client.get(path).get_json() == UNKNOWN_TASK


def test_all_processes_with_one_key_agree(task: ProcessingTask) -> None:
    program = (
        "from qhana_plugin_runner.api.task_ids import TaskIds;"
        f"print(TaskIds({KEY!r}, opaque=True).to_text({task.id}), end='')"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert path_of(task) == f"/tasks/{result.stdout}/"


def test_a_placeholder_in_a_url_stays_as_it_is(app: Flask) -> None:
    with app.test_request_context():
        assert url_for("tasks-api.TaskView", task_id="TASK") == "/tasks/TASK/"


def test_the_document_says_that_the_number_is_a_text_of_digits(app: Flask) -> None:
    document = app.test_client().get("/api-spec.json").get_json()
    validate(document)
    (parameter,) = document["paths"]["/tasks/{task_id}/"]["parameters"]
    assert parameter["schema"] == {"type": "string", "pattern": "^[0-9]{1,39}$"}


def test_the_list_of_tasks_is_not_public(app: Flask, tmp_path: Path) -> None:
    closed = build_app(
        tmp_path, f"sqlite:///{tmp_path / 'test.db'}", TASK_LIST_PUBLIC=False
    )
    answer = closed.test_client().get("/tasks/")
    assert answer.status_code == 403
    assert "TASK_LIST_PUBLIC" in answer.get_json()["message"]


@pytest.mark.parametrize(
    ("debug", "ids", "is_public"), [("0", "opaque", False), ("1", "plain", True)]
)
def test_production_guards_tasks_and_debug_mode_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, debug: str, ids: str, is_public: bool
) -> None:
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(tmp_path))
    monkeypatch.setenv("PLUGIN_FOLDERS", str(tmp_path))
    monkeypatch.setenv("FLASK_DEBUG", debug)
    app = create_app(silent_log=True)
    assert (app.config["TASK_IDS"], app.config["TASK_LIST_PUBLIC"]) == (ids, is_public)


def test_apps_of_tests_have_plain_ids(tmp_path: Path) -> None:
    app = build_app(tmp_path, "sqlite://")
    with app.test_request_context():
        assert url_for("tasks-api.TaskView", task_id="7") == "/tasks/7/"


def test_an_unknown_file_and_a_wrong_tag_get_one_answer(
    app: Flask, task: ProcessingTask
) -> None:
    file = STORE.persist_task_result(task.id, b"x", "x.txt", "text", "text/plain")
    client = app.test_client()
    wrong = client.get(f"/files/{file.id}/?file-id=wrong")
    unknown = client.get("/files/999999/?file-id=wrong")
    assert wrong.status_code == unknown.status_code == 404
    assert wrong.data == unknown.data
    assert list(wrong.headers.keys()) == list(unknown.headers.keys())

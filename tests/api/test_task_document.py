# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What clients read from ``GET /tasks/<id>/``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from flask.testing import FlaskClient

from qhana_plugin_runner.api.task_schemas import TaskSchema
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.leases import WorkerLease
from qhana_plugin_runner.db.models.tasks import (
    ProcessingTask,
    TaskFile,
    TaskLink,
    TaskState,
)
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import close_task

StoreFile = Callable[..., TaskFile]


def get(client: FlaskClient, task: ProcessingTask) -> dict[str, Any]:
    answer = client.get(f"/tasks/{task.id}/", base_url="http://runner.example:5005")
    assert answer.status_code == 200
    assert TaskSchema().validate(answer.json) == {}
    return answer.json


def close(task: ProcessingTask, state: TaskState, log: str | None = None) -> None:
    assert ProcessingTask.close(task.id, state, log)
    DB.session.commit()


def test_new_task(client: FlaskClient, task: ProcessingTask):
    document = get(client, task)
    started = datetime.fromisoformat(document.pop("startedAt"))
    assert abs(datetime.now(timezone.utc) - started) < timedelta(minutes=1)
    href = f"http://runner.example:5005/tasks/{task.id}/"
    assert document == {
        "status": "PENDING",
        "state": "queued",
        "attempts": 0,
        "log": "",
        "links": [
            {"type": "subscribe", "href": href},
            {"type": "events", "href": f"{href}events/"},
        ],
        "outputs": [],
    }


def test_answer_must_not_be_stored(client: FlaskClient, task: ProcessingTask):
    assert client.get(f"/tasks/{task.id}/").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TaskState.SUCCEEDED, "SUCCESS"),
        (TaskState.FAILED, "FAILURE"),
        (TaskState.CANCELLED, "FAILURE"),
        (TaskState.LOST, "FAILURE"),
    ],
)
def test_ended_task(
    client: FlaskClient, task: ProcessingTask, state: TaskState, status: str
):
    close(task, state, "the log")
    document = get(client, task)
    assert document["status"] == status
    assert document["state"] == state.value
    assert document["log"] == "the log"
    assert datetime.fromisoformat(document["finishedAt"]).tzinfo is not None


@pytest.mark.parametrize("state", [TaskState.RUNNING, TaskState.WAITING])
def test_open_task_is_pending(
    client: FlaskClient, task: ProcessingTask, state: TaskState
):
    task.state = state.value
    task.task_status = "STARTED"
    task.save(commit=True)
    document = get(client, task)
    assert document["status"] == "PENDING"
    assert document["state"] == state.value
    assert "finishedAt" not in document


@pytest.mark.parametrize(
    ("status", "shown"), [("SUCCESS", "SUCCESS"), (None, "UNKNOWN"), ("", "UNKNOWN")]
)
def test_task_that_a_plugin_ended_by_hand(
    client: FlaskClient, task: ProcessingTask, status: str | None, shown: str
):
    task.task_status = status
    task.finished_at = datetime.now(timezone.utc).replace(tzinfo=None)
    task.save(commit=True)
    assert get(client, task)["status"] == shown


def test_running_task_of_a_dead_worker_is_a_failure(
    client: FlaskClient, task: ProcessingTask
):
    past = datetime.now(timezone.utc) - timedelta(hours=1)
    DB.session.add(WorkerLease(id="dead", name="dead", started_at=past, expires_at=past))
    DB.session.commit()
    assert ProcessingTask.take_up(task.id, "run", "dead")
    DB.session.commit()
    document = get(client, task)
    assert (document["status"], document["state"]) == ("FAILURE", "lost")
    assert "worker" in document["log"]


def test_error_is_the_end_of_the_log(client: FlaskClient, task: ProcessingTask):
    task.add_task_log_entry("first", commit=True)
    close_task(task.id, TaskState.FAILED, "ValueError('x')\n\nTraceback")
    assert get(client, task)["log"] == "first\nValueError('x')\n\nTraceback"


def test_progress_is_absent_unless_set(client: FlaskClient, task: ProcessingTask):
    task.progress_target = 10
    task.progress_value = None
    task.save(commit=True)
    assert "progress" not in get(client, task)


def test_progress_is_a_closed_record_of_integers(
    client: FlaskClient, task: ProcessingTask
):
    task.progress_value = 49.9
    task.progress_start = 0.5
    task.progress_target = 99.9
    task.progress_unit = "rows"
    task.save(commit=True)
    progress = get(client, task)["progress"]
    assert progress == {"value": 49, "start": 0, "target": 99, "unit": "rows"}
    assert all(type(progress[key]) is int for key in ("value", "start", "target"))


@pytest.mark.parametrize("value", [1e308, -1e308, 10.0**18])
def test_huge_progress_is_still_json(
    client: FlaskClient, task: ProcessingTask, value: float
):
    task.progress_value = value
    task.save(commit=True)
    assert get(client, task)["progress"]["value"] == int(value)


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinite_progress_is_left_out(
    client: FlaskClient, task: ProcessingTask, value: float
):
    task.progress_value = value
    task.save(commit=True)
    assert "progress" not in get(client, task)


def test_steps_are_absent_without_steps(client: FlaskClient, task: ProcessingTask):
    assert "steps" not in get(client, task)


def test_steps_are_closed_records_in_order(client: FlaskClient, task: ProcessingTask):
    for number in range(3):
        task.clear_previous_step()
        task.add_next_step(
            href=f"http://runner/{number}/process/",
            ui_href=f"http://runner/{number}/ui/",
            step_id=f"step-{number}",
            commit=True,
        )
    document = get(client, task)
    assert document["steps"] == [
        {
            "stepId": f"step-{number}",
            "href": f"http://runner/{number}/process/",
            "uiHref": f"http://runner/{number}/ui/",
            "cleared": number < 2,
        }
        for number in range(3)
    ]
    assert document["state"] == "waiting"


def test_step_without_name(client: FlaskClient, task: ProcessingTask):
    task.add_next_step(href="/a/", ui_href="/b/", step_id="", commit=True)
    assert get(client, task)["steps"][0]["stepId"] == ""


def test_links_of_the_task_follow_the_subscribe_link(
    client: FlaskClient, task: ProcessingTask
):
    for type_ in ("of-weights", "of-evaluate"):
        DB.session.add(TaskLink(task, type=type_, href=f"http://runner/{type_}/"))
    DB.session.commit()
    links = get(client, task)["links"]
    types = [link["type"] for link in links]
    assert types == ["subscribe", "of-weights", "of-evaluate", "events"]
    assert links[1] == {"type": "of-weights", "href": "http://runner/of-weights/"}


def test_outputs_are_hidden_while_pending(
    client: FlaskClient, task: ProcessingTask, store_file: StoreFile
):
    store_file()
    assert get(client, task)["outputs"] == []


def test_outputs_in_order(
    client: FlaskClient, task: ProcessingTask, store_file: StoreFile
):
    files = [store_file(name=f"{name}.txt") for name in "cab"]
    close(task, TaskState.SUCCEEDED)
    assert get(client, task)["outputs"] == [
        {
            "name": file.file_name,
            "dataType": "entity/list",
            "contentType": "text/plain",
            "href": f"http://runner.example:5005/files/{file.id}/"
            f"?file-id={file.security_tag}",
        }
        for file in files
    ]


def test_outputs_of_a_failed_task_are_shown(
    client: FlaskClient, task: ProcessingTask, store_file: StoreFile
):
    store_file()
    close(task, TaskState.FAILED)
    assert len(get(client, task)["outputs"]) == 1


def test_href_of_an_output_works_as_it_stands(
    client: FlaskClient, task: ProcessingTask, store_file: StoreFile
):
    store_file(b"content")
    close(task, TaskState.SUCCEEDED)
    (output,) = get(client, task)["outputs"]
    assert client.get(output["href"]).data == b"content"


def test_temporary_and_untyped_files_are_no_outputs(
    client: FlaskClient, task: ProcessingTask, store_file: StoreFile
):
    STORE.persist_task_temp_file(task.id, b"x", "temp.bin")
    for column in ("file_type", "mimetype"):
        file = store_file()
        setattr(file, column, None)
    DB.session.commit()
    close(task, TaskState.SUCCEEDED)
    assert get(client, task)["outputs"] == []


def test_output_that_is_stored_elsewhere(client: FlaskClient, task: ProcessingTask):
    url = "http://elsewhere/data.csv"
    STORE.persist_task_result(
        task.id,
        url,
        "data.csv",
        "entity/list",
        "text/csv",
        storage_provider="url_file_store",
    )
    close(task, TaskState.SUCCEEDED)
    assert get(client, task)["outputs"][0]["href"] == url


def test_output_of_a_store_that_is_gone_is_left_out(
    client: FlaskClient, task: ProcessingTask, store_file: StoreFile
):
    store_file(name="lost.txt").storage_provider = "gone"
    kept = store_file(name="kept.txt")
    DB.session.commit()
    close(task, TaskState.SUCCEEDED)
    outputs = get(client, task)["outputs"]
    assert [output["name"] for output in outputs] == [kept.file_name]


@pytest.mark.parametrize(
    "id_",
    [
        "0",
        "999999",
        "2147483647",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "9" * 400,
        "1" * 5000,
        "-1",
        "1.5",
        "abc",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "1%00",
        "1e1",
        "0x1",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_unknown_ids_are_not_found(client: FlaskClient, id_: str, method: str):
    body = {"command": "subscribe", "webhookHref": "http://localhost/hook/"}
    json = body if method == "POST" else None
    answer = client.open(f"/tasks/{id_}/", method=method, json=json)
    assert answer.status_code == 404
    if method != "HEAD":
        assert (answer.json["code"], answer.json["status"]) == (404, "Not Found")


def test_message_of_an_unknown_task(client: FlaskClient):
    assert client.get("/tasks/999999/").json == {
        "code": 404,
        "message": "Task not found.",
        "status": "Not Found",
    }


def test_path_that_is_no_id_has_no_message(client: FlaskClient):
    assert client.get("/tasks/abc/").json == {"code": 404, "status": "Not Found"}

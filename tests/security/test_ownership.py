# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks belong to whom their token names; URLs with secrets are permission enough."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from flask import Flask, url_for
from flask.testing import FlaskClient

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskUpdateSubscription
from qhana_plugin_runner.identity import (
    Identity,
    acting_for,
    current_owner,
    set_request_identity,
)
from qhana_plugin_runner.storage import STORE
from security.secured_app import bearer, newest_task, secured_app, submit

STEP = "/plugins/hello-world-multi-step@v1-0-0/{}/demo-step-ui/"
HOOK = {"command": "subscribe", "event": None, "webhookHref": "http://h.example/"}
Headers = dict[str, str]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = secured_app(tmp_path_factory.mktemp("owners"))
    with app.app_context():
        yield app


@pytest.fixture(scope="module")
def alice(app: Flask) -> Headers:
    return bearer(app, "alice")


@pytest.fixture(scope="module")
def bob(app: Flask) -> Headers:
    return bearer(app, "bob")


@pytest.fixture(scope="module", params=[{"admin": True}, {"role": "admin"}])
def admin(app: Flask, request: pytest.FixtureRequest) -> Headers:
    return bearer(app, "root", **request.param)


def owned_by(owner: str | None) -> ProcessingTask:
    """Return a new task, made as a plugin makes it."""
    with acting_for(owner):
        task = ProcessingTask(
            task_name="hello-world-multi-step@v1-0-0.preprocessing_task"
        )
    task.save(commit=True)
    return task


def path_of(app: Flask, task: ProcessingTask) -> str:
    with app.test_request_context():
        return url_for("tasks-api.TaskView", task_id=task.id)


def test_a_task_belongs_to_whom_the_token_of_its_request_names(
    client: FlaskClient, alice: Headers
) -> None:
    submit(client, alice)
    assert newest_task().owner == "alice"


def test_a_task_without_a_token_belongs_to_nobody(tmp_path: Path) -> None:
    app = secured_app(tmp_path, AUTHENTICATION="optional", TASK_IDS="opaque")
    with app.app_context():
        submit(app.test_client())
        assert newest_task().owner is None


def test_a_token_gives_an_owner_where_it_is_optional_as_well(tmp_path: Path) -> None:
    app = secured_app(tmp_path, AUTHENTICATION="optional", TASK_IDS="opaque")
    with app.app_context():
        submit(app.test_client(), bearer(app, "alice"))
        task = newest_task()
        plain = f"/tasks/{task.id}/"
        client = app.test_client()
        assert client.get(plain, headers=bearer(app, "alice")).status_code == 200
        assert client.get(plain, headers=bearer(app, "bob")).status_code == 404
        assert client.get(plain).status_code == 404


def test_the_owner_may_use_the_plain_id(client: FlaskClient, alice: Headers) -> None:
    task = owned_by("alice")
    assert client.get(f"/tasks/{task.id}/", headers=alice).status_code == 200
    assert client.delete(f"/tasks/{task.id}/", headers=alice).status_code == 204


@pytest.mark.parametrize("owner", ["alice", None])
def test_tasks_of_others_are_as_unknown_as_tasks_that_are_not_there(
    client: FlaskClient, bob: Headers, owner: str | None
) -> None:
    task = owned_by(owner)
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("DELETE", ""),
        ("POST", "cancel/"),
        ("GET", "events/"),
    ):
        answers = [
            client.open(f"/tasks/{id_}/{path}", method=method, json=HOOK, headers=bob)
            for id_ in (task.id, 999_999)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].get_json() == answers[1].get_json()


def test_an_admin_may_use_all_tasks(client: FlaskClient, admin: Headers) -> None:
    for owner in ("alice", None):
        task = owned_by(owner)
        assert client.get(f"/tasks/{task.id}/", headers=admin).status_code == 200
        assert client.post(f"/tasks/{task.id}/cancel/", headers=admin).status_code == 200
        assert client.delete(f"/tasks/{task.id}/", headers=admin).status_code == 204


def test_the_opaque_url_needs_no_token_for_reading_and_subscribing(
    app: Flask, client: FlaskClient
) -> None:
    path = path_of(app, owned_by("alice"))
    assert client.get(path).status_code == 200
    assert client.post(path, json=HOOK).status_code == 200


def test_ending_a_task_takes_its_owner(
    app: Flask, client: FlaskClient, bob: Headers, alice: Headers
) -> None:
    path = path_of(app, owned_by("alice"))
    for method, url in (("DELETE", path), ("POST", f"{path}cancel/")):
        assert client.open(url, method=method).status_code == 401
        assert client.open(url, method=method, headers=bob).status_code == 403
    assert client.post(f"{path}cancel/", headers=alice).status_code == 200


def test_files_need_their_tag_or_nothing_works(app: Flask, client: FlaskClient) -> None:
    task = owned_by("alice")
    file = STORE.persist_task_result(task.id, b"42", "x.txt", "text", "text/plain")
    good = client.get(f"/files/{file.id}/?file-id={file.security_tag}")
    assert (good.status_code, good.data) == (200, b"42")
    assert client.get(f"/files/{file.id}/?file-id=wrong").status_code == 404
    assert client.get(f"/files/{file.id}/").status_code == 401


def listed(client: FlaskClient, headers: Headers) -> set[int]:
    """Return the ids in the list of tasks, all pages of it."""
    found, url = set(), "/tasks/?limit=100"
    while url:
        page: dict[str, Any] = client.get(url, headers=headers).get_json()
        found |= {task["taskId"] for task in page["tasks"]}
        url = "".join(ln["href"] for ln in page["links"] if ln["type"] == "next")
    return found


def test_the_list_shows_own_tasks_and_admins_all(
    client: FlaskClient, alice: Headers, bob: Headers, admin: Headers
) -> None:
    tasks = {owner: owned_by(owner).id for owner in ("alice", "bob", None)}
    everything = set(tasks.values())
    assert listed(client, alice) & everything == {tasks["alice"]}
    assert listed(client, bob) & everything == {tasks["bob"]}
    assert listed(client, admin) & everything == everything


def test_steps_of_tasks_of_others_are_not_shown_by_plugins(
    client: FlaskClient, alice: Headers, bob: Headers, admin: Headers
) -> None:
    task = owned_by("alice")
    task.add_next_step("http://localhost/", "http://localhost/", "step1", commit=True)
    path = STEP.format(task.id)
    statuses = [client.get(path, headers=who).status_code for who in (alice, admin, bob)]
    assert statuses == [200, 200, 404]
    assert client.get(path, headers=bob).get_json()["message"] == "Task not found."


def test_a_subscription_notes_who_made_it(
    app: Flask, client: FlaskClient, alice: Headers
) -> None:
    task = owned_by("alice")
    for headers in ({}, alice, alice):
        client.post(path_of(app, task), json=HOOK, headers=headers)
    rows = TaskUpdateSubscription.get_by_task_and_subscriber(task, "http://h.example/")
    assert [row.subscriber for row in rows] == [None, "alice"]


def test_tasks_of_a_task_belong_to_its_owner(app: Flask) -> None:
    owners: list[str | None] = []

    @CELERY.task(name="test-ownership.inner")
    def inner() -> None:
        owners.append(current_owner())

    @CELERY.task(name="test-ownership.outer")
    def outer() -> None:
        owners.append(current_owner())
        inner.apply_async()

    DB.session.remove()
    with start_worker(CELERY, pool="solo", perform_ping_check=False):
        with app.test_request_context():
            set_request_identity(Identity("alice"))
            outer.apply_async()
        deadline = time.monotonic() + 10
        while len(owners) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert owners == ["alice", "alice"]


def test_nobody_is_acted_for_when_a_task_is_over() -> None:
    with acting_for("alice"), acting_for(None):
        assert current_owner() is None
    assert current_owner() is None

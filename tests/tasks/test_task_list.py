# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The list of tasks: pages, filters, and what a page costs, on each kind of database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from managed_app import build_app
from qhana_plugin_runner.api.task_list_schemas import TaskListSchema, cursor_text
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from services import fresh_database

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
NAMES = ("Alpha@v1.task", "alpha@v1.task", "alpha@v1.other", "alpha@v2.task")
NAMES += ("alpha-2@v1.task", "beta@v1.task", "by-hand")
# state, finished, status
ENDS = (
    ("queued", False, None),
    ("succeeded", True, "SUCCESS"),
    ("failed", True, "FAILURE"),
    ("running", False, None),
    ("cancelled", True, "FAILURE"),
    ("waiting", False, None),
    ("lost", True, "FAILURE"),
    ("failed", True, None),
)
LONG = os.environ.get("QHANA_CHAOS") == "long"
COUNT = len(NAMES) * len(ENDS)


def row(number: int) -> dict[str, Any]:
    """The columns of the task with this number; numbers count minutes from the start."""
    state, finished, status = ENDS[number % len(ENDS)]
    started = START + timedelta(minutes=number)
    return {
        "task_name": NAMES[number % len(NAMES)],
        "started_at": started,
        "finished_at": started + timedelta(seconds=1) if finished else None,
        "task_status": status,
        "state": state,
        "task_log": "a log that no list shows",
        "progress_value": 50 if state == "running" else None,
        "parameters": "",
        "multi_step": False,
        "current_step": -1,
        "progress_start": 0,
        "progress_target": 100,
        "progress_unit": "%",
        "attempts": 1,
    }


def insert(numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, 5000):
        rows = [row(number) for number in numbers[start : start + 5000]]
        DB.session.execute(sa.insert(ProcessingTask), rows)
        DB.session.commit()


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def listed_app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("list")
    with fresh_database(request.param, folder) as uri:
        app = build_app(folder, uri)
        with app.app_context():
            insert(range(COUNT))
            yield app
            DB.session.remove()
            DB.engine.dispose()


@pytest.fixture(scope="module")
def listed(listed_app: Flask) -> FlaskClient:
    return listed_app.test_client()


def get(client: FlaskClient, url: str) -> dict[str, Any]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    assert TaskListSchema().validate(answer.json) == {}
    return answer.json


def link(document: dict[str, Any], type_: str) -> str | None:
    hrefs = [link["href"] for link in document["links"] if link["type"] == type_]
    return hrefs[0] if hrefs else None


def walk(client: FlaskClient, url: str) -> Iterator[dict[str, Any]]:
    """Yield all tasks by following the links from page to page."""
    next_url: str | None = url
    while next_url is not None:
        document = get(client, next_url)
        assert document["tasks"] or next_url == url
        yield from document["tasks"]
        next_url = link(document, "next")


def numbers(tasks: Iterator[dict[str, Any]]) -> list[int]:
    """The numbers of tasks, see :func:`row`."""
    times = (datetime.fromisoformat(task["startedAt"]) for task in tasks)
    return [round((moment - START) / timedelta(minutes=1)) for moment in times]


def test_a_task_in_the_list(listed: FlaskClient) -> None:
    until = quote((START + timedelta(minutes=7)).isoformat())
    tasks = get(listed, f"/tasks/?until={until}")["tasks"][::-1]
    running = tasks[3]
    assert running.pop("href").endswith(f"/tasks/{running.pop('taskId')}/")
    assert running == {
        "name": "alpha@v2.task",
        "plugin": "alpha@v2",
        "status": "PENDING",
        "state": "running",
        "startedAt": "2026-01-01T00:03:00+00:00",
        "progress": {"start": 0, "target": 100, "unit": "%", "value": 50},
    }
    assert tasks[2]["finishedAt"] == "2026-01-01T00:02:01+00:00"
    assert [tasks[number]["status"] for number in (1, 2, 7)] == [
        "SUCCESS",
        "FAILURE",
        "UNKNOWN",
    ]


def test_the_href_is_the_task(listed: FlaskClient) -> None:
    task, *_rest = get(listed, "/tasks/")["tasks"]
    document = listed.get(task["href"]).json
    assert document["startedAt"] == task["startedAt"]


@pytest.mark.parametrize("limit", [1, 7, 25, 28, 55, 56, 57, 100])
def test_pages_contain_every_task_once_newest_first(
    listed: FlaskClient, limit: int
) -> None:
    found = numbers(walk(listed, f"/tasks/?limit={limit}"))
    assert found == list(range(COUNT - 1, -1, -1))


def test_a_page_has_25_tasks_unless_asked_otherwise(listed: FlaskClient) -> None:
    assert len(get(listed, "/tasks/")["tasks"]) == 25


def test_links_keep_the_filters(listed: FlaskClient) -> None:
    document = get(listed, "/tasks/?state=failed&limit=2&unknown=x&_external=1")
    own, following = link(document, "self"), link(document, "next")
    assert own == "http://localhost/tasks/?state=failed&limit=2"
    assert following is not None
    assert following.startswith(f"{own}&cursor=")
    assert get(listed, own) == document


def test_new_tasks_do_not_shift_the_next_page(listed: FlaskClient) -> None:
    following = link(get(listed, "/tasks/?limit=10"), "next")
    assert following is not None
    before = get(listed, following)
    task = ProcessingTask(task_name="new")
    task.save(commit=True)
    try:
        assert get(listed, following) == before
    finally:
        DB.session.delete(task)
        DB.session.commit()


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("state=running", lambda r: r["state"] == "running"),
        ("state=lost", lambda r: r["state"] == "lost"),
        ("status=PENDING", lambda r: r["finished_at"] is None),
        ("status=SUCCESS", lambda r: r["task_status"] == "SUCCESS"),
        ("status=FAILURE", lambda r: r["task_status"] == "FAILURE"),
        ("status=UNKNOWN", lambda r: r["finished_at"] and not r["task_status"]),
        (
            "status=FAILURE&state=failed",
            lambda r: r["state"] == "failed" and r["task_status"],
        ),
        ("status=SUCCESS&state=failed", lambda r: False),
        ("plugin=alpha", lambda r: r["task_name"].startswith("alpha@")),
        ("plugin=alpha%40v1", lambda r: r["task_name"].startswith("alpha@v1.")),
        ("plugin=alpha@v", lambda r: False),
        ("plugin=%25", lambda r: False),
        ("plugin=unknown", lambda r: False),
        (
            "plugin=alpha&state=running",
            lambda r: r["task_name"].startswith("alpha@") and r["state"] == "running",
        ),
        (
            "plugin=alpha&status=FAILURE",
            lambda r: r["task_name"].startswith("alpha@")
            and r["task_status"] == "FAILURE",
        ),
        ("since=2026-01-01T00:20:00Z", lambda r: minute(r) >= 20),
        ("since=2026-01-01T01:20:00+01:00", lambda r: minute(r) >= 20),
        ("since=2026-01-01T00:20:00", lambda r: minute(r) >= 20),
        ("until=2026-01-01T00:20:00Z", lambda r: minute(r) <= 20),
        (
            "since=2026-01-01T00:20:00Z&until=2026-01-01T00:30:00Z&state=waiting",
            lambda r: 20 <= minute(r) <= 30 and r["state"] == "waiting",
        ),
        ("since=2025-12-31", lambda r: True),
        ("since=2027-01-01", lambda r: False),
        ("until=2025-12-31", lambda r: False),
    ],
)
def test_filters(listed: FlaskClient, query: str, kept: Any) -> None:
    expected = [number for number in range(COUNT - 1, -1, -1) if kept(row(number))]
    assert numbers(walk(listed, f"/tasks/?{query}&limit=3")) == expected


def minute(columns: dict[str, Any]) -> int:
    return (columns["started_at"] - START) // timedelta(minutes=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("state", "PENDING"),
        ("status", "pending"),
        ("plugin", ""),
        ("since", "yesterday"),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "many"),
        ("cursor", "5"),
        ("cursor", f"before-{'9' * 11}"),
        ("cursor", f"{cursor_text(5)} "),
        ("cursor", "ä"),
    ],
)
def test_malformed_queries_are_refused(listed: FlaskClient, key: str, value: str) -> None:
    answer = listed.get("/tasks/", query_string={key: value})
    assert answer.status_code == 422
    assert list(answer.json["errors"]["query"]) == [key]


@pytest.mark.parametrize("since", ["0001-01-01", "1999-01-01T00:00:00.5+00:00"])
@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z"])
def test_all_times_of_the_calendar_are_understood(
    listed: FlaskClient, since: str, until: str
) -> None:
    query = {"since": since, "until": until}
    answer = listed.get("/tasks/", query_string=query)
    assert answer.json["tasks"] == listed.get("/tasks/").json["tasks"]


def seconds_per_page(client: FlaskClient, urls: list[str]) -> list[float]:
    """The shortest duration of each of the pages, which other processes spoil least."""
    durations: list[list[float]] = [[] for _ in urls]
    for _ in range(30):
        for index, url in enumerate(urls):
            start = time.perf_counter()
            assert client.get(url).status_code == 200
            durations[index].append(time.perf_counter() - start)
    return [min(values) for values in durations]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_late_page_costs_as_much_as_the_first(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A million tasks and the thousandth page in the long form of the suite."""
    count, page = (1_000_000, 1000) if LONG else (20_000, 40)
    folder = tmp_path_factory.mktemp("many")
    with fresh_database(kind, folder) as uri:
        app = build_app(folder, uri)
        with app.app_context():
            insert(range(count))
            if kind == "postgresql":
                DB.session.execute(sa.text('ANALYZE "ProcessingTask"'))
                DB.session.commit()
            client = app.test_client()
            for filters in ("", "&state=succeeded", "&plugin=alpha", "&status=PENDING"):
                first = f"/tasks/?limit=25{filters}"
                # With the filters, at most every eighth task is in the list.
                late = f"{first}&cursor={cursor_text(count - 8 * 25 * (page - 1))}"
                times = seconds_per_page(client, [first, late])
                assert times[1] < times[0] * 1.5, (filters, times)
                assert times[0] < 0.1, (filters, times)
            DB.session.remove()
            DB.engine.dispose()

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What must be done before a message leaves is done while it is put together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask
from kombu import Connection
from sqlalchemy.exc import DBAPIError

from managed_app import build_app
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.producers import RunnerAMQP, before_sending
from services import RABBITMQ, REDIS, fresh_database, require

QUEUE = "before-sending"


class Broken(Exception):
    """Raised by what comes first."""


@pytest.fixture(params=["memory", "redis", "rabbitmq"])
def celery(request: pytest.FixtureRequest) -> Iterator[Celery]:
    """A Celery application without Flask, with an empty queue."""
    url = {"memory": "memory://", "redis": REDIS, "rabbitmq": RABBITMQ}[request.param]
    if request.param != "memory":
        require(request.param, url)
    celery = Celery("producers", broker=url, set_as_current=False, amqp=RunnerAMQP)
    celery.conf.task_default_queue = QUEUE
    with celery.connection_for_write() as connection:
        connection.default_channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        connection.default_channel.queue_purge(QUEUE)
        yield celery
        connection.default_channel.queue_delete(QUEUE)
    celery.close()


def queued(celery: Celery) -> int:
    with celery.connection_for_read() as connection:
        try:
            answer = connection.default_channel.queue_declare(QUEUE, passive=True)
        except connection.channel_errors:
            return 0  # Redis has no empty queues
        return answer.message_count


def test_it_is_done_before_the_message_leaves(celery: Celery) -> None:
    found: list[int] = []
    with before_sending(lambda: found.append(queued(celery))):
        assert not found
        celery.send_task("a")
    assert (found, queued(celery)) == ([0], 1)


def test_it_is_done_once(celery: Celery) -> None:
    done: list[str] = []
    with before_sending(lambda: done.append("first")):
        celery.send_task("a")
        celery.send_task("b")
    celery.send_task("c")
    assert (done, queued(celery)) == (["first"], 3)


def test_a_message_stays_if_it_fails(celery: Celery) -> None:
    def fail() -> None:
        raise Broken

    with pytest.raises(Broken), before_sending(fail):
        celery.send_task("a")
    assert queued(celery) == 0
    celery.send_task("b")
    assert queued(celery) == 1


def test_it_is_done_if_no_message_leaves() -> None:
    done: list[str] = []
    with before_sending(lambda: done.append("first")):
        pass
    with pytest.raises(Broken), before_sending(lambda: done.append("second")):
        raise Broken
    assert done == ["first", "second"]


def test_a_message_that_is_sent_on_the_way_comes_first(celery: Celery) -> None:
    done: list[str] = []
    with before_sending(lambda: done.append("outer")):
        with before_sending(lambda: done.append("inner")):
            celery.send_task("a")
        assert done == ["inner"]
        celery.send_task("b")
        assert done == ["inner", "outer"]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    require("redis", REDIS)
    settings = {"broker_url": REDIS, "task_default_queue": QUEUE}
    with fresh_database("postgresql", tmp_path) as uri:
        app = build_app(tmp_path, uri, CELERY=settings)
        with app.app_context(), Connection(REDIS) as connection:
            connection.default_channel.queue_purge(QUEUE)
            yield app
            connection.default_channel.queue_delete(QUEUE)
            DB.session.remove()
            DB.engine.dispose()


@pytest.mark.parametrize("way", ["usual", "connection", "producer", "position"])
def test_a_task_whose_message_cannot_be_kept_is_not_sent(app: Flask, way: str) -> None:
    task = ProcessingTask(task_name="x")
    task.save(commit=True)
    id_ = task.id
    DB.session.remove()
    with DB.engine.begin() as connection:
        connection.exec_driver_sql(
            'ALTER TABLE "ProcessingTask" ADD CONSTRAINT nothing CHECK (message IS NULL)'
        )
    with pytest.raises(DBAPIError), CELERY.connection_for_write() as connection:
        arguments: list[Any] = ["anything", (), {"db_id": id_}]
        options: dict[str, Any] = {}
        if way == "connection":
            options["connection"] = connection
        elif way == "producer":
            options["producer"] = CELERY.amqp.Producer(connection)
        elif way == "position":
            arguments += [None, None, None, CELERY.amqp.Producer(connection)]
        CELERY.send_task(*arguments, **options)
    with Connection(REDIS) as connection:
        assert connection.default_channel._size(QUEUE) == 0
    assert DB.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_nobody_waits_for_a_producer_with_a_connection_to_the_database(
    app: Flask,
) -> None:
    task = ProcessingTask(task_name="x")
    task.save(commit=True)
    id_ = task.id
    DB.session.remove()
    pool: Any = DB.engine.pool
    producers = CELERY.producer_pool

    def send() -> None:
        with app.app_context():
            CELERY.send_task("anything", kwargs={"db_id": id_})

    taken = [producers.acquire(block=True) for _ in range(producers.limit)]
    with ThreadPoolExecutor(1) as executor:
        sending = executor.submit(send)
        time.sleep(0.3)
        assert not sending.done()
        assert pool.checkedout() == 0
        for producer in taken:
            producer.release()
        sending.result(20)

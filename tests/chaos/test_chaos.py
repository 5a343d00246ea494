# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Every task ends, none runs twice, whatever happens to workers, broker and database.

The short form is part of the suite; ``QHANA_CHAOS=long`` (``invoke chaos``) runs more
tasks on every broker.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runner_process import Runner, free_port, runner
from services import POSTGRESQL, RABBITMQ, REDIS, fresh_database, require
from tcp_proxy import TcpProxy

LONG = os.environ.get("QHANA_CHAOS") == "long"
TASKS = 300 if LONG else 40
BROKERS = {"embedded": "embedded://", "redis": REDIS, "rabbitmq": RABBITMQ}
COMBINATIONS = [
    ("embedded", "sqlite"),
    ("redis", "postgresql"),
    ("rabbitmq", "postgresql"),
]
if LONG:
    COMBINATIONS += [
        ("embedded", "postgresql"),
        ("redis", "sqlite"),
        ("rabbitmq", "sqlite"),
    ]


@contextmanager
def chaos_runner(folder: Path, broker: str, database: str) -> Iterator[Runner]:
    if broker != "embedded":
        require(broker, BROKERS[broker])
    with (
        fresh_database(database, folder) as uri,
        runner(
            folder,
            BROKER_URL=BROKERS[broker],
            SQLALCHEMY_DATABASE_URI=uri,
            TASK_LEASE_SECONDS="3",
        ) as instance,
    ):
        instance.start_server()
        yield instance


def assert_all_ended(
    instance: Runner, urls: list[str], ran: Path, seconds: float
) -> Counter[str]:
    """Wait until all tasks are final and check each; returns the states."""
    deadline = time.monotonic() + seconds
    states: Counter[str] = Counter()
    for url in urls:
        task = instance.wait_task(url, max(1.0, deadline - time.monotonic()))
        states[task["state"]] += 1
        db_id = instance.row_id(url)
        marks = ran / f"ran-{db_id}"
        times = len(marks.read_text().splitlines()) if marks.exists() else 0
        assert times <= 1, f"{url} ran {times} times"
        if task["state"] == "succeeded":
            assert times == 1
            (output,) = task["outputs"]
            content = instance.http.get(output["href"], timeout=10).text
            assert content == "complete" * 500
        else:
            assert task["log"], f"{url} does not say why it is {task['state']}"
    return states


def work(ran: Path, seconds: float) -> list[dict[str, Any]]:
    return [
        {"op": "touch", "folder": str(ran)},
        {"op": "sleep", "seconds": seconds},
        {"op": "file", "name": "out.txt", "text": "complete" * 500},
    ]


@pytest.mark.parametrize(("broker", "database"), COMBINATIONS)
def test_workers_that_are_killed_lose_no_task_and_repeat_none(
    tmp_path: Path, broker: str, database: str
) -> None:
    chance = random.Random(4711)
    ran = tmp_path / "ran"
    ran.mkdir()
    with chaos_runner(tmp_path, broker, database) as instance:
        for name in ("one", "two"):
            instance.start_worker(name)
        urls = [
            instance.submit(*work(ran, chance.uniform(0.05, 0.4))) for _ in range(TASKS)
        ]
        for name in ("one", "two", "one") * (6 if LONG else 1):
            time.sleep(chance.uniform(0.5, 2.0))
            instance.kill(name)
            instance.start_worker(name)
        states = assert_all_ended(instance, urls, ran, 240 if LONG else 90)
    assert states["succeeded"] > TASKS / 2
    assert set(states) <= {"succeeded", "lost"}


class OwnRedis:
    """A Redis server of the test that forgets everything when it stops."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", ""]
        command += ["--dir", str(self._folder), "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(0.5)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    if shutil.which("redis-server") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("needs the program redis-server")
        pytest.skip("needs the program redis-server")
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.stop()


def test_a_broker_that_forgets_everything_loses_no_task(
    tmp_path: Path, own_redis: OwnRedis
) -> None:
    ran = tmp_path / "ran"
    ran.mkdir()
    queued, outage = (100, 10.0) if LONG else (30, 4.0)
    with runner(
        tmp_path,
        BROKER_URL=own_redis.url,
        RESULT_BACKEND=own_redis.url,
        TASK_LEASE_SECONDS="3",
    ) as instance:
        instance.start_server()
        instance.start_worker(concurrency=4)
        urls = [instance.submit(*work(ran, 2.0)) for _ in range(4)]
        for url in urls:
            instance.wait_state(url, "running")
        urls += [instance.submit(*work(ran, 0.01)) for _ in range(queued)]
        own_redis.stop()
        time.sleep(outage)
        own_redis.start()
        states = assert_all_ended(instance, urls, ran, 90)
        assert states == Counter(succeeded=len(urls))
        start = time.monotonic()
        instance.wait_task(instance.submit(), 15)
        assert time.monotonic() - start < 15


def test_a_broker_that_hangs_is_known_within_five_seconds(
    tmp_path: Path, own_redis: OwnRedis
) -> None:
    with runner(tmp_path, BROKER_URL=own_redis.url) as instance:
        instance.start_server()
        process = own_redis._process
        assert process is not None
        process.send_signal(19)  # SIGSTOP
        try:
            start = time.monotonic()
            answer = instance.http.post(
                f"{instance.url}plugins/laboratory@v1-0-0/process/",
                data={"operations": "[]"},
                timeout=30,
            )
            duration = time.monotonic() - start
        finally:
            process.send_signal(18)  # SIGCONT
        assert (answer.status_code, duration < 5) == (503, True)


def test_a_database_that_restarts_loses_no_outcome(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    ran.mkdir()
    require("postgresql", POSTGRESQL)
    with fresh_database("postgresql", tmp_path) as uri:
        url = sa.make_url(uri)
        assert url.host is not None
        with TcpProxy(url.host, url.port or 5432) as proxy:
            through = url.set(host="127.0.0.1", port=proxy.port)
            with runner(
                tmp_path,
                SQLALCHEMY_DATABASE_URI=through.render_as_string(hide_password=False),
                TASK_LEASE_SECONDS="10",
            ) as instance:
                instance.start_server()
                instance.start_worker()
                urls = [instance.submit(*work(ran, 1.0)) for _ in range(2)]
                for task in urls:
                    instance.wait_state(task, "running")
                urls += [instance.submit(*work(ran, 0.01)) for _ in range(10)]
                proxy.stop()
                answer = instance.http.get(urls[0], timeout=30)
                assert answer.status_code == 503
                time.sleep(3)
                proxy.start()
                states = assert_all_ended(instance, urls, ran, 60)
    assert states["succeeded"] >= 2
    assert set(states) <= {"succeeded", "failed"}


def test_a_locked_sqlite_database_fails_no_task(tmp_path: Path) -> None:
    with runner(tmp_path, TASK_LEASE_SECONDS="30") as instance:
        instance.start_server()
        instance.start_worker()
        url = instance.submit({"op": "sleep", "seconds": 1.0})
        instance.wait_state(url, "running")
        database = tmp_path / "instance" / "qhana_plugin_runner.db"
        engine = sa.create_engine(f"sqlite:///{database}", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            answers: list[str] = []
            writer = threading.Thread(target=lambda: answers.append(instance.submit()))
            writer.start()
            time.sleep(6)
            connection.exec_driver_sql("COMMIT")
        writer.join(timeout=30)
        assert instance.wait_task(url)["status"] == "SUCCESS"
        assert instance.wait_task(answers[0])["status"] == "SUCCESS"


@pytest.mark.parametrize("broker", ["embedded", "redis"])
def test_sigterm_lets_running_tasks_end_and_leaves_queued_ones_to_others(
    tmp_path: Path, broker: str
) -> None:
    ran = tmp_path / "ran"
    ran.mkdir()
    with chaos_runner(tmp_path, broker, "sqlite") as instance:
        instance.start_worker("one", concurrency=1)
        running = instance.submit(*work(ran, 2.0))
        instance.wait_state(running, "running")
        queued = [instance.submit(*work(ran, 0.01)) for _ in range(5)]
        assert instance.stop("one") == 0
        # the outcome was recorded by the process that ran the task
        assert instance.task(running)["state"] == "succeeded"
        instance.start_worker("two")
        states = assert_all_ended(instance, queued, ran, 30)
    assert states == Counter(succeeded=5)


def test_a_cold_stop_says_that_running_tasks_are_lost(tmp_path: Path) -> None:
    with chaos_runner(tmp_path, "embedded", "sqlite") as instance:
        instance.start_worker("one", concurrency=1)
        running = instance.submit({"op": "sleep", "seconds": 60})
        instance.wait_state(running, "running")
        instance.stop("one", 3)  # SIGQUIT
        task = instance.wait_task(running, 10)
    assert task["status"] == "FAILURE"
    assert task["log"]

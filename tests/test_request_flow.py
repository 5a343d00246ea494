# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""One request from end to end, as in ``docs/request-flow.rst``, with real processes.

The same nine steps with every broker, database and file store: a few combinations in
which each of them occurs, and all of them with ``QHANA_MATRIX=full``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import requests

from runner_process import Runner, free_port, runner
from s3_server import S3Server, s3_server
from services import RABBITMQ, REDIS, fresh_database, require

BROKERS: dict[str, dict[str, str]] = {
    "embedded": {},
    "redis": {"BROKER_URL": REDIS, "RESULT_BACKEND": REDIS},
    "rabbitmq": {"BROKER_URL": RABBITMQ},
}


DATABASES = ("sqlite", "postgresql", "mariadb")
STORES = ("local", "s3")
COVERING = [
    ("embedded", "sqlite", "local"),
    ("redis", "postgresql", "s3"),
    ("rabbitmq", "mariadb", "local"),
]
FULL = os.environ.get("QHANA_MATRIX") == "full"
COMBINATIONS = list(product(BROKERS, DATABASES, STORES)) if FULL else COVERING


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module", params=COMBINATIONS, ids="-".join)
def flow(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    broker, database, store = request.param
    settings = dict(BROKERS[broker])
    if broker != "embedded":
        require(broker, settings["BROKER_URL"])
    if store == "s3":
        server: S3Server = request.getfixturevalue("s3")
        settings.update(server.environment())
    folder: Path = tmp_path_factory.mktemp(broker)
    with (
        fresh_database(database, folder) as uri,
        runner(folder, SQLALCHEMY_DATABASE_URI=uri, **settings) as instance,
    ):
        instance.start_server()
        instance.start_worker()
        yield instance


def test_one_request_in_nine_steps(flow: Runner) -> None:
    operations = [{"op": "url"}, {"op": "file", "name": "out.txt", "text": "Ergebnis"}]
    # 1 form -> values, 2 values -> row, 3 row -> broker, 4 answer
    answer = flow.http.post(
        f"{flow.url}plugins/laboratory@v1-0-0/process/",
        data={"operations": json.dumps(operations)},
        timeout=10,
        allow_redirects=False,
    )
    assert answer.status_code == 303
    task_url = requests.compat.urljoin(answer.url, answer.headers["Location"])
    # 5 broker -> worker, 6 work, 7 result -> store, 8 outcome -> row
    task = flow.wait_task(task_url)
    # 9 row -> JSON
    assert (task["status"], task["state"]) == ("SUCCESS", "succeeded")
    assert task["log"] == f"{flow.url}plugins/laboratory@v1-0-0/"
    (output,) = task["outputs"]
    assert {key: output[key] for key in ("name", "dataType", "contentType")} == {
        "name": "out.txt",
        "dataType": "text",
        "contentType": "text/plain",
    }
    assert flow.http.get(output["href"], timeout=10).content == b"Ergebnis"


def test_bad_input_is_refused_before_there_is_a_row(flow: Runner) -> None:
    answer = flow.http.post(
        f"{flow.url}plugins/laboratory@v1-0-0/process/", data={}, timeout=10
    )
    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "form": {"operations": ["Missing data for required field."]}
    }


def test_a_failure_is_recorded(flow: Runner) -> None:
    task = flow.wait_task(flow.submit({"op": "fail", "message": "no"}))
    assert (task["status"], task["state"]) == ("FAILURE", "failed")
    assert task["log"].startswith("ValueError('no')")


def test_a_crash_is_recorded(flow: Runner) -> None:
    start = time.monotonic()
    task = flow.wait_task(flow.submit({"op": "exit"}), 10)
    assert (task["status"], time.monotonic() - start < 5) == ("FAILURE", True)


def test_an_idle_worker_picks_a_task_up_at_once(flow: Runner) -> None:
    flow.wait_task(flow.submit())
    durations = []
    for _ in range(5):
        start = time.monotonic()
        url = flow.submit()
        while flow.task(url)["status"] == "PENDING":
            time.sleep(0.005)
        durations.append(time.monotonic() - start)
    # The median tells the latency, a busy machine may slow down single ones.
    assert sorted(durations)[2] < 0.5


@pytest.mark.parametrize(
    "broker_url", ["redis://127.0.0.1:{port}", "amqp://guest@127.0.0.1:{port}"]
)
def test_without_a_broker_the_answer_is_503_and_no_task_stays_open(
    tmp_path: Path, broker_url: str
) -> None:
    broker = broker_url.format(port=free_port())
    with runner(tmp_path, BROKER_URL=broker) as instance:
        instance.start_server()
        start = time.monotonic()
        answer = instance.http.post(
            f"{instance.url}plugins/laboratory@v1-0-0/process/",
            data={"operations": "[]"},
            timeout=20,
        )
        assert (answer.status_code, time.monotonic() - start < 3) == (503, True)
        assert "broker" in answer.json()["message"]
        assert answer.headers["Retry-After"]
        task = instance.task(instance.task_url(1))
        assert (task["status"], task["state"]) == ("FAILURE", "failed")
        assert "message broker does not answer" in task["log"]

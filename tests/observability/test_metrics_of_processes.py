# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The numbers add up after 200 tasks of all kinds on four processes."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from runner_process import Runner, runner

# What a task does, and how it ends.
KINDS: list[tuple[list[dict[str, Any]], str]] = [
    ([{"op": "returns", "value": "done"}], "succeeded"),
    ([{"op": "file", "name": "out.txt"}], "succeeded"),
    ([{"op": "sleep", "seconds": 0.01}], "succeeded"),
    ([{"op": "fail"}], "failed"),
    ([{"op": "returns", "value": 5}], "failed"),  # no text
]
CRASHES: list[tuple[list[dict[str, Any]], str]] = [([{"op": "exit"}], "failed")]
TASKS = 39 * KINDS + 5 * CRASHES


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Two server processes and a worker with two children."""
    with runner(tmp_path_factory.mktemp("running")) as instance:
        instance.start_server(workers=2)
        instance.start_worker(concurrency=2)
        yield instance


def scrape(running: Runner) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return all samples by name and labels; each request may reach another process."""
    answer = requests.get(urljoin(running.url, "/metrics"), timeout=10)
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(samples: Any, name: str, **labels: str) -> float:
    """Return the sum of the samples that have the labels."""
    return sum(
        value
        for (found, pairs), value in samples.items()
        if found == name and labels.items() <= dict(pairs).items()
    )


def submit(running: Runner, operations: list[dict[str, Any]]) -> None:
    """Submit a task on a connection of its own."""
    answer = requests.post(
        urljoin(running.url, "/plugins/laboratory@v1-0-0/process/"),
        data={"operations": json.dumps(operations)},
        timeout=30,
        allow_redirects=False,
    )
    assert answer.status_code == 303, answer.text


def test_the_numbers_add_up(running: Runner) -> None:
    assert len(TASKS) == 200
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda kind: submit(running, kind[0]), TASKS))

    def all_ended() -> bool:
        return total(scrape(running), "qhana_tasks_finished_total") >= len(TASKS)

    running.wait_for(all_ended, "worker", 180)
    time.sleep(2.5)  # each process of the server asks the database every two seconds
    wanted = Counter(state for _operations, state in TASKS)
    for _ in range(6):  # both processes of the server say the same
        samples = scrape(running)
        for state, number in wanted.items():
            labels = {"plugin": "laboratory@v1-0-0", "state": state}
            assert total(samples, "qhana_tasks", **labels) == number
            assert total(samples, "qhana_tasks_finished_total", **labels) == number
        assert total(samples, "qhana_tasks") == len(TASKS)
        assert total(samples, "qhana_tasks_finished_total") == len(TASKS)
        assert total(samples, "qhana_task_wait_seconds_count") == len(TASKS)
        # A child that exits has measured nothing.
        ran = len(TASKS) - len(5 * CRASHES)
        assert total(samples, "qhana_task_run_seconds_count") == ran
        written = {"operation": "write", "outcome": "ok"}
        assert total(samples, "qhana_store_operations_total", **written) == 39
        submitted = {"method": "POST", "status": "303"}
        assert total(samples, "qhana_http_requests_total", **submitted) == len(TASKS)
        assert total(samples, "qhana_workers") == 1


def test_killed_processes_take_no_numbers_with_them(running: Runner) -> None:
    before = scrape(running)
    running.kill("worker")
    running.kill("server")
    running.start_server()
    after = scrape(running)
    for name in ("qhana_tasks_finished_total", "qhana_store_operations_total"):
        assert total(after, name) == total(before, name) > 0
    posted = {"method": "POST"}
    name = "qhana_http_requests_total"
    assert total(after, name, **posted) == total(before, name, **posted)


def test_files_of_dead_processes_are_put_together(running: Runner) -> None:
    scrape(running)
    folder: Path = running.folder / "instance" / "metrics"
    assert len(list(folder.glob("*.numbers"))) <= 2

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cancelling with a real server, worker and broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner_process import Runner, runner
from services import REDIS, require

SLOTS = 4


@pytest.fixture(params=["embedded", "redis"])
def busy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runner]:
    settings = {}
    if request.param == "redis":
        require("redis", REDIS)
        settings["BROKER_URL"] = REDIS
    with runner(tmp_path, **settings) as instance:
        instance.start_server()
        instance.start_worker(concurrency=SLOTS)
        yield instance


def cancel(instance: Runner, url: str) -> None:
    answer = instance.http.post(f"{url}cancel/", timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "cancelled"


def test_cancelled_tasks_leave_their_slots_and_never_start(
    busy: Runner, tmp_path: Path
) -> None:
    touch = {"op": "touch", "folder": str(tmp_path)}
    running = [busy.submit({"op": "sleep", "seconds": 60}, touch) for _ in range(SLOTS)]
    for url in running:
        busy.wait_state(url, "running")
    queued = [busy.submit(touch) for _ in range(50)]

    for url in queued:
        cancel(busy, url)
    start = time.monotonic()
    for url in running:
        cancel(busy, url)
    assert time.monotonic() - start < 5
    for url in [*running, *queued]:
        task = busy.task(url)
        assert (task["status"], task["state"]) == ("FAILURE", "cancelled")
        assert task["log"] == "The task was cancelled."

    # All slots are free again, so they can be busy at the same time.
    again = [busy.submit({"op": "sleep", "seconds": 3}) for _ in range(SLOTS)]
    for url in again:
        busy.wait_state(url, "running", 10)
    for url in again:
        assert busy.wait_task(url, 10)["state"] == "succeeded"
    assert list(tmp_path.glob("ran-*")) == []
    for url in [*running, *queued]:
        assert busy.task(url)["log"] == "The task was cancelled."


def test_a_thread_is_free_once_its_task_has_asked(tmp_path: Path) -> None:
    with runner(tmp_path) as instance:
        instance.start_server()
        instance.start_worker(concurrency=1, pool="threads")
        running = instance.submit({"op": "cooperate"})
        instance.wait_state(running, "running")
        queued = instance.submit({"op": "log", "text": "next"})
        cancel(instance, running)
        assert instance.wait_task(queued, 10)["state"] == "succeeded"
        assert instance.task(running)["state"] == "cancelled"
        assert "Traceback" not in instance.log("worker")

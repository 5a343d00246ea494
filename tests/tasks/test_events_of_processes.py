# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Live updates with the server and worker that operators run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from runner_process import Runner, runner


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Runner]:
    with runner(tmp_path, TASK_EVENTS_MAX_LISTENERS="2") as instance:
        instance.start_server()
        instance.start_worker()
        yield instance


def documents(response: requests.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines(chunk_size=1):
        if line.startswith(b"data: "):
            yield json.loads(line[len(b"data: ") :])


def test_a_listener_hears_of_a_task_until_its_end(running: Runner) -> None:
    url = running.submit({"op": "sleep", "seconds": 2}, {"op": "log", "text": "slept"})
    with requests.get(f"{url}events", stream=True, timeout=20) as response:
        heard = list(documents(response))
    states = [document["state"] for document in heard]
    assert list(dict.fromkeys(states))[-2:] == ["running", "succeeded"]
    assert heard[-1] == running.task(url)
    assert heard[-1]["log"] == "slept\ndone"


def test_listeners_leave_room_for_other_requests(running: Runner) -> None:
    url = running.submit({"op": "sleep", "seconds": 60})
    streams = [
        documents(requests.get(f"{url}events", stream=True, timeout=20)) for _ in range(2)
    ]
    assert [next(stream)["status"] for stream in streams] == ["PENDING", "PENDING"]
    refused = requests.get(f"{url}events", timeout=20)
    assert refused.status_code == 503
    assert running.task(url)["status"] == "PENDING"
    running.http.post(f"{url}cancel/", timeout=10)
    for stream in streams:
        *_, last = stream
        assert last["state"] == "cancelled"
    with requests.get(f"{url}events", stream=True, timeout=20) as again:
        assert next(documents(again))["state"] == "cancelled"

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""However the body of a task ends, the task ends, and says how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner_process import Runner, runner


def run(running: Runner, *operations: dict[str, Any]) -> dict[str, Any]:
    return running.wait_task(running.submit(*operations), 10)


def test_a_result_becomes_the_log_and_files_become_outputs(running: Runner) -> None:
    task = run(running, {"op": "file", "name": "ä.txt", "text": "hällo"})
    assert (task["status"], task["state"]) == ("SUCCESS", "succeeded")
    assert task["log"] == "done"
    (output,) = task["outputs"]
    answer = running.http.get(output["href"], timeout=5)
    assert (output["name"], answer.content.decode()) == ("ä.txt", "hällo")


def test_none_as_result_leaves_the_log_alone(running: Runner) -> None:
    task = run(running, {"op": "log", "text": "first"}, {"op": "returns", "value": None})
    assert task["log"] == "first\ndone"


def test_a_worker_builds_urls_of_the_host_that_the_client_used(running: Runner) -> None:
    task = run(running, {"op": "url"})
    assert task["log"] == f"{running.url}plugins/laboratory@v1-0-0/"


def test_an_exception_is_a_failure_with_its_message(running: Runner) -> None:
    task = run(running, {"op": "fail", "message": "no such column"})
    assert (task["status"], task["state"]) == ("FAILURE", "failed")
    first, empty, *rest = task["log"].split("\n")
    assert (first, empty) == ("ValueError('no such column')", "")
    assert "raise ValueError(message)" in task["log"]


def test_a_traceback_contains_no_path_of_the_machine(running: Runner) -> None:
    task = run(running, {"op": "fail"})
    assert "lab.py" in task["log"]
    assert str(running.folder) not in task["log"]
    assert "/tests/lab_plugins" not in task["log"]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "system_exit"}, "tried to exit its worker with status 5"),
        ({"op": "exit", "status": 3}, "exitcode 3"),
        ({"op": "segfault"}, "SIGSEGV"),
        ({"op": "odd"}, "OddError('odd')"),
        ({"op": "recurse"}, "RecursionError"),
        ({"op": "returns", "value": {"a": 1}}, "returned dict"),
        ({"op": "fail", "message": "a\x00b"}, "ValueError('a\\x00b')"),
    ],
)
def test_a_task_that_breaks_is_a_failure_that_says_why(
    running: Runner, operation: dict[str, Any], message: str
) -> None:
    task = run(running, operation)
    assert task["status"] == "FAILURE"
    assert message in task["log"]
    assert run(running)["status"] == "SUCCESS"  # the worker lives


def test_a_dying_process_does_not_harm_its_siblings(running: Runner) -> None:
    sibling = running.submit({"op": "sleep", "seconds": 2})
    running.wait_state(sibling, "running")
    assert run(running, {"op": "exit"})["status"] == "FAILURE"
    assert running.wait_task(sibling)["status"] == "SUCCESS"


def test_any_text_can_be_logged(running: Runner) -> None:
    task = run(running, {"op": "log", "text": "nul \x00 separator \u2028 😀"})
    assert (task["status"], task["log"]) == (
        "SUCCESS",
        "nul \ufffd separator \u2028 😀\ndone",
    )


def test_progress_reaches_its_target_at_the_end(running: Runner) -> None:
    task = run(running, {"op": "progress", "value": 30})
    assert task["progress"] == {"value": 100, "start": 0, "target": 100, "unit": "%"}


def test_a_task_shows_its_progress_and_stops_when_it_is_cancelled(
    tmp_path: Path,
) -> None:
    with runner(tmp_path) as instance:
        instance.start_server()
        instance.start_worker(pool="threads", concurrency=1)
        url = instance.submit({"op": "cooperate"})
        instance.wait_for(
            lambda: instance.task(url).get("progress", {}).get("value", 0) > 2,
            "worker",
            20,
        )
        assert instance.task(url)["progress"]["unit"] == "rounds"
        answer = instance.http.post(f"{url}cancel/", timeout=10)
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        # the only slot is free again
        assert instance.wait_task(instance.submit(), 10)["status"] == "SUCCESS"
        assert instance.task(url)["state"] == "cancelled"


def test_two_results_with_one_name_both_survive(running: Runner) -> None:
    task = run(
        running,
        {"op": "file", "name": "a.txt", "text": "first"},
        {"op": "file", "name": "a.txt", "text": "second"},
    )
    texts = [running.http.get(o["href"], timeout=5).text for o in task["outputs"]]
    assert texts == ["first", "second"]
    assert [output["name"] for output in task["outputs"]] == ["a.txt", "a.txt"]


def test_an_absolute_file_name_is_refused(running: Runner) -> None:
    task = run(running, {"op": "file", "name": "/etc/passwd"})
    assert task["status"] == "FAILURE"
    assert "InvalidFileNameError" in task["log"]


def test_a_killed_worker_loses_its_tasks_and_the_queued_go_on(running: Runner) -> None:
    running_task = running.submit({"op": "sleep", "seconds": 60})
    second = running.submit({"op": "sleep", "seconds": 60})
    queued = [running.submit() for _ in range(4)]
    running.wait_state(running_task, "running")
    running.wait_state(second, "running")
    running.kill("worker")
    running.start_worker()
    for url in (running_task, second):
        task = running.wait_task(url, 15)
        assert (task["status"], task["state"]) == ("FAILURE", "lost")
        assert "vanished" in task["log"]
    assert [running.wait_task(url, 15)["status"] for url in queued] == ["SUCCESS"] * 4


@pytest.mark.parametrize(
    ("seconds", "state", "log"),
    [([60, 0], "succeeded", "started 2 times"), ([60, 60], "lost", "vanished")],
)
def test_an_idempotent_task_is_started_again_but_not_for_ever(
    running: Runner, seconds: list[float], state: str, log: str
) -> None:
    url = running.submit({"op": "repeatable", "seconds": seconds})
    for attempt in range(1, seconds.count(60) + 1):
        running.wait_for(
            lambda n=attempt: running.task(url)["attempts"] == n, "worker", 20
        )
        running.kill("worker")
        running.start_worker()
    task = running.wait_task(url, 20)
    assert (task["state"], task["attempts"]) == (state, 2)
    assert log in task["log"]

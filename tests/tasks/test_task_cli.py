# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ``flask tasks`` commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.storage import STORE

MakeTask = Callable[..., ProcessingTask]
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Run a command in an app context of its own, as on a command line."""

    def run(*arguments: object) -> Result:
        runner = app.test_cli_runner()
        return runner.invoke(args=["tasks", *map(str, arguments)])

    return run


def end(task: ProcessingTask, days: float = 0) -> None:
    task.finished_at = utc_now() - timedelta(days=days)
    task.started_at = task.finished_at - timedelta(seconds=90)
    task.task_status = "SUCCESS"
    task.save(commit=True)


def state(task_id: int) -> str | None:
    DB.session.commit()
    task = DB.session.get(ProcessingTask, task_id)
    return None if task is None else task.state


def test_list_shows_newest_tasks_first(run: Run, make_task: MakeTask) -> None:
    name = "cli-list@v1.task"
    first, second = make_task(name), make_task(name)
    end(first)
    result = run("list", "--plugin", "cli-list")
    assert result.exit_code == 0
    head, newest, oldest = result.stdout.splitlines()
    assert head.split() == ["ID", "STATE", "SUBMITTED", "(UTC)", "SECONDS", "NAME"]
    assert newest.split()[:2] == [str(second.id), "queued"]
    assert newest.split()[4:] == ["-", name]
    assert oldest.split()[:2] == [str(first.id), "succeeded"]
    assert oldest.split()[4:] == ["90.0", name]


def test_list_goes_on_where_it_ended(run: Run, make_task: MakeTask) -> None:
    ids = [make_task("cli-more@v1.task").id for _ in range(3)]
    options = ("list", "--plugin", "cli-more", "--limit", 2, "--state", "queued")
    result = run(*options)
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [
        str(ids[2]),
        str(ids[1]),
    ]
    assert result.stderr == f"More: --before {ids[1]}\n"
    result = run(*options, "--before", ids[1])
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [str(ids[0])]
    assert result.stderr == ""


def test_list_takes_times(run: Run, make_task: MakeTask) -> None:
    make_task("cli-time@v1.task")
    assert len(run("list", "--plugin", "cli-time").stdout.splitlines()) == 2
    for option, value in (("--since", "2100-01-01"), ("--until", "2020-01-01T00:00:00")):
        result = run("list", "--plugin", "cli-time", option, value)
        assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)


def test_show_tells_everything_about_a_task(run: Run, make_task: MakeTask) -> None:
    task = make_task(task_log="a line\nanother line", progress_value=5)
    task.add_next_step(href="/a", ui_href="/b", step_id="choose", commit=True)
    STORE.persist_task_result(task.id, b"x", "a.txt", "text", "text/plain")
    end(task)
    result = run("show", task.id)
    assert result.exit_code == 0
    details, _empty, log = result.stdout.partition("\n\n")
    assert log == "a line\nanother line\n"
    lines = {" ".join(line.split()) for line in details.splitlines()}
    assert lines >= {
        f"id: {task.id}",
        "name: lab@v1.task",
        "state: succeeded",
        "status: SUCCESS",
        f"ended: {task.finished_at.isoformat()}",
        "progress: 5 of 100 %",
        "step: choose (waits for input)",
        "file: a.txt (text, text/plain, local_filesystem)",
    }


def test_show_knows_no_unknown_task(run: Run) -> None:
    result = run("show", 999_999)
    assert (result.exit_code, result.stderr) == (1, "Error: There is no task 999999.\n")


def test_cancel_says_which_tasks_are_cancelled(run: Run, make_task: MakeTask) -> None:
    open_id, ended = make_task().id, make_task()
    end(ended)
    ended_id = ended.id
    result = run("cancel", open_id, ended_id, 999_999)
    assert result.exit_code == 1
    assert result.stdout == f"Task {open_id} is cancelled.\n"
    assert result.stderr.splitlines() == [
        f"Error: Task {ended_id} has already ended: succeeded.",
        "Error: There is no task 999999.",
    ]
    assert (state(open_id), state(ended_id)) == ("cancelled", "succeeded")


def test_delete_says_which_tasks_are_deleted(run: Run, make_task: MakeTask) -> None:
    first, second = make_task().id, make_task().id
    result = run("delete", first, second)
    assert result.exit_code == 0
    assert result.stdout == f"Task {first} is deleted.\nTask {second} is deleted.\n"
    assert state(first) is state(second) is None
    result = run("delete", first)
    assert (result.exit_code, result.stderr) == (1, f"Error: There is no task {first}.\n")


def test_cleanup_deletes_old_tasks_after_a_dry_run(run: Run, make_task: MakeTask) -> None:
    old, young = make_task(), make_task()
    end(old, days=31)
    end(young, days=29)
    old_id, young_id = old.id, young.id
    result = run("cleanup", "--dry-run", "--days", 30)
    assert (result.exit_code, result.stdout) == (0, f"delete {old_id}\n")
    assert result.stderr.startswith("Dry run: 1 tasks deleted, 0 cancelled, ")
    assert state(old_id) == "succeeded"
    assert run("cleanup").stderr.startswith("0 tasks deleted")
    result = run("cleanup", "--days", 30)
    assert result.stderr.startswith("1 tasks deleted, 0 cancelled, ")
    assert (state(old_id), state(young_id)) == (None, "succeeded")

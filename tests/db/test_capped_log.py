# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The log of a task is appended where it lies, and kept below a limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.capped_log import capped
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskState

LIMIT = 1000


@pytest.fixture
def task_id(database: Flask) -> Iterator[int]:
    database.config["TASK_LOG_MAX_BYTES"] = LIMIT
    task = ProcessingTask(task_name="lab@v1.task")
    task.save(commit=True)
    yield task.id
    DB.session.rollback()


def stored_log(task_id: int) -> str:
    query = sa.select(ProcessingTask.task_log).where(ProcessingTask.id == task_id)
    with DB.engine.connect() as connection:
        return connection.execute(query).scalar_one()


def append(task_id: int, text: str, commit: bool = True) -> None:
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    task.add_task_log_entry(text, commit=commit)


def test_entries_are_lines_of_their_own(task_id: int) -> None:
    for text in ("first", "zweite Zeile ü", "nul \x00 and \ud800"):
        append(task_id, text)
    assert (
        stored_log(task_id) == "first\nzweite Zeile ü\nnul \ufffd and \ufffd\ufffd\ufffd"
    )


def test_an_entry_without_a_commit_is_seen_by_its_writer_only(task_id: int) -> None:
    append(task_id, "first")
    append(task_id, "second", commit=False)
    assert ProcessingTask.get_by_id(task_id).task_log == "first\nsecond"
    DB.session.rollback()
    assert stored_log(task_id) == "first"


def test_an_entry_of_a_new_row_is_saved_with_it(task_id: int) -> None:
    task = ProcessingTask(task_name="lab@v1.task")
    task.add_task_log_entry("first", commit=True)
    assert stored_log(task.id) == "first"


def test_what_is_appended_with_other_changes_is_saved_with_them(task_id: int) -> None:
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    task.task_log = "by hand"
    task.parameters = "changed"
    task.add_task_log_entry("appended", commit=True)
    assert (task.task_log, task.parameters) == ("by hand\nappended", "changed")
    assert stored_log(task_id) == "by hand\nappended"


def test_what_somebody_else_appends_is_kept(task_id: int) -> None:
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    assert task.task_log == ""
    DB.session.commit()
    with DB.engine.begin() as connection:
        connection.execute(sa.update(ProcessingTask).values(task_log="other"))
    task.add_task_log_entry("mine", commit=True)
    assert stored_log(task_id) == "other\nmine"


def test_an_endless_log_keeps_its_beginning_and_its_end(task_id: int) -> None:
    for number in range(300):
        append(task_id, f"line {number:04} äöü")
        assert len(stored_log(task_id).encode()) <= LIMIT
    log = stored_log(task_id)
    assert log.startswith("line 0000 äöü\nline 0001 äöü\n")
    assert log.endswith("line 0298 äöü\nline 0299 äöü")
    assert log.count("characters left out …]") == 1


@pytest.mark.parametrize("before", ["", "before"])
def test_the_end_of_a_task_does_not_break_the_limit(task_id: int, before: str) -> None:
    if before:
        append(task_id, before)
    ProcessingTask.close(task_id, TaskState.FAILED, "a" * 5000 + "the reason")
    DB.session.commit()
    log = stored_log(task_id)
    assert len(log) <= LIMIT
    assert log.startswith(before or "aaa")
    assert log.endswith("athe reason")


def test_a_log_that_a_plugin_assigns_is_capped_as_well(task_id: int) -> None:
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    task.task_log = "b" * 5000 + "\ud800"
    task.save(commit=True)
    assert len(stored_log(task_id)) <= LIMIT


def test_without_a_limit_everything_is_kept(task_id: int, database: Flask) -> None:
    database.config["TASK_LOG_MAX_BYTES"] = None
    append(task_id, "c" * 5000)
    append(task_id, "d" * 5000)
    ProcessingTask.close(task_id, TaskState.FAILED, "e" * 5000)
    DB.session.commit()
    assert len(stored_log(task_id)) == 15_002


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
)
def test_the_marker_counts_every_character_that_is_left_out(entries: list[str]) -> None:
    text = "".join(entries)
    shortened = capped(capped(text + "x" * 3000, LIMIT) + "y" * 3000, LIMIT)
    assert len(shortened.encode()) <= LIMIT
    head, marker, tail = shortened.partition("\n[… ")
    count, _, tail = tail.partition(" characters left out …]\n")
    assert marker
    assert len(head) + int(count) + len(tail) == len(text) + 6000
    assert text.startswith(head[: len(text)])
    assert set(tail) == {"y"}

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The rows of a task, on every database."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest
import sqlalchemy as sa
from flask import Flask

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import (
    ProcessingTask,
    TaskFile,
    TaskLink,
    TaskState,
    TaskUpdateSubscription,
    WebhookRef,
)
from qhana_plugin_runner.db.models.virtual_plugins import (
    DataBlob,
    PluginState,
    VirtualPlugin,
)


def new_task(name: str = "test") -> ProcessingTask:
    task = ProcessingTask(task_name=name)
    task.save(commit=True)
    return task


def fresh(task: ProcessingTask) -> ProcessingTask:
    DB.session.rollback()
    DB.session.expire_all()
    return task


def test_a_task_can_be_built_by_position(database: Flask) -> None:
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    task = ProcessingTask("name", start, None, "{}", {"a": 1}, True)
    task.save(commit=True)
    assert (fresh(task).task_name, task.started_at, task.parameters) == (
        "name",
        start,
        "{}",
    )
    assert (task.data, task.multi_step) == ({"a": 1}, True)


def test_the_id_is_there_after_a_flush(database: Flask) -> None:
    task = ProcessingTask(task_name="t")
    task.save()
    DB.session.flush()
    assert isinstance(task.id, int)
    assert ProcessingTask.get_by_id(id_=task.id) is task


@pytest.mark.parametrize("unknown", [4711, 0, -1, 2**31, 2**63])
def test_an_unknown_id_gives_none(database: Flask, unknown: int) -> None:
    assert ProcessingTask.get_by_id(unknown) is None
    assert TaskFile.get_by_id(unknown) is None


def test_each_row_gets_its_own_time(database: Flask) -> None:
    first = new_task()
    time.sleep(0.01)
    second = new_task()
    assert fresh(first).started_at < second.started_at
    assert first.started_at.tzinfo is not None


def test_naive_times_of_plugins_are_taken_for_utc(database: Flask) -> None:
    task = new_task()
    task.finished_at = datetime(2024, 1, 1, 12, 0, 0)
    task.save(commit=True)
    assert fresh(task).finished_at == datetime(2024, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("status", "shown", "state"),
    [
        ("SUCCESS", "SUCCESS", "succeeded"),
        ("FAILURE", "FAILURE", "failed"),
        (None, "UNKNOWN", "failed"),
    ],
)
def test_the_state_follows_a_row_that_a_plugin_ends_by_hand(
    database: Flask, status: str | None, shown: str, state: str
) -> None:
    task = new_task()
    assert (task.status, task.state, task.is_finished) == ("PENDING", "queued", False)
    task.task_status = status
    task.finished_at = datetime.now(timezone.utc)
    task.save(commit=True)
    assert (fresh(task).status, task.state, task.is_finished) == (shown, state, True)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "😀" * 10, "ä\r\n\u2028"])
def test_any_text_can_be_logged(database: Flask, text: str) -> None:
    task = new_task()
    task.add_task_log_entry("first", commit=True)
    task.add_task_log_entry(text, commit=True)
    expected = text.replace("\x00", "\ufffd")
    if text == "\ud800":
        expected = "\ufffd\ufffd\ufffd"
    assert fresh(task).task_log == f"first\n{expected}"


def test_a_log_may_be_longer_than_64_kib(database: Flask) -> None:
    task = new_task()
    task.add_task_log_entry("x" * 200_000, commit=True)
    assert len(fresh(task).task_log) == 200_000


def test_clearing_without_steps_does_nothing(database: Flask) -> None:
    task = new_task()
    task.clear_previous_step(commit=True)
    assert fresh(task).steps == []


def test_steps_are_numbered_and_only_the_last_is_open(database: Flask) -> None:
    task = new_task()
    task.add_next_step(href="h1", ui_href="u1", step_id="one", commit=True)
    assert (task.multi_step, task.current_step, task.state) == (True, 0, "waiting")
    task.clear_previous_step(commit=True)
    assert task.state == "queued"
    task.add_next_step(href="h2", ui_href="u2", step_id="two", commit=True)
    steps = [(step.number, step.step_id, step.cleared) for step in fresh(task).steps]
    assert steps == [(0, "one", True), (1, "two", False)]
    assert task.has_uncleared_step


def test_a_second_open_step_is_refused(database: Flask) -> None:
    task = new_task()
    task.add_next_step(href="h", ui_href="u", step_id="one", commit=True)
    with pytest.raises(AssertionError, match="'one' is not cleared"):
        task.add_next_step(href="h", ui_href="u", step_id="two")


def test_step_urls_may_be_long(database: Flask) -> None:
    task = new_task()
    href = "http://localhost/" + "a" * 3000
    task.add_next_step(href=href, ui_href=href, step_id="one", commit=True)
    assert fresh(task).steps[0].href == href


def test_a_message_is_taken_up_once(database: Flask) -> None:
    task = new_task()
    assert ProcessingTask.take_up(task.id, "message:0", "worker")
    DB.session.commit()
    assert not ProcessingTask.take_up(task.id, "message:0", "worker")
    assert ProcessingTask.must_not_run(task.id, "message:0")
    assert ProcessingTask.take_up(task.id, "message:1", "worker")
    DB.session.commit()
    assert (task.state, task.attempts, task.worker_id) == ("running", 2, "worker")


@pytest.mark.parametrize("late", list(TaskState)[3:])
def test_a_final_state_stays(database: Flask, late: TaskState) -> None:
    task = new_task()
    assert ProcessingTask.close(task.id, TaskState.CANCELLED, "cancelled")
    DB.session.commit()
    assert not ProcessingTask.close(task.id, late, "late")
    assert not ProcessingTask.take_up(task.id, "message:0", "worker")
    DB.session.commit()
    assert (fresh(task).state, task.status) == ("cancelled", "FAILURE")
    assert task.task_log == "cancelled"


def test_success_fills_a_progress_that_was_set(database: Flask) -> None:
    task, silent = new_task(), new_task()
    task.progress_value, task.progress_target = 5, 20
    task.save(commit=True)
    for one in (task, silent):
        assert ProcessingTask.close(one.id, TaskState.SUCCEEDED)
    DB.session.commit()
    assert (fresh(task).progress_value, silent.progress_value) == (20, None)


def test_a_task_that_hands_over_waits_for_its_open_step(database: Flask) -> None:
    plain, stepped = new_task(), new_task()
    stepped.add_next_step(href="h", ui_href="u", step_id="s", commit=True)
    for task in (plain, stepped):
        ProcessingTask.take_up(task.id, "m:0", "w")
        ProcessingTask.hand_over(task.id, "m:0")
    DB.session.commit()
    assert (fresh(plain).state, stepped.state) == ("queued", "waiting")


def test_result_files_are_in_order_and_without_temporary_ones(database: Flask) -> None:
    task = new_task()
    for name, type_ in (("b", "text"), ("t", "temp-file"), ("a", "text")):
        TaskFile(task, "tag", "store", name, "data", type_).save(commit=True)
    names = [file.file_name for file in TaskFile.get_task_result_files(task)]
    assert names == ["b", "a"]
    assert [file.file_name for file in fresh(task).outputs] == ["b", "t", "a"]


def test_a_link_belongs_to_its_task(database: Flask) -> None:
    task = new_task()
    DB.session.add(TaskLink(task, type="of-weights", href="http://x/"))
    DB.session.commit()
    assert [(link.type, link.href) for link in fresh(task).links] == [
        ("of-weights", "http://x/")
    ]


def test_subscribers_are_found_once_by_event(database: Flask) -> None:
    task = new_task()
    for event in (None, "status", "status", "steps"):
        TaskUpdateSubscription(
            task, webhook_href="http://w/", task_href="http://t/", event_type=event
        ).save(commit=True)
    found = TaskUpdateSubscription.get_by_task_and_event(task.id, "status")
    assert found == [WebhookRef("http://w/", "http://t/")]
    of_event = TaskUpdateSubscription.get_by_task_and_subscriber(task, "http://w/", None)
    assert len(of_event) == 1


def test_models_work_in_select(database: Flask) -> None:
    task = new_task("special")
    statement = sa.select(ProcessingTask).filter_by(task_name="special")
    assert DB.session.execute(statement).scalar_one() is task


def test_plugin_state_is_kept_by_plugin_and_key(database: Flask) -> None:
    assert PluginState.set_value("p@v1", "k", {"a": []}, commit=True) is None
    PluginState.get_value("p@v1", "k")["a"].append(1)
    DB.session.commit()
    DB.session.expire_all()
    assert PluginState.set_value("p@v1", "k", None, commit=True) == {"a": [1]}
    assert PluginState.get_value("p@v1", "k", "default") is None
    assert PluginState.get_value("p@v1", "other", None) is None
    with pytest.raises(KeyError, match="other"):
        PluginState.get_value("p@v1", "other")


def test_keys_differ_by_case(database: Flask) -> None:
    PluginState.set_value("p", "key", 1)
    PluginState.set_value("p", "KEY", 2)
    DB.session.commit()
    assert [item.value for item in PluginState.get_all_items("p")] == [2, 1]
    assert len(PluginState.get_all_items_like("p", "KE%")) >= 1


def test_a_long_key_fits_with_a_long_plugin_id(database: Flask) -> None:
    PluginState.set_value("p" * 550, "😀" * 500, 1, commit=True)
    assert PluginState.get_value("p" * 550, "😀" * 500) == 1


def test_blobs_keep_bytes_until_they_are_deleted(database: Flask) -> None:
    DataBlob.set_value("p", "k", b"\x00" * 100_000)
    PluginState.set_value("p", "k", True, commit=True)  # commits both
    DB.session.expire_all()
    assert len(DataBlob.get_value("p", "k")) == 100_000
    assert DataBlob.set_value("p", "k", b"") == b"\x00" * 100_000
    DataBlob.delete_value("p", "k", commit=True)
    DataBlob.delete_value("p", "k", commit=True)
    assert DataBlob.get_value("p", "k", default=None) is None


def test_a_blob_refuses_text(database: Flask) -> None:
    with pytest.raises(TypeError, match="bytes"):
        DataBlob.set_value("p", "k", "text")


def test_virtual_plugins_are_found_and_deleted(database: Flask) -> None:
    VirtualPlugin("parent", "name", "v1", "", "a\nb", "http://x/").save(commit=True)
    VirtualPlugin("other", "name", "v2", "", "", "http://y/").save(commit=True)
    assert [p.tag_list for p in VirtualPlugin.get_all(["parent"])] == [["a", "b"]]
    assert len(VirtualPlugin.get_all_by_name("name")) == 2
    assert VirtualPlugin.exists([VirtualPlugin.href == "http://x/"])
    assert not VirtualPlugin.exists([VirtualPlugin.href == "http://z/"])
    keep: set[str] = set()
    assert len(VirtualPlugin.get_all(filters=[~VirtualPlugin.href.in_(keep)])) == 2
    found = VirtualPlugin.get_by_href("http://x/", "parent")
    assert found is not None and found.identifier == "name@v1"
    VirtualPlugin.delete_by_href("http://x/", commit=True)
    VirtualPlugin.delete_by_name_and_version("name", "v2", commit=True)
    assert VirtualPlugin.get_all() == []

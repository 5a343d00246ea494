# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``task.data``: every change at any depth is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy_json import TrackedDict, TrackedList

from db.conftest import build_database_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask


@pytest.fixture(scope="module")
def memory_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = build_database_app("sqlite://", Path(tmp_path_factory.mktemp("instance")))
    with app.app_context():
        DB.create_all()
        yield app


def stored(data: Any) -> ProcessingTask:
    task = ProcessingTask(task_name="t", data=data)
    task.save(commit=True)
    return task


def reloaded(task: ProcessingTask) -> Any:
    DB.session.expire_all()
    return task.data


def set_nested(data: Any) -> None:
    data["list"][1]["deep"] = "new"


def add_in_place(data: Any) -> None:
    data["list"] += [3, {"x": {}}]
    data["list"][-1]["x"]["y"] = 1


CHANGES: list[Callable[[Any], Any]] = [
    lambda data: data.update({"a": {"b": 1}}),
    lambda data: data["list"].append({"z": 1}),
    lambda data: data["list"].extend([{"z": 1}]),
    lambda data: data["list"].insert(0, 5),
    lambda data: data["list"].pop(),
    lambda data: data["list"].clear(),
    lambda data: data["list"].reverse(),
    lambda data: data["list"].sort(key=str),
    lambda data: data["list"].__setitem__(slice(0, 1), [7, 8]),
    lambda data: data.setdefault("new", []).append(1),
    lambda data: data.pop("number"),
    lambda data: data.__delitem__("number"),
    lambda data: data.__setitem__("number", data["number"] + 1),
    lambda data: data["list"].__imul__(2),
    set_nested,
    add_in_place,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_saved(memory_app: Flask, change: Callable[[Any], Any]) -> None:
    expected: dict[str, Any] = {"list": [1, {"deep": None}], "number": 1}
    task = stored({"list": [1, {"deep": None}], "number": 1})
    change(task.data)
    change(expected)
    task.save(commit=True)
    assert reloaded(task) == expected


def test_a_part_that_was_taken_out_stays_tracked(memory_app: Flask) -> None:
    task = stored({"x": {}})
    entities = task.data["x"]
    entities["k"] = "v"
    task.save(commit=True)
    assert reloaded(task) == {"x": {"k": "v"}}


def test_changes_before_the_first_flush_count(memory_app: Flask) -> None:
    task = ProcessingTask(task_name="t")
    task.data["a"] = [1]
    task.data["a"].append(2)
    task.save(commit=True)
    assert reloaded(task) == {"a": [1, 2]}


@pytest.mark.parametrize("value", ["text", 1, 1.5, True, None, [1, [2]], {"a": {}}])
def test_any_json_value_may_replace_the_data(memory_app: Flask, value: Any) -> None:
    task = stored({})
    task.data = value
    task.save(commit=True)
    assert reloaded(task) == value


def test_a_replacement_is_tracked(memory_app: Flask) -> None:
    task = stored("text")
    task.data = {"a": []}
    task.save(commit=True)
    task.data["a"].append(1)
    task.save(commit=True)
    assert reloaded(task) == {"a": [1]}


def test_nested_values_are_tracked_containers(memory_app: Flask) -> None:
    task = stored({"a": {"b": []}})
    assert isinstance(reloaded(task), dict)
    assert isinstance(task.data["a"], TrackedDict)
    assert isinstance(task.data["a"]["b"], TrackedList)


def test_a_part_of_one_task_can_be_given_to_another(memory_app: Flask) -> None:
    first, second = stored({"a": {"n": 1}}), stored({})
    second.data["copy"] = first.data["a"]
    second.data["copy"]["n"] = 2
    second.save(commit=True)
    DB.session.expire_all()
    assert (first.data, second.data) == ({"a": {"n": 1}}, {"copy": {"n": 2}})


def test_the_same_object_as_data_of_two_tasks_is_saved_in_both(memory_app: Flask) -> None:
    first, second = stored({"n": 1}), stored({})
    second.data = first.data
    second.data["n"] = 2
    DB.session.commit()
    DB.session.expire_all()
    assert (first.data, second.data) == ({"n": 1}, {"n": 2})


def test_tuples_come_back_as_lists(memory_app: Flask) -> None:
    task = stored({"t": (1, 2)})
    assert reloaded(task) == {"t": [1, 2]}


def test_a_set_is_an_error(memory_app: Flask) -> None:
    with pytest.raises(Exception, match="JSON"):
        stored({"s": {1}})
    DB.session.rollback()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(first=JSON_VALUES, key=st.text(max_size=3), second=JSON_VALUES)
def test_json_values_survive_a_round_trip(
    memory_app: Flask, first: Any, key: str, second: Any
) -> None:
    task = stored(first)
    assert reloaded(task) == first
    task.data = {"outer": {}}
    task.data["outer"][key] = second
    task.save(commit=True)
    assert reloaded(task) == {"outer": {key: second}}

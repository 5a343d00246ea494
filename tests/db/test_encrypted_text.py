# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The parameters of tasks: plain for plugins, unreadable in the database."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask

PARAMETERS = '{"password": "pssst"}'
LOOKS_ENCRYPTED = "encrypted:1:but it is not"


@pytest.fixture(autouse=True)
def production(database: Flask) -> Flask:
    database.config.update(SECRET_KEY="first key", ENCRYPT_TASK_PARAMETERS=True)
    database.config["SECRET_KEY_FALLBACKS"] = None
    return database


def saved(parameters: str = PARAMETERS) -> int:
    task = ProcessingTask(task_name="t", parameters=parameters)
    task.save(commit=True)
    DB.session.expire_all()
    return task.id


def read(task_id: int) -> str:
    DB.session.expire_all()
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    return task.parameters


def stored(task_id: int) -> str:
    query = sa.text('SELECT parameters FROM "ProcessingTask" WHERE id = :id')
    if DB.engine.dialect.name in ("mysql", "mariadb"):
        query = sa.text("SELECT parameters FROM ProcessingTask WHERE id = :id")
    return DB.session.execute(query, {"id": task_id}).scalar_one()


def test_plugins_read_what_they_wrote_and_the_database_does_not() -> None:
    task_id = saved()
    assert read(task_id) == PARAMETERS
    assert stored(task_id).startswith("encrypted:1:")
    assert "pssst" not in stored(task_id)


def test_changed_parameters_are_encrypted_as_well() -> None:
    task_id = saved("old")
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    task.parameters = PARAMETERS
    task.save(commit=True)
    assert read(task_id) == PARAMETERS
    assert "pssst" not in stored(task_id)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=30,
    deadline=None,
)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_text_survives(text: str) -> None:
    assert read(saved(text)) == text


def test_equal_parameters_do_not_look_equal() -> None:
    assert stored(saved()) != stored(saved())


def test_rows_from_before_are_plain_text(production: Flask) -> None:
    production.config["ENCRYPT_TASK_PARAMETERS"] = False
    task_id = saved()
    assert stored(task_id) == PARAMETERS
    production.config["ENCRYPT_TASK_PARAMETERS"] = True
    assert read(task_id) == PARAMETERS


@pytest.mark.parametrize("encrypt", [True, False])
def test_a_text_that_looks_encrypted_is_read_as_it_was_written(
    production: Flask, encrypt: bool
) -> None:
    production.config["ENCRYPT_TASK_PARAMETERS"] = encrypt
    assert read(saved(LOOKS_ENCRYPTED)) == LOOKS_ENCRYPTED


def test_a_former_key_can_still_read(production: Flask) -> None:
    task_id = saved()
    production.config.update(SECRET_KEY=b"second", SECRET_KEY_FALLBACKS=["first key"])
    assert read(task_id) == PARAMETERS


def test_without_the_key_there_are_no_parameters_but_the_row_is_usable(
    production: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = saved()
    before = stored(task_id)
    production.config["SECRET_KEY"] = "another"
    with caplog.at_level(logging.ERROR):
        assert read(task_id) == ""
    assert "SECRET_KEY_FALLBACKS" in caplog.text
    task = ProcessingTask.get_by_id(task_id)
    assert task is not None
    task.task_log = "changed"
    task.save(commit=True)
    assert stored(task_id) == before


def test_the_empty_text_stays_empty() -> None:
    assert stored(saved("")) == ""

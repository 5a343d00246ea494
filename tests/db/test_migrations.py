# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Migrations: one schema, however it came to be, on every database."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function, drop_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.db.models.virtual_plugins import DataBlob, PluginState
from services import fresh_database

OLD_HEAD = "ff55b6ebbbd7"


def schema() -> dict[str, Any]:
    """Return what can be seen of the tables: columns, keys and indexes."""
    inspector = sa.inspect(DB.engine)
    tables = {}
    for table in inspector.get_table_names():
        tables[table] = {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(
                (key["constrained_columns"], key["referred_table"])
                for key in inspector.get_foreign_keys(table)
            ),
            "indexes": sorted(
                (index["name"], index["column_names"])
                for index in inspector.get_indexes(table)
            ),
        }
    tables.pop("alembic_version")
    return tables


def revision() -> str | None:
    with DB.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def differences() -> list[Any]:
    """Return what `flask db check` would propose."""
    with DB.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, DB.metadata)


def test_upgrade_gives_the_same_schema_as_create_db(empty_app: Flask) -> None:
    upgrade()
    upgraded, upgraded_revision = schema(), revision()
    drop_db_function(empty_app)
    create_db_function(empty_app)
    assert schema() == upgraded
    assert revision() == upgraded_revision


def test_models_and_migrated_database_agree(empty_app: Flask) -> None:
    upgrade()
    assert differences() == []


def test_upgrade_after_create_db_changes_nothing(database: Flask) -> None:
    before = schema()
    upgrade()
    assert schema() == before


def test_downgrade_to_nothing_and_upgrade_again(empty_app: Flask) -> None:
    upgrade()
    first = schema()
    downgrade(revision="base")
    assert sa.inspect(DB.engine).get_table_names() == ["alembic_version"]
    upgrade()
    assert schema() == first


OLD_ROWS = {
    "ProcessingTask": [
        {
            "id": 1,
            "task_name": "old",
            "started_at": "2021-05-01 10:00:00",
            "finished_at": "2021-05-01 10:01:00",
            "parameters": '{"a": 1}',
            "data": '{"x": [1, 2]}',
            "multi_step": False,
            "current_step": -1,
            "progress_start": 0,
            "progress_target": 100,
            "progress_unit": "%",
            "task_status": "SUCCESS",
            "task_log": "done",
        },
        # the columns that old installations allow to be null
        {"id": 2, "task_log": ""},
    ],
    "Step": [{"id": 2, "number": 0, "cleared": False}],
    "TaskFile": [
        {
            "id": 7,
            "security_tag": "tag",
            "storage_provider": "local_filesystem",
            "file_name": "out.txt",
            "file_storage_data": "/data/out.txt",
            "file_type": "text",
            "mimetype": "text/plain",
            "created_at": "2021-05-01 10:00:30",
            "task_id": 1,
        }
    ],
    "PluginState": [{"plugin_id": "p@v1", "key": "k", "value": '{"a": 1}'}],
    "DataBlob": [{"plugin_id": "p@v1", "key": "k", "value": b"\x00\xff"}],
}


def insert_old_rows() -> None:
    metadata = sa.MetaData()
    metadata.reflect(DB.engine)
    with DB.engine.begin() as connection:
        for name, rows in OLD_ROWS.items():
            for row in rows:
                quote = connection.dialect.identifier_preparer.quote
                columns = ", ".join(quote(column) for column in row)
                values = ", ".join(f":{column}" for column in row)
                connection.execute(
                    sa.text(f"INSERT INTO {quote(name)} ({columns}) VALUES ({values})"),
                    row,
                )


def assert_old_rows_are_there() -> None:
    old, gaps = ProcessingTask.get_by_id(1), ProcessingTask.get_by_id(2)
    assert old is not None and gaps is not None
    assert (old.status, old.state, old.data, old.parameters, old.task_log) == (
        "SUCCESS",
        "succeeded",
        {"x": [1, 2]},
        '{"a": 1}',
        "done",
    )
    assert old.finished_at is not None and old.finished_at.isoformat().startswith(
        "2021-05-01T10:01:00"
    )
    assert (gaps.status, gaps.state, gaps.progress_target) == ("PENDING", "waiting", 100)
    assert [file.file_name for file in TaskFile.get_task_result_files(1)] == ["out.txt"]
    assert PluginState.get_value("p@v1", "k") == {"a": 1}
    assert DataBlob.get_value("p@v1", "k") == b"\x00\xff"


def test_an_existing_installation_is_upgraded_without_losing_data(
    empty_app: Flask,
) -> None:
    upgrade(revision=OLD_HEAD)
    insert_old_rows()
    upgrade()
    assert differences() == []
    assert_old_rows_are_there()


def test_an_old_database_without_revision_is_recognised(empty_app: Flask) -> None:
    upgrade(revision=OLD_HEAD)
    insert_old_rows()
    with DB.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))
    upgrade()
    assert_old_rows_are_there()


def _upgrade_in_process(uri: str, folder: str) -> None:
    from db.conftest import build_database_app  # type: ignore[import-not-found]

    with build_database_app(uri, Path(folder)).app_context():
        upgrade()


def test_several_processes_may_upgrade_at_once(
    database_kind: str, tmp_path: Path
) -> None:
    with fresh_database(database_kind, tmp_path) as uri:
        context = multiprocessing.get_context("spawn")
        processes = [
            context.Process(target=_upgrade_in_process, args=(uri, str(tmp_path)))
            for _ in range(3)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout=120)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            found = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
            assert len(found.all()) == 1


def test_migrations_of_two_databases_of_one_server_do_not_wait_for_each_other(
    tmp_path: Path,
) -> None:
    with (
        fresh_database("mariadb", tmp_path) as first,
        fresh_database("mariadb", tmp_path) as second,
    ):
        engine = sa.create_engine(first, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            lock = "SELECT GET_LOCK(CONCAT('qhana-', LEFT(SHA1(DATABASE()), 40)), 0)"
            assert connection.execute(sa.text(lock)).scalar() == 1
            context = multiprocessing.get_context("spawn")
            process = context.Process(
                target=_upgrade_in_process, args=(second, str(tmp_path))
            )
            process.start()
            process.join(timeout=60)
            assert process.exitcode == 0


def test_migrations_run_from_any_folder(
    empty_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    upgrade()
    assert "ProcessingTask" in schema()

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rows that are kept for a moment: whoever has made a change never sees the old ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from managed_app import build_app
from qhana_plugin_runner.api.plugins_api import VIRTUAL_PLUGINS
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.leased_rows import LEASE_SECONDS
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.db.models.virtual_plugins import VirtualPlugin
from services import fresh_database

Change = Callable[[], Any]


class Pair:
    """Two apps with one database, as two processes have them."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.reader, self.writer = build_app(folder, uri), build_app(folder, uri)

    def names(self) -> list[str]:
        """Return the names of the virtual plugins that the reader knows."""
        with self.reader.app_context():
            names = [row[1] for row in VIRTUAL_PLUGINS.rows()]
            DB.session.remove()
        return names

    def change(self, change: Change) -> None:
        """Let the writer change something, just after the reader has asked."""
        with self.writer.app_context():
            change()
            self.names()
            DB.session.commit()
            DB.session.remove()


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("leases")
    with fresh_database(request.param, folder) as uri:
        yield Pair(folder, uri)


@pytest.fixture
def pair(databases: Pair) -> Pair:
    databases.change(lambda: DB.session.execute(sa.delete(VirtualPlugin)))
    assert databases.names() == []
    return databases


def plugin(name: str = "new") -> VirtualPlugin:
    href = f"http://x.example/{name}/"
    return VirtualPlugin("parent", name, "v1", "", "", href)


def add() -> None:
    DB.session.add(plugin())


def change_object() -> None:
    VirtualPlugin.get_all()[0].name = "changed"


def delete_object() -> None:
    DB.session.delete(VirtualPlugin.get_all()[0])


def change_in_bulk() -> None:
    DB.session.execute(sa.update(VirtualPlugin).values(name="changed"))


def delete_in_bulk() -> None:
    VirtualPlugin.delete_by_href("http://x.example/old/")


def delete_with_a_query() -> None:
    DB.session.query(VirtualPlugin).delete()


def delete_with_text() -> None:
    table = DB.engine.dialect.identifier_preparer.quote("VirtualPlugin")
    DB.session.execute(sa.text(f"DELETE FROM {table}"))


def delete_in_a_savepoint() -> None:
    with DB.session.begin_nested():
        delete_in_bulk()


def delete_before_a_savepoint_fails() -> None:
    delete_in_bulk()
    with suppress(ZeroDivisionError), DB.session.begin_nested():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (add, ["old", "new"]),
        (change_object, ["changed"]),
        (delete_object, []),
        (change_in_bulk, ["changed"]),
        (delete_in_bulk, []),
        (delete_with_a_query, []),
        (delete_with_text, []),
        (delete_in_a_savepoint, []),
        (delete_before_a_savepoint_fails, []),
    ],
)
def test_a_committed_change_is_seen_by_everybody(
    pair: Pair, change: Change, names: list[str]
):
    pair.change(lambda: DB.session.add(plugin("old")))
    assert pair.names() == ["old"]
    pair.change(change)
    assert pair.names() == names


def test_rows_are_read_once_while_they_are_leased(pair: Pair):
    with pair.reader.app_context():
        time.sleep(LEASE_SECONDS)
        first = VIRTUAL_PLUGINS.rows()
        assert VIRTUAL_PLUGINS.rows() is first
        time.sleep(LEASE_SECONDS)
        assert VIRTUAL_PLUGINS.rows() is not first


def test_what_an_old_transaction_sees_is_not_kept(pair: Pair):
    with pair.reader.app_context():
        time.sleep(LEASE_SECONDS)
        DB.session.execute(sa.text("SELECT 1"))
        first = VIRTUAL_PLUGINS.rows()
        assert VIRTUAL_PLUGINS.rows() is not first
        DB.session.remove()


def test_one_thread_reads_for_all_that_wait(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    reads = []

    def rows() -> list[Any]:
        reads.append(threading.get_ident())
        time.sleep(LEASE_SECONDS / 4)
        return []

    def ask() -> None:
        with pair.reader.app_context():
            VIRTUAL_PLUGINS.rows()

    time.sleep(LEASE_SECONDS)
    monkeypatch.setattr(VIRTUAL_PLUGINS, "_statement", type("S", (), {"rows": rows}))
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) < 4  # the machine may be slow, but eight threads do not read


def test_nothing_is_kept_if_the_database_fails(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    def fail() -> None:
        raise sa.exc.OperationalError("SELECT", {}, OSError())

    time.sleep(LEASE_SECONDS)
    with monkeypatch.context() as patch, pair.reader.app_context():
        statement = type("S", (), {"rows": staticmethod(fail)})
        patch.setattr(VIRTUAL_PLUGINS, "_statement", statement)
        with pytest.raises(sa.exc.OperationalError):
            VIRTUAL_PLUGINS.rows()
    assert pair.names() == []


def test_new_tables_have_no_old_rows(pair: Pair):
    pair.change(lambda: DB.session.add(plugin()))
    assert pair.names() == ["new"]
    with pair.reader.app_context():
        DB.session.remove()
        VirtualPlugin.__table__.drop(DB.engine)
        VirtualPlugin.__table__.create(DB.engine)
    assert pair.names() == []


def test_a_wait_that_is_interrupted_leaves_the_session_usable(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(_seconds: float) -> None:
        raise TimeoutError("time limit")

    with pair.writer.app_context():
        with monkeypatch.context() as patch:
            patch.setattr("qhana_plugin_runner.db.leased_rows.time.sleep", interrupt)
            add()
            with pytest.raises(TimeoutError, match="time limit"):
                DB.session.commit()
        DB.session.rollback()
        assert [row.name for row in VirtualPlugin.get_all()] == ["new"]
        DB.session.commit()
        DB.session.remove()


@pytest.mark.parametrize("what", ["another table", "a rollback"])
def test_nobody_waits_for_what_changed_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, what: str
):
    waits: list[float] = []
    monkeypatch.setattr("qhana_plugin_runner.db.leased_rows.time.sleep", waits.append)
    with pair.writer.app_context():
        if what == "a rollback":
            add()
            DB.session.flush()
            DB.session.rollback()
        DB.session.add(ProcessingTask(task_name="x"))
        DB.session.commit()
        DB.session.remove()
    assert waits == []

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A broken connection is noticed before it is used, without asking for it every time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from managed_app import build_app
from qhana_plugin_runner.db import DB, connections
from qhana_plugin_runner.db.borrowing import BorrowedConnection, borrow
from qhana_plugin_runner.db.pool import NestingPool
from runner_process import free_port
from services import POSTGRESQL, fresh_database


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    folder: Path = tmp_path_factory.mktemp("connections")
    with fresh_database("postgresql", folder) as uri:
        app = build_app(folder, uri)
        with app.app_context():
            yield DB.engine


def backend_id(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT pg_backend_pid()"))


def terminate(engine: sa.Engine) -> None:
    other = sa.create_engine(POSTGRESQL)
    with other.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = :name"
            ),
            {"name": engine.url.database},
        )
    other.dispose()


def test_an_idle_connection_is_used_again(engine: sa.Engine):
    assert backend_id(engine) == backend_id(engine)


def test_a_terminated_connection_is_replaced(engine: sa.Engine):
    before = backend_id(engine)
    terminate(engine)
    assert backend_id(engine) != before


def test_all_idle_connections_are_replaced_after_a_restart(engine: sa.Engine):
    with engine.connect(), engine.connect():
        pass  # two connections in the pool
    terminate(engine)
    with engine.connect() as first, engine.connect() as second:
        assert first.scalar(sa.text("SELECT 1")) == second.scalar(sa.text("SELECT 1"))


def test_the_server_is_asked_only_after_a_long_time(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
):
    asked = []
    backend_id(engine)
    monkeypatch.setattr(engine.dialect, "do_ping", lambda _: asked.append(1) or True)
    backend_id(engine)
    assert not asked
    monkeypatch.setattr(connections, "TRUSTED_SECONDS", 0.0)
    backend_id(engine)
    assert asked


@pytest.fixture
def single(engine: sa.Engine) -> Iterator[sa.Engine]:
    """An engine whose pool keeps one connection."""
    single = sa.create_engine(engine.url, poolclass=NestingPool, pool_size=1)
    connections.check_before_use(single)
    yield single
    single.dispose()


def pid_of(borrowed: Any) -> int:
    return borrowed.dbapi_connection.info.backend_pid


def checked_out(engine: sa.Engine) -> int:
    pool: Any = engine.pool
    return pool.checkedout()


def test_a_borrowed_connection_is_one_of_the_pool(single: sa.Engine):
    before = backend_id(single)
    borrowed = borrow(single)
    assert (pid_of(borrowed), checked_out(single)) == (before, 1)
    borrowed.close()
    borrowed.close()
    assert checked_out(single) == 0
    assert backend_id(single) == before


def test_a_broken_connection_is_not_lent(single: sa.Engine):
    before = backend_id(single)
    terminate(single)
    borrowed = borrow(single)
    assert pid_of(borrowed) != before
    borrowed.close()
    assert checked_out(single) == 0


def test_a_connection_that_is_closed_on_this_side_is_not_lent(single: sa.Engine):
    borrowed = borrow(single)
    before = pid_of(borrowed)
    borrowed.dbapi_connection.close()
    borrowed.close()
    again = borrow(single)
    assert pid_of(again) != before
    again.close()
    assert checked_out(single) == 0


def test_an_invalid_borrowed_connection_is_replaced(single: sa.Engine):
    borrowed = borrow(single)
    before = pid_of(borrowed)
    borrowed.invalidate(ValueError("broken"))
    borrowed.close()
    assert checked_out(single) == 0
    assert backend_id(single) != before


def test_a_borrowed_connection_that_is_forgotten_comes_back_closed(single: sa.Engine):
    borrowed = borrow(single)
    before = pid_of(borrowed)
    del borrowed
    gc.collect()
    assert checked_out(single) == 0
    assert backend_id(single) != before


def test_a_server_that_is_away_takes_no_place_of_the_pool():
    url = sa.make_url(POSTGRESQL).set(port=free_port())
    engine = sa.create_engine(url, poolclass=NestingPool)
    with pytest.raises(engine.dialect.loaded_dbapi.OperationalError):
        borrow(engine)
    assert checked_out(engine) == 0


def test_another_pool_lends_its_connections_as_ever():
    engine = sa.create_engine(POSTGRESQL, poolclass=sa.pool.NullPool)
    borrowed = borrow(engine)
    assert not isinstance(borrowed, BorrowedConnection)
    borrowed.close()

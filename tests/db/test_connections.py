# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A broken connection is noticed before it is used, without asking for it every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from managed_app import build_app
from qhana_plugin_runner.db import DB, connections
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

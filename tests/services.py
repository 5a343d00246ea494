# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The databases and brokers that tests run against.

Addresses come from environment variables, with the standard ports of a developer's
machine as defaults. Without the service a test is skipped with the reason, in CI it
fails.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

POSTGRESQL = os.environ.get(
    "TEST_POSTGRESQL_URI", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
)
MARIADB = os.environ.get(
    "TEST_MARIADB_URI", "mysql+pymysql://root@127.0.0.1:3306/test?charset=utf8mb4"
)
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")

_SERVERS = {"postgresql": POSTGRESQL, "mariadb": MARIADB}


def require(name: str, url: str) -> None:
    """Skip the test (fail in CI) if nothing listens at the address of a service."""
    parsed = sa.make_url(url)
    try:
        socket.create_connection((parsed.host, parsed.port), timeout=2).close()
    except OSError as err:
        message = f"needs {name} at {parsed.host}:{parsed.port} ({err})"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@contextmanager
def fresh_database(kind: str, folder: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the URL of an empty database that is dropped afterwards.

    Args:
        kind: ``sqlite``, ``postgresql`` or ``mariadb``.
        folder: where the file of SQLite goes.
    """
    if kind == "sqlite":
        yield f"sqlite:///{os.fspath(folder)}/test.db"
        return
    server = _SERVERS[kind]
    require(kind, server)
    name = f"qhana_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        charset = " CHARACTER SET utf8mb4" if kind == "mariadb" else ""
        connection.execute(sa.text(f"CREATE DATABASE {name}{charset}"))
    try:
        url = sa.make_url(server).set(database=name)
        yield url.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            connection.execute(sa.text(f"DROP DATABASE {name}{force}"))
        engine.dispose()

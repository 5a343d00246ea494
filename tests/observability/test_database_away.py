# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A database that is away or hangs: 503 within the time-outs, and all is well later.

One without tables is not the same: waiting does not help.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import drop_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from services import fresh_database
from tcp_proxy import TcpProxy

_PORTS = {"postgresql": 5432, "mariadb": 3306}


@pytest.fixture(params=["postgresql", "mariadb"])
def away(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Flask, str]]:
    """An app with short time-outs, the URL of a task, and a proxy to its database."""
    with fresh_database(request.param, tmp_path) as uri:
        url = sa.make_url(uri)
        port = url.port or _PORTS[request.param]
        with TcpProxy(str(url.host), port) as proxy:
            app = build_app(
                tmp_path,
                url.set(port=proxy.port).render_as_string(hide_password=False),
                DATABASE_CONNECT_TIMEOUT=2,
                DATABASE_STATEMENT_TIMEOUT=1,
            )
            with app.app_context():
                task = ProcessingTask(task_name="lab@v1.task")
                task.save(commit=True)
                path = f"/tasks/{task.id}/"
                DB.session.remove()
            app.extensions["proxy"] = proxy
            yield app, path
            with app.app_context():
                DB.engine.dispose()


def test_a_database_that_is_down_is_503_and_well_again_later(
    away: tuple[Flask, str],
) -> None:
    app, path = away
    client, proxy = app.test_client(), app.extensions["proxy"]
    assert client.get(path).status_code == 200
    proxy.stop()
    for _ in range(2):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.json == {
            "code": 503,
            "status": "Service Unavailable",
            "message": "The database does not answer. Try again later.",
        }
        assert int(answer.headers["Retry-After"]) > 0
    proxy.start()
    assert client.get(path).status_code == 200


def test_a_database_that_hangs_is_503_within_the_time_outs(
    away: tuple[Flask, str],
) -> None:
    app, path = away
    client, proxy = app.test_client(), app.extensions["proxy"]
    assert client.get(path).status_code == 200
    proxy.hang()
    start = time.monotonic()
    answer = client.get(path)
    took = time.monotonic() - start
    proxy.resume()
    assert (answer.status_code, answer.json["code"]) == (503, 503)
    assert took < 8, f"{took:.1f} s"
    assert client.get(path).status_code == 200


def test_a_database_that_hangs_during_a_statement_is_503(
    away: tuple[Flask, str],
) -> None:
    app, _path = away
    proxy = app.extensions["proxy"]

    @app.route("/hang-within/")
    def hang_within() -> str:
        DB.session.execute(sa.select(1))
        proxy.hang()
        DB.session.execute(sa.select(2))
        return "answered"

    start = time.monotonic()
    answer = app.test_client().get("/hang-within/")
    took = time.monotonic() - start
    proxy.resume()
    assert answer.status_code == 503, answer.text
    assert took < 6, f"{took:.1f} s"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_database_without_tables_is_503_and_says_what_to_do(
    tmp_path: Path, kind: str, language: str
) -> None:
    with fresh_database(kind, tmp_path) as uri:
        app = build_app(tmp_path, uri)
        with app.app_context():
            drop_db_function(app)
        client = app.test_client()
        answer = client.get("/tasks/1/", headers={"Accept-Language": language})
        with app.app_context():
            DB.engine.dispose()
    sentence = {
        "en": "A table is missing in the database. Run flask db upgrade.",
        "de": "In der Datenbank fehlt eine Tabelle. flask db upgrade ausführen.",
    }
    assert answer.json == {
        "code": 503,
        "status": "Service Unavailable",
        "message": sentence[language],
    }


def test_work_of_any_length_is_allowed_while_answers_arrive(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as uri:
        app = build_app(tmp_path, uri, DATABASE_STATEMENT_TIMEOUT=1)
        with app.app_context():
            for _ in range(4):
                DB.session.execute(sa.text("select pg_sleep(0.6)"))
            with pytest.raises(sa.exc.OperationalError, match="statement timeout"):
                DB.session.execute(sa.text("select pg_sleep(3)"))
            DB.session.rollback()
            assert DB.session.scalar(sa.select(1)) == 1
            DB.session.remove()
            DB.engine.dispose()

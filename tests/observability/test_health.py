# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Liveness and readiness: what probes get to know, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from managed_app import build_app
from qhana_plugin_runner.bounded_calls import BoundedCalls
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.recovery import renew_lease
from services import POSTGRESQL, REDIS, fresh_database, require
from tcp_proxy import TcpProxy

LIVE = ["/health/live", "/health/live/", "/healthz", "/healthz/"]
READY = ["/health/ready", "/health/ready/", "/readyz", "/readyz/"]

MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Build an app with a database in a file; settings are keywords."""
    apps: list[Flask] = []

    def make(**settings: Any) -> Flask:
        uri = settings.pop("uri", f"sqlite:///{tmp_path}/test.db")
        apps.append(build_app(tmp_path, uri, **settings))
        return apps[-1]

    yield make
    for app in apps:
        with app.app_context():
            DB.engine.dispose()


def ready(app: Flask, **kwargs: Any) -> Any:
    """Ask for the readiness of an app."""
    return app.test_client().get("/health/ready", **kwargs)


def hold_lease(app: Flask, seconds: float = 30) -> None:
    """Show a sign of life of a worker."""
    with app.app_context():
        renew_lease("lease", "celery@test", seconds)


@pytest.mark.parametrize("path", LIVE)
def test_a_process_that_lives_says_so_without_redirect(
    make_app: MakeApp, path: str
) -> None:
    answer = make_app().test_client().get(path)
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert answer.cache_control.no_store


@pytest.mark.parametrize("path", READY)
def test_a_runner_with_a_worker_is_ready(make_app: MakeApp, path: str) -> None:
    app = make_app()
    hold_lease(app)
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.json["status"]) == (200, "ok"), answer.json
    checks = answer.json["checks"]
    assert set(checks) == {
        "database",
        "migrations",
        "broker",
        "store",
        "workers",
        "plugins",
    }
    assert {check["status"] for check in checks.values()} == {"ok"}
    assert all(check["message"] and check["seconds"] >= 0 for check in checks.values())


@pytest.mark.parametrize("path", [*LIVE, *READY])
def test_probes_may_use_any_host(make_app: MakeApp, path: str) -> None:
    client = make_app(TRUSTED_HOSTS=["runner.example"]).test_client()
    assert client.get(path, base_url="http://10.1.2.3:8080").status_code == 200
    assert client.get("/plugins/", base_url="http://10.1.2.3:8080").status_code == 400


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_probes_need_no_prefix(make_app: MakeApp, path: str) -> None:
    client = make_app(OPENAPI_URL_PREFIX="api/v2").test_client()
    assert client.get(path).status_code == 200


def test_a_missing_worker_is_a_warning(make_app: MakeApp) -> None:
    answer = ready(make_app())
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert answer.json["checks"]["workers"]["status"] == "warning"


def test_a_worker_whose_lease_ran_out_does_not_count(make_app: MakeApp) -> None:
    app = make_app()
    hold_lease(app, seconds=-1)
    assert ready(app).json["checks"]["workers"]["status"] == "warning"


def test_a_failed_plugin_is_a_warning_that_names_it(
    make_app: MakeApp, tmp_path: Path
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "broken_for_health.py").write_text("raise ValueError('pass' 'word')")
    answer = ready(make_app(PLUGIN_FOLDERS=[str(folder)]))
    assert answer.status_code == 200
    check = answer.json["checks"]["plugins"]
    assert check["status"] == "warning"
    assert "broken_for_health" in check["message"]
    assert "password" not in answer.text


def test_a_database_without_tables_is_not_ready(tmp_path: Path) -> None:
    app = build_app(tmp_path, f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        DB.drop_all()
        DB.session.execute(sa.text("DROP TABLE alembic_version"))
        DB.session.commit()
    answer = ready(app)
    assert (answer.status_code, answer.json["status"]) == (503, "failing")
    assert "flask db upgrade" in answer.json["checks"]["migrations"]["message"]


@pytest.mark.parametrize(
    ("revision", "status"), [("ae51830d0cb5", "failing"), ("ffffffffffff", "warning")]
)
def test_tables_of_an_older_version_are_not_ready_those_of_a_newer_are(
    make_app: MakeApp, revision: str, status: str
) -> None:
    app = make_app()
    with app.app_context():
        DB.session.execute(
            sa.text("UPDATE alembic_version SET version_num = :it"), {"it": revision}
        )
        DB.session.commit()
    answer = ready(app)
    assert answer.json["checks"]["migrations"]["status"] == status
    assert answer.status_code == (503 if status == "failing" else 200)


def test_a_store_that_cannot_write_is_not_ready(
    make_app: MakeApp, tmp_path: Path
) -> None:
    (tmp_path / "occupied").write_text("a file where a folder should be")
    app = make_app(FILE_STORE_ROOT_PATH=str(tmp_path / "occupied"))
    answer = ready(app)
    assert answer.status_code == 503
    assert answer.json["checks"]["store"]["status"] == "failing"


def test_a_broker_that_refuses_is_not_ready(make_app: MakeApp) -> None:
    with TcpProxy("127.0.0.1", 6379) as proxy:
        proxy.stop()
        app = make_app(
            CELERY={"broker_url": f"redis://user:hush-hush@127.0.0.1:{proxy.port}"}
        )
        answer = ready(app)
    assert answer.status_code == 503
    assert answer.json["checks"]["broker"]["status"] == "failing"
    assert "hush-hush" not in answer.text
    assert str(proxy.port) not in answer.text


def test_a_database_that_is_away_is_not_ready_and_comes_back(
    tmp_path: Path, make_app: MakeApp
) -> None:
    with fresh_database("postgresql", tmp_path) as uri:
        url = sa.make_url(uri)
        with TcpProxy(str(url.host), url.port or 5432) as proxy:
            through = url.set(port=proxy.port, password="hush-hush")
            app = make_app(uri=through.render_as_string(hide_password=False))
            assert ready(app).status_code == 200
            proxy.stop()
            time.sleep(1.1)  # answers are shared for a second
            answer = ready(app)
            assert answer.status_code == 503
            assert answer.json["checks"]["database"]["status"] == "failing"
            assert answer.json["checks"]["broker"]["status"] == "ok"
            assert "hush-hush" not in answer.text
            proxy.start()
            time.sleep(1.1)
            assert ready(app).status_code == 200
            with app.app_context():
                DB.engine.dispose()


def test_services_that_hang_are_waited_for_only_so_long(
    tmp_path: Path, make_app: MakeApp
) -> None:
    require("Redis", REDIS)
    require("PostgreSQL", POSTGRESQL)
    with fresh_database("postgresql", tmp_path) as uri:
        url = sa.make_url(uri)
        with (
            TcpProxy(str(url.host), url.port or 5432) as database,
            TcpProxy("127.0.0.1", sa.make_url(REDIS).port or 6379) as broker,
        ):
            app = make_app(
                uri=url.set(port=database.port).render_as_string(hide_password=False),
                CELERY={"broker_url": f"redis://127.0.0.1:{broker.port}"},
                HEALTH_CHECK_SECONDS=1,
            )
            database.hang()
            broker.hang()
            start = time.monotonic()
            answers = [ready(app) for _ in range(3)]
            took = time.monotonic() - start
            threads = [t for t in threading.enumerate() if t.name.startswith("check-")]
            database.stop()
            broker.stop()
    assert [answer.status_code for answer in answers] == [503] * 3
    checks = answers[0].json["checks"]
    for name in ("database", "broker"):
        assert checks[name]["status"] == "failing"
        assert "within 1 seconds" in checks[name]["message"]
    assert took < 4
    assert len(threads) <= len(checks)


def test_questions_within_a_second_share_one_answer(make_app: MakeApp) -> None:
    app = make_app()
    first = ready(app).json
    hold_lease(app)
    assert ready(app).json == first
    time.sleep(1.1)
    assert ready(app).json["status"] == "ok"


def test_a_change_is_logged_once(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    for _ in range(2):
        ready(app)
        time.sleep(1.1)
    hold_lease(app)
    ready(app)
    lines = [r.getMessage() for r in caplog.records if "Check workers" in r.getMessage()]
    assert lines == [
        "Check workers: No worker is running. Tasks wait until one is started.",
        "Check workers: 1 worker is running.",
    ]


def test_a_call_that_hangs_is_not_made_twice(make_app: MakeApp) -> None:
    calls, end = [], threading.Event()

    def hang() -> None:
        calls.append(utc_now())
        end.wait(10)

    bounded = BoundedCalls(make_app())
    try:
        for _ in range(3):
            outcome = bounded.run({"hang": hang, "quick": lambda: 1}, seconds=0.05)
            assert isinstance(outcome["hang"].error, TimeoutError)
            assert outcome["quick"].value == 1
    finally:
        end.set()
    assert len(calls) == 1
    assert calls[0] <= utc_now() + timedelta(seconds=1)

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``flask doctor`` finds what is wrong and says what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from managed_app import build_app
from qhana_plugin_runner import doctor
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.doctor import Advice, Verdict, surroundings
from qhana_plugin_runner.doctor.examine import EXAMINATIONS
from qhana_plugin_runner.recovery import renew_lease
from services import fresh_database

MakeApp = Callable[..., Flask]

EMBEDDED = {"CELERY": {"task_default_queue": "doctor"}}


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Build an app with good settings; keywords make them worse."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    apps: list[Flask] = []

    def make(**settings: Any) -> Flask:
        uri = settings.pop("uri", f"sqlite:///{tmp_path}/test.db")
        good = {
            **EMBEDDED,
            "PLUGIN_FOLDERS": [str(plugins)],
            "TRUSTED_HOSTS": ["localhost"],
        }
        apps.append(build_app(tmp_path, uri, **{**good, **settings}))
        return apps[-1]

    yield make
    for app in apps:
        with app.app_context():
            DB.engine.dispose()


def advice(app: Flask, subject: str) -> list[Advice]:
    """Return what the doctor says about a subject."""
    return doctor.examine(app)[subject]


def verdicts(app: Flask, subject: str) -> set[Verdict]:
    """Return the verdicts about a subject."""
    return {one.verdict for one in advice(app, subject)}


def test_a_good_runner_has_nothing_to_fix(make_app: MakeApp) -> None:
    app = make_app()
    with app.app_context():
        renew_lease("lease", "celery@test", 30)
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 0, result.output
    assert "fail" not in result.output
    assert result.output.count("\nok ") >= 10


def test_every_subject_is_examined(make_app: MakeApp) -> None:
    found = doctor.examine(make_app())
    assert list(found) == list(EXAMINATIONS)
    for name, all_advice in found.items():
        for one in all_advice:
            assert bool(one.advice) == (one.verdict is not Verdict.OK), name


@pytest.mark.parametrize(
    ("subject", "settings", "verdict"),
    [
        ("secret key", {"SECRET_KEY": "short"}, Verdict.WARN),
        ("addresses", {"TRUSTED_HOSTS": None}, Verdict.WARN),
        ("addresses", {"SERVER_NAME": "http://localhost:5005/"}, Verdict.FAIL),
        ("addresses", {"REVERSE_PROXY_COUNT": 9}, Verdict.WARN),
        ("origins", {"CORS_ORIGINS": ["https://ui.example/"]}, Verdict.FAIL),
        ("origins", {"CORS_ORIGINS": ["*", "https://ui.example"]}, Verdict.WARN),
        ("broker", {"CELERY": {"broker_url": "memory://"}}, Verdict.FAIL),
        (
            "broker",
            {"CELERY": {"broker_url": "redis://127.0.0.1:9"}},
            Verdict.FAIL,
        ),
        (
            "result backend",
            {"CELERY": {"result_backend": "cache+memory://"}},
            Verdict.FAIL,
        ),
        ("plugin folders", {"PLUGIN_FOLDERS": []}, Verdict.WARN),
        ("plugin folders", {"PLUGIN_FOLDERS": ["/no/such/folder"]}, Verdict.WARN),
        ("workers", {}, Verdict.WARN),
    ],
)
def test_what_is_wrong_is_found(
    make_app: MakeApp, subject: str, settings: dict[str, Any], verdict: Verdict
) -> None:
    assert verdict in verdicts(make_app(**settings), subject)


def test_good_origins_are_fine(make_app: MakeApp) -> None:
    app = make_app(CORS_ORIGINS=["https://ui.example", "http://localhost:3000"])
    assert verdicts(app, "origins") == {Verdict.OK}


def test_old_tables_are_to_be_upgraded(make_app: MakeApp) -> None:
    app = make_app()
    with app.app_context():
        DB.session.execute(sa.text("DELETE FROM alembic_version"))
        DB.session.commit()
    (one,) = advice(app, "migrations")
    assert one.verdict is Verdict.FAIL
    assert "flask db upgrade" in one.advice


def test_a_database_that_is_away_is_a_failure_without_traceback(
    make_app: MakeApp,
) -> None:
    app = make_app()
    with app.app_context():
        DB.engine.dispose()
    shutil.rmtree(Path(app.instance_path) / "plugins")
    Path(app.instance_path, "test.db").write_text("this is no database at all")
    result = app.test_cli_runner().invoke(args=["doctor", "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["database"][0]["verdict"] == "fail"
    assert "file is not a database" in found["database"][0]["message"]


def test_a_key_that_others_can_read_is_a_failure(make_app: MakeApp) -> None:
    app = make_app()
    file = Path(app.instance_path) / "secret_key"
    file.write_text("x" * 40)
    file.chmod(0o644)
    assert Verdict.FAIL in verdicts(app, "secret key")
    file.chmod(0o600)
    assert verdicts(app, "secret key") == {Verdict.OK}


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(50 << 20, Verdict.FAIL), (500 << 20, Verdict.WARN), (5 << 30, Verdict.OK)],
)
def test_little_space_is_noticed(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, free: int, verdict: Verdict
) -> None:
    usage = shutil._ntuple_diskusage(1 << 40, (1 << 40) - free, free)
    monkeypatch.setattr(surroundings.shutil, "disk_usage", lambda _path: usage)
    assert verdicts(make_app(), "instance folder") == {verdict}


def test_sqlite_and_embedded_broker_are_refused_on_a_network_file_system(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        f"server:/export {str(tmp_path).replace(' ', chr(92) + '040')} nfs4 rw 0 0\n"
    )
    monkeypatch.setattr(surroundings, "_MOUNTS", mounts)
    app = make_app()
    assert Verdict.FAIL in verdicts(app, "database")
    assert Verdict.FAIL in verdicts(app, "broker")
    assert surroundings.file_system(Path("/etc")) == "ext4"


def test_a_worker_whose_clock_is_ahead_is_noticed(make_app: MakeApp) -> None:
    app = make_app()
    with app.app_context():
        renew_lease("ahead", "celery@test", 30 + 60)
    (one,) = advice(app, "clock")
    assert one.verdict is Verdict.FAIL
    assert "NTP" in one.advice


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_the_clock_of_the_database_server_is_compared(
    make_app: MakeApp, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(kind, tmp_path) as uri:
        app = make_app(uri=uri)
        assert verdicts(app, "clock") == {Verdict.OK}
        later = utc_now() + (utc_now() - utc_now())
        monkeypatch.setattr(
            surroundings, "utc_now", lambda: later.replace(year=later.year + 1)
        )
        assert verdicts(app, "clock") == {Verdict.FAIL}
        with app.app_context():
            DB.engine.dispose()


def test_a_failed_plugin_is_named(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "plugins" / "broken_for_doctor.py").write_text("raise ValueError('x')")
    (one,) = advice(make_app(), "plugins")
    assert one.verdict is Verdict.WARN
    assert "broken_for_doctor" in one.message

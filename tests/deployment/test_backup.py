# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The documented commands bring back the tasks and files of an installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade

from qhana_plugin_runner import create_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE
from runner_process import ROOT
from services import fresh_database

PAGE = (ROOT / "docs" / "how-to" / "back-up.rst").read_text(encoding="utf-8")
PROGRAMS = {"sqlite": [], "postgresql": ["pg_dump"], "mariadb": ["mysqldump", "mysql"]}


def commands(name: str) -> str:
    """Return the commands of the page with this name."""
    pattern = rf":name: {name}\n\n((?:(?:    .*)?\n)+)"
    (block,) = re.findall(pattern, PAGE)
    return textwrap.dedent(block).replace(".venv/bin/python", sys.executable)


def run(folder: Path, uri: str, *names: str) -> None:
    """Run commands of the page in the folder that holds ``instance``."""
    url = sa.make_url(uri)
    env = {
        **os.environ,
        "DATABASE_URL": url.set(drivername="postgresql").render_as_string(False),
        "DATABASE_HOST": url.host or "",
        "DATABASE_USER": url.username or "",
        "DATABASE_NAME": url.database or "",
        "MYSQL_PWD": url.password or "",
    }
    for name in names:
        script = f"set -euo pipefail\n{commands(name)}"
        result = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True
        )
        assert result.returncode == 0, f"{name}: {result.stdout}{result.stderr}"


@contextmanager
def installation(folder: Path, uri: str) -> Iterator[Flask]:
    """An application on the database and the instance folder, context open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder / "instance"))
        patch.setenv("SQLALCHEMY_DATABASE_URI", uri)
        app = create_app()
    with app.app_context():
        yield app
        DB.session.remove()
        DB.engine.dispose()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/instance/qhana_plugin_runner.db"
        return
    with fresh_database(kind, folder) as uri:
        yield uri


@pytest.mark.parametrize("kind", PROGRAMS)
def test_tasks_and_files_come_back(kind: str, tmp_path: Path) -> None:
    for program in PROGRAMS[kind]:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "instance").mkdir(parents=True)
    new.mkdir()
    with database(kind, old) as uri:
        with installation(old, uri) as app:
            upgrade()
            task = ProcessingTask(task_name="kept", parameters='{"text": "ä"}')
            task.save(commit=True)
            STORE.persist_task_result(task.id, "content", "a.txt", "custom", "text/plain")
            task_id, key = task.id, app.config["SECRET_KEY"]
        run(old, uri, f"back-up-{kind}", "back-up-files")
    shutil.copytree(old / "backup", new / "backup")
    shutil.rmtree(old)
    with database(kind, new) as uri:
        run(new, uri, "restore-files", f"restore-{kind}")
        with installation(new, uri) as app:
            upgrade()
            restored = DB.session.get(ProcessingTask, task_id)
            assert restored is not None and restored.parameters == '{"text": "ä"}'
            (file,) = DB.session.scalars(sa.select(TaskFile)).all()
            answer = app.test_client().get(
                f"/files/{file.id}/?file-id={file.security_tag}"
            )
            assert (answer.status_code, answer.data) == (200, b"content")
            assert app.config["SECRET_KEY"] == key

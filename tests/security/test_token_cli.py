# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``flask token``: giving out tokens and taking them back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.access_tokens import AccessToken
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from security.secured_app import secured_app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = secured_app(tmp_path)
    with app.app_context():
        yield app


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["token", *arguments])


def status(app: Flask, token: str, path: str = "/plugins/") -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return app.test_client().get(path, headers=headers).status_code


def test_a_token_is_printed_once_and_works(app: Flask) -> None:
    result = run(app, "create", "alice", "--description", "her notebook")
    assert result.exit_code == 0
    token = result.stdout.strip()
    assert status(app, token) == 200
    assert "Token 1 for alice, valid until" in result.stderr


def test_the_token_is_kept_nowhere(app: Flask) -> None:
    token = run(app, "create", "alice").stdout.strip()
    with DB.engine.connect() as connection:
        (row,) = connection.execute(sa.select(AccessToken)).mappings()
    assert not any(token in str(value) for value in row.values())
    assert not any(part in str(row) for part in token.split("."))


def test_the_list_shows_every_token_with_its_state(app: Flask) -> None:
    run(app, "create", "alice", "--admin", "--description", "first")
    run(app, "create", "bob")
    run(app, "revoke", "2")
    lines = run(app, "list").stdout.splitlines()
    assert [line.split() for line in lines[1:]][0][:2] == ["2", "revoked"]
    assert lines[2].split()[:2] == ["1", "valid"]
    assert "alice (admin)" in lines[2] and lines[2].endswith("first")


def test_a_revoked_token_is_refused(app: Flask) -> None:
    token = run(app, "create", "alice").stdout.strip()
    result = run(app, "revoke", "1")
    assert result.stdout == "Token 1 of alice is revoked.\n"
    assert status(app, token) == 401
    assert run(app, "revoke", "1").exit_code == 0


def test_an_unknown_token_cannot_be_revoked(app: Flask) -> None:
    result = run(app, "revoke", "7")
    assert result.exit_code == 1
    assert "no token with the number 7" in result.stderr


@pytest.mark.parametrize(
    ("text", "days"), [("90m", 0.0625), ("12h", 0.5), ("30d", 30), ("2w", 14)]
)
def test_the_lifetime_has_a_unit(app: Flask, text: str, days: float) -> None:
    run(app, "create", "alice", "--expires", text)
    row = DB.session.scalars(sa.select(AccessToken)).one()
    seconds = (row.expires_at - row.created_at).total_seconds()
    assert seconds == pytest.approx(days * 86_400, abs=5)


@pytest.mark.parametrize("text", ["", "5", "0d", "-1d", "d", "1y", "99999d", "1.5h"])
def test_other_lifetimes_are_refused(app: Flask, text: str) -> None:
    assert run(app, "create", "alice", "--expires", text).exit_code == 2


@pytest.mark.parametrize("subject", ["", "a" * 256, "a\nb", "a\x00"])
def test_names_that_cannot_be_stored_are_refused(app: Flask, subject: str) -> None:
    result = run(app, "create", subject)
    assert result.exit_code == 1
    assert "1 to 255 printable characters" in result.stderr


def test_an_admin_token_lists_the_tasks_of_all(app: Flask) -> None:
    ProcessingTask(task_name="of nobody").save(commit=True)
    admin = run(app, "create", "root", "--admin").stdout.strip()
    headers = {"Authorization": f"Bearer {admin}"}
    page = app.test_client().get("/tasks/", headers=headers).get_json()
    assert [task["name"] for task in page["tasks"]] == ["of nobody"]

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An app that wants tokens, with plugins, and the tokens for it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_jwt_extended import create_access_token

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask

ROOT = Path(__file__).resolve().parent.parent.parent
HELLO = "/plugins/hello-world@v1-0-0"
KEY = "a key of the tests that is long enough"


def secured_app(folder: Path, **settings: Any) -> Flask:
    """Return an app with the bundled plugins where tokens are required."""
    wanted = {
        "AUTHENTICATION": "required",
        "SECRET_KEY": KEY,
        "PLUGIN_FOLDERS": [str(ROOT / "plugins")],
        **settings,
    }
    return build_app(folder, f"sqlite:///{folder / 'test.db'}", **wanted)


def token_for(app: Flask, subject: str, **claims: Any) -> str:
    """Return an access token."""
    with app.app_context():
        return create_access_token(
            subject, expires_delta=timedelta(minutes=5), additional_claims=claims
        )


def bearer(app: Flask, subject: str, **claims: Any) -> dict[str, str]:
    """Return the header with an access token."""
    return {"Authorization": f"Bearer {token_for(app, subject, **claims)}"}


def submit(client: FlaskClient, headers: dict[str, str] | None = None) -> str:
    """Start hello-world; returns the path of its task."""
    answer = client.post(f"{HELLO}/process/", data={"inputStr": "x"}, headers=headers)
    assert answer.status_code == 303, answer.text
    return answer.location


def newest_task() -> ProcessingTask:
    """Return the task that was made last."""
    query = sa.select(ProcessingTask).order_by(ProcessingTask.id.desc()).limit(1)
    return DB.session.scalars(query).one()

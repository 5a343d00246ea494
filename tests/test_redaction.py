# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Secrets do not appear in logs, in errors of tasks and in the shown configuration."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from qhana_plugin_runner import create_app
from qhana_plugin_runner.config.hidden import HidingConfig, secret_values, shown_config
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.redaction import RedactingFilter, Redactor, redact
from qhana_plugin_runner.tasks import save_task_error
from qhana_plugin_runner.util.logging import OneLineFormatter
from runner_process import runner

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
CONFIG = {
    "SECRET_KEY": "key of this app",
    "SECRET_KEY_FALLBACKS": ["former key"],
    "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://runner:db%20pass@db:5432/runner",
    "CELERY": {"broker_url": "redis://:broker-pass@redis:6379/0", "timezone": "UTC"},
    "MAIL_PASSWORD": "of a plugin",
    "STORE": {"options": {"key": "access-id", "secret": "s3 secret", "anon": False}},
    "JWT_TOKEN_LOCATION": ["headers"],
    "SERVER_NAME": "localhost:5005",
    "PIN": "12345",
    "API_TOKEN": "12345",
}


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("http://me:pw@host/a", "http://me:****@host/a"),
        ("(http://me:p@w:x@host:80/)", "(http://me:****@host:80/)"),
        ("redis://:pw@redis:6379/0", "redis://:****@redis:6379/0"),
        ("git+https://ghp_0123456789abcdef@host/x", "git+https://****@host/x"),
        ("http://me@host/", "http://me@host/"),
        ("http://host:80/a@b", "http://host:80/a@b"),
        ("Authorization: Bearer abcdefghij", "Authorization: Bearer ****"),
        (f"token={JWT}.", "token=****."),
        ("GET /a?x=1&token=abc&y=2", "GET /a?x=1&token=****&y=2"),
        ("https://s3/b?X-Amz-Signature=0a1b", "https://s3/b?X-Amz-Signature=****"),
        ("a bearer of news, keys and tokens", "a bearer of news, keys and tokens"),
        ("https://host/a:b", "https://host/a:b"),
    ],
)
def test_secrets_are_known_by_their_form(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_secrets_of_the_configuration_are_found() -> None:
    assert secret_values(CONFIG) == {
        "key of this app",
        "former key",
        "db%20pass",
        "db pass",
        "broker-pass",
        "of a plugin",
        "access-id",
        "s3 secret",
    }


def test_the_key_of_the_debug_mode_is_no_secret() -> None:
    assert secret_values({"SECRET_KEY": "debug_secret"}) == set()


def test_known_secrets_are_replaced_as_whole_words() -> None:
    redactor = Redactor({"secret", "secret-2"})
    assert redactor.redact("a secret, secret-2, secrets") == "a ****, ****, secrets"


def test_the_configuration_does_not_show_secrets() -> None:
    config = HidingConfig("/", CONFIG)
    shown = repr(config)
    for secret in secret_values(CONFIG):
        assert secret not in shown
    assert "localhost:5005" in shown
    assert "db:5432/runner" in shown
    assert "headers" in shown
    assert shown_config(CONFIG)["SECRET_KEY"] == "(hidden)"
    assert config["SECRET_KEY"] == "key of this app"


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger and what its handler writes; it knows one secret."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLineFormatter("{message}", style="{"))
    handler.addFilter(RedactingFilter(Redactor({"known secret"})))
    logger = logging.Logger("redacted")
    logger.addHandler(handler)
    yield logger, stream


def test_messages_are_redacted(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.info("%s at %s", "known secret", "http://a:b@c/")
    logger.info("nothing %s", {"to": "hide"})
    assert stream.getvalue() == "**** at http://a:****@c/\nnothing {'to': 'hide'}\n"


def test_tracebacks_are_redacted_and_keep_their_lines(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = log
    try:
        raise ValueError("known secret")
    except ValueError:
        logger.exception("failed")
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["failed", "    Traceback (most recent call last):"]
    assert lines[-1] == "    ValueError: ****"
    assert "known secret" not in "\n".join(line for line in lines if "raise" not in line)


def test_a_wrong_call_of_a_logger_is_reported_as_ever(
    log: tuple[logging.Logger, io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    log[0].info("%d", "no number")
    assert "Logging error" in capsys.readouterr().err


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(tmp_path))
    app = create_app(
        {
            "SECRET_KEY": "the secret of this app",
            "CELERY": {"broker_url": "memory://"},
        },
        silent_log=True,
    )
    with app.app_context():
        create_db_function(app)
        yield app


def test_all_handlers_redact_the_secrets_of_the_app(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("of.a.plugin").error("using the secret of this app")
    assert caplog.messages == ["using ****"]
    for handler in logging.getLogger().handlers:
        filters = [f for f in handler.filters if isinstance(f, RedactingFilter)]
        assert len(filters) == 1


def test_the_error_of_a_task_shows_no_secrets(app: Flask) -> None:
    task = ProcessingTask(task_name="t")
    task.save(commit=True)
    message = "no answer of http://me:pw@host/ with the secret of this app"
    save_task_error("id", ValueError(message), None, db_id=task.id)
    DB.session.refresh(task)
    assert "http://me:****@host/" in task.task_log
    assert "secret of this app" not in task.task_log


def test_the_configuration_of_an_app_shows_no_secrets(app: Flask) -> None:
    assert "the secret of this app" not in repr(app.config)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_process_logs_a_secret(tmp_path: Path, log_format: str) -> None:
    key = "the secret key of two processes"
    error = {"op": "fail", "message": f"http://me:pw@host/ {key}\n[FORGED] line"}
    with runner(tmp_path, QHANA_SECRET_KEY=key, LOG_FORMAT=log_format) as processes:
        processes.start_server()
        processes.start_worker()
        task = processes.wait_task(processes.submit(error))
    logs = processes.log("server") + processes.log("worker")
    for text in (logs, task["log"]):
        assert "http://me:****@host/ ****" in text
        assert key not in text
    assert "\n[FORGED] line" not in logs

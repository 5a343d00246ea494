# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the log shows, and what it hides."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from qhana_plugin_runner.config import load_config
from qhana_plugin_runner.util.logging import (
    JsonLineFormatter,
    OneLineFormatter,
    configure_logging,
    get_logger,
    redact_log_data,
)


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask("logging_test")
    load_config(app, {"DEFAULT_LOG_SEVERITY": "INFO"})
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield app
    root.handlers[:] = handlers
    root.setLevel(level)


def shown(
    message: str,
    *args: object,
    exc_info: Exception | None = None,
    name: str = "forged",
    formatter: logging.Formatter | None = None,
) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    default = OneLineFormatter("{levelname} {message}", style="{")
    handler.setFormatter(formatter or default)
    logger = logging.Logger(name)
    logger.addHandler(handler)
    logger.info(message, *args, exc_info=exc_info)
    return stream.getvalue()


def test_user_input_cannot_forge_a_line() -> None:
    line = shown("input: %s", "a\n[ERROR] forged\r\u2028\x1b[31m")
    assert line == "INFO input: a\\n[ERROR] forged\\r\\u2028\\x1b[31m\n"


def test_an_exception_cannot_forge_a_line() -> None:
    try:
        raise ValueError("a\n[ERROR] forged\r\x1b[31m")
    except ValueError as error:
        first, *rest = shown("failed", exc_info=error).splitlines()
    assert first == "INFO failed"
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-2:] == ["    ValueError: a", "    [ERROR] forged\\r\\x1b[31m"]
    assert all(line.startswith("    ") for line in rest)


def test_an_ordinary_message_stays_as_it_is() -> None:
    assert shown("tab\tand ä") == "INFO tab\tand ä\n"


def test_the_colours_of_the_development_server_are_left_out() -> None:
    line = '127.0.0.1 - "\x1b[31m\x1b[1mGET / HTTP/1.1\x1b[0m" %s'
    assert shown(line, 400, name="werkzeug") == (
        'INFO 127.0.0.1 - "GET / HTTP/1.1" 400\n'
    )
    document = json.loads(
        shown(line, 400, name="werkzeug", formatter=JsonLineFormatter())
    )
    assert document["message"] == '127.0.0.1 - "GET / HTTP/1.1" 400'
    assert shown("a\x1b]0;b\x07\n", name="werkzeug") == "INFO a\\x1b]0;b\\x07\\n\n"


def test_each_line_is_written_once(app: Flask, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(app)
    configure_logging(app)
    get_logger(app, "part").warning("only once")
    assert capfd.readouterr().err.count("only once") == 1


def test_silent_attaches_no_handler(app: Flask) -> None:
    before = list(logging.getLogger().handlers)
    configure_logging(app, silent=True)
    assert logging.getLogger().handlers == before


def test_a_log_config_replaces_the_rest(app: Flask) -> None:
    app.config["LOG_CONFIG"] = {
        "version": 1,
        "disable_existing_loggers": False,
        "loggers": {"special": {"level": "ERROR"}},
    }
    before = list(logging.getLogger().handlers)
    configure_logging(app)
    assert logging.getLogger().handlers == before
    assert logging.getLogger("special").level == logging.ERROR


def test_private_values_are_hidden_at_any_depth() -> None:
    data = {"ibmqToken": "x", "list": [{"db_password": "y", "open": 1}], "n": 2}
    assert redact_log_data(data) == {
        "ibmqToken": "****",
        "list": [{"db_password": "****", "open": 1}],
        "n": 2,
    }
    assert data["ibmqToken"] == "x"
    assert redact_log_data({"mine": 1}, ["mine"]) == {"mine": "****"}

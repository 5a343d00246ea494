# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Loggers of the runner and redaction of secrets in logged data."""

from __future__ import annotations

import logging
import logging.config
import re
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask
from flask.logging import default_handler

REDACTED = "****"


_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")


class OneLineFormatter(logging.Formatter):
    """A formatter whose messages cannot forge further lines of the log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; control characters of the message are escaped."""
        message = record.getMessage()
        if _CONTROL_CHARACTERS.search(message):
            record = logging.makeLogRecord(record.__dict__)
            record.msg = _CONTROL_CHARACTERS.sub(
                lambda match: match.group().encode("unicode_escape").decode(), message
            )
            record.args = None
        return super().format(record)


def configure_logging(app: Flask, silent: bool = False) -> None:
    """Attach the runner's handler to the root logger.

    Args:
        app: the application with its settings.
        silent: attach no handler.
    """
    log_config = app.config.get("LOG_CONFIG")
    if log_config:
        logging.config.dictConfig(log_config)
        return
    root = logging.getLogger()
    severity = app.config["DEFAULT_LOG_SEVERITY"]
    app.logger.setLevel(severity)
    # Flask's own handler would write every line a second time.
    app.logger.removeHandler(default_handler)
    if silent:
        return
    # Each new app replaces the handler of the one before, lines must not double.
    for handler in [h for h in root.handlers if getattr(h, "qhana_handler", False)]:
        root.removeHandler(handler)
    handler = logging.StreamHandler()
    handler.qhana_handler = True  # type: ignore[attr-defined]
    handler.setFormatter(
        OneLineFormatter(
            app.config["DEFAULT_LOG_FORMAT"],
            app.config["DEFAULT_LOG_DATE_FORMAT"],
            style=app.config["DEFAULT_LOG_FORMAT_STYLE"],
        )
    )
    root.addHandler(handler)
    root.setLevel(severity)


def get_logger(app: Flask, name: str) -> logging.Logger:
    """Return the logger ``name`` below the application's logger."""
    return logging.getLogger(f"{app.logger.name}.{name}")


def redact_log_data(
    data: Any,
    private_fields: Iterable[str] = ("ibmq_token", "ibmqToken", "db_password"),
) -> Any:
    """Return a copy of the data in which private values are replaced by ``****``.

    Args:
        data: usually the arguments of a request; mappings and lists are copied at any
            depth, other values are returned as they are.
        private_fields: the keys whose values are hidden.
    """
    private = frozenset(private_fields)
    if isinstance(data, Mapping):
        return {
            key: REDACTED if key in private else redact_log_data(value, private)
            for key, value in data.items()
        }
    if isinstance(data, (list, tuple)):
        return [redact_log_data(value, private) for value in data]
    return data

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Loggers of the runner and redaction of secrets in logged data."""

from __future__ import annotations

import logging
import logging.config
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from celery import signals as celery_signals
from flask import Flask
from flask.logging import default_handler
from pythonjsonlogger.json import JsonFormatter

from .. import log_context
from ..redaction import REDACTED

# gunicorn's own loggers have handlers of their own.
_SERVER_LOGGERS = ("gunicorn.error", "gunicorn.access")

# Flask's development server colours its lines whatever they are written to.
_COLOURED_LOGGER = "werkzeug"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")


class OneLineFormatter(logging.Formatter):
    """A formatter whose messages cannot forge further lines of the log.

    Only the lines of tracebacks are lines of their own. They are indented, because an
    exception may contain what a client sent.

    The format may use ``context``: what the line belongs to, or nothing.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; control characters of the message are escaped."""
        fields = log_context.current()
        shown = " ".join(f"{name}={value}" for name, value in fields.items())
        record.context = f" [{shown}]" if shown else ""
        if _CONTROL_CHARACTERS.search(record.getMessage()):
            message = _plain_message(record)
            record = logging.makeLogRecord(record.__dict__)
            record.msg = _escape(message)
            record.args = None
        line, *traceback = super().format(record).split("\n")
        return "\n".join((line, *("    " + _escape(part) for part in traceback)))


def _plain_message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    return _COLOURS.sub("", message) if record.name == _COLOURED_LOGGER else message


def _escape(text: str) -> str:
    return _CONTROL_CHARACTERS.sub(
        lambda match: match.group().encode("unicode_escape").decode(), text
    )


class JsonLineFormatter(JsonFormatter):
    """Writes each record as a JSON object on one line."""

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        """Choose what the object contains; what a caller passes as extra does not count.

        Args:
            log_data: the object, to be filled.
            record: what was logged.
            message_dict: the formatted traceback, among others.
        """
        time = datetime.fromtimestamp(record.created, timezone.utc)
        log_data["time"] = time.isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["message"] = _plain_message(record)
        log_data.update(log_context.current())
        log_data["process"] = record.process
        for key, name in (("exc_info", "exc"), ("stack_info", "stack")):
            if message_dict.get(key):
                log_data[name] = message_dict[key]


def make_formatter(config: Mapping[str, Any]) -> logging.Formatter:
    """Return the formatter that the settings ask for."""
    if config.get("LOG_FORMAT") == "json":
        return JsonLineFormatter()
    return OneLineFormatter(
        config["DEFAULT_LOG_FORMAT"],
        config["DEFAULT_LOG_DATE_FORMAT"],
        style=config["DEFAULT_LOG_FORMAT_STYLE"],
    )


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
    formatter = make_formatter(app.config)
    handler.setFormatter(formatter)
    root.addHandler(handler)
    root.setLevel(severity)
    if isinstance(formatter, JsonLineFormatter):
        for name in _SERVER_LOGGERS:
            for its_handler in logging.getLogger(name).handlers:
                its_handler.setFormatter(formatter)


@celery_signals.after_setup_task_logger.connect
def _format_lines_of_tasks(logger: logging.Logger, **_kwargs: Any) -> None:
    """Let loggers of tasks, which have a handler of their own, write like the rest."""
    for handler in logging.getLogger().handlers:
        if getattr(handler, "qhana_handler", False):
            for its_handler in logger.handlers:
                its_handler.setFormatter(handler.formatter)
                for its_filter in handler.filters:
                    its_handler.addFilter(its_filter)


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

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Loggers of the runner and redaction of secrets in logged data."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask

REDACTED = "****"


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

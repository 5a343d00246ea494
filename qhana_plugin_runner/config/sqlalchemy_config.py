# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Defaults of the settings of Flask-SQLAlchemy."""

from __future__ import annotations

from typing import Any

SQLALCHEMY_PRODUCTION_CONFIG: dict[str, Any] = {
    "SQLALCHEMY_ENGINE_OPTIONS": {},
    "SQLALCHEMY_TRACK_MODIFICATIONS": False,
    "SQLALCHEMY_ECHO": False,
    "SQLITE_FOREIGN_KEYS": True,
}

SQLALCHEMY_DEBUG_CONFIG: dict[str, Any] = {**SQLALCHEMY_PRODUCTION_CONFIG}

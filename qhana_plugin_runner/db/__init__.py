# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The database: ``DB`` (Flask-SQLAlchemy) and the models below ``models``."""

from .db import DB, MIGRATE, MODEL, REGISTRY, init_app

__all__ = ["DB", "MIGRATE", "MODEL", "REGISTRY", "init_app"]

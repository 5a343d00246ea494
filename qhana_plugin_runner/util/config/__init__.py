# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Old import paths of :mod:`qhana_plugin_runner.config`; nothing new goes here."""

from .celery_config import CELERY_DEBUG_CONFIG, CELERY_PRODUCTION_CONFIG
from .smorest_config import SMOREST_DEBUG_CONFIG, SMOREST_PRODUCTION_CONFIG
from .sqlalchemy_config import SQLALCHEMY_DEBUG_CONFIG, SQLALCHEMY_PRODUCTION_CONFIG

__all__ = [
    "CELERY_DEBUG_CONFIG",
    "CELERY_PRODUCTION_CONFIG",
    "SMOREST_DEBUG_CONFIG",
    "SMOREST_PRODUCTION_CONFIG",
    "SQLALCHEMY_DEBUG_CONFIG",
    "SQLALCHEMY_PRODUCTION_CONFIG",
]

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Old import path of :mod:`qhana_plugin_runner.config.celery_config`."""

from ...config.celery_config import CELERY_DEBUG_CONFIG, CELERY_PRODUCTION_CONFIG

__all__ = ["CELERY_DEBUG_CONFIG", "CELERY_PRODUCTION_CONFIG"]

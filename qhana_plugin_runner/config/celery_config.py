# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Defaults of the ``CELERY`` setting. Celery's documentation explains each key.

No broker is named here: without ``broker_url`` the runner uses the embedded broker in
the instance folder (see :mod:`qhana_plugin_runner.celery`).
"""

from __future__ import annotations

from typing import Any

CELERY_PRODUCTION_CONFIG: dict[str, Any] = {
    "task_default_queue": "qhana_plugin_runner",
}

CELERY_DEBUG_CONFIG: dict[str, Any] = {**CELERY_PRODUCTION_CONFIG}

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Entry of the worker (``celery --app qhana_plugin_runner.celery_worker:CELERY``)."""

from . import create_app
from .celery import CELERY

__all__ = ["APP", "CELERY"]

APP = create_app()

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Never imported."""

from qhana_plugin_runner.celery import CELERY

from . import Optics


@CELERY.task(name=f"{Optics.instance.identifier}.cluster", bind=True)
def cluster(self, db_id: int) -> str:
    """Never run."""
    return ""

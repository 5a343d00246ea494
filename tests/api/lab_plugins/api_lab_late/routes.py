# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The routes, and a task that is registered with them."""

from __future__ import annotations

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.celery import CELERY

from . import Late

LATE = SecurityBlueprint(Late.instance.identifier, __name__, description="")


@LATE.route("/")
@LATE.response(200)
def root() -> dict[str, bool]:
    """Answer."""
    return {"late": True}


@CELERY.task(name=f"{Late.instance.identifier}.task", bind=True)
def task(self: object, db_id: int) -> str:
    """Do nothing."""
    return ""

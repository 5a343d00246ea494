# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which tasks a request may use.

Whoever knows the opaque URL of a task may look at it, and so may its owner. Where tokens
are required, the URL alone is not enough to end or to delete the task.
"""

from __future__ import annotations

from webargs.flaskparser import abort

from qhana_plugin_runner.api.task_ids import task_is_capability
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.identity import current_identity, tokens_are_required


def is_owner(owner: str | None) -> bool:
    """Return whether the request acts for the owner of something, or for an admin."""
    identity = current_identity()
    return identity is not None and identity.owns(owner)


def may_see_task(owner: str | None) -> bool:
    """Return whether the request may see the task that its URL names.

    Args:
        owner: the owner of the task.
    """
    return task_is_capability() or is_owner(owner)


def require_power_over_task(owner: str | None) -> None:
    """Answer 403 unless the request may end or delete a task that it may see."""
    if tokens_are_required() and not is_owner(owner):
        abort(403, message=gettext("Only the owner of the task may do that."))

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""All signals of the runner.

The sender is always the Flask application object
(``current_app._get_current_object()``). Signals are sent after the change is committed.

====================== ============================ =================================
signal                 keywords                     sent when
====================== ============================ =================================
TASK_STATUS_CHANGED    ``task_id: int``             a task has ended
TASK_DETAILS_CHANGED   ``task_id: int``             log, progress or outputs changed
TASK_STEPS_CHANGED     ``task_id: int``             a step was added or cleared
VIRTUAL_PLUGIN_CREATED ``plugin_url: str``          a virtual plugin was stored
VIRTUAL_PLUGIN_REMOVED ``plugin_url: str``          a virtual plugin was deleted
====================== ============================ =================================

Plugins send these signals as well.
"""

from __future__ import annotations

from blinker import Namespace

TASK_SIGNALS = Namespace()
DB_SIGNALS = Namespace()

TASK_STATUS_CHANGED = TASK_SIGNALS.signal("task-status-changed")
TASK_DETAILS_CHANGED = TASK_SIGNALS.signal("task-details-changed")
TASK_STEPS_CHANGED = TASK_SIGNALS.signal("task-steps-changed")

VIRTUAL_PLUGIN_CREATED = DB_SIGNALS.signal("virtual-plugin_created")
VIRTUAL_PLUGIN_REMOVED = DB_SIGNALS.signal("virtual-plugin_removed")

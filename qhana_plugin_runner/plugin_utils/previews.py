# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Previews: small results that a page asks for again and again until they are there.

Reading a file may take longer than a request should, so a worker makes the preview.
Between two requests of the page only the id of the Celery task is kept, so that all web
processes find it; the preview itself stays in the result backend and is dropped once it
is delivered.
"""

from __future__ import annotations

from hashlib import sha256
from json import dumps
from time import time
from typing import Any

from celery.canvas import Signature
from celery.exceptions import TimeoutError as CeleryTimeoutError

from ..celery import CELERY
from ..db.models.virtual_plugins import PluginState

WAIT_SECONDS = 2.0
RESTART_SECONDS = 600.0
"""A task that was started so long ago and has no result is lost: a new one is started."""


def get_preview(
    plugin_id: str, signature: Signature, wait: float = WAIT_SECONDS
) -> dict[str, Any] | None:
    """What a Celery task returns for the given arguments.

    Commits the session. To be called from a view, never from a task.

    Args:
        plugin_id: whose preview it is.
        signature: the task with its (JSON-ready) arguments; it returns a ``dict``, with
            the key ``error`` and a sentence for people if there is no preview.
        wait: seconds to wait for the result.

    Returns:
        The result, or ``None`` while a worker is still busy with it. If the task failed,
        the result has the key ``error`` as well.
    """
    call = dumps([signature.task, signature.args, signature.kwargs], sort_keys=True)
    key = "preview-" + sha256(call.encode()).hexdigest()
    state = PluginState.get_value(plugin_id, key, default=None)
    if state is None or time() - state["started"] > RESTART_SECONDS:
        result = signature.apply_async()
        state = {"task": result.id, "started": time()}
        PluginState.set_value(plugin_id, key, state, commit=True)
    else:
        result = CELERY.AsyncResult(state["task"])
    try:
        preview = result.get(timeout=wait, interval=0.05, propagate=False)
    except CeleryTimeoutError:
        return None
    PluginState.delete_value(plugin_id, key, commit=True)
    result.forget()
    if not isinstance(preview, dict):
        return {"error": f"The preview could not be made ({type(preview).__name__})."}
    return preview

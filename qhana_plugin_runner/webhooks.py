# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 8 of the request flow, continued: telling subscribers that a task changed.

A webhook call is a Celery task of its own, so a receiver that hangs delays nobody's
task. The three signals of tasks are the only trigger; plugins send them as well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask

from .db import DB
from .db.models.tasks import ProcessingTask, TaskUpdateSubscription
from .errors import BrokerUnavailableError
from .plugin_utils.interop import call_webhook
from .signals import TASK_DETAILS_CHANGED, TASK_STATUS_CHANGED, TASK_STEPS_CHANGED

_LOGGER = logging.getLogger("qhana_plugin_runner.webhooks")

EVENTS = {
    "status": TASK_STATUS_CHANGED,
    "steps": TASK_STEPS_CHANGED,
    "details": TASK_DETAILS_CHANGED,
}


def init_app(app: Flask) -> None:
    """Call the webhooks of a task when the app signals a change of it."""
    for event, signal in EVENTS.items():
        # The app must live as long as its listeners, blinker keeps only weak references.
        listener = _listener(event)
        app.extensions[f"qhana-webhooks-{event}"] = listener
        signal.connect(listener, app)


def _listener(event: str) -> Callable[..., None]:
    def listen(app: Flask, task_id: int, **_kwargs: Any) -> None:
        notify_subscribers(task_id, event)

    return listen


def notify_subscribers(task_id: int, event: str) -> None:
    """Send one webhook call for each subscriber of the task that wants the event.

    Args:
        task_id: the task that changed.
        event: ``status``, ``steps`` or ``details``.
    """
    for webhook, task in TaskUpdateSubscription.get_by_task_and_event(task_id, event):
        try:
            call_webhook.s(
                webhook_url=webhook, task_url=task, event_type=event
            ).apply_async()
        except BrokerUnavailableError:
            # Subscribers must tolerate missing calls; the change itself is stored.
            _LOGGER.error(
                "The webhook of task %s for the event %s is not called: no broker.",
                task_id,
                event,
            )


def subscribe(
    task: ProcessingTask, webhook_href: str, task_href: str, event: str | None = None
) -> None:
    """Store a subscription and commit; an equal one changes nothing.

    Args:
        task: the task to watch.
        webhook_href: URL to call.
        task_href: URL of the task as the subscriber knows it.
        event: name of one event, ``None`` for all.
    """
    # Two equal requests at once must not both find nothing.
    DB.session.execute(
        sa.select(ProcessingTask.id).where(ProcessingTask.id == task.id).with_for_update()
    )
    if not TaskUpdateSubscription.get_by_task_and_subscriber(task, webhook_href, event):
        TaskUpdateSubscription(
            task, webhook_href=webhook_href, task_href=task_href, event_type=event
        ).save()
    DB.session.commit()


def unsubscribe(
    task: ProcessingTask, webhook_href: str, event: str | None = None
) -> None:
    """Delete a subscription and commit; a missing one is no error.

    Args:
        task: the watched task.
        webhook_href: URL of the webhook.
        event: name of the event, ``None`` for the subscription to all events.
    """
    for subscription in TaskUpdateSubscription.get_by_task_and_subscriber(
        task, webhook_href, event
    ):
        DB.session.delete(subscription)
    DB.session.commit()

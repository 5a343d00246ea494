# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 8 of the request flow, continued: telling subscribers that a task changed.

The three signals of tasks are the only trigger; plugins send them as well.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from . import log_context, webhook_delivery
from .babel import gettext
from .db import DB
from .db.models.tasks import ProcessingTask, TaskUpdateSubscription
from .db.models.webhook_deliveries import WebhookDelivery
from .db.single_statements import SingleStatement, single_statements
from .errors import TooManySubscriptionsError
from .identity import current_owner
from .publishing import session_has_changes
from .signals import TASK_DETAILS_CHANGED, TASK_STATUS_CHANGED, TASK_STEPS_CHANGED
from .url_adapters import FetchPolicy
from .webhook_delivery import deliver_soon

_LOGGER = logging.getLogger("qhana_plugin_runner.webhooks")

EVENTS = {
    "status": TASK_STATUS_CHANGED,
    "steps": TASK_STEPS_CHANGED,
    "details": TASK_DETAILS_CHANGED,
}

_IS_SUBSCRIBED = SingleStatement(
    sa.select(
        sa.exists().where(
            TaskUpdateSubscription.task_id == sa.bindparam("id", type_=sa.Integer())
        )
    )
)


#: What is known of tasks whose signals are sent in a row: whether nobody listens.
_ASKED: ContextVar[dict[int, bool] | None] = ContextVar("qhana_asked", default=None)


def init_app(app: Flask) -> None:
    """Call the webhooks of a task when the app signals a change of it."""
    webhook_delivery.init_app(app)
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
    """Note one call for each subscriber of the task that wants the event.

    The calls are made in the background (see ``webhook_delivery``).

    Args:
        task_id: the task that changed.
        event: ``status``, ``steps`` or ``details``.
    """
    if session_has_changes():
        # Another connection would wait for the locks of this one: the calls are
        # committed with the plugin's own changes.
        _note_calls(task_id, event)
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        if _nobody_subscribed(task_id):
            return  # as nearly always
        with app.app_context():  # a session of its own
            if _note_calls(task_id, event):
                DB.session.commit()
                deliver_soon()
    except SQLAlchemyError:
        # The change itself is stored; subscribers must tolerate missing calls.
        _LOGGER.exception("The webhooks of task %s are not told of %s.", task_id, event)


def _nobody_subscribed(task_id: int) -> bool:
    if single_statements() is None:
        return False  # a statement here would cost as much as looking for the calls
    known: dict[int, bool] | None = _ASKED.get()
    if known is None:
        return not _is_subscribed(task_id)
    if task_id not in known:
        known[task_id] = not _is_subscribed(task_id)
    return known[task_id]


def _is_subscribed(task_id: int) -> bool:
    return bool(_IS_SUBSCRIBED.rows({"id": task_id})[0][0])


@contextmanager
def asking_once() -> Iterator[None]:
    """Look once whether anybody has subscribed, for several signals in a row."""
    token = _ASKED.set({})
    try:
        yield
    finally:
        _ASKED.reset(token)


def _note_calls(task_id: int, event: str) -> bool:
    subscribers = TaskUpdateSubscription.get_subscribers(task_id, event)
    for (webhook, task), client, subject in subscribers:
        WebhookDelivery(
            delivery_key=secrets.token_hex(16),
            task_id=task_id,
            webhook_href=webhook,
            task_href=task,
            event=event,
            client=client,
            request_id=log_context.request_id(),
            subscriber=subject,
        ).save()
    return bool(subscribers)


def subscribe(
    task: ProcessingTask, webhook_href: str, task_href: str, event: str | None = None
) -> None:
    """Store a subscription and commit; an equal one changes nothing.

    Args:
        task: the task to watch.
        webhook_href: URL to call.
        task_href: URL of the task as the subscriber knows it.
        event: name of one event, ``None`` for all.

    Raises:
        FetchError: the URL names an address that the client may not have called. What a
            DNS name means is checked when it is called.
        TooManySubscriptionsError: if the task has as many as it may have.
    """
    FetchPolicy.current().check_url(webhook_href)
    # Two equal requests at once must not both find nothing: the first one locks the row
    # of the task (an update does so on every database).
    DB.session.execute(
        sa.update(ProcessingTask)
        .where(ProcessingTask.id == task.id)
        .values(current_step=ProcessingTask.current_step)
        .execution_options(synchronize_session=False)
    )
    equal = TaskUpdateSubscription.get_by_task_and_subscriber(task, webhook_href, event)
    if current_owner() in [subscription.subscriber for subscription in equal]:
        DB.session.commit()
        return
    _require_room(task)
    TaskUpdateSubscription(
        task, webhook_href=webhook_href, task_href=task_href, event_type=event
    ).save()
    DB.session.commit()


def _require_room(task: ProcessingTask) -> None:
    limit = current_app.config.get("WEBHOOK_MAX_SUBSCRIPTIONS", 20)
    count = DB.session.scalar(
        sa.select(sa.func.count())
        .select_from(TaskUpdateSubscription)
        .where(TaskUpdateSubscription.task_id == task.id)
    )
    if limit is not None and (count or 0) >= limit:
        DB.session.rollback()
        raise TooManySubscriptionsError(
            gettext(
                "The task has %(count)s subscriptions; more than %(limit)s are not "
                "allowed.",
                count=count,
                limit=limit,
            )
        )


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

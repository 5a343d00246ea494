# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Sending messages again that a broker or a worker has lost.

The row of a task keeps its message until a worker takes it up, and a message that arrives
twice is run once: so sending one too often does no harm.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import sqlalchemy as sa
from celery.utils import uuid

from .celery import CELERY
from .db import DB
from .db.models.base import utc_now
from .db.models.tasks import ProcessingTask, TaskState
from .publishing import send_again
from .stored_message import StoredMessage

_LOGGER = logging.getLogger("qhana_plugin_runner.recovery")

# A queued message that is this old and not in its queue is sent again.
_MESSAGE_PATIENCE_SECONDS = 5.0
_MESSAGES_AT_ONCE = 500


def start_again(id_: int) -> bool:
    """Queue a lost task again if its author declared it idempotent.

    Returns:
        Whether the task is queued again; it is sent with the other lost messages.
    """
    statement = sa.select(ProcessingTask.message, ProcessingTask.attempts)
    row = DB.session.execute(statement.where(ProcessingTask.id == id_)).one_or_none()
    if row is None or row.message is None:
        return False
    message = StoredMessage.from_json(row.message)
    task = CELERY.tasks.get(message.name)
    if task is None or not task.idempotent or row.attempts >= task.max_attempts:
        return False
    message.options["task_id"] = uuid()  # the old one was taken up
    ProcessingTask.enqueue([id_], message.to_json(), utc_now())
    DB.session.commit()
    _LOGGER.warning("Task %s lost its worker and is started again.", id_)
    send_again(CELERY, message)
    return True


def send_lost_messages() -> int:
    """Send the messages of queued tasks again that are no longer in an (empty) queue.

    Brokers lose messages when they restart without persistence, and a busy worker may sit
    on some while another one is idle. A message that arrives twice is run once.

    Returns:
        The number of messages.
    """
    now = utc_now()
    overdue = (
        ProcessingTask.state == TaskState.QUEUED.value,
        ProcessingTask.message.is_not(None),
        ProcessingTask.queued_at < now - timedelta(seconds=_MESSAGE_PATIENCE_SECONDS),
    )
    rows = DB.session.execute(
        sa.select(ProcessingTask.id, ProcessingTask.message)
        .where(*overdue)
        .order_by(ProcessingTask.id)
        .limit(_MESSAGES_AT_ONCE)
    ).all()
    sizes: dict[str, int] = {}
    sent = 0
    for id_, text in rows:
        message = StoredMessage.from_json(text)
        queue = _queue_name(message)
        if queue not in sizes:
            sizes[queue] = _queue_size(queue)
        if sizes[queue]:
            continue
        claimed = DB.session.execute(
            sa.update(ProcessingTask)
            .where(ProcessingTask.id == id_, *overdue)
            .values(queued_at=now)
        )
        DB.session.commit()
        if claimed.rowcount:  # type: ignore[attr-defined]
            send_again(CELERY, message)
            sent += 1
    DB.session.rollback()
    if sent:
        _LOGGER.warning("%s messages were not in their queue, they are sent again.", sent)
    return sent


def _queue_name(message: StoredMessage) -> str:
    queue = message.options.get("queue")
    return queue if isinstance(queue, str) else CELERY.conf.task_default_queue


def _queue_size(queue: str) -> int:
    with CELERY.connection_for_write() as connection:
        try:
            declared = connection.default_channel.queue_declare(queue, passive=True)
        except connection.channel_errors:
            return 0  # there is no such queue any more
        return declared.message_count

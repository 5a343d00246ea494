# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Closing the tasks of workers that died.

Each worker holds a lease, a row that it renews. Whoever finds a running task whose
worker's lease ran out closes it as lost: every worker looks now and then, so that
webhooks fire, and a reader of the task looks at once.
"""

from __future__ import annotations

import logging
import secrets
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from celery import signals as celery_signals
from flask import Flask
from kombu.exceptions import OperationalError as KombuOperationalError
from sqlalchemy.exc import DBAPIError

from . import webhook_delivery
from .celery import CELERY
from .db import DB
from .db.models.base import utc_now
from .db.models.leases import WorkerLease
from .db.models.task_record import TaskRecord
from .db.models.tasks import ProcessingTask, TaskState
from .lost_messages import send_lost_messages, start_again
from .publishing import task_ids_of_signatures
from .storage import STORE
from .tasks import close_task

_LOGGER = logging.getLogger("qhana_plugin_runner.recovery")

LOST_MESSAGE = (
    "The worker that ran this task vanished (it was killed, or its machine stopped). "
    "Tasks run at most once, so it was not started again. Submit it once more."
)

EXPIRED_MESSAGE = "The task expired before a worker was free to run it."

_FORGOTTEN_FILES_AGE_SECONDS = 6 * 3600


def init_app(app: Flask) -> None:
    """Keep a lease if this process becomes a worker of the app."""
    app.extensions["qhana-lease"] = LeaseKeeper(app)


class LeaseKeeper:
    """Renews the lease of this worker in a thread of its own.

    Attributes:
        app: the application whose database keeps the lease.
        lease_id: id of the lease while the worker runs.
    """

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.lease_id: str | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        """Length of the lease."""
        return float(self.app.config.get("TASK_LEASE_SECONDS", 30))

    def start(self, worker_name: str) -> None:
        """Take a lease; tasks that start from now on name it.

        Args:
            worker_name: name of the worker for people.
        """
        self.lease_id = CELERY.worker_id = secrets.token_hex(16)
        self._stop.clear()
        self._renew(worker_name)
        self._thread = threading.Thread(
            target=self._run, args=(worker_name,), name="qhana-lease", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Give the lease back; tasks that still run under it are lost."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        with self.app.app_context():
            DB.session.execute(
                sa.update(WorkerLease)
                .where(WorkerLease.id == self.lease_id)
                .values(expires_at=utc_now())
            )
            DB.session.commit()
            close_lost_tasks()
        self.lease_id = CELERY.worker_id = None

    def _run(self, worker_name: str) -> None:
        while not self._stop.wait(self.seconds / 3):
            self._renew(worker_name)

    def _renew(self, worker_name: str) -> None:
        try:
            with self.app.app_context():
                renew_lease(str(self.lease_id), worker_name, self.seconds)
                self._show_heartbeat()
                close_lost_tasks()
                webhook_delivery.sweep()
                send_lost_messages()
        except DBAPIError as err:
            _LOGGER.warning("The lease of this worker was not renewed: %s", err.orig)
        except (KombuOperationalError, OSError) as err:
            _LOGGER.warning("Lost messages were not looked for: %s", err)

    def _show_heartbeat(self) -> None:
        """Touch the file that tells health checks about this worker."""
        path = self.app.config.get("WORKER_HEARTBEAT_FILE")
        if path:
            Path(path).touch()


def renew_lease(lease_id: str, worker_name: str, seconds: float) -> None:
    """Write or prolong a lease and commit."""
    expires = utc_now() + timedelta(seconds=seconds)
    changed = DB.session.execute(
        sa.update(WorkerLease)
        .where(WorkerLease.id == lease_id)
        .values(expires_at=expires)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        lease = WorkerLease(
            id=lease_id,
            name=worker_name[:255],
            started_at=utc_now(),
            expires_at=expires,
        )
        DB.session.add(lease)
    DB.session.commit()


def close_lost_tasks() -> int:
    """Close running tasks whose worker's lease ran out, and forget old leases.

    Returns:
        The number of closed tasks.
    """
    now = utc_now()
    alive = sa.select(WorkerLease.id).where(WorkerLease.expires_at > now)
    lost = DB.session.scalars(
        sa.select(ProcessingTask.id).where(
            ProcessingTask.state == TaskState.RUNNING.value,
            ProcessingTask.worker_id.is_not(None),
            ProcessingTask.worker_id.not_in(alive),
        )
    ).all()
    DB.session.rollback()  # nothing stays locked while webhooks are sent
    closed = sum(
        close_task(id_, TaskState.LOST, LOST_MESSAGE)
        for id_ in lost
        if not start_again(id_)
    )
    if closed:
        _LOGGER.error("%s tasks were lost with their workers.", closed)
    DB.session.execute(
        sa.delete(WorkerLease).where(WorkerLease.expires_at < now - timedelta(days=1))
    )
    DB.session.commit()
    return closed


def close_if_lost(task: TaskRecord) -> bool:
    """Close a running task if the lease of its worker ran out.

    Args:
        task: the task that somebody reads.

    Returns:
        Whether the task was closed.
    """
    if task.worker_id is None:
        return False
    if task.lease_ends_at is not None and task.lease_ends_at > utc_now():
        return False
    if task.has_message:
        return False  # a worker decides whether to start it again
    return close_task(task.id, TaskState.LOST, LOST_MESSAGE)


def _keeper() -> LeaseKeeper | None:
    app = CELERY.flask_app
    return app.extensions.get("qhana-lease") if app is not None else None


@celery_signals.worker_init.connect
def _worker_starts(sender: Any = None, **_kwargs: Any) -> None:
    keeper = _keeper()
    if keeper is None:
        return
    keeper.start(str(getattr(sender, "hostname", sender)))
    # The embedded broker hands out one message for each free slot.
    CELERY.conf.broker_transport_options["slots"] = getattr(sender, "concurrency", None)


@celery_signals.worker_ready.connect
def _worker_is_ready(**_kwargs: Any) -> None:
    # Not before the pool is forked: its processes make their own connection to the
    # object store, and would keep the memory of this one as well.
    keeper = _keeper()
    if keeper is not None:
        with keeper.app.app_context():
            STORE.sweep_temporary_files(_FORGOTTEN_FILES_AGE_SECONDS)


@celery_signals.worker_shutdown.connect
def _worker_stops(**_kwargs: Any) -> None:
    keeper = _keeper()
    if keeper is None or keeper.lease_id is None:
        return
    try:
        keeper.stop()
    except DBAPIError as err:
        _LOGGER.warning("The lease of this worker runs out by itself: %s", err.orig)


@celery_signals.task_unknown.connect
def _unknown_task(message: Any = None, name: str | None = None, **_kwargs: Any) -> None:
    app = CELERY.flask_app
    if app is None or message is None:
        return
    with app.app_context():
        for task_id in _task_ids_of_payload(message.payload):
            reason = (
                f"No plugin of this worker has the task {name!r}. Server and worker need "
                "the same plugins."
            )
            close_task(task_id, TaskState.FAILED, reason)


@celery_signals.task_revoked.connect
def _revoked_task(request: Any = None, expired: bool = False, **_kwargs: Any) -> None:
    app = CELERY.flask_app
    if app is None or not expired:
        return
    callbacks = [*(request.errbacks or []), *(request.chain or [])]
    with app.app_context():
        for task_id in task_ids_of_signatures([{"kwargs": request.kwargs}, *callbacks]):
            close_task(task_id, TaskState.FAILED, EXPIRED_MESSAGE)


def _task_ids_of_payload(payload: Any) -> set[int]:
    _args, kwargs, embed = payload
    callbacks = [*(embed.get("errbacks") or []), *(embed.get("chain") or [])]
    return task_ids_of_signatures([{"kwargs": kwargs}, *callbacks])

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Calling webhooks: at least once, soon, and without delaying anybody else.

A call is a row until its receiver has answered. The process that noticed a change makes
the calls in threads of its own, one at a time for each receiver, so that a receiver that
hangs delays nobody else. What a process leaves behind (because it died, or because a
retry is due later) is picked up by the workers, which look for due rows now and then.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import requests
import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from . import log_context
from .db import DB
from .db.models.base import utc_now
from .db.models.webhook_deliveries import WebhookDelivery
from .errors import FetchError
from .metrics import count
from .request_ids import HTTP_HEADER
from .service_token import webhook_auth
from .url_adapters import Client, FetchSession, working_for

_LOGGER = logging.getLogger("qhana_plugin_runner.webhooks")
_EXTENSION = "qhana-webhook-deliveries"
_CALLS = "qhana_webhook_calls_total"

_THREADS = 8
_AT_ONCE = 200
_CLAIM_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 600.0


@dataclass(frozen=True)
class Call:
    """One call that is to be made; a copy of its row."""

    id: int
    key: str
    task_id: int
    webhook: str
    task: str
    event: str
    attempts: int
    created_at: datetime
    client: str | None
    subscriber: str | None
    request_id: str | None = None

    @property
    def receiver(self) -> str:
        """Host and port of the webhook; calls to one receiver are made in order."""
        return urlsplit(self.webhook).netloc.rpartition("@")[2]


def init_app(app: Flask) -> None:
    """Prepare the calls of the app; threads start with the first one."""
    app.extensions[_EXTENSION] = DeliveryService(app)


def deliver_soon() -> None:
    """Make the due calls of the current app in the background."""
    current_app.extensions[_EXTENSION].wake()


class DeliveryService:
    """The threads that make the calls of one app in this process."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._start_over()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._pool: ThreadPoolExecutor | None = None

    def wake(self) -> None:
        """Look for due calls and hand them to threads.

        A database in the memory of this process has one connection for all threads: there
        the calls are made at once, by the caller.
        """
        if os.getpid() != self._pid:
            self._start_over()  # threads do not survive a fork
        if DB.engine.url.database in (None, "", ":memory:"):
            for calls in _by_receiver(due_calls()).values():
                _make_calls(calls)
            return
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook")
            self._pool.submit(self._dispatch)

    def _dispatch(self) -> None:
        try:
            with self._app.app_context():
                waiting = _by_receiver(due_calls())
        except SQLAlchemyError as err:
            _LOGGER.warning("Webhook calls wait for the database: %s", err)
            return
        for receiver, calls in waiting.items():
            with self._lock:
                if receiver in self._busy or self._pool is None:
                    continue  # whoever is busy with it looks again at the end
                self._busy.add(receiver)
                self._pool.submit(self._serve, receiver, calls)

    def _serve(self, receiver: str, calls: list[Call]) -> None:
        answered = False
        try:
            with self._app.app_context():
                answered = _make_calls(calls)
        except SQLAlchemyError as err:
            _LOGGER.warning("Webhook calls wait for the database: %s", err)
        finally:
            with self._lock:
                self._busy.discard(receiver)
        if answered:
            self._dispatch()
        else:
            self._try_again(min(call.attempts for call in calls))

    def _try_again(self, attempts: int) -> None:
        # Longer pauses are left to the workers' sweep.
        timer = threading.Timer(min(2.0**attempts, 8.0) + 0.1, self._dispatch)
        timer.daemon = True
        timer.start()


def due_calls() -> list[Call]:
    """Return the calls that may be made now, the oldest first."""
    now = utc_now()
    rows = DB.session.scalars(
        sa.select(WebhookDelivery)
        .where(WebhookDelivery.next_attempt_at <= now, _unclaimed(now))
        .order_by(WebhookDelivery.id)
        .limit(_AT_ONCE)
    ).all()
    calls = [
        Call(
            id=row.id,
            key=row.delivery_key,
            task_id=row.task_id,
            webhook=row.webhook_href,
            task=row.task_href,
            event=row.event,
            attempts=row.attempts,
            created_at=row.created_at,
            client=row.client,
            subscriber=row.subscriber,
            request_id=row.request_id,
        )
        for row in rows
    ]
    DB.session.rollback()  # no transaction stays open during the calls
    return calls


def _unclaimed(now: datetime) -> sa.ColumnElement[bool]:
    claimed_until = WebhookDelivery.claimed_until
    return sa.or_(claimed_until.is_(None), claimed_until < now)


def _by_receiver(calls: list[Call]) -> dict[str, list[Call]]:
    groups: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        groups[call.receiver].append(call)
    return groups


def _make_calls(calls: list[Call]) -> bool:
    """Make the calls of one receiver in order.

    Returns:
        Whether the receiver answered all of them; if not, the rest waits with the first
        one, a dead receiver is not tried again for each.
    """
    for number, call in enumerate(calls):
        if not _claim(call):
            continue
        with log_context.bound(request_id=call.request_id, task_id=str(call.task_id)):
            error = _send(call)
        if error is None:
            _forget(call)
            continue
        for waiting in calls[number:]:
            _postpone(waiting, error)
        return False
    return True


def _claim(call: Call) -> bool:
    now = utc_now()
    claimed = DB.session.execute(
        sa.update(WebhookDelivery)
        .where(WebhookDelivery.id == call.id, _unclaimed(now))
        .values(claimed_until=now + timedelta(seconds=_CLAIM_SECONDS))
    )
    DB.session.commit()
    return bool(claimed.rowcount)  # type: ignore[attr-defined]


def _send(call: Call) -> str | None:
    """Make a call; return why it has to be made again, ``None`` if the receiver answered.

    A 4xx status is an answer, a 5xx status is not.
    """
    timeout = float(current_app.config.get("WEBHOOK_TIMEOUT_SECONDS", 1))
    timestamp = str(int(time.time()))
    headers = {
        "X-QHAna-Delivery": call.key,
        "X-QHAna-Timestamp": timestamp,
        "X-QHAna-Signature": signature(call, timestamp),
    }
    if call.request_id is not None:
        headers[HTTP_HEADER] = call.request_id
    try:
        with working_for(Client.from_text(call.client)), FetchSession() as session:
            session.max_redirects = 5
            response = session.post(
                call.webhook,
                params={"source": call.task, "event": call.event},
                headers=headers,
                auth=webhook_auth(call.webhook, call.task, call.subscriber),
                timeout=timeout,
            )
            response.close()
    except FetchError as err:
        _LOGGER.warning("The webhook %s must not be called: %s", call.webhook, err)
        count(_CALLS, outcome="refused")
        return None
    except requests.RequestException as err:
        count(_CALLS, outcome="postponed")
        return type(err).__name__
    answered = response.status_code < 500
    count(_CALLS, outcome="delivered" if answered else "postponed")
    return None if answered else f"status {response.status_code}"


def signature(call: Call, timestamp: str) -> str:
    """Return ``sha256=`` and the HMAC (RFC 2104) of what the receiver gets.

    That is, joined by line breaks: delivery key, timestamp, webhook, source and event.
    """
    text = "\n".join((call.key, timestamp, call.webhook, call.task, call.event))
    return "sha256=" + hmac.new(_signing_key(), text.encode(), hashlib.sha256).hexdigest()


def _signing_key() -> bytes:
    """Return ``WEBHOOK_SECRET``, or else a key made of the ``SECRET_KEY``.

    Receivers must know it, and nobody else may know the ``SECRET_KEY`` itself.
    """
    configured = current_app.config.get("WEBHOOK_SECRET")
    if configured:
        return configured.encode() if isinstance(configured, str) else configured
    secret = current_app.config["SECRET_KEY"] or b""
    secret = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(secret, b"qhana webhooks", hashlib.sha256).hexdigest().encode()


def _forget(call: Call) -> None:
    DB.session.execute(sa.delete(WebhookDelivery).where(WebhookDelivery.id == call.id))
    DB.session.commit()


def _postpone(call: Call, error: str) -> None:
    now = utc_now()
    pause = min(2.0**call.attempts, _LONGEST_PAUSE_SECONDS)
    patience = float(current_app.config.get("WEBHOOK_RETRY_SECONDS", 3600))
    next_attempt = now + timedelta(seconds=pause)
    if next_attempt > call.created_at + timedelta(seconds=patience):
        _LOGGER.error(
            "The webhook %s was not told of the event %s of %s: %s after %s attempts.",
            *(call.webhook, call.event, call.task, error, call.attempts + 1),
        )
        count(_CALLS, outcome="given-up")
        _forget(call)
        return
    DB.session.execute(
        sa.update(WebhookDelivery)
        .where(WebhookDelivery.id == call.id)
        .values(
            attempts=WebhookDelivery.attempts + 1,
            next_attempt_at=next_attempt,
            claimed_until=None,
            last_error=error,
        )
    )
    DB.session.commit()


def sweep() -> None:
    """Make calls that are due because of a retry or because their process died."""
    now = utc_now()
    due = DB.session.scalar(
        sa.select(WebhookDelivery.id)
        .where(WebhookDelivery.next_attempt_at <= now, _unclaimed(now))
        .limit(1)
    )
    DB.session.rollback()
    if due is not None:
        deliver_soon()

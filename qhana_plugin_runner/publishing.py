# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Sending task messages: what travels with them, when they leave, if they cannot.

* A message carries the URL root, the locale and the id of the request that caused it,
  whether its client is local (see ``url_adapters.clients``) and whom it acts for (see
  ``identity``).
* A message that is sent inside a request whose session has uncommitted changes waits for
  the commit (or the end of the request): a worker must not see the row before.
* If the broker does not take a message in time, the task's row is closed with the reason
  and the caller gets a ``BrokerUnavailableError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from celery.utils import uuid
from flask import (
    Flask,
    Request,
    Response,
    current_app,
    g,
    has_app_context,
    has_request_context,
)
from flask_babel import get_locale
from kombu.exceptions import OperationalError as KombuOperationalError

from . import log_context
from .babel import gettext
from .db import DB
from .db.models import task_shortcuts
from .db.models.tasks import ProcessingTask, TaskState
from .db.single_statements import single_statements
from .errors import BrokerUnavailableError
from .identity import current_owner
from .producers import RunnerProducer, before_sending
from .request_ids import MESSAGE_HEADER
from .stored_message import StoredMessage
from .task_metrics import count_end
from .url_adapters import Client
from .util.current import this_context
from .util.request_hooks import request_hooks
from .util.url_prefixes import url_root

URL_ROOT_HEADER = "qhana_url_root"
LOCALE_HEADER = "qhana_locale"
CLIENT_HEADER = "qhana_client"
OWNER_HEADER = "qhana_owner"
DUE_HEADER = "qhana_due"

# Arguments of ``send_task`` that say how to send. A producer may come behind six others.
_OWN_WAYS = ("producer", "publisher", "connection")
_MOST_USUAL_ARGUMENTS = 6

_UNCOMMITTED = "qhana-uncommitted"

_PUBLISH_LIMITS = {
    # RabbitMQ must confirm a message within this time (seconds).
    "confirm_timeout": 2,
}


def start_keeping(task_ids: set[int], message: StoredMessage) -> Callable[[], None]:
    """Write the message into the rows of its tasks, so that it cannot get lost.

    If the current session has uncommitted changes, the message is committed with them;
    another connection would wait for their locks.

    Returns:
        What waits until the message is kept. The message must not leave before.
    """
    kept = (task_ids, message.to_json(), message.due)
    if session_has_changes():
        ProcessingTask.enqueue(*kept)
        return _nothing_to_wait_for
    if single_statements() is not None:
        return task_shortcuts.start_keeping(*kept)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with app.app_context():  # a session of its own
        task_shortcuts.start_keeping(*kept)()
    return _nothing_to_wait_for


def _nothing_to_wait_for() -> None:
    """Stand in for the wait of :func:`start_keeping` if all is done."""


def send_again(celery: Any, message: StoredMessage) -> None:
    """Send a message that the broker may have lost; workers drop one they know.

    Raises:
        kombu.exceptions.OperationalError: if the broker does not answer.
    """
    celery.send_unkept(
        message.name,
        message.args,
        message.kwargs,
        task_type=celery.tasks.get(message.name),
        **{**_PUBLISH_LIMITS, **message.options},
    )


@dataclass(frozen=True)
class HeldMessage:
    """A message that waits for the commit of its request."""

    send: Callable[[], Any]


def init_app(app: Flask) -> None:
    """Release what a request still holds when it ends."""
    request_hooks(app).after(_end_of_request)


def origin_headers(celery: Any) -> dict[str, str]:
    """Return the headers that tell a worker where a task comes from."""
    request_id = log_context.request_id()
    headers = {} if request_id is None else {MESSAGE_HEADER: request_id}
    return {**headers, **_headers_of_client(celery)}


def _headers_of_client(celery: Any) -> dict[str, str]:
    if has_request_context():
        headers = {
            URL_ROOT_HEADER: url_root(),
            CLIENT_HEADER: Client.current().to_text(),
        }
        locale = get_locale() if "babel" in current_app.extensions else None
        if locale is not None:
            headers[LOCALE_HEADER] = str(locale)
        owner = current_owner()
        if owner is not None:
            headers[OWNER_HEADER] = owner
        return headers
    task = celery.current_worker_task
    if task is None:
        return {}
    return {
        name: task.request.get(name)
        for name in (URL_ROOT_HEADER, LOCALE_HEADER, CLIENT_HEADER, OWNER_HEADER)
        if task.request.get(name)
    }


def publish(
    celery: Any, send: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Send a task message now, or after the commit of the current request.

    Args:
        celery: the Celery application.
        send: Celery's own ``send_task``.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Returns:
        The ``AsyncResult`` of the task.

    Raises:
        BrokerUnavailableError: if the broker does not take the message in time.
    """
    if not has_app_context() and celery.flask_app is not None:
        with celery.flask_app.app_context():  # a worker between two tasks of a chain
            return publish(celery, send, args, kwargs)
    kwargs["headers"] = {**origin_headers(celery), **(kwargs.get("headers") or {})}
    kwargs["task_id"] = kwargs.get("task_id") or uuid()
    if not has_request_context() or not session_has_changes():
        return _send(celery, send, args, kwargs)
    held: list[HeldMessage] = g.setdefault("qhana_held_messages", [])
    held.append(HeldMessage(lambda: _send(celery, send, args, kwargs)))
    return celery.AsyncResult(kwargs["task_id"])


def release_held_messages() -> None:
    """Send everything that the current request holds.

    Raises:
        BrokerUnavailableError: if the broker does not take a message in time; the rows of
            the messages behind it are closed as well.
    """
    if not has_app_context():
        return
    held: list[HeldMessage] = g.pop("qhana_held_messages", [])
    failure: BrokerUnavailableError | None = None
    for message in held:
        try:
            message.send()
        except BrokerUnavailableError as err:
            failure = err
    if failure is not None:
        raise failure


def _send(
    celery: Any, send: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    task_ids = task_ids_of_message(args, kwargs)
    try:
        if task_ids:
            return _keep_and_send(celery, task_ids, send, args, kwargs)
        return send(*args, **{**_PUBLISH_LIMITS, **kwargs})
    except (KombuOperationalError, OSError) as err:
        reason = gettext(
            "The task could not be handed to a worker because the message broker does "
            "not answer (%(error)s). Try again later.",
            error=type(err).__name__,
        )
        _close_tasks(task_ids, reason)
        raise BrokerUnavailableError(reason) from err


def _keep_and_send(
    celery: Any,
    task_ids: set[int],
    send: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Send a message that is kept first, which the database does while it is built."""
    message = StoredMessage.of_call(args, kwargs)
    # A message that is sent again has been due since the first time.
    kwargs["headers"][DUE_HEADER] = message.due.isoformat()
    options = {**_PUBLISH_LIMITS, **kwargs}
    has_own_way = any(kwargs.get(name) is not None for name in _OWN_WAYS)
    if has_own_way or len(args) > _MOST_USUAL_ARGUMENTS:
        start_keeping(task_ids, message)()
        return send(*args, **options)
    # Who waits for a producer must not hold a connection to the database meanwhile.
    with celery.producer_or_acquire() as producer:
        wait = start_keeping(task_ids, message)
        if not isinstance(producer, RunnerProducer):  # somebody else's, in the same pool
            wait()
            wait = _nothing_to_wait_for
        with before_sending(wait):
            return send(*args, **{**options, "producer": producer})


def task_ids_of_message(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> set[int]:
    """Return the ids of the database tasks that a message belongs to.

    Args:
        args: positional arguments of ``send_task`` (name, task arguments, task keywords).
        kwargs: keyword arguments of ``send_task``.
    """
    task_kwargs = kwargs.get("kwargs") or (args[2] if len(args) > 2 else None) or {}
    signatures: list[Any] = [{"kwargs": task_kwargs}]
    for key in ("link_error", "link", "chain"):
        signatures.extend(_as_list(kwargs.get(key)))
    return task_ids_of_signatures(signatures)


def task_ids_of_signatures(signatures: Iterable[Any]) -> set[int]:
    """Return the values of ``db_id`` in the keywords of the signatures."""
    ids = set()
    for signature in signatures:
        if isinstance(signature, Mapping):
            db_id = (signature.get("kwargs") or {}).get("db_id")
            if isinstance(db_id, int):
                ids.add(db_id)
    return ids


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [value]
    return list(value)


def _close_tasks(task_ids: set[int], reason: str) -> None:
    if not task_ids or not has_app_context():
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with app.app_context():  # a session of its own
        for task_id in task_ids:
            if ProcessingTask.close(task_id, TaskState.FAILED, reason):
                DB.session.commit()
                count_end(task_id, TaskState.FAILED)
        DB.session.commit()


def _end_of_request(app: Flask, _request: Request, response: Response) -> Response:
    context = this_context()
    if context.get("qhana_held_messages"):
        # What is not committed now never will be; its locks must be gone.
        DB.session.rollback()
        try:
            release_held_messages()
        except BrokerUnavailableError as err:
            g.qhana_broker_error = err
    error = context.pop("qhana_broker_error", None)
    if error is None:
        return response
    return app.make_response(app.handle_user_exception(error))


def session_has_changes() -> bool:
    """Return whether the current session has something that is not committed."""
    if not DB.session.registry.has():
        return False
    session = DB.session()
    return bool(
        session.new or session.dirty or session.deleted or session.info.get(_UNCOMMITTED)
    )


@sa.event.listens_for(DB.session, "after_flush")
def _note_changes(session: Any, _context: Any) -> None:
    session.info[_UNCOMMITTED] = True


@sa.event.listens_for(DB.session, "after_rollback")
def _forget_changes(session: Any) -> None:
    if not session.in_nested_transaction():  # the end of a savepoint is not the end
        session.info.pop(_UNCOMMITTED, None)


@sa.event.listens_for(DB.session, "after_commit")
def _changes_are_committed(session: Any) -> None:
    if session.in_nested_transaction():
        return
    session.info.pop(_UNCOMMITTED, None)
    if has_request_context() and g.get("qhana_held_messages"):
        try:
            release_held_messages()
        except BrokerUnavailableError as err:
            # An exception here would break the session: the request answers with it.
            g.qhana_broker_error = err

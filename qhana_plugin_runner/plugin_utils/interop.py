# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How a plugin uses another plugin: find its endpoint, call it, follow its task.

The other plugin may belong to another runner: everything goes over HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

import requests
from celery.utils.log import get_task_logger

from ..celery import CELERY
from ..errors import BrokerUnavailableError, FetchError
from ..requests import open_url
from ..service_token import auth_for
from ..url_adapters import FetchSession
from .task_documents import (
    STATUS_EVENT,
    STEPS_EVENT,
    find_step,
    is_finished,
    newest_event,
    subscription_url,
)

__all__ = [
    "ResultUnchangedError",
    "call_plugin_endpoint",
    "call_webhook",
    "get_plugin_endpoint",
    "get_task_result_no_wait",
    "monitor_external_substep",
    "monitor_result",
    "subscribe",
]

TASK_LOGGER = get_task_logger(__name__)

#: Seconds for calling an endpoint, for reading a task, for calling a webhook.
_ENDPOINT_TIMEOUT, _RESULT_TIMEOUT, _WEBHOOK_TIMEOUT = 5, 3, 1
#: Longest pause between two looks at a task, in seconds.
_LONGEST_PAUSE = 60


class ResultUnchangedError(Exception):
    """A task has not changed yet: look again later."""


def get_plugin_endpoint(plugin_url: str, interaction_endpoint: str | None = None) -> str:
    """Return the URL of a plugin's processing endpoint.

    Args:
        plugin_url: the URL of the plugin's metadata.
        interaction_endpoint: reserved, must be ``None``.

    Raises:
        NotImplementedError: an interaction endpoint was asked for.
        requests.RequestException: the plugin cannot be reached.
        KeyError: the metadata has no entry point.
    """
    if interaction_endpoint is not None:
        raise NotImplementedError("Interaction endpoints cannot be looked up yet.")
    with open_url(plugin_url, timeout=_ENDPOINT_TIMEOUT) as response:
        metadata = response.json()
    return urljoin(plugin_url, metadata["entryPoint"]["href"])


def call_plugin_endpoint(endpoint_url: str, data: Any, debug: bool = False) -> str:
    """Send form data to an endpoint of a plugin.

    Args:
        endpoint_url: the endpoint; redirects are followed.
        data: the form fields, or ``None``.
        debug: log the body of an error answer.

    Returns:
        The URL at which the redirects ended: the task of a processing endpoint.

    Raises:
        requests.RequestException: no answer within 5 seconds, or an error status.
        FetchError: a ``ValueError``; the fetch policy refuses the address.
    """
    with _post(endpoint_url, data=data, timeout=_ENDPOINT_TIMEOUT) as response:
        if debug and not response.ok:
            TASK_LOGGER.error(
                "%s answered %s: %r", endpoint_url, response.status_code, response.text
            )
        response.raise_for_status()
        return response.url


def get_task_result_no_wait(result_url: str) -> tuple[str, dict[str, Any]]:
    """Return the status of a task and its document as they are now.

    Args:
        result_url: the URL of the task.

    Returns:
        ``PENDING``, ``SUCCESS`` or ``FAILURE`` (which stands for every other status),
        and the whole document.

    Raises:
        requests.RequestException: no answer within 3 seconds, or an error status.
    """
    with open_url(result_url, timeout=_RESULT_TIMEOUT) as response:
        document = response.json()
    status = document["status"]
    return (status if status in ("PENDING", "SUCCESS") else "FAILURE"), document


def subscribe(
    result_url: str,
    webhook_url: str,
    events: str | Iterable[str] = "all",
    check_for_updates: bool = True,
) -> bool:
    """Ask a task to call a webhook when it changes.

    Args:
        result_url: the URL of the task.
        webhook_url: is called with the query ``source=<task URL>&event=<event>``.
        events: ``status``, ``steps``, ``details``, several of them, or ``all``.
        check_for_updates: look at the task once more in a second, because it may have
            changed before the subscription counted.

    Returns:
        Whether all subscriptions were accepted.
    """
    names = [events] if isinstance(events, str) else list(events)
    try:
        _, document = get_task_result_no_wait(result_url)
        target = subscription_url(document, result_url)
        if target is None:
            TASK_LOGGER.warning("The task %s takes no subscriptions.", result_url)
            return False
        for name in names:
            _post_subscription(target, webhook_url, None if name == "all" else name)
    except (requests.RequestException, FetchError) as err:
        TASK_LOGGER.warning("Subscribing to %s failed: %s", result_url, err)
        return False
    if check_for_updates:
        _look_once_more(result_url, webhook_url, events if events == "all" else names)
    return True


@CELERY.task(
    name=f"{__name__}.monitor_result",
    bind=True,
    ignore_result=True,
    autoretry_for=(ResultUnchangedError,),
    retry_backoff=True,
    retry_backoff_max=_LONGEST_PAUSE,
    max_retries=None,
)
def monitor_result(
    self: Any,
    result_url: str,
    webhook_url: str,
    monitor: str | Iterable[str] = "all",
    retry: bool = True,
) -> Any:
    """Look at a task until it ends or waits for input, then call the webhook.

    Args:
        result_url: the URL of the task.
        webhook_url: is called with the event ``status`` or ``steps``.
        monitor: the events that count: one, several, or ``all``.
        retry: look again, with growing pauses and without end; otherwise only once.
    """
    wanted = {monitor} if isinstance(monitor, str) else set(monitor)
    document = _document_of(result_url, retry)
    event = newest_event(document) if document is not None else None
    if event is not None and not wanted.isdisjoint((event, "all")):
        return self.replace(_webhook_call(webhook_url, result_url, event))
    if retry:
        raise ResultUnchangedError(f"The task {result_url} has not changed yet.")
    return None


@CELERY.task(
    name=f"{__name__}.monitor_external_substep",
    bind=True,
    ignore_result=True,
    autoretry_for=(ResultUnchangedError,),
    retry_backoff=True,
    retry_backoff_max=_LONGEST_PAUSE,
    max_retries=None,
)
def monitor_external_substep(
    self: Any,
    result_url: str,
    webhook_url: str,
    substep: int | str,
    retry: bool = True,
) -> Any:
    """Look at a task until one of its steps is cleared or it ends, then call the webhook.

    Args:
        result_url: the URL of the task.
        webhook_url: is called with the event ``steps``, or ``status`` at the end.
        substep: the index of the step, or its id (of equal ones the last counts).
        retry: look again, with growing pauses and without end; otherwise only once.

    Raises:
        ValueError: the task has no such step.
    """
    document = _document_of(result_url, retry)
    if document is not None:
        event = STATUS_EVENT if is_finished(document) else None
        if event is None and find_step(document, substep).get("cleared"):
            event = STEPS_EVENT
        if event is not None:
            return self.replace(_webhook_call(webhook_url, result_url, event))
    if retry:
        raise ResultUnchangedError(f"The step {substep!r} of {result_url} is open.")
    return None


@CELERY.task(
    name=f"{__name__}.call_webhook",
    bind=True,
    ignore_result=True,
    autoretry_for=(requests.ConnectionError, requests.Timeout),
    retry_backoff=True,
    max_retries=3,
)
def call_webhook(self: Any, webhook_url: str, task_url: str, event_type: str) -> None:
    """Tell a webhook that a task has changed; what it answers does not matter.

    Args:
        webhook_url: the URL to send an empty POST request to.
        task_url: the URL of the task, sent as ``source``.
        event_type: what has changed, sent as ``event``.
    """
    query = {"source": task_url, "event": event_type}
    try:
        with _post(webhook_url, params=query, timeout=_WEBHOOK_TIMEOUT) as response:
            if not response.ok:
                TASK_LOGGER.info("%s answered %s.", webhook_url, response.status_code)
    except FetchError as err:
        TASK_LOGGER.warning("The webhook %s is not called: %s", webhook_url, err)


@contextmanager
def _post(url: str, **options: Any) -> Iterator[requests.Response]:
    """Send a POST request under the fetch policy, without rewriting the URL."""
    options.setdefault("auth", auth_for(url))
    with FetchSession() as session, session.post(url, **options) as response:
        yield response


def _post_subscription(target: str, webhook_url: str, event: str | None) -> None:
    body = {"command": "subscribe", "event": event, "webhookHref": webhook_url}
    with _post(target, json=body, timeout=_RESULT_TIMEOUT) as response:
        response.raise_for_status()


def _look_once_more(result_url: str, webhook_url: str, events: str | list[str]) -> None:
    check = monitor_result.s(
        result_url=result_url, webhook_url=webhook_url, monitor=events, retry=False
    )
    try:
        check.apply_async(countdown=1)
    except BrokerUnavailableError as err:
        # The subscription counts all the same.
        TASK_LOGGER.warning("%s is not checked for early changes: %s", result_url, err)


def _webhook_call(webhook_url: str, task_url: str, event: str) -> Any:
    return call_webhook.s(webhook_url=webhook_url, task_url=task_url, event_type=event)


def _document_of(result_url: str, retry: bool) -> dict[str, Any] | None:
    """Return the document of a task, ``None`` if it cannot be read at the moment."""
    try:
        return get_task_result_no_wait(result_url)[1]
    except requests.RequestException as err:
        level = logging.INFO if retry else logging.WARNING
        TASK_LOGGER.log(level, "The task %s cannot be read: %s", result_url, err)
        return None

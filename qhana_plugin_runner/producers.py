# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What Celery sends messages with: producers that can do something else first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery.app.amqp import AMQP
from kombu import Producer

_BEFORE_SENDING: ContextVar[Callable[[], None] | None] = ContextVar(
    "qhana_before_sending", default=None
)


@contextmanager
def before_sending(action: Callable[[], None]) -> Iterator[None]:
    """Do something before the first message leaves that is sent within the context.

    It is done once, at the end of the context if no message was about to leave.

    Args:
        action: if it raises an error, the message stays.
    """
    token = _BEFORE_SENDING.set(action)
    try:
        yield
    finally:
        try:
            _do_what_comes_first()
        finally:
            _BEFORE_SENDING.reset(token)


def _do_what_comes_first() -> None:
    action = _BEFORE_SENDING.get()
    if action is not None:
        _BEFORE_SENDING.set(None)
        action()


class RunnerProducer(Producer):
    """A producer that does what comes first when a message is ready to leave."""

    def _publish(self, *args: Any, **kwargs: Any) -> Any:
        _do_what_comes_first()
        return super()._publish(*args, **kwargs)


class RunnerAMQP(AMQP):
    """Celery's way to the broker, with the producers of this module."""

    @property
    def producer_pool(self) -> Any:
        """The producers of the application."""
        pool = super().producer_pool
        pool.Producer = RunnerProducer
        return pool

    publisher_pool = producer_pool

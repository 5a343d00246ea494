# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the work that goes on here belongs to, for the log and for whatever it causes.

The fields are ``request_id``, ``task_id`` (id of the database row) and ``plugin``. A
request binds its id, a worker binds all three for each message, and every log line that
is written meanwhile carries them.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

Fields = Mapping[str, str]

_STACK: ContextVar[tuple[Fields, ...]] = ContextVar("qhana_log_context", default=())

# Asking the system for random bytes lets other threads go first.
_RANDOM = random.Random()  # nosec B311
os.register_at_fork(after_in_child=_RANDOM.seed)

# Harmless in logs, headers and file names; long enough for every usual kind of id.
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+/=@-]{0,63}")


def push(**fields: str | None) -> None:
    """Bind fields on top of those that are bound; ``None`` leaves a field as it is."""
    stack = _STACK.get()
    given = {name: value for name, value in fields.items() if value is not None}
    _STACK.set((*stack, {**current(), **given}))


def pop() -> None:
    """Undo the last :func:`push`."""
    _STACK.set(_STACK.get()[:-1])


@contextmanager
def bound(**fields: str | None) -> Iterator[None]:
    """Bind fields within a ``with`` block."""
    push(**fields)
    try:
        yield
    finally:
        pop()


def current() -> Fields:
    """Return the fields that are bound here and now."""
    stack = _STACK.get()
    return stack[-1] if stack else {}


def request_id() -> str | None:
    """Return the id of the request that caused what goes on here, if there is one."""
    return current().get("request_id")


def new_request_id() -> str:
    """Return an id that nobody else has; it is no secret."""
    return f"{_RANDOM.getrandbits(128):032x}"


def valid_request_id(text: str | None) -> str | None:
    """Return the id as it came from outside, ``None`` if it cannot be used."""
    if text is not None and _REQUEST_ID.fullmatch(text):
        return text
    return None

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A task message as text, so that it can be kept in a row and sent again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kombu.utils.json import dumps, loads

from .db.models.base import utc_now

# What of a message can be sent again; the rest are objects of this process.
_STORED_OPTIONS = frozenset(
    ("task_id", "root_id", "parent_id", "link", "link_error", "chain", "chord")
    + ("group_id", "group_index", "eta", "countdown", "expires", "retries")
    + ("queue", "exchange", "routing_key", "priority", "headers", "ignore_result")
    + ("time_limit", "soft_time_limit", "replaced_task_nesting", "shadow")
)


@dataclass(frozen=True)
class StoredMessage:
    """A message as it is kept in the row of its task until a worker takes it up.

    Attributes:
        name: name of the Celery task.
        args: its positional arguments.
        kwargs: its keyword arguments.
        options: what else ``send_task`` got, without objects of this process.
    """

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    options: dict[str, Any]

    @classmethod
    def of_call(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> StoredMessage:
        """Return the message of a call of ``send_task``."""
        name, task_args, task_kwargs = (*args, None, None, None)[:3]
        options = {
            key: value
            for key, value in kwargs.items()
            if key in _STORED_OPTIONS and value is not None
        }
        if options.get("countdown"):
            delay = timedelta(seconds=options.pop("countdown"))
            options["eta"] = utc_now() + delay
        return cls(
            name=name or kwargs["name"],
            args=list(task_args or kwargs.get("args") or ()),
            kwargs=dict(task_kwargs or kwargs.get("kwargs") or {}),
            options=options,
        )

    @property
    def due(self) -> datetime:
        """When a worker may take the message up."""
        eta = self.options.get("eta")
        if isinstance(eta, str):
            eta = datetime.fromisoformat(eta)
        return eta or utc_now()

    def to_json(self) -> str:
        """Return the message as text."""
        return dumps([self.name, self.args, self.kwargs, self.options])

    @classmethod
    def from_json(cls, text: str) -> StoredMessage:
        """Return the message that :meth:`to_json` wrote."""
        return cls(*loads(text))

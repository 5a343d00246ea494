# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the JSON document of a task says, seen by a program that follows the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

#: The task has ended.
STATUS_EVENT = "status"
#: A step was added or cleared.
STEPS_EVENT = "steps"


def is_finished(document: Mapping[str, Any]) -> bool:
    """Return whether the task has ended, in whatever way."""
    return document["status"] != "PENDING"


def newest_event(document: Mapping[str, Any]) -> str | None:
    """Return what there is to tell: the end, an open last step, or nothing."""
    if is_finished(document):
        return STATUS_EVENT
    steps = document.get("steps") or ()
    return STEPS_EVENT if steps and not steps[-1].get("cleared") else None


def find_step(document: Mapping[str, Any], step: int | str) -> Mapping[str, Any]:
    """Return a step of the task.

    Args:
        document: the document of the task.
        step: the index of the step, or its id (of equal ones the last counts).

    Raises:
        ValueError: there is no such step.
    """
    steps = document.get("steps") or []
    if isinstance(step, int):
        if -len(steps) <= step < len(steps):
            return steps[step]
    else:
        for candidate in reversed(steps):
            if candidate.get("stepId") == step:
                return candidate
    raise ValueError(f"The task has {len(steps)} steps, but no step {step!r}.")


def subscription_url(document: Mapping[str, Any], task_url: str) -> str | None:
    """Return where to subscribe to the task, ``None`` if that is not possible."""
    for link in document.get("links") or ():
        if link.get("type") == "subscribe":
            return urljoin(task_url, link["href"])
    return None

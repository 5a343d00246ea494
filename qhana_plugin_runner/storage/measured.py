# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Counting what file stores do, and measuring how long it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..metrics import count, timed


@contextmanager
def measured(store: str, operation: str) -> Iterator[None]:
    """Count and measure a block as one operation of a store.

    Args:
        store: name of the store.
        operation: ``write`` or ``delete``.
    """
    outcome = "error"
    try:
        duration = "qhana_store_operation_duration_seconds"
        with timed(duration, store=store, operation=operation):
            yield
        outcome = "ok"
    finally:
        count(
            "qhana_store_operations_total",
            store=store,
            operation=operation,
            outcome=outcome,
        )

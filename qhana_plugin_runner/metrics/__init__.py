# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What is counted and measured while the runner works; see ``monitoring`` in the docs.

``METRICS`` declares every metric once. Code of all layers calls :func:`count`,
:func:`observe` and :func:`timed`, which do nothing where metrics are switched off.
"""

from .declarations import METRICS, Metric
from .recorder import count, init_app, is_on, observe, recorded, timed

__all__ = [
    "METRICS",
    "Metric",
    "count",
    "init_app",
    "is_on",
    "observe",
    "recorded",
    "timed",
]

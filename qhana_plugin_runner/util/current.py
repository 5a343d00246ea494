# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What Flask's proxies stand for here and now.

Each use of an attribute of a proxy looks the object up again. That is a good part of what
a hook of every request costs: it asks once instead.
"""

from __future__ import annotations

from typing import Any

from flask import Request, g, request


def this_request() -> Request:
    """Return the request that is answered here.

    Raises:
        RuntimeError: if there is none.
    """
    return request._get_current_object()  # type: ignore[attr-defined]


def this_context() -> Any:
    """Return the object behind ``flask.g``.

    Raises:
        RuntimeError: if there is no application context.
    """
    return g._get_current_object()

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Headers that every answer gets."""

from __future__ import annotations

from werkzeug.datastructures import Headers


def add_missing(headers: Headers, defaults: dict[str, str]) -> None:
    """Add the headers that an answer does not have yet, as many ``setdefault()`` do.

    Args:
        headers: those of the answer.
        defaults: values by the names of the headers.
    """
    present = {name.lower() for name, _value in headers}
    for name, value in defaults.items():
        if name.lower() not in present:
            headers.add(name, value)

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Headers that every answer gets."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.datastructures import Headers


def complete(
    headers: Headers, fixed: Mapping[str, str], defaults: Mapping[str, str]
) -> None:
    """Set the headers that an answer must have, and add those that it has not got yet.

    Args:
        headers: those of the answer.
        fixed: values by the names of the headers, whatever they are now.
        defaults: values by the names of headers that the answer may have already.
    """
    present = {name.lower() for name, _value in headers}
    for name, value in fixed.items():
        if name.lower() in present:
            headers[name] = value
        else:
            headers.add(name, value)
    for name, value in defaults.items():
        if name.lower() not in present:
            headers.add(name, value)

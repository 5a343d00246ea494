# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Requests for a part of a file, as RFC 9110 (section 14) wants them answered.

Werkzeug refuses ranges that a server has to ignore (unknown units, malformed ones), that
it may ignore (several at once), and a suffix that is longer than the file.
"""

from __future__ import annotations

from flask import Response
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header


def answer_range(response: Response, environ: dict[str, object], size: int) -> Response:
    """Turn the answer with a whole file into the one that the request asks for.

    Args:
        response: the whole file with its validators (``ETag``, ``Last-Modified``).
        environ: the WSGI environment of the request; it is not changed.
        size: length of the file in bytes.

    Raises:
        RequestedRangeNotSatisfiable: the range lies behind the end of the file.
    """
    environ = dict(environ)
    header = understood_range(environ.pop("HTTP_RANGE", None), size)
    if header is not None:
        environ["HTTP_RANGE"] = header
    try:
        response.make_conditional(environ, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        response.close()  # and the file with it
        raise
    return response


def understood_range(header: object, size: int) -> str | None:
    """Return the range as Werkzeug understands it, ``None`` if it must be ignored."""
    parsed = parse_range_header(header) if isinstance(header, str) else None
    if parsed is None or parsed.units != "bytes" or len(parsed.ranges) != 1:
        return None
    start, _end = parsed.ranges[0]
    is_longer_suffix = start is not None and start < 0 and -start > size
    return "bytes=0-" if is_longer_suffix else parsed.to_header()

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 1 of a request: what a request must look like before a schema reads it.

webargs reads the values; this parser answers what webargs would let through as an
internal error or as a misleading "Missing data for required field.":

* a body of another content type than the view reads: 415
* a broken form body, invalid or too deeply nested JSON: 400
* JSON, a form without files, or a form field, of more than ``MAX_FORM_MEMORY_SIZE``
  bytes: 413 (also if the length is not declared, see ``request_limits`` for the rest)
* more form values than ``MAX_FORM_PARTS`` (default 1000): 413

Percent-encoded bytes that are not UTF-8 stay percent-encoded in the values of forms and
queries, in multipart forms they are replaced by U+FFFD (this is what Werkzeug does). Such
bytes in JSON or as they are in an urlencoded form are refused with 400.
"""

from __future__ import annotations

from typing import Any

from flask import Request
from marshmallow import Schema
from webargs.core import is_json
from webargs.flaskparser import FlaskParser, abort

from qhana_plugin_runner.api.request_limits import URLENCODED
from qhana_plugin_runner.babel import gettext

MULTIPART = "multipart/form-data"
FORM_TYPES = (URLENCODED, MULTIPART)

# The closing delimiter of an empty multipart body has four dashes; some line breaks and
# blanks may be around it.
_DASHES = 4
_SLACK = 12


class RequestParser(FlaskParser):
    """Reads request data for ``SecurityBlueprint.arguments``."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the JSON body, or webargs' ``missing`` if there is none."""
        if _has_body(req) and not is_json(req.mimetype):
            abort(415, message=_wrong_type("application/json"))
        _limit_size(req)
        try:
            return super().load_json(req, schema)
        except (RecursionError, ValueError) as error:  # nested too deep, huge numbers
            abort(400, exc=error, messages={"json": [gettext("Invalid JSON body.")]})

    def load_form(self, req: Request, schema: Schema) -> Any:
        """Return the fields of a multipart or urlencoded form."""
        _check_form(req)
        return super().load_form(req, schema)

    def load_files(self, req: Request, schema: Schema) -> Any:
        """Return the uploaded files of a multipart form."""
        _check_form(req)
        return super().load_files(req, schema)


def _wrong_type(*media_types: str) -> str:
    types = gettext(" or ").join(media_types)
    return gettext("The body must be sent as %(types)s.", types=types)


def _has_body(req: Request) -> bool:
    return bool(req.content_length) or "chunked" in req.headers.get(
        "Transfer-Encoding", ""
    )


def _check_form(req: Request) -> None:
    if not _has_body(req):
        return
    if req.mimetype and req.mimetype not in FORM_TYPES:
        abort(415, message=_wrong_type(*FORM_TYPES))
    if req.mimetype == URLENCODED:
        _limit_size(req)
        # Counting is much faster than parsing millions of fields.
        _limit_number(req, req.get_data().count(b"&"))
    if not req.form and not req.files and not _may_be_empty(req):
        abort(400, message=gettext("The form data is malformed."))
    _limit_number(req, sum(len(values) for values in req.form.listvalues()))


def _limit_number(req: Request, count: int) -> None:
    if req.max_form_parts is not None and count > req.max_form_parts:
        message = gettext(
            "A form has at most %(number)s values.", number=req.max_form_parts
        )
        abort(413, message=message)


def _limit_size(req: Request) -> None:
    # Werkzeug limits the fields of multipart forms only.
    limit = req.max_form_memory_size
    if limit is None:
        return
    if req.content_length is None:
        req.max_content_length = min(limit, req.max_content_length or limit)
        # Werkzeug reads up to the limit and says nothing about the rest
        _ = req.get_data()
        is_too_large = getattr(req.stream, "is_exhausted", False)
    else:
        is_too_large = req.content_length > limit
    if is_too_large:
        abort(
            413, message=gettext("The body has at most %(number)s bytes.", number=limit)
        )


def _may_be_empty(req: Request) -> bool:
    """Whether a body without any value may be meant so; Werkzeug hides what is broken."""
    size = req.content_length
    if req.mimetype != MULTIPART:
        return not size
    boundary = req.mimetype_params.get("boundary", "")
    least = len(boundary) + _DASHES
    return bool(boundary) and (size is None or least <= size <= least + _SLACK)

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document says about the arguments of a view.

A micro frontend reads its form with ``validate_errors_as_result``: whatever is sent, the
answer is a page that shows the mistakes. So its fields are documented as "best is this,
but any text is taken". An operation has one body, so form fields and files become one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import RAISE, Schema

from qhana_plugin_runner.api.request_data import MULTIPART

#: Marks the schema of a body: whether fields that it does not name are refused. apispec
#: has one component for all variants of a schema, so the component does not tell.
CLOSED = "x-closed"

_ANY_TEXT = {"type": "string"}
_BODIES = ("form", "files", "json")


def documented_parameters(parameters: list[Any], converter: Any) -> list[Any]:
    """Return the parameters of a view as they are documented.

    Args:
        parameters: what ``arguments`` decorators have noted, names included.
        converter: the field converter of apispec.
    """
    plain = [entry for item in parameters for entry in _take_any_text(item, converter)]
    parts = [p for p in plain if isinstance(p, dict) and p.get("in") in _BODIES]
    if not parts:
        return plain
    merged = dict(parts[0])
    schemas = [part["schema"] for part in parts]
    merged["schema"] = {"allOf": schemas, CLOSED: any(map(_is_closed, parts))}
    merged["required"] = any(map(_is_required, parts))
    if len(parts) > 1:
        merged["content_type"] = MULTIPART
    return [merged, *(p for p in plain if p not in parts)]


def _is_required(parameter: dict[str, Any]) -> bool:
    """Tell whether a view needs a body: one that has no fields is the same as none."""
    schema = parameter["schema"]
    if not isinstance(schema, Schema):
        return False
    partial = schema.partial if isinstance(schema.partial, (list, tuple, set)) else ()
    return schema.partial is not True and any(
        field.required and name not in partial
        for name, field in schema.load_fields.items()
    )


def _is_closed(parameter: dict[str, Any]) -> bool:
    """Tell whether a view refuses fields that it does not know."""
    schema = parameter["schema"]
    # webargs never refuses files that nobody asked for.
    return parameter["in"] != "files" and getattr(schema, "unknown", None) == RAISE


def _take_any_text(parameter: Any, converter: Any) -> Iterator[Any]:
    schema = parameter.get("schema") if isinstance(parameter, dict) else None
    if isinstance(schema, type):
        schema = schema()
        parameter = {**parameter, "schema": schema}
    takes_all = getattr(schema, "_validate_errors_as_result", False)
    if not takes_all or not isinstance(schema, Schema):
        yield parameter
    elif parameter["in"] == "query":
        for name, field in _fields(schema, converter).items():
            described = {"in": "query", "name": name, "required": False, "schema": field}
            if "description" in field:
                described["description"] = field.pop("description")
            yield described
    else:
        fields = _fields(schema, converter)
        yield {**parameter, "schema": {"type": "object", "properties": fields}}


def _fields(schema: Schema, converter: Any) -> dict[str, dict[str, Any]]:
    """Describe each field: as it should be, or any text."""
    fields = {}
    for name, field in schema.load_fields.items():
        best = converter.field2property(field)
        shown = {key: best.pop(key) for key in ("description",) if key in best}
        choices = {"anyOf": [best, _ANY_TEXT]} if best != _ANY_TEXT else _ANY_TEXT
        fields[field.data_key or name] = {**shown, **choices}
    return fields

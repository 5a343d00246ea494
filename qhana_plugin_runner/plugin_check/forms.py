# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The schemas of a plugin's endpoints: they load, dump and have names for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import marshmallow as ma
from flask import current_app
from marshmallow.validate import Length, OneOf, Range

from ..api.extra_fields import CSVList, EnumField
from ..frontend.forms import get_input_type
from .findings import Finding, advice, problem

# What a person could type into a field of that class; the first match counts.
_SAMPLES: tuple[tuple[type[ma.fields.Field], str], ...] = (
    (CSVList, ""),
    (ma.fields.Email, "somebody@example.org"),
    (ma.fields.Url, "https://example.org/data.csv"),
    (ma.fields.Boolean, "true"),
    (ma.fields.Number, "1"),
    (ma.fields.Date, "2026-01-31"),
    (ma.fields.String, "text"),
)


def schemas_of(endpoint: str, method: str, location: str) -> list[ma.Schema]:
    """Return the schemas that a view reads its arguments with.

    Args:
        endpoint: name of the endpoint.
        method: HTTP method.
        location: ``form``, ``query`` or ``json``.
    """
    view: Any = current_app.view_functions[endpoint]
    view_class = getattr(view, "view_class", None)
    handler = getattr(view_class, method.lower(), None) if view_class else view
    arguments = getattr(handler, "_apidoc", {}).get("arguments", {})
    return [
        parameter["schema"]
        for parameter in arguments.get("parameters", [])
        if parameter.get("in") == location and isinstance(parameter["schema"], ma.Schema)
    ]


def data_keys(schema: ma.Schema) -> dict[str, ma.fields.Field]:
    """Return the fields of a schema by the keys of the form."""
    return {field.data_key or name: field for name, field in schema.fields.items()}


def check_schema(schema: ma.Schema) -> Iterator[Finding]:
    """Check that a schema survives an empty form and a round trip of sample values."""
    name = type(schema).__name__
    try:
        schema.validate({}, partial=True)
    except Exception as err:  # whatever the plugin's own hooks raise
        yield problem(
            f"{name} fails on an empty form: {err!r}.",
            "Hooks and validators must cope with missing fields.",
        )
        return
    yield from _check_round_trip(schema)
    for key, field in data_keys(schema).items():
        yield from _check_field(f"{name}.{key}", field)


def _check_field(label: str, field: ma.fields.Field) -> Iterator[Finding]:
    if get_input_type(field) is None:
        yield problem(
            f"No form control fits the field {label} ({type(field).__name__}).",
            'Say one in its metadata, for example "input_type": "select".',
        )
    if not field.metadata.get("label"):
        yield advice(f"The field {label} has no label.", 'Add metadata={"label": …}.')


def _check_round_trip(schema: ma.Schema) -> Iterator[Finding]:
    """Plugins keep their arguments as JSON: what was loaded must come back the same."""
    name = type(schema).__name__
    try:
        plain = type(schema)(unknown=ma.EXCLUDE)
        loaded = plain.load(
            {key: _sample(field) for key, field in data_keys(plain).items()}
        )
    except (ma.ValidationError, TypeError):
        return  # only the author knows valid values, or how to build the schema
    except Exception as err:  # whatever the plugin's own hooks raise
        yield problem(f"{name} fails on valid values: {err!r}.", "Repair its hooks.")
        return
    try:
        same = plain.loads(plain.dumps(loaded)) == loaded
    except Exception as err:  # whatever the plugin's own fields and hooks raise
        yield advice(
            f"{name} cannot read what it wrote: {err!r}.",
            "Keep the arguments of tasks as JSON that the schema can load again.",
        )
    else:
        if not same:
            yield advice(
                f"{name} reads other values than it wrote.",
                "Compare schema.loads(schema.dumps(values)) with the values.",
            )


def _sample(field: ma.fields.Field) -> Any:
    if isinstance(field, EnumField):
        return next(filter(None, field.metadata.get("options") or {}), "")
    for validator in field.validators:
        if isinstance(validator, OneOf):
            return next(iter(validator.choices), "")
        if isinstance(validator, Range):
            return validator.max if validator.min is None else validator.min
        if isinstance(validator, Length):
            return "x" * (validator.equal or validator.min or 1)
    return next((text for kind, text in _SAMPLES if isinstance(field, kind)), "text")

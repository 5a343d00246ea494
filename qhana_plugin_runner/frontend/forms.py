# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""From a marshmallow field to the attributes of its form control.

The first five functions are Jinja globals that plugins may use, too. The others serve
``forms.html`` alone and are registered under names that start with ``qhana_``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from enum import Enum
from typing import Any

import marshmallow as ma
from flask import Flask, has_request_context, request
from jinja2 import Undefined
from markupsafe import Markup, escape
from marshmallow.validate import Length, Range

# The first match counts: the order resolves subclasses (Email and Url are Strings,
# Date and Time are DateTimes).
_INPUT_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (ma.fields.Email, "email"),
    (ma.fields.Url, "url"),
    (ma.fields.Boolean, "checkbox"),
    ((ma.fields.Decimal, ma.fields.Float, ma.fields.Integer), "number"),
    (ma.fields.Date, "date"),
    (ma.fields.Time, "time"),
    (ma.fields.NaiveDateTime, "datetime-local"),
    (ma.fields.Raw, "textarea"),
    (ma.fields.String, "text"),
)

# What marshmallow's Boolean reads as false, and the empty string.
_FALSE_WORDS = {"", "f", "false", "n", "no", "off", "0", "none", "null"}

_URL_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_URL_NOISE = re.compile(r"[\x00-\x20]")


def get_input_type(field: ma.fields.Field) -> str | None:
    """The ``type`` of the control for a field.

    Returns:
        the metadata ``input_type`` if there is one, else what fits the class of the
        field; ``None`` if nothing does.
    """
    explicit = field.metadata.get("input_type")
    if explicit:
        return explicit
    for field_class, input_type in _INPUT_TYPES:
        if isinstance(field, field_class):
            return input_type
    return None


def get_input_attr_step(field: ma.fields.Field) -> Any:
    """The ``step`` of a number: metadata, ``1`` for integers, ``any`` for others.

    Returns:
        a string or the unchanged metadata value; ``None`` if the field is no number.
    """
    step = field.metadata.get("step")
    if step is not None:
        return step
    if isinstance(field, ma.fields.Integer):
        return "1"
    if isinstance(field, (ma.fields.Decimal, ma.fields.Float)):
        return "any"
    return None


def _limits(validator: object) -> Iterator[tuple[str, Any]]:
    if isinstance(validator, Range):
        yield from (("min", validator.min), ("max", validator.max))
    elif isinstance(validator, Length):
        yield from (("minlength", validator.min), ("maxlength", validator.max))


def _attribute_text(value: object) -> str:
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def get_validation_attrs(field: ma.fields.Field) -> str:
    """The HTML attributes that let the browser check a value before the server does.

    Returns:
        attributes with quoted values, separated by spaces: ``step`` first, then those
        of the ``Range`` and ``Length`` validators of the field.
    """
    attributes: list[tuple[str, Any]] = []
    step = get_input_attr_step(field)
    if step:
        attributes.append(("step", step))
    for validator in field.validators:
        attributes += [(name, at) for name, at in _limits(validator) if at is not None]
    return Markup(" ").join(
        Markup('{}="{}"').format(name, _attribute_text(value))
        for name, value in attributes
    )


def space_delimited_list(items: Any) -> str | None:
    """Items of a list or tuple joined by spaces; other values as string or ``None``."""
    if items is None:
        return None
    if isinstance(items, (list, tuple)):
        return " ".join(str(item) for item in items)
    return str(items)


def get_datalist_from_schema(
    schema: Any, key: str, extras: Mapping[str, Any] | None = None
) -> Any:
    """The suggestions for a field.

    Args:
        schema: an object with ``fields`` and, optionally, a dict ``datalists``.
        key: the name of the field (not its data key).
        extras: further values by field name; those under ``datalist`` count.

    Returns:
        the first that is not empty of: the field's metadata ``datalist``, the extras,
        the schema's ``datalists``; ``None`` without any.
    """
    field = schema.fields.get(key)
    from_field = field.metadata.get("datalist") if field is not None else None
    from_extras = ((extras or {}).get(key) or {}).get("datalist")
    datalists = getattr(schema, "datalists", None)
    from_schema = datalists.get(key) if isinstance(datalists, dict) else None
    return from_field or from_extras or from_schema or None


def option_value(value: Any) -> Any:
    """What an enum member is called in a form: its name. Other values are unchanged."""
    return value.name if isinstance(value, Enum) else value


def select_options(
    field: ma.fields.Field, key: str, value: Any, extras: Mapping[str, Any] | None = None
) -> list[tuple[str, Any, bool]]:
    """The options of a select: value, label, and whether it is the selected one."""
    options = field.metadata.get("options")
    if not options:
        options = ((extras or {}).get(key) or {}).get("options") or {}
    selected = None if value is None else str(option_value(value))
    return [
        (str(option_value(name)), label, str(option_value(name)) == selected)
        for name, label in options.items()
    ]


def is_checked(value: Any) -> bool:
    """Whether a prefill value ticks a checkbox; the words for false do not."""
    if isinstance(value, str):
        return value.strip().lower() not in _FALSE_WORDS
    return bool(value)


def shown_value(input_type: str, name: str, value: Any) -> Any:
    """The value to prefill a control with, without secrets that the client sent.

    A password that came with the request would end up in the page and in the history
    of the browser. A value made of asterisks is the placeholder with which plugins
    offer a secret of the server; it is kept.

    Args:
        input_type: the resolved type of the control.
        name: the data key of the field.
        value: what the plugin passed to the template.

    Returns:
        the value; ``None`` for a secret that is part of the current request.
    """
    value = option_value(value)
    if input_type != "password" or value is None or not has_request_context():
        return value
    text = str(value)
    if not text.strip("*"):
        return value
    sent = request.args.getlist(name) + request.form.getlist(name)
    return None if text in sent else value


def error_messages(errors: Any) -> list[str]:
    """All messages of an error structure, however deep it is nested.

    Args:
        errors: a message, a list of messages, or marshmallow's nested dictionaries.

    Returns:
        the messages in order; those of nested fields start with the field's name.
    """
    if not errors:
        return []
    if isinstance(errors, Mapping):
        return [
            message if key == "_schema" else f"{key}: {message}"
            for key, nested in errors.items()
            for message in error_messages(nested)
        ]
    if isinstance(errors, (list, tuple, set)):
        return [message for nested in errors for message in error_messages(nested)]
    return [str(errors)]


def safe_url(url: Any) -> Any:
    """A relative, http or https URL unchanged, anything else made harmless.

    Browsers ignore control characters and blanks in a scheme, so they do not hide one.
    """
    if url is None or isinstance(url, Undefined):
        return None
    match = _URL_SCHEME.match(_URL_NOISE.sub("", str(url)))
    if match is None or match.group(1).lower() in ("http", "https"):
        return url
    return "#harmful-link"


def field_attr(attribute: str, value: Any) -> Markup:
    """``attribute="value"``, escaped; nothing if the value is ``None`` or undefined."""
    if value is None or isinstance(value, Undefined):
        return Markup("")
    name = Markup(escape(attribute))  # nosec B704 # it is escaped
    return Markup('{}="{}"').format(name, value)


def init_app(app: Flask) -> None:
    """Register the functions as Jinja globals of an app.

    The setting ``ALLOWED_EMBEDDERS`` lists the origins whose pages may talk to micro
    frontends; without it all may.
    """

    def allowed_embedders() -> str:
        return " ".join(app.config.get("ALLOWED_EMBEDDERS") or ())

    app.jinja_env.globals.update(
        get_input_type=get_input_type,
        get_input_attr_step=get_input_attr_step,
        get_validation_attrs=get_validation_attrs,
        space_delimited_list=space_delimited_list,
        get_datalist_from_schema=get_datalist_from_schema,
        qhana_field_attr=field_attr,
        qhana_select_options=select_options,
        qhana_is_checked=is_checked,
        qhana_shown_value=shown_value,
        qhana_error_messages=error_messages,
        qhana_safe_url=safe_url,
        qhana_allowed_embedders=allowed_embedders,
    )

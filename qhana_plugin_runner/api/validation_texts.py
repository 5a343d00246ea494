# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The messages of marshmallow in the language of the request.

marshmallow knows no translations. Fields keep their messages in a dictionary and
its validators in attributes; both are replaced by ones that translate when they are used.
English clients get marshmallow's words unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from marshmallow import Schema
from marshmallow.fields import Dict, Field, List, Tuple
from marshmallow.validate import Validator

from qhana_plugin_runner.babel import N_, gettext

_FUNCTION_FAILED = "validator_failed"
_ATTRIBUTES = ("error", "message_min", "message_max", "message_all", "message_equal")


class TranslatedMessage(str):
    """A message that is translated before values are put into it."""

    def format(self, *args: Any, **kwargs: Any) -> str:
        """Return the translated message with its values."""
        return gettext(str(self)).format(*args, **kwargs)


class TranslatedMessages(dict[str, Any]):
    """The messages of a field or schema; reading one translates it.

    Args:
        messages: in English.
        validators: of the field, which may be added to it later.
    """

    def __init__(self, messages: Mapping[str, Any], validators: Sequence[Any] = ()):
        super().__init__(messages)
        self._validators = validators

    def __getitem__(self, key: str) -> Any:
        message = super().__getitem__(key)
        if not isinstance(message, str) or self._is_never_said(key):
            return message
        return gettext(message)

    def _is_never_said(self, key: str) -> bool:
        """Tell whether marshmallow only prepares a message, for every field it checks.

        It is what a function says that returns false; validators have their own messages.
        (No field says it by itself.)
        """
        return key == _FUNCTION_FAILED and all(
            isinstance(validator, Validator) for validator in self._validators
        )


def translate_schema(schema: Schema) -> None:
    """Let a schema speak the language of the request."""
    schema.error_messages = TranslatedMessages(schema.error_messages)


def translate_field(field: Field) -> None:
    """Let a field, the fields inside it and its validators do the same."""
    if not isinstance(field.error_messages, TranslatedMessages):
        field.error_messages = TranslatedMessages(field.error_messages, field.validators)
    for validator in field.validators:
        _translate_validator(validator)
    for inner in _inner_fields(field):
        translate_field(inner)


def _translate_validator(validator: Callable[..., Any]) -> None:
    if not isinstance(validator, Validator):
        return  # a function or class of a plugin, whose attributes may mean anything
    for name in _ATTRIBUTES:
        message = getattr(validator, name, None)
        if type(message) is str:
            with suppress(AttributeError):  # a subclass may have made it read-only
                setattr(validator, name, TranslatedMessage(message))


def _inner_fields(field: Field) -> list[Field]:
    if isinstance(field, List):
        return [field.inner]
    if isinstance(field, Dict):
        return [part for part in (field.key_field, field.value_field) if part]
    if isinstance(field, Tuple):
        return list(field.tuple_fields)
    element = getattr(field, "element_type", None)
    return [element] if isinstance(element, Field) else []


# What marshmallow and the fields of the runner say; a test knows when one is missing.
MESSAGES = (
    N_("Invalid input type."),
    N_("Unknown field."),
    N_("Not a valid {obj_type}."),
    N_("Not a valid {awareness} {obj_type}."),
    N_('"{input}" cannot be formatted as a {obj_type}.'),
    N_("Not a valid boolean."),
    N_("Missing data for required field."),
    N_("Field may not be null."),
    N_("Invalid value."),
    N_("Not a valid date."),
    N_('"{input}" cannot be formatted as a date.'),
    N_("Special numeric values (nan or infinity) are not permitted."),
    N_("Not a valid mapping type."),
    N_("Not a valid email address."),
    N_("Must be one of: {choices}."),
    N_("Not a valid IP address."),
    N_("Not a valid IP interface."),
    N_("Not a valid IPv4 address."),
    N_("Not a valid IPv4 interface."),
    N_("Not a valid IPv6 address."),
    N_("Not a valid IPv6 interface."),
    N_("Not a valid integer."),
    N_("Not a valid list."),
    N_("Invalid type."),
    N_("Not a valid number."),
    N_("Number too large."),
    N_("Not a valid string."),
    N_("Not a valid utf-8 string."),
    N_("Not a valid period of time."),
    N_("{input!r} cannot be formatted as a timedelta."),
    N_("Not a valid tuple."),
    N_("Not a valid URL."),
    N_("Not a valid UUID."),
    N_("One or more of the choices you made was in: {values}."),
    N_("One or more of the choices you made was not in: {choices}."),
    N_("Must be equal to {other}."),
    N_("Shorter than minimum length {min}."),
    N_("Longer than maximum length {max}."),
    N_("Length must be between {min} and {max}."),
    N_("Length must be {equal}."),
    N_("Invalid input."),
    N_("String does not match expected pattern."),
    N_("Must be greater than or equal to {min}."),
    N_("Must be greater than {min}."),
    N_("Must be less than or equal to {max}."),
    N_("Must be less than {max}."),
    N_("Must be greater than or equal to {min} and less than or equal to {max}."),
    N_("Must be greater than or equal to {min} and less than {max}."),
    N_("Must be greater than {min} and less than or equal to {max}."),
    N_("Must be greater than {min} and less than {max}."),
    N_("Not a valid choice."),
    N_("Not a valid ISO 8601 time."),
    N_("Not a cursor of this list."),
)

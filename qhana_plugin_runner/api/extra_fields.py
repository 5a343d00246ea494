# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 1 of a request: marshmallow fields for values that forms and JSON send as text.

The URL fields live in :mod:`qhana_plugin_runner.api.url_fields` and are public here, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from marshmallow import ValidationError
from marshmallow.fields import Field, String
from marshmallow.validate import OneOf

from qhana_plugin_runner.api.url_fields import FileUrl, InputUrl, PluginUrl

__all__ = [
    "CSVList",
    "EnumField",
    "FileUrl",
    "InputUrl",
    "OneOfEnum",
    "PluginUrl",
]

_CSV_CELL = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",][^,]*|))(,|\Z)')


class OneOfEnum(OneOf):
    """Accepts the members of an enum, and ``None`` only if told so."""

    default_message = "Not a valid choice."

    def __init__(
        self, enum_type: type[Enum], allow_none: bool = False, error: str | None = None
    ) -> None:
        self.enum_type = enum_type
        choices: list[Enum | None] = list(enum_type)
        if allow_none:
            choices.insert(0, None)
        super().__init__(choices, labels=[m.name for m in enum_type], error=error)


class EnumField(Field):
    """A field for the members of an enum, read by name and always written by name.

    The empty string means "no choice" and loads as ``None``. It is valid only if the
    options contain an entry for ``""``; such a field accepts ``null`` as well, so that
    what was dumped can be loaded again.

    Args:
        enum_type: the enum class.
        use_value: read member values instead of names; names stay valid, because the
            options of a rendered ``select`` are names.
        **kwargs: of :class:`marshmallow.fields.Field`. ``metadata["options"]`` may map
            members, names or ``""`` to labels; all other labels are the member values.

    Attributes:
        metadata: ``metadata["options"]`` maps each member name (``""`` first, if
            present) to its label.
    """

    default_error_messages = {"invalid_choice": OneOfEnum.default_message}

    def __init__(
        self, enum_type: type[Enum], use_value: bool = False, **kwargs: Any
    ) -> None:
        metadata = dict(kwargs.pop("metadata", None) or {})
        labels = kwargs.pop("options", None) or metadata.get("options") or {}
        metadata["options"] = _options(enum_type, labels)
        may_be_empty = "" in metadata["options"]
        if may_be_empty:
            kwargs.setdefault("allow_none", True)
        super().__init__(metadata=metadata, **kwargs)
        self.enum_type = enum_type
        self.use_value = use_value
        self.validators.insert(
            0,
            OneOfEnum(
                enum_type,
                allow_none=may_be_empty,
                error=self.error_messages["invalid_choice"],
            ),
        )

    def _serialize(
        self, value: Any, attr: str | None, obj: Any, **kwargs: Any
    ) -> str | None:
        if value is None or value == "":
            return None
        member = self._find(value)
        return str(value) if member is None else member.name

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> Enum | None:
        if value is None or value == "":
            return None
        member = self._find(value)
        if member is None:
            raise self.make_error("invalid_choice")
        return member

    def _find(self, value: Any) -> Enum | None:
        if isinstance(value, self.enum_type):
            return value
        if self.use_value:
            for member in self.enum_type:
                if type(member.value) is type(value) and member.value == value:
                    return member
                if isinstance(value, str) and str(member.value) == value:
                    return member
        if isinstance(value, str):
            return self.enum_type.__members__.get(value)
        return None


def _options(enum_type: type[Enum], labels: Mapping[Any, Any]) -> dict[str, Any]:
    given = {
        key.name if isinstance(key, Enum) else key: label for key, label in labels.items()
    }
    options = {"": given.pop("")} if "" in given else {}
    options.update((member.name, member.value) for member in enum_type)
    options.update(given)
    return options


class CSVList(Field):
    """A list written as one text with commas: ``"a,b"`` is ``["a", "b"]``.

    The empty text is the empty list. An element that contains a comma, a quote or a line
    break is written in double quotes (quotes inside are doubled, RFC 4180), so every list
    of texts survives a round trip; text that is not quoted that way is simply split at
    its commas.

    Args:
        element_type: field class or instance that reads and writes one element.
        **kwargs: of :class:`marshmallow.fields.Field`.
    """

    default_error_messages = {"invalid": "Not a valid list."}

    def __init__(self, element_type: type[Field] | Field = String, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.element_type = (
            element_type() if isinstance(element_type, type) else element_type
        )

    def _serialize(
        self, value: Any, attr: str | None, obj: Any, **kwargs: Any
    ) -> str | None:
        if value is None:
            return None
        items = [value] if isinstance(value, str) else value
        dumped = [
            self.element_type._serialize(item, attr, obj, **kwargs) for item in items
        ]
        return _join_cells(["" if item is None else str(item) for item in dumped])

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> list[Any]:
        if isinstance(value, str):
            cells: Iterable[Any] = _split_cells(value)
        elif isinstance(value, (list, tuple)):
            cells = value
        else:
            raise self.make_error("invalid")
        elements: list[Any] = []
        messages: list[str] = []
        for cell in cells:
            try:
                elements.append(self.element_type.deserialize(cell, attr, data, **kwargs))
            except ValidationError as error:
                messages.extend(f"{cell!r}: {reason}" for reason in error.messages)
        if messages:
            raise ValidationError(messages)
        return elements


def _join_cells(cells: list[str]) -> str:
    if cells == [""]:
        return '""'
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if re.search('[",\r\n]', cell) else cell
        for cell in cells
    )


def _split_cells(text: str) -> list[str]:
    if not text:
        return []
    if '"' not in text:
        return text.split(",")
    cells, position = [], 0
    while True:
        match = _CSV_CELL.match(text, position)
        if match is None:
            return text.split(",")
        quoted, plain, separator = match.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        if not separator:
            return cells
        position = match.end()

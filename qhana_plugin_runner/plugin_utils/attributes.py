# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What is known about attributes, and converting their values to and from text.

CSV knows only text. Attribute metadata says which type the values of an attribute have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qhana_plugin_runner.plugin_utils.attribute_values import (
    CONSIDERED_FALSE,
    CONSIDERED_TRUE,
    DEFAULT_SEPARATOR,
    DESERIALIZER_MAP,
    SERIALIZER_MAP,
    default_serialize,
    parse_bool,
    parse_multi,
    parse_optional_value,
    serialize_multi,
)

__all__ = [
    "CONSIDERED_FALSE",
    "CONSIDERED_TRUE",
    "DESERIALIZER_MAP",
    "SERIALIZER_MAP",
    "AttributeMetadata",
    "default_serialize",
    "dict_deserializer",
    "dict_serializer",
    "parse_attribute_metadata",
    "parse_bool",
    "parse_multi",
    "parse_optional_value",
    "serialize_multi",
    "tuple_deserializer",
    "tuple_serializer",
]

# Serialised name -> field of AttributeMetadata.
_FIELDS: Mapping[str, str] = {
    "ID": "ID",
    "type": "attribute_type",
    "title": "title",
    "description": "description",
    "multiple": "multiple",
    "ordered": "ordered",
    "separator": "separator",
    "refTarget": "ref_target",
    "schema": "schema",
}

_Convert = Callable[[Any], Any]


@dataclass
class AttributeMetadata:
    """What is known about one attribute.

    Attributes:
        ID: the name of the attribute.
        attribute_type: the type of its scalar values.
        title: a label for people.
        description: a text for people.
        multiple: an entity can have several values of this attribute.
        ordered: the order of several values matters (list), or does not (set).
        separator: between several values in text; must not occur in a value.
        ref_target: for references the file with the entities that are referred to.
        schema: the URL of a schema for the scalar values.
        extra: everything else that was said about the attribute.
    """

    ID: str
    attribute_type: str
    title: str
    description: str = ""
    multiple: bool = False
    ordered: bool = False
    separator: str = DEFAULT_SEPARATOR
    ref_target: str | None = None
    schema: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def from_dict(metadata: Mapping[str, Any]) -> AttributeMetadata:
        """Read the metadata of an attribute from an entity.

        Empty values of ``multiple``, ``ordered`` and ``separator`` (an empty CSV cell)
        mean the default.

        Raises:
            KeyError: there is no ``ID``.
            TypeError: there is no ``type``.
            ValueError: ``multiple`` or ``ordered`` is no truth value.
        """
        known: dict[str, Any] = {"title": metadata["ID"]}
        extra: dict[str, Any] = {}
        for key, value in metadata.items():
            if key not in _FIELDS:
                extra[key] = value
            elif key in ("multiple", "ordered"):
                known[key] = parse_bool(value) if value not in (None, "") else False
            elif key == "separator":
                known[key] = value or DEFAULT_SEPARATOR
            else:
                known[_FIELDS[key]] = value
        return AttributeMetadata(**known, extra=extra)

    def to_dict(self) -> dict[str, Any]:
        """Get the metadata as an entity: first what is extra, then all known keys."""
        return {**self.extra, **{key: getattr(self, f) for key, f in _FIELDS.items()}}


def parse_attribute_metadata(
    entities: Iterable[Mapping[str, Any]],
) -> dict[str, AttributeMetadata]:
    """Read attribute metadata from entities.

    Returns:
        A mapping from attribute name to metadata.
    """
    parsed = map(AttributeMetadata.from_dict, entities)
    return {metadata.ID: metadata for metadata in parsed}


def _serializer(metadata: AttributeMetadata | None) -> Callable[[Any], str]:
    default = SERIALIZER_MAP["default"]
    if metadata is None:
        return default
    serialize = SERIALIZER_MAP.get(metadata.attribute_type, default)
    if not metadata.multiple:
        return serialize
    separator = metadata.separator or DEFAULT_SEPARATOR
    return lambda value: serialize_multi(value, serialize, separator)


def _deserializer(metadata: AttributeMetadata | None) -> _Convert:
    default = DESERIALIZER_MAP["default"]
    if metadata is None:
        return default
    deserialize = DESERIALIZER_MAP.get(metadata.attribute_type, default)
    if not metadata.multiple:
        return deserialize
    separator = metadata.separator or DEFAULT_SEPARATOR
    collection: Callable[[Iterable[Any]], Any] = list if metadata.ordered else set

    def deserialize_multi(value: Any) -> Any:
        if value is None:
            value = ()
        elif isinstance(value, set | frozenset):
            value = tuple(value)
        return parse_multi(value, deserialize, separator, collection)

    return deserialize_multi


def _tuple_converter(
    converters: Sequence[_Convert], tuple_: Callable[[Iterable[Any]], Any]
) -> Callable[[Iterable[Any]], Any]:
    def convert(entity: Iterable[Any]) -> Any:
        # Values without a converter and converters without a value are left out.
        pairs = zip(converters, entity, strict=False)
        return tuple_(convert_value(value) for convert_value, value in pairs)

    return convert


def _dict_converter(
    converters: Mapping[str, _Convert], in_place: bool
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def convert(entity: dict[str, Any]) -> dict[str, Any]:
        converted = {key: converters[key](value) for key, value in entity.items()}
        if not in_place:
            return converted
        entity.update(converted)
        return entity

    return convert


def tuple_serializer(
    attributes: Sequence[str],
    attribute_metadata: Mapping[str, AttributeMetadata],
    tuple_: Callable[[Iterable[Any]], Any] = tuple,
) -> Callable[[Iterable[Any]], Any]:
    """Build a function that turns all values of a tuple into text.

    Args:
        attributes: the names of the values, in their order.
        attribute_metadata: what is known about the attributes.
        tuple_: builds the result from an iterable, for example ``cls._make``.
    """
    return _tuple_converter(
        [_serializer(attribute_metadata.get(a)) for a in attributes], tuple_
    )


def tuple_deserializer(
    attributes: Sequence[str],
    attribute_metadata: Mapping[str, AttributeMetadata],
    tuple_: Callable[[Iterable[Any]], Any] = tuple,
) -> Callable[[Iterable[Any]], Any]:
    """Build the inverse of :func:`tuple_serializer`."""
    return _tuple_converter(
        [_deserializer(attribute_metadata.get(a)) for a in attributes], tuple_
    )


def dict_serializer(
    attributes: Iterable[str],
    attribute_metadata: Mapping[str, AttributeMetadata],
    in_place: bool = True,
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Build a function that turns all values of a dictionary into text.

    The function raises a ``KeyError`` for a key that is not in ``attributes``.

    Args:
        attributes: the names of all attributes.
        attribute_metadata: what is known about the attributes.
        in_place: change and return the given dictionary instead of a new one.
    """
    return _dict_converter(
        {a: _serializer(attribute_metadata.get(a)) for a in attributes}, in_place
    )


def dict_deserializer(
    attributes: Iterable[str],
    attribute_metadata: Mapping[str, AttributeMetadata],
    in_place: bool = True,
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Build the inverse of :func:`dict_serializer`."""
    return _dict_converter(
        {a: _deserializer(attribute_metadata.get(a)) for a in attributes}, in_place
    )

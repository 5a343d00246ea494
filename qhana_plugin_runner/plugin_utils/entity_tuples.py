# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Entities as dictionaries and as named tuples, and the way from one to the other."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, ClassVar, TypeVar, cast
from unicodedata import is_normalized
from weakref import WeakValueDictionary

_E = TypeVar("_E", bound="EntityTupleMixin")

_SORT_GROUPS: Mapping[str, int] = {
    "ID": 0,
    "GRAPH_ID": 0,
    "href": 1,
    "source": 1,
    "target": 1,
    "entities": 1,
    "relations": 1,
}


class EntityTupleMixin:
    """What entity tuples know beyond a named tuple: their original attribute names.

    Attributes:
        entity_attributes: the attribute names as given, in the order of the values.
    """

    __slots__ = ()

    entity_attributes: ClassVar[tuple[str, ...]] = ()
    _entity_positions: ClassVar[Mapping[str, int]] = {}

    def get(self, key: str | int, default: Any = None) -> Any:
        """Get one value.

        Args:
            key: an original attribute name, or the index of the value.
            default: returned if there is no attribute of that name.

        Raises:
            IndexError: there is no value with that index.
        """
        values = cast("tuple[Any, ...]", self)
        if isinstance(key, int):
            return values[key]
        position = self._entity_positions.get(key)
        return default if position is None else values[position]

    def as_dict(self) -> dict[str, Any]:
        """Get the entity as a dictionary from original attribute name to value."""
        return dict(
            zip(self.entity_attributes, cast("tuple[Any, ...]", self), strict=True)
        )

    @classmethod
    def from_dict(cls: type[_E], /, **kwargs: Any) -> _E:
        """Build a tuple: missing attributes become ``None``, unknown ones are ignored."""
        return cls.from_iter(map(kwargs.get, cls.entity_attributes))

    @classmethod
    def from_iter(cls: type[_E], iterable: Iterable[Any]) -> _E:
        """Build a tuple from as many values as there are attributes.

        Raises:
            TypeError: there are more or fewer values.
        """
        make: Callable[[Iterable[Any]], _E] = cls._make  # type: ignore[attr-defined]
        return make(iterable)


# Same name and attributes give the same class for as long as anybody holds it.
_CLASSES: WeakValueDictionary[tuple[str, tuple[str, ...]], type] = WeakValueDictionary()
_CLASSES_LOCK = Lock()


def get_entity_tuple_class(attributes: Sequence[str], name: str = "Entity") -> type[Any]:
    """Get the named tuple class for entities with these attributes.

    Names that cannot be names of fields (no identifier, a keyword, a duplicate, a leading
    underscore) become ``_<index>``; the value can still be reached with
    ``entity.get(<original name>)``.

    Args:
        attributes: the attribute names; must not be empty.
        name: the name of the class.

    Returns:
        The same class object for the same arguments.

    Raises:
        AssertionError: there are no attributes.
    """
    names = tuple(attributes)
    if not names:
        raise AssertionError("An entity needs at least one attribute.")
    with _CLASSES_LOCK:
        class_ = _CLASSES.get((name, names))
        if class_ is None:
            class_ = _CLASSES[(name, names)] = _build_class(names, name)
        return class_


def _build_class(attributes: tuple[str, ...], name: str) -> type:
    # Python reads identifiers in their normal form, in which two may be the same; an
    # empty name is renamed.
    fields = [a if a.isascii() or is_normalized("NFKC", a) else "" for a in attributes]
    base = namedtuple(name, fields, rename=True)  # type: ignore[misc]
    return type(
        name,
        (EntityTupleMixin, base),
        {
            "__slots__": (),
            "__module__": __name__,
            "entity_attributes": attributes,
            "_entity_positions": {key: i for i, key in enumerate(attributes)},
        },
    )


def entity_attribute_sort_key(attribute_name: str) -> tuple[int, str]:
    """Sort IDs first, then the other reserved attribute names, then the rest by name."""
    return _SORT_GROUPS.get(attribute_name, 2), attribute_name


def ensure_dict(items: Iterable[Any]) -> Generator[dict[str, Any], None, None]:
    """Turn entities into dictionaries.

    Args:
        items: dictionaries (passed on as they are) and named tuples.

    Raises:
        AttributeError: an item is neither.
    """
    for item in items:
        if isinstance(item, dict):
            yield item
        elif isinstance(item, EntityTupleMixin):
            yield item.as_dict()
        else:
            yield item._asdict()


def ensure_tuple(items: Iterable[Any], tuple_: type[Any]) -> Generator[Any, None, None]:
    """Turn dictionaries into tuples; tuples are passed on as they are.

    Args:
        items: dictionaries and tuples.
        tuple_: the class to build. Classes of :func:`get_entity_tuple_class` take any
            dictionary, others need exactly the keys that they name.

    Raises:
        TypeError: a dictionary does not fit the class, or ``tuple_`` is no class.
    """
    build = tuple_.from_dict if issubclass(tuple_, EntityTupleMixin) else tuple_
    for item in items:
        yield build(**item) if isinstance(item, dict) else item

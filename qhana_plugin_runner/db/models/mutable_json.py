# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""JSON columns whose nested dictionaries and lists notice changes.

The tracked containers come from ``sqlalchemy_json``. What it lacks is added here: list
methods that change the list without being noticed, subclasses of ``dict`` and ``list``,
containers moved from one parent to another, and plain values (text, numbers, ``None``)
as the whole content of the column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.mutable import Mutable
from sqlalchemy_json import NestedMutableDict, NestedMutableList
from sqlalchemy_json.track import TrackedDict, TrackedList, TrackedObject

JSON_LIKE = dict | list | str | int | float | bool | None


class _Tracking(TrackedObject):
    @classmethod
    def convert(cls, obj: Any, parent: Any) -> Any:
        """Return a tracked copy of containers, everything else as it is."""
        new: Any
        if isinstance(obj, Mapping):
            new = _Dict(obj)
        elif isinstance(obj, list):
            new = _List(obj)
        else:
            return obj
        new.parent = parent
        return new


class _DictMethods(_Tracking):
    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self


class _ListMethods(_Tracking):
    def __setitem__(self, key: Any, value: Any) -> None:
        self.changed()
        if isinstance(key, slice):
            list.__setitem__(self, key, list(self.convert_iterable(value)))
        else:
            list.__setitem__(self, key, self.convert(value, self))

    def __iadd__(self, values: Iterable[Any]) -> Any:
        self.extend(values)
        return self

    def __imul__(self, times: SupportsIndex) -> Any:
        self[:] = list(self) * times
        return self

    def insert(self, index: SupportsIndex, value: Any) -> None:
        self.changed()
        list.insert(self, index, self.convert(value, self))

    def pop(self, index: SupportsIndex = -1) -> Any:
        self.changed()
        return list.pop(self, index)

    def clear(self) -> None:
        self.changed()
        list.clear(self)

    def reverse(self) -> None:
        self.changed()
        list.reverse(self)


class _Dict(_DictMethods, TrackedDict):
    pass


class _List(_ListMethods, TrackedList):
    pass


class _RootDict(_DictMethods, NestedMutableDict):
    pass


class _RootList(_ListMethods, NestedMutableList):
    pass


class NestedMutable(Mutable):
    """Any JSON value; nested containers are tracked."""

    @classmethod
    def coerce(cls, key: str, value: Any) -> Any:
        """Return the tracked form of the value.

        Raises:
            ValueError: if the value is no JSON value at its top level.
        """
        if isinstance(value, (_RootDict, _RootList)):
            return value
        if isinstance(value, Mapping):
            return _RootDict(value)
        if isinstance(value, (list, tuple)):
            return _RootList(value)
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        raise ValueError(
            f"The attribute {key!r} takes JSON values, not {type(value).__name__}."
        )

    @classmethod
    def _replace(cls, key: str, target: Any, value: Any, old: Any) -> Any:
        if any(parent is not target for parent in getattr(value, "_parents", ())):
            # one container in two rows would be saved in one of them only
            value = value.copy()
        value = cls.coerce(key, value)
        if isinstance(value, Mutable):
            value._parents[target] = key
        if isinstance(old, Mutable):
            old._parents.pop(target, None)
        return value

    @classmethod
    def _listen_on_attribute(cls, attribute: Any, coerce: bool, parent_cls: Any) -> None:
        # The inherited version gives every value a set of parents, plain ones cannot
        # have one.
        if parent_cls is not attribute.class_:
            return
        key = attribute.key

        def load(state: Any, *_args: Any) -> None:
            value = cls.coerce(key, state.dict.get(key))
            if isinstance(value, Mutable):
                state.dict[key] = value
                value._parents[state] = key

        def refresh(state: Any, _context: Any, names: Any) -> None:
            if not names or key in names:
                load(state)

        def set_(target: Any, value: Any, old: Any, _initiator: Any) -> Any:
            return value if value is old else cls._replace(key, target, value, old)

        for name, listener in (
            ("_sa_event_merge_wo_load", load),
            ("load", load),
            ("refresh", refresh),
            ("refresh_flush", refresh),
        ):
            event.listen(parent_cls, name, listener, raw=True, propagate=True)
        event.listen(attribute, "set", set_, raw=True, retval=True, propagate=True)


MutableJSON = NestedMutable.as_mutable(sa.JSON())
"""Column type of ``ProcessingTask.data`` and ``PluginState.value``."""

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugins that are rows, and what plugins keep between requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.mutable import Mutable
from sqlalchemy.orm import Mapped, mapped_column

from ...signals import VIRTUAL_PLUGIN_CREATED, VIRTUAL_PLUGIN_REMOVED
from ...util.plugins import plugin_identifier
from ..db import DB, model
from .base import TABLE_OPTIONS, LongBinary, LongText, SavableMixin, short_text
from .mutable_json import JSON_LIKE, MutableJSON

__all__ = [
    "VIRTUAL_PLUGIN_CREATED",
    "VIRTUAL_PLUGIN_REMOVED",
    "DataBlob",
    "PluginState",
    "VirtualPlugin",
]

_NO_DEFAULT: Any = object()


@model
class VirtualPlugin(SavableMixin):
    """A plugin that another plugin manages, known to the runner as a row.

    Attributes:
        parent_id: identifier or bare name of the managing plugin.
        tags: one tag a line.
        href: absolute URL of the plugin's metadata.
    """

    __tablename__ = "VirtualPlugin"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    parent_id: Mapped[str] = mapped_column(short_text(550))
    name: Mapped[str] = mapped_column(short_text(500))
    version: Mapped[str] = mapped_column(short_text(50))
    description: Mapped[str] = mapped_column(LongText())
    tags: Mapped[str] = mapped_column(LongText())
    href: Mapped[str] = mapped_column(LongText())

    @property
    def tag_list(self) -> list[str]:
        """The tags as a list."""
        return [tag for tag in self.tags.split("\n") if tag]

    @property
    def identifier(self) -> str:
        """``name@version`` in the form used in URLs."""
        return plugin_identifier(self.name, self.version)

    @classmethod
    def get_all(
        cls,
        for_parents: Iterable[str] | None = None,
        filters: Iterable[sa.ColumnExpressionArgument[bool]] = (),
    ) -> Sequence[VirtualPlugin]:
        """Return the virtual plugins (of some parents) that match all filters."""
        statement = sa.select(cls).where(*filters).order_by(cls.id)
        if for_parents is not None:
            statement = statement.where(cls.parent_id.in_(list(for_parents)))
        return DB.session.execute(statement).scalars().all()

    @classmethod
    def get_all_by_name(
        cls, name: str, parent_id: str | None = None
    ) -> Sequence[VirtualPlugin]:
        """Return all versions of a virtual plugin."""
        filters: list[sa.ColumnExpressionArgument[bool]] = [cls.name == name]
        if parent_id is not None:
            filters.append(cls.parent_id == parent_id)
        return cls.get_all(filters=filters)

    @classmethod
    def get_by_href(cls, href: str, parent_id: str | None = None) -> VirtualPlugin | None:
        """Return the virtual plugin with the URL or ``None``."""
        filters: list[sa.ColumnExpressionArgument[bool]] = [cls.href == href]
        if parent_id is not None:
            filters.append(cls.parent_id == parent_id)
        statement = sa.select(cls).where(*filters).order_by(cls.id).limit(1)
        return DB.session.execute(statement).scalars().first()

    @classmethod
    def exists(
        cls, query_filter: Iterable[sa.ColumnExpressionArgument[bool]] = ()
    ) -> bool:
        """Return whether a virtual plugin matches all filters."""
        statement = sa.select(sa.literal(True)).select_from(cls).where(*query_filter)
        return DB.session.execute(statement.limit(1)).first() is not None

    @classmethod
    def delete_by_href(
        cls, href: str, parent_id: str | None = None, commit: bool = False
    ) -> None:
        """Delete the virtual plugins with the URL."""
        statement = sa.delete(cls).where(cls.href == href)
        if parent_id is not None:
            statement = statement.where(cls.parent_id == parent_id)
        _execute(statement, commit)

    @classmethod
    def delete_by_name_and_version(
        cls,
        name: str,
        version: str,
        parent_id: str | None = None,
        commit: bool = False,
    ) -> None:
        """Delete the virtual plugins with the name and version."""
        statement = sa.delete(cls).where(cls.name == name, cls.version == version)
        if parent_id is not None:
            statement = statement.where(cls.parent_id == parent_id)
        _execute(statement, commit)


def _execute(statement: Any, commit: bool) -> None:
    DB.session.execute(statement)
    if commit:
        DB.session.commit()


class _KeyValueMixin(SavableMixin):
    """Reading and writing one value by plugin id and key."""

    plugin_id: Any
    key: Any
    value: Any

    @classmethod
    def get_item(cls, plugin_id: str, key: str) -> Any | None:
        """Return the row or ``None``."""
        return DB.session.get(cls, (plugin_id, key))

    @classmethod
    def get_value(cls, plugin_id: str, key: str, default: Any = _NO_DEFAULT) -> Any:
        """Return the value.

        Args:
            plugin_id: identifier or name of the plugin.
            key: name of the value.
            default: returned if there is none; ``None`` is a valid default.

        Raises:
            KeyError: if there is no value and no default.
        """
        item = cls.get_item(plugin_id, key)
        if item is not None:
            if isinstance(item.value, Mutable):
                # The session holds rows weakly; a value outlives its row otherwise, and
                # a change of it is lost.
                item.value.row = item  # type: ignore[attr-defined]
            return item.value
        if default is _NO_DEFAULT:
            raise KeyError(f"{cls.__name__} has no value {key!r} of {plugin_id!r}.")
        return default

    @classmethod
    def set_value(cls, plugin_id: str, key: str, value: Any, commit: bool = False) -> Any:
        """Store a value.

        Args:
            plugin_id: identifier or name of the plugin.
            key: name of the value.
            value: the new value.
            commit: also commit the whole session.

        Returns:
            The old value, ``None`` if there was none.
        """
        cls._check(value)
        item = cls.get_item(plugin_id, key)
        old = None
        if item is None:
            new: Any = cls
            item = new(plugin_id=plugin_id, key=key, value=value)
        else:
            old = item.value
            item.value = value
        item.save(commit=commit)
        return old

    @classmethod
    def delete_value(cls, plugin_id: str, key: str, commit: bool = False) -> None:
        """Delete a value; a missing one is no error."""
        item = cls.get_item(plugin_id, key)
        if item is not None:
            DB.session.delete(item)
        if commit:
            DB.session.commit()

    @classmethod
    def _check(cls, value: Any) -> None:
        """Refuse values of the wrong type."""


@model
class PluginState(_KeyValueMixin):
    """A JSON value that a plugin keeps; changes at any depth are saved."""

    __tablename__ = "PluginState"
    __table_args__ = TABLE_OPTIONS

    plugin_id: Mapped[str] = mapped_column(
        short_text(550, ascii_only=True), primary_key=True
    )
    key: Mapped[str] = mapped_column(short_text(500), primary_key=True)
    value: Mapped[JSON_LIKE] = mapped_column(MutableJSON, nullable=True)

    @classmethod
    def get_all_items(cls, plugin_id: str) -> Sequence[PluginState]:
        """Return all rows of the plugin in the order of their keys."""
        statement = sa.select(cls).where(cls.plugin_id == plugin_id).order_by(cls.key)
        return DB.session.execute(statement).scalars().all()

    @classmethod
    def get_all_items_like(cls, plugin_id: str, key: str) -> Sequence[PluginState]:
        """Return the rows of the plugin whose key matches a SQL ``LIKE`` pattern."""
        statement = (
            sa.select(cls)
            .where(cls.plugin_id == plugin_id, cls.key.like(key))
            .order_by(cls.key)
        )
        return DB.session.execute(statement).scalars().all()


@model
class DataBlob(_KeyValueMixin):
    """Bytes that a plugin keeps."""

    __tablename__ = "DataBlob"
    __table_args__ = TABLE_OPTIONS

    plugin_id: Mapped[str] = mapped_column(
        short_text(550, ascii_only=True), primary_key=True
    )
    key: Mapped[str] = mapped_column(short_text(500), primary_key=True)
    value: Mapped[bytes] = mapped_column(LongBinary)

    @classmethod
    def _check(cls, value: bytes | bytearray | memoryview) -> None:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"A DataBlob keeps bytes, not {type(value).__name__}.")

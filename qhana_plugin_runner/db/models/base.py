# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What all models share: the time, column types and saving."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator

from ..db import DB

Self = TypeVar("Self", bound="SavableMixin")

# MySQL's default collations ignore case, other databases do not.
_BINARY = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}


def utc_now() -> datetime:
    """Return the time now, aware, in UTC. The one clock of the database rows."""
    return datetime.now(timezone.utc)


class UTCDateTime(TypeDecorator[datetime]):
    """A time in UTC; naive values that plugins assign are taken for UTC."""

    impl = sa.DateTime(timezone=True).with_variant(
        mysql.DATETIME(fsp=6), "mysql", "mariadb"
    )
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)

    def process_result_value(
        self, value: datetime | None, dialect: Any
    ) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=timezone.utc)


def storable(text: str) -> str:
    """Return the text as every database can store it.

    PostgreSQL refuses NUL characters, no database takes lone surrogates: both become
    U+FFFD, so that saving an error message never fails because of its content.
    """
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


class LongText(TypeDecorator[str]):
    """Text of any length (MySQL's TEXT ends after 64 KiB) that every database stores."""

    impl = sa.Text().with_variant(mysql.LONGTEXT(**_BINARY), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return storable(value) if isinstance(value, str) else value


def short_text(length: int, ascii_only: bool = False) -> sa.types.TypeEngine[str]:
    """Return the type of a text column with a maximum length in characters.

    Args:
        length: maximum number of characters.
        ascii_only: on MySQL one byte a character. InnoDB limits a key to 3072 bytes,
            two long utf8mb4 texts do not fit.
    """
    options = _BINARY
    if ascii_only:
        options = {"charset": "ascii", "collation": "ascii_bin"}
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, **options), "mysql", "mariadb"
    )


LongBinary = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")

TABLE_OPTIONS = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


#: Longest text of a ``url_adapters.Client`` (characters).
CLIENT_LENGTH = 300
#: Largest id of a row: integer primary keys have 32 bits on PostgreSQL and MySQL, and
#: databases refuse to compare a column with more.
MAX_ROW_ID = 2**31 - 1


class SavableMixin:
    """Adds :meth:`save` to a model."""

    def save(self, commit: bool = False) -> None:
        """Add the object to the session.

        Args:
            commit: also commit the whole session.
        """
        DB.session.add(self)
        if commit:
            DB.session.commit()

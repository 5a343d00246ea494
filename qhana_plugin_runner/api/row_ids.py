# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ids in URLs: plain ASCII digits, and never more than a database column can hold."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

#: Largest id of a row: integer primary keys have 32 bits on PostgreSQL and MySQL.
MAX_ROW_ID = 2**31 - 1


class AsciiIntegerConverter(IntegerConverter):
    """Werkzeug's ``int`` without the digits of other scripts and without huge numbers."""

    # int() refuses texts of several thousand digits with a ValueError.
    regex = "[0-9]{1,18}"


class RowIdConverter(AsciiIntegerConverter):
    """``<row_id:…>``: a number that may be the id of a row; other numbers are a 404."""

    regex = "[0-9]{1,10}"

    def __init__(self, map: Map, *args: Any, **kwargs: Any) -> None:
        super().__init__(map, *args, max=MAX_ROW_ID, **kwargs)


def init_app(app: Flask) -> None:
    """Make the converters known to the URL map of an app."""
    app.url_map.converters["int"] = AsciiIntegerConverter
    app.url_map.converters["row_id"] = RowIdConverter

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ids in URLs: plain ASCII digits, and never more than a database column can hold."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter

#: Largest id of a row: integer primary keys have 32 bits on PostgreSQL and MySQL.
MAX_ROW_ID = 2**31 - 1
#: More digits than this are no number for which anybody has a use.
MAX_DIGITS = 18


class AsciiIntegerConverter(IntegerConverter):
    """Werkzeug's ``int`` without the digits of other scripts and without huge numbers."""

    # int() refuses texts of several thousand digits with a ValueError.
    regex = f"[0-9]{{1,{MAX_DIGITS}}}"


def init_app(app: Flask) -> None:
    """Use the converter in the URL rules of an app, those of its plugins included."""
    app.url_map.converters["int"] = AsciiIntegerConverter

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ids in URLs: plain ASCII digits, and not too many of them."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter

#: More digits than this are no number for which anybody has a use.
MAX_DIGITS = 18


class AsciiIntegerConverter(IntegerConverter):
    """Werkzeug's ``int`` without the digits of other scripts and without huge numbers."""

    # int() refuses texts of several thousand digits with a ValueError.
    regex = f"[0-9]{{1,{MAX_DIGITS}}}"


def init_app(app: Flask) -> None:
    """Use the converter in the URL rules of an app, those of its plugins included."""
    app.url_map.converters["int"] = AsciiIntegerConverter

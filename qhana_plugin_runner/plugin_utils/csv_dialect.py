# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The CSV dialect of entity files, registered under the name ``"default"``."""

from __future__ import annotations

import csv

# The field limit of the csv module is meant for small values; entity attributes may be
# long texts. The limit has to fit into a C long, which has 32 bits on some platforms.
_FIELD_SIZE_LIMIT = 2**31 - 1


class DefaultDialect(csv.Dialect):
    """Comma separated, everything quoted, quotes doubled, lines ended with CR LF.

    Attributes:
        delimiter: between two values.
        quotechar: around every value.
        doublequote: a quote in a value is written twice.
        escapechar: there is none.
        skipinitialspace: spaces belong to the values.
        lineterminator: written after every row.
        quoting: every value is quoted.
        strict: input that is not quite right is read as well as possible.
    """

    delimiter = ","
    quotechar = '"'
    doublequote = True
    escapechar = None
    skipinitialspace = False
    lineterminator = "\r\n"
    quoting = csv.QUOTE_ALL
    strict = False


# Part of the contract: plugins use csv.reader(file, "default") after an import.
csv.register_dialect("default", DefaultDialect)


def lift_field_size_limit() -> None:
    """Allow values longer than the 128 KiB that the csv module starts with."""
    if csv.field_size_limit() < _FIELD_SIZE_LIMIT:
        csv.field_size_limit(_FIELD_SIZE_LIMIT)

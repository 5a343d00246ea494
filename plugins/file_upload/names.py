# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""File names and type names as users send them, cleaned and checked."""

from __future__ import annotations

import re
from mimetypes import guess_extension, guess_type
from unicodedata import category, normalize

MAX_NAME_BYTES = 200
"""Short enough for every file system once the store adds its own prefix or suffix."""

MAX_TYPE_LENGTH = 200

# RFC 6838 section 4.2: names of media types; parameters follow RFC 9110 section 5.6.6.
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # nosec B105 # a pattern
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
CONTENT_TYPE_PATTERN = re.compile(
    rf"{_NAME}/{_NAME}(?: *; *{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))*", re.ASCII
)
# Existing plugins use types without a second part ("plot"), but none with a wildcard.
DATA_TYPE_PATTERN = re.compile(r"[A-Za-z0-9][\w.+-]*(?:/[A-Za-z0-9][\w.+-]*)?", re.ASCII)

# The standard table does not know what the data formats of this project are called.
_EXTRA_TYPES = {
    ".jsonl": "application/X-lines+json",
    ".ndjson": "application/X-lines+json",
}


def clean_file_name(name: str, content_type: str = "") -> str:
    """A file name without folders, control characters and leading dots.

    Args:
        name: as sent by the browser; some send a path, with ``/`` or with ``\\``.
        content_type: decides the extension if nothing is left of the name.

    Returns:
        A name of at most ``MAX_NAME_BYTES`` bytes of UTF-8; letters of all scripts and
        the extension stay.
    """
    name = normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join(char for char in name if not category(char).startswith("C"))
    name = name.strip().lstrip(". ")
    if not name:
        return "upload" + (guess_extension(content_type.partition(";")[0]) or "")
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > 20:
        stem, dot, extension = name, "", ""
    room = MAX_NAME_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + extension


def guess_content_type(file_name: str) -> str:
    """The content type that fits the extension of a file name."""
    for extension, content_type in _EXTRA_TYPES.items():
        if file_name.lower().endswith(extension):
            return content_type
    guessed, encoding = guess_type(file_name)
    # "data.csv.gz" is not CSV, but something to unpack first.
    return guessed if guessed and not encoding else "application/octet-stream"

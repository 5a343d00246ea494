# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""File names: what people see (labels) and where the bytes go (safe relative paths).

A name may come from a browser or from another service. It is a label, never a path that
is trusted: names that would leave their folder are refused, everything else that a file
system or a header cannot carry is replaced.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from ..babel import gettext
from ..errors import InvalidFileContentError, InvalidFileNameError

#: Longest file name in the database (characters).
MAX_LABEL_LENGTH = 500
#: Longest media type and data type in the database (characters).
MAX_TYPE_LENGTH = 255
#: Longest name that common file systems take for one part of a path (bytes).
MAX_PART_BYTES = 255
#: Longer endings are no file type and may be cut.
_MAX_SUFFIX_BYTES = 32

#: Folder of a task in a store.
TASK_FOLDER = re.compile(r"task_([0-9]{1,10})")

# C0, DEL, C1, line and paragraph separators; marks that turn the direction of writing, so
# that gpj.exe looks like exe.jpg; lone surrogates cannot be encoded.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+"
)
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
# What Windows takes for a device, another stream of a file, or drops.
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³])\s*(\.|$)", re.IGNORECASE
)
_RESERVED = re.compile(r'[\\<>:"|?*]|[. ]+$')
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # nosec B105 # a pattern
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}\s*(;[\x20-\x7e]*)?", re.ASCII)


def clean_label(file_name: str | None, mimetype: str | None = None) -> str:
    """Return the name under which a file is shown.

    Args:
        file_name: the wanted name; an empty one is replaced by a default name.
        mimetype: gives the default name its ending.

    Raises:
        InvalidFileNameError: the name is absolute, contains ``..`` or is longer than
            500 characters.
    """
    label = _UNPRINTABLE.sub("_", file_name or "")
    if _ABSOLUTE.match(label):
        raise InvalidFileNameError(
            gettext(
                "The file name %(name)r is absolute. Give a name without a folder.",
                name=label[:80],
            )
        )
    parts = re.split(r"[/\\]", label)
    if any(part.strip() == ".." for part in parts):
        raise InvalidFileNameError(
            gettext(
                "The file name %(name)r contains '..'. Give a name without '..'.",
                name=label[:80],
            )
        )
    if all(part.strip() in ("", ".") for part in parts):
        media_type = (mimetype or "").partition(";")[0].strip()
        return "unnamed" + (mimetypes.guess_extension(media_type) or "")
    if len(label) > MAX_LABEL_LENGTH:
        raise InvalidFileNameError(
            gettext(
                "The file name %(name)r… has %(number)s characters, at most %(most)s are "
                "allowed.",
                name=label[:40],
                number=len(label),
                most=MAX_LABEL_LENGTH,
            )
        )
    return label


def safe_path(path: str | Path) -> Path:
    """Return a relative path whose every part can be stored on any file system.

    Args:
        path: a label or a relative path.

    Raises:
        InvalidFileNameError: as :func:`clean_label`.
    """
    label = clean_label(str(path))
    parts = [part for part in label.split("/") if part.strip() not in ("", ".")]
    return Path(*(_safe_part(part) for part in parts))


def safe_name(label: str) -> str:
    """Return a name for one file in a folder, made from its label."""
    return _safe_part(label.replace("/", "_"))


def numbered(path: Path, number: int) -> Path:
    """Return the path with `` (number)`` before the ending of its name."""
    return path.with_name(_shorten(path.name, f" ({number})"))


def checked_mimetype(mimetype: str | None) -> str | None:
    """Return the media type, or ``None`` if it is empty.

    Parameters such as ``; charset=utf-8`` are kept.

    Raises:
        InvalidFileContentError: it is not a media type or longer than 255 characters.
    """
    if not mimetype:
        return None
    if len(mimetype) > MAX_TYPE_LENGTH or not _MEDIA_TYPE.fullmatch(mimetype):
        raise InvalidFileContentError(
            gettext(
                "%(type)r is not a media type. Give a type like 'text/csv' of at most "
                "%(most)s characters.",
                type=mimetype[:80],
                most=MAX_TYPE_LENGTH,
            )
        )
    return mimetype


def checked_file_type(file_type: str | None) -> str | None:
    """Return the data type tag of a file unchanged.

    Raises:
        InvalidFileContentError: it has control characters or more than 255 characters.
    """
    if file_type is None:
        return None
    if len(file_type) > MAX_TYPE_LENGTH or _UNPRINTABLE.search(file_type):
        raise InvalidFileContentError(
            gettext(
                "%(type)r is not a data type. Give a type like 'entity/list' of at most "
                "%(most)s characters.",
                type=file_type[:80],
                most=MAX_TYPE_LENGTH,
            )
        )
    return file_type


def _safe_part(part: str) -> str:
    part = _RESERVED.sub("_", part)
    if _DEVICE.match(part):
        part = f"_{part}"
    return _shorten(part)


def _shorten(name: str, insert: str = "") -> str:
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) >= _MAX_SUFFIX_BYTES:
        stem, dot, suffix = name, "", ""
    ending = f"{insert}{dot}{suffix}"
    room = MAX_PART_BYTES - len(ending.encode())
    # A cut in the middle of a character leaves bytes that are dropped.
    return stem.encode()[:room].decode(errors="ignore") + ending

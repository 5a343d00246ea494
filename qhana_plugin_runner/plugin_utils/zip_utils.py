# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reading the files of a zip archive behind a URL."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Generator
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

from flask import current_app, has_app_context

from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.requests import open_url_as_file_like_simple

DEFAULT_MAX_ZIP_BYTES = 8 << 30
"""How long the files of an archive may be together, if ``ZIP_MAX_BYTES`` is not set."""
DEFAULT_MAX_ZIP_FILES = 100_000
"""How many files an archive may have, if ``ZIP_MAX_FILES`` is not set."""
DEFAULT_MAX_ZIP_RATIO = 250
"""How much longer the files may be than the archive, if ``ZIP_MAX_RATIO`` is not set."""

_ANY_RATIO_BYTES = 256 << 20  # so much is harmless, however small it was
_ENCRYPTED = 0x1  # the flag in the header of an entry
_KNOWN_COMPRESSIONS = (ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA)
_DRIVE = re.compile(r"^(?:[A-Za-z]:)+")


def get_files_from_zip_url(
    url: str, mode: str = "t"
) -> Generator[tuple[IO[Any], str], None, None]:
    """Open the files of an archive, one after the other.

    The archive is kept on disk, and removed from there at the end. Folders, symbolic
    links and devices are left out. Archives in the archive are files like all others.

    Args:
        url: the URL of the archive.
        mode: binary files if there is a ``b`` in it, else text files (UTF-8).

    Yields:
        A file, open until the next one is asked for, and its name: a relative path with
        slashes and without ``..``, whatever the archive says. Two files of an archive may
        have the same name.

    Raises:
        zipfile.BadZipFile: this is no archive, or it is broken.
        FetchError: the files of the archive are too many, too long together or compressed
            too much, encrypted, or compressed in a way that Python does not know.
    """
    with TemporaryFile() as archive:
        with open_url_as_file_like_simple(url) as body:
            shutil.copyfileobj(body, archive)
        archive.seek(0)
        with ZipFile(archive) as zip_file:
            _check_size(zip_file)
            entries = [info for info in zip_file.infolist() if _is_file(info)]
            for info in entries:
                _check_readable(info)
            for info in entries:
                name = safe_member_name(info.filename)
                with zip_file.open(info) as file_:
                    if "b" in mode:
                        yield file_, name
                    else:
                        with TextIOWrapper(file_, encoding="utf-8-sig") as text:
                            yield text, name


def safe_member_name(name: str) -> str:
    """Return the name of a file in an archive as a harmless relative path.

    Drives, leading slashes and the parts ``.`` and ``..`` are dropped, characters that
    cannot be printed become ``_``.
    """
    name = "".join(c if c.isprintable() else "_" for c in name.replace("\\", "/"))
    parts = _DRIVE.sub("", name).split("/")
    return "/".join(part for part in parts if part.strip(" .")) or "unnamed"


def _is_file(info: ZipInfo) -> bool:
    # Archives that were not made on Unix tell no kind.
    kind = stat.S_IFMT(info.external_attr >> 16)
    return not info.is_dir() and kind in (0, stat.S_IFREG)


def _check_readable(info: ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise FetchError("The archive is encrypted. Give one without a password.")
    if info.compress_type not in _KNOWN_COMPRESSIONS:
        raise FetchError(
            "The archive is compressed in an unknown way. Use the usual one (deflate)."
        )


def _check_size(zip_file: ZipFile) -> None:
    """Refuse archives that are small only because they are compressed.

    The sizes are what the archive says, but no more than that is ever read of a file.
    """
    config = current_app.config if has_app_context() else {}
    max_bytes = config.get("ZIP_MAX_BYTES", DEFAULT_MAX_ZIP_BYTES)
    max_files = config.get("ZIP_MAX_FILES", DEFAULT_MAX_ZIP_FILES)
    entries = zip_file.infolist()
    if max_files is not None and len(entries) > max_files:
        raise FetchError(f"The archive has more than the {max_files} files allowed.")
    size = sum(info.file_size for info in entries)
    max_ratio = config.get("ZIP_MAX_RATIO", DEFAULT_MAX_ZIP_RATIO)
    compressed = sum(info.compress_size for info in entries)
    is_long = size > _ANY_RATIO_BYTES
    if max_ratio is not None and is_long and size > max_ratio * compressed:
        raise FetchError(
            f"The files of the archive are more than {max_ratio} times as long as the "
            "archive, which is not allowed."
        )
    if max_bytes is not None and size > max_bytes:
        raise FetchError(
            f"The files of the archive are longer than the {max_bytes} bytes allowed."
        )

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reading the files of a zip archive behind a URL."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZipFile

from flask import current_app, has_app_context

from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.requests import open_url_as_file_like_simple

DEFAULT_MAX_ZIP_BYTES = 8 << 30
"""How long the files of an archive may be together, if ``ZIP_MAX_BYTES`` is not set."""
DEFAULT_MAX_ZIP_FILES = 100_000
"""How many files an archive may have, if ``ZIP_MAX_FILES`` is not set."""


def get_files_from_zip_url(
    url: str, mode: str = "t"
) -> Generator[tuple[IO[Any], str], None, None]:
    """Open the files of an archive, one after the other.

    The archive is kept on disk, and removed from there at the end. Folders are left out.
    The names are those that are stored in the archive: whoever made it chose them, so
    they may be absolute or contain ``..``. Never use one as a path.

    Args:
        url: the URL of the archive.
        mode: binary files if there is a ``b`` in it, else text files (UTF-8).

    Yields:
        A file, open until the next one is asked for, and its name.

    Raises:
        zipfile.BadZipFile: this is no archive, or it is broken.
        FetchError: the files of the archive are too many or too long together.
    """
    with TemporaryFile() as archive:
        with open_url_as_file_like_simple(url) as body:
            shutil.copyfileobj(body, archive)
        archive.seek(0)
        with ZipFile(archive) as zip_file:
            _check_size(zip_file)
            for info in zip_file.infolist():
                if info.is_dir():
                    continue
                with zip_file.open(info) as file_:
                    if "b" in mode:
                        yield file_, info.filename
                    else:
                        with TextIOWrapper(file_, encoding="utf-8-sig") as text:
                            yield text, info.filename


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
    if max_bytes is not None and size > max_bytes:
        raise FetchError(
            f"The files of the archive are longer than the {max_bytes} bytes allowed."
        )

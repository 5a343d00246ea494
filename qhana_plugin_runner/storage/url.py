# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The store of references: a result that lies somewhere else, known by its URL."""

from __future__ import annotations

import re
from pathlib import Path

from ..db.models.tasks import ProcessingTask
from ..errors import InvalidFileContentError
from .base import FileStore
from .content import FileContent
from .interface import DEFAULT_MIMETYPE

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x1f\x7f]+")


class UrlFileStore(FileStore, name="url_file_store"):
    """Stores URLs, given as text; the URL is what clients and plugins get."""

    keeps_content = False

    def persist_file(
        self, file_: FileContent, target: str | Path, mimetype: str = DEFAULT_MIMETYPE
    ) -> str:
        """Return the URL unchanged.

        Raises:
            InvalidFileContentError: a ``ValueError``; it is not an absolute URL.
        """
        if not isinstance(file_, str) or not _URL.fullmatch(file_):
            shown = repr(file_[:80]) if isinstance(file_, str) else type(file_).__name__
            raise InvalidFileContentError(
                f"The store {self.name} takes an absolute URL as text, not {shown}."
            )
        return file_

    def get_file_url(self, file_storage_data: str, external: bool = True) -> str:
        return file_storage_data

    def delete_file(self, file_storage_data: str) -> None:
        """Keep the file, which belongs to somebody else."""

    def _store(
        self, task: ProcessingTask, file_: FileContent, target: Path, mimetype: str
    ) -> str:
        return self.persist_file(file_, target, mimetype)

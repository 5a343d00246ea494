# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What every file store can do, and what ``STORE`` can do with all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ..db.models.tasks import TaskFile
from .content import FileContent

DEFAULT_MIMETYPE = "application/octet-stream"

M = TypeVar("M", bound=Callable[..., str])


def needs_only_columns(method: M) -> M:
    """Declare that a ``get_task_file_url`` reads nothing but columns of the file's row.

    It may be called with a ``FileRecord`` then, which costs less than a row. A method
    that overrides it has to declare that again.
    """
    method.needs_only_columns = True  # type: ignore[attr-defined]
    return method


class FileStoreInterface(ABC):
    """What can be done with one store, and through ``STORE`` with all of them."""

    @abstractmethod
    def persist_task_result(
        self,
        task_db_id: int,
        file_: FileContent,
        file_name: str,
        file_type: str,
        mimetype: str | None,
        commit: bool = True,
    ) -> TaskFile:
        """Store a result of a task.

        Args:
            task_db_id: database id of the task.
            file_: the content, see :func:`.content.open_content`.
            file_name: the name that is shown; two results may have the same name.
            file_type: data type of the content, for example ``entity/list``.
            mimetype: media type of the content, for example ``text/csv``.
            commit: commit the whole database session; otherwise the file is deleted
                again if the session's transaction is not committed later.

        Raises:
            TaskNotFoundError: a ``KeyError``.
            InvalidFileNameError: a ``ValueError``; the name is absolute, contains ``..``
                or is too long.
            InvalidFileContentError: a ``ValueError``; the content or its types cannot be
                stored.
            StoreWriteError: an ``OSError``; for example the disk is full.
        """

    @abstractmethod
    def persist_task_temp_file(
        self,
        task_db_id: int,
        file_: FileContent,
        file_name: str,
        mimetype: str | None = None,
        commit: bool = True,
    ) -> TaskFile:
        """Store an intermediate file of a task, which is not listed as its output.

        The arguments and errors are those of :meth:`persist_task_result`.
        """

    @abstractmethod
    def persist_file(
        self, file_: FileContent, target: str | Path, mimetype: str = DEFAULT_MIMETYPE
    ) -> Any:
        """Store content under a relative path without a database row."""

    @abstractmethod
    def get_file_url(self, file_storage_data: str, external: bool = True) -> str:
        """Return the URL of the file with the given stored data.

        Args:
            file_storage_data: what the store noted in the row of the file.
            external: for clients; otherwise for the processes of this runner.
        """

    @abstractmethod
    def get_task_file_url(self, task_file: TaskFile, external: bool = True) -> str:
        """Return the URL of the file of a row, see :meth:`get_file_url`."""

    @abstractmethod
    def open(self, task_file: TaskFile) -> AbstractContextManager[BinaryIO]:
        """Open the file of a row for reading bytes; use it in a ``with`` statement."""

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 7 of a request: the contract of file stores, and writing the row of a file.

A store keeps the bytes, the database keeps one ``TaskFile`` row for each file. The bytes
are complete before the row exists, and are deleted if the row is not committed.

A plugin adds a store by subclassing :class:`FileStore` with a name::

    class MinioStore(FileStore, name="minio"):
        def persist_file(self, file_, target, mimetype="application/octet-stream"): ...
        def get_file_url(self, file_storage_data, external=True): ...
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, BinaryIO, ClassVar
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm.attributes import instance_state

from ..db import DB
from ..db.models.task_parts import TEMPORARY_FILE_TYPE
from ..db.models.tasks import ProcessingTask, TaskFile
from ..db.single_inserts import has_single_inserts, insert_alone, insert_with_session
from ..errors import ConfigurationError, TaskNotFoundError
from ..publishing import session_has_changes
from ..requests import open_url_as_file_like_simple
from .content import FileContent
from .download import Download
from .interface import DEFAULT_MIMETYPE, FileStoreInterface, needs_only_columns
from .measured import measured
from .names import (
    checked_file_type,
    checked_mimetype,
    clean_label,
    numbered,
    safe_name,
    safe_path,
)
from .undo import undo_unless_committed

_LOGGER = logging.getLogger(__name__)


class FileStore(FileStoreInterface):
    """Base class of all stores.

    Subclassing with ``name=`` registers the class for all apps of this process; each app
    gets an instance of its own after its plugins are loaded.

    Attributes:
        name: the name of the store in settings and in database rows.
        app: the app of this instance.
        keeps_content: whether it keeps bytes, which can be moved to another store.
    """

    name: ClassVar[str] = ""
    keeps_content: ClassVar[bool] = True
    classes: ClassVar[dict[str, type[FileStore]]] = {}

    app: Flask | None

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name is None:
            return
        if not 0 < len(name) <= 64:
            raise ConfigurationError(
                f"The store {cls.__qualname__} has the name {name!r}, "
                "allowed are 1 to 64 characters."
            )
        known = FileStore.classes.get(name)
        if known is not None and known.__qualname__ != cls.__qualname__:
            _LOGGER.warning(
                "The file store %s is declared by %s and again by %s; the last wins.",
                *(name, known, cls),
            )
        cls.name = name
        FileStore.classes[name] = cls

    @classmethod
    def why_unused(cls, app: Flask) -> str | None:
        """Return why the app does without this store, ``None`` if it is configured."""
        return None

    def __init__(self, app: Flask | None = None) -> None:
        self.app = app

    def init_app(self, app: Flask) -> None:
        """Read the settings of the store; a store that raises here is not available."""
        self.app = app

    def persist_task_result(
        self,
        task_db_id: int,
        file_: FileContent,
        file_name: str,
        file_type: str,
        mimetype: str | None,
        commit: bool = True,
    ) -> TaskFile:
        return self._persist(
            task_db_id, "out", file_, file_name, file_type, mimetype, commit
        )

    def persist_task_temp_file(
        self,
        task_db_id: int,
        file_: FileContent,
        file_name: str,
        mimetype: str | None = None,
        commit: bool = True,
    ) -> TaskFile:
        mimetype = mimetype or DEFAULT_MIMETYPE
        return self._persist(
            task_db_id, "tmp", file_, file_name, TEMPORARY_FILE_TYPE, mimetype, commit
        )

    def persist_file(
        self, file_: FileContent, target: str | Path, mimetype: str = DEFAULT_MIMETYPE
    ) -> Any:
        raise NotImplementedError(f"The store {self.name} cannot store files.")

    def get_file_url(self, file_storage_data: str, external: bool = True) -> str:
        raise NotImplementedError(f"The store {self.name} has no URLs of files.")

    @needs_only_columns
    def get_task_file_url(self, task_file: TaskFile, external: bool = True) -> str:
        return self.get_file_url(task_file.file_storage_data, external=external)

    @contextmanager
    def open(self, task_file: TaskFile) -> Iterator[BinaryIO]:
        url = self.get_task_file_url(task_file, external=False)
        if not urlsplit(url).scheme:
            # A store that serves its files through a view may give a path.
            url = self.get_task_file_url(task_file, external=True)
        with open_url_as_file_like_simple(url) as file_:
            yield file_

    def get_download(self, task_file: TaskFile) -> Download | None:
        """Return the file for ``GET /files/<id>/``, ``None`` if it is not served there.

        Raises:
            FileNotFoundInStoreError: there is no such file in the store.
        """
        return None

    def get_redirect(self, task_file: TaskFile, headers: dict[str, str]) -> str | None:
        """Return the URL that ``GET /files/<id>/`` sends clients to, if there is one.

        Args:
            task_file: the row of the file.
            headers: ``Content-Type`` and ``Content-Disposition`` that clients should get.
        """
        return None

    def delete_file(self, file_storage_data: str) -> None:
        """Delete the bytes of a file; deleting a missing file is no error."""
        raise NotImplementedError(f"The store {self.name} cannot delete files.")

    def sweep_temporary_files(self, older_than: float) -> int:
        """Delete what interrupted writers left behind.

        Args:
            older_than: seconds since the last write to a file that may be deleted.

        Returns:
            The number of deleted files.
        """
        return 0

    def task_folders(self) -> Iterator[tuple[int, str]]:
        """Yield the id of each task that has files here, and what names its folder."""
        return iter(())

    def delete_task_folder(self, folder: str, limit: float) -> bool:
        """Delete all files of a task that has no row any more.

        Args:
            folder: one that :meth:`task_folders` gave.
            limit: seconds since the epoch; a folder that changed later stays.

        Returns:
            Whether it was deleted.
        """
        return False

    def check(self) -> str | None:
        """Return why the store cannot take files at the moment, ``None`` if it can."""
        return None

    def prepare_path(self, path: str | Path) -> Path:
        """Return the path as a safe relative one.

        Raises:
            InvalidFileNameError: a ``ValueError``; it is absolute or contains ``..``.
        """
        return safe_path(path)

    def _get_file_identifier(self, target: Path) -> str:
        """Return what is noted in the row of a file that is stored at the target."""
        return str(target)

    def store_copy(self, task_file: TaskFile, file_: FileContent) -> str:
        """Store the content of a file that has its row already, which is not changed.

        Args:
            task_file: the row of the file.
            file_: the content.

        Returns:
            What this store would note in the row.

        Raises:
            TaskNotFoundError: the file belongs to no task.
            OSError: the content cannot be stored.
        """
        task = task_file.task
        if task is None:
            raise TaskNotFoundError(f"The file {task_file.id} belongs to no task.")
        folder = "tmp" if task_file.file_type == TEMPORARY_FILE_TYPE else "out"
        target = Path(f"task_{task.id}", folder, safe_name(task_file.file_name))
        return self._store(task, file_, target, task_file.mimetype or DEFAULT_MIMETYPE)

    def _store(
        self, task: ProcessingTask, file_: FileContent, target: Path, mimetype: str
    ) -> str:
        """Store content at the target, or beside it if the task has a file there."""
        query = select(TaskFile.file_storage_data).filter_by(
            task_id=task.id, storage_provider=self.name
        )
        taken = set(DB.session.execute(query).scalars())
        free, number = target, 1
        while self._get_file_identifier(free) in taken:
            number += 1
            free = numbered(target, number)
        self.persist_file(file_, free, mimetype)
        return self._get_file_identifier(free)

    def _persist(
        self,
        task_id: int,
        folder: str,
        file_: FileContent,
        file_name: str,
        file_type: str | None,
        mimetype: str | None,
        commit: bool,
    ) -> TaskFile:
        mimetype = checked_mimetype(mimetype)
        file_type = checked_file_type(file_type)
        label = clean_label(file_name, mimetype)
        target = Path(f"task_{task_id}", folder, safe_name(label))
        task = ProcessingTask.get_by_id(task_id)
        if task is None:
            raise TaskNotFoundError(
                f"There is no task {task_id} that could get the file {label!r}."
            )
        with measured(self.name, "write"):
            stored = self._store(task, file_, target, mimetype or DEFAULT_MIMETYPE)
        return self._persist_task_file(task, label, stored, file_type, mimetype, commit)

    def _persist_task_file(
        self,
        task: ProcessingTask,
        file_name: str,
        file_storage_data: str,
        file_type: str | None,
        mimetype: str | None,
        commit: bool = True,
    ) -> TaskFile:
        """Write the row of a stored file; the bytes are deleted if that fails."""
        session = DB.session()
        task_file: TaskFile | None = None
        is_alone = commit and has_single_inserts() and not session_has_changes()
        try:
            task_file = TaskFile(
                task=None if is_alone else task,  # else the task counts as changed
                security_tag=token_urlsafe(32),
                storage_provider=self.name,
                file_name=file_name,
                file_storage_data=file_storage_data,
                file_type=file_type,
                mimetype=mimetype,
            )
            if is_alone:
                task_file.task_id = task.id
                if insert_alone(task_file):
                    return task_file
            undo_unless_committed(session, lambda: self._discard(file_storage_data))
            if not is_alone:
                session.add(task_file)
        except BaseException:
            if task_file is None or not instance_state(task_file).has_identity:
                self._discard(file_storage_data)
            raise
        if commit:
            try:
                if is_alone:
                    insert_with_session(task_file)
                session.commit()
            except BaseException:
                session.rollback()
                raise
        return task_file

    def _discard(self, file_storage_data: str) -> None:
        """Delete the bytes of a file without a row, as far as the store can."""
        try:
            self.delete_file(file_storage_data)
        except NotImplementedError:
            return
        except Exception:
            _LOGGER.exception(
                "The file %s has no database row and could not be deleted.",
                file_storage_data,
            )

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The store in a folder of this machine (or of a mounted volume).

A file is written below ``.incoming`` and gets its final name when it is complete, without
ever replacing another file of a task. So a reader sees a whole file or none, and what a
killed writer leaves behind lies in one folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from flask import Flask

from ..db.models.tasks import ProcessingTask, TaskFile
from ..errors import (
    FileNotFoundInStoreError,
    InvalidFileNameError,
    QHAnaError,
    StoreWriteError,
)
from .content import FileContent, copy_content
from .download import Download
from .interface import DEFAULT_MIMETYPE, needs_only_columns
from .names import TASK_FOLDER, numbered
from .served import ServedFileStore

#: Folder of unfinished files, below the root and so on the same file system.
INCOMING = ".incoming"

_NO_HARD_LINKS = {
    errno.EPERM,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
}


class LocalFileStore(ServedFileStore, name="local_filesystem"):
    """Keeps results at ``task_<id>/out/<name>`` below ``FILE_STORE_ROOT_PATH``.

    Attributes:
        root: the absolute folder of the store; it is made when the first file is stored.
    """

    root: Path

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        folder = app.config.get("FILE_STORE_ROOT_PATH", "files")
        self.root = (Path(app.instance_path) / folder).resolve()
        self._fsync = bool(app.config.get("FILE_STORE_FSYNC", False))

    def persist_file(
        self, file_: FileContent, target: str | Path, mimetype: str = DEFAULT_MIMETYPE
    ) -> Path:
        """Store content under a path below the root; an existing file is replaced.

        Returns:
            The absolute path of the file.
        """
        path = self._absolute(self.prepare_path(target))
        with self._incoming(file_) as incoming:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(incoming, path)
            self._sync(path.parent)
        return path

    def get_file_url(self, file_storage_data: str, external: bool = True) -> str:
        path = self.resolve_path(file_storage_data)
        if not external:
            return path.as_uri()
        row = self._row_of(file_storage_data, path.relative_to(self.root).as_posix())
        return self.get_task_file_url(row)

    @needs_only_columns
    def get_task_file_url(self, task_file: TaskFile, external: bool = True) -> str:
        if not external:
            return self.get_file_url(task_file.file_storage_data, external=False)
        return self._url_at_runner(task_file)

    def get_download(self, task_file: TaskFile) -> Download:
        path = self.resolve_path(task_file)
        status = path.stat()
        name = zlib.adler32(bytes(path))
        return Download(
            size=status.st_size,
            etag=f"{status.st_mtime_ns:x}-{status.st_size:x}-{name:x}",
            modified=datetime.fromtimestamp(status.st_mtime, timezone.utc),
            open=lambda: path.open("rb"),
            path=path,
            root=self.root,
        )

    @contextmanager
    def open(self, task_file: TaskFile) -> Iterator[BinaryIO]:
        with self.resolve_path(task_file).open("rb") as file_:
            yield file_

    def resolve_path(self, file_: TaskFile | str | Path) -> Path:
        """Return where the bytes of a file are.

        Args:
            file_: the row of the file, or what it has as ``file_storage_data``. The path
                may be from the time before the store's folder was moved.

        Raises:
            FileNotFoundInStoreError: there is no such file below the store's folder.
        """
        stored = str(file_)
        if isinstance(file_, TaskFile):
            stored = (
                file_.file_storage_data if file_.storage_provider == self.name else ""
            )
        for candidate in (self.root / stored, *self._moved(stored)):
            try:
                path = candidate.resolve()
                if path.is_relative_to(self.root) and path.is_file():
                    return path
            except (OSError, ValueError):  # too long, a loop of links, a NUL
                continue
        raise FileNotFoundInStoreError(
            f"The file {Path(stored).name!r} is not in the local file store."
        )

    def delete_file(self, file_storage_data: str) -> None:
        """Delete the bytes of a file and the folders that are empty without them.

        A missing file, or a path outside of the store, is no error.
        """
        try:
            path = self.resolve_path(file_storage_data)
        except FileNotFoundInStoreError:
            return
        path.unlink(missing_ok=True)
        with suppress(OSError):  # the first folder that is not empty
            for folder in path.relative_to(self.root).parents[:-1]:
                (self.root / folder).rmdir()

    def sweep_temporary_files(self, older_than: float) -> int:
        limit = time.time() - older_than
        count = 0
        with suppress(FileNotFoundError), os.scandir(self.root / INCOMING) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < limit:
                        os.unlink(entry.path)
                        count += 1
        return count

    def task_folders(self) -> Iterator[tuple[int, str]]:
        with suppress(FileNotFoundError), os.scandir(self.root) as entries:
            for entry in entries:
                task_id = TASK_FOLDER.fullmatch(entry.name)
                if task_id and entry.is_dir(follow_symlinks=False):
                    yield int(task_id[1]), entry.path

    def delete_task_folder(self, folder: str, limit: float) -> bool:
        changes = (os.stat(path).st_mtime for path, _, _ in os.walk(folder))
        if max(changes, default=limit) >= limit:
            return False
        shutil.rmtree(folder)
        return True

    def check(self) -> str | None:
        try:
            with self._incoming(b"check"):
                return None
        except QHAnaError as err:
            return err.message

    def _get_file_identifier(self, target: Path) -> str:
        return str(self.root / target)

    def _store(
        self, task: ProcessingTask, file_: FileContent, target: Path, mimetype: str
    ) -> str:
        first = path = self._absolute(target)
        number = 1
        with self._incoming(file_) as incoming:
            while not self._publish(incoming, path):
                number += 1
                path = numbered(first, number)
        return str(path)

    def _absolute(self, target: Path) -> Path:
        path = self.root / target
        if target.parts[0] == INCOMING or self._is_outside(target.parent):
            raise InvalidFileNameError(
                f"The path {str(target)!r} is not in a folder for stored files."
            )
        return path

    def _is_outside(self, folder: Path) -> bool:
        """Tell whether a folder below the root leads to somewhere else.

        Only links and ``..`` do. Resolving each path costs as much as storing a file.
        """
        path, leads_away = str(self.root), os.pardir in folder.parts
        for part in folder.parts:
            path = os.path.join(path, part)
            try:
                leads_away = leads_away or stat.S_ISLNK(os.lstat(path).st_mode)
            except OSError:
                break  # what is below will be made, or tells why it cannot be
        return leads_away and not (self.root / folder).resolve().is_relative_to(self.root)

    def _moved(self, stored: str) -> Iterator[Path]:
        parts = Path(stored).parts
        for index, part in enumerate(parts):
            if TASK_FOLDER.fullmatch(part):
                yield self.root.joinpath(*parts[index:])

    @contextmanager
    def _incoming(self, file_: FileContent) -> Iterator[Path]:
        """Write the content to a file that is gone at the end unless it was renamed."""
        incoming = self.root / INCOMING / token_hex(16)
        try:
            with _new_file(incoming) as target:
                copy_content(file_, target)
                target.flush()
                if self._fsync:
                    os.fsync(target.fileno())
            yield incoming
        except OSError as err:
            if isinstance(err, QHAnaError) or err.errno is None:
                raise  # not the file system's: a source that is read over the network
            error = StoreWriteError(
                f"The file could not be stored: {err.strerror}. Nothing of it was kept."
            )
            error.errno = err.errno
            raise error from err
        finally:
            with suppress(OSError):
                incoming.unlink(missing_ok=True)

    def _publish(self, incoming: Path, path: Path) -> bool:
        """Give a complete file its final name; return whether the name was free."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(incoming, path)
        except FileExistsError:
            return False
        except OSError as err:
            if err.errno not in _NO_HARD_LINKS:
                raise
            return _publish_without_links(incoming, path)
        self._sync(path.parent)
        return True

    def _sync(self, folder: Path) -> None:
        if self._fsync:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _new_file(path: Path) -> BinaryIO:
    """Open a new file, in a folder that is usually there."""
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")


def _publish_without_links(incoming: Path, path: Path) -> bool:
    """Take the name first and fill it at once (file systems without hard links)."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    os.replace(incoming, path)
    return True

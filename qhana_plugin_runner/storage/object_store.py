# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The store in S3, or in anything else that fsspec can write to.

An object gets a random key below its task, so nothing is ever replaced. A small file is
one request, a larger one a multipart upload that is completed at its end or aborted: a
reader sees a whole object or none. See ``docs/adr/0020-object-store.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from flask import Flask

from ..db.models.tasks import ProcessingTask, TaskFile
from ..errors import ConfigurationError, QHAnaError
from .content import FileContent, open_content
from .download import Download
from .interface import DEFAULT_MIMETYPE, needs_only_columns
from .names import TASK_FOLDER
from .object_client import ObjectClient
from .served import ServedFileStore

#: Seconds that the check of the store may take.
CHECK_SECONDS = 5.0

_CHECK_FOLDER = ".check"


class ObjectStore(ServedFileStore, name="object_store"):
    """Keeps results at ``task_<id>/out/<random>/<name>`` below ``OBJECT_STORE_URL``.

    Attributes:
        client: the connection to the object store.
        presigned: whether clients download from the object store itself.
    """

    client: ObjectClient
    presigned: bool

    @classmethod
    def why_unused(cls, app: Flask) -> str | None:
        if app.config.get("OBJECT_STORE_URL"):
            return None
        return "the setting OBJECT_STORE_URL is not set"

    def init_app(self, app: Flask) -> None:
        """Read the settings; nothing is connected yet.

        Raises:
            ConfigurationError: the package for this kind of store is not installed, or
                its URLs cannot be signed.
        """
        super().init_app(app)
        self.client = ObjectClient(
            app.config["OBJECT_STORE_URL"], app.config.get("OBJECT_STORE_OPTIONS") or {}
        )
        self.presigned = app.config.get("OBJECT_STORE_DOWNLOAD") == "presigned"
        self._url_seconds = int(app.config.get("OBJECT_STORE_URL_SECONDS", 21_600))
        if self.presigned and not self.client.can_sign:
            raise ConfigurationError(
                "The setting OBJECT_STORE_DOWNLOAD has the value 'presigned', allowed "
                f"for {self.client.protocol} is 'proxied': its URLs cannot be signed."
            )

    def persist_file(
        self, file_: FileContent, target: str | Path, mimetype: str = DEFAULT_MIMETYPE
    ) -> str:
        """Store content under a key below the root; an existing object is replaced.

        Returns:
            The key.
        """
        key = self.prepare_path(target).as_posix()
        with open_content(file_) as source:
            self.client.write(key, source, mimetype)
        return key

    def get_file_url(self, file_storage_data: str, external: bool = True) -> str:
        if not external and self.client.can_sign:
            return self.client.sign(file_storage_data, self._url_seconds)
        row = self._row_of(file_storage_data, file_storage_data)
        return self.get_task_file_url(row)

    @needs_only_columns
    def get_task_file_url(self, task_file: TaskFile, external: bool = True) -> str:
        """Return the URL of the file at this runner, which is valid as long as its task.

        Args:
            task_file: the row of the file.
            external: otherwise a signed URL of the object store, if there are such.
        """
        if not external and self.client.can_sign:
            return self.get_file_url(task_file.file_storage_data, external=False)
        return self._url_at_runner(task_file)

    @contextmanager
    def open(self, task_file: TaskFile) -> Iterator[BinaryIO]:
        with self.client.open(task_file.file_storage_data) as file_:
            yield file_

    def get_download(self, task_file: TaskFile) -> Download:
        key = task_file.file_storage_data
        size, modified = self.client.info(key)
        text = f"{key}-{size}-{modified.timestamp()}"
        return Download(
            size=size,
            etag=hashlib.sha256(text.encode()).hexdigest()[:32],
            modified=modified,
            open=lambda: self.client.open(key),
        )

    def get_redirect(self, task_file: TaskFile, headers: dict[str, str]) -> str | None:
        if not self.presigned:
            return None
        return self.client.sign(task_file.file_storage_data, self._url_seconds, headers)

    def delete_file(self, file_storage_data: str) -> None:
        self.client.delete(file_storage_data)

    def sweep_temporary_files(self, older_than: float) -> int:
        """Abort the uploads of writers that were killed."""
        return self.client.abort_uploads(older_than)

    def task_folders(self) -> Iterator[tuple[int, str]]:
        for name in self.client.folders():
            if task_id := TASK_FOLDER.fullmatch(name):
                yield int(task_id[1]), name

    def delete_task_folder(self, folder: str, limit: float) -> bool:
        newest = self.client.newest(folder)
        if newest is None or newest.timestamp() >= limit:
            return False
        self.client.delete_folder(folder)
        return True

    def check(self) -> str | None:
        key = f"{_CHECK_FOLDER}/{token_hex(16)}"
        try:
            self.client.probe(key, CHECK_SECONDS)
        except QHAnaError as err:
            return err.message
        return None

    def _store(
        self, task: ProcessingTask, file_: FileContent, target: Path, mimetype: str
    ) -> str:
        return self.persist_file(
            file_, target.parent / token_hex(8) / target.name, mimetype
        )

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The base of stores whose files have a URL at this runner (``GET /files/<id>/``)."""

from __future__ import annotations

import re
from urllib.parse import quote

from ..db import DB
from ..db.models.tasks import TaskFile
from ..errors import FileNotFoundInStoreError
from ..util.url_prefixes import numbered_url
from .base import FileStore
from .names import TASK_FOLDER

_PLAIN = re.compile("[A-Za-z0-9_-]+")


class ServedFileStore(FileStore):
    """A store of files below ``task_<id>/`` that the runner serves."""

    def _url_at_runner(self, task_file: TaskFile) -> str:
        """Return the URL of a file, which is valid as long as its task."""
        if task_file.id is None:
            DB.session.flush()
        url = numbered_url("files-api.FileView", "file_id", str(task_file.id))
        tag = task_file.security_tag
        return f"{url}?file-id={tag if _PLAIN.fullmatch(tag) else quote(tag, safe='')}"

    def _row_of(self, file_storage_data: str, path: str) -> TaskFile:
        """Return the row of a stored file.

        Args:
            file_storage_data: what the row says about it.
            path: where it is below the root of the store.

        Raises:
            FileNotFoundInStoreError: it belongs to no task.
        """
        query = DB.select(TaskFile).filter_by(
            storage_provider=self.name, file_storage_data=file_storage_data
        )
        task_id = TASK_FOLDER.match(path)
        if task_id:  # there is an index of tasks, but none of paths
            query = query.filter_by(task_id=int(task_id[1]))
        task_file = DB.session.execute(query.limit(1)).scalar_one_or_none()
        if task_file is None:
            raise FileNotFoundInStoreError(
                f"The file {path!r} belongs to no task, so it has no public URL."
            )
        return task_file

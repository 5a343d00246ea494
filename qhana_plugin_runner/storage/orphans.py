# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Folders of tasks that are gone.

The rows of a task are deleted before its folder: whoever is killed in between, or still
writes for a task that somebody deletes, leaves files that nobody can ask for.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from ..db import DB
from ..db.models.tasks import ProcessingTask
from .handle import STORE
from .local import LocalFileStore

_LOGGER = logging.getLogger(__name__)

_BATCH = 500
_TASK_FOLDER = re.compile(r"task_([0-9]{1,10})")


def delete_orphans(older_than: float) -> int:
    """Delete the folders of tasks that have no row (any more) from local stores.

    Args:
        older_than: seconds since the last change of a folder that may be deleted.

    Returns:
        The number of deleted folders.
    """
    stores = STORE.state.stores.values()
    local = [store for store in stores if isinstance(store, LocalFileStore)]
    return sum(_delete_orphans_below(store.root, older_than) for store in local)


def _delete_orphans_below(root: Path, older_than: float) -> int:
    count = 0
    folders = _old_folders(root, time.time() - older_than)
    while batch := dict(islice(folders, _BATCH)):
        query = sa.select(ProcessingTask.id).where(ProcessingTask.id.in_(batch))
        alive = set(DB.session.scalars(query))
        DB.session.commit()
        for task_id in batch.keys() - alive:
            try:
                shutil.rmtree(batch[task_id])
            except OSError as err:
                _LOGGER.error("The folder of the deleted task %s stays: %s", task_id, err)
            else:
                count += 1
    return count


def _old_folders(root: Path, limit: float) -> Iterator[tuple[int, str]]:
    with suppress(FileNotFoundError), os.scandir(root) as entries:
        for entry in entries:
            task_id = _TASK_FOLDER.fullmatch(entry.name)
            if task_id is None or not entry.is_dir(follow_symlinks=False):
                continue
            changes = (os.stat(path).st_mtime for path, _, _ in os.walk(entry.path))
            if max(changes, default=limit) < limit:
                yield int(task_id[1]), entry.path

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Folders of tasks that are gone.

The rows of a task are deleted before its folder: whoever is killed in between, or still
writes for a task that somebody deletes, leaves files that nobody can ask for.
"""

from __future__ import annotations

import logging
import time
from itertools import islice

import sqlalchemy as sa

from ..db import DB
from ..db.models.tasks import ProcessingTask
from .base import FileStore
from .handle import STORE

_LOGGER = logging.getLogger(__name__)

_BATCH = 500


def delete_orphans(older_than: float) -> int:
    """Delete the folders of tasks that have no row (any more) from all stores.

    Args:
        older_than: seconds since the last change of a folder that may be deleted.

    Returns:
        The number of deleted folders.
    """
    limit = time.time() - older_than
    count = 0
    for store in STORE.state.stores.values():
        try:
            count += _delete_orphans_of(store, limit)
        except OSError as err:
            _LOGGER.warning("The file store %s was not swept: %s", store.name, err)
    return count


def _delete_orphans_of(store: FileStore, limit: float) -> int:
    count = 0
    folders = store.task_folders()
    while batch := dict(islice(folders, _BATCH)):
        query = sa.select(ProcessingTask.id).where(ProcessingTask.id.in_(batch))
        alive = set(DB.session.scalars(query))
        DB.session.commit()
        for task_id in batch.keys() - alive:
            try:
                count += store.delete_task_folder(batch[task_id], limit)
            except OSError as err:
                _LOGGER.error("The folder of the deleted task %s stays: %s", task_id, err)
    return count

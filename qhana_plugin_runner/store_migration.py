# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Moving result files from one store to another while the runner goes on.

Each file is copied, read back and compared; then its row changes in one statement, and
only after the commit the old bytes are deleted. So a reader finds the file at any time,
and whoever is interrupted starts again with the files that are left.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from time import perf_counter
from typing import Any

import sqlalchemy as sa

from .db import DB
from .db.models.tasks import TaskFile
from .errors import StoreMigrationError
from .storage import STORE, FileStore

_LOGGER = logging.getLogger("qhana_plugin_runner.stores")

_BATCH = 200
_CHUNK_SIZE = 1 << 20


class _Counting:
    """Reads from a source and notes how much and what it was."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._hash.update(data)
        self._size += len(data)
        return data

    def digest(self) -> tuple[int, str]:
        """Read what is left; return size in bytes and checksum of everything."""
        while self.read(_CHUNK_SIZE):
            continue
        return self._size, self._hash.hexdigest()


@dataclass(frozen=True)
class Moved:
    """What happened to one file.

    Attributes:
        file_id: id of its row.
        size: length in bytes.
        problem: why it stays where it is, empty if it was moved.
    """

    file_id: int
    size: int = 0
    problem: str = ""


def migratable_store(name: str) -> FileStore:
    """Return a store whose files can be moved.

    Raises:
        StoreNotFoundError: there is no such store.
        StoreMigrationError: it keeps references instead of bytes.
    """
    store = STORE[name]
    if not store.keeps_content:
        raise StoreMigrationError(
            f"The store {name} keeps no bytes but references, which cannot be moved."
        )
    return store


def files_to_move(source: str, task_id: int | None = None) -> int:
    """Return the number of files in a store.

    Args:
        source: name of the store.
        task_id: only count the files of this task.
    """
    query = sa.select(sa.func.count()).select_from(TaskFile)
    return DB.session.execute(query.where(*_in(source, task_id))).scalar_one()


def migrate(source: str, target: str, task_id: int | None = None) -> Iterator[Moved]:
    """Move files one after the other; a file that fails stays where it is.

    Args:
        source: name of the store that has the files.
        target: name of the store that gets them.
        task_id: only move the files of this task.

    Yields:
        What happened to each file.

    Raises:
        StoreNotFoundError: there is no such store.
        StoreMigrationError: the two are one store, or one of them keeps no bytes.
    """
    if source == target:
        raise StoreMigrationError(f"The files of {source} are in that store already.")
    stores = migratable_store(source), migratable_store(target)
    last = 0
    while True:
        query = sa.select(TaskFile.id).where(*_in(source, task_id), TaskFile.id > last)
        ids = DB.session.scalars(query.order_by(TaskFile.id).limit(_BATCH)).all()
        DB.session.commit()
        for last in ids:
            yield _move(last, *stores)
        if not ids:
            return


def _in(source: str, task_id: int | None) -> list[sa.ColumnElement[bool]]:
    conditions = [TaskFile.storage_provider == source]
    if task_id is not None:
        conditions.append(TaskFile.task_id == task_id)
    return conditions


def _move(file_id: int, source: FileStore, target: FileStore) -> Moved:
    file_ = DB.session.get(TaskFile, file_id, populate_existing=True)
    if file_ is None or file_.storage_provider != source.name:
        return Moved(file_id)  # somebody else was faster
    try:
        return _copy_and_switch(file_, source, target)
    except Exception as err:
        DB.session.rollback()
        _LOGGER.debug("The file %s was not moved.", file_id, exc_info=True)
        problem = f"{type(err).__name__}: {err}"
        return Moved(file_id, problem=f"{file_.file_name!r} ({file_id}): {problem}")


def _copy_and_switch(file_: TaskFile, source: FileStore, target: FileStore) -> Moved:
    file_id, old = file_.id, file_.file_storage_data
    with source.open(file_) as opened:
        content = _Counting(opened)
        new = target.store_copy(file_, content)  # type: ignore[arg-type]
        expected = content.digest()
    DB.session.commit()  # SQLite refuses to write on top of an old read
    switched = False
    try:
        if _digest_of(target, new) != expected:
            raise StoreMigrationError(f"The copy in {target.name} has other bytes.")
        changed = DB.session.execute(
            sa.update(TaskFile)
            .where(TaskFile.id == file_id, *_in(source.name, None))
            .where(TaskFile.file_storage_data == old)
            .values(storage_provider=target.name, file_storage_data=new)
            .execution_options(synchronize_session=False)
        )
        DB.session.commit()
        switched = bool(changed.rowcount)  # type: ignore[attr-defined]
    finally:
        if not switched:
            target.delete_file(new)
    if switched:
        source.delete_file(old)
    return Moved(file_id, expected[0])


def _digest_of(store: FileStore, stored: str) -> tuple[int, str]:
    with store.open(_unsaved_row(store, stored)) as opened:
        return _Counting(opened).digest()


def _unsaved_row(store: FileStore, stored: str) -> TaskFile:
    return TaskFile(
        task=None,
        security_tag="",
        storage_provider=store.name,
        file_name="file",
        file_storage_data=stored,
        file_type=None,
    )


@dataclass(frozen=True)
class Probe:
    """How long a store took for a probe file (seconds)."""

    write: float
    read: float
    delete: float


def probe(store: FileStore, size: int) -> Probe:
    """Write, read and delete a file of random bytes.

    Args:
        store: the store to try.
        size: length of the file in bytes.

    Raises:
        StoreMigrationError: the store returned other bytes.
        OSError: the store failed.
    """
    content = token_hex(size // 2 + 1).encode()[:size]
    target = Path(".check") / token_hex(16)
    stored = store._get_file_identifier(target)
    times = [perf_counter()]
    try:
        store.persist_file(content, target)
        times.append(perf_counter())
        expected = size, hashlib.sha256(content).hexdigest()
        if _digest_of(store, stored) != expected:
            raise StoreMigrationError(f"The store {store.name} returns other bytes.")
        times.append(perf_counter())
    finally:
        store.delete_file(stored)
    times.append(perf_counter())
    return Probe(*(end - start for start, end in zip(times, times[1:], strict=False)))

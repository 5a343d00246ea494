# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``STORE``: the one handle to all file stores of the current app."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from flask import Flask, current_app
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import object_session

from ..db.models.task_record import FileRecord
from ..db.models.tasks import TaskFile
from ..errors import FileNotFoundInStoreError, StoreNotFoundError
from .base import FileStore
from .content import FileContent
from .interface import DEFAULT_MIMETYPE, FileStoreInterface
from .measured import measured

_LOGGER = logging.getLogger(__name__)
_EXTENSION = "qhana-stores"


@dataclass
class StoreState:
    """The stores of one app.

    Attributes:
        default: name of the store that is used if none is named.
        stores: the stores that can be used, by name.
        failures: why other stores cannot be used, by name.
    """

    default: str
    stores: dict[str, FileStore] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class FileStoreRegistry(FileStoreInterface):
    """Forwards to the default store, to the one that is named, or to a file's own."""

    def init_app(self, app: Flask) -> None:
        """Make this app's instances of all stores; call it after plugins are loaded.

        A store that raises is not available, which is no reason not to start.
        """
        state = StoreState(
            default=app.config.get("DEFAULT_FILE_STORE", "local_filesystem")
        )
        for name, store_class in FileStore.classes.items():
            unused = store_class.why_unused(app)
            if unused is not None:
                state.failures[name] = unused
                continue
            try:
                store = store_class(app=app)
                store.init_app(app)
            except Exception as err:
                reason = f"{type(err).__name__}: {err}"
                state.failures[name] = reason
                _LOGGER.warning("The file store %s is not available: %s", name, reason)
                _LOGGER.debug("The file store %s failed here.", name, exc_info=True)
            else:
                state.stores[name] = store
        app.extensions[_EXTENSION] = state
        if state.default not in state.stores:
            _LOGGER.error("Results cannot be stored. %s", _missing(state, state.default))

    @property
    def state(self) -> StoreState:
        """The stores of the current app."""
        return current_app.extensions[_EXTENSION]

    def __getitem__(self, name: str) -> FileStore:
        """Return a store.

        Raises:
            StoreNotFoundError: a ``KeyError``; with the reason if the store failed.
        """
        state = self.state
        try:
            return state.stores[name]
        except KeyError:
            raise StoreNotFoundError(_missing(state, name)) from None

    def __contains__(self, name: object) -> bool:
        return name in self.state.stores

    def persist_task_result(
        self,
        task_db_id: int,
        file_: FileContent,
        file_name: str,
        file_type: str,
        mimetype: str | None,
        commit: bool = True,
        storage_provider: str | None = None,
    ) -> TaskFile:
        """Store a result in the named or the default store, see the interface."""
        return self._named(storage_provider).persist_task_result(
            task_db_id, file_, file_name, file_type, mimetype, commit=commit
        )

    def persist_task_temp_file(
        self,
        task_db_id: int,
        file_: FileContent,
        file_name: str,
        mimetype: str | None = None,
        commit: bool = True,
        storage_provider: str | None = None,
    ) -> TaskFile:
        """Store an intermediate file in the named or the default store."""
        return self._named(storage_provider).persist_task_temp_file(
            task_db_id, file_, file_name, mimetype, commit=commit
        )

    def persist_file(
        self,
        file_: FileContent,
        target: str | Path,
        mimetype: str = DEFAULT_MIMETYPE,
        storage_provider: str | None = None,
    ) -> Any:
        """Store content without a row in the named or the default store."""
        return self._named(storage_provider).persist_file(file_, target, mimetype)

    def get_file_url(
        self,
        file_storage_data: str,
        external: bool = True,
        storage_provider: str | None = None,
    ) -> str:
        """Return the URL of a file in the named or the default store."""
        store = self._named(storage_provider)
        return store.get_file_url(file_storage_data, external=external)

    def get_task_file_url(self, task_file: TaskFile, external: bool = True) -> str:
        """Return the URL of a file in the store that keeps it."""
        return self[task_file.storage_provider].get_task_file_url(
            task_file, external=external
        )

    def record_urls(self) -> Callable[[FileRecord], str]:
        """Return what tells the absolute URLs of files that are known by their columns.

        A document may have many. It is valid for the current request, and raises:

        * ``StoreNotFoundError``, a ``KeyError``: nobody knows the store;
        * ``FileNotFoundInStoreError``: the store asks for the row, which was deleted.
        """
        stores: dict[str, Callable[[FileRecord], str]] = {}

        def url_of(file: FileRecord) -> str:
            name = file.storage_provider
            if name not in stores:
                stores[name] = self._record_url_of(self[name])
            return stores[name](file)

        return url_of

    def _record_url_of(self, store: FileStore) -> Callable[[FileRecord], str]:
        get_url: Any = store.get_task_file_url
        if getattr(get_url, "needs_only_columns", False):
            return partial(get_url, external=True)

        def with_row(file: FileRecord) -> str:
            row = TaskFile.get_by_id(file.id)
            if row is None:
                raise FileNotFoundInStoreError(f"The file {file.id} was deleted.")
            return get_url(row, external=True)

        return with_row

    @contextmanager
    def open(self, task_file: TaskFile) -> Iterator[BinaryIO]:
        """Open a file in the store that keeps it; use it in a ``with`` statement."""
        with ExitStack() as stack:
            try:
                store = self[task_file.storage_provider]
                file_ = stack.enter_context(store.open(task_file))
            except FileNotFoundInStoreError:
                if not self.was_moved(task_file):
                    raise
                store = self[task_file.storage_provider]
                file_ = stack.enter_context(store.open(task_file))
            yield file_

    def was_moved(self, task_file: TaskFile) -> bool:
        """Read the row of a missing file again; return whether it is elsewhere now.

        Args:
            task_file: the row as it was read some time ago; it is refreshed.
        """
        before = task_file.storage_provider, task_file.file_storage_data
        session = object_session(task_file)
        if session is not None:
            try:
                session.refresh(task_file, ["storage_provider", "file_storage_data"])
            except InvalidRequestError:  # the row is gone
                return False
        return (task_file.storage_provider, task_file.file_storage_data) != before

    def delete_task_files(self, task_files: Iterable[TaskFile]) -> list[str]:
        """Delete the bytes of files; their rows stay.

        Returns:
            A sentence for each file that could not be deleted.
        """
        problems = []
        for task_file in task_files:
            try:
                store = self[task_file.storage_provider]
                with measured(store.name, "delete"):
                    store.delete_file(task_file.file_storage_data)
            except Exception as err:
                problems.append(
                    f"The file {task_file.file_name!r} ({task_file.id}) was not deleted: "
                    f"{str(err) or type(err).__name__}"
                )
        return problems

    def sweep_temporary_files(self, older_than: float) -> int:
        """Delete what interrupted writers left in any store.

        Args:
            older_than: seconds since the last write to a file that may be deleted.

        Returns:
            The number of deleted files.
        """
        count = 0
        for store in self.state.stores.values():
            try:
                count += store.sweep_temporary_files(older_than)
            except OSError as err:
                _LOGGER.warning("The file store %s was not swept: %s", store.name, err)
        return count

    def check(self) -> str | None:
        """Return why the default store cannot take files now, ``None`` if it can."""
        state = self.state
        if state.default not in state.stores:
            return _missing(state, state.default)
        return state.stores[state.default].check()

    def _named(self, name: str | None) -> FileStore:
        return self[name or self.state.default]


STORE = FileStoreRegistry()


def _missing(state: StoreState, name: str) -> str:
    if name in state.failures:
        return f"The file store {name!r} is not available: {state.failures[name]}"
    return (
        f"There is no file store {name!r}. Set DEFAULT_FILE_STORE (or the plugin's "
        f"argument) to one of {', '.join(sorted(state.stores))}, or add the plugin that "
        "provides it."
    )

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""File stores: ``STORE`` keeps the results of tasks, ``FileStore`` is how to add one."""

from .base import FileStore
from .content import FileContent, copy_content, open_content
from .download import Download
from .handle import STORE, FileStoreRegistry
from .interface import FileStoreInterface
from .local import LocalFileStore
from .object_store import ObjectStore
from .url import UrlFileStore

__all__ = [
    "STORE",
    "FileContent",
    "FileStore",
    "FileStoreInterface",
    "FileStoreRegistry",
    "Download",
    "LocalFileStore",
    "ObjectStore",
    "UrlFileStore",
    "copy_content",
    "init_app",
    "open_content",
]

init_app = STORE.init_app

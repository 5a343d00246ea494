# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a store tells the files endpoint about a file that it serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Download:
    """A file that ``GET /files/<id>/`` can send.

    Attributes:
        size: length in bytes.
        etag: changes with the content.
        modified: when the content was written (aware).
        open: opens the content for reading; the file can seek.
        path: where the content is on this machine, if it is there.
        root: the folder of the store that the path is below.
    """

    size: int
    etag: str
    modified: datetime
    open: Callable[[], BinaryIO]
    path: Path | None = None
    root: Path | None = None

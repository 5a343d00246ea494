# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Warning of plugins whose import takes long, while it still runs.

Nothing answers until all plugins are imported: whoever waits must learn for what.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOGGER = logging.getLogger("qhana_plugin_runner.plugin_loader")
_LOOKS = 5


class SlowImports:
    """One thread looks after all imports: a timer for each made starting up slower.

    Args:
        seconds: how long an import may take without a warning.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._current: tuple[Path, float] | None = None
        self._end = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Warn within the context; files are named with :meth:`importing`."""
        thread = threading.Thread(
            target=self._watch, name="qhana-slow-imports", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    @contextmanager
    def importing(self, file: Path) -> Iterator[None]:
        """Warn if the context takes too long."""
        start = time.monotonic()
        self._current = (file, start)
        try:
            yield
        finally:
            self._current = None
            seconds = time.monotonic() - start
            if seconds > self._seconds:
                _LOGGER.warning("Importing %s took %.0f seconds.", file, seconds)

    def _watch(self) -> None:
        named = None
        while not self._end.wait(self._seconds / _LOOKS):
            current = self._current
            if current is None or current == named:
                continue
            file, start = current
            if time.monotonic() - start > self._seconds:
                _LOGGER.warning(
                    "Importing %s takes longer than %.0f seconds. The service starts "
                    "after it.",
                    *(file, self._seconds),
                )
                named = current

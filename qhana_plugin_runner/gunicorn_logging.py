# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The log of gunicorn's main process, which has no application.

``gunicorn --logger-class qhana_plugin_runner.gunicorn_logging.RunnerLogger`` follows the
environment variable ``LOG_FORMAT``; files with settings are read later, by its workers.
"""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from .config.load import environment_setting
from .util.logging import JsonLineFormatter


class RunnerLogger(Logger):
    """gunicorn's logger, with JSON lines if the environment asks for them."""

    def setup(self, cfg: Any) -> None:
        """Set the handlers up.

        Args:
            cfg: gunicorn's configuration.
        """
        super().setup(cfg)
        if environment_setting("LOG_FORMAT") == "json":
            for logger in (self.error_log, self.access_log):
                for handler in logger.handlers:
                    handler.setFormatter(JsonLineFormatter())

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""gunicorn's configuration file: what its command line cannot say."""

from typing import Any

worker_class = "tooling.gunicorn_worker.PatientWorker"


def on_starting(server: Any) -> None:
    """Let SIGINT (Ctrl-C) finish running requests, as SIGTERM does."""
    server.handle_int = server.handle_term

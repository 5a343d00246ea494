# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Every ``flask`` command of the runner."""

from __future__ import annotations

from flask import Flask

from .db.cli import DB_CLI
from .doctor_cli import doctor_command
from .plugins_cli import PLUGIN_CLI
from .store_cli import STORE_CLI
from .task_cli import TASK_CLI
from .token_cli import TOKEN_CLI

__all__ = ["DB_CLI", "PLUGIN_CLI", "STORE_CLI", "TASK_CLI", "init_app"]


def init_app(app: Flask) -> None:
    """Add the commands to the app."""
    for group in (DB_CLI, PLUGIN_CLI):
        for command in group.commands.values():
            app.cli.add_command(command)
    app.cli.add_command(TASK_CLI)
    app.cli.add_command(TOKEN_CLI)
    app.cli.add_command(STORE_CLI)
    app.cli.add_command(doctor_command)

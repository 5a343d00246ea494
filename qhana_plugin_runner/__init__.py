# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""QHAna plugin runner: turns a folder of Python plugins into web services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask
    from flask.cli import FlaskGroup

    cli: FlaskGroup

APP_NAME = "qhana_plugin_runner"

__all__ = ["APP_NAME", "cli", "create_app"]


def create_app(
    test_config: Mapping[str, Any] | None = None, silent_log: bool = False
) -> Flask:
    """Build the web application with all plugins.

    Args:
        test_config: settings that replace configuration files and environment variables.
        silent_log: do not attach the runner's log handler.

    Returns:
        The Flask application; each call builds a new one.

    Raises:
        ConfigurationError: if a setting is malformed.
    """
    from .start_up import nothing_collected  # importing the package must stay cheap

    with nothing_collected():
        from .app import build_app

        return build_app(test_config, silent_log)


def __getattr__(name: str) -> Any:
    """Make ``cli``, the group of all commands for tools that document them.

    It is made when somebody asks for it: importing the package must stay cheap.
    """
    if name != "cli":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flask.cli import FlaskGroup

    group = globals()[name] = FlaskGroup(name="flask", create_app=create_app)
    return group

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Every ``flask`` command of the runner."""

from __future__ import annotations

import sys

import click
from flask import Flask
from flask.cli import with_appcontext

from . import plugin_requirements
from .db.cli import DB_CLI
from .errors import PluginRequirementsError
from .plugin_loader import FAILED, PluginEntry, get_load_report
from .task_cli import TASK_CLI

PLUGIN_CLI = click.Group(
    "plugin-commands", help="Inspect plugins, install what they need."
)


def init_app(app: Flask) -> None:
    """Add the commands to the app."""
    for group in (DB_CLI, PLUGIN_CLI):
        for command in group.commands.values():
            app.cli.add_command(command)
    app.cli.add_command(TASK_CLI)


@PLUGIN_CLI.command("plugins")
@with_appcontext
def list_plugins() -> None:
    """List the plugins with their state; exit with 1 if one has failed."""
    entries = get_load_report().entries
    rows = [("IDENTIFIER", "MODULE", "FOLDER", "STATE", "REASON")]
    for entry in entries:
        label = entry.identifier or "@".join(filter(None, (entry.name, entry.version)))
        reason = " ".join(entry.reason.split()) or _missing(entry)
        rows.append((label or "-", entry.module, entry.folder, entry.state, reason))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[4]]).rstrip())
    failed = sum(entry.state == FAILED for entry in entries)
    click.echo(f"{len(entries) - failed} loaded, {failed} failed", err=True)
    if failed:
        sys.exit(1)


def _missing(entry: PluginEntry) -> str:
    if entry.plugin is None:
        return ""
    try:
        lines = plugin_requirements.missing(entry.plugin)
    except PluginRequirementsError as err:
        return str(err)
    return f"not installed: {', '.join(lines)} (flask install)" if lines else ""


@PLUGIN_CLI.command("install")
@click.option("-d", "--dry-run", is_flag=True, help="Only print the requirements.")
@click.option(
    "-s",
    "--skip-runner-dependencies",
    "--skip-runner-requirements",
    "skip_runner",
    is_flag=True,
    help="Leave out the runner's own requirements.",
)
@click.option(
    "--only-with-tests", is_flag=True, help="Only plugins that have tests (test_*.py)."
)
@with_appcontext
def install(dry_run: bool, skip_runner: bool, only_with_tests: bool) -> None:
    """Install the requirements of all loaded plugins with one call of pip."""
    try:
        runner = plugin_requirements.runner_requirements()
        plugins = plugin_requirements.collect(
            get_load_report().plugins.values(), only_with_tests
        )
        if dry_run:
            text = plugin_requirements.requirements_file(
                plugins, [] if skip_runner else runner
            )
            click.echo(text, nl=False)
        conflicts = plugin_requirements.find_conflicts(plugins, runner)
        if conflicts:
            raise PluginRequirementsError("\n".join(conflicts))
        if not dry_run:
            plugin_requirements.install(plugins, not skip_runner, runner)
    except PluginRequirementsError as err:
        raise click.ClickException(str(err)) from err

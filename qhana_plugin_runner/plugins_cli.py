# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ``flask`` commands about plugins: list, make, check, install what they need."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import indent

import click
from flask import current_app
from flask.cli import with_appcontext

from . import plugin_requirements, plugin_scaffold
from .errors import PluginRequirementsError, PluginScaffoldError
from .plugin_check import check_plugin
from .plugin_loader import FAILED, PluginEntry, get_load_report

PLUGIN_CLI = click.Group(
    "plugin-commands", help="Inspect plugins, install what they need."
)


@PLUGIN_CLI.group("plugins", invoke_without_command=True)
@click.pass_context
def plugins_group(context: click.Context) -> None:
    """List, make and check plugins; without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_plugins)


@plugins_group.command("new")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The plugin folder (default: the first one of PLUGIN_FOLDERS).",
)
@click.option("--package", is_flag=True, help="Write a package instead of a module.")
@with_appcontext
def new_plugin(name: str, folder: Path | None, package: bool) -> None:
    """Write a new plugin with a test and a page of documentation."""
    configured = [Path(path) for path in current_app.config.get("PLUGIN_FOLDERS") or []]
    target = folder or next(iter(configured), None)
    if target is None:
        raise click.ClickException("Name a --folder: PLUGIN_FOLDERS is empty.")
    try:
        files = plugin_scaffold.write_plugin(name, target, package)
    except PluginScaffoldError as err:
        raise click.ClickException(str(err)) from err
    for path in files:
        click.echo(f"wrote {path}")
    tests = next(path for path in files if path.name.startswith("test_"))
    plugin = tests.stem.removeprefix("test_").replace("_", "-")
    click.echo(f"Test it:  pytest {tests}")
    click.echo(f"Check it: flask plugins check {plugin}")
    if target.resolve() not in [path.resolve() for path in configured]:
        click.echo(f"Add {target} to PLUGIN_FOLDERS, so that the runner loads it.")


@plugins_group.command("check")
@click.argument("name", required=False)
@with_appcontext
def check_plugins(name: str | None) -> None:
    """Check all plugins, or those that NAME names; exit with 1 if there is a problem.

    NAME is a name, an identifier (name@v1-0-0) or a module. Nothing is stored and no task
    is started.
    """
    entries = get_load_report().entries
    if name is not None:
        entries = [
            entry
            for entry in entries
            if name in (entry.name, entry.module, entry.identifier)
        ]
        if not entries:
            raise click.ClickException(
                f"No plugin is named {name!r}; flask plugins lists all of them."
            )
    problems = 0
    for entry in entries:
        findings = check_plugin(entry)
        problems += sum(finding.is_problem for finding in findings)
        click.echo(f"{entry.identifier or entry.module}: {'' if findings else 'fine'}")
        for finding in findings:
            click.echo(indent(str(finding), "  "))
    click.echo(f"{len(entries)} checked, {problems} problems", err=True)
    if problems:
        sys.exit(1)


@plugins_group.command("list")
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
    """Install the requirements of all loaded plugins with one call of pip.

    A plugin that cannot say what it requires is left out; then the exit status is 1.
    """
    plugins, problems = plugin_requirements.collect(
        get_load_report().plugins.values(), only_with_tests
    )
    try:
        runner = plugin_requirements.runner_requirements()
        if dry_run:
            text = plugin_requirements.requirements_file(
                plugins, [] if skip_runner else runner
            )
            click.echo(text, nl=False)
        conflicts = plugin_requirements.find_conflicts(plugins, runner)
        problems.extend(conflicts)
        if not dry_run and not conflicts:
            plugin_requirements.install(plugins, not skip_runner, runner)
    except PluginRequirementsError as err:
        problems.append(str(err))
    if problems:
        raise click.ClickException("\n".join(problems))

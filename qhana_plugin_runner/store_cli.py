# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ``flask store`` commands, for operators."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from .errors import QHAnaError
from .storage import STORE
from .store_migration import files_to_move, migratable_store, migrate, probe

STORE_CLI = click.Group("store", help="Check file stores, move files between them.")


@STORE_CLI.command("check")
@click.option(
    "--size",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    help="Length of the probe file in KiB.",
)
@with_appcontext
def check_command(size: int) -> None:
    """Write, read and delete a file in each store; exit with 1 if one fails."""
    state = STORE.state
    failed = state.default not in state.stores
    for name in sorted({*state.stores, *state.failures}):
        label = f"{name} (default)" if name == state.default else name
        if name in state.failures:
            click.echo(f"{label}: not available, {state.failures[name]}")
            continue
        if not state.stores[name].keeps_content:
            click.echo(f"{label}: keeps references only")
            continue
        try:
            times = probe(state.stores[name], size * 1024)
        except (QHAnaError, OSError, NotImplementedError) as err:
            click.echo(f"{label}: FAILED, {err}")
            failed = True
            continue
        click.echo(
            f"{label}: ok, write {times.write * 1000:.0f} ms, "
            f"read {times.read * 1000:.0f} ms, delete {times.delete * 1000:.0f} ms"
        )
    if failed:
        sys.exit(1)


@STORE_CLI.command("migrate")
@click.argument("source")
@click.argument("target")
@click.option("--task", "task_id", type=int, help="Only the files of this task.")
@click.option("-d", "--dry-run", is_flag=True, help="Only count the files.")
@with_appcontext
def migrate_command(source: str, target: str, task_id: int | None, dry_run: bool) -> None:
    """Move all result files from the store SOURCE to the store TARGET.

    Server and workers may go on. Each copy is read back and compared before the original
    is deleted. An interrupted migration is continued by the same command. Exits with 1 if
    a file could not be moved.
    """
    try:
        for name in (source, target):
            migratable_store(name)
        total = files_to_move(source, task_id)
        if dry_run:
            click.echo(f"{total} files would be moved from {source} to {target}.")
            return
        problems, count, size = _migrate(source, target, task_id, total)
    except QHAnaError as err:
        raise click.ClickException(err.message) from err
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    click.echo(f"{count} files ({size} bytes) moved, {len(problems)} failed.", err=True)
    if problems:
        sys.exit(1)


def _migrate(
    source: str, target: str, task_id: int | None, total: int
) -> tuple[list[str], int, int]:
    problems, count, size = [], 0, 0
    with click.progressbar(length=total, label=f"{source} to {target}") as bar:
        for moved in migrate(source, target, task_id):
            bar.update(1)
            if moved.problem:
                problems.append(moved.problem)
            else:
                count += 1
                size += moved.size
    return problems, count, size

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ``flask tasks`` commands, for operators."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import click
from flask.cli import with_appcontext

from .cancelling import cancel_task
from .db.models.tasks import ProcessingTask, TaskState
from .errors import TaskInUseError
from .retention import RetentionRules, clean_up, delete_task
from .task_list import STATES_OF_STATUS, TaskFilter, list_tasks

_TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]

TASK_CLI = click.Group("tasks", help="List, show, cancel and delete tasks.")


def _utc(_context: Any, _parameter: Any, value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=timezone.utc)


@TASK_CLI.command("list")
@click.option("--state", type=click.Choice([state.value for state in TaskState]))
@click.option("--status", type=click.Choice(sorted(STATES_OF_STATUS)))
@click.option("--plugin", help="Identifier or name of a plugin.")
@click.option(
    "--since",
    type=click.DateTime(_TIME_FORMATS),
    callback=_utc,
    help="Submitted at this time (UTC) or later.",
)
@click.option(
    "--until",
    type=click.DateTime(_TIME_FORMATS),
    callback=_utc,
    help="Submitted at this time (UTC) or earlier.",
)
@click.option("--owner", help="Name of whom the tasks belong to.")
@click.option("--before", type=int, help="Only tasks with smaller ids.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=25, show_default=True)
@with_appcontext
def list_command(limit: int, before: int | None, **filters: Any) -> None:
    """List tasks, newest first."""
    page = list_tasks(TaskFilter(**filters), limit, before)
    rows = [("ID", "STATE", "SUBMITTED (UTC)", "SECONDS", "NAME")]
    for task in page.tasks:
        seconds = "-"
        if task.finished_at is not None:
            seconds = f"{(task.finished_at - task.started_at).total_seconds():.1f}"
        started = f"{task.started_at:%Y-%m-%d %H:%M:%S}"
        rows.append((str(task.id), task.state, started, seconds, task.task_name))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[4]]))
    if page.next_before is not None:
        click.echo(f"More: --before {page.next_before}", err=True)


@TASK_CLI.command("show")
@click.argument("task_id", type=int)
@with_appcontext
def show_command(task_id: int) -> None:
    """Show a task with its steps, files and log."""
    task = ProcessingTask.get_by_id(task_id)
    if task is None:
        raise click.ClickException(_unknown(task_id))
    values = {
        "id": task.id,
        "name": task.task_name,
        "state": task.state,
        "status": task.status,
        "submitted": task.started_at.isoformat(),
        "last started": task.running_since and task.running_since.isoformat(),
        "ended": task.finished_at and task.finished_at.isoformat(),
        "attempts": task.attempts,
        "worker": task.worker_id,
        "owner": task.owner,
        "progress": task.progress_value is not None
        and f"{task.progress_value:g} of {task.progress_target:g} {task.progress_unit}",
    }
    for key, value in values.items():
        if value:
            click.echo(f"{key + ':':13} {value}")
    for step in task.steps:
        cleared = "cleared" if step.cleared else "waits for input"
        click.echo(f"step:         {step.step_id} ({cleared})")
    for file in task.outputs:
        where = f"{file.file_type}, {file.mimetype}, {file.storage_provider}"
        click.echo(f"file:         {file.file_name} ({where})")
    if task.task_log:
        click.echo(f"\n{task.task_log}")


@TASK_CLI.command("cancel")
@click.argument("task_ids", type=int, nargs=-1, required=True, metavar="TASK_ID…")
@with_appcontext
def cancel_command(task_ids: Sequence[int]) -> None:
    """Cancel tasks; exit with 1 if one of them cannot be cancelled."""
    problems = []
    for task_id in task_ids:
        if cancel_task(task_id):
            click.echo(f"Task {task_id} is cancelled.")
            continue
        task = ProcessingTask.get_by_id(task_id)
        ended = "" if task is None else f"Task {task_id} has already ended: {task.state}."
        problems.append(ended or _unknown(task_id))
    _exit_with(problems)


@TASK_CLI.command("delete")
@click.argument("task_ids", type=int, nargs=-1, required=True, metavar="TASK_ID…")
@with_appcontext
def delete_command(task_ids: Sequence[int]) -> None:
    """Delete tasks with their files; exit with 1 if one of them cannot be deleted.

    Tasks that have not ended are cancelled first.
    """
    problems = []
    for task_id in task_ids:
        try:
            if delete_task(task_id):
                click.echo(f"Task {task_id} is deleted.")
            else:
                problems.append(_unknown(task_id))
        except TaskInUseError as err:
            problems.append(err.message)
    _exit_with(problems)


@TASK_CLI.command("cleanup")
@click.option("-d", "--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--days",
    type=click.FloatRange(0),
    help="Delete tasks that ended this many days ago, instead of what the settings say.",
)
@with_appcontext
def clean_up_command(dry_run: bool, days: float | None) -> None:
    """Delete old tasks with their files, and files without a task.

    The settings TASK_RETENTION_DAYS, TASK_FAILED_RETENTION_DAYS and TASK_ABANDONED_DAYS
    say what is old.
    """
    rules = None if days is None else RetentionRules(finished=days, failed=days)
    report = clean_up(dry_run=dry_run, rules=rules)
    if dry_run:
        for verb, ids in (
            ("delete", report.deleted),
            ("cancel", report.cancelled),
            ("keep", report.in_use),
        ):
            for task_id in ids:
                click.echo(f"{verb} {task_id}")
    click.echo(f"{'Dry run: ' if dry_run else ''}{report}.", err=True)


def _unknown(task_id: int) -> str:
    return f"There is no task {task_id}."


def _exit_with(problems: Sequence[str]) -> None:
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        sys.exit(1)

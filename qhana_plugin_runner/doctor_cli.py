# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ``flask doctor`` command."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click
from flask import current_app
from flask.cli import with_appcontext

from . import doctor
from .doctor import Advice, Verdict


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@with_appcontext
def doctor_command(as_json: bool) -> None:
    """Check the configuration and say what to fix; exit with 1 if something must be.

    Looks at the settings, database, broker, file store, workers, clocks, disks and
    plugins as this machine sees them.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    found = doctor.examine(app)
    worst = {advice.verdict for all_advice in found.values() for advice in all_advice}
    if as_json:
        click.echo(json.dumps(_document(found), indent=2))
    else:
        _print(found)
    if Verdict.FAIL in worst:
        sys.exit(1)


def _document(found: dict[str, list[Advice]]) -> dict[str, list[dict[str, str]]]:
    return {name: [asdict(advice) for advice in given] for name, given in found.items()}


def _print(found: dict[str, list[Advice]]) -> None:
    colors = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
    width = max(map(len, found))
    for name, all_advice in found.items():
        for advice in all_advice:
            verdict = click.style(f"{advice.verdict.value:4}", fg=colors[advice.verdict])
            click.echo(f"{verdict}  {name:{width}}  {advice.message}")
            if advice.advice:
                click.echo(f"{'':{width + 8}}-> {advice.advice}")
    counts = {
        verdict: sum(a.verdict is verdict for given in found.values() for a in given)
        for verdict in Verdict
    }
    click.echo(
        f"{counts[Verdict.OK]} ok, {counts[Verdict.WARN]} to look at, "
        f"{counts[Verdict.FAIL]} to fix.",
        err=True,
    )

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ``flask token`` commands, for operators."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click
from flask.cli import with_appcontext

from .access_tokens import create_token, list_tokens, revoke_token
from .db.models.access_tokens import AccessToken
from .db.models.base import utc_now
from .errors import AccessTokenError

TOKEN_CLI = click.Group("token", help="Give out access tokens, list and revoke them.")

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _lifetime(_context: Any, _parameter: Any, value: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,4})([mhdw])", value)
    if match is None or not int(match[1]):
        raise click.BadParameter("a number and a unit, such as 90m, 12h, 30d or 52w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@TOKEN_CLI.command("create")
@click.argument("subject")
@click.option(
    "--expires",
    "lifetime",
    default="30d",
    show_default=True,
    callback=_lifetime,
    help="How long it is valid: a number and m, h, d or w.",
)
@click.option("--admin", is_flag=True, help="Its bearer may see everybody's tasks.")
@click.option("--description", default="", help="What the token is for.")
@with_appcontext
def create_command(
    subject: str, lifetime: timedelta, admin: bool, description: str
) -> None:
    """Print a new token for SUBJECT, who is the owner of what is done with it.

    The token is shown only once.
    """
    try:
        row, token = create_token(subject, lifetime, admin, description)
    except AccessTokenError as err:
        raise click.ClickException(str(err)) from err
    click.echo(token)
    until = f"{row.expires_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"Token {row.id} for {row.subject}, valid until {until}.", err=True)


@TOKEN_CLI.command("list")
@with_appcontext
def list_command() -> None:
    """List the tokens that were given out, newest first."""
    rows = [("ID", "STATE", "EXPIRES (UTC)", "SUBJECT", "DESCRIPTION")]
    for token in list_tokens():
        subject = f"{token.subject} (admin)" if token.is_admin else token.subject
        expires = f"{token.expires_at:%Y-%m-%d %H:%M}"
        row = (str(token.id), _state(token), expires, subject, token.description)
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[4]]).rstrip())


def _state(token: AccessToken) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "valid" if token.expires_at > utc_now() else "expired"


@TOKEN_CLI.command("revoke")
@click.argument("token_id", type=int)
@with_appcontext
def revoke_command(token_id: int) -> None:
    """Revoke the token with the number TOKEN_ID; it is refused within seconds."""
    try:
        row = revoke_token(token_id)
    except AccessTokenError as err:
        raise click.ClickException(str(err)) from err
    click.echo(f"Token {row.id} of {row.subject} is revoked.")

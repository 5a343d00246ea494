# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""All examinations, one after the other in the report and all at once in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Flask

from ..bounded_calls import BoundedCalls, Outcome
from . import configuration, surroundings
from .findings import Advice, fail

Examination = Callable[[], Iterator[Advice]]

EXAMINATIONS: dict[str, Examination] = {
    "dependencies": configuration.dependencies,
    "debug mode": configuration.debug_mode,
    "secret key": configuration.secret_key,
    "addresses": configuration.addresses,
    "access": configuration.access,
    "origins": configuration.origins,
    "instance folder": surroundings.instance_folder,
    "database": surroundings.database,
    "migrations": surroundings.migrations,
    "clock": surroundings.clock,
    "broker": surroundings.broker,
    "result backend": surroundings.result_backend,
    "file store": surroundings.store,
    "workers": surroundings.workers,
    "plugin folders": configuration.plugin_folders,
    "plugins": surroundings.plugins,
}


def examine(app: Flask, seconds: float = 10) -> dict[str, list[Advice]]:
    """Examine everything.

    Args:
        app: the application to examine.
        seconds: how long the examinations may take together.

    Returns:
        What was found, by subject.
    """
    functions = {name: _listed(examination) for name, examination in EXAMINATIONS.items()}
    outcomes = BoundedCalls(app).run(functions, seconds)
    return {name: _advice(outcome) for name, outcome in outcomes.items()}


def _listed(examination: Examination) -> Callable[[], list[Advice]]:
    return lambda: list(examination())


def _advice(outcome: Outcome) -> list[Advice]:
    error = outcome.error
    if error is None:
        return outcome.value
    # Drivers add the statement and a link to their documentation on further lines.
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else "no reason was given"
    return [
        fail(
            f"Nothing can be said: {type(error).__name__}: {reason}",
            "Correct what the error names, then run this again.",
        )
    ]

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tests and checks of the code."""

import os
import shlex
import time

from invoke import Context, Exit, task

from . import shell


@task(help={"options": 'passed on to pytest, for example "-k plugins -x"'})
def test(c: Context, options: str = "") -> None:
    """Run the whole test suite."""
    shell.must_run(shell.python("pytest", *shlex.split(options)))


@task
def chaos(c: Context) -> None:
    """Kill workers, brokers and databases under load; page through a million tasks."""
    os.environ["QHANA_CHAOS"] = "long"
    shell.must_run(shell.python("pytest", "tests/chaos", "tests/tasks", "--timeout=1800"))


@task(
    help={
        "name": "one benchmark; all without (docs/performance.rst explains each)",
        "options": 'passed on, for example "--rounds 3 --broker amqp://…"',
    },
)
def benchmark(c: Context, name: str = "", options: str = "") -> None:
    """Measure the runner beside its limits; fails if a floor does not hold."""
    arguments = [*([name] if name else []), *shlex.split(options)]
    shell.must_run(shell.python("benchmarks", *arguments))


CHECKED_FOLDERS = ("qhana_plugin_runner", "plugins", "tooling")


def check_steps() -> dict[str, list[str]]:
    """Return the steps of ``invoke check``: name and command line."""
    return {
        "formatting": shell.python("black", "--check", "--quiet", "."),
        "ruff": shell.python("ruff", "check", "."),
        "flake8": shell.python("flake8", "."),
        "types": shell.python("mypy"),
        "security": shell.python(
            "bandit", "-q", "-c", "pyproject.toml", "-r", *CHECKED_FOLDERS
        ),
        "vulnerabilities": shell.python("tooling.audit"),
        "architecture": shell.python("pytest", "-q", "tests/test_architecture.py"),
        "licences": shell.python(
            "invoke", "list-licenses", "--format=plain", "--summary"
        ),
        "documentation": shell.python("invoke", "doc", "--strict"),
        "tests": shell.python("pytest"),
    }


@task(
    iterable=["only", "skip"],
    help={
        "only": "run this step, may be repeated (formatting, ruff, flake8, types, "
        "security, vulnerabilities, architecture, licences, documentation, tests)",
        "skip": "leave this step out, may be repeated",
    },
)
def check(c: Context, only: list[str], skip: list[str]) -> None:
    """Run every check that a commit must pass and sum up which ones failed."""
    steps = check_steps()
    unknown = [name for name in [*only, *skip] if name not in steps]
    if unknown:
        raise Exit(f"Unknown step {', '.join(unknown)}; there are {', '.join(steps)}.")
    report = []
    for name, command in steps.items():
        if name in skip or (only and name not in only):
            continue
        print(f"== {name}: {shlex.join(command[1:])}", flush=True)
        began = time.monotonic()
        verdict = "failed" if shell.run(command) else "passed"
        report.append((name, verdict, time.monotonic() - began))
    for name, verdict, seconds in report:
        print(f"{name:<15} {verdict} ({seconds:.1f} s)")
    if any(verdict == "failed" for _, verdict, _ in report):
        raise Exit(code=1)

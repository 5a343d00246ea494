# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Whether this server process can do its work: all checks at once, each with a time-out.

Whoever asks may be anybody, so questions that come within a second share one answer.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from flask import Flask, current_app

from .bounded_calls import BoundedCalls, Outcome
from .errors import QHAnaError
from .health_checks import CHECKS, CheckStatus, Finding, failing, warning

_LOGGER = logging.getLogger("qhana_plugin_runner.health")
_EXTENSION = "qhana-health"
_FRESH_SECONDS = 1.0

#: Checks of what a runner can do without for some time.
_OPTIONAL = frozenset(("workers", "plugins"))


@dataclass(frozen=True)
class CheckResult:
    """A finding, and how long it took.

    Attributes:
        status: ``ok``, ``warning`` or ``failing``.
        message: one or two sentences for operators, without secrets.
        seconds: how long the check took.
    """

    status: str
    message: str
    seconds: float


@dataclass(frozen=True)
class HealthReport:
    """The results of all checks by name."""

    checks: dict[str, CheckResult] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """``failing``, ``degraded`` if there are warnings only, else ``ok``."""
        found = {check.status for check in self.checks.values()}
        if CheckStatus.FAILING.value in found:
            return "failing"
        return "degraded" if CheckStatus.WARNING.value in found else "ok"

    @property
    def is_ready(self) -> bool:
        """Whether requests may be sent here."""
        return self.status != "failing"


def init_app(app: Flask) -> None:
    """Prepare the checks of the app."""
    app.extensions[_EXTENSION] = HealthChecker(app)


def readiness() -> HealthReport:
    """Return how the current app is doing."""
    return current_app.extensions[_EXTENSION].report()


class HealthChecker:
    """Runs the checks of one app and logs what has changed."""

    def __init__(self, app: Flask) -> None:
        self._calls = BoundedCalls(app)
        self._seconds = float(app.config.get("HEALTH_CHECK_SECONDS", 3))
        self._lock = threading.Lock()
        self._report = HealthReport()
        self._until = 0.0

    def report(self) -> HealthReport:
        """Return the newest report; a new one is made if that is older than a second."""
        if time.monotonic() < self._until:
            return self._report
        with self._lock:
            if time.monotonic() >= self._until:
                outcomes = self._calls.run(CHECKS, self._seconds)
                self._replace(outcomes)
            return self._report

    def _replace(self, outcomes: dict[str, Outcome]) -> None:
        old = self._report.checks
        checks = {name: _result(name, outcome) for name, outcome in outcomes.items()}
        for name, check in checks.items():
            before = old[name].status if name in old else CheckStatus.OK.value
            if check.status != before:
                error = outcomes[name].error
                detail = f" ({error})" if error is not None else ""
                _LOGGER.warning("Check %s: %s%s", name, check.message, detail)
        self._report = HealthReport(checks)
        self._until = time.monotonic() + _FRESH_SECONDS


def _result(name: str, outcome: Outcome) -> CheckResult:
    finding: Finding = outcome.value or _finding_of_error(name, outcome.error)
    return CheckResult(finding.status.value, finding.message, round(outcome.seconds, 3))


def _finding_of_error(name: str, error: BaseException | None) -> Finding:
    if isinstance(error, TimeoutError):
        message = f"The check has got {error}."
    elif isinstance(error, QHAnaError):
        message = error.message
    else:
        # What the libraries say contains addresses and user names.
        message = f"The check has failed ({type(error).__name__}); the log says why."
    return warning(message) if name in _OPTIONAL else failing(message)

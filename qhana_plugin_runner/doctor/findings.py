# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What an examination has found."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(str, enum.Enum):
    """How good or bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Advice:
    """A finding, and what to do about it.

    Attributes:
        verdict: a failure keeps the runner from working, or from being safe.
        message: what was found, in one sentence.
        advice: what to do, empty if there is nothing to do.
    """

    verdict: Verdict
    message: str
    advice: str = ""


def ok(message: str) -> Advice:
    """Return a finding that is as it should be."""
    return Advice(Verdict.OK, message)


def warn(message: str, advice: str) -> Advice:
    """Return a finding that may be meant so."""
    return Advice(Verdict.WARN, message, advice)


def fail(message: str, advice: str) -> Advice:
    """Return a finding that must be changed."""
    return Advice(Verdict.FAIL, message, advice)

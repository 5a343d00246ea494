# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a check of a plugin finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a plugin, or could be better.

    Attributes:
        is_problem: clients or people meet it; advice otherwise.
        text: what was found.
        remedy: what to do.
    """

    is_problem: bool
    text: str
    remedy: str

    def __str__(self) -> str:
        kind = "problem" if self.is_problem else "advice"
        return f"{kind}: {self.text}\n  {self.remedy}"


def problem(text: str, remedy: str) -> Finding:
    """Return a finding that must be repaired."""
    return Finding(True, text, remedy)


def advice(text: str, remedy: str) -> Finding:
    """Return a finding that could be better."""
    return Finding(False, text, remedy)

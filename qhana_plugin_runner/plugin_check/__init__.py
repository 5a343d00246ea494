# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``flask plugins check``: looks at a plugin the way its clients do, and gives advice.

``description`` looks at what the plugin says about itself, ``forms`` at its schemas,
``answers`` at what its endpoints answer.
"""

from __future__ import annotations

from ..plugin_loader import FAILED, PluginEntry
from . import answers, description
from .findings import Finding, problem

__all__ = ["Finding", "check_plugin"]


def check_plugin(entry: PluginEntry) -> list[Finding]:
    """Check one plugin of the current app.

    No task is started and nothing is stored: forms are only sent where they must be
    refused.

    Args:
        entry: the plugin's line in the report of the loader.

    Returns:
        Problems first, then advice.
    """
    findings = list(description.check_file(entry))
    if entry.state == FAILED:
        findings.append(
            problem(
                entry.reason or "The plugin could not be loaded.",
                "Fix this first; flask plugins shows it as well, the log has the "
                "traceback.",
            )
        )
    elif entry.plugin is not None:
        findings += description.check_description(entry.plugin)
        findings += answers.check_answers(entry.plugin)
    return sorted(findings, key=lambda finding: not finding.is_problem)

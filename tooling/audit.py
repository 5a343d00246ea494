# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Known vulnerabilities of the locked packages, a step of ``invoke check``.

Without a network, or with a package index that knows no vulnerabilities, nothing can be
said about them: that is a warning and no failure, so that everybody can check a commit
anywhere.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from . import shell

LOCKED = ("requirements.txt", "requirements-plugins.txt")
_TIMEOUT_SECONDS = 300


def main() -> int:
    """Print what is known and return the exit status."""
    reports = [audit(name) for name in LOCKED]
    if None in reports:
        print("WARNING: nothing is known of vulnerabilities: no answer from the service.")
    known = [report for report in reports if report is not None]
    found = sorted({line for report in known for line in vulnerabilities(report)})
    skipped = {name for report in known for name in unknown_packages(report)}
    if skipped:
        print(f"WARNING: the service knows nothing of {len(skipped)} packages.")
    for line in found:
        print(line)
    return 1 if found else 0


def audit(requirements: str) -> dict[str, Any] | None:
    """Ask about the packages of a lock file; ``None`` if nobody answers."""
    command = shell.python(
        "pip_audit",
        "--requirement",
        requirements,
        "--require-hashes",
        "--disable-pip",
        "--format=json",
        "--progress-spinner=off",
        "--timeout=10",
    )
    try:
        done = subprocess.run(
            command,
            cwd=shell.ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    try:
        return json.loads(done.stdout)
    except ValueError:
        print(done.stderr.strip()[-2000:], file=sys.stderr)
        return None


def vulnerabilities(report: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each vulnerability of a report of pip-audit."""
    for package in report["dependencies"]:
        for found in package.get("vulns", ()):
            fixed = ", ".join(found.get("fix_versions") or ()) or "no version yet"
            name = f"{package['name']} {package['version']}"
            yield f"{name}: {found['id']}, fixed in {fixed}"


def unknown_packages(report: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the packages that the service does not know."""
    for package in report["dependencies"]:
        if "skip_reason" in package:
            yield package["name"]


if __name__ == "__main__":
    sys.exit(main())

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Dependencies and their licences."""

import csv
import html
import io
import json
import re
import shutil
import sys
from collections import Counter

from invoke import Context, Exit, task
from packaging.utils import canonicalize_name

from . import shell

_EXTRAS = ["--all-extras"]
EXPORTS = {
    "requirements.txt": _EXTRAS,
    "requirements-plugins.txt": [*_EXTRAS, "--with", "plugins"],
    "requirements-dev.txt": [*_EXTRAS, "--with", "plugins,dev,docs"],
    "docs/requirements.txt": [*_EXTRAS, "--with", "plugins,docs"],
}


_ALLOWED_LICENSES = re.compile(
    r"0BSD|Apache|BSD|CC0|DFSG approved|ISC|LGPL|MIT|MPL|Mozilla|PSF|Python Software|Zlib"
)


def dependency_names() -> set[str]:
    """Return the installed direct and transitive dependencies of the runner."""
    lines = (shell.ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(line.split("==")[0]) for line in lines if "==" in line}


def is_allowed_license(text: str) -> bool:
    """Tell whether one of the licences to choose from is allowed in all its parts."""
    choices = re.split(" OR |, |; ", text)
    return any(
        all(_ALLOWED_LICENSES.search(part) for part in choice.split(" AND "))
        for choice in choices
    )


def table(rows: list[dict[str, str]], format: str) -> str:
    """Return rows with the same keys as json, csv, markdown, html or plain text."""
    keys = list(rows[0])
    cells = [keys, *([row[key] for key in keys] for row in rows)]
    if format == "json":
        return json.dumps(rows, indent=2)
    if format == "csv":
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(cells)
        return buffer.getvalue().rstrip()
    if format == "html":
        lines = [
            "".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in cells
        ]
        return (
            "<table>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table>"
        )
    if format == "markdown":
        cells.insert(1, ["---"] * len(keys))
        return "\n".join(f"| {' | '.join(row)} |" for row in cells)
    if format == "plain":
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        padded = (
            [cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in cells
        )
        return "\n".join("  ".join(row).rstrip() for row in padded)
    raise Exit(f"'{format}' is no format: json, csv, html, markdown and plain are.")


@task(
    help={
        "format": "json, csv, html, markdown or plain",
        "include_installed": "all installed packages, not only the runner's dependencies",
        "summary": "only how often each licence occurs",
        "short": "only name and licence",
        "echo": "also say whose packages are listed",
    }
)
def list_licenses(
    c: Context,
    format: str = "json",
    include_installed: bool = False,
    summary: bool = False,
    short: bool = False,
    echo: bool = False,
) -> None:
    """List the licences of all dependencies; fail on one that is not allowed."""
    if echo:
        print(f"Packages of {sys.executable}", file=sys.stderr)
    # Other tasks must work where the package's dependencies are not installed.
    from qhana_plugin_runner.frontend.licenses import installed_licenses

    names = dependency_names()
    found = [
        {
            "name": package.name,
            "version": package.version,
            "license": package.license or "UNKNOWN",
            "url": package.home_page,
        }
        for package in installed_licenses()
        if include_installed or canonicalize_name(package.name) in names
    ]
    rows = found
    if summary:
        counts = Counter(row["license"] for row in found)
        rows = [{"count": str(n), "license": text} for text, n in counts.most_common()]
    elif short:
        rows = [{"name": row["name"], "license": row["license"]} for row in found]
    print(table(rows, format))
    refused = [row["name"] for row in found if not is_allowed_license(row["license"])]
    if refused:
        raise Exit(f"Not an allowed licence: {', '.join(refused)}")


@task(help={"include_installed": "all installed packages"})
def update_licenses(c: Context, include_installed: bool = False) -> None:
    """Check all licences; the page /licenses/ is made from them at run time."""
    list_licenses(c, format="plain", include_installed=include_installed, summary=True)


@task
def update_dependencies(c: Context) -> None:
    """Check licences and export poetry.lock (needs poetry-plugin-export)."""
    update_licenses(c)
    if not shutil.which("poetry"):
        raise Exit("poetry is missing: pip install poetry poetry-plugin-export")
    shell.must_run(["poetry", "check", "--lock"])
    for file, options in EXPORTS.items():
        shell.must_run(
            ["poetry", "export", "--format", "requirements.txt", "-o", file, *options]
        )

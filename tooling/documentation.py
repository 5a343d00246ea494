# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The documentation in ``docs``."""

import subprocess
import sys
import webbrowser

from invoke import Context, task

from . import shell

DOCS = shell.ROOT / "docs"


@task(
    help={
        "format": "builder of Sphinx, such as html, dirhtml, latex, linkcheck",
        "all": "write all pages again, not only changed ones",
        "strict": "a warning is an error",
    }
)
def doc(
    c: Context,
    format: str = "html",
    all: bool = False,
    color: bool = True,
    strict: bool = False,
) -> None:
    """Build the documentation in docs/_build."""
    options = ["--color"] if color else ["--no-color"]
    options += ["--fail-on-warning", "--keep-going"] if strict else []
    options += ["--write-all", "--fresh-env"] if all or strict else []
    shell.must_run(
        shell.python("sphinx", "-M", format, ".", "_build", *options), cwd=DOCS
    )


@task
def update_source_doc(c: Context) -> None:
    """Write one page per module for the API documentation into docs/source."""
    options = ["--separate", "--force", "-o", "docs/source", "."]
    exclude = ["./tasks.py", "tooling", "docs", "plugins", "migrations", "tests", ".venv"]
    shell.must_run(shell.python("sphinx.ext.apidoc", *options, *exclude))
    # Importing the worker's entry builds an app; Sphinx must not do that.
    for page in ("modules.rst", "qhana_plugin_runner.celery_worker.rst"):
        (DOCS / "source" / page).unlink(missing_ok=True)


@task
def browse_doc(c: Context) -> None:
    """Open the documentation in a browser; build it first if needed."""
    index = DOCS / "_build" / "html" / "index.html"
    if not index.exists():
        doc(c)
    webbrowser.open(index.as_uri())


@task(help={"filter": "show only targets that contain this text"})
def doc_index(c: Context, filter: str = "") -> None:
    """List what the documentation can link to (the reference targets of Sphinx)."""
    inventory = DOCS / "_build" / "html" / "objects.inv"
    if not inventory.exists():
        doc(c)
    command = shell.python("sphinx.ext.intersphinx", inventory)
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in lines.splitlines():
        if not line.startswith(" ") or filter.lower() in line.lower():
            print(line)


@task
def screenshots(c: Context) -> None:
    """Make the pictures of the README in docs/images (needs Chromium)."""
    script = str(DOCS / "examples" / "screenshots.py")
    shell.must_run([sys.executable, script])

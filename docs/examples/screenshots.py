# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the README, made by the project itself: ``invoke screenshots``.

Runs the main job against a server of its own and photographs the list of plugins and the
plot of the clusters with headless Chromium (``/usr/bin/chromium``, or the program named
by the option ``--chromium``).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from main_job import Runner, run_main_job, started_server
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "docs" / "images",
    help="Folder for the pictures (default: docs/images).",
)
@click.option("--chromium", default="/usr/bin/chromium", show_default=True)
def main(output: Path, chromium: str) -> None:
    """Make the pictures of the README."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, started_server(Path(folder)) as url:
        run_main_job(Runner(url), Path(folder))
        plot = Path(folder, "cluster-scatter-visualization.html").as_uri()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            take(browser, url, output / "index.png", 960, 620)
            take(browser, plot, output / "clusters.png", 760, 520)
            browser.close()


def take(browser: Browser, url: str, file: Path, width: int, height: int) -> None:
    """Photograph a page in light colours, without animations."""
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    page.goto(url, wait_until="networkidle")
    page.screenshot(path=file, animations="disabled")
    page.close()
    click.echo(f"wrote {file} ({file.stat().st_size // 1024} KiB)")


if __name__ == "__main__":
    main()

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The main job, over HTTP as any client would do it.

Uploads a data set, reduces it with PCA, clusters it with k-means, draws the clusters, and
compares them with what is known about the data: the species of 150 iris flowers, from the
installed package scikit-learn. Every step is a plugin; the output URLs of one are the
input URLs of the next.

    python docs/examples/main_job.py http://localhost:5005 --output demo-results

The exit status is 0 if all tasks succeeded and the clusters agree with the species (an
adjusted Rand index above 0.5). With ``--start`` and no server at the URL, the script
starts one, and a worker, on a free port and stops both at the end.
"""

from __future__ import annotations

import csv
import io
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import click
import requests

ROOT = Path(__file__).resolve().parents[2]
MEASUREMENTS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
ENOUGH = 0.5
TASK_SECONDS = 300
START_SECONDS = 120


class DemoError(Exception):
    """Something went wrong; the text is one line for people."""


class Runner:
    """A plugin runner, seen through its HTTP API.

    Args:
        url: where the runner answers.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") + "/"
        self._http = requests.Session()
        # A proxy of the user's network knows nothing of this machine.
        self._http.trust_env = urlsplit(url).hostname not in ("localhost", "127.0.0.1")
        self._api_roots: dict[str, str] = {}

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """Send a request; an answer that is an error is raised."""
        try:
            response = self._http.request(method, url, timeout=30, **kwargs)
        except requests.RequestException as error:
            raise DemoError(
                f"No server answers at {url} ({type(error).__name__}); is it running? "
                "'make start' starts it."
            ) from error
        if not response.ok:
            text = " ".join(response.text.split())[:300]
            raise DemoError(f"{url} answered {response.status_code}: {text}")
        return response

    def find_plugin(self, name: str) -> str:
        """Find the API root of a plugin in the list of all plugins."""
        if not self._api_roots:
            answer = self.request("GET", urljoin(self.url, "plugins/")).json()
            # Sorted by name and version, so the newest version stays.
            self._api_roots = {p["name"]: p["apiRoot"] for p in answer["plugins"]}
        if name not in self._api_roots:
            known = ", ".join(self._api_roots) or "none"
            raise DemoError(f"The server has no plugin '{name}', only: {known}.")
        return self._api_roots[name]

    def run(self, name: str, data: dict[str, Any], files: Any = None) -> dict[str, Any]:
        """Let a plugin work and wait for its end; returns the finished task."""
        api_root = self.find_plugin(name)
        metadata = self.request("GET", api_root).json()
        process = urljoin(api_root, metadata["entryPoint"]["href"])
        # The answer redirects to the task.
        answer = self.request("POST", process, data=data, files=files)
        task = self._wait(name, answer.url, answer.json())
        if task["status"] != "SUCCESS":
            lines = [line for line in task["log"].splitlines() if line.strip()]
            reason = lines[-1] if lines else "no reason given"
            raise DemoError(f"{name} ended in {task['status']}: {reason}")
        return {**task, "url": answer.url}

    def _wait(self, name: str, url: str, task: dict[str, Any]) -> dict[str, Any]:
        began = time.monotonic()
        delay = 0.1
        while task["status"] in ("PENDING", "UNKNOWN"):
            seconds = time.monotonic() - began
            if seconds > TASK_SECONDS:
                raise DemoError(
                    f"{name} did not end within {TASK_SECONDS} s ({url}); does a worker "
                    "run?"
                )
            if sys.stdout.isatty():
                bar = progress_bar(min(99, _percent(task)))
                click.echo(f"\r{name:<30} {bar} {seconds:6.1f} s", nl=False)
            time.sleep(delay)
            delay = min(delay * 1.3, 2)
            task = self.request("GET", url).json()
        start = "\r" if sys.stdout.isatty() else ""
        bar = progress_bar(100 if task["status"] == "SUCCESS" else _percent(task))
        seconds = time.monotonic() - began
        click.echo(f"{start}{name:<30} {bar} {seconds:6.1f} s  {task['status']}")
        return task


def progress_bar(percent: int, width: int = 24) -> str:
    """A bar of text."""
    full = width * max(0, min(100, percent)) // 100
    return f"[{'#' * full}{'-' * (width - full)}] {percent:>3}%"


def _percent(task: dict[str, Any]) -> int:
    progress = task.get("progress") or {"value": 0, "start": 0, "target": 100}
    whole = (progress["target"] - progress["start"]) or 1
    return int(100 * (progress["value"] - progress["start"]) / whole)


def find_output(task: dict[str, Any], data_type: str) -> str:
    """The URL of the output of a task that has the data type."""
    for output in task["outputs"]:
        if output["dataType"] == data_type:
            return output["href"]
    raise DemoError(f"The task {task['url']} has no output of type {data_type}.")


def load_iris() -> tuple[str, dict[str, str]]:
    """The data set as CSV file of entities, and the species of each flower."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise DemoError(f"The data set is not installed: {error}.") from error
    iris = datasets.load_iris()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["ID", "href", *MEASUREMENTS, "species"])
    species: dict[str, str] = {}
    for number, (row, target) in enumerate(zip(iris.data, iris.target, strict=True), 1):
        id_ = f"iris-{number:03}"
        species[id_] = str(iris.target_names[target])
        writer.writerow([id_, "", *row.tolist(), species[id_]])
    return text.getvalue(), species


def compare(labels_csv: str, species: dict[str, str]) -> float:
    """The adjusted Rand index of clusters and species: 1 is the same, 0 is chance."""
    from sklearn.metrics import adjusted_rand_score

    clusters = {
        row["ID"]: row["label"] for row in csv.DictReader(io.StringIO(labels_csv))
    }
    if clusters.keys() != species.keys():
        raise DemoError("The clusters are not those of the flowers that were uploaded.")
    ids = sorted(species)
    return float(
        adjusted_rand_score([species[i] for i in ids], [clusters[i] for i in ids])
    )


def run_main_job(runner: Runner, output: Path) -> float:
    """Upload, reduce, cluster, draw; returns the adjusted Rand index."""
    content, species = load_iris()
    click.echo(
        f"Data set: iris, {len(species)} flowers, {len(MEASUREMENTS)} measurements, "
        f"{len(set(species.values()))} species. Server: {runner.url}"
    )
    uploaded = runner.run(
        "file-upload",
        {"dataType": "entity/list", "contentType": "text/csv"},
        files={"file": ("iris.csv", content.encode(), "text/csv")},
    )
    reduced = runner.run(
        "pca",
        {
            "entitiesUrl": find_output(uploaded, "entity/list"),
            "attributes": ",".join(MEASUREMENTS),
            "dimensions": 2,
        },
    )
    points = find_output(reduced, "entity/vector")
    clustered = runner.run(
        "classical-k-means", {"entitiesUrl": points, "clusters": 3, "seed": 0}
    )
    labels = find_output(clustered, "entity/label")
    drawn = runner.run(
        "cluster-scatter-visualization", {"entitiesUrl": points, "clustersUrl": labels}
    )
    agreement = compare(runner.request("GET", labels).text, species)

    output.mkdir(parents=True, exist_ok=True)
    click.echo("Results:")
    for name, task in (
        ("file-upload", uploaded),
        ("pca", reduced),
        ("classical-k-means", clustered),
        ("cluster-scatter-visualization", drawn),
    ):
        click.echo(f"  {name:<29} {task['url']}")
        for result in task["outputs"]:
            click.echo(f"    {result['dataType']:<27} {result['href']}")
            if result["dataType"] == "custom/plot":
                plot = output / f"{name}.html"
                plot.write_bytes(runner.request("GET", result["href"]).content)
                click.echo(f"    {'':<27} stored as {plot}")
    click.echo(f"Adjusted Rand index of clusters and species: {agreement:.3f}")
    return agreement


@contextmanager
def started_server(output: Path) -> Iterator[str]:
    """Run server and worker, as ``make start`` does, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://localhost:{port}/"
    output.mkdir(parents=True, exist_ok=True)
    log_file = output / "server.log"
    command = [sys.executable, "-m", "invoke", "start", "--port", str(port)]
    click.echo(f"Starting server and worker at {url}, log in {log_file} …")
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not answers(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise DemoError(f"The server did not start, see {log_file}.")
                time.sleep(0.3)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def answers(url: str) -> bool:
    """Whether a plugin runner answers at the URL."""
    try:
        Runner(url).request("GET", url)
    except DemoError:
        return False
    return True


@click.command()
@click.argument("address", default="", metavar="[URL]")
@click.option("--url", default="", help="Same as the argument URL.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-results"),
    show_default=True,
    help="Folder for the plots.",
)
@click.option("--start", is_flag=True, help="Start a server if none answers.")
def main(address: str, url: str, output: Path, start: bool) -> None:
    """Upload, reduce, cluster and plot a data set with the plugins of a server."""
    url = address or url or "http://localhost:5005/"
    try:
        if start and not answers(url):
            with started_server(output) as started_url:
                agreement = run_main_job(Runner(started_url), output)
        else:
            agreement = run_main_job(Runner(url), output)
    except DemoError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    if agreement <= ENOUGH:
        click.echo(f"Error: expected an index above {ENOUGH}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

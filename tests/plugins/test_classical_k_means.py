# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin classical-k-means: clusters of entities."""

from __future__ import annotations

import csv
import importlib
from array import array
from io import StringIO
from typing import Any

import pytest
from flask import Flask

from plugin_app import Client
from qhana_plugin_runner.errors import TableError
from qhana_plugin_runner.plugin_utils.numeric_table import NumericTable

pytest.importorskip("sklearn")
pytest.importorskip("plotly")

PLUGIN = "classical-k-means@v1-0-0"
TWO_HEAPS = (
    "ID,href,kind,x,y\n"
    "a,http://x/a,near,0,0\nb,,far,10,10\nc,,near,0.1,0.2\nd,,far,10.2,9.9\n"
)


@pytest.fixture(scope="module")
def clustering(runner_app: Flask) -> Any:
    """The module with the algorithm."""
    return importlib.import_module("classical_k_means.clustering")


def table_of(*columns: list[float]) -> NumericTable:
    return NumericTable(
        ids=tuple(str(n) for n in range(len(columns[0]))),
        hrefs=("",) * len(columns[0]),
        attributes=tuple(f"a{n}" for n in range(len(columns))),
        columns=tuple(array("d", column) for column in columns),
    )


def test_labels_every_entity(runner: Client):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(TWO_HEAPS), "clusters": 2})
    rows = list(csv.DictReader(StringIO(runner.output(task, "clusters.csv").text)))
    assert rows[0] == {"ID": "a", "href": "http://x/a", "label": "0"}
    assert [row["label"] for row in rows] == ["0", "1", "0", "1"]
    assert "Found 2 clusters of 4 entities (sizes 0: 2, 1: 2)." in task["log"]
    assert "Left out (no numbers): kind." in task["log"]


def test_writes_json_labels_as_numbers(runner: Client):
    task = runner.run(
        PLUGIN,
        {"entitiesUrl": runner.upload(TWO_HEAPS), "clusters": 2, "outputFormat": "json"},
    )
    labels = runner.output(task, "clusters.json").json()
    assert [entity["label"] for entity in labels] == [0, 1, 0, 1]


def test_outputs_have_their_data_types(runner: Client):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(TWO_HEAPS), "clusters": 2})
    assert {
        (out["name"], out["dataType"], out["contentType"]) for out in task["outputs"]
    } == {
        ("clusters.csv", "entity/label", "text/csv"),
        ("plot.html", "custom/plot", "text/html"),
    }


def test_one_attribute_has_no_plot(runner: Client):
    task = runner.run(
        PLUGIN,
        {"entitiesUrl": runner.upload(TWO_HEAPS), "clusters": 2, "attributes": "x"},
    )
    assert [output["name"] for output in task["outputs"]] == ["clusters.csv"]


def test_plot_shows_every_entity_in_its_cluster(runner: Client, browser: Any):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(TWO_HEAPS), "clusters": 2})
    (href,) = [out["href"] for out in task["outputs"] if out["name"] == "plot.html"]
    page = browser.new_page()
    page.goto(href)
    page.wait_for_selector(".point")
    assert page.locator(".scatterlayer .trace").count() == 2
    assert page.locator(".scatterlayer .point").count() == 4
    page.close()


@pytest.mark.parametrize(
    ("content", "form", "expected"),
    [
        ("1,2\n3,4\n", {}, "Row 1, column 1: found the number '1'"),
        ("ID,a\nx,1\ny,oops\n", {}, "Row 3, column 'a': 'oops' is not a number"),
        ("ID,a\nx,1\n", {"attributes": "b"}, "Row 1, column 'b'"),
        ("ID,a\nx,1\ny,1\n", {"clusters": 2}, "2 rows hold only 1 different points"),
    ],
)
def test_file_that_cannot_be_used_ends_in_failure(
    runner: Client, content: str, form: dict[str, Any], expected: str
):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(content), **form})
    assert task["status"] == "FAILURE"
    assert expected in task["log"]


@pytest.mark.parametrize(
    ("field", "value"), [("clusters", "0"), ("clusters", "10001"), ("seed", "-1")]
)
def test_numbers_have_bounds(runner: Client, field: str, value: str):
    form = {"entitiesUrl": "http://localhost/x", field: value}
    answer = runner.post(f"/plugins/{PLUGIN}/process/", form)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["form"]) == [field]


def test_form_accepts_its_own_example(runner: Client):
    routes = importlib.import_module("classical_k_means.routes")
    answer = runner.post(f"/plugins/{PLUGIN}/ui/", routes.EXAMPLE)
    assert "Validation successful" in answer.text


def test_the_same_seed_gives_the_same_clusters(clustering: Any):
    points = [float(n * 7919 % 101) for n in range(100)]
    table = table_of(points, points[::-1])
    runs = [clustering.find_clusters(table, 7, seed=3) for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]


def test_clusters_are_numbered_as_they_appear(clustering: Any):
    labels = clustering.find_clusters(table_of([9, 1, 5, 9, 1, 5]), 3)
    assert labels == [0, 1, 2, 0, 1, 2]


def test_too_large_numbers_are_an_error(clustering: Any):
    with pytest.raises(TableError, match="too large"):
        clustering.find_clusters(table_of([1e200, -1e200]), 1)

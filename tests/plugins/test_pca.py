# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin pca: principal component analysis."""

from __future__ import annotations

import csv
import importlib
import json
import math
import random
import sys
from array import array
from io import StringIO
from typing import Any

import pytest
from flask import Flask

from plugin_app import Client
from qhana_plugin_runner.plugin_utils.numeric_table import NumericTable

pytest.importorskip("sklearn")
pytest.importorskip("plotly")

PLUGIN = "pca@v1-0-0"
# Four points on a line in space: one component explains everything.
LINE = "ID,href,colour,x,y,z\n" + "".join(
    f"p{n},http://x/{n},red,{n},{2 * n},{-n}\n" for n in range(4)
)


@pytest.fixture(scope="module")
def analysis(runner_app: Flask) -> Any:
    """The module with the analysis."""
    return importlib.import_module("pca.analysis")


def table_of(*columns: list[float]) -> NumericTable:
    return NumericTable(
        ids=tuple(str(n) for n in range(len(columns[0]))),
        hrefs=("",) * len(columns[0]),
        attributes=tuple(f"a{n}" for n in range(len(columns))),
        columns=tuple(array("d", column) for column in columns),
    )


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def test_reduces_all_numeric_attributes(runner: Client):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(LINE), "dimensions": 1})
    rows = read_csv(runner.output(task, "pca.csv").text)
    assert [row["ID"] for row in rows] == ["p0", "p1", "p2", "p3"]
    assert rows[1]["href"] == "http://x/1"
    assert list(rows[0]) == ["ID", "href", "dim0"]
    values = [float(row["dim0"]) for row in rows]
    step = math.sqrt(6)
    assert [b - a for a, b in zip(values, values[1:], strict=False)] == pytest.approx(
        [math.copysign(step, values[-1])] * 3
    )
    assert "Reduced 4 entities from 3 to 1 dimensions." in task["log"]
    assert "together 100.00%" in task["log"]
    assert "Left out (no numbers): colour." in task["log"]


def test_outputs_have_their_data_types(runner: Client):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(LINE)})
    assert {
        (out["name"], out["dataType"], out["contentType"]) for out in task["outputs"]
    } == {
        ("pca.csv", "entity/vector", "text/csv"),
        ("pca-metadata.json", "custom/pca-metadata", "application/json"),
        ("plot.html", "custom/plot", "text/html"),
    }


def test_metadata_holds_the_explained_variance(runner: Client):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(LINE), "attributes": "y, x"})
    metadata = runner.output(task, "pca-metadata.json").json()
    assert metadata["attributes"] == ["y", "x"]
    assert metadata["dimensions"] == ["dim0", "dim1"]
    assert metadata["explainedVarianceRatio"] == pytest.approx([1, 0])
    assert metadata["means"] == [3, 1.5]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (
            json.dumps([{"ID": n, "a": n, "b": n * n} for n in range(5)]),
            "application/json",
        ),
        (
            "\n".join(json.dumps({"ID": n, "a": n, "b": n * n}) for n in range(5)),
            "application/X-lines+json",
        ),
    ],
)
def test_reads_json_and_writes_json(runner: Client, content: str, content_type: str):
    url = runner.upload(content, "entities", content_type)
    task = runner.run(PLUGIN, {"entitiesUrl": url, "outputFormat": "json"})
    entities = runner.output(task, "pca.json").json()
    assert [entity["ID"] for entity in entities] == ["0", "1", "2", "3", "4"]
    assert isinstance(entities[0]["dim0"], float)


def test_plot_shows_every_entity(runner: Client, browser: Any):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(LINE)})
    (href,) = [out["href"] for out in task["outputs"] if out["name"] == "plot.html"]
    page = browser.new_page()
    page.goto(href)
    page.wait_for_selector(".point")
    assert page.locator(".scatterlayer .point").count() == 4
    page.close()


@pytest.mark.parametrize(
    ("content", "form", "expected"),
    [
        ("1,2\n3,4\n", {}, "Row 1, column 1: found the number '1'"),
        ("ID,a,b\nx,1,2\ny,1,oops\n", {}, "Row 3, column 'b': 'oops' is not a number"),
        ("ID,a,b\nx,1,2\ny,1\n", {}, "line 3, column 3"),
        ("ID,a\nx,1\n", {"attributes": "c"}, "Row 1, column 'c'"),
        ("", {}, "line 1"),
        ("ID,näme\nx,1\n".encode("latin-1"), {}, "not valid utf-8"),
        ("ID,a\nx,1\ny,2\n", {"dimensions": 2}, "2 dimensions were asked for"),
        ("ID,a\nx,1\n", {"dimensions": 1}, "Row 2 is missing"),
        ("ID,a\nx,1e308\ny,-1e308\n", {"dimensions": 1}, "too large to compute with"),
    ],
)
def test_file_that_cannot_be_used_ends_in_failure(
    runner: Client, content: str | bytes, form: dict[str, Any], expected: str
):
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(content), **form})
    assert task["status"] == "FAILURE"
    assert expected in task["log"]
    assert task["outputs"] == []


def test_missing_package_ends_in_failure_with_the_remedy(
    runner: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    monkeypatch.delitem(sys.modules, "pca.analysis", raising=False)
    task = runner.run(PLUGIN, {"entitiesUrl": runner.upload(LINE)})
    assert task["status"] == "FAILURE"
    assert "flask install" in task["log"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("dimensions", "0"), ("dimensions", "many"), ("scaling", "x"), ("entitiesUrl", "x")],
)
def test_malformed_fields_are_named(runner: Client, field: str, value: str):
    form = {"entitiesUrl": "http://localhost/x", field: value}
    answer = runner.post(f"/plugins/{PLUGIN}/process/", form)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["form"]) == [field]


def test_form_shows_defaults_and_accepts_its_own_example(runner: Client):
    page = runner.get(f"/plugins/{PLUGIN}/ui/").text
    assert 'value="2"' in page
    routes = importlib.import_module("pca.routes")
    answer = runner.post(f"/plugins/{PLUGIN}/ui/", routes.EXAMPLE)
    assert "Validation successful" in answer.text


def test_the_web_server_does_not_load_scientific_packages(analysis: Any):
    source = importlib.import_module("pca.tasks").__file__
    assert source is not None
    assert "analysis" not in vars(importlib.import_module("pca.tasks"))


def test_components_are_those_of_scikit_learn(analysis: Any):
    random_ = random.Random(1)
    columns = [[random_.gauss(0, width) for _ in range(50)] for width in (5, 3, 1)]
    result = analysis.reduce_dimensions(table_of(*columns), 3, analysis.Scaling.none)
    assert result.explained == sorted(result.explained, reverse=True)
    assert sum(result.explained) == pytest.approx(1)
    # A rotation keeps distances.
    for one, other in ((0, 1), (7, 31)):
        before = math.dist(*([c[n] for c in columns] for n in (one, other)))
        assert math.dist(result.points[one], result.points[other]) == pytest.approx(
            before
        )


def test_scaling_makes_attributes_equal(analysis: Any):
    table = table_of([0, 1, 0, 1], [0, 0, 1000, 1000])
    raw = analysis.reduce_dimensions(table, 2, analysis.Scaling.none)
    assert raw.explained[0] > 0.99
    for scaling in (analysis.Scaling.standard, analysis.Scaling.min_max):
        scaled = analysis.reduce_dimensions(table, 2, scaling)
        assert scaled.explained == pytest.approx([0.5, 0.5])


def test_equal_points_have_no_variance_to_explain(analysis: Any):
    result = analysis.reduce_dimensions(
        table_of([1, 1, 1], [2, 2, 2]), 1, analysis.Scaling.standard
    )
    assert result.explained == [0]
    assert result.points == [[0], [0], [0]]

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin cluster-scatter-visualization: points in the colours of their clusters."""

from __future__ import annotations

import importlib
from typing import Any
from urllib.parse import urlencode

import pytest

from frontend.host import Host
from plugin_app import Client

pytest.importorskip("plotly")

PLUGIN = "cluster-scatter-visualization@v1-0-0"
POINTS = "ID,href,x,y,z\na,,1,2,0\nb,,2,1,0\nc,,8,9,0\n"
LABELS = "ID,href,label\na,,near\nc,,far\nother,,far\n"


def get_plot(runner: Client, **query: str) -> Any:
    """Ask for the preview until it is there; returns the answer."""
    while True:
        answer = runner.get(f"/plugins/{PLUGIN}/plot/", params=query)
        if answer.status_code != 202:
            return answer


def upload_both(runner: Client) -> dict[str, str]:
    return {
        "entitiesUrl": runner.upload(POINTS, data_type="entity/vector"),
        "clustersUrl": runner.upload(LABELS, data_type="entity/label"),
    }


def test_preview_has_one_trace_per_label(runner: Client):
    figure = get_plot(runner, **upload_both(runner)).json()
    assert [(trace["name"], trace["x"], trace["y"]) for trace in figure["data"]] == [
        ("far", [8], [9]),
        ("near", [1], [2]),
        ("no label", [2], [1]),
    ]
    assert figure["layout"]["xaxis"]["title"]["text"] == "x"


@pytest.mark.parametrize("clusters", [{}, {"clustersUrl": ""}])
def test_preview_works_without_labels(runner: Client, clusters: dict[str, str]):
    url = runner.upload(POINTS)
    figure = get_plot(runner, entitiesUrl=url, **clusters).json()
    assert [trace["x"] for trace in figure["data"]] == [[1, 2, 8]]


def test_preview_says_why_there_is_none(runner: Client):
    urls = {**upload_both(runner), "clustersUrl": runner.upload("ID,name\na,x\n")}
    answer = get_plot(runner, **urls)
    assert answer.status_code == 422
    assert "Row 1, column 'label'" in answer.json()["message"]


def test_script_is_served_and_cached(runner: Client):
    answer = runner.get(f"/plugins/{PLUGIN}/plotly.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert len(answer.content) > 1_000_000
    again = runner.get(
        f"/plugins/{PLUGIN}/plotly.js", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304
    assert again.content == b""


def test_result_is_one_page_with_everything(runner: Client):
    task = runner.run(PLUGIN, upload_both(runner))
    (output,) = task["outputs"]
    assert (output["dataType"], output["contentType"]) == ("custom/plot", "text/html")
    assert "src=" not in runner.output(task, "plot.html").text.split("<script>")[0]
    assert task["log"] == (
        "Stored a plot of 3 points with 2 labels. 1 points have no label."
    )


def test_file_that_cannot_be_used_ends_in_failure(runner: Client):
    urls = {**upload_both(runner), "entitiesUrl": runner.upload("ID,a\nx,1\ny,oops\n")}
    task = runner.run(PLUGIN, urls)
    assert task["status"] == "FAILURE"
    assert "Row 3, column 'a': 'oops' is not a number" in task["log"]


def test_only_the_points_are_required(runner: Client):
    inputs = runner.get(f"/plugins/{PLUGIN}/").json()["entryPoint"]["dataInput"]
    assert [(data["parameter"], data["required"]) for data in inputs] == [
        ("entitiesUrl", True),
        ("clustersUrl", False),
    ]


def test_form_accepts_its_own_example(runner: Client):
    routes = importlib.import_module("cluster_scatter_visualization.routes")
    answer = runner.post(f"/plugins/{PLUGIN}/ui/", routes.EXAMPLE)
    assert "Validation successful" in answer.text


def test_page_draws_the_points(runner: Client, host: Host):
    query = urlencode(upload_both(runner))
    frame = host.open(f"/plugins/{PLUGIN}/ui/?{query}")
    frame.wait_for_selector(".point")
    assert frame.locator(".scatterlayer .point").count() == 3
    assert frame.locator("#cluster-scatter-note").inner_text() == "3 points."


def test_page_says_why_there_is_no_plot(runner: Client, host: Host):
    url = runner.upload("ID,a\nx,1\ny,oops\n")
    frame = host.open(f"/plugins/{PLUGIN}/ui/?{urlencode({'entitiesUrl': url})}")
    note = frame.locator("#cluster-scatter-note.qhana-error-message")
    note.wait_for()
    assert "Row 3, column 'a'" in note.inner_text()

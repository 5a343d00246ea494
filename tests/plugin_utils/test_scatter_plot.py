# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Scatter plots: what is drawn, and that data never becomes markup."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest

from frontend.host import run_browser
from qhana_plugin_runner.plugin_utils.scatter_plot import (
    NO_LABEL,
    SVG_LIMIT,
    ScatterPlot,
    script_json,
)

EVIL = "</script><img src=x onerror=alert(1)>"


def plot(labels: tuple[str | None, ...] = ()) -> ScatterPlot:
    return ScatterPlot(
        title="Some points",
        ids=("a", "b", "c"),
        columns=((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
        axes=("x", "y"),
        labels=labels,
    )


def test_points_without_labels_are_one_trace_without_legend():
    figure = plot().to_dict()
    assert len(figure["data"]) == 1
    assert figure["data"][0]["x"] == [1.0, 2.0, 3.0]
    assert figure["data"][0]["y"] == [4.0, 5.0, 6.0]
    assert figure["layout"]["showlegend"] is False


def test_each_label_is_a_trace_in_the_order_of_numbers():
    traces = plot(("10", "9", "10")).to_dict()["data"]
    assert [(trace["name"], trace["x"]) for trace in traces] == [
        ("9", [2.0]),
        ("10", [1.0, 3.0]),
    ]


def test_traces_differ_in_shape_and_not_only_in_colour():
    traces = plot(("a", "b", "c")).to_dict()["data"]
    assert len({trace["marker"]["symbol"] for trace in traces}) == 3


def test_points_without_a_label_come_last():
    traces = plot((None, "b", None)).to_dict()["data"]
    assert [(trace["name"], trace["x"]) for trace in traces] == [
        ("b", [2.0]),
        (NO_LABEL, [1.0, 3.0]),
    ]


def test_a_single_column_is_drawn_along_a_line():
    figure = ScatterPlot("t", ("a", "b"), ((1.0, 2.0),), ("x",)).to_dict()
    assert figure["data"][0]["y"] == [0.0, 0.0]
    assert figure["layout"]["yaxis"]["visible"] is False


def test_many_points_are_drawn_by_webgl():
    count = SVG_LIMIT + 1
    figure = ScatterPlot("t", ["i"] * count, ([0.0] * count,), ("x",)).to_dict()
    assert figure["data"][0]["type"] == "scattergl"


def test_texts_of_the_data_are_escaped_for_the_library():
    figure = ScatterPlot(EVIL, (EVIL,), ((1.0,), (1.0,)), (EVIL, EVIL), (EVIL,)).to_dict()
    assert "<" not in json.dumps(figure)


def test_script_json_cannot_end_the_script():
    text = script_json({"a": EVIL + "&<!--"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": EVIL + "&<!--"}


def test_the_page_draws_all_points_without_network_and_without_running_data(
    tmp_path: Path,
):
    pytest.importorskip("plotly")
    count = 150
    file = tmp_path / "plot.html"
    text = StringIO()
    ScatterPlot(
        title=f"Points {EVIL}",
        ids=[f"{EVIL}{number}" for number in range(count)],
        columns=(range(count), [number % 7 for number in range(count)]),
        axes=(EVIL, "y"),
        labels=[f"{EVIL}{number % 3}" for number in range(count)],
    ).write_html(text)
    file.write_text(text.getvalue(), encoding="utf-8")

    with run_browser() as browser:
        page = browser.new_page()
        problems: list[str] = []
        requests: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector(".point")
        assert page.locator(".scatterlayer .point").count() == count
        assert page.locator("img").count() == 0
        assert page.title() == f"Points {EVIL}"
    assert problems == []
    assert requests == [file.as_uri()]

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin csv-visualization: entities as a table, in the page and as a file."""

from __future__ import annotations

import importlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from frontend.host import Host
from plugin_app import Client

PLUGIN = "csv-visualization@v1-0-0"
CSV = "ID,name,weight\na,pear,10\nb,apple,9\nc,,\nd,fig,-1.5\n"
EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def table(runner_app: Flask) -> Any:
    """The module that reads tables."""
    return importlib.import_module("csv_visualization.table")


def get_table(runner: Client, url: str, **query: Any) -> Any:
    """Ask for the preview until it is there; returns the answer."""
    while True:
        answer = runner.get(f"/plugins/{PLUGIN}/table/", params={"data": url, **query})
        if answer.status_code != 202:
            return answer


def test_preview_gives_columns_and_rows(runner: Client):
    answer = get_table(runner, runner.upload(CSV))
    assert answer.json() == {
        "columns": ["ID", "name", "weight"],
        "rows": [["a", "pear", "10"], ["b", "apple", "9"], ["c", "", ""]]
        + [["d", "fig", "-1.5"]],
        "truncated": False,
    }


def test_preview_reads_the_file_again_each_time(runner: Client):
    url = runner.upload(CSV)
    assert get_table(runner, url).json() == get_table(runner, url).json()


def test_preview_says_that_there_are_more_rows(runner: Client):
    table = get_table(runner, runner.upload(CSV), maxRows=2).json()
    assert len(table["rows"]) == 2
    assert table["truncated"] is True


def test_preview_of_json_has_all_attributes_and_texts(runner: Client):
    entities = [{"z": 1, "ID": "a"}, {"ID": "b", "y": [1, "ä"], "z": None, "w": True}]
    url = runner.upload(json.dumps(entities), "a.json", "application/json")
    assert get_table(runner, url).json() == {
        "columns": ["ID", "z", "y", "w"],
        "rows": [["a", "1", "", ""], ["b", "", '[1, "ä"]', "true"]],
        "truncated": False,
    }


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        ("", "text/csv", "empty"),
        ("ID,a\nx\n", "text/csv", "line 2"),
        ("%PDF", "application/pdf", "can only show text/csv"),
        ("[1]", "application/json", "Row 1 is no object"),
        ("[]", "application/json", "no entities"),
    ],
)
def test_preview_says_why_there_is_none(
    runner: Client, content: str, content_type: str, expected: str
):
    answer = get_table(runner, runner.upload(content, "x", content_type))
    assert answer.status_code == 422
    assert expected in answer.json()["message"]


def test_preview_of_a_missing_file_is_an_error(runner: Client, runner_url: str):
    answer = get_table(runner, f"{runner_url}/files/999999/?file-id=x")
    assert answer.status_code == 422
    assert "404" in answer.json()["message"]


def test_preview_needs_a_url(runner: Client):
    answer = runner.get(f"/plugins/{PLUGIN}/table/")
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["query"]) == ["data"]


def test_result_is_an_html_table_without_markup_from_the_data(runner: Client):
    url = runner.upload(f"ID,{EVIL.replace(chr(34), '')}\n{EVIL},x\n".replace('"', ""))
    task = runner.run(PLUGIN, {"data": url})
    (output,) = task["outputs"]
    assert (output["dataType"], output["contentType"]) == ("custom/table", "text/html")
    page = runner.output(task, "table.html").text
    assert "<img" not in page
    assert page.count("&lt;img") == 2
    assert task["log"] == "Stored a table of 1 rows."


def test_result_can_be_limited(runner: Client):
    task = runner.run(PLUGIN, {"data": runner.upload(CSV), "maxRows": 3})
    assert "Only the first 3 rows are shown" in runner.output(task, "table.html").text
    assert task["log"].endswith("The file has more rows than that.")


def test_malformed_file_ends_in_failure(runner: Client):
    task = runner.run(PLUGIN, {"data": runner.upload("ID,a\nx,1\ny\n")})
    assert task["status"] == "FAILURE"
    assert "line 3" in task["log"]


def test_metadata_is_that_of_a_visualisation(runner: Client):
    metadata = runner.get(f"/plugins/{PLUGIN}/").json()
    assert metadata["type"] == "visualization"
    (data,) = metadata["entryPoint"]["dataInput"]
    assert (data["parameter"], data["dataType"]) == ("data", "entity/*")
    assert data["required"] is True


def open_preview(host: Host, url: str) -> Any:
    frame = host.open(f"/plugins/{PLUGIN}/ui/?data={quote(url, safe='')}")
    frame.wait_for_selector(".csv-table")
    return frame


def column(frame: Any, number: int) -> list[str]:
    return frame.locator(f"tbody td:nth-child({number})").all_inner_texts()


def test_page_shows_the_table_and_sorts_it(runner: Client, host: Host):
    frame = open_preview(host, runner.upload(CSV))
    assert frame.locator("thead th").count() == 3
    assert column(frame, 1) == ["a", "b", "c", "d"]
    assert frame.locator("#csv-table-note").inner_text() == "4 rows."
    assert frame.locator("#visualization-options").get_attribute("open") is None

    weight = frame.get_by_role("button", name="weight")
    weight.click()
    assert column(frame, 3) == ["-1.5", "9", "10", ""]
    assert frame.locator("th[aria-sort=ascending]").inner_text().startswith("weight")
    weight.click()
    assert column(frame, 3) == ["10", "9", "-1.5", ""]
    frame.get_by_role("button", name="name").click()
    assert column(frame, 2) == ["apple", "fig", "pear", ""]


def test_page_shows_data_as_text(runner: Client, host: Host):
    frame = open_preview(
        host,
        runner.upload(json.dumps({"ID": EVIL, EVIL: EVIL}), "a.json", "application/json"),
    )
    assert column(frame, 1) == [EVIL]
    assert frame.locator("section img").count() == 0


def test_page_says_why_there_is_no_table(runner: Client, host: Host):
    url = runner.upload("ID,a\nx\n")
    frame = host.open(f"/plugins/{PLUGIN}/ui/?data={quote(url, safe='')}")
    note = frame.locator("#csv-table-note.qhana-error-message")
    note.wait_for()
    assert "line 2" in note.inner_text()


def test_stored_table_can_be_sorted(runner: Client, host: Host):
    task = runner.run(PLUGIN, {"data": runner.upload(CSV)})
    host.page.goto(task["outputs"][0]["href"])
    host.page.get_by_role("button", name="weight").click()
    assert column(host.page, 3) == ["-1.5", "9", "10", ""]


def test_reading_stops_at_the_limit(table: Any):
    class Endless:
        """A response that never ends."""

        def iter_lines(self, *args: Any, **kwargs: Any) -> Any:
            yield "ID,a"
            while True:
                yield "x,1"

        def json(self) -> Any:
            raise AssertionError

    shown = table.read_table(Endless(), "text/csv", 10)
    assert len(shown.rows) == 10
    assert shown.truncated


def test_long_cells_are_cut(table: Any):
    class Response:
        """A response with one very long cell."""

        def json(self) -> Any:
            return [{"ID": "x" * 10_000}]

        def iter_lines(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError

    assert len(table.read_table(Response(), "application/json", 1).rows[0][0]) == 2001

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugins in the shapes of existing ones run unmodified: loaded, called, executed."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import pytest

from ecosystem.ecosystem_client import EcosystemClient

CSV = '﻿ID,href,color\r\n"a","","red\r\nish"\r\n"ü","","blue, \u2028"\r\n'
LISTED = [
    "circuit-demo",
    "classic-file-upload",
    "deploy-workflow",
    "folder-storage",
    "lazy-evaluation",
    "manual-steps",
    "one-hot-encoding",
    "optics-clustering",
    "pandas-preprocessing",
    "rest-connector",
    "sql-select",
    "task-kinds",
    "workflows",
    "zip-merger",
]


def identifier(classic: EcosystemClient, name: str) -> str:
    plugins = classic.get("/plugins/").json()["plugins"]
    return next(p["identifier"] for p in plugins if p["name"] == name)


def root(classic: EcosystemClient, name: str) -> str:
    return f"/plugins/{identifier(classic, name)}"


def test_all_plugins_with_an_api_are_listed(classic: EcosystemClient) -> None:
    names = [p["name"] for p in classic.get("/plugins").json()["plugins"]]
    assert [name for name in names if len(name) < 30] == LISTED


def test_every_metadata_document_is_complete(classic: EcosystemClient) -> None:
    required = {"name", "version", "title", "description", "type", "tags", "entryPoint"}
    for plugin in classic.get("/plugins/").json()["plugins"]:
        if plugin["name"] == "optics-clustering":
            continue
        answer = classic.get(plugin["apiRoot"])
        assert answer.status_code == 200, plugin
        assert required <= set(answer.json()), plugin
        lists = {"dataInput", "dataOutput", "pluginDependencies"}
        assert lists <= set(answer.json()["entryPoint"])


def test_a_plugin_without_its_requirements_is_there_but_empty(
    classic: EcosystemClient,
) -> None:
    answer = classic.get(root(classic, "optics-clustering") + "/")
    assert answer.status_code == 404
    assert answer.json()["message"] == "The plugin does not provide a blueprint."


def test_requirements_of_all_modules_are_collected(classic: EcosystemClient) -> None:
    text = classic.runner.flask("install", "--dry-run", "-s").stdout
    assert "# optics-clustering@v0.2.0\na-package-that-nobody-has~=1.1\n" in text
    assert "git+https://git.example.org/group/workflows.git@main" in text


def test_csv_goes_from_an_upload_through_a_plugin_to_json(
    classic: EcosystemClient,
) -> None:
    url = classic.upload(CSV.encode("utf-8"), "färben.csv", "text/csv", "entity/list")
    task = classic.run(
        identifier(classic, "one-hot-encoding"),
        {"entitiesUrl": url, "attributes": "color", "outputFormat": "json"},
    )
    assert task["status"] == "SUCCESS", task["log"]
    (output,) = task["outputs"]
    first, second = classic.get(output["href"]).json()
    assert (first["ID"], second["ID"]) == ("a", "ü")
    assert first["color=red\r\nish"] == 1.0
    assert second["color=blue, \u2028"] == 1.0


@pytest.mark.parametrize("format_", ["csv", "json", "lines"])
def test_an_output_can_be_the_next_input_directly(
    classic: EcosystemClient, format_: str
) -> None:
    url = classic.upload(CSV.encode(), "a.csv", "text/csv", "entity/list")
    data = {"entitiesUrl": url, "attributes": "color", "outputFormat": format_}
    plugin = identifier(classic, "one-hot-encoding")
    first = classic.run(plugin, data)
    assert first["status"] == "SUCCESS", first["log"]
    data = {**data, "entitiesUrl": first["outputs"][0]["href"], "attributes": "ID"}
    second = classic.run(plugin, data)
    assert second["status"] == "SUCCESS", second["log"]


def test_the_micro_frontend_shows_values_and_errors(classic: EcosystemClient) -> None:
    path = root(classic, "one-hot-encoding") + "/ui/"
    page = classic.http.post(
        classic.url(path), data={"entitiesUrl": "nonsense", "scale": "2"}, timeout=10
    )
    assert page.status_code == 200
    assert "Not a valid URL." in page.text
    assert 'value="2"' in page.text


def test_steps_are_added_until_the_user_is_done(classic: EcosystemClient) -> None:
    url = classic.upload(CSV.encode(), "a.csv", "text/csv", "entity/list")
    task_url = classic.start(
        identifier(classic, "pandas-preprocessing"), {"fileUrl": url}
    )
    task = classic.wait_step(task_url, 1)
    assert task["progress"]["value"] == 33
    step = task["steps"][-1]
    assert step["href"].startswith("/") and step["uiHref"].startswith("http")
    page = classic.get(step["uiHref"])
    assert page.status_code == 200
    assert page.text.index("preprocessing_enum") < page.text.index("n_rows")
    classic.post_form(classic.url(step["href"]), {"preprocessingEnum": "sort_values"})
    task = classic.wait_step(task_url, 2)
    assert [step["cleared"] for step in task["steps"]] == [True, False]
    classic.post_form(task["steps"][-1]["href"], {"preprocessingEnum": "do_nothing"})
    assert classic.wait(task_url)["status"] == "SUCCESS"


def test_a_step_added_in_the_request_survives_an_early_message(
    classic: EcosystemClient,
) -> None:
    url = classic.start(identifier(classic, "manual-steps"), {"inputStr": "one"})
    task = classic.wait_step(url, 1)
    classic.post_form(task["steps"][0]["href"], {"inputStr": "two"})
    task = classic.wait(url)
    assert task["status"] == "SUCCESS", task["log"]
    assert task["log"].endswith("one two after apply_async by the task")


def test_a_view_may_wait_for_a_task(classic: EcosystemClient) -> None:
    path = root(classic, "lazy-evaluation")
    answer = classic.http.post(
        classic.url(f"{path}/evaluate/"), json={"weights": [3, 4]}, timeout=20
    )
    assert answer.json() == {"loss": 25.0}
    assert classic.get(f"{path}/broken/").json() == {
        "type": "ValueError",
        "text": "bad weights",
        "state": "FAILURE",
    }


def test_a_result_is_found_by_its_id_in_another_request(classic: EcosystemClient) -> None:
    path = root(classic, "lazy-evaluation")
    answer = classic.http.post(
        classic.url(f"{path}/start/"), json={"weights": [2]}, timeout=20
    )
    url = answer.url
    deadline = time.monotonic() + 20
    while answer.status_code == 204 and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = classic.get(url)
    assert answer.json() == {"loss": 4.0}
    assert classic.http.delete(url, timeout=10).status_code == 204


def test_an_image_is_made_by_a_task_and_kept_as_a_blob(classic: EcosystemClient) -> None:
    path = root(classic, "lazy-evaluation") + "/image/"
    deadline = time.monotonic() + 20
    answer = classic.get(path, params={"data": "x", "seconds": "0.6"})
    assert answer.status_code == 202
    while answer.status_code == 202 and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = classic.get(path, params={"data": "x", "seconds": "0.6"})
    assert (answer.status_code, answer.text) == (200, '<svg><!-- "x" --></svg>')


def test_virtual_plugins_come_and_go_without_a_registry(classic: EcosystemClient) -> None:
    path = root(classic, "rest-connector")
    start = time.monotonic()
    answer = classic.http.post(
        classic.url(f"{path}/connectors/"),
        json={"connectorName": "weather"},
        timeout=20,
    )
    assert answer.status_code == 201
    assert time.monotonic() - start < 5
    id_ = answer.json()["id"]
    plugins = {p["name"]: p for p in classic.get("/plugins/").json()["plugins"]}
    assert plugins[id_]["tags"] == ["rest-connector", "TODO"]
    for counted in ("[0]", "[0, 1]"):
        assert classic.get(plugins[id_]["apiRoot"]).json()["description"] == counted
    assert classic.http.delete(plugins[id_]["apiRoot"], timeout=20).status_code == 204
    names = [p["name"] for p in classic.get("/plugins/").json()["plugins"]]
    assert id_ not in names
    assert classic.get(f"{path}/search/").json() == [True, "without with"]


def test_a_plugin_may_bring_a_file_store(classic: EcosystemClient) -> None:
    task = classic.run(identifier(classic, "folder-storage"))
    assert task["status"] == "SUCCESS", task["log"]
    outputs = {output["name"]: output for output in task["outputs"]}
    assert classic.get(outputs["shared.txt"]["href"]).text == "shared"
    assert outputs["reference.csv"]["href"] == ("https://example.org/data/reference.csv")
    assert "tmp.bin" not in outputs


def test_archives_are_written_and_read(classic: EcosystemClient) -> None:
    plugin = identifier(classic, "zip-merger")
    first = classic.run(plugin)
    (output,) = first["outputs"]
    archive = zipfile.ZipFile(io.BytesIO(classic.get(output["href"]).content))
    assert archive.namelist() == ["colors.json", "ä/b.json"]
    second = classic.run(plugin, {"zipUrl": output["href"]})
    assert second["status"] == "SUCCESS", second["log"]
    assert second["log"] == "application/zip any"
    found = classic.get(second["outputs"][0]["href"]).json()
    assert found["ä/b.json"] == [{"ID": "ö"}]


def test_an_enum_by_value_and_a_function_view_work(classic: EcosystemClient) -> None:
    path = root(classic, "circuit-demo")
    task = classic.run(
        identifier(classic, "circuit-demo"), {"state": "Φ⁺", "basis": "PSI", "shots": "5"}
    )
    assert task["status"] == "SUCCESS", task["log"]
    parameters = json.loads(task["log"])
    assert (parameters["state"], parameters["basis"]) == ("PHI", "PSI")
    assert "OPENQASM" in classic.get(task["outputs"][0]["href"]).text
    bad = classic.http.post(
        classic.url(f"{path}/process/"), data={"state": "none"}, timeout=10
    )
    assert (bad.status_code, list(bad.json()["errors"]["form"])) == (422, ["state"])
    circuit = classic.get(f"{path}/circuits/phi/")
    assert circuit.headers["Content-Type"].startswith("text/x-qasm")
    both = classic.http.post(
        classic.url(f"{path}/notes/?pageSize=7"), json={"text": "n"}, timeout=10
    )
    assert both.json() == {"page": {"page_size": 7}, "note": {"text": "n"}}
    put = classic.http.put(classic.url(f"{path}/notes/3/?pageSize=4"), timeout=10)
    assert put.json() == [3, 4]
    deleted = classic.http.delete(classic.url(f"{path}/notes/3/"), timeout=10)
    assert (deleted.status_code, deleted.content) == (204, b"")


def test_a_plugin_may_query_the_tables(classic: EcosystemClient) -> None:
    assert classic.get(root(classic, "sql-select") + "/rows/").json() == {
        "href": "https://example.org/w",
        "count": 1,
        "own": 42,
        "status": "PENDING",
    }


def test_periodic_tasks_of_a_plugin_run(classic: EcosystemClient) -> None:
    log = classic.runner.log("worker")
    assert "workflows@v0-6-0.watch" in log


def test_a_crawler_finds_every_plugin_from_the_root(classic: EcosystemClient) -> None:
    seed = classic.get("/", headers={"Accept": "*/*"})
    document: Any = seed.json()
    assert isinstance(document, dict) and "entryPoint" not in document
    listing = classic.get("/plugins")
    assert [hop.status_code for hop in listing.history] == [308]
    for plugin in listing.json()["plugins"]:
        assert plugin["apiRoot"].startswith("http")

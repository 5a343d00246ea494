# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin file-upload: a file of the user becomes a result."""

from __future__ import annotations

import errno
import hashlib
import importlib
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from plugin_app import Client
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import TASK_STATUS_CHANGED

PLUGIN = "file-upload@v1-0-0"
FORM = {"dataType": "entity/list", "contentType": "text/csv"}


@pytest.fixture(scope="module")
def names(runner_app: Flask) -> Any:
    """The module that cleans names."""
    return importlib.import_module("file_upload.names")


def test_file_becomes_the_result(runner: Client):
    content = b"ID,a\r\nx,1\r\n"
    task = runner.run(PLUGIN, FORM, files={"file": ("my data.csv", content)})
    assert task["status"] == "SUCCESS"
    (output,) = task["outputs"]
    assert output["name"] == "my data.csv"
    assert output["dataType"] == "entity/list"
    assert output["contentType"] == "text/csv"
    assert runner.get(output["href"]).content == content


def test_is_finished_within_the_request(runner: Client):
    answer = runner.post(
        f"/plugins/{PLUGIN}/process/", FORM, files={"file": ("a.csv", b"ID\n")}
    )
    assert answer.json()["status"] == "SUCCESS"


def test_large_file_arrives_complete(runner: Client):
    content = bytes(range(256)) * 4096 * 20
    task = runner.run(
        PLUGIN,
        {"dataType": "custom/blob", "contentType": "application/octet-stream"},
        files={"file": ("large.bin", content)},
    )
    received = runner.output(task, "large.bin").content
    assert hashlib.sha256(received).digest() == hashlib.sha256(content).digest()


def test_subscribers_are_told(runner: Client, runner_app: Flask):
    told: list[int] = []

    def listen(app: Flask, task_id: int) -> None:
        told.append(task_id)

    with TASK_STATUS_CHANGED.connected_to(listen):
        answer = runner.post(
            f"/plugins/{PLUGIN}/process/", FORM, files={"file": ("a.csv", b"ID\n")}
        )
    assert [str(task_id) for task_id in told] == [answer.url.rstrip("/").split("/")[-1]]


def test_content_type_is_guessed_from_the_name(runner: Client):
    task = runner.run(
        PLUGIN, {"dataType": "entity/list"}, files={"file": ("a.JSONL", b"{}")}
    )
    assert task["outputs"][0]["contentType"] == "application/X-lines+json"


@pytest.mark.parametrize(
    "content_type",
    ["text/html\r\nX-Evil: 1", "no-slash", "text/", "/csv", "text/csv; x", "a" * 300],
)
def test_malformed_content_type_is_refused(runner: Client, content_type: str):
    answer = runner.post(
        f"/plugins/{PLUGIN}/process/",
        {**FORM, "contentType": content_type},
        files={"file": ("a.csv", b"ID\n")},
    )
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["form"]) == ["contentType"]


@pytest.mark.parametrize("data_type", ["entity/*", "", "a b", "x/\n", "x/y/z", "x" * 300])
def test_malformed_data_type_is_refused(runner: Client, data_type: str):
    answer = runner.post(
        f"/plugins/{PLUGIN}/process/",
        {**FORM, "dataType": data_type},
        files={"file": ("a.csv", b"ID\n")},
    )
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["form"]) == ["dataType"]


@pytest.mark.parametrize("files", [None, {"file": ("", b"")}, {"other": ("a", b"b")}])
def test_missing_file_is_refused(runner: Client, files: Any):
    answer = runner.post(f"/plugins/{PLUGIN}/process/", FORM, files=files)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["files"]) == ["file"]


@pytest.mark.parametrize(
    "name", ["..", "../../etc/passwd", "/etc/passwd", "C:\\x\\y.csv"]
)
def test_name_stays_in_its_folder(runner: Client, name: str):
    task = runner.run(PLUGIN, FORM, files={"file": (name, b"content")})
    (output,) = task["outputs"]
    assert "/" not in output["name"]
    assert "\\" not in output["name"]
    assert output["name"].strip(".")
    assert runner.get(output["href"]).content == b"content"


def test_full_disk_ends_in_failure(
    runner: Client, runner_app: Flask, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/store/secret")

    monkeypatch.setattr(STORE, "persist_task_result", refuse)
    task = runner.run(PLUGIN, FORM, files={"file": ("a.csv", b"ID\n")})
    assert task["status"] == "FAILURE"
    assert task["log"] == "The file 'a.csv' could not be stored: No space left on device"
    assert task["outputs"] == []


def test_form_has_a_file_input(runner: Client):
    page = runner.get(f"/plugins/{PLUGIN}/ui/", params=FORM).text
    assert 'type="file"' in page
    assert 'value="entity/list"' in page


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("data.csv", "data.csv"),
        ("Übersicht – 数据.csv", "Übersicht – 数据.csv"),
        ("a/b\\c.csv", "c.csv"),
        ("a\r\nb\x00.csv", "ab.csv"),
        ("\u202efdp.csv", "fdp.csv"),
        (".htaccess", "htaccess"),
        ("..", "upload.csv"),
        ("", "upload.csv"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
    ],
)
def test_names_are_cleaned(names: Any, name: str, clean: str):
    assert names.clean_file_name(name, "text/csv") == clean


def test_content_types_are_guessed(names: Any):
    guess = names.guess_content_type
    assert guess("a.csv") == "text/csv"
    assert guess("a.json") == "application/json"
    assert guess("a.csv.gz") == "application/octet-stream"
    assert guess("a") == "application/octet-stream"


@given(st.text())
def test_every_name_becomes_a_safe_one(names: Any, name: str):
    clean = names.clean_file_name(name)
    assert 0 < len(clean.encode()) <= 200
    assert not set(clean) & set("/\\\x00\r\n")
    assert not clean.startswith(".")

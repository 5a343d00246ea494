# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin hello-world: a text becomes a file."""

from __future__ import annotations

from plugin_app import Client

PLUGIN = "hello-world@v1-0-0"


def test_writes_the_text_to_a_file(runner: Client):
    task = runner.run(PLUGIN, {"inputStr": "hello"})
    assert task["status"] == "SUCCESS"
    (output,) = task["outputs"]
    assert output["name"] == "out.txt"
    assert output["dataType"] == "custom/hello-world-output"
    assert output["contentType"] == "text/plain"
    assert runner.output(task, "out.txt").content == b"hello"
    assert task["log"] == "Wrote 5 characters to out.txt."


def test_keeps_the_text_exactly(runner: Client):
    text = "Grüße\r\n\u2028 \t  „Welt“ 🌍\n\n"
    task = runner.run(PLUGIN, {"inputStr": text})
    assert runner.output(task, "out.txt").content == text.encode()


def test_accepts_a_multipart_form(runner: Client):
    task = runner.run(PLUGIN, files={"inputStr": (None, "hello")})
    assert runner.output(task, "out.txt").content == b"hello"


def test_names_the_missing_field(runner: Client):
    answer = runner.post(f"/plugins/{PLUGIN}/process/", {})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["form"]) == ["inputStr"]


def test_metadata_describes_the_output(runner: Client):
    metadata = runner.get("/plugins/hello-world/").json()
    assert metadata["name"] == "hello-world"
    assert metadata["version"] == "v1.0.0"
    assert metadata["type"] == "processing"
    assert metadata["entryPoint"]["href"] == f"/plugins/{PLUGIN}/process/"
    (output,) = metadata["entryPoint"]["dataOutput"]
    assert output["name"] == "out.txt"


def test_form_is_filled_from_the_query_and_escaped(runner: Client):
    page = runner.get(f"/plugins/{PLUGIN}/ui/", params={"inputStr": "<b>x</b>"}).text
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x</b>" not in page


def test_form_says_when_it_is_valid(runner: Client):
    assert (
        "Validation successful"
        in runner.post(f"/plugins/{PLUGIN}/ui/", {"inputStr": "x"}).text
    )

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The built documentation has no warnings, and everything that exists has its place."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import click
import pytest
import yaml
from flask import Flask
from invoke import Collection

import tasks
from qhana_plugin_runner import errors, signals
from qhana_plugin_runner.api.plugin_schemas import PluginType
from qhana_plugin_runner.config.settings import SETTINGS
from runner_process import ROOT

STATIC = ROOT / "qhana_plugin_runner" / "static"
TEMPLATES = ROOT / "qhana_plugin_runner" / "templates"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built without network and with warnings as errors."""
    folder = tmp_path_factory.mktemp("documentation")
    result = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(folder)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr
    return folder


def words(page: Path) -> str:
    """Return the text of a page, without markup."""
    text = page.read_text(encoding="utf-8")
    body = text[text.index("<article") : text.index("</article>")]
    return unescape(re.sub(r"<[^>]+>", "", body))


def test_every_setting_has_a_place(pages: Path) -> None:
    text = words(pages / "configuration.html")
    missing = [s.name for s in SETTINGS if not re.search(rf"\b{s.name}\b", text)]
    assert missing == []
    assert [s.name for s in SETTINGS if not s.help.strip()] == []


def test_every_environment_variable_has_a_place(pages: Path) -> None:
    text = words(pages / "configuration.html")
    assert [s.env for s in SETTINGS if s.env and s.env not in text] == []


def test_every_error_has_a_place(pages: Path) -> None:
    text = words(pages / "errors.html")
    classes = [
        name
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.QHAnaError)
    ]
    assert [name for name in classes if not re.search(rf"\b{name}\b", text)] == []


def test_every_signal_has_a_place(pages: Path) -> None:
    text = words(pages / "signals.html")
    names = [
        name
        for name in vars(signals)
        if name.isupper() and hasattr(vars(signals)[name], "send")
    ]
    assert len(names) >= 5
    assert [name for name in names if name not in text] == []


def commands(group: click.Group, prefix: str = "") -> Iterator[str]:
    """Yield the full names of all commands of a group."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


def test_every_flask_command_has_a_place(pages: Path, app: Flask) -> None:
    text = words(pages / "commands.html")
    own = [
        name
        for name in commands(app.cli)
        if name.split()[0] not in ("db", "openapi", "run", "shell", "routes")
    ]
    assert {"install", "plugins new", "plugins check", "create-db"} <= set(own)
    assert [name for name in own if name not in text] == []


def test_every_invoke_task_has_a_place(pages: Path) -> None:
    text = words(pages / "commands.html")
    names = Collection.from_module(tasks).task_names
    assert [name for name in names if f"invoke {name}" not in text] == []


def test_every_route_of_the_runner_has_a_place(pages: Path, app: Flask) -> None:
    text = words(pages / "reference" / "http-api.html")
    text += words(pages / "monitoring.html") + words(pages / "security.html")
    missing = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or re.match("/debug|.*/assets/", rule.rule):
            continue
        path = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule)
        stem = path.split("{")[0].rstrip("/")
        if path not in text and not (stem and re.search(rf"{stem}\b", text)):
            missing.append(rule.rule)
    assert missing == []


def asyncapi() -> dict:
    return yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))


def documented_messages() -> dict[str, dict]:
    """Return the messages by what stands on the wire."""
    return {
        message["payload"].get("const", name): message
        for name, message in asyncapi()["components"]["messages"].items()
    }


def test_every_message_of_the_script_has_a_place(pages: Path) -> None:
    script = (STATIC / "microfrontend.js").read_text(encoding="utf-8")
    sent = set(re.findall(r"\btype: \"([\w-]+)\"", script))
    sent |= set(re.findall(r"sendMessage\(\"([\w-]+)\"\)", script))
    received = set(re.findall(r"^ +\[\"([\w-]+)\", ", script, re.MULTILINE))
    assert len(sent) >= 12
    assert len(received) >= 8
    assert sent | received <= set(documented_messages())
    text = words(pages / "reference" / "messages.html")
    assert [name for name in sent | received if name not in text] == []


def test_messages_are_sent_with_the_keys_that_are_documented() -> None:
    script = (STATIC / "microfrontend.js").read_text(encoding="utf-8")
    literals = re.findall(r"\{\s*type: \"([\w-]+)\",([^{}]*)\}", script)
    assert len(literals) >= 8
    for name, rest in literals:
        keys = set(re.findall(r"(?:^|,)\s*(\w+): ", rest))
        payload = documented_messages()[name]["payload"]
        if payload["type"] == "object":
            assert keys <= set(payload["properties"]), name


def test_every_message_belongs_to_a_channel() -> None:
    document = asyncapi()
    used = [name for c in document["channels"].values() for name in c["messages"]]
    assert sorted(used) == sorted(document["components"]["messages"])
    for channel in document["channels"].values():
        for name, reference in channel["messages"].items():
            assert reference == {"$ref": f"#/components/messages/{name}"}


def test_every_key_of_field_metadata_has_a_place(pages: Path) -> None:
    text = words(pages / "reference" / "form-fields.html")
    template = (TEMPLATES / "forms.html").read_text(encoding="utf-8")
    keys = set(re.findall(r"meta\.get\('(\w+)'\)", template))
    keys |= {"input_type", "options", "datalist", "step"}
    assert len(keys) > 10
    assert [key for key in keys if key not in text] == []


def test_every_plugin_type_is_explained(pages: Path) -> None:
    text = words(pages / "reference" / "plugin-types.html")
    assert [t.name for t in PluginType if text.count(t.name) < 2] == []


def test_pages_load_nothing_from_elsewhere_but_the_diagrams(pages: Path) -> None:
    loaded = set()
    for page in pages.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded |= set(
            re.findall(r"<(?:script|img|iframe)[^>]* src=\"(https?:[^\"]+)", text)
        )
        loaded |= set(re.findall(r"<link[^>]* href=\"(https?:[^\"]+\.css)", text))
    assert loaded == set()

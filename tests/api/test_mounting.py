# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugins are mounted one by one: a bad one is reported, nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from textwrap import dedent

import pytest
from flask import Flask

from api.probe_app import PROBE, PROBE_FOLDER, create_probe_app
from qhana_plugin_runner.api.mounted import mounted_plugins
from qhana_plugin_runner.plugin_loader import PluginEntry, get_load_report

_NUMBERS = count()

HEAD = """
import flask
from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase


class Plugin(QHAnaPluginBase):
    name = "{name}"
    version = "v1"

    def get_api_blueprint(self):
        return make()


BLP = SecurityBlueprint(Plugin.instance.identifier, __name__, description="x")


@BLP.route("/")
def first():
    return "it works"

"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app with the probe plugin."""
    app = create_probe_app(tmp_path_factory.mktemp("probe"))
    with app.app_context():
        yield app


WritePlugin = Callable[[str], str]


@pytest.fixture
def write_plugin(tmp_path: Path) -> WritePlugin:
    """Write a plugin module with a name of its own; returns the plugin's name."""

    def write(rest: str) -> str:
        # Modules are imported once in a process.
        name = f"api-mount-{next(_NUMBERS)}"
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        source = HEAD.format(name=name) + dedent(rest)
        (folder / f"{name.replace('-', '_')}.py").write_text(source, encoding="utf-8")
        return name

    return write


def build(tmp_path: Path) -> Flask:
    """Build an app with the written plugins and the probe plugin."""
    folders = [str(tmp_path / "plugins"), str(PROBE_FOLDER)]
    return create_probe_app(tmp_path, PLUGIN_FOLDERS=folders)


def entry_of(app: Flask, name: str) -> PluginEntry:
    """Return the line of the load report about a plugin."""
    with app.app_context():
        (entry,) = (one for one in get_load_report().entries if one.name == name)
    return entry


BAD = {
    "raises": "def make():\n    raise RuntimeError('boom')",
    "exits": "import sys\ndef make():\n    sys.exit(3)",
    "returns nothing": "def make():\n    pass",
    "malformed rule": "BLP.add_url_rule('/<int:x', 'bad', first)\ndef make(): return BLP",
    "unknown converter": "BLP.add_url_rule('/<a:x>', 'b', first)\ndef make(): return BLP",
    "failing set-up": "BLP.record(lambda state: 1 / 0)\ndef make(): return BLP",
    "name of the runner": "def make(): return flask.Blueprint('tasks-api', __name__)",
    "name of a plugin": "BLP.name = 'api-probe@v1-10-0'\ndef make(): return BLP",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_plugin_that_cannot_be_mounted_is_reported_and_nothing_of_it_stays(
    write_plugin: WritePlugin, tmp_path: Path, kind: str
) -> None:
    name = write_plugin(BAD[kind])
    # The plugin that owns the name must be mounted first.
    folders = [str(PROBE_FOLDER), str(tmp_path / "plugins")]
    app = create_probe_app(tmp_path, PLUGIN_FOLDERS=folders)
    entry = entry_of(app, name)
    assert (entry.state, bool(entry.reason)) == ("failed", True)
    assert not [rule for rule in app.url_map.iter_rules() if name in rule.rule]
    client = app.test_client()
    assert client.get(f"/plugins/{name}@v1/").status_code == 404
    assert client.get(f"{PROBE}/").status_code == 200
    assert name not in client.get("/plugins/").text
    assert name not in client.get("/api-spec.json").text


def test_the_reason_names_both_plugins_with_one_blueprint_name(
    write_plugin: WritePlugin, tmp_path: Path
) -> None:
    first = write_plugin("BLP.name = 'one-name'\ndef make(): return BLP")
    second = write_plugin("BLP.name = 'one-name'\ndef make(): return BLP")
    app = build(tmp_path)
    assert entry_of(app, first).state == "loaded"
    reason = entry_of(app, second).reason
    assert all(word in reason for word in (f"{first}@v1", f"{second}@v1", "one-name"))
    assert app.test_client().get(f"/plugins/{first}@v1/").text == "it works"


def test_a_plugin_without_api_is_no_failure_and_not_listed(app: Flask) -> None:
    assert entry_of(app, "api-none").state == "loaded"
    assert "api-none@2" not in mounted_plugins().by_identifier
    assert "api-none" not in app.test_client().get("/plugins/").text


def test_has_api_says_whether_a_blueprint_was_mounted(app: Flask) -> None:
    plugins = get_load_report().plugins
    assert plugins["api-probe@v1-10-0"].has_api
    assert not plugins["api-none@2"].has_api


def test_a_plain_blueprint_of_flask_works_undocumented(
    write_plugin: WritePlugin, tmp_path: Path
) -> None:
    name = write_plugin("""
        PLAIN = flask.Blueprint(Plugin.instance.identifier, __name__)

        @PLAIN.get("/")
        def index():
            return "plain"

        def make():
            return PLAIN
        """)
    client = build(tmp_path).test_client()
    assert client.get(f"/plugins/{name}@v1/").text == "plain"
    assert f"/plugins/{name}@v1/" not in client.get("/api-spec.json").get_json()["paths"]


def test_a_plugin_that_cannot_be_documented_works_and_spoils_no_other(
    write_plugin: WritePlugin, tmp_path: Path
) -> None:
    name = write_plugin("""
        import marshmallow as ma
        from qhana_plugin_runner.api.util import MaBaseSchema

        class Inner(MaBaseSchema):
            x = ma.fields.String()

        class Outer(MaBaseSchema):
            inner = ma.fields.Nested(Inner)
            missing = ma.fields.Nested("NoSuchSchemaAnywhere")

        @BLP.route("/bad/", methods=["POST"])
        @BLP.response(200, Outer)
        def bad():
            return "bad"

        def make():
            return BLP
        """)
    app = build(tmp_path)
    client = app.test_client()
    document = client.get("/api-spec.json").get_json()
    assert not [path for path in document["paths"] if name in path]
    assert f"{PROBE}/process/" in document["paths"]
    assert "Outer" not in document["components"]["schemas"]
    assert client.get(f"/plugins/{name}@v1/").text == "it works"
    assert entry_of(app, name).state == "loaded"


def test_one_blueprint_serves_several_apps_also_after_requests(tmp_path: Path) -> None:
    first = create_probe_app(tmp_path)
    assert first.test_client().get(f"{PROBE}/").status_code == 200
    second = create_probe_app(tmp_path, OPENAPI_URL_PREFIX="/runner/")
    assert second.test_client().get(f"/runner{PROBE}/").status_code == 200
    assert second.test_client().get(f"{PROBE}/").status_code == 404
    assert first.test_client().get(f"{PROBE}/").status_code == 200
    paths = [
        app.test_client().get(path).get_json()["paths"]
        for app, path in ((first, "/api-spec.json"), (second, "/runner/api-spec.json"))
    ]
    assert f"{PROBE}/ui/" in paths[0]
    assert f"/runner{PROBE}/ui/" in paths[1]
    assert len(paths[0]) == len(paths[1])


def test_an_app_without_plugins_lists_none_although_others_have_some(
    tmp_path: Path, app: Flask
) -> None:
    other = create_probe_app(tmp_path, PLUGIN_FOLDERS=[])
    assert other.test_client().get("/plugins/").get_json() == {"plugins": []}
    assert app.test_client().get("/plugins/").get_json()["plugins"]

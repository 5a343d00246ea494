# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Where settings come from, which source wins, and what is refused."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from qhana_plugin_runner.config import SETTINGS, load_config
from qhana_plugin_runner.errors import ConfigurationError

VARIABLES = {
    *(setting.env for setting in SETTINGS if setting.env),
    *("BROKER_URL", "RESULT_BACKEND", "CELERY_QUEUE", "CELERY_SETTINGS"),
    *("FLASK_DEBUG", "FLASK_ENV"),
    "QHANA_PLUGIN_RUNNER_SETTINGS",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return Flask("qhana_plugin_runner", instance_path=str(tmp_path / "instance"))


def load(app: Flask, test_config: dict[str, Any] | None = None) -> dict[str, Any]:
    load_config(app, test_config)
    return dict(app.config)


def write(app: Flask, name: str, text: str) -> None:
    Path(app.instance_path).mkdir(exist_ok=True)
    Path(app.instance_path, name).write_text(text)


def test_without_sources_the_production_defaults_hold(app: Flask) -> None:
    config = load(app)
    assert (config["DEBUG"], config["PLUGIN_FOLDERS"]) == (False, [])
    assert config["DEFAULT_FILE_STORE"] == "local_filesystem"
    assert config["CELERY"] == {"task_default_queue": "qhana_plugin_runner"}
    assert config["NISQ_ANALYZER_UI_URL"] == "http://localhost:4201"
    assert config["SQLALCHEMY_DATABASE_URI"] == (
        f"sqlite:///{app.instance_path}/qhana_plugin_runner.db"
    )


def test_keys_that_flask_no_longer_has_are_there_for_plugins(app: Flask) -> None:
    config = load(app)
    assert config["JSON_SORT_KEYS"] is True
    assert config["JSONIFY_PRETTYPRINT_REGULAR"] is False


@pytest.mark.parametrize("name", ["FLASK_DEBUG", "FLASK_ENV"])
def test_debug_mode_has_its_own_defaults(
    app: Flask, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, {"FLASK_DEBUG": "true"}.get(name, "development"))
    config = load(app)
    assert (config["DEBUG"], config["ENV"]) == (True, "development")
    assert config["SECRET_KEY"] == "debug_secret"
    assert config["PLUGIN_FOLDERS"] == ["./plugins", "./local_plugins"]


def test_later_sources_win(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = "DEFAULT_FILE_STORE"
    for name, text in (
        ("config.py", f"{key} = 'py'\nlower = 1\n"),
        ("config.json", json.dumps({key: "json"})),
        ("config.toml", f"{key} = 'toml'"),
    ):
        write(app, name, text)
        assert load(app)[key] == name.split(".")[1]
    (tmp_path / "settings.py").write_text(f"{key} = 'settings'")
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_SETTINGS", str(tmp_path / "settings.py"))
    assert load(app)[key] == "settings"
    monkeypatch.setenv(key, "environment")
    assert load(app)[key] == "environment"
    assert "lower" not in app.config


def test_a_celery_table_keeps_the_name_of_the_queue(app: Flask) -> None:
    write(app, "config.toml", "[CELERY]\nbroker_url = 'redis://x'")
    assert load(app)["CELERY"] == {
        "task_default_queue": "qhana_plugin_runner",
        "broker_url": "redis://x",
    }


def test_any_celery_setting_can_come_from_the_environment(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_SETTINGS", '{"broker_url": "a://", "task_acks_late": 1}')
    monkeypatch.setenv("BROKER_URL", "redis://b")
    assert load(app)["CELERY"] == {
        "task_default_queue": "qhana_plugin_runner",
        "broker_url": "redis://b",
        "task_acks_late": 1,
    }


def test_malformed_celery_settings_are_named(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_SETTINGS", "{")
    with pytest.raises(ConfigurationError, match="variable CELERY_SETTINGS"):
        load(app)


def test_celery_variables_do_not_leak_into_the_next_app(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://x")
    monkeypatch.setenv("CELERY_QUEUE", "other")
    assert load(app)["CELERY"] == {
        "broker_url": "redis://x",
        "task_default_queue": "other",
    }
    monkeypatch.delenv("BROKER_URL")
    monkeypatch.delenv("CELERY_QUEUE")
    assert load(app)["CELERY"] == {"task_default_queue": "qhana_plugin_runner"}


def test_a_test_configuration_ignores_files_and_environment(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(app, "config.toml", "DEFAULT_FILE_STORE = 'toml'")
    monkeypatch.setenv("PLUGIN_FOLDERS", "/plugins")
    config = load(app, {"OTHER": 1})
    assert (config["DEFAULT_FILE_STORE"], config["PLUGIN_FOLDERS"], config["OTHER"]) == (
        "local_filesystem",
        [],
        1,
    )


def test_keys_of_plugins_pass_through(app: Flask) -> None:
    write(app, "config.toml", "REQUEST_TIMEOUT = '5'\n[MINIO_CLIENT]\nhost = 'x'")
    config = load(app)
    assert config["REQUEST_TIMEOUT"] == "5"
    assert config["MINIO_CLIENT"] == {"host": "x"}


def test_the_old_postgresql_driver_becomes_the_new_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLALCHEMY_DATABASE_URI", "postgresql+psycopg2://u@h/d")
    assert load(app)["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://u@h/d"


def test_plugin_folders_are_separated_by_colons(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUGIN_FOLDERS", "/a::./b:")
    assert load(app)["PLUGIN_FOLDERS"] == ["/a", "./b"]


@pytest.mark.parametrize(
    "value",
    [{"a.*": "b"}, [["a.*", "b"]], [(re.compile("a.*"), "b")], '{"a.*": "b", "c": 1}'],
)
def test_rewrite_rules_are_accepted_in_each_form(app: Flask, value: Any) -> None:
    rules = load(app, {"URL_REWRITE_RULES": value})["URL_REWRITE_RULES"]
    assert rules == [(re.compile("a.*"), "b")]


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("REVERSE_PROXY_COUNT", "many", "a whole number from 0 to 100"),
        ("REVERSE_PROXY_COUNT", "-1", "a whole number from 0 to 100"),
        ("DEFAULT_LOG_LEVEL", "LOUD", "a level of the logging module"),
        ("URL_MAP", "{", "a JSON object"),
        ("URL_MAP", '{"(": "x"}', "a regular expression"),
        ("PLUGIN_REGISTRY_URL", "localhost:5006", "an absolute http(s) URL"),
        ("TASK_LEASE_SECONDS", "0", "a number of at least 1"),
        ("FETCH_ALLOW_PRIVATE_NETWORKS", "maybe", "true, false or auto"),
    ],
)
def test_a_malformed_value_is_refused_with_name_value_and_what_is_allowed(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    allowed: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as error:
        load(app)
    assert variable in str(error.value)
    assert repr(value) in str(error.value)
    assert allowed in str(error.value)


def test_the_value_of_a_secret_setting_is_not_shown(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLALCHEMY_DATABASE_URI", "user:password")
    with pytest.raises(ConfigurationError) as error:
        load(app)
    assert "password" not in str(error.value)


def test_a_malformed_file_is_named(app: Flask) -> None:
    write(app, "config.toml", "= broken")
    with pytest.raises(ConfigurationError, match="config.toml is malformed"):
        load(app)


def test_a_missing_settings_file_is_named(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_SETTINGS", "/nowhere/settings.py")
    with pytest.raises(ConfigurationError, match="/nowhere/settings.py cannot be read"):
        load(app)


def test_a_secret_key_is_made_once_and_shared(app: Flask) -> None:
    first = load(app)["SECRET_KEY"]
    path = Path(app.instance_path, "secret_key")
    assert load(app)["SECRET_KEY"] == first
    assert len(first) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["secret_key"]


def test_a_given_secret_key_wins(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QHANA_SECRET_KEY", "given")
    assert load(app)["SECRET_KEY"] == "given"
    assert not os.path.exists(os.path.join(app.instance_path, "secret_key"))


def test_the_debug_secret_is_refused_in_production(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QHANA_SECRET_KEY", "debug_secret")
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        load(app)


def test_every_setting_is_declared_once_with_help(app: Flask) -> None:
    names = [setting.name for setting in SETTINGS]
    assert len(names) == len(set(names))
    assert all(setting.help.endswith(".") for setting in SETTINGS)

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The sources of configuration, in order; later ones override earlier ones.

1. the defaults of the mode (production or debug),
2. ``config.py``, ``config.json`` and ``config.toml`` in the instance folder,
3. the file named in ``QHANA_PLUGIN_RUNNER_SETTINGS``,
4. environment variables.

A test configuration replaces sources 2 to 4.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from flask import Config, Flask
from flask.helpers import get_debug_flag

from ..errors import ConfigurationError
from .settings import DEBUG_SECRET_KEY, SETTINGS, check_settings, default_settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

APP_NAME = "qhana_plugin_runner"
ENVIRONMENT_PREFIX = "QHANA_PLUGIN_RUNNER"


def instance_path() -> str | None:
    """Return the configured instance folder, or ``None`` for Flask's default.

    Raises:
        ConfigurationError: if the configured folder is not an absolute path.
    """
    variable = f"{ENVIRONMENT_PREFIX}_INSTANCE_FOLDER"
    folder = os.environ.get(variable)
    if not folder:
        return None
    if not os.path.isabs(folder):
        raise ConfigurationError(
            f"The environment variable {variable} has the value {folder!r}, "
            "allowed is an absolute path."
        )
    return folder


def debug_mode() -> bool:
    """Return whether ``FLASK_DEBUG`` (or the old ``FLASK_ENV``) asks for debug mode."""
    return get_debug_flag() or os.environ.get("FLASK_ENV") == "development"


def load_config(app: Flask, test_config: Mapping[str, Any] | None = None) -> None:
    """Fill ``app.config`` from all sources.

    Args:
        app: the application; its instance folder is created if missing.
        test_config: if given, files and environment variables are not read.

    Raises:
        ConfigurationError: if a value is malformed or a file cannot be read.
    """
    debug = debug_mode()
    app.config.from_mapping(default_settings(debug))
    app.config["DEBUG"] = debug
    app.config.setdefault("ENV", "development" if debug else "production")
    if debug:
        # errors stay JSON in debug mode
        app.config["PROPAGATE_EXCEPTIONS"] = False
    if test_config is not None:
        _load_test_config(app, test_config)
        return
    Path(app.instance_path).mkdir(parents=True, exist_ok=True)
    _load_files(app)
    _load_environment(app)
    _fill_gaps(app)


def _load_test_config(app: Flask, test_config: Mapping[str, Any]) -> None:
    app.config["PLUGIN_FOLDERS"] = []
    app.config["SECRET_KEY"] = secrets.token_bytes(32)
    # Apps with such a key cannot read what others encrypt, but may share a database.
    app.config["ENCRYPT_TASK_PARAMETERS"] = False
    app.config["METRICS"] = False  # files in the instance folder, which tests may share
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config["TASK_IDS"] = "plain"
    app.config["TASK_LIST_PUBLIC"] = True
    _merge(app.config, dict(test_config), "the test configuration")


def _load_files(app: Flask) -> None:
    instance = Path(app.instance_path)
    if (instance / "config.py").is_file():
        _merge(app.config, _python_file(app, instance / "config.py"), "config.py")
    for name, load in (("config.json", json.load), ("config.toml", tomllib.load)):
        path = instance / name
        if not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                values = load(file)
        except ValueError as err:
            raise ConfigurationError(f"The file {path} is malformed: {err}") from err
        if not isinstance(values, dict):
            raise ConfigurationError(
                f"The file {path} must contain a mapping of settings."
            )
        _merge(app.config, values, name)
    settings_file = os.environ.get(f"{ENVIRONMENT_PREFIX}_SETTINGS")
    if settings_file:
        _merge(app.config, _python_file(app, Path(settings_file)), settings_file)


def _python_file(app: Flask, path: Path) -> dict[str, Any]:
    # Relative names are looked up in the working directory, not in Flask's root.
    config = Config(os.getcwd())
    try:
        config.from_pyfile(str(path))
    except OSError as err:
        raise ConfigurationError(
            f"The settings file {path} cannot be read: {err.strerror}."
        ) from err
    return dict(config)


def _load_environment(app: Flask) -> None:
    for setting in SETTINGS:
        if setting.env is not None and os.environ.get(setting.env):
            value = os.environ[setting.env]
            app.config[setting.name] = setting.parse_value(
                value, f"environment variable {setting.env}"
            )
    celery = {
        key: os.environ[variable]
        for key, variable in (
            ("broker_url", "BROKER_URL"),
            ("result_backend", "RESULT_BACKEND"),
            ("task_default_queue", "CELERY_QUEUE"),
        )
        if os.environ.get(variable)
    }
    more: dict[str, Any] = {}
    if os.environ.get("CELERY_SETTINGS"):
        source = {"CELERY": os.environ["CELERY_SETTINGS"]}
        more = check_settings(source, "environment variable CELERY_SETTINGS")["CELERY"]
    app.config["CELERY"] = {**app.config["CELERY"], **more, **celery}


def environment_setting(name: str) -> Any:
    """Return a setting as the environment says, or its default in production.

    Only for what happens before there is an application.
    """
    (setting,) = (setting for setting in SETTINGS if setting.name == name)
    value = os.environ.get(setting.env or "")
    if not value:
        return setting.default_for(debug=False)
    return setting.parse_value(value, f"environment variable {setting.env}")


def _merge(config: Config, values: dict[str, Any], source: str) -> None:
    values = {key: value for key, value in values.items() if key.isupper()}
    for key, value in check_settings(values, source).items():
        if key == "CELERY":
            # A table with one key must not lose the name of the queue.
            value = {**config.get("CELERY", {}), **value}
        config[key] = deepcopy(value) if isinstance(value, (dict, list)) else value


def _fill_gaps(app: Flask) -> None:
    if app.config["SQLALCHEMY_DATABASE_URI"] is None:
        path = Path(app.instance_path) / f"{APP_NAME}.db"
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}"
    if app.config["SECRET_KEY"] is None:
        app.config["SECRET_KEY"] = _shared_secret(Path(app.instance_path) / "secret_key")
    if app.config["SECRET_KEY"] == DEBUG_SECRET_KEY and not app.config["DEBUG"]:
        raise ConfigurationError(
            "The setting SECRET_KEY has the value of the debug mode, allowed in "
            "production is a private random text; leave it unset to have one created."
        )


def _shared_secret(path: Path) -> str:
    """Return the key in the file; create file and key if there is none yet.

    Several processes may start at once: the key is written to a private file first and
    linked to its name, which fails for all but one of them.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        if not path.exists():
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass  # another process was faster, its key is used
            finally:
                temporary.unlink()
        key = path.read_text(encoding="ascii").strip()
    except OSError as err:
        raise ConfigurationError(
            f"No SECRET_KEY is set and {path} cannot be used to keep one: {err.strerror}."
        ) from err
    if not key:
        raise ConfigurationError(f"The file {path} is empty; delete it or write a key.")
    return key

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What can be said about the settings without asking anybody."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from platform import python_version
from urllib.parse import urlsplit

from flask import current_app
from packaging.requirements import Requirement

from ..config.settings import DEBUG_SECRET_KEY
from ..identity import tokens_are_required
from .findings import Advice, fail, ok, warn

_SHORTEST_KEY = 32


def dependencies() -> Iterator[Advice]:
    """Compare the installed packages with the ranges that the runner declares."""
    try:
        declared = metadata.requires("qhana-plugin-runner") or []
    except metadata.PackageNotFoundError:
        declared = []
    wrong = []
    for requirement in map(Requirement, declared):
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue  # an extra, or for other machines
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement} (missing)")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement} (installed: {installed})")
    if wrong:
        yield fail(
            f"Packages are not in the declared range: {', '.join(wrong)}.",
            "Install the runner again; `flask install` keeps the ranges.",
        )
    else:
        yield ok(f"Python {python_version()}, all packages are in their range.")


def debug_mode() -> Iterator[Advice]:
    """Warn of debug mode."""
    if current_app.debug:
        yield warn(
            "Debug mode is on: errors show code and paths, keys are known to all.",
            "Unset FLASK_DEBUG for anything but development.",
        )
    else:
        yield ok("Debug mode is off.")


def secret_key() -> Iterator[Advice]:
    """Look at the secret key and the file that keeps it."""
    key = current_app.config["SECRET_KEY"] or ""
    if key == DEBUG_SECRET_KEY:
        yield warn(
            "The secret key is the one of debug mode, which everybody knows.",
            "Leave SECRET_KEY unset to have a random one created.",
        )
    elif len(key) < _SHORTEST_KEY:
        yield warn(
            f"The secret key has less than {_SHORTEST_KEY} characters.",
            "Use a long random text, or leave SECRET_KEY unset to have one created.",
        )
    else:
        yield ok("There is a private secret key.")
    file = Path(current_app.instance_path) / "secret_key"
    if file.exists() and file.stat().st_mode & 0o077:
        yield fail(
            f"Other users of this machine can read {file}.",
            f"Run `chmod 600 {file}`; if others may have read it, delete it and restart.",
        )


def plugin_folders() -> Iterator[Advice]:
    """Look for folders that are configured but missing."""
    folders = current_app.config.get("PLUGIN_FOLDERS") or []
    missing = [folder for folder in folders if not Path(folder).is_dir()]
    if not folders:
        yield warn(
            "No plugin folder is configured.",
            "Set PLUGIN_FOLDERS, for example to ./plugins.",
        )
    elif missing:
        yield warn(
            f"Plugin folders are missing: {', '.join(missing)}.",
            f"Correct PLUGIN_FOLDERS; relative paths count from {Path.cwd()}.",
        )
    else:
        yield ok(f"{len(folders)} plugin folders exist.")


def addresses() -> Iterator[Advice]:
    """Look at what decides how URLs are built, and for which hosts."""
    config = current_app.config
    name = config.get("SERVER_NAME")
    if name and ("/" in name or "@" in name):
        yield fail(
            f"SERVER_NAME is {name!r}, which is no host.",
            "Use host or host:port, without http:// and without a path.",
        )
    proxies = config.get("REVERSE_PROXY_COUNT") or 0
    if proxies > 3:
        yield warn(
            f"REVERSE_PROXY_COUNT is {proxies}.",
            "Count the proxies that really add X-Forwarded-For: with a number that is "
            "too large clients can choose their address and host.",
        )
    if not config.get("TRUSTED_HOSTS") and not current_app.debug:
        yield warn(
            "Requests for any host are answered, and links in answers name it.",
            "Set TRUSTED_HOSTS to the names that clients use.",
        )
    else:
        yield ok("Addresses are plausible.")


def access() -> Iterator[Advice]:
    """Look at who may do what."""
    config = current_app.config
    if tokens_are_required():
        yield ok("Clients need a token.")
    else:
        yield warn(
            "Whoever reaches the server may run all plugins.",
            "Let only trusted clients reach it, for example by a reverse proxy, or "
            "require tokens (AUTHENTICATION).",
        )
    if config.get("FETCH_ALLOW_PRIVATE_NETWORKS") is True:
        yield warn(
            "Tasks may fetch URLs of private networks for every client.",
            "Leave FETCH_ALLOW_PRIVATE_NETWORKS at its default, or set it to false.",
        )


def origins() -> Iterator[Advice]:
    """Look for origins that no browser sends."""
    given = config_list("CORS_ORIGINS")
    wrong = [origin for origin in given if origin != "*" and not _is_origin(origin)]
    if wrong:
        yield fail(
            f"CORS_ORIGINS contains what is no origin: {', '.join(wrong)}.",
            "Use scheme://host or scheme://host:port, without a slash at the end.",
        )
    elif "*" in given and len(given) > 1:
        yield warn(
            "CORS_ORIGINS contains * beside other origins, which then mean nothing.",
            "Remove * or the others.",
        )
    elif "*" in given:
        yield ok("Pages of all origins may call the API, without cookies.")
    else:
        yield ok(f"Pages of {len(given)} origins may call the API.")


def config_list(name: str) -> list[str]:
    """Return a setting that is a list, or one text."""
    value = current_app.config.get(name) or []
    return [value] if isinstance(value, str) else list(value)


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return text == f"{parts.scheme}://{parts.netloc}" and bool(parts.hostname)
    except ValueError:
        return False

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The licences of all installed packages, read from their metadata at run time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, PackagePath, distribution, distributions
from pathlib import Path

from flask import Blueprint, Flask, Response, abort

from ..api.browser_rules import render_own_page

LICENSES_BLP = Blueprint("licenses", __name__, url_prefix="/licenses")

_LICENSE_FILE = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)
_CLASSIFIER = "License :: "
_LONGEST_NAME = 100


@dataclass(frozen=True)
class PackageLicense:
    """The licence of one installed package.

    Attributes:
        name: name of the package.
        version: installed version.
        license: SPDX expression or name of the licence, empty if it is not known.
        home_page: http(s) URL, empty if it is not known.
        has_text: whether the text of the licence is installed.
    """

    name: str
    version: str
    license: str
    home_page: str
    has_text: bool


@lru_cache(maxsize=1)
def installed_licenses() -> tuple[PackageLicense, ...]:
    """The licences of all packages of this Python environment, sorted by name."""
    found = {}
    for dist in distributions():
        name = dist.metadata["Name"]
        if name and name.lower() not in found:
            found[name.lower()] = PackageLicense(
                name=name,
                version=dist.version,
                license=_license_name(dist),
                home_page=_home_page(dist),
                has_text=bool(_license_files(dist)),
            )
    return tuple(found[name] for name in sorted(found))


def license_text(name: str) -> str:
    """The licence files of a package, one after the other.

    Args:
        name: name of an installed package.

    Raises:
        importlib.metadata.PackageNotFoundError: if there is no such package.
    """
    files = _license_files(distribution(name))
    return "\n\n".join(f"{path.name}\n\n{path.read_text()}" for path in files)


def _first(dist: Distribution, key: str) -> str:
    values = dist.metadata.get_all(key)
    return str(values[0]) if values else ""


def _license_name(dist: Distribution) -> str:
    expression = _first(dist, "License-Expression")
    if expression:
        return expression
    classifiers = [
        classifier.rpartition(" :: ")[2]
        for classifier in dist.metadata.get_all("Classifier") or []
        if classifier.startswith(_CLASSIFIER)
    ]
    if classifiers:
        return ", ".join(classifiers)
    # Some packages put the whole text here.
    lines = _first(dist, "License").strip().splitlines()
    return lines[0][:_LONGEST_NAME] if lines else ""


def _home_page(dist: Distribution) -> str:
    urls = [_first(dist, "Home-page")]
    for entry in dist.metadata.get_all("Project-URL") or []:
        urls.append(entry.partition(",")[2].strip())
    return next((url for url in urls if url.startswith(("https://", "http://"))), "")


def _license_files(dist: Distribution) -> list[PackagePath]:
    return [
        path
        for path in dist.files or []
        if _LICENSE_FILE.match(path.name)
        and path.suffix.lower() in ("", ".txt", ".md", ".rst")
        and ".dist-info" in path.parts[0]
        and Path(str(path.locate())).is_file()
    ]


@LICENSES_BLP.get("/")
def show_licenses() -> str:
    """The licences of all packages as a table."""
    return render_own_page("licenses.html", packages=installed_licenses())


@LICENSES_BLP.get("/<name>/")
def show_license_text(name: str) -> Response:
    """The licence text of one package."""
    known = {package.name for package in installed_licenses() if package.has_text}
    if name not in known:
        abort(404)
    return Response(license_text(name), mimetype="text/plain")


def init_app(app: Flask) -> None:
    """Register the page."""
    app.register_blueprint(LICENSES_BLP)

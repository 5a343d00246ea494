# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which language a page speaks, and where its words come from.

Catalogues are the ``.po`` files of the top-level folder ``translations`` (a wheel has
them in the package). They are compiled in memory when a locale is first used, so there
is no compile step to forget, no stale ``.mo`` file and nothing to write to a read-only
installation. Folders in the setting ``BABEL_TRANSLATION_DIRECTORIES`` come on top and
may contain ``.po`` or compiled ``.mo`` files.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import flask_babel
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, current_app, g, has_app_context, has_request_context, request
from flask_babel import Babel, Domain, get_locale

SUPPORTED_LOCALES = ["de", "en"]
"""The locales that the runner has catalogues for."""

DEFAULT_LOCALE = "en"

LOCALE_PARAMETER = "lang"
"""Name of the request header and of the cookie that override ``Accept-Language``."""

_EXTENSION = "qhana-babel"
_PACKAGE_FOLDER = Path(__file__).parent


def catalogue_folder() -> Path:
    """The folder with the runner's own catalogues: in the package or beside it."""
    packaged = _PACKAGE_FOLDER / "translations"
    return packaged if packaged.is_dir() else _PACKAGE_FOLDER.parent / "translations"


def load_catalogue(folder: Path, locale: str, domain: str = "messages") -> Translations:
    """Read one catalogue, compiling it in memory if it is a ``.po`` file.

    Args:
        folder: a folder of the layout ``<locale>/LC_MESSAGES/<domain>.po``.
        locale: the identifier of the locale, for example ``de``.
        domain: the stem of the catalogue's file name.

    Returns:
        the translations; empty ones if the folder has nothing for that locale.
    """
    source = folder / locale / "LC_MESSAGES" / f"{domain}.po"
    if not source.is_file():
        compiled = Translations.load(folder, [locale], domain)
        return compiled if isinstance(compiled, Translations) else Translations()
    binary = BytesIO()
    with source.open("rb") as file_:
        write_mo(binary, read_po(file_, locale=locale))
    binary.seek(0)
    return Translations(binary, domain)


class CatalogueDomain(Domain):
    """The catalogues of one app; later folders override earlier ones."""

    def __init__(self, folders: Iterable[Path], domain: str) -> None:
        """Remember the folders; nothing is read before a locale is used."""
        self.folders = list(folders)
        super().__init__([str(folder) for folder in self.folders], domain)

    def get_translations(self) -> Translations | NullTranslations:
        """The translations for the locale of the current context."""
        locale = get_locale()
        if locale is None:
            return NullTranslations()
        key = str(locale)
        if key not in self.cache:
            self.cache[key] = self._load(key)
        return self.cache[key]

    def _load(self, locale: str) -> Translations:
        merged = load_catalogue(self.folders[0], locale, self.domain[0])
        for folder in self.folders[1:]:
            merged.merge(load_catalogue(folder, locale, self.domain[0]))
        return merged


class RunnerBabel(Babel):
    """Flask-Babel's handle, finding its catalogues through the current app."""

    @property
    def domain_instance(self) -> CatalogueDomain:
        """The catalogues of the current app."""
        return current_app.extensions[_EXTENSION]


BABEL = RunnerBabel()


def select_locale() -> str | None:
    """The best of ``SUPPORTED_LOCALES`` for the current request.

    An explicit choice (header or cookie ``lang``) wins over ``Accept-Language``.

    Returns:
        a locale, or ``None`` (the app's default locale) if the client accepts none of
        them or if there is no request.
    """
    if not has_request_context():
        return None
    for wish in (
        request.headers.get(LOCALE_PARAMETER),
        request.cookies.get(LOCALE_PARAMETER),
    ):
        if wish in SUPPORTED_LOCALES:
            return wish
    # Not best_match(): it would prefer "en;q=0.1" to a better "de-AT".
    for tag, quality in request.accept_languages:
        language = tag.partition("-")[0].lower()
        if quality > 0 and language in SUPPORTED_LOCALES:
            return language
    return None


def gettext(message: str, **values: Any) -> str:
    """Translate a text for people into the language of the current request.

    Outside of an application it stays English, so that code without one may use it.

    Args:
        message: the English text; ``%(name)s`` stands for a value.
        **values: the values.
    """
    if message and has_app_context() and _EXTENSION in current_app.extensions:
        return flask_babel.gettext(message, **values)
    return message % values if values else message


def N_(message: str) -> str:
    """Mark a text for translation that :func:`gettext` is called with later."""
    return message


def page_language() -> str:
    """The language tag of the current page, for ``<html lang>``."""
    locale = get_locale() if g else None
    return str(locale or DEFAULT_LOCALE).replace("_", "-")


def init_app(app: Flask) -> None:
    """Bind locale selection and catalogues to an app and its templates."""
    BABEL.init_app(app, default_locale=DEFAULT_LOCALE, locale_selector=select_locale)
    extra_folders: list[Path] = []
    if "BABEL_TRANSLATION_DIRECTORIES" in app.config:
        babel_state = app.extensions["babel"]
        extra_folders = [Path(folder) for folder in babel_state.translation_directories]
    domain = app.extensions["babel"].default_domain
    app.extensions[_EXTENSION] = CatalogueDomain(
        [catalogue_folder(), *extra_folders], domain
    )
    app.jinja_env.globals["page_language"] = page_language

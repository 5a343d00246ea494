"""Which language is chosen, and that the catalogues are complete."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import gettext

from qhana_plugin_runner import APP_NAME, babel

PACKAGE = Path(babel.__file__).parent


@pytest.fixture()
def translated_app() -> Flask:
    app = Flask(APP_NAME)
    babel.init_app(app)
    return app


@pytest.mark.parametrize(
    ("headers", "locale"),
    [
        ({}, "en"),
        ({"Accept-Language": "de"}, "de"),
        ({"Accept-Language": "de-AT, en;q=0.5"}, "de"),
        ({"Accept-Language": "en, de;q=0.9"}, "en"),
        ({"Accept-Language": "fr"}, "en"),
        ({"Accept-Language": "de", "Lang": "en"}, "en"),
        ({"Accept-Language": "de", "Cookie": "lang=en"}, "en"),
        ({"Accept-Language": "de", "Lang": "xx", "Cookie": "lang=../x"}, "de"),
    ],
)
def test_locale_of_a_request(
    translated_app: Flask, headers: dict[str, str], locale: str
) -> None:
    with translated_app.test_request_context(headers=headers):
        assert babel.page_language() == locale


def test_texts_are_translated(translated_app: Flask) -> None:
    with translated_app.test_request_context(headers={"Accept-Language": "de"}):
        assert gettext("submit") == "absenden"
    with translated_app.test_request_context():
        assert gettext("submit") == "submit"


def test_texts_outside_of_requests_are_english(translated_app: Flask) -> None:
    assert babel.page_language() == "en"
    with translated_app.app_context():
        assert gettext("submit") == "submit"


def test_two_apps_keep_their_own_catalogues(tmp_path: Path) -> None:
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "submit"\nmsgstr "los!"\n'
    )
    special, plain = Flask(APP_NAME), Flask(APP_NAME)
    special.config["BABEL_TRANSLATION_DIRECTORIES"] = str(tmp_path)
    for app in (special, plain):
        babel.init_app(app)
    german = {"Accept-Language": "de"}
    with special.test_request_context(headers=german):
        assert gettext("submit") == "los!"
        assert gettext("validate") == "prüfen"
    with plain.test_request_context(headers=german):
        assert gettext("submit") == "absenden"


def test_the_default_locale_is_a_setting() -> None:
    app = Flask(APP_NAME)
    app.config["BABEL_DEFAULT_LOCALE"] = "de"
    babel.init_app(app)
    with app.test_request_context(headers={"Accept-Language": "fr"}):
        assert babel.page_language() == "de"


@pytest.mark.parametrize("locale", babel.SUPPORTED_LOCALES)
def test_every_text_is_in_the_catalogues(locale: str) -> None:
    texts = {
        message
        for _, _, message, _, _ in extract_from_dir(
            PACKAGE,
            [("**.py", "python"), ("templates/**.html", "jinja2")],
        )
    }
    source = babel.catalogue_folder() / locale / "LC_MESSAGES" / "messages.po"
    with source.open("rb") as file_:
        catalogue = read_po(file_, locale=locale)
    assert texts == {message.id for message in catalogue if message.id}
    if locale != babel.DEFAULT_LOCALE:
        assert [m.id for m in catalogue if not m.string or m.fuzzy] == []

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Who asks for German gets German messages; what programs compare stays as it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import fields, validate

from managed_app import build_app
from qhana_plugin_runner.api.extra_fields import CSVList, EnumField
from qhana_plugin_runner.api.plugin_schemas import PluginType
from qhana_plugin_runner.api.util import FileUrl, FrontendFormBaseSchema
from qhana_plugin_runner.api.validation_texts import MESSAGES

GERMAN = {"Accept-Language": "de"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An app without open context: a context keeps the language it was opened with."""
    folder = tmp_path_factory.mktemp("german")
    return build_app(folder, f"sqlite:///{folder / 'test.db'}")


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class Form(FrontendFormBaseSchema):
    text = fields.String(required=True)
    number = fields.Integer(validate=validate.Range(1, 5))
    short = fields.String(validate=validate.Length(max=2))
    choice = EnumField(PluginType)
    data = FileUrl()
    mail = fields.Email()
    word = fields.String(validate=validate.OneOf(["a", "b"]))
    numbers = CSVList(element_type=fields.Integer)
    dates = fields.List(fields.Date())
    pairs = fields.Dict(keys=fields.String(), values=fields.Integer())


WRONG = {
    "number": "9",
    "short": "abc",
    "choice": "x",
    "data": "x",
    "mail": "x",
    "word": "c",
    "numbers": "x",
    "dates": ["x"],
    "pairs": {"a": "x"},
    "other": "x",
}


@pytest.mark.parametrize("language", ["en", "de"])
def test_messages_of_fields_and_validators(app: Flask, language: str) -> None:
    with app.test_request_context(headers={"Accept-Language": language}):
        errors = Form().validate(WRONG)
    english = {
        "text": ["Missing data for required field."],
        "number": ["Must be greater than or equal to 1 and less than or equal to 5."],
        "short": ["Longer than maximum length 2."],
        "choice": ["Not a valid choice."],
        "data": ["Not a valid URL."],
        "mail": ["Not a valid email address."],
        "word": ["Must be one of: a, b."],
        "numbers": ["'x': Not a valid integer."],
        "dates": {0: ["Not a valid date."]},
        "pairs": {"a": {"value": ["Not a valid integer."]}},
        "other": ["Unknown field."],
    }
    german = {
        "text": ["Dieses Feld muss ausgefüllt werden."],
        "number": ["Muss mindestens 1 und höchstens 5 sein."],
        "short": ["Länger als die größte Länge 2."],
        "choice": ["Keine gültige Auswahl."],
        "data": ["Keine gültige URL."],
        "mail": ["Keine gültige E-Mail-Adresse."],
        "word": ["Muss einer dieser Werte sein: a, b."],
        "numbers": ["'x': Keine gültige ganze Zahl."],
        "dates": {0: ["Kein gültiges Datum."]},
        "pairs": {"a": {"value": ["Keine gültige ganze Zahl."]}},
        "other": ["Unbekanntes Feld."],
    }
    assert errors == (english if language == "en" else german)


def test_one_schema_speaks_to_each_request_in_its_language(app: Flask) -> None:
    schema = Form()
    for language in ("de", "en", "de"):
        with app.test_request_context(headers={"Accept-Language": language}):
            (message,) = schema.validate({})["text"]
        assert message.startswith("Dieses" if language == "de" else "Missing")


def test_schemas_work_outside_of_an_application() -> None:
    assert Form().validate({"text": "x", "number": "x"}) == {
        "number": ["Not a valid integer."]
    }


def test_messages_that_a_plugin_gives_itself_are_left_alone(app: Flask) -> None:
    class Own(FrontendFormBaseSchema):
        text = fields.String(
            required=True, error_messages={"required": "Bitte {nicht} leer lassen!"}
        )
        number = fields.Integer(validate=validate.Range(max=3, error="At most {max}!"))

    with app.test_request_context(headers=GERMAN):
        with pytest.raises(KeyError):
            Own().validate({})  # as marshmallow does with unknown placeholders
        assert Own().validate({"text": "x", "number": 4})["number"] == ["At most 3!"]


@pytest.mark.filterwarnings("ignore:Returning `False` from a validator")
def test_the_message_of_a_function_that_says_no_is_translated(app: Flask) -> None:
    class Functions(FrontendFormBaseSchema):
        given = fields.Integer(validate=lambda value: value < 3)
        added = fields.Integer()

    schema = Functions()
    schema.fields["added"].validators.append(lambda value: value < 3)
    for language, message in (("en", "Invalid value."), ("de", "Ungültiger Wert.")):
        with app.test_request_context(headers={"Accept-Language": language}):
            errors = schema.validate({"given": 3, "added": 3})
        assert errors == {"given": [message], "added": [message]}


@dataclass(frozen=True)
class Even:
    error: str = "Must be even."

    def __call__(self, value: int) -> None:
        if value % 2:
            raise ma.ValidationError(self.error)


class Odd(validate.Validator):
    error = property(lambda _self: "Must be odd.")

    def __call__(self, value: int) -> None:
        if not value % 2:
            raise ma.ValidationError(self.error)


def test_validators_of_plugins_may_be_immutable(app: Flask) -> None:
    class Own(FrontendFormBaseSchema):
        even = fields.Integer(validate=Even())
        odd = fields.Integer(validate=Odd())

    with app.test_request_context(headers=GERMAN):
        assert Own().validate({"even": 1, "odd": 2}) == {
            "even": ["Must be even."],
            "odd": ["Must be odd."],
        }


def default_messages() -> set[str]:
    """Return the messages of all fields and validators of marshmallow."""
    found = set(ma.Schema._default_error_messages.values())
    for _name, field in inspect.getmembers(fields, inspect.isclass):
        if issubclass(field, fields.Field):
            found |= set(field.default_error_messages.values())
    for _name, validator in inspect.getmembers(validate, inspect.isclass):
        if validator is not validate.Range:  # puts its sentence together
            names = [name for name in vars(validator) if "message" in name]
            found |= {getattr(validator, name) for name in names}
    for lower, upper in [(True, True), (True, False), (False, True), (False, False)]:
        made = validate.Range(1, 2, min_inclusive=lower, max_inclusive=upper)
        found |= {made.message_min, made.message_max, made.message_all}
    return {message for message in found if isinstance(message, str)}


def test_no_message_of_marshmallow_is_missing() -> None:
    assert default_messages() <= set(MESSAGES)


Request = Callable[[FlaskClient], Any]


@pytest.mark.parametrize(
    ("request_", "code", "status", "message"),
    [
        (
            lambda client: client.get("/tasks/1/", headers=GERMAN),
            404,
            "Not Found",
            "Die Aufgabe gibt es nicht.",
        ),
        (
            lambda client: client.get("/files/1/?file-id=x", headers=GERMAN),
            404,
            "Not Found",
            "Die Datei gibt es nicht.",
        ),
        (
            lambda client: client.get("/plugins/nobody/", headers={"lang": "de"}),
            404,
            "Not Found",
            "Es gibt kein Plugin mit diesem Namen.",
        ),
    ],
)
def test_errors_for_programs(
    client: FlaskClient, request_: Request, code: int, status: str, message: str
) -> None:
    answer = request_(client)
    assert answer.get_json() == {"code": code, "status": status, "message": message}
    assert "Accept-Language" in answer.headers["Vary"]


def test_a_wrong_query_for_programs(client: FlaskClient) -> None:
    answer = client.get("/files/1/", headers=GERMAN)
    assert answer.get_json() == {
        "code": 422,
        "status": "Unprocessable Entity",
        "errors": {"query": {"file-id": ["Dieses Feld muss ausgefüllt werden."]}},
    }


def test_an_error_for_people(client: FlaskClient) -> None:
    page = client.get("/nothing/", headers={**GERMAN, "Accept": "text/html"}).text
    assert '<html lang="de">' in page
    assert "Nicht gefunden" in page
    assert "Not Found" not in page


def test_without_a_wish_everything_is_english(client: FlaskClient) -> None:
    answer = client.get("/tasks/1/")
    assert answer.get_json()["message"] == "Task not found."

"""The runner's own form fields, rendered."""

from __future__ import annotations

from enum import Enum
from typing import Any

import marshmallow as ma
from flask import Flask, render_template

from frontend.html_elements import Element, parse
from qhana_plugin_runner.api import EnumField
from qhana_plugin_runner.api.extra_fields import CSVList
from qhana_plugin_runner.api.util import FileUrl, FrontendFormBaseSchema, PluginUrl
from qhana_plugin_runner.frontend.forms import get_input_type


class Kind(Enum):
    one_way = "One way"
    other_way = "Other way"


class Form(FrontendFormBaseSchema):
    entity_url = FileUrl(
        required=True,
        data_input_type="entity/list",
        data_content_types=["text/csv"],
        metadata={"label": "Entities", "input_type": "text"},
    )
    executor = PluginUrl(plugin_tags=["executor"], metadata={"label": "Executor"})
    kind = EnumField(Kind, metadata={"input_type": "select"})
    names = CSVList(ma.fields.String(), metadata={"input_type": "textarea"})


def render(app: Flask, **context: Any) -> Element:
    with app.test_request_context():
        return parse(render_template("simple_template.html", schema=Form(), **context))


def test_fields_appear_in_the_order_of_the_schema(frontend_app: Flask) -> None:
    labels = render(frontend_app).all("label")
    assert [label.attrs["for"] for label in labels] == [
        "entity_url",
        "executor",
        "kind",
        "names",
    ]


def test_a_file_url_is_a_data_input(frontend_app: Flask) -> None:
    control = render(frontend_app).one("input", name="entityUrl")
    assert control.attrs["id"] == "entity_url"
    assert control.attrs["data-input-type"] == "data"


def test_a_plugin_url_is_a_plugin_input(frontend_app: Flask) -> None:
    control = render(frontend_app).one("input", name="executor")
    assert control.attrs["type"] == "url"
    assert control.attrs["data-input-type"] == "plugin"


def test_an_enum_is_a_select_of_names_with_values_as_labels(frontend_app: Flask) -> None:
    options = render(frontend_app, values={"kind": Kind.other_way}).one("select").children
    assert [(option.attrs, option.text) for option in options] == [
        ({"value": "one_way"}, "One way"),
        ({"value": "other_way", "selected": None}, "Other way"),
    ]


def test_enums_and_lists_need_an_explicit_input_type() -> None:
    assert get_input_type(EnumField(Kind)) is None
    assert get_input_type(CSVList(ma.fields.String())) is None


def test_errors_of_the_schema_appear_at_their_field(frontend_app: Flask) -> None:
    form = Form(partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True)
    errors = form.load({"entityUrl": "nonsense", "kind": "no_way"})
    page = render(frontend_app, errors=errors)
    messages = [p.text for p in page.all("p", class_="qhana-error-message")]
    assert messages == ["Not a valid URL.", "Not a valid choice."]

"""The DOM that plugins' scripts walk through, and the page around it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask, render_template, render_template_string
from jinja2 import ChoiceLoader, DictLoader
from werkzeug.datastructures import MultiDict

from frontend.html_elements import Element, parse

f = ma.fields


def render_field(app: Flask, field: f.Field, **kwargs: Any) -> Element:
    """The container of one field with the key ``data_in`` and the name ``dataIn``."""
    field.data_key = "dataIn"
    schema = SimpleNamespace(fields={"data_in": field})
    with app.test_request_context(kwargs.pop("url", "/")):
        html = render_template_string(
            "{% import 'forms.html' as forms %}"
            "{{ forms.render_fields(schema, values, errors, extras) }}",
            schema=schema,
            values=kwargs.get("values", {}),
            errors=kwargs.get("errors", {}),
            extras=kwargs.get("extras", {}),
        )
    return parse(html).one("div", class_="qhana-form-field")


def render_page(app: Flask, url: str = "/", **context: Any) -> str:
    context.setdefault("schema", ma.Schema.from_dict({"a": f.String()})())
    context.setdefault("process", "/process/")
    with app.test_request_context(url):
        return render_template("simple_template.html", **context)


def data_input(**metadata: Any) -> f.Field:
    return f.Url(
        required=True,
        metadata={
            "label": "Data",
            "description": "some *text*",
            "input_type": "text",
            "data_input_type": "entity/list",
            "data_content_types": ["text/csv", "application/json"],
            **metadata,
        },
    )


def test_the_parts_of_a_data_input(frontend_app: Flask) -> None:
    container = render_field(
        frontend_app,
        data_input(),
        values={"dataIn": "http://x"},
        errors={"dataIn": ["Not a valid URL.", "<b>"]},
    )
    label, wrapper, description = container.children
    assert label.attrs == {"class": "qhana-form-label", "for": "data_in"}
    assert label.text == "Data"
    assert wrapper.attrs == {"class": "qhana-input-wrapper"}
    control, button = wrapper.children
    assert control.attrs == {
        "class": "qhana-form-input",
        "type": "text",
        "name": "dataIn",
        "id": "data_in",
        "autocomplete": "off",
        "aria-describedby": "data_in-description",
        "data-input-type": "data",
        "value": "http://x",
        "required": None,
    }
    assert button.text == "choose file"
    assert button.attrs == {
        "class": "qhana-choose-file-button",
        "type": "button",
        "data-input-id": "data_in",
        "role": "button",
        "hidden": None,
        "data-input": "entity/list",
        "data-content-type": "text/csv application/json",
    }
    assert description.attrs == {
        "id": "data_in-description",
        "class": "qhana-input-description",
    }
    error, hint, text = description.children
    assert error.attrs == {"class": "qhana-error-message", "aria-live": "assertive"}
    assert [span.text for span in error.children] == ["Not a valid URL.", "<b>"]
    assert hint.attrs == {
        "class": "selected-file-hint",
        "data-input-id": "data_in",
        "aria-live": "off",
        "hidden": None,
    }
    assert hint.children[0].attrs == {
        "class": "selected-file-name",
        "data-input-id": "data_in",
    }
    assert hint.children[1].text == "show preview"
    assert "hidden" in hint.children[1].attrs
    assert (text.tag, text.children[0].tag) == ("p", "em")


def test_a_text_field_has_nothing_but_its_control(frontend_app: Flask) -> None:
    container = render_field(frontend_app, f.String())
    label, wrapper, description = container.children
    assert label.text == "dataIn"
    assert [child.tag for child in wrapper.children] == ["input"]
    assert wrapper.children[0].attrs == {
        "class": "qhana-form-input",
        "type": "text",
        "name": "dataIn",
        "id": "data_in",
        "autocomplete": "off",
        "aria-describedby": "data_in-description",
    }
    assert description.children == []


def test_the_description_starts_with_white_space(frontend_app: Flask) -> None:
    schema = ma.Schema.from_dict({"a": f.String(metadata={"description": "hi"})})()
    html = render_page(frontend_app, schema=schema)
    assert 'class="qhana-input-description">\n    <p>hi</p>' in html


def test_the_related_button(frontend_app: Flask) -> None:
    field = data_input(related_to="other", relation="pre", related_include_self=True)
    button = render_field(frontend_app, field).one(
        "button", class_="qhana-choose-file-button related"
    )
    assert button.text == "choose related"
    assert button.attrs == {
        "class": "qhana-choose-file-button related",
        "type": "button",
        "data-input-id": "data_in",
        "data-related-input-id": "other",
        "data-relation": "pre",
        "data-include-self": "True",
        "role": "button",
        "data-input": "entity/list",
        "data-content-type": "text/csv application/json",
        "disabled": None,
        "hidden": None,
    }


def test_a_related_button_needs_a_relation(frontend_app: Flask) -> None:
    container = render_field(frontend_app, data_input(related_to="other"))
    assert len(container.all("button")) == 2


def test_a_plugin_input(frontend_app: Flask) -> None:
    field = f.Url(metadata={"plugin_tags": ["a", "!b"], "plugin_version": ">=v1"})
    container = render_field(frontend_app, field)
    assert container.one("input").attrs["data-input-type"] == "plugin"
    button = container.one("button")
    assert button.text == "select plugin"
    assert button.attrs == {
        "class": "qhana-choose-plugin-button",
        "type": "button",
        "data-input-id": "data_in",
        "data-plugin-tags": "a !b",
        "data-plugin-version": ">=v1",
        "hidden": None,
    }
    hint = container.one("p", class_="selected-plugin-hint")
    assert hint.text.strip() == "Selected Plugin:"
    assert hint.children[0].attrs["class"] == "selected-plugin-name"


def test_a_plugin_input_by_name_has_empty_tags(frontend_app: Flask) -> None:
    container = render_field(frontend_app, f.Url(metadata={"plugin_name": "x"}))
    assert container.one("button").attrs["data-plugin-tags"] == ""


def test_a_textarea(frontend_app: Flask) -> None:
    field = f.String(
        required=True,
        validate=ma.validate.Length(max=3),
        metadata={"input_type": "textarea", "data_input_type": "x"},
    )
    container = render_field(frontend_app, field, values={"dataIn": "<a>\nb"})
    textarea = container.one("textarea")
    assert textarea.text == "<a>\nb"
    assert textarea.attrs == {
        "class": "qhana-form-input",
        "name": "dataIn",
        "id": "data_in",
        "autocomplete": "off",
        "aria-describedby": "data_in-description",
        "required": None,
    }


def test_a_select(frontend_app: Flask) -> None:
    field = f.String(
        required=True,
        metadata={"input_type": "select", "options": {"A": "<a>", "B": "b"}},
    )
    select = render_field(frontend_app, field, values={"dataIn": "B"}).one("select")
    assert select.attrs == {
        "class": "qhana-form-input",
        "name": "dataIn",
        "id": "data_in",
        "autocomplete": "off",
    }
    assert [(o.attrs, o.text) for o in select.children] == [
        ({"value": "A"}, "<a>"),
        ({"value": "B", "selected": None}, "b"),
    ]


def test_a_text_with_datalist(frontend_app: Flask) -> None:
    field = f.String(
        metadata={
            "input_type": "text_with_datalist",
            "datalist": ["a", "<b>"],
            "data_input_type": "x",
        }
    )
    control, datalist = render_field(frontend_app, field).children[1].children[:2]
    assert control.attrs["type"] == "text"
    assert control.attrs["list"] == "data_in-datalist"
    assert "data-input-type" not in control.attrs
    assert datalist.attrs == {"id": "data_in-datalist"}
    assert [option.attrs["value"] for option in datalist.children] == ["a", "<b>"]


def test_a_text_with_datalist_refers_to_a_list_it_does_not_have(
    frontend_app: Flask,
) -> None:
    field = f.String(metadata={"input_type": "text_with_datalist"})
    container = render_field(frontend_app, field)
    assert container.one("input").attrs["list"] == "data_in-datalist"
    assert container.all("datalist") == []


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (False, "False"), ("", ""), (0.01, "0.01")]
)
def test_only_none_has_no_value(frontend_app: Flask, value: Any, shown: str) -> None:
    container = render_field(frontend_app, f.String(), values={"dataIn": value})
    assert container.one("input").attrs["value"] == shown


def test_unknown_html_types_are_passed_on(frontend_app: Flask) -> None:
    field = f.String(metadata={"input_type": "textfield"})
    assert render_field(frontend_app, field).one("input").attrs["type"] == "textfield"


def test_a_checkbox_has_no_value(frontend_app: Flask) -> None:
    checked = render_field(frontend_app, f.Boolean(), values={"dataIn": "on"})
    unchecked = render_field(frontend_app, f.Boolean(), values={"dataIn": "False"})
    assert "checked" in checked.one("input").attrs
    assert "checked" not in unchecked.one("input").attrs
    assert "value" not in checked.one("input").attrs


def test_a_number_carries_its_limits(frontend_app: Flask) -> None:
    field = f.Integer(validate=ma.validate.Range(min=1, max=5))
    attrs = render_field(frontend_app, field).one("input").attrs
    assert (attrs["step"], attrs["min"], attrs["max"]) == ("1", "1", "5")


def test_an_unsupported_field_shows_its_name_only(frontend_app: Flask) -> None:
    text = render_field(frontend_app, f.List(f.String())).one("p").text
    assert text == "Unsupported field dataIn!"


def test_a_password_of_the_query_is_not_in_the_page(frontend_app: Flask) -> None:
    field = f.String(metadata={"input_type": "password"})
    values = MultiDict({"dataIn": "hunter2"})
    container = render_field(frontend_app, field, values=values, url="/?dataIn=hunter2")
    assert "value" not in container.one("input").attrs


def test_prefill_cannot_leave_its_attribute(frontend_app: Flask) -> None:
    values = {"dataIn": '"><script>alert(1)</script>'}
    container = render_field(frontend_app, f.String(), values=values)
    assert container.all("script") == []
    assert container.one("input").attrs["value"] == values["dataIn"]


def test_fields_may_be_unbound(frontend_app: Flask) -> None:
    field = f.String()
    field.data_key = "name"
    page = parse(render_page(frontend_app, schema=SimpleNamespace(fields={"key": field})))
    assert page.one("input").attrs["id"] == "key"
    assert page.one("input").attrs["name"] == "name"


def test_the_page_with_nothing_but_schema_and_process(frontend_app: Flask) -> None:
    html = render_page(frontend_app)
    assert html.lstrip().startswith("<!doctype html>")
    page = parse(html)
    assert page.one("html").attrs["lang"] == "en"
    assert page.one("body").attrs["class"] == "qhana-body"
    assert page.all("details") == []
    form = page.one("form")
    assert form.attrs == {
        "action": "",
        "method": "post",
        "data-target": "microfrontend",
        "class": "qhana-form",
        "enctype": "multipart/form-data",
    }
    buttons = form.one("div", class_="qhana-form-buttons").children
    assert [(b.text, b.attrs) for b in buttons] == [
        (
            "validate",
            {
                "class": "qhana-form-submit",
                "type": "submit",
                "data-target": "microfrontend",
            },
        ),
        (
            "submit",
            {
                "class": "qhana-form-submit",
                "type": "submit",
                "data-target": "api",
                "formaction": "/process/",
            },
        ),
    ]
    assert page.one("script").attrs == {"src": "/static/microfrontend.js"}


def test_the_done_button(frontend_app: Flask) -> None:
    buttons = parse(render_page(frontend_app, done="/done/")).all("button")
    assert buttons[-1].text == "done"
    assert buttons[-1].attrs["formaction"] == "/done/"


def test_success_is_shown_only_without_errors(frontend_app: Flask) -> None:
    good = render_page(frontend_app, valid=True, errors={})
    bad = render_page(frontend_app, valid=True, errors={"a": ["x"]})
    assert "Validation successful!" in good and "<svg" in good
    assert "Validation successful!" not in bad


def test_errors_of_the_whole_form_are_shown(frontend_app: Flask) -> None:
    page = parse(render_page(frontend_app, errors={"_schema": ["a and b differ"]}))
    assert page.one("p", role="alert").text.strip() == "a and b differ"


def test_help_is_rendered_and_sanitised(frontend_app: Flask) -> None:
    html = render_page(frontend_app, help_text="**hi** <script>alert(1)</script>")
    help_ = parse(html).one("details", class_="qhana-help")
    assert help_.one("strong").text == "hi"
    assert help_.all("script") == []


def test_example_values_alone(frontend_app: Flask) -> None:
    help_ = parse(render_page(frontend_app, example_values="?a=1")).one("details")
    assert [child.tag for child in help_.children] == ["summary", "br", "a"]
    assert help_.one("a").attrs["href"] == "?a=1"


def test_urls_that_run_code_do_not_reach_the_page(frontend_app: Flask) -> None:
    html = render_page(
        frontend_app, process="javascript:x", example_values="javascript:x"
    )
    assert "javascript:" not in html


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{% extends 'simple_template.html' %}{% block content %}"
            "{% call forms.render_form(target='done') %}"
            "{{ forms.submit('check', target='done', method='get') }}"
            "{% endcall %}{% endblock %}",
            'formmethod="get"',
        ),
        (
            "{% import 'forms.html' as forms %}{% extends 'simple_template.html' %}"
            "{% block content %}{{ forms.submit('x', action='/y') }}{% endblock %}",
            'formaction="/y"',
        ),
        (
            "{% extends 'simple_template.html' %}{% block script %}<script>1</script>"
            "{{ super() }}{% endblock %}",
            '<script>1</script>    <script src="/static/microfrontend.js">',
        ),
        (
            "{% extends 'simple_template.html' %}{% block head %}{{ super() }}"
            "<title>mine</title>{% endblock %}",
            "<title>mine</title>",
        ),
    ],
)
def test_child_templates(frontend_app: Flask, source: str, expected: str) -> None:
    env = frontend_app.jinja_env
    env.loader = ChoiceLoader([DictLoader({"child.html": source}), env.loader])
    schema = None if "block content" in source else ma.Schema()
    with frontend_app.test_request_context():
        html = render_template("child.html", schema=schema)
    assert expected in html.replace("\n", "")


def test_german_pages_have_german_buttons(frontend_app: Flask) -> None:
    with frontend_app.test_request_context(headers={"Accept-Language": "de-AT"}):
        page = parse(render_template("simple_template.html", schema=ma.Schema()))
    assert page.one("html").attrs["lang"] == "de"
    assert [b.text for b in page.all("button")] == ["prüfen", "absenden"]

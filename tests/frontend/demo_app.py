"""An app with the runner's templates and pages as plugins write them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Flask, current_app, redirect, render_template, request
from jinja2 import ChoiceLoader, DictLoader

from qhana_plugin_runner import APP_NAME, babel
from qhana_plugin_runner.frontend import forms, markdown

f = ma.fields


def _meta(label: str, input_type: str | None = None, **more: Any) -> dict[str, Any]:
    more.setdefault("description", f"About *{label}*, see <https://example.org/>.")
    if input_type:
        more["input_type"] = input_type
    return {"label": label, **more}


class AllFields(ma.Schema):
    """Every input type and every kind of button."""

    data_url = f.Url(
        required=True,
        data_key="dataUrl",
        metadata=_meta(
            "Data",
            "text",
            data_input_type="entity/list",
            data_content_types=["text/csv", "application/json"],
        ),
    )
    related_url = f.Url(
        data_key="relatedUrl",
        metadata=_meta(
            "Related",
            "text",
            data_input_type="entity/*",
            data_content_types="text/csv",
            related_to="data_url",
            relation="pre",
            related_include_self=True,
        ),
    )
    plugin_url = f.Url(
        data_key="pluginUrl",
        metadata=_meta(
            "Plugin", plugin_tags=["minimizer", "!slow"], plugin_version=">=v1.0.0"
        ),
    )
    plain_text = f.String(data_key="plainText", metadata=_meta("Text"))
    count = f.Integer(validate=ma.validate.Range(min=0, max=9), metadata=_meta("Count"))
    ratio = f.Float(metadata=_meta("Ratio"))
    is_on = f.Boolean(data_key="isOn", metadata=_meta("Switch"))
    choice = f.String(
        metadata=_meta("Choice", "select", options={"A": "First", "B": "Second"})
    )
    story = f.Raw(metadata=_meta("Story"))
    secret = f.String(metadata=_meta("Secret", "password"))
    suggestion = f.String(
        metadata=_meta("Suggestion", "text_with_datalist", datalist=["x", "y"])
    )
    email = f.Email(metadata=_meta("Email"))
    day = f.Date(metadata=_meta("Day"))
    hour = f.Time(metadata=_meta("Hour"))
    moment = f.NaiveDateTime(metadata=_meta("Moment"))
    color = f.String(metadata=_meta("Color", "color"))
    upload = f.Raw(metadata=_meta("Upload", "file"))
    unknown_type = f.String(
        data_key="unknownType", metadata=_meta("Unknown", "textfield")
    )
    search = f.String(metadata=_meta("Search", "search"))
    values = f.List(f.String(), metadata=_meta("List"))


class SmallForm(ma.Schema):
    """A text with a limit that only the server knows."""

    input_str = f.String(
        required=True,
        data_key="inputStr",
        validate=ma.validate.NoneOf(["bad"], error="Invalid value."),
    )
    secret = f.String(metadata={"input_type": "password"})


CHILD = "{% extends 'simple_template.html' %}"
NO_FORM = CHILD + "{% block content %}<h1>x</h1>{% endblock %}"

PAGES = {
    "in_head.html": "<script src='/static/microfrontend.js'></script>",
    "twice.html": CHILD + "{% block script %}{{ super() }}{{ super() }}{% endblock %}",
    "hooks.html": CHILD
    + """{% block script %}{{ super() }}<script>
        const state = window._qhana_microfrontend_state, form = 1, sendHeight = 2;
        let hostOrigin = 3, currentState = 4, onMessage = 5, privateNames = 6;
        window.log = [];
        state.formSubmitHandler = (event, dataInputs, privateInputs) => {
            log.push([event.type, [...dataInputs], [...privateInputs]]);
            if (window.handle) event.preventDefault();
            return window.handle;
        };
        state.messageHandler = (event) => {
            log.push(event.data);
            return event.data?.inputKey === "mine";
        };
    </script>{% endblock %}""",
    "full.html": CHILD
    + """{% block script %}{{ super() }}<script>
        if (window._qhana_microfrontend_state != null)
            window._qhana_microfrontend_state.targetHeight = "full";
    </script>{% endblock %}""",
    "own_buttons.html": CHILD
    + """{% block content %}{{ super() }}
        <button class="qhana-choose-file-button" data-input-id="q" id="outside">q</button>
        {% endblock %}
        {% block script %}{{ super() }}<script>
        const late = document.createElement("button");
        late.className = "qhana-choose-file-button";
        late.id = "late";
        late.type = "button";
        document.querySelector(".qhana-form").append(late);
    </script>{% endblock %}""",
    "free_target.html": CHILD
    + """{% block content %}
        {% call forms.render_form(action="/nowhere", target="done") %}
        {{ forms.submit("check", target="check") }}{% endcall %}{% endblock %}
        {% block script %}{{ super() }}<script>
        document.forms[0].addEventListener("submit", (e) => {
            window.prevented = e.defaultPrevented; e.preventDefault();
        });
    </script>{% endblock %}""",
    "clobbered.html": CHILD
    + """{% block content %}
        {% call forms.render_form(action="/process/ok", target="api") %}
        <input name="action" value="1"><input name="method" value="2">
        <input name="12" value="3" data-private>
        <textarea name="notes" data-private>hidden</textarea>
        {{ forms.submit("go", target="api") }}{% endcall %}{% endblock %}""",
    "details.html": CHILD
    + """{% block content %}<details id="more"><summary>more</summary>
        <div style="height: 900px">x</div></details>{% endblock %}""",
    "groups.html": CHILD
    + """{% block content %}{% call forms.render_form() %}
        <input type="radio" name="size" value="s" checked>
        <input type="radio" name="size" value="l">
        <input type="checkbox" name="tags" value="a" checked>
        <input type="checkbox" name="tags" value="b">
        <input type="checkbox" name="alone" checked>
        <select name="many" multiple><option>1<option>2<option>3</select>
        <input name="a.b c"><input name="list">
        {% endcall %}{% endblock %}""",
}


def process(kind: str) -> Any:
    """Answer like the processing endpoint of a plugin; ``kind`` says how."""
    current_app.config["POSTED"].append(
        {
            "method": request.method,
            "query": request.args.to_dict(),
            "form": request.form.to_dict(),
            "files": {name: file.filename for name, file in request.files.items()},
        }
    )
    errors = {"form": {"inputStr": ["Not <allowed>."]}}
    answers: dict[str, Any] = {
        "ok": redirect("/tasks/1/", 303),
        "invalid": (
            {"code": 422, "status": "Unprocessable Entity", "errors": errors},
            422,
        ),
        "created": ({"status": "PENDING", "log": "", "outputs": []}, 201),
        "accepted": ({"queued": True}, 202),
        "broken": ("<h1>broken</h1>", 500),
    }
    return answers[kind]


def create_demo_app() -> Flask:
    """Build the app; ``/process/<kind>`` answers in all ways that a plugin can."""
    app = Flask(APP_NAME)
    for part in (babel, forms, markdown):
        part.init_app(app)
    app.jinja_env.loader = ChoiceLoader([app.jinja_env.loader, DictLoader(PAGES)])
    app.config["POSTED"] = []

    def page(template: str) -> str:
        return render_template(
            template,
            name="demo",
            version="v1",
            schema=SmallForm(),
            values=request.args,
            errors={},
            process=request.args.get("process", "/process/ok?kept=1"),
        )

    @app.get("/pages/<name>")
    def show_page(name: str) -> str:
        return page(f"{name}.html")

    @app.route("/ui/", methods=["GET", "POST"])
    def ui() -> str:
        schema = SmallForm(partial=True)
        errors = schema.validate(request.form)
        return render_template(
            "simple_template.html",
            name="demo",
            schema=schema,
            values=request.form if request.method == "POST" else request.args,
            errors=errors,
            valid=request.method == "POST" and not errors,
            process=request.args.get("process", "/process/ok?kept=1"),
        )

    @app.get("/all/")
    def all_fields() -> str:
        errors = {"plainText": ["Too short."], "count": ["Not a number.", "Bad."]}
        return render_template(
            "simple_template.html",
            name="demo",
            version="v1",
            schema=AllFields(),
            values=request.args,
            errors=errors if "errors" in request.args else {},
            process=request.args.get("process", "/process/ok"),
            help_text="Some **help**.",
            example_values="?count=3",
            valid="valid" in request.args,
        )

    app.add_url_rule("/process/<kind>", view_func=process, methods=["GET", "POST", "PUT"])

    @app.get("/tasks/1/")
    def task() -> dict[str, Any]:
        return {"status": "PENDING", "log": "", "outputs": [], "links": []}

    return app

"""The Markdown filter: what it renders and what it refuses."""

from __future__ import annotations

import pytest
from flask import Flask, render_template_string
from hypothesis import given
from hypothesis import strategies as st

from qhana_plugin_runner.frontend import markdown
from qhana_plugin_runner.frontend.markdown import render_markdown


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("**b** *i* `c`", "<p><strong>b</strong> <em>i</em> <code>c</code></p>"),
        ("~~old~~", "<del>old</del>"),
        ("see https://example.org/x", '<a href="https://example.org/x">'),
        ("a<br>b", "<p>a<br>b</p>"),
        ("|a|b|\n|-|-|\n|1|2|", "<td>2</td>"),
        ("note[^1]\n\n[^1]: text", '<li id="fn-1">'),
        ("```python\nx\n```", '<code class="language-python">'),
        ('<code class="example">x</code>', '<code class="example">x</code>'),
        ("# title", "<h1>title</h1>"),
        ("![alt](x.png)", '<img src="x.png" alt="alt">'),
        ("[x](./y?a=1&b=2)", '<a href="./y?a=1&amp;b=2">'),
        ("[x](javascript:alert)", 'href="#harmful-link"'),
    ],
)
def test_rendered(source: str, html: str) -> None:
    assert html in render_markdown(source)


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_stays_nothing(nothing: str | None) -> None:
    assert render_markdown(nothing) == ""


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<a href='java\nscript:alert(1)'>x</a>",
        "<iframe src='https://example.org'></iframe>",
        "<form action='/x'><input></form>",
        "<style>body {display: none}</style>",
        "<a href='data:text/html,alert(1)'>x</a>",
        "<img src='data:image/svg+xml,alert(1)'>",
        "<td style='background: url(alert)'>",
        "<b id='data_in' class='qhana-form'>alert</b>",
    ],
)
def test_active_content_is_dropped(source: str) -> None:
    html = render_markdown(f"text\n\n{source}\n\n{source} text")
    for forbidden in (
        "<script",
        "onerror",
        "<svg",
        "script:",
        "<iframe",
        "<form",
        "<style",
        "data:",
        "style=",
        "id=",
        "class=",
    ):
        assert forbidden not in html


@given(st.text())
def test_any_text_renders_without_script(text: str) -> None:
    assert "<script" not in render_markdown(text).lower()


def test_the_filter_returns_plain_strings(frontend_app: Flask) -> None:
    with frontend_app.app_context():
        escaped = render_template_string("{{ '*x*' | markdown }}")
    assert escaped == "&lt;p&gt;&lt;em&gt;x&lt;/em&gt;&lt;/p&gt;\n"


def test_a_filter_of_the_instance_wins() -> None:
    app = Flask(__name__)
    app.jinja_env.filters["markdown"] = str.upper
    markdown.init_app(app)
    assert app.jinja_env.filters["markdown"]("x") == "X"

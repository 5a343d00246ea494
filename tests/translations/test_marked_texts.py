# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""No text that the runner shows to people is left unmarked for translation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qhana_plugin_runner import errors
from runner_process import ROOT

PACKAGE = ROOT / "qhana_plugin_runner"
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))

# Names, and words that are the same in every language.
NAMES = {"QHAna", "→"}
SPOKEN_ATTRIBUTES = {"title", "alt", "placeholder", "aria-label"}

# Errors that a task meets, or an operator: they end up in the log of the task or of the
# server, which are English.
NOT_SHOWN = (
    errors.FetchError,
    errors.TableError,
    errors.EntityFormatError,
    errors.NotFoundError,
    errors.StoreWriteError,
    errors.AccessTokenError,
    errors.StoreUnavailableError,
    errors.InvalidFileNameError,
    errors.InvalidFileContentError,
    errors.DatabaseUnavailableError,
)


class Texts(HTMLParser):
    """Collects what a template shows, without what Jinja puts in."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style", "code")
        spoken = [value for name, value in attrs if name in SPOKEN_ATTRIBUTES and value]
        self.found += filter(_is_prose, spoken)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style", "code")

    def handle_data(self, data: str) -> None:
        if not self._silent and _is_prose(data):
            self.found.append(data.strip())


def _is_prose(text: str) -> bool:
    words = re.findall(r"[^\W\d_]{2,}", text)
    return bool(set(words) - NAMES)


def shown_texts(template: str) -> list[str]:
    bare = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template, flags=re.DOTALL)
    parser = Texts()
    parser.feed(bare)
    return parser.found


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>{{ _('Hello') }}</p>", []),
        ("<p>Hello</p>", ["Hello"]),
        ("<p title='Hello'>{% if a %}–{% endif %}</p>", ["Hello"]),
        ("<code>flask run</code><script>let a;</script>", []),
    ],
)
def test_the_rule_about_templates_knows_what_it_looks_for(
    template: str, found: list[str]
) -> None:
    assert shown_texts(template) == found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_texts_of_templates_are_marked(path: Path) -> None:
    assert shown_texts(path.read_text(encoding="utf-8")) == []


def unmarked(tree: ast.AST) -> Iterator[int]:
    """Yield the lines with a message for clients that is no call of gettext."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "message" and _is_literal(keyword.value):
                    yield node.lineno
            if _name(node.func) == "ValidationError" and _is_literal_first(node):
                yield node.lineno
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            error = getattr(errors, _name(node.exc.func), None)
            if _is_shown(error) and _is_literal_first(node.exc):
                yield node.lineno


def _is_shown(error: object) -> bool:
    return (
        isinstance(error, type)
        and issubclass(error, errors.QHAnaError)
        and error.http_status != 500
        and not issubclass(error, NOT_SHOWN)
    )


def _is_literal_first(call: ast.Call) -> bool:
    return bool(call.args) and _is_literal(call.args[0])


def _is_literal(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _name(node: ast.AST) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('abort(404, message="No.")', [1]),
        ('abort(404, message=gettext("No."))', []),
        ('raise ValidationError(f"No {x}.")', [1]),
        ('raise errors.TooManyListenersError("No.")', [1]),
        ('raise PluginLoadError("No.")', []),
    ],
)
def test_the_rule_about_code_knows_what_it_looks_for(code: str, found: list[int]) -> None:
    assert list(unmarked(ast.parse(code))) == found


def test_messages_for_clients_are_marked() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if "scaffold" not in path.parts:
            for line in unmarked(ast.parse(path.read_text(encoding="utf-8"))):
                found.append(f"{path.relative_to(ROOT)}:{line}")
    assert found == []


def test_every_phrase_of_an_error_page_can_be_translated() -> None:
    from werkzeug.exceptions import default_exceptions

    from qhana_plugin_runner.api.error_answers import _PHRASES

    usual = {400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414, 415, 416, 422}
    usual |= {429, 500, 502, 503, 504}
    names = {default_exceptions[code]().name for code in usual}
    assert names <= set(_PHRASES)

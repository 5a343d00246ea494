# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ``markdown`` filter of templates: rendered with mistune, sanitised with nh3.

Help texts and field descriptions are often data (names of workflow inputs, definitions
of REST connectors), so the HTML that leaves this module is limited to an allow-list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

import mistune
import nh3
from flask import Flask

_RENDER = cast(
    Callable[[str], str],
    mistune.create_markdown(
        escape=False, plugins=["strikethrough", "footnotes", "table", "url"]
    ),
)

# fmt: off
ALLOWED_TAGS = frozenset([
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details",
    "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s",
    "samp", "section", "small", "span", "strong", "sub", "summary", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
])
# fmt: on

ALLOWED_ATTRIBUTES = {
    "*": {"title", "lang", "dir"},
    "a": {"href", "id", "class"},
    "code": {"class"},
    "details": {"open"},
    "img": {"src", "alt", "width", "height"},
    "li": {"id"},
    "ol": {"start"},
    "section": {"class"},
    "sup": {"id", "class"},
    "td": {"align", "colspan", "rowspan", "style"},
    "th": {"align", "colspan", "rowspan", "scope", "style"},
}

# Ids and classes that the footnote and table syntax produces; any other id could take
# the place of a form field that a plugin's script looks up.
_FOOTNOTE_ID = re.compile(r"fn(ref)?-[\w-]+")
_FOOTNOTE_CLASSES = {"footnote", "footnote-ref", "footnotes"}
_CELL_ALIGNMENT = re.compile(r"text-align:\s*(left|center|right);?")
_DATA_IMAGE = re.compile(r"data:image/(png|gif|jpeg|webp);base64,", re.IGNORECASE)


def _filter_attribute(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "id":
        return value if _FOOTNOTE_ID.fullmatch(value) else None
    if attribute == "class" and tag != "code":
        return value if value in _FOOTNOTE_CLASSES else None
    if attribute == "style":
        return value if _CELL_ALIGNMENT.fullmatch(value) else None
    if attribute in ("href", "src") and value.lstrip().lower().startswith("data:"):
        return value if tag == "img" and _DATA_IMAGE.match(value) else None
    return value


def render_markdown(text: str | None) -> str:
    """Turn Markdown into HTML that is safe to show.

    Links to ``javascript:`` URLs become ``#harmful-link``; tags and attributes outside
    the allow-list are dropped, scripts and styles together with their content.

    Args:
        text: Markdown with strikethrough, footnotes, tables and bare URLs; ``None`` is
            treated like the empty string, other objects like their ``str()``.

    Returns:
        HTML, as plain ``str``: templates use it inside ``{% autoescape false %}``.
    """
    if text is None or text == "":
        return ""
    return nh3.clean(
        _RENDER(str(text)),
        tags=set(ALLOWED_TAGS),
        attributes=ALLOWED_ATTRIBUTES,
        attribute_filter=_filter_attribute,
        link_rel=None,
        url_schemes={"http", "https", "mailto", "data"},
    )


def init_app(app: Flask) -> None:
    """Register the filter, unless a plugin or the instance brought its own."""
    app.jinja_env.filters.setdefault("markdown", render_markdown)

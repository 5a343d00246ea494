"""The runner's own pages: index, errors, licences, debug pages."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from jinja2 import TemplateSyntaxError
from playwright.sync_api import ConsoleMessage, Page

from frontend.html_elements import Element, parse
from frontend.page_app import create_page_app
from qhana_plugin_runner.frontend import pages
from qhana_plugin_runner.frontend.licenses import installed_licenses


def get(app: Flask, path: str, **headers: str) -> Element:
    response = app.test_client().get(path, headers=headers)
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    return parse(response.text)


def cards(page: Element) -> dict[str, Element]:
    found = page.all("li", class_="plugin-card")
    return {card.one("h2").text.split(" v1")[0]: card for card in found}


def test_a_card_shows_the_metadata(page_app: Flask) -> None:
    card = cards(get(page_app, "/"))["Good <plugin>"]
    assert card.one("p", class_="plugin-type plugin-type-processing").text == "processing"
    assert card.one("strong").text == "good"
    assert [tag.text for tag in card.one("ul").children] == ["demo"]
    links = {link.text: link.attrs["href"] for link in card.all("a")}
    assert links["Open"] == "/plugins/pages-good@v1-0-0/ui/"
    assert links["Metadata"] == "/plugins/pages-good@v1-0-0/"
    assert links["Debug"].startswith("/debug/frontend-debugger?url=/plugins/pages-good")


@pytest.mark.parametrize("name", ["pages-failing", "pages-odd"])
def test_plugins_without_usable_metadata_are_shown(page_app: Flask, name: str) -> None:
    card = cards(get(page_app, "/"))[name]
    assert card.one("em").text == "pages"
    assert card.all("script") == []
    assert [tag.text for tag in card.one("ul").children] == ["from-class"]
    assert [link.text for link in card.all("a")] == ["Metadata"]


def test_links_that_run_code_are_not_shown(page_app: Flask) -> None:
    card = cards(get(page_app, "/"))["Evil"]
    assert [link.text for link in card.all("a")] == ["Metadata"]


def test_failed_plugins_are_shown_with_their_reason(page_app: Flask) -> None:
    failures = get(page_app, "/").one("section", class_="runner-failures")
    assert failures.one("dt").text == "pages_broken"
    assert "No module named 'nothing_of_that_name'" in failures.one("dd").text


def test_the_metadata_is_asked_for_once_a_minute(page_app: Flask) -> None:
    get(page_app, "/")
    plugin = sys.modules["pages_good"].Plugin
    before = plugin.calls
    get(page_app, "/")
    assert plugin.calls == before


def test_the_index_is_translated(page_app: Flask) -> None:
    page = get(page_app, "/", **{"Accept-Language": "de"})
    assert page.one("html").attrs["lang"] == "de"
    assert "Plugins, die nicht benutzt werden können" in page.one("section").text


def test_the_index_works_below_a_prefix(page_app: Flask) -> None:
    response = page_app.test_client().get("/", base_url="http://localhost/runner/")
    card = cards(parse(response.text))["Good <plugin>"]
    assert card.all("a")[0].attrs["href"] == "/runner/plugins/pages-good@v1-0-0/ui/"


def test_the_error_page(page_app: Flask) -> None:
    with page_app.test_request_context():
        page = parse(pages.render_error_page(404, "Not Found", "No task <7>."))
    assert page.one("h1").text == "404 Not Found"
    assert "No task <7>." in [p.text for p in page.all("p")]


def test_the_licences_of_all_packages(page_app: Flask) -> None:
    rows = get(page_app, "/licenses/").one("tbody").children
    table = {row.children[0].text: [cell.text for cell in row.children] for row in rows}
    assert "BSD" in table["Flask"][2]
    assert len(table) == len(installed_licenses()) > 20


def test_the_text_of_a_licence(page_app: Flask) -> None:
    response = page_app.test_client().get("/licenses/Flask/")
    assert response.mimetype == "text/plain"
    assert "Redistribution and use" in response.text


@pytest.mark.parametrize("name", ["nothing-of-that-name", "..", "%2e%2e%2fetc"])
def test_unknown_packages_have_no_licence(page_app: Flask, name: str) -> None:
    assert page_app.test_client().get(f"/licenses/{name}/").status_code == 404


@pytest.mark.parametrize("path", ["/debug/", "/debug/index"])
def test_the_debug_index(page_app: Flask, path: str) -> None:
    links = [link.attrs["href"] for link in get(page_app, path).one("main").all("a")]
    assert links == ["/debug/frontend-debugger", "/debug/routes"]


def test_all_routes_are_listed(page_app: Flask) -> None:
    rows = get(page_app, "/debug/routes").one("tbody").children
    routes = {tuple(cell.text for cell in row.children) for row in rows}
    assert ("/debug/routes", "GET, HEAD, OPTIONS", "debug-routes.routes") in routes
    assert len(routes) == len(list(page_app.url_map.iter_rules()))


def test_the_debugger_offers_all_pages_of_plugins(page_app: Flask) -> None:
    options = get(page_app, "/debug/frontend-debugger").one("select", id="route").children
    paths = {option.text for option in options}
    assert "/plugins/pages-good@v1-0-0/ui/" in paths
    assert "/plugins/pages-good@v1-0-0/<int:db_id>/step-ui/" in paths
    assert "/plugins/pages-good@v1-0-0/" not in paths
    assert "/plugins/pages-good@v1-0-0/process/" not in paths


def test_without_debug_mode_there_are_no_debug_pages(tmp_path: Path) -> None:
    app = create_page_app(tmp_path, debug=False)
    assert not [r for r in app.url_map.iter_rules() if r.rule.startswith("/debug")]
    assert app.test_client().get("/debug/").status_code == 404


@pytest.mark.parametrize("debug", [True, False])
def test_templates_can_show_their_variables_in_debug_mode_only(
    tmp_path: Path, debug: bool
) -> None:
    app = create_page_app(tmp_path, debug=debug)
    with app.test_request_context():
        if debug:
            shown = html.unescape(render_template_string("{% debug %}", here=7))
            assert "'here': 7" in shown
        else:
            with pytest.raises(TemplateSyntaxError):
                render_template_string("{% debug %}")


OWN_PAGES = ["/", "/licenses/", "/debug/", "/debug/routes", "/debug/frontend-debugger"]


@pytest.mark.parametrize("path", OWN_PAGES)
def test_pages_run_scripts_and_styles_of_their_own_only(
    page: Page, pages_url: str, path: str
) -> None:
    refused: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            refused.append(message.text)

    page.on("console", note)
    answer = page.goto(pages_url + path)
    page.remove_listener("console", note)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self';" in policy
    assert refused == []
    assert page.evaluate("document.styleSheets.length") > 0


def test_plugins_are_denied_devices_but_no_scripts(page_app: Flask) -> None:
    headers = page_app.test_client().get("/plugins/pages-good@v1-0-0/ui/").headers
    assert "Content-Security-Policy" not in headers
    assert "camera=(), " in headers["Permissions-Policy"]
    assert "fullscreen" not in headers["Permissions-Policy"]


@pytest.mark.parametrize("path", OWN_PAGES)
def test_pages_work_under_a_strict_content_security_policy(
    page_app: Flask, path: str
) -> None:
    page = get(page_app, path)
    assert [script for script in page.all("script") if "src" not in script.attrs] == []
    assert page.all("style") == []
    html = page_app.test_client().get(path).text
    assert re.search(r"<[^>]+\s(style|on\w+)=", html) is None
    assert re.search(r'(src|stylesheet" href)="https?:', html) is None
